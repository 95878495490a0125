"""What the search's tests are made of: hashes near each other more often than by chance, and painted pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sidecar.duplicates.fingerprint import Fingerprint, Hashes, Samples, fingerprint_of
from sidecar.model import AssetId

_CENTRES = [0, 2**64 - 1, 0x0123456789ABCDEF, 0xF0F0F0F00F0F0F0F]

hash_values = st.one_of(
    st.integers(0, 2**64 - 1),
    st.builds(
        lambda centre, bits: centre ^ sum(1 << bit for bit in bits),
        st.sampled_from(_CENTRES),
        st.sets(st.integers(0, 63), max_size=9),
    ),
)


def words(values: Iterable[int]) -> NDArray[np.uint64]:
    return np.array(list(values), dtype=np.uint64)


def hash_arrays(*, unique: bool = False, max_size: int = 40) -> st.SearchStrategy[NDArray[np.uint64]]:
    return st.lists(hash_values, max_size=max_size, unique=unique).map(words)


@st.composite
def tables(draw: st.DrawFn, *, max_size: int = 30) -> Hashes:
    """Pictures and videos, clear and flat ones, of few hashes."""
    size = draw(st.integers(0, max_size))

    def column(values: st.SearchStrategy[float]) -> list[float]:
        return draw(st.lists(values, min_size=size, max_size=size))

    return make_hashes(
        draw(st.lists(hash_values, min_size=size, max_size=size)),
        margin=column(st.sampled_from([0.0, 3.9, 4.0, 20.0])),
        aspect=column(st.sampled_from([0.75, 1.0, 1.5])),
        duration_ms=column(st.sampled_from([-1, -1, 0, 900, 1000, 2500])),
    )


def make_hashes(
    phash: Iterable[int],
    *,
    margin: Iterable[float] | None = None,
    aspect: Iterable[float] | None = None,
    duration_ms: Iterable[float] | None = None,
    first: int = 0,
    turned: NDArray[np.uint64] | None = None,
    look: Iterable[int] | None = None,
) -> Hashes:
    """A table of assets "0000", "0001" ... from `first` on; clear, square pictures unless told otherwise."""
    hashes = words(phash)
    size = len(hashes)
    return Hashes(
        ids=[AssetId(f"{first + row:04d}") for row in range(size)],
        phash=hashes,
        margin=np.array([20.0] * size if margin is None else margin, dtype=np.float32),
        aspect=np.array([1.0] * size if aspect is None else aspect, dtype=np.float32),
        duration_ms=np.array([-1] * size if duration_ms is None else duration_ms, dtype=np.int64),
        turned=turned,
        look=None if look is None else words(look),
    )


def scene(number: int, *, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A colourful picture with large and small shapes; another number is another picture."""
    dice = np.random.default_rng(number)
    picture = Image.new("RGB", size, tuple(dice.integers(60, 200, 3).tolist()))
    brush = ImageDraw.Draw(picture)
    for shape in range(40):
        reach = max(size) / (2 + shape)
        x, y = dice.uniform(0, size[0]), dice.uniform(0, size[1])
        wide, high = dice.uniform(0.3, 1.5, 2) * reach
        box = (x - wide, y - high, x + wide, y + high)
        (brush.ellipse if dice.random() < 0.5 else brush.rectangle)(box, fill=tuple(dice.integers(0, 256, 3).tolist()))
    return picture


def page(number: int) -> Image.Image:
    """A white page of a table of numbers; another number is another page of the same form."""
    dice = np.random.default_rng(number)
    picture = Image.new("RGB", (425, 550), "white")
    brush = ImageDraw.Draw(picture)
    for row in range(28):
        brush.line((40, 50 + 16 * row, 385, 50 + 16 * row), fill="black")
        for column in range(5):
            brush.text((45 + 69 * column, 52 + 16 * row), str(dice.integers(1, 99999)), fill="black")
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **how: int) -> Image.Image:
    """The picture written and read again."""
    written = io.BytesIO()
    picture.save(written, kind, **how)
    return Image.open(written).convert("RGB")


def samples_of(picture: Image.Image) -> Samples:
    """Samples of the thumbnail that Immich would make."""
    ratio = min(1, 250 / min(picture.size))
    thumbnail = picture.resize((round(picture.width * ratio), round(picture.height * ratio)), Image.Resampling.LANCZOS)
    thumbnail = encoded(thumbnail, "WEBP", quality=80)
    return Samples(
        luma=thumbnail.convert("L").resize((32, 32), Image.Resampling.LANCZOS).tobytes(),
        colours=thumbnail.convert("YCbCr").resize((8, 8), Image.Resampling.BOX).tobytes(),
        width=thumbnail.width,
        height=thumbnail.height,
    )


def looked_at(pictures: Sequence[Image.Image]) -> tuple[Hashes, NDArray[np.uint8], NDArray[np.uint8]]:
    """A table of pictures, with their luma and colours."""
    seen = [fingerprint_of(samples_of(picture)) for picture in pictures]
    hashes = make_hashes(
        [each.phash for each in seen], margin=[each.margin for each in seen], aspect=[each.aspect for each in seen]
    )
    return hashes, luma_of(seen), colours_of(seen)


def luma_of(seen: Sequence[Fingerprint | Samples]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(each.luma for each in seen), dtype=np.uint8).reshape(-1, 1024)


def colours_of(seen: Sequence[Fingerprint | Samples]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(each.colours for each in seen), dtype=np.uint8).reshape(-1, 192)
