"""What is remembered of a picture, and that it is what `imagehash` says of the whole picture."""

from __future__ import annotations

from dataclasses import replace

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sidecar.duplicates.fingerprint import Samples, fingerprint_of, looks_of, low_waves
from sidecar.errors import ParameterError
from tests.duplicates.strategies import colours_of, looked_at, luma_of, make_hashes, samples_of, scene


@pytest.mark.parametrize("number", range(6))
def test_the_hash_is_imagehash_of_the_whole_picture(number: int) -> None:
    whole = scene(number).convert("L")
    luma = whole.resize((32, 32), Image.Resampling.LANCZOS).tobytes()
    seen = fingerprint_of(Samples(luma, bytes(192), 320, 240))
    assert f"{seen.phash:016x}" == str(imagehash.phash(whole))
    assert seen.aspect == pytest.approx(4 / 3)
    assert (seen.luma, seen.colours) == (luma, bytes(192))


@given(
    st.one_of(
        st.binary(min_size=1024, max_size=1024),
        st.binary(min_size=16, max_size=16).map(lambda few: few * 64),
        st.binary(min_size=512, max_size=512).map(lambda half: half + half[::-1]),
        st.integers(0, 255).map(lambda level: bytes([level]) * 1024),
    )
)
def test_the_hash_is_imagehash_to_the_last_bit(luma: bytes) -> None:
    expected = imagehash.phash(Image.frombytes("L", (32, 32), luma))
    assert f"{fingerprint_of(Samples(luma, bytes(192), 1, 1)).phash:016x}" == str(expected)


@pytest.mark.parametrize(
    ("picture", "is_clear"),
    [
        pytest.param(scene(1), True, id="a scene"),
        pytest.param(Image.new("RGB", (300, 250), "black"), False, id="black"),
        pytest.param(Image.new("RGB", (300, 250), (250, 250, 250)), False, id="white"),
        pytest.param(Image.linear_gradient("L").convert("RGB"), False, id="a sky"),
        pytest.param(Image.effect_noise((300, 250), 8).convert("RGB"), False, id="sensor noise in the dark"),
    ],
)
def test_the_margin_tells_pictures_without_content(picture: Image.Image, is_clear: bool) -> None:  # noqa: FBT001
    assert (fingerprint_of(samples_of(picture)).margin >= 4) is is_clear


@given(st.binary(min_size=1024, max_size=1024))
def test_the_low_waves_are_those_of_the_cosine_transform(luma: bytes) -> None:
    picture = np.frombuffer(luma, dtype=np.uint8)
    # A cosine transform is the Fourier transform of the picture and its three mirror images.
    whole = np.pad(picture.reshape(32, 32).astype(float), ((0, 32), (0, 32)), mode="symmetric")
    step = np.exp(-0.5j * np.pi * np.arange(8) / 32)
    # scipy.fftpack.dct would make 64 times as much.
    expected = (np.fft.fft2(whole)[:8, :8] * np.outer(step, step)).real / 64
    assert low_waves(picture[np.newaxis])[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"luma": bytes(1023)}, id="too little luma"),
        pytest.param({"colours": bytes(193)}, id="too many colours"),
        pytest.param({"width": 0}, id="no width"),
        pytest.param({"height": 0}, id="no height"),
    ],
)
def test_samples_of_another_shape_are_refused(wrong: dict[str, bytes | int]) -> None:
    right = Samples(bytes(1024), bytes(192), 1, 1)
    assert fingerprint_of(right).margin == 0
    with pytest.raises(ParameterError):
        fingerprint_of(replace(right, **wrong))  # type: ignore[arg-type]


def test_rows_of_a_table_are_taken_in_the_order_asked_for() -> None:
    table = make_hashes(
        [1, 2, 3], margin=[4, 5, 6], aspect=[1, 2, 3], duration_ms=[-1, 7, 8], look=[0, 5, 6],
        turned=np.arange(21, dtype=np.uint64).reshape(3, 7),
    )  # fmt: skip
    taken = table.at(np.array([2, 0]))
    assert taken.ids == ["0002", "0000"]
    assert (taken.phash.tolist(), taken.margin.tolist(), taken.aspect.tolist()) == ([3, 1], [6, 4], [3, 1])
    assert taken.duration_ms.tolist() == [8, -1]
    assert taken.look is not None
    assert taken.look.tolist() == [6, 0]
    assert taken.turned is not None
    assert taken.turned[:, 0].tolist() == [14, 0]
    plain = make_hashes([1]).at(np.array([0]))
    assert (plain.turned, plain.look) == (None, None)


def test_looks_are_equal_where_nothing_differs() -> None:
    seen = [samples_of(scene(number)) for number in (1, 2, 1)]
    seen.append(replace(seen[0], colours=bytes(192)))
    seen.append(replace(seen[0], luma=bytes(1024)))
    looks = looks_of(luma_of(seen), colours_of(seen)).tolist()
    assert looks[0] == looks[2]
    assert len(set(looks)) == 4
    assert all(looks)


def test_a_table_of_pictures_has_their_proportions() -> None:
    hashes, luma, colours = looked_at([scene(1), scene(2, size=(240, 320))])
    assert hashes.aspect.tolist() == pytest.approx([4 / 3, 3 / 4], abs=0.01)
    assert (luma.shape, colours.shape) == ((2, 1024), (2, 192))
