"""Candidates from thumbhashes alone: what is read of them, who meets whom, and that crowds stay cheap."""

from __future__ import annotations

import base64
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from sidecar.demo.immich.thumbhash import thumbhash_of
from sidecar.duplicates.thumbhash import decode, quick_candidates
from sidecar.model import AssetId
from tests.duplicates.strategies import encoded, scene


def hash_of(picture: Image.Image) -> bytes:
    return base64.b64decode(thumbhash_of(picture))


def pairs_of(*thumbhashes: bytes, durations_ms: list[int] | None = None, **how: int) -> list[tuple[int, int]]:
    ids = [AssetId(f"{row:05d}") for row in range(len(thumbhashes))]
    found = quick_candidates(ids, thumbhashes, durations_ms or [-1] * len(ids), **how)
    return [(int(a), int(b)) for a, b in found]


def a_hash(
    *, luma: int = 30, p: int = 32, q: int = 32, short: int = 5, landscape: int = 1, waves: bytes = b""
) -> bytes:
    """An opaque hash with these means, and waves in place of its own."""
    head = luma | p << 6 | q << 12
    shape = short | (0x8000 if landscape else 0)
    return head.to_bytes(3, "little") + shape.to_bytes(2, "little") + (waves or bytes(range(7, 200, 11))) + bytes(3)


@pytest.mark.parametrize(
    ("change", "is_found"),
    [
        pytest.param(lambda picture: encoded(picture, quality=60), True, id="recompressed"),
        pytest.param(lambda picture: picture.resize((160, 120)), True, id="half the size"),
        pytest.param(lambda picture: ImageEnhance.Brightness(picture).enhance(1.08), True, id="a little brighter"),
        pytest.param(lambda picture: ImageEnhance.Brightness(picture).enhance(0.3), False, id="far darker"),
        pytest.param(lambda picture: picture.convert("L").convert("RGB"), False, id="grey: left to the hash"),
        pytest.param(ImageOps.mirror, False, id="mirrored"),
        pytest.param(lambda picture: picture.transpose(Image.Transpose.ROTATE_90), False, id="turned"),
        pytest.param(lambda _: scene(99), False, id="another picture"),
    ],
)
def test_copies_meet_and_others_do_not(change: object, is_found: bool) -> None:  # noqa: FBT001
    picture = scene(4)
    assert pairs_of(hash_of(picture), hash_of(change(picture))) == [(0, 1)] * is_found  # type: ignore[operator]


def test_copies_are_found_among_many() -> None:
    pictures = [scene(number) for number in range(60)]
    hashes = [hash_of(each) for each in [*pictures, *(encoded(each, quality=40) for each in pictures)]]
    found = pairs_of(*hashes)
    assert {(number, number + 60) for number in range(60)} <= set(found)
    assert len(found) < 70


def test_what_is_read_is_what_was_written() -> None:
    hashes = [a_hash(luma=17, p=3, q=60), a_hash(short=7, landscape=0), a_hash(short=1, landscape=0)]
    decoded = decode(hashes)
    assert decoded.rows.tolist() == [0, 1, 2]
    means = decoded.luma, decoded.chroma_p, decoded.chroma_q, decoded.lean
    assert [each[0] for each in means] == [17, 3, 60, 2]
    assert decoded.lean.tolist() == [2, 0, -6]
    assert np.linalg.norm(decoded.waves, axis=1) == pytest.approx([1, 1, 1])
    # 7 x 5 terms, of low frequency 22: the lower half of each byte first.
    told = [half - 7.5 for byte in hashes[0][5:] for half in (byte & 15, byte >> 4)]
    rows = ((1, 7), (0, 6), (0, 5), (0, 3), (0, 2))
    expected = np.zeros((7, 7))
    for y, (begin, end) in enumerate(rows):
        for x in range(begin, end):
            expected[y, x] = told.pop(0)
    kept = np.array([expected[y, x] for y in range(7) for x in range(7 - y)])
    assert decoded.waves[0].tolist() == pytest.approx((kept / np.linalg.norm(kept)).tolist(), abs=1e-6)


