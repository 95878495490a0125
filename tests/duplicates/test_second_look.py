"""What a second look calls the same picture, what it calls merely encoded anew, and what neither."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from sidecar.duplicates.second_look import (
    Judgement,
    Verdict,
    agree_in_colour,
    classify,
    colour_differences,
    have_another_colour_somewhere,
    judge,
)
from tests.duplicates.strategies import colours_of, encoded, luma_of, page, samples_of, scene

Change = Callable[[Image.Image], Image.Image]
PICTURES = [scene(number, size=(800, 600)) for number in range(12)]


def judged(pairs: list[tuple[Image.Image, Image.Image]]) -> Judgement:
    return judge(luma_of([samples_of(a) for a, _ in pairs]), luma_of([samples_of(b) for _, b in pairs]))


def verdict(pairs: list[tuple[Image.Image, Image.Image]], threshold: float = 0.95) -> Verdict:
    return classify(judged(pairs), threshold=threshold)


def with_moved_patch(picture: Image.Image) -> Image.Image:
    moved = picture.copy()
    moved.paste(picture.crop((300, 250, 400, 330)), (430, 250))
    return moved


def shifted(picture: Image.Image) -> Image.Image:
    return picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, 24, 0, 1, 14), Image.Resampling.BILINEAR)


def marked(picture: Image.Image) -> Image.Image:
    marked = picture.copy()
    ImageDraw.Draw(marked).text((560, 560), "an example of a mark", fill="white")
    return marked


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda picture: encoded(picture, quality=40), id="JPEG of low quality"),
        pytest.param(lambda picture: encoded(picture, "WEBP", quality=50), id="WebP"),
        pytest.param(lambda picture: encoded(picture, "PNG"), id="PNG"),
        pytest.param(lambda picture: picture.resize((400, 300), Image.Resampling.LANCZOS), id="half the size"),
        pytest.param(lambda picture: encoded(picture.resize((600, 450)), quality=70), id="by messenger"),
    ],
)
def test_pictures_encoded_anew_are_told_as_such(change: Change) -> None:
    seen = verdict([(picture, change(picture)) for picture in PICTURES])
    assert seen.is_same.all()
    assert seen.is_re_encoded.mean() >= 11 / 12
    assert seen.similarity.min() > 0.99


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda picture: ImageEnhance.Brightness(picture).enhance(1.1), id="brighter"),
        pytest.param(lambda picture: ImageEnhance.Contrast(picture).enhance(0.85), id="less contrast"),
        pytest.param(
            lambda picture: picture.point([round(255 * (x / 255) ** 0.8) for x in range(256)] * 3), id="gamma"
        ),
        pytest.param(with_moved_patch, id="somebody moved"),
    ],
)
def test_edited_pictures_are_the_same_but_not_merely_encoded_anew(change: Change) -> None:
    seen = verdict([(picture, change(picture)) for picture in PICTURES])
    assert seen.is_same.mean() >= 10 / 12
    assert not seen.is_re_encoded.any()


@pytest.mark.parametrize("change", [pytest.param(marked, id="a small mark")])
def test_small_marks_are_no_new_encoding(change: Change) -> None:
    changed = judged([(picture, change(picture)) for picture in PICTURES])
    plain = judged([(picture, encoded(picture, quality=50)) for picture in PICTURES])
    assert (changed.prominence > plain.prominence).mean() >= 10 / 12


def test_bursts_and_other_pictures_are_not_the_same() -> None:
    bursts = verdict([(picture, shifted(picture)) for picture in PICTURES])
    assert not bursts.is_same.any()
    others = verdict(list(pairwise(PICTURES)))
    assert not others.is_same.any()
    assert others.similarity.max() < 0.9


def test_pages_of_one_form_are_not_the_same_while_copies_of_a_page_are() -> None:
    pages = [page(number) for number in range(12)]
    others = judged(list(pairwise(pages)))
    assert others.is_page.all()
    assert others.correlation.max() > 0.95, "the form alone makes them alike"
    assert not classify(others, threshold=0.9).is_same.any()
    assert verdict([(each, encoded(each, quality=60)) for each in pages]).is_same.all()


def test_flat_pictures_have_no_correlation() -> None:
    black = np.zeros((1, 1024), dtype=np.uint8)
    seen = judge(black, black)
    assert (seen.correlation[0], seen.detail[0], seen.spot_difference[0]) == (0, 0, 0)
    assert not classify(seen, threshold=0.95).is_same[0]


def test_low_detail_counts_by_its_differences() -> None:
    # A soft gradient, whose finest detail is all noise of encoding.
    dice = np.random.default_rng(1)
    slope = np.add.outer(np.arange(32), np.arange(32)) * 3.0
    noisy = [np.clip(slope + dice.normal(0, 0.8, slope.shape), 0, 255).astype(np.uint8).reshape(1, -1) for _ in "ab"]
    judgement = judge(*noisy)
    seen = classify(judgement, threshold=0.95)
    assert judgement.detail[0] < 0.9
    assert (bool(seen.is_same[0]), bool(seen.is_re_encoded[0])) == (True, False)


def make_judgement(**changed: float) -> Judgement:
    """One pair that was merely encoded anew, but for what is told."""
    values = {
        "correlation": 0.99, "high_pass": 0.99, "detail": 0.99, "block_difference": 1.0, "spot_difference": 2.0,
        "prominence": 2.0, "detail_difference": 2.0, "detail_size": 30.0, "contrast": 40.0,
    } | changed  # fmt: skip
    is_page = np.array([bool(values.pop("is_page", False))])
    columns = {name: np.array([value], dtype=np.float32) for name, value in values.items()}
    return Judgement(**columns, is_page=is_page)


@pytest.mark.parametrize(
    ("changed", "is_same", "is_re_encoded"),
    [
        pytest.param({}, True, True, id="all agrees"),
        pytest.param({"correlation": 0.949}, False, False, id="too little correlation"),
        pytest.param({"high_pass": 0.89, "spot_difference": 6}, False, False, id="other detail"),
        pytest.param({"high_pass": 0.89, "detail": 0.5}, True, False, id="hardly any detail, and no spots"),
        pytest.param({"high_pass": 0.89, "contrast": 9}, False, False, id="spots that are large for a dull picture"),
        pytest.param({"detail": 0.89}, True, False, id="detail that encoding may have made"),
        pytest.param({"block_difference": 3.4}, True, False, id="a block differs"),
        pytest.param({"spot_difference": 5.6}, True, False, id="a spot differs"),
        pytest.param({"prominence": 3.3, "spot_difference": 3.1}, True, False, id="one spot stands out"),
        pytest.param({"prominence": 3.3, "spot_difference": 2.9}, True, True, id="one spot stands out, hardly"),
        pytest.param({"is_page": 1, "detail_difference": 9}, True, True, id="a page of much detail"),
        pytest.param({"is_page": 1, "high_pass": 0.98}, True, True, id="a page of little detail"),
        pytest.param(
            {"is_page": 1, "high_pass": 0.98, "detail_difference": 2.9}, False, False, id="another page of the form"
        ),
    ],
)
def test_every_condition_counts(changed: dict[str, float], is_same: bool, is_re_encoded: bool) -> None:  # noqa: FBT001
    seen = classify(make_judgement(**changed), threshold=0.95)
    assert (bool(seen.is_same[0]), bool(seen.is_re_encoded[0])) == (is_same, is_re_encoded)


@pytest.mark.parametrize(
    ("changed", "is_nothing"),
    [
        pytest.param({"detail_size": 4, "high_pass": 0.2, "detail_difference": 9}, True, id="no detail"),
        pytest.param({"high_pass": 0.98, "detail_difference": 2.9}, False, id="other writing"),
        pytest.param({"high_pass": 0.98}, True, id="the same writing"),
    ],
)
def test_writing_is_not_nothing(changed: dict[str, float], is_nothing: bool) -> None:  # noqa: FBT001
    assert bool(make_judgement(**changed).is_same_nothing[0]) is is_nothing


pictures = st.binary(min_size=1024, max_size=1024).map(lambda luma: np.frombuffer(luma, np.uint8)[np.newaxis])


@given(pictures, pictures, st.floats(0, 1), st.floats(0, 1))
def test_a_pair_is_symmetric_and_a_looser_threshold_loses_none(
    a: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
    b: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
    loose: float,
    strict: float,
) -> None:
    loose, strict = sorted((loose, strict))
    there, back = judge(a, b), judge(b, a)
    for column in fields(Judgement):
        assert getattr(there, column.name) == pytest.approx(getattr(back, column.name), abs=1e-3)
    is_loose, is_strict = (classify(there, threshold=each) for each in (loose, strict))
    assert is_loose.is_same >= is_strict.is_same
    assert is_loose.is_re_encoded >= is_strict.is_re_encoded
    assert 0 <= is_loose.similarity[0] <= 1


def test_pairs_are_judged_one_by_one_however_many_there_are() -> None:
    dice = np.random.default_rng(2)
    a, b = (dice.integers(0, 256, (700, 1024), dtype=np.uint8) for _ in "ab")
    together, alone = judge(a, b), judge(a[600:601], b[600:601])
    assert together.high_pass[600] == pytest.approx(alone.high_pass[0], abs=1e-6)
    assert together.prominence[600] == pytest.approx(alone.prominence[0], abs=1e-6)
    assert len(judge(a[:0], b[:0]).correlation) == 0


@pytest.mark.parametrize(
    ("change", "is_alike"),
    [
        pytest.param(lambda picture: encoded(picture, quality=40), True, id="recompressed"),
        pytest.param(lambda picture: picture.resize((400, 300)), True, id="half the size"),
        pytest.param(lambda picture: picture.convert("L").convert("RGB"), False, id="grey"),
        pytest.param(lambda picture: ImageEnhance.Color(picture).enhance(1.5), False, id="more colourful"),
        pytest.param(lambda picture: ImageOps.colorize(picture.convert("L"), "black", "wheat"), False, id="sepia"),
    ],
)
def test_grey_and_tinted_copies_have_other_colours(change: Change, is_alike: bool) -> None:  # noqa: FBT001
    a = colours_of([samples_of(picture) for picture in PICTURES])
    b = colours_of([samples_of(change(picture)) for picture in PICTURES])
    assert agree_in_colour(a, b).tolist() == [is_alike] * len(PICTURES)


def test_brightness_is_no_colour() -> None:
    a, b = np.zeros((1, 192), dtype=np.uint8), np.zeros((1, 192), dtype=np.uint8)
    b[0, 0::3] = 200
    assert [each.tolist() for each in colour_differences(a, b)] == [[0], [0]]
    b[0, 1] = 9
    mean, largest = colour_differences(a, b)
    assert (mean[0], largest[0]) == (pytest.approx(9 / 128), 9)
    assert not agree_in_colour(a, b)[0]


def dressed(colour: str) -> Image.Image:
    """A colourful scene with one thing of this colour, as bright as any other."""
    picture = scene(9, size=(800, 600))
    ImageDraw.Draw(picture).rectangle((330, 200, 450, 400), fill=colour)
    return picture


@pytest.mark.parametrize(
    ("other", "is_another"),
    [
        pytest.param(dressed("#009900"), True, id="the same thing in green"),
        pytest.param(encoded(dressed("#dd3333"), quality=40), False, id="recompressed"),
        pytest.param(ImageEnhance.Color(dressed("#dd3333")).enhance(1.5), False, id="more colourful all over"),
        pytest.param(dressed("#dd3333").convert("L").convert("RGB"), False, id="grey"),
    ],
)
def test_a_thing_of_another_colour_is_told(other: Image.Image, is_another: bool) -> None:  # noqa: FBT001
    one, other_one = colours_of([samples_of(dressed("#dd3333"))]), colours_of([samples_of(other)])
    assert bool(have_another_colour_somewhere(one, other_one)[0]) is is_another
    assert bool(have_another_colour_somewhere(other_one, one)[0]) is is_another
