from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.duplicates.files import END_BYTES, SMALL_BYTES, Known, ToRead, identical, to_read
from sidecar.model import AssetId
from tests.builders import asset_id

LARGE = SMALL_BYTES + 1
A, B, C, D = map(asset_id, range(1, 5))


def known(number: AssetId, *, size: int = LARGE, upload: bool = False, **facts: object) -> Known:
    return replace(Known(number, size, upload), **facts)  # type: ignore[arg-type]  # names are checked by replace


@pytest.mark.parametrize(
    ("files", "ends", "whole"),
    [
        pytest.param([], (), (), id="nothing"),
        pytest.param([known(A)], (), (), id="a size of its own"),
        pytest.param([known(A), known(B, size=LARGE + 1)], (), (), id="two sizes"),
        pytest.param([known(A), known(B)], (A, B), (), id="one size: the ends"),
        pytest.param([known(A, ends="1"), known(B)], (B,), (), id="only the ends that are not known"),
        pytest.param([known(A, ends="1"), known(B, ends="2")], (), (), id="other ends"),
        pytest.param([known(A, ends="1"), known(B, ends="1")], (), (A, B), id="the same ends: the whole"),
        pytest.param(
            [known(A, ends="1", sha1="s", sha256="x"), known(B, ends="1")], (), (B,), id="only what was not read whole"
        ),
        pytest.param(
            [known(A, ends="1", sha1="s", sha256="x"), known(B, ends="1", sha1="s", sha256="x")], (), (), id="all read"
        ),
        pytest.param([known(A, size=SMALL_BYTES), known(B, size=SMALL_BYTES)], (), (A, B), id="small ones at once"),
        pytest.param([known(A, size=0), known(B, size=0)], (), (), id="files of nothing"),
        pytest.param([known(A, upload=True, sha1="s"), known(B, upload=True, sha1="t")], (), (), id="uploads alone"),
        pytest.param([known(A, upload=True, sha1="s"), known(B)], (A, B), (), id="an upload and a library's file"),
        pytest.param(
            [known(A, upload=True, sha1="s", ends="1"), known(B, ends="1")], (), (B,), id="the library's file first"
        ),
        pytest.param(
            [known(A, upload=True, sha1="s", ends="1"), known(B, ends="1", sha1="t", sha256="x")],
            (),
            (),
            id="an upload of another SHA-1 is not read",
        ),
        pytest.param(
            [known(A, upload=True, sha1="s"), known(B, ends="1", sha1="s", sha256="x")],
            (),
            (A,),
            id="an upload of its SHA-1 confirms, its ends are not asked for",
        ),
        pytest.param(
            [known(A, size=9, upload=True, sha1="s"), known(B, size=9)], (), (B,), id="a small upload waits for a SHA-1"
        ),
        pytest.param(
            [known(A, is_readable=False), known(B)], (), (), id="one that cannot be read is no reason to read others"
        ),
        pytest.param(
            [known(A, ends="1", is_readable=False), known(B, ends="1"), known(C)],
            (C,),
            (),
            id="nor if its ends are known",
        ),
        pytest.param(
            [known(A, ends="1", sha1="s", sha256="x", is_readable=False), known(B)],
            (B,),
            (),
            id="one that was read counts, whatever has happened to it since",
        ),
    ],
)
def test_what_is_read_next(files: list[Known], ends: tuple[AssetId, ...], whole: tuple[AssetId, ...]) -> None:
    asked = to_read(files)
    assert asked == ToRead(ends, whole)
    assert asked.is_nothing is (not ends and not whole)
    assert to_read(reversed(files)) == asked


def test_a_file_without_a_middle_is_small() -> None:
    assert SMALL_BYTES == 2 * END_BYTES


def test_only_whole_files_of_one_size_are_called_identical() -> None:
    files = [
        known(C, sha256="x", ends="1", sha1="s"),
        known(A, sha256="x", ends="1", sha1="s"),
        known(B, sha256="y", ends="1", sha1="s"),
        known(D, ends="1", sha1="s"),
        known(asset_id(5), size=0, sha256="e"),
        known(asset_id(6), size=0, sha256="e"),
    ]
    assert identical(files) == [(A, C)]


