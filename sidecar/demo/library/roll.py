"""What a story is told with: fresh photographs from a seed, dates, labels, and the finished DemoFile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sidecar.demo.library.cameras import Camera, Shot
from sidecar.demo.library.scenes import SIZE, paint
from sidecar.demo.library.take import Take

Owner = Literal["ann", "bob"]

_SCENES_OF_A_COPY = 1000
_COPY_SHIFT = timedelta(days=1, minutes=7)
"""Each further copy of the library is taken this much later: no name meets itself within any tolerance."""


@dataclass(frozen=True, slots=True)
class DemoFile:
    """One file of the demo's library and what should become of it.

    Shape:  folder is None for an upload and a directory of an external library otherwise. live_photo_video_of is, for
            the film of a live photo, the name of its photo: the nearest file of that name and owner before it. story
            is a key of STORIES. Files with the same expected belong in one stack; None stays outside every stack. Files
            with the same duplicates are one set of duplicates.
    Units:  modified_at is aware, in whole seconds: the file's own date, all that Immich knows where EXIF is missing.
    """

    name: str
    data: bytes
    owner: Owner
    folder: str | None
    modified_at: datetime
    live_photo_video_of: str | None
    story: str
    expected: str | None
    duplicates: str | None = None


@dataclass(slots=True)
class Roll:
    """The film in the camera while one copy of the library is made; every story takes its pictures from it."""

    seed: int
    copy: int
    _taken: int = 0

    def take(
        self,
        camera: Camera,
        wall_clock: str,
        *,
        zone_h: int | None = None,
        orientation: int = 1,
    ) -> Take:
        """The next photograph nobody has seen yet.

        Shape:  wall_clock is ISO 8601 without an offset, as the first copy has it. EXIF orientations 6 and 8 are
                pictures taller than wide.
        """
        width, height = SIZE
        size = (height, width) if orientation in {6, 8} else (width, height)
        taken = datetime.fromisoformat(wall_clock) + self.copy * _COPY_SHIFT
        number = self.copy * _SCENES_OF_A_COPY + self._taken
        self._taken += 1
        return Take(paint(self.seed, number, size=size), Shot(camera, taken, zone_h, orientation))

    def folder(self, path: str) -> str:
        """The directory for this copy: paths in an external library are never reused."""
        return f"{path} {self.copy + 1}" if self.copy else path

    def file(
        self,
        story: str,
        name: str,
        data: bytes,
        at: Shot,
        *,
        owner: Owner = "ann",
        folder: str | None = None,
        stack: int | None = None,
        copies: int | None = None,
        modified_after_s: float = 0,
        live_photo_video_of: str | None = None,
    ) -> DemoFile:
        """The finished file; stack and copies number the stacks and sets of duplicates of its story."""
        modified_at = (at.instant + timedelta(seconds=modified_after_s)).replace(microsecond=0)
        expected, duplicates = (
            None if number is None else f"{story}/{number}/{self.copy + 1}" for number in (stack, copies)
        )
        where = None if folder is None else self.folder(folder)
        return DemoFile(name, data, owner, where, modified_at, live_photo_video_of, story, expected, duplicates)
