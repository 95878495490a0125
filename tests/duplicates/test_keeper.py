from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.duplicates.keeper import DEFAULT_ORDER, KeeperRule, Preference, choose_keeper, is_below
from sidecar.duplicates.units import Copy, units_of
from sidecar.formats import Format
from tests.duplicates.pictures import make_copy, numbered

PLACES = ("/photos", "L2", "upload")


def chosen(*copies: Copy, preference: Preference | None = None) -> tuple[int, KeeperRule | None]:
    choice = choose_keeper(units_of(copies).values(), preference or Preference(places=PLACES))
    return numbered(choice.best.face.id), choice.rule


@pytest.mark.parametrize(
    ("better", "worse", "rule"),
    [
        pytest.param({"favorite": True}, {"albums": 3}, KeeperRule.FAVORITE, id="a favourite"),
        pytest.param({"albums": 2}, {"albums": 1, "library": "L2"}, KeeperRule.ALBUMS, id="more albums"),
        pytest.param({"library": "L1", "path": "/photos/a.jpg"}, {"library": "L2"}, KeeperRule.LIBRARY, id="a folder"),
        pytest.param({"library": "L2"}, {}, KeeperRule.LIBRARY, id="a library before uploads"),
        pytest.param({}, {"library": "L9", "name": "a.dng"}, KeeperRule.LIBRARY, id="uploads before the rest"),
        pytest.param(
            {}, {"library": "L9", "path": "/photos-old/a.jpg"}, KeeperRule.LIBRARY, id="a folder's name is whole"
        ),
        pytest.param({"name": "a.dng"}, {"width": 9000}, KeeperRule.FORMAT, id="a RAW"),
        pytest.param({"content": Format.RAW}, {"width": 9000}, KeeperRule.FORMAT, id="a RAW by its bytes"),
        pytest.param({"width": 7000}, {"size_bytes": 9_000_000}, KeeperRule.RESOLUTION, id="more pixels"),
        pytest.param({}, {"width": None}, KeeperRule.RESOLUTION, id="unknown pixels"),
        pytest.param(
            {"name": "a.heic"},
            {"make": None, "model": None, "size_bytes": 9_000_000},
            KeeperRule.ORIGINAL,
            id="a conversion forgot the camera",
        ),
        pytest.param({"name": "a.jpg"}, {"name": "a.png"}, KeeperRule.ORIGINAL, id="cameras write no PNG"),
        pytest.param({"name": "a.webp"}, {"name": "a.xyz"}, KeeperRule.ORIGINAL, id="a format that is listed"),
        pytest.param({"size_bytes": 9_000_000}, {"at_s": -5}, KeeperRule.SIZE, id="a larger file"),
        pytest.param({"at_s": -5}, {"modified_at_ms": 1}, KeeperRule.EARLIEST, id="taken earlier"),
        pytest.param({"modified_at_ms": 1}, {}, KeeperRule.EARLIEST, id="written earlier"),
        pytest.param({}, {}, None, id="nothing but the id"),
    ],
)
def test_rules_decide_in_their_order(
    better: dict[str, object], worse: dict[str, object], rule: KeeperRule | None
) -> None:
    # The one with the larger id wins, unless nothing but the id is left.
    first, second = (1, 2) if rule is None else (2, 1)
    assert chosen(make_copy(first, **better), make_copy(second, **worse)) == (first, rule)  # type: ignore[arg-type]


def test_more_versions_in_its_stack_count() -> None:
    stack = [make_copy(3, stack="s", is_primary=True), make_copy(4, stack="s")]
    assert chosen(make_copy(1), *stack) == (3, KeeperRule.STACK)


def test_a_raw_in_the_stack_counts_for_its_cover() -> None:
    with_raw = [make_copy(3, stack="s", is_primary=True), make_copy(4, stack="s", name="a.cr3")]
    without = [make_copy(1, stack="t", is_primary=True), make_copy(2, stack="t")]
    assert chosen(*with_raw, *without) == (3, KeeperRule.FORMAT)


def test_the_order_of_the_rules_is_data() -> None:
    favorite, large = make_copy(1, favorite=True), make_copy(2, size_bytes=9_000_000)
    by_size = Preference(order=(KeeperRule.SIZE, KeeperRule.FAVORITE))
    assert chosen(favorite, large) == (1, KeeperRule.FAVORITE)
    assert chosen(favorite, large, preference=by_size) == (2, KeeperRule.SIZE)


def test_the_path_of_an_upload_is_no_place() -> None:
    upload, other = make_copy(2, path="/photos/a.jpg"), make_copy(1)
    assert chosen(upload, other, preference=Preference(places=("/photos",))) == (1, None)


def test_one_alone_is_chosen_and_nobody_cannot_be() -> None:
    assert choose_keeper(units_of([make_copy(1)]).values(), Preference()).words == "there is no other"
    with pytest.raises(ValueError, match="nothing to choose from"):
        choose_keeper([], Preference())


def test_every_rule_says_itself_in_words() -> None:
    said = {choose_keeper(units_of(pair).values(), Preference()).words for pair in ([make_copy(1), make_copy(2)],)}
    assert said == {"nothing tells them apart"}
    assert choose_keeper(units_of([make_copy(1), make_copy(2, favorite=True)]).values(), Preference()).words == (
        "it is a favourite"
    )
    assert set(DEFAULT_ORDER) == set(KeeperRule)


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        pytest.param("/a/b.jpg", "/a", True, id="in it"),
        pytest.param("/a/b.jpg", "/a/", True, id="in it, with a slash"),
        pytest.param("/a/b.jpg", "/a/b.jpg", True, id="itself"),
        pytest.param("/ab/c.jpg", "/a", False, id="beside it"),
        pytest.param("/a.jpg", "/", True, id="the root holds all"),
    ],
)
def test_folders_hold_what_is_below_them(path: str, folder: str, *, expected: bool) -> None:
    assert is_below(path, folder) is expected


@given(st.permutations(range(6)), st.permutations(list(KeeperRule)))
def test_the_order_of_the_copies_changes_nothing(numbers: list[int], order: list[KeeperRule]) -> None:
    preference = Preference(tuple(order), PLACES)
    copies = [
        make_copy(number, favorite=number == 4, albums=number % 3, size_bytes=number // 2, name=f"{number}.dng")
        for number in numbers
    ]
    choice = choose_keeper(units_of(copies).values(), preference)
    again = choose_keeper(units_of(sorted(copies, key=lambda copy: copy.id)).values(), preference)
    assert choice == again
    assert sorted(numbered(unit.face.id) for unit in choice.ranked) == list(range(6))