def test_a_hash_with_alpha_has_fewer_terms() -> None:
    head, shape, alpha = (20 | 32 << 6 | 32 << 12 | 1 << 23), 0x8000 | 4, bytes([0xFF])
    told = head.to_bytes(3, "little") + shape.to_bytes(2, "little") + alpha + bytes(range(0, 250, 10))
    decoded = decode([told, told[:20]])
    assert decoded.rows.tolist() == [0]
    assert decoded.lean.tolist() == [1]
    # 5 x 4 terms, of low frequency 13.
    assert np.count_nonzero(decoded.waves[0]) == 13
    assert pairs_of(told, told) == [(0, 1)]


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\1\2\3\4", id="shorter than its head"),
        pytest.param(a_hash()[:-6], id="too few waves"),
        pytest.param(a_hash(short=0), id="no short side"),
    ],
)
def test_malformed_hashes_are_skipped(malformed: bytes) -> None:
    good = a_hash()
    assert pairs_of(good, malformed, malformed, good) == [(0, 3)]
    assert pairs_of(malformed, malformed) == []


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_make_it_fail(hashes: list[bytes]) -> None:
    assert set(pairs_of(*hashes)) <= set(combinations(range(len(hashes)), 2))


@pytest.mark.parametrize(
    ("other", "is_found"),
    [
        pytest.param({"luma": 42}, True, id="luma 12 steps away"),
        pytest.param({"luma": 43}, False, id="luma 13 steps away"),
        pytest.param({"luma": 18}, True, id="luma 12 steps down"),
        pytest.param({"p": 33}, True, id="colour one step away"),
        pytest.param({"p": 31, "q": 33}, True, id="both colours one step away"),
        pytest.param({"p": 34}, False, id="colour two steps away"),
        pytest.param({"q": 30}, False, id="the other colour two steps away"),
        pytest.param({"short": 6}, True, id="a little less wide"),
        pytest.param({"short": 7}, False, id="square"),
        pytest.param({"landscape": 0}, False, id="tall"),
    ],
)
def test_luma_colour_and_shape_must_be_near(other: dict[str, int], is_found: bool) -> None:  # noqa: FBT001
    # One strong wave, which is the first in every shape.
    waves = bytes([0x8F, *[0x78, 0x87] * 8])
    assert pairs_of(a_hash(waves=waves), a_hash(waves=waves, **other)) == [(0, 1)] * is_found


@pytest.mark.parametrize(
    ("durations_ms", "found"),
    [
        pytest.param([-1, -1, -1], [(0, 1), (0, 2)], id="pictures"),
        pytest.param([-1, 500, -1], [(0, 2)], id="a video among pictures"),
        pytest.param([0, -1, 0], [(0, 2)], id="a video of no length is a video"),
        pytest.param([1000, 2000, 3500], [(0, 1)], id="videos a second apart, and more"),
        pytest.param([5000, 5000, 5900], [(0, 1), (0, 2)], id="equal durations collapse"),
    ],
)
def test_videos_meet_videos_of_their_duration(durations_ms: list[int], found: list[tuple[int, int]]) -> None:
    assert pairs_of(*[a_hash()] * 3, durations_ms=durations_ms) == found


def test_the_tolerance_of_durations_may_be_chosen() -> None:
    assert pairs_of(a_hash(), a_hash(), durations_ms=[1000, 3000], duration_tolerance_ms=2000) == [(0, 1)]


def test_ten_thousand_equal_ones_hang_on_their_first() -> None:
    near = a_hash(luma=31)
    found = pairs_of(*[a_hash()] * 10_000, near)
    assert len(found) == 10_000
    assert {a for a, _ in found} == {0}


def test_a_crowd_of_near_ones_is_searched_in_blocks() -> None:
    # More than two blocks of one cell, in which only neighbours in luma may meet.
    dice = np.random.default_rng(5)
    hashes = [a_hash(luma=int(dice.integers(64)), waves=dice.bytes(17)) for _ in range(2_500)]
    hashes += [each[:5] + bytes([each[5] ^ 1]) + each[6:] for each in hashes[:300]]
    found = pairs_of(*hashes)
    decoded = decode(hashes)
    alike = decoded.waves @ decoded.waves.T >= 0.97
    near = np.abs(decoded.luma[:, np.newaxis] - decoded.luma) <= 12
    assert found == [(int(i), int(j)) for i, j in np.argwhere(np.triu(alike & near, 1))]
    assert len(found) >= 300


@given(st.permutations(range(12)))
def test_order_changes_nothing(order: list[int]) -> None:
    hashes = [hash_of(each) for each in _SOME]
    ids = [AssetId(f"{row:02d}") for row in range(12)]
    expected = quick_candidates(ids, hashes, [-1] * 12)
    assert expected
    assert quick_candidates([ids[row] for row in order], [hashes[row] for row in order], [-1] * 12) == expected


_SOME = [each for number in range(4) for each in (scene(number), scene(number), encoded(scene(number), quality=30))]
