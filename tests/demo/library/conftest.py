"""The default library, made once for all tests of this folder, with the scenes that were painted for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from sidecar.demo.library import roll
from sidecar.demo.library.catalogue import make_library
from sidecar.demo.library.roll import DemoFile
from sidecar.demo.library.scenes import paint


@dataclass(frozen=True)
class Made:
    files: list[DemoFile]
    scenes: list[Image.Image]


@pytest.fixture(scope="session")
def made() -> Made:
    scenes: list[Image.Image] = []

    def paint_and_keep(*args: Any, **options: Any) -> Image.Image:
        scenes.append(paint(*args, **options))
        return scenes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roll, "paint", paint_and_keep)
        return Made(list(make_library()), scenes)


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stories are told with grey pictures: for tests of names, dates and labels, many times as fast."""

    def grey(_seed: int, _number: int, *, size: tuple[int, int]) -> Image.Image:
        return Image.new("RGB", (size[0] // 16 * 2, size[1] // 16 * 2), (128, 128, 128))

    monkeypatch.setattr(roll, "paint", grey)
