"""`sidecar duplicates show`: every copy of a set with all that tells it from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.accounts.connected import Account
from sidecar.commands.report import plural, printable, size_of
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import Preference, choose_keeper
from sidecar.duplicates.units import units_of
from sidecar.errors import ImmichMissing, ImmichUnavailable
from sidecar.formats import Format, format_of
from sidecar.immich_client.details import Album
from sidecar.jobs.duplicates.copies import copy_of
from sidecar.jobs.rules import detection_rules_of
from sidecar.model import Asset, AssetId, OwnerId
from sidecar.storage import originals, partner_copies, stacks
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.originals import Present
from sidecar.wiring import Services

MOST_SHOWN = 50
_MOST_RANKED = 500
"""Of larger sets, albums are not asked for: that is a call for each copy."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """One copy; present is None if it is gone since, albums None if Immich was not or could not be asked."""

    member: SetMember
    present: Present | None
    albums: Sequence[Album] | None
    partner_count: int


@dataclass(frozen=True, slots=True)
class SetDetails:
    """A set with everything about its copies; why says by which rule the first is suggested."""

    account: Account
    found: StoredSet
    copies: Sequence[_Shown]
    why: str | None

    def object(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "user": self.account.user.name,
            "user_id": self.account.user.id,
            "id": self.found.id,
            "class": self.found.kind.value,
            "similarity": self.found.similarity,
            "savings_bytes": self.found.savings_bytes,
            "suggested_because": self.why,
            "warnings": list(self._warnings()),
            "assets": [_object(copy) for copy in self.copies],
        }

    def texts(self) -> Iterator[str]:
        """The same for people."""
        frees = f"keeping one frees {size_of(self.found.savings_bytes)}"
        yield f"{self.found.id}  {self.found.kind}, {self.found.member_count} copies; {frees}"
        for copy in self.copies[:MOST_SHOWN]:
            yield from _texts(copy, self.why)
        if len(self.copies) > MOST_SHOWN:
            yield f"  … and {len(self.copies) - MOST_SHOWN} more (--json lists them)"
        for warning in self._warnings():
            yield f"  Note: {warning}"

    def _warnings(self) -> Iterator[str]:
        if self.found.kind is DuplicateClass.FEATURELESS:
            yield "these pictures have hardly any content; that they are alike says little"
        if self.found.kind is DuplicateClass.EDITED:
            yield "these are nearly the same picture, not the same; look at them before you decide"
        gone = sum(copy.present is None for copy in self.copies)
        if gone:
            yield f"{plural(gone, 'file')} of the set changed or went since; the next search for duplicates finds out"
        if any(_library_id(copy) is not None for copy in self.copies):
            yield (
                "a file of an external library that goes to the trash is deleted from its disk when Immich empties "
                "the trash"
            )
        if any(copy.albums is None for copy in self.copies):
            yield "Immich was not asked which albums the copies are in"


def _texts(copy: _Shown, why: str | None) -> Iterator[str]:
    member, present = copy.member, copy.present
    if present is None:
        yield f"  {member.asset_id}  (no longer there as it was)"
        return
    asset = present.asset
    suggested = " (suggested to be kept)" if member.is_suggested else ""
    yield f"  {printable(asset.name)}  {asset.id}{suggested}"
    if member.is_suggested:
        yield f"      why: {why}" if why is not None else "      why: it was the best when the set was found"
    else:
        is_measured = member.similarity is not None and member.kind is not DuplicateClass.IDENTICAL
        alike = f", alike by {member.similarity:.3g}" if is_measured else ""
        yield f"      {member.kind}{alike}: {printable(member.reason)}"
    place = _place(asset)
    yield f"      {printable(place)}"
    yield f"      {', '.join(_facts(asset))}"
    about = list(_standing(copy, present))
    if about:
        yield f"      {', '.join(about)}"


def _place(asset: Asset) -> str:
    if asset.original is None or asset.original.library_id is None:
        return "uploaded"
    return f"external library: {asset.original.path}"


def _facts(asset: Asset) -> Iterator[str]:
    yield size_of(asset.size_bytes) if asset.size_bytes is not None else "size not known yet"
    if asset.width is not None and asset.height is not None:
        yield f"{asset.width} x {asset.height}"
    kind = asset.content or format_of(asset.name)
    yield str(kind) if kind is not Format.UNKNOWN else "format not known"
    yield f"{datetime.fromtimestamp(asset.taken_local_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    camera = " ".join(part for part in (asset.make, asset.model) if part)
    if camera:
        yield printable(camera)


def _standing(copy: _Shown, present: Present) -> Iterator[str]:
    if present.asset.original is not None and present.asset.original.is_favorite:
        yield "a favourite"
    if present.stack_id is not None:
        yield f"in a stack of {present.stack_size}"
    if copy.albums:
        yield "in " + ", ".join(
            f"{printable(each.name)!r}{' (shared)' if each.is_shared else ''}" for each in copy.albums
        )
    if copy.partner_count:
        partners = "a partner of yours has" if copy.partner_count == 1 else f"{copy.partner_count} partners have"
        yield f"{partners} the same file"


def _object(copy: _Shown) -> dict[str, object]:
    member = copy.member
    known: dict[str, object] = {
        "id": member.asset_id,
        "class": member.kind.value,
        "similarity": member.similarity,
        "reason": member.reason,
        "is_suggested": member.is_suggested,
        "sha256": member.content,
        "is_there": copy.present is not None,
        "partner_count": copy.partner_count,
        "albums": None
        if copy.albums is None
        else [{"name": each.name, "is_shared": each.is_shared} for each in copy.albums],
    }
    if copy.present is not None:
        asset, original = copy.present.asset, copy.present.asset.original
        known |= {
            "name": asset.name,
            "path": None if original is None else original.path,
            "library_id": None if original is None else original.library_id,
            "size_bytes": asset.size_bytes,
            "width": asset.width,
            "height": asset.height,
            "format": str(asset.content or format_of(asset.name)),
            "taken_local": datetime.fromtimestamp(asset.taken_local_ms / 1000, UTC).replace(tzinfo=None).isoformat(),
            "camera": " ".join(part for part in (asset.make, asset.model) if part) or None,
            "is_favorite": original is not None and original.is_favorite,
            "stack_size": copy.present.stack_size,
        }
    return known


def _library_id(copy: _Shown) -> str | None:
    original = copy.present.asset.original if copy.present is not None else None
    return original.library_id if original is not None else None


async def details_of(services: Services, account: Account, found: StoredSet) -> SetDetails:
    """Everything about the copies of this set, as the mirror and Immich have it now."""
    owner_id = account.user.id
    ids = [member.asset_id for member in found.members]
    async with services.database.read() as connection:
        rules = await detection_rules_of(services.jobs, connection, owner_id)
        around = await stacks.touching(connection, owner_id, ids)
        everybody = sorted({*ids, *(member for stack in around for member in stack.member_ids)})
        present = await originals.copies(connection, owner_id, everybody)
        partners = await _partner_counts(connection, owner_id, ids)
    albums = await _albums(account, ids if len(ids) <= _MOST_RANKED else [])
    copies = [
        _Shown(each, present.get(each.asset_id), albums.get(each.asset_id), partners.get(each.asset_id, 0))
        for each in found.members
    ]
    return SetDetails(account, found, copies, _why(found, present, albums, rules.preference))


def _why(
    found: StoredSet,
    present: Mapping[AssetId, Present],
    albums: Mapping[AssetId, Sequence[Album]],
    preference: Preference,
) -> str | None:
    """By what the suggested copy is the best, if it still is."""
    units = units_of(copy_of(each, album_count=len(albums.get(asset_id, ()))) for asset_id, each in present.items())
    if not units:
        return None
    choice = choose_keeper(units.values(), preference)
    return choice.words if any(copy.id == found.best_id for copy in choice.best.copies) else None


async def _partner_counts(connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]) -> dict[AssetId, int]:
    """How many partners have the same file, as far as Immich shows theirs to this user."""
    partners: dict[AssetId, set[OwnerId]] = {}
    for each in await partner_copies.of(connection, owner_id, ids):
        partners.setdefault(each.asset_id, set()).add(each.partner_id)
    return {asset_id: len(found) for asset_id, found in partners.items()}


async def _albums(account: Account, ids: Sequence[AssetId]) -> dict[AssetId, tuple[Album, ...]]:
    """The albums of each, as far as Immich answers."""
    albums: dict[AssetId, tuple[Album, ...]] = {}
    for asset_id in ids:
        try:
            albums[asset_id] = await account.immich.albums_of(asset_id)
        except ImmichUnavailable:
            break
        except ImmichMissing:
            albums[asset_id] = ()
    return albums
