"""The whole search as a job runs it: who is looked at, in what portions, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from sidecar.duplicates import search as search_module
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.fingerprint import Hashes, looks_of
from sidecar.duplicates.match import Match
from sidecar.duplicates.search import (
    COLOURS,
    LOOK,
    TURNED,
    Pairs,
    Search,
    candidates,
    crowded,
    flat_candidates,
    flat_of,
    matches,
)
from sidecar.duplicates.turned import turned_hashes
from sidecar.errors import ParameterError
from sidecar.model import AssetId
from tests.duplicates.strategies import encoded, looked_at, make_hashes, page, scene, tables

Change = Callable[[Image.Image], Image.Image]


def in_another_colour(picture: Image.Image) -> Image.Image:
    """The picture with its reds and blues exchanged in one place."""
    changed = picture.copy()
    red, green, blue = picture.crop((300, 200, 500, 400)).split()
    changed.paste(Image.merge("RGB", (blue, green, red)), (300, 200))
    return changed


def met(portions: Iterable[Pairs]) -> list[tuple[AssetId, AssetId]]:
    """Each pair as it comes, the lower id first."""
    return [
        (min(a, b), max(a, b))
        for each in portions
        for a, b in (
            (each.left.ids[i], each.right.ids[j])
            for i, j in zip(each.first.tolist(), each.second.tolist(), strict=True)
        )
    ]


def by_everything(table: Hashes, search: Search) -> list[tuple[AssetId, AssetId]]:
    """What is to be looked at, by comparing everything with everything."""
    distance = np.bitwise_count(table.phash[:, np.newaxis] ^ table.phash)
    apart_ms = np.abs(table.duration_ms[:, np.newaxis] - table.duration_ms)
    is_video, is_clear = table.duration_ms >= 0, table.margin >= search.min_margin
    found = (
        (distance <= search.radius)
        & (apart_ms <= search.duration_tolerance_ms)
        & (is_video[:, np.newaxis] == is_video)
        & is_clear[:, np.newaxis]
        & is_clear
    )
    pairs = ((table.ids[i], table.ids[j]) for i, j in np.argwhere(np.triu(found, 1)).tolist())
    return sorted((min(a, b), max(a, b)) for a, b in pairs)


def found_among(pictures: list[Image.Image], search: Search | None = None) -> list[Match]:
    """The whole search among pictures, whose ids are "0000", "0001" ..."""
    search = search or Search()
    hashes, luma, colours = looked_at(pictures)
    return found_in(replace(hashes, turned=turned_hashes(luma)), luma, colours, search)


def found_in(hashes: Hashes, luma: NDArray[np.uint8], colours: NDArray[np.uint8], search: Search) -> list[Match]:
    flat = flat_of(hashes, search)
    portions = [
        *candidates(hashes, hashes, search),
        *flat_candidates(flat, flat, search, ids=hashes.ids, colours=colours),
    ]
    return [match for pairs in portions for match in matches(pairs, search, ids=hashes.ids, luma=luma, colours=colours)]


@given(tables(), st.integers(0, 8))
def test_everything_near_is_met_once(table: Hashes, radius: int) -> None:
    search = Search(radius=radius)
    assert sorted(met(candidates(table, table, search))) == by_everything(table, search)


@given(tables(), st.integers(0, 30), st.booleans())
def test_new_ones_meet_new_and_known_ones(table: Hashes, some: int, known_has_new: bool) -> None:  # noqa: FBT001
    rows = np.arange(len(table.ids))
    new = table.at(rows[:some])
    known = table if known_has_new else table.at(rows[some:])
    expected = [pair for pair in by_everything(table, Search()) if not set(new.ids).isdisjoint(pair)]
    assert sorted(met(candidates(new, known, Search()))) == expected


@given(tables(), st.randoms(use_true_random=False))
def test_order_changes_nothing(table: Hashes, dice: object) -> None:
    order = list(range(len(table.ids)))
    dice.shuffle(order)  # type: ignore[attr-defined]
    shuffled = table.at(np.array(order, dtype=np.int64))
    assert sorted(met(candidates(shuffled, shuffled, Search()))) == sorted(met(candidates(table, table, Search())))


@given(tables(), st.integers(0, 6), st.integers(0, 4), st.integers(0, 3000))
def test_a_looser_search_loses_no_pair(table: Hashes, radius: int, more: int, tolerance_ms: int) -> None:
    strict = Search(radius=radius, duration_tolerance_ms=tolerance_ms)
    loose = Search(radius=radius + more, min_margin=3, duration_tolerance_ms=tolerance_ms + 500)
    assert set(met(candidates(table, table, strict))) <= set(met(candidates(table, table, loose)))


def test_portions_are_neither_tiny_nor_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "PAIRS_AT_ONCE", 100)
    table = make_hashes([1, 2] * 30 + [1 << 40, 3 << 40] * 10)
    portions = list(candidates(table, table, Search(radius=2)))
    assert max(len(each) for each in portions) <= 100
    assert len(portions) <= 2 * sum(len(each) for each in portions) / 100 + 1
    assert sorted(met(portions)) == by_everything(table, Search(radius=2))
    assert portions[0].ids() == sorted(set(portions[0].ids()))
    assert set(portions[0].ids()) == {each for pair in met(portions[:1]) for each in pair}


class TestCrowds:
    def test_up_to_64_of_one_hash_are_all_paired(self) -> None:
        table = make_hashes([5] * 64)
        assert len(set(met(candidates(table, table, Search())))) == 64 * 63 // 2
        assert crowded(table, Search()) == []

    def test_of_more_a_few_lead_and_everybody_is_met(self) -> None:
        table = make_hashes([5] * 5_000 + [4] * 3)
        found = met(candidates(table, table, Search()))
        assert len(found) == len(set(found))
        assert len(found) <= 17 * 5_000
        assert {each for pair in found for each in pair} == set(table.ids)
        assert ("0000", "4999") in found
        assert {("0000", "5000"), ("0007", "5002"), ("5000", "5001")} <= set(found)
        assert ("0008", "5000") not in found

    def test_of_one_look_all_hang_on_the_first(self) -> None:
        looks = [9] * 5_000 + [8, 7, 8, 0]
        table = make_hashes([5] * 5_004, look=looks)
        found = met(candidates(table, table, Search()))
        assert len(found) == 4_999 + 1 + 6
        assert {("0000", "4999"), ("5000", "5002"), ("0000", "5001"), ("5001", "5003")} <= set(found)

    def test_of_one_look_videos_of_another_duration_are_others(self) -> None:
        table = make_hashes([5] * 4, look=[9] * 4, duration_ms=[100, 100, 900, 5000])
        assert sorted(met(candidates(table, table, Search()))) == [("0000", "0001"), ("0000", "0002")]

    def test_a_new_one_meets_its_look_among_a_crowd_of_known_ones(self) -> None:
        known = make_hashes([5] * 300, look=range(1, 301))
        new = make_hashes([5, 5, 6], look=[250, 250, 251], first=900)
        found = met(candidates(new, known, Search()))
        assert {("0249", "0900"), ("0900", "0901"), ("0000", "0900"), ("0000", "0902")} <= set(found)
        assert len(found) < 40
        unknown = met(candidates(new, replace(known, look=None), Search()))
        assert ("0249", "0900") not in unknown

    def test_videos_of_a_crowd_meet_those_of_like_duration(self) -> None:
        # 200 films with one title card: each has a copy, and no other film is as long.
        durations = [5_000 * (row % 200) for row in range(400)]
        table = make_hashes([5] * 400, duration_ms=durations)
        assert sorted(met(candidates(table, table, Search()))) == [
            (f"{row:04d}", f"{row + 200:04d}") for row in range(200)
        ]

    def test_crowded_ones_are_named_where_their_hash_says_something(self) -> None:
        table = make_hashes([5] * 70 + [6], margin=[20.0] * 69 + [1.0, 20.0])
        assert crowded(table, Search()) == table.ids[:69]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        pytest.param(lambda picture: encoded(picture, quality=70), DuplicateClass.RE_ENCODED, id="recompressed"),
        pytest.param(lambda picture: picture.resize((400, 300)), DuplicateClass.RE_ENCODED, id="half the size"),
        pytest.param(
            lambda picture: ImageEnhance.Brightness(picture).enhance(1.1), DuplicateClass.EDITED, id="brighter"
        ),
        pytest.param(lambda picture: picture.convert("L").convert("RGB"), DuplicateClass.EDITED, id="grey"),
        pytest.param(lambda picture: picture.resize((800, 500)), DuplicateClass.EDITED, id="of other proportions"),
        pytest.param(in_another_colour, None, id="with a thing of another colour"),
        pytest.param(ImageOps.mirror, None, id="mirrored"),
        pytest.param(lambda _: scene(77, size=(800, 600)), None, id="another picture"),
    ],
)
def test_the_class_says_what_was_done(change: Change, kind: DuplicateClass | None) -> None:
    picture = scene(4, size=(800, 600))
    found = found_among([picture, change(picture)])
    assert [(each.a, each.b, each.kind, each.detector) for each in found] == [("0000", "0001", kind, LOOK)] * bool(kind)
    for each in found:
        assert each.similarity == round(each.similarity, 4) > 0.95
        assert each.reason.startswith("Compared as they are: brightness agrees to ")
        assert not each.looks_equal


def test_pictures_that_cannot_be_told_apart_look_equal() -> None:
    (found,) = found_among([scene(3), scene(3)])
    assert (found.looks_equal, found.similarity, found.kind) == (True, 1.0, DuplicateClass.RE_ENCODED)
    assert found.reason == (
        "Compared as they are: brightness agrees to 100.0 %, fine detail to 100.0 %; the largest difference of a part "
        "is 0.0 of 256 levels, of colour 0.0 on average."
    )


def test_a_stricter_threshold_finds_less() -> None:
    pictures = [scene(4), ImageEnhance.Contrast(scene(4)).enhance(1.6)]
    (found,) = found_among(pictures)
    assert found_among(pictures, Search(threshold=found.similarity + 0.001)) == []


def test_different_pictures_and_pages_are_no_copies() -> None:
    assert found_among([scene(number) for number in range(40)]) == []
    # Tables of one form look alike; their hashes are made to meet here.
    hashes, luma, colours = looked_at([page(number) for number in range(8)])
    hashes = replace(hashes, phash=np.full(8, 5, dtype=np.uint64), margin=np.full(8, 9, dtype=np.float32))
    assert found_in(hashes, luma, colours, Search()) == []


@pytest.mark.parametrize(
    ("durations_ms", "kind"),
    [
        pytest.param([5_000, 5_100], DuplicateClass.RE_ENCODED, id="of one duration"),
        pytest.param([5_000, 5_101], DuplicateClass.EDITED, id="of nearly one duration"),
        pytest.param([5_000, 6_001], None, id="of another duration"),
        pytest.param([-1, 0], None, id="a picture and a video"),
    ],
)
def test_videos_are_copies_by_their_duration_too(durations_ms: list[int], kind: DuplicateClass | None) -> None:
    hashes, luma, colours = looked_at([scene(5), encoded(scene(5), quality=60)])
    hashes = replace(hashes, duration_ms=np.array(durations_ms))
    assert [each.kind for each in found_in(hashes, luma, colours, Search())] == [kind] * bool(kind)


class TestTurned:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            pytest.param(Image.Transpose.FLIP_LEFT_RIGHT, "mirrored", id="mirrored"),
            pytest.param(Image.Transpose.ROTATE_270, "turned by 90 degrees", id="turned clockwise"),
            pytest.param(Image.Transpose.ROTATE_180, "turned by 180 degrees", id="turned around"),
            pytest.param(Image.Transpose.TRANSVERSE, "mirrored and turned by 90 degrees", id="transversed"),
        ],
    )
    def test_copies_are_found_where_they_are_wanted(self, change: Image.Transpose, words: str) -> None:
        pictures = [scene(4), encoded(scene(4).transpose(change), quality=70)]
        assert found_among(pictures) == []
        found = found_among(pictures, Search(with_turned=True))
        assert {(each.a, each.b, each.kind, each.detector) for each in found} == {
            ("0000", "0001", DuplicateClass.EDITED, TURNED)
        }
        assert len(set(found)) == 1
        assert found[0].reason.startswith(f"One is the other {words}: brightness agrees to ")
        assert not any(each.looks_equal for each in found)

    def test_new_ones_are_found_among_known_ones(self) -> None:
        hashes, luma, colours = looked_at([scene(4), ImageOps.mirror(scene(4)), scene(5)])
        new = replace(hashes.at(np.array([0])), turned=turned_hashes(luma[:1]))
        search = Search(with_turned=True)
        portions = candidates(new, hashes, search)
        found = [
            each for pairs in portions for each in matches(pairs, search, ids=hashes.ids, luma=luma, colours=colours)
        ]
        assert [(each.a, each.b, each.detector) for each in found] == [("0000", "0001", TURNED)]

    def test_a_symmetric_picture_is_no_copy_of_itself(self) -> None:
        half = scene(6, size=(160, 240))
        whole = Image.new("RGB", (320, 240))
        whole.paste(half)
        whole.paste(ImageOps.mirror(half), (160, 0))
        assert found_among([whole], Search(with_turned=True)) == []

    def test_they_need_their_hashes(self) -> None:
        table = make_hashes([1])
        with pytest.raises(ParameterError, match="turned hashes"):
            list(candidates(table, table, Search(with_turned=True)))


class TestFeatureless:
    BLACK, GREY = Image.new("RGB", (300, 250)), Image.new("RGB", (300, 250), (70, 70, 70))

    def test_they_match_by_colour_only(self) -> None:
        found = found_among([self.BLACK, self.GREY, self.BLACK, encoded(self.GREY, quality=30), scene(1)])
        assert [(each.a, each.b, each.kind, each.detector) for each in found] == [
            ("0000", "0002", DuplicateClass.FEATURELESS, COLOURS),
            ("0001", "0003", DuplicateClass.FEATURELESS, COLOURS),
        ]
        assert found[0].looks_equal
        assert found[0].similarity == 1
        assert found[0].reason == (
            "Both have hardly any content, and the same colours: they differ by 0.0 of 256 levels on average, and "
            "nowhere by more than 0."
        )

    def test_of_other_proportions_they_do_not_look_equal(self) -> None:
        (found,) = found_among([self.BLACK, Image.new("RGB", (600, 250))])
        assert not found.looks_equal

    def test_one_of_two_may_be_just_clear_enough(self) -> None:
        colours = np.zeros((4, 192), dtype=np.uint8)
        colours[:, 0] = range(4)
        table = make_hashes([1, 2, 3, 4], margin=[3.9, 4.9, 4.9, 5.1])
        flat = flat_of(table, Search())
        assert flat.ids == ["0000", "0001", "0002"]
        assert met(flat_candidates(flat, flat, Search(), ids=table.ids, colours=colours)) == [
            ("0000", "0001"),
            ("0000", "0002"),
        ]

    def test_new_ones_meet_new_and_known_ones_that_were_seen(self) -> None:
        table = make_hashes([1, 2, 3, 4, 5], margin=[0] * 5)
        new, known = table.at(np.array([3, 4])), table
        seen = [AssetId(each) for each in ("0004", "0003", "0001", "0000")]
        colours = np.arange(4, dtype=np.uint8)[:, np.newaxis].repeat(192, axis=1)
        assert met(flat_candidates(new, known, Search(), ids=seen, colours=colours)) == [
            ("0003", "0004"),
            ("0001", "0003"),
        ]
        assert met(flat_candidates(new, known, Search(), ids=[], colours=colours[:0])) == []

    def test_videos_meet_videos_of_their_duration(self) -> None:
        table = make_hashes([1] * 5, margin=[0] * 5, duration_ms=[-1, 100, 900, 5000, -1])
        colours = np.zeros((5, 192), dtype=np.uint8)
        found = met(flat_candidates(table, table, Search(), ids=table.ids, colours=colours))
        assert found == [("0000", "0004"), ("0001", "0002")]

    def test_writing_of_like_colours_is_not_featureless(self) -> None:
        table = make_hashes([1, 2, 3], margin=[0, 0, 0])
        colours = np.full((3, 192), 240, dtype=np.uint8)
        luma = np.full((3, 1024), 240, dtype=np.uint8)
        luma[:2, ::7] = 180
        luma[2, ::5] = 180
        (pairs,) = flat_candidates(table, table, Search(), ids=table.ids, colours=colours)
        found = matches(pairs, Search(), ids=table.ids, luma=luma, colours=colours)
        assert [(each.a, each.b) for each in found] == [("0000", "0001")]

    def test_colours_that_changed_meanwhile_are_no_match(self) -> None:
        table = make_hashes([1, 2], margin=[0, 0])
        colours = np.zeros((2, 192), dtype=np.uint8)
        (pairs,) = flat_candidates(table, table, Search(), ids=table.ids, colours=colours)
        changed = np.array([0, 9], dtype=np.uint8)[:, np.newaxis].repeat(192, axis=1)
        luma = np.zeros((2, 1024), dtype=np.uint8)
        assert matches(pairs, Search(), ids=table.ids, luma=luma, colours=changed) == []


def test_pairs_of_which_one_was_not_seen_are_left_out() -> None:
    hashes, luma, colours = looked_at([scene(3)] * 3)
    (pairs,) = candidates(hashes, hashes, Search())
    found = matches(pairs, Search(), ids=hashes.ids[::2], luma=luma[::2], colours=colours[::2])
    assert [(each.a, each.b) for each in found] == [("0000", "0002")]
    assert matches(pairs, Search(), ids=[], luma=luma[:0], colours=colours[:0]) == []


def test_ids_in_any_order_make_the_same_matches() -> None:
    hashes, luma, colours = looked_at([scene(3), encoded(scene(3), quality=50)])
    turned_round = hashes.at(np.array([1, 0]))
    assert found_in(turned_round, luma[::-1], colours[::-1], Search()) == found_in(hashes, luma, colours, Search())


def test_thousands_of_equal_pictures_stay_linear() -> None:
    hashes, luma, colours = looked_at([scene(3)])
    many = make_hashes([int(hashes.phash[0])] * 3_000, look=looks_of(luma, colours).tolist() * 3_000)
    luma, colours = luma.repeat(3_000, axis=0), colours.repeat(3_000, axis=0)
    found = found_in(many, luma, colours, Search())
    assert len(found) == 2_999
    assert all(each.a == "0000" and each.looks_equal for each in found)
