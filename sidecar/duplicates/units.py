"""What counts as one thing when copies are compared: a stack, or an asset that stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sidecar.model import Asset, AssetId, Original


@dataclass(frozen=True, slots=True)
class Copy:
    """All that is known of one asset where copies are compared and one of them is chosen.

    Shape:  unit_id is the asset's stack, or its own id if it is in none; is_primary is said of stacked assets only.
            sha1 (base64, as Immich writes it) and sha256 (hex) are of the content, None while nobody has read the file;
            of uploads Immich itself knows the first.
    """

    asset: Asset
    original: Original
    unit_id: str
    is_primary: bool = False
    sha1: str | None = None
    sha256: str | None = None
    album_count: int = 0

    @property
    def id(self) -> AssetId:
        """The asset's id."""
        return self.asset.id

    @property
    def is_stacked(self) -> bool:
        """Whether the asset is in a stack."""
        return self.unit_id != self.asset.id

    @property
    def is_face(self) -> bool:
        """Whether the asset is what people see of its unit: a primary, or an asset in no stack."""
        return self.is_primary or not self.is_stacked

    @property
    def size_bytes(self) -> int:
        """How large the file is; 0 as long as Immich has not said."""
        return self.asset.size_bytes or 0

    @property
    def known_sha1(self) -> str | None:
        """The SHA-1 of the content, whoever read it."""
        return self.original.content_sha1 or self.sha1


@dataclass(frozen=True, slots=True)
class Unit:
    """A stack with all of its members that are known, or a single asset; the face is first, then by id."""

    id: str
    copies: tuple[Copy, ...]

    @property
    def face(self) -> Copy:
        """What people see of it; of a stack whose primary is not known, the member that comes first."""
        return self.copies[0]

    @property
    def size_bytes(self) -> int:
        """What all its files take."""
        return sum(copy.size_bytes for copy in self.copies)


def units_of(copies: Iterable[Copy]) -> dict[str, Unit]:
    """The units that the copies make up, by id, in the order of their ids."""
    members: dict[str, list[Copy]] = {}
    for copy in copies:
        members.setdefault(copy.unit_id, []).append(copy)
    return {
        unit_id: Unit(unit_id, tuple(sorted(members[unit_id], key=lambda each: (not each.is_face, each.id))))
        for unit_id in sorted(members)
    }


def contents_of(copies: Sequence[Copy]) -> dict[AssetId, str]:
    """Asset -> a name of its bytes, the same for two assets exactly if their bytes are known to be the same.

    Shape:  a SHA-256 is the name where there is one. A SHA-1 stands for the SHA-256 that was read with it; if several
            were, somebody forged one, and it stands for none of them. Assets of which neither is known are left out,
            and so are empty files, which say nothing.
    """
    read_with: dict[str, set[str]] = {}
    for copy in copies:
        if copy.known_sha1 is not None and copy.sha256 is not None:
            read_with.setdefault(copy.known_sha1, set()).add(copy.sha256)
    contents: dict[AssetId, str] = {}
    for copy in copies:
        sha1 = copy.known_sha1
        if not copy.size_bytes:
            continue
        if copy.sha256 is not None:
            contents[copy.id] = copy.sha256
        elif sha1 is not None:
            known = read_with.get(sha1, set())
            contents[copy.id] = next(iter(known)) if len(known) == 1 else sha1
    return contents
