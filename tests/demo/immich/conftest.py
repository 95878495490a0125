"""A running emulated Immich with one user, and pictures to give it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from sidecar.demo.immich import EmulatedImmich
from tests.demo.immich.scene import Picture, Scene


@pytest.fixture
def version() -> str:
    """What `scene` emulates; parametrize to change it."""
    return "3.1.0"


@pytest.fixture
async def scene(version: str) -> AsyncIterator[Scene]:
    async with EmulatedImmich(version, job_delay_s=None) as immich:
        scene = Scene(immich)
        yield scene
        await scene.close()


@pytest.fixture
def picture() -> Picture:
    def make(seed: int = 1, *, size: tuple[int, int] = (320, 240), file_format: str = "JPEG", **tags: Any) -> bytes:
        """A soft random picture; tags are EXIF names, `Orientation` and the like in the first directory."""
        coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        exif = Image.Exif()
        photo = exif.get_ifd(ExifTags.IFD.Exif)
        for name, value in tags.items():
            directory = exif if name in {"Make", "Model", "Orientation"} else photo
            directory[ExifTags.Base[name]] = value
        out = io.BytesIO()
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(out, file_format, exif=exif)
        return out.getvalue()

    return make
