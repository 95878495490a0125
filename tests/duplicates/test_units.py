from __future__ import annotations

import pytest

from sidecar.duplicates.units import Copy, contents_of, units_of
from tests.builders import asset_id
from tests.duplicates.pictures import digest, make_copy, numbered, sha1_of


def test_a_stack_is_one_unit_with_its_primary_first() -> None:
    copies = [
        make_copy(1, stack="s", size_bytes=10),
        make_copy(2, stack="s", is_primary=True, size_bytes=20),
        make_copy(3, size_bytes=5),
    ]
    units = units_of(copies)
    assert [[numbered(copy.id) for copy in unit.copies] for unit in units.values()] == [[3], [2, 1]]
    assert [(unit.face.id, unit.size_bytes) for unit in units.values()] == [(asset_id(3), 5), (asset_id(2), 30)]


def test_of_a_stack_whose_primary_is_not_known_the_first_is_seen() -> None:
    unit = units_of([make_copy(2, stack="s"), make_copy(1, stack="s")])["s"]
    assert (unit.face.id, unit.face.is_face) == (asset_id(1), False)


def test_a_file_whose_size_is_not_known_counts_as_empty() -> None:
    assert make_copy(1, size_bytes=None).size_bytes == 0


@pytest.mark.parametrize(
    ("copies", "same"),
    [
        pytest.param([make_copy(1, bytes_="x"), make_copy(2, bytes_="x", library="L")], [{1, 2}], id="both read"),
        pytest.param([make_copy(1, bytes_="x"), make_copy(2, bytes_="y", library="L")], [{1}, {2}], id="other bytes"),
        pytest.param([make_copy(1), make_copy(2, library="L")], [{1}], id="a library's checksum is of its path"),
        pytest.param(
            [make_copy(1, bytes_="", size_bytes=0), make_copy(2, bytes_="", size_bytes=0)], [], id="empty files"
        ),
    ],
)
def test_the_same_bytes_have_the_same_name(copies: list[Copy], same: list[set[int]]) -> None:
    assert named(copies) == same


def unread(number: int, content: str) -> Copy:
    """An upload of which only Immich's own SHA-1 is known."""
    copy = make_copy(number, bytes_=content)
    return Copy(copy.asset, copy.original, copy.unit_id)


def test_immich_s_own_sha1_of_an_upload_is_enough() -> None:
    copies = [unread(1, "x"), make_copy(2, bytes_="x", library="L"), unread(3, "y")]
    assert named(copies) == [{1, 2}, {3}]
    assert contents_of(copies)[asset_id(1)] == digest("x")
    assert contents_of(copies)[asset_id(3)] == sha1_of("y")


def test_a_forged_sha1_makes_nothing_equal() -> None:
    forged = make_copy(3, bytes_="y", library="L")
    forged = Copy(forged.asset, forged.original, forged.unit_id, sha1=sha1_of("x"), sha256=digest("y"))
    assert named([unread(1, "x"), make_copy(2, bytes_="x", library="L"), forged]) == [{1}, {2}, {3}]


def named(copies: list[Copy]) -> list[set[int]]:
    found: dict[str, set[int]] = {}
    for each, content in contents_of(copies).items():
        found.setdefault(content, set()).add(numbered(each))
    return sorted(found.values(), key=min)