# A file is (size, ends, middle, whether it is an upload); uploads of one owner never are the same.
FILES = st.lists(
    st.tuples(st.sampled_from([0, 9, LARGE, LARGE + 1]), st.sampled_from("ab"), st.sampled_from("xyz"), st.booleans()),
    max_size=14,
)


def unique_uploads(files: list[tuple[int, str, str, bool]]) -> dict[AssetId, tuple[int, str, str, bool]]:
    seen: set[tuple[int, str, str]] = set()
    kept = []
    for file in files:
        if not file[3] or file[:3] not in seen:
            kept.append(file)
        if file[3]:
            seen.add(file[:3])
    return {asset_id(number): file for number, file in enumerate(kept, 1)}


def start(library: dict[AssetId, tuple[int, str, str, bool]]) -> dict[AssetId, Known]:
    return {
        number: Known(number, size, is_upload, sha1=f"sha1 {size}{ends}{middle}" if is_upload else None)
        for number, (size, ends, middle, is_upload) in library.items()
    }


def read_all(
    library: dict[AssetId, tuple[int, str, str, bool]], unreadable: frozenset[AssetId] = frozenset()
) -> tuple[dict[AssetId, Known], Counter[AssetId], Counter[AssetId]]:
    state = start(library)
    ends_read: Counter[AssetId] = Counter()
    whole_read: Counter[AssetId] = Counter()
    while not (asked := to_read(state.values())).is_nothing:
        for number in (*asked.ends, *asked.whole):
            size, ends, middle, _ = library[number]
            content = f"{size}{ends}{middle}"
            if number in unreadable:
                state[number] = replace(state[number], is_readable=False)
            elif number in asked.ends:
                state[number] = replace(state[number], ends=ends)
            else:
                state[number] = replace(state[number], ends=ends, sha1=f"sha1 {content}", sha256=content)
        ends_read.update(asked.ends)
        whole_read.update(asked.whole)
    return state, ends_read, whole_read


@given(FILES)
def test_in_the_end_exactly_the_copies_are_found_and_nothing_is_read_twice_or_in_vain(
    files: list[tuple[int, str, str, bool]],
) -> None:
    library = unique_uploads(files)
    state, ends_read, whole_read = read_all(library)

    copies: dict[tuple[int, str, str], list[AssetId]] = {}
    for number, file in library.items():
        copies.setdefault(file[:3], []).append(number)
    assert identical(state.values()) == sorted(
        tuple(sorted(ids)) for (size, _, _), ids in copies.items() if size and len(ids) > 1
    )

    assert max((ends_read + whole_read).values(), default=0) <= 2
    assert set(ends_read.values()) | set(whole_read.values()) <= {1}
    for number in ends_read | whole_read:
        size, ends, middle, is_upload = library[number]
        others = [other for key, other in library.items() if key != number and other[0] == size]
        assert any(not other[3] for other in others) or (not is_upload and others)
        if number in whole_read and size > SMALL_BYTES:
            assert any(other[1] == ends for other in others)
        if number in whole_read and is_upload:
            assert any(other[:3] == (size, ends, middle) and not other[3] for other in others)


@given(FILES, st.frozensets(st.integers(1, 14)))
def test_files_that_cannot_be_read_end_the_asking_and_hide_no_other_copies(
    files: list[tuple[int, str, str, bool]], numbers: frozenset[int]
) -> None:
    library = unique_uploads(files)
    unreadable = frozenset(map(asset_id, numbers))
    state, _, whole_read = read_all(library, unreadable)
    rest = {number: file for number, file in library.items() if number not in unreadable}
    assert identical(state.values()) == identical(read_all(rest)[0].values())
    assert max(whole_read.values(), default=0) <= 1


def test_ten_thousand_equal_files_are_read_once_each() -> None:
    library = {asset_id(number): (LARGE, "a", "x", False) for number in range(1, 10_001)}
    state, ends_read, whole_read = read_all(library)
    assert len(ends_read) == len(whole_read) == ends_read.total() == whole_read.total() == 10_000
    assert [len(group) for group in identical(state.values())] == [10_000]
