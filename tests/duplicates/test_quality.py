"""Recall and precision on a small labelled set of painted pictures: what is written here may only rise.

`make bench` measures the same on real photographs, with more of everything.
"""

from __future__ import annotations

import pytest

from sidecar.demo.library.scenes import paint
from tests.bench.duplicates.lookalikes import FLAT, LOOKALIKES
from tests.bench.duplicates.quality import (
    Crossing,
    Findings,
    Looked,
    Score,
    crossings,
    family_member,
    find,
    scene,
    score_kinds,
    together,
)
from tests.bench.duplicates.variants import RE_ENCODINGS, Truth

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SCENES = 5
SIZE = (480, 320)
EACH_FAMILY = 2

LEAST_RE_ENCODED = 0.985
LEAST_FOUND = 0.995
LEAST_EDITED = {
    "8 % brighter": 5,
    "25 % brighter": 5,
    "20 % darker": 5,
    "more contrast": 5,
    "less contrast": 5,
    "auto contrast": 5,
    "gamma 0.8": 5,
    "gamma 1.25": 5,
    "more colour": 5,
    "less colour": 5,
    "warmer": 5,
    "cooler": 5,
    "sharpened": 5,
    "grey": 5,
    "watermark": 5,
    "date stamp": 5,
    "text over it": 3,
}
"""Of five pictures. Of a crop by 2 % few are found, and no crop by 5 % and no border: they are no aim."""

FOR_EYES = {"pages, photographed", "lock screens", "night skies", "product colours", "fixed camera"}
"""Families of which different pictures may be shown as edited. Each that leaves this list is a gain."""

SAYS_LITTLE = {*FLAT, "spreadsheets"}
"""Families of which different pictures may be shown as featureless."""

Kinds = dict[tuple[Truth, str], Score]


@pytest.fixture(scope="module")
def looked() -> list[Looked]:
    shots = [each for number in range(SCENES) for each in scene(paint(23, number, size=SIZE), number)]
    families = [(name, number) for name in (*LOOKALIKES, *FLAT) for number in range(EACH_FAMILY)]
    return shots + [
        each
        for at, (name, number) in enumerate(families, start=SCENES)
        for each in family_member(name, number, scene=at, copies=("messenger 1280 q70",))
    ]


@pytest.fixture(scope="module")
def findings(looked: list[Looked]) -> Findings:
    return find(looked)


@pytest.fixture(scope="module")
def kinds(looked: list[Looked], findings: Findings) -> Kinds:
    return score_kinds(looked, findings)


@pytest.fixture(scope="module")
def crossed(looked: list[Looked], findings: Findings) -> dict[str, Crossing]:
    return crossings(looked, findings)


def test_re_encodings_are_found_and_called_so(kinds: Kinds) -> None:
    found = together(kinds, Truth.RE_ENCODED)
    palette = kinds[Truth.RE_ENCODED, "PNG palette"]  # 256 colours are an edit to anybody who looks
    assert found.pairs == SCENES * len(RE_ENCODINGS)
    assert found.found >= LEAST_FOUND * found.pairs
    assert found.re_encoded - palette.re_encoded >= LEAST_RE_ENCODED * (found.pairs - palette.pairs)


def test_re_encodings_are_candidates_before_anything_is_fetched(kinds: Kinds) -> None:
    found = together(kinds, Truth.RE_ENCODED)
    assert found.by_thumbhash >= LEAST_FOUND * found.pairs


@pytest.mark.parametrize(("kind", "least"), LEAST_EDITED.items())
def test_edits_are_found(kinds: Kinds, kind: str, least: int) -> None:
    assert kinds[Truth.EDITED, kind].found >= least


def test_another_tone_or_colour_is_never_called_a_re_encoding(kinds: Kinds) -> None:
    toned = ("25 % brighter", "20 % darker", "gamma 0.8", "gamma 1.25", "warmer", "cooler", "grey", "text over it")
    assert sum(kinds[Truth.EDITED, kind].re_encoded for kind in toned) == 0


@pytest.mark.parametrize(("kind", "most"), [("watermark", 1), ("date stamp", 2)])
def test_a_small_mark_is_seldom_called_a_re_encoding(kinds: Kinds, kind: str, most: int) -> None:
    # Pale letters on a bright ground change no value by more than shrinking the picture oddly does.
    assert kinds[Truth.EDITED, kind].re_encoded <= most


def test_another_moment_is_hardly_ever_called_a_re_encoding(kinds: Kinds) -> None:
    # What moved before a wall of its own brightness is nowhere to be seen in 32 x 32 values.
    assert together(kinds, Truth.NEIGHBOUR).re_encoded <= 1


def test_turned_copies_are_not_found_unasked(kinds: Kinds) -> None:
    assert together(kinds, Truth.TURNED).found == 0


def test_copies_of_pages_and_screens_and_flat_frames_are_found(kinds: Kinds) -> None:
    assert together(kinds, Truth.ALIKE).found >= LEAST_FOUND * together(kinds, Truth.ALIKE).pairs
    assert together(kinds, Truth.FLAT).featureless == together(kinds, Truth.FLAT).found >= 11


def test_different_pictures_are_never_called_re_encoded(crossed: dict[str, Crossing]) -> None:
    assert {family for family, each in crossed.items() if each.re_encoded} == set()


def test_different_pictures_are_shown_as_edited_in_few_families(crossed: dict[str, Crossing]) -> None:
    assert {family for family, each in crossed.items() if each.edited} <= FOR_EYES


def test_only_what_holds_nothing_is_called_featureless(crossed: dict[str, Crossing]) -> None:
    assert {family for family, each in crossed.items() if each.featureless} <= SAYS_LITTLE


def test_nothing_else_is_found_among_different_pictures(crossed: dict[str, Crossing]) -> None:
    named = FOR_EYES | SAYS_LITTLE
    assert sum(each.scenes for family, each in crossed.items() if family not in named) == 0
