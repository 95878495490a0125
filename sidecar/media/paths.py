"""Where Immich's files lie on this machine: folders that people mounted for us, which are only ever read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sidecar.errors import SettingsError

_HOW = "SIDECAR_MEDIA_PATHS must look like /data=/mnt/photos,/external=/mnt/archive: Immich's folder, then ours"


@dataclass(frozen=True, slots=True)
class MediaPaths:
    """Pairs of folders: as Immich calls it, and as it is called here; the longest that fits a file counts.

    Shape:  none by default: every file is then asked of Immich.
    """

    folders: tuple[tuple[PurePosixPath, Path], ...] = ()

    @classmethod
    def parse(cls, value: str) -> MediaPaths:
        """The pairs of a setting such as "/data=/mnt/photos,/external=/mnt/archive"; nothing is looked up on disk.

        Errors: SettingsError if a pair is not two absolute paths, or if one of Immich's folders is there twice.
        """
        pairs = [_pair(text.strip()) for text in value.split(",") if text.strip()]
        if len({immichs for immichs, _ in pairs}) < len(pairs):
            raise SettingsError("SIDECAR_MEDIA_PATHS names one of Immich's folders twice")
        return cls(tuple(sorted(pairs, key=lambda pair: len(pair[0].parts), reverse=True)))

    def locate(self, immich_path: str) -> Path | None:
        """The regular file here that Immich calls so, every link in its path resolved; None if there is none.

        Shape:  what lies outside of the mapped folder, by dots or by a link, is not there.
        """
        wanted = PurePosixPath(immich_path)
        if ".." in wanted.parts or "\0" in immich_path:
            return None
        for immichs, ours in self.folders:
            if wanted.is_relative_to(immichs) and wanted != immichs:
                return _regular_file(ours, wanted.relative_to(immichs))
        return None

    @contextmanager
    def open(self, immich_path: str) -> Iterator[BinaryIO | None]:
        """The file that Immich calls so, open for reading; None where it cannot be had here.

        Shape:  a link or a pipe that takes its place in the last moment is not followed and not waited for.
        """
        path = self.locate(immich_path)
        file = None if path is None else _opened(path)
        try:
            yield file
        finally:
            if file is not None:
                file.close()

    def absent(self) -> list[Path]:
        """Those of our folders that are no folders: a mistake, or a disk that is not mounted."""
        return [ours for _, ours in self.folders if not ours.is_dir()]


def _pair(text: str) -> tuple[PurePosixPath, Path]:
    immichs, equals, ours = (part.strip() for part in text.partition("="))
    if (
        not equals
        or not immichs.startswith("/")
        or not ours.startswith("/")
        or ".." in (*Path(immichs).parts, *Path(ours).parts)
    ):
        raise SettingsError(_HOW)
    return PurePosixPath(immichs), Path(ours)


def _regular_file(root: Path, inner: PurePosixPath) -> Path | None:
    try:
        root = root.resolve(strict=True)
        found = (root / inner).resolve(strict=True)
        is_ours = found.is_relative_to(root) and stat.S_ISREG(found.stat().st_mode)
    except (OSError, RuntimeError):  # gone, forbidden, or links in a circle
        return None
    return found if is_ours else None


def _opened(path: Path) -> BinaryIO | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb", buffering=0)
