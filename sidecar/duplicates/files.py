"""Which files must be read to know which are the same bytes, from what is known of them so far.

Three questions, each asked only about those that the one before left in doubt: the size, the ends, the whole. Uploads
bring the SHA-1 of their content along: two of them are never the same, and one is read whole only to confirm what its
SHA-1 says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from sidecar.model import AssetId

END_BYTES = 64 * 1024
"""How much is read of each end: headers with their times and serial numbers at one, the last pixels at the other."""

SMALL_BYTES = 2 * END_BYTES
"""A file up to this size has no middle: it is read whole at once."""

_FEWEST = 2

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Known:
    """One file and what is known of its bytes.

    Shape:  sha1 of an upload is Immich's; of a library's file it is what we found. ends, sha1 and sha256 are equal
            where the bytes are, and whoever has sha256 has the other two. is_readable is false while nothing can be
            learned about the file: it could not be read, and it is not time to try again.
    """

    id: AssetId
    size_bytes: int
    is_upload: bool
    ends: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class ToRead:
    """Files whose ends are to be read, and files that are to be read whole; sorted, none in both."""

    ends: tuple[AssetId, ...]
    whole: tuple[AssetId, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether all is known that can be."""
        return not self.ends and not self.whole


def to_read(files: Iterable[Known]) -> ToRead:
    """What is to be read next; when that is known, ask again, until it is nothing.

    Shape:  a file of nothing is nobody's copy. Each file is asked about once for its ends and once as a whole, however
            many are alike, and never because of another that cannot be read.
    """
    ends: list[AssetId] = []
    whole: list[AssetId] = []
    for alike in _together(files, lambda file: file.size_bytes):
        found = {file.sha1 for file in alike if not file.is_upload and file.sha1 is not None}
        whole += [file.id for file in alike if file.is_upload and file.sha256 is None and file.sha1 in found]
        unread = [file for file in alike if not file.is_upload and file.sha256 is None]
        if alike[0].size_bytes <= SMALL_BYTES:
            whole += [file.id for file in unread]
        elif unread:  # else the SHA-1 of every library's file is known, and tells of uploads without their ends
            ends += [file.id for file in alike if file.ends is None]
            for same_ends in _together((file for file in alike if file.ends is not None), lambda file: file.ends):
                whole += [file.id for file in same_ends if not file.is_upload and file.sha256 is None]
    return ToRead(tuple(sorted(ends)), tuple(sorted(whole)))


def identical(files: Iterable[Known]) -> list[tuple[AssetId, ...]]:
    """The files that are the same bytes, as far as they were read: groups of two and more, all sorted."""
    groups: dict[tuple[int, str], list[AssetId]] = defaultdict(list)
    for file in files:
        if file.sha256 is not None and file.size_bytes:
            groups[file.size_bytes, file.sha256].append(file.id)
    return sorted(tuple(sorted(ids)) for ids in groups.values() if len(ids) >= _FEWEST)


def _together(files: Iterable[Known], key: Callable[[Known], Key]) -> list[list[Known]]:
    """The files that share a key, where there are several and one of them is of a library."""
    groups: dict[Key, list[Known]] = defaultdict(list)
    for file in files:
        if file.size_bytes and (file.is_readable or file.sha256 is not None):
            groups[key(file)].append(file)
    return [alike for alike in groups.values() if len(alike) >= _FEWEST and not all(file.is_upload for file in alike)]
