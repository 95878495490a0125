"""What is remembered of how a picture looks: made once from its thumbnail, compared with any other ever after."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sidecar.errors import ParameterError
from sidecar.model import AssetId

FINGERPRINT_VERSION = 1
"""Raised whenever samples or anything below changes for any picture: stored fingerprints are made anew."""

LUMA_SIDE = 32
COLOURS_SIDE = 8
LUMA_BYTES = LUMA_SIDE * LUMA_SIDE
COLOURS_BYTES = COLOURS_SIDE * COLOURS_SIDE * 3

_HASH_SIDE = 8


@dataclass(frozen=True, slots=True)
class Samples:
    """What one decoding of a thumbnail keeps.

    Shape:  luma is 32x32 grey values, colours 8x8 means of Y, Cb and Cr; both row by row, one byte a value.
    Units:  width and height are pixels of the upright thumbnail.
    """

    luma: bytes
    colours: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Samples and what follows from them.

    Shape:  phash is unsigned, 64 bits. margin says how clearly the picture decided the bits of its hash: of a picture
            without content (black, white, fog) it is below 4, and its hash is chance.
    """

    phash: int
    margin: float
    luma: bytes
    colours: bytes
    width: int
    height: int

    @property
    def aspect(self) -> float:
        """Width by height."""
        return self.width / self.height


@dataclass(frozen=True, slots=True)
class Hashes:
    """What searching needs of many fingerprints, column by column.

    Shape:  row r of every column is the asset ids[r]; ids do not repeat and need no order. aspect is width by height.
            turned holds the hashes of `turned_hashes`, n x 7, where turned copies are searched for. look is what
            `looks_of` says, or 0 where nobody asked: two of equal look cannot be told apart.
    Units:  duration_ms is -1 for pictures.
    """

    ids: list[AssetId]
    phash: NDArray[np.uint64]
    margin: NDArray[np.float32]
    aspect: NDArray[np.float32]
    duration_ms: NDArray[np.int64]
    turned: NDArray[np.uint64] | None = None
    look: NDArray[np.uint64] | None = None

    def at(self, rows: NDArray[np.int64]) -> Hashes:
        """These rows, in this order."""
        return Hashes(
            ids=[self.ids[row] for row in rows.tolist()],
            phash=self.phash[rows],
            margin=self.margin[rows],
            aspect=self.aspect[rows],
            duration_ms=self.duration_ms[rows],
            turned=None if self.turned is None else self.turned[rows],
            look=None if self.look is None else self.look[rows],
        )


def fingerprint_of(samples: Samples) -> Fingerprint:
    """The fingerprint of a picture.

    Errors: ParameterError if a sample has another length than it must have, or the picture has no size.
    Source: `imagehash.phash`, which of these 32x32 values equals that of the whole picture.
    """
    if len(samples.luma) != LUMA_BYTES or len(samples.colours) != COLOURS_BYTES:
        raise ParameterError(f"Samples have {LUMA_BYTES} and {COLOURS_BYTES} bytes.")
    if samples.width < 1 or samples.height < 1:
        raise ParameterError("A picture is at least one pixel wide and high.")
    bits = imagehash.phash(Image.frombytes("L", (LUMA_SIDE, LUMA_SIDE), samples.luma)).hash
    waves = low_waves(np.frombuffer(samples.luma, dtype=np.uint8)[np.newaxis])
    margin = float(np.median(np.abs(waves - np.median(waves))))
    return Fingerprint(
        phash=int.from_bytes(np.packbits(bits).tobytes(), "big"),
        margin=margin,
        luma=samples.luma,
        colours=samples.colours,
        width=samples.width,
        height=samples.height,
    )


def looks_of(luma: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A digest of all that is known of how each picture looks: equal for those that cannot be told apart; never 0.

    Shape:  n x 1024 and n x 192.
    """
    told = np.hstack([luma, colours])
    digests = (int.from_bytes(sha256(row.tobytes()).digest()[:8], "big") | 1 for row in told)
    return np.fromiter(digests, dtype=np.uint64, count=len(told))


def low_waves(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The lowest 8x8 frequencies of each picture, by a cosine transform.

    Shape:  luma is n x 1024; the result n x 8 x 8, down first. Each is a 64th of what `scipy.fftpack.dct` makes of it,
            and so in proportion to what imagehash compares; all but the means are as of an orthonormal transform.
    """
    pictures = luma.reshape(-1, LUMA_SIDE, LUMA_SIDE).astype(np.float64)
    waves: NDArray[np.float64] = _WAVES @ pictures @ _WAVES.T
    return waves


def _cosines() -> NDArray[np.float64]:
    steps = np.pi / LUMA_SIDE * (np.arange(LUMA_SIDE) + 0.5)
    waves: NDArray[np.float64] = np.cos(np.outer(np.arange(_HASH_SIDE), steps)) * np.sqrt(2 / LUMA_SIDE)
    return waves


_WAVES = _cosines()
