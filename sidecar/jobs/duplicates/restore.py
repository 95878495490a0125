"""Taking a decision about duplicates back: out of the trash, and what the merge gave is taken away again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.duplicates.merging import Knowledge, Part, PartKind, is_given
from sidecar.errors import ImmichMissing, ImmichRefused, ImmichUnavailable
from sidecar.immich_client.client import Immich
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.ledger import Held, before_of, counted, step_of
from sidecar.jobs.duplicates.looking import Now, details_of, links_to_assets, look_at
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, OwnerId
from sidecar.storage import resolutions
from sidecar.storage.database import chunks
from sidecar.storage.resolutions import Resolution, ResolutionState

AT_ONCE = 1000
"""Assets in one call of Immich, and between two renewals of a claim."""

PATIENCE = 5
"""So often Immich is given time to show what was written; then what it shows is how it is."""

CAN_BE_UNDONE = frozenset({ResolutionState.DONE, ResolutionState.FAILED})

_WHY_NOT = {
    ResolutionState.UNDONE: "taken back already",
    ResolutionState.UNDOING: "it is being taken back",
    ResolutionState.WITHDRAWN: "nothing was done",
}


@dataclass(frozen=True, slots=True)
class UndoPreview:
    """What taking a decision back would do.

    Shape:  restored are those who would come back, gone those who were deleted for good meanwhile. why_not says why
            the decision cannot be taken back at all; then nothing else counts.
    """

    resolution: Resolution
    restored: tuple[AssetId, ...] = ()
    gone: tuple[AssetId, ...] = ()
    why_not: str | None = None


async def preview_undo(context: JobContext, owner_id: OwnerId, ids: Sequence[str]) -> list[UndoPreview]:
    """What taking these decisions back would do, looked up in Immich; unknown ids are left out.

    Errors: those of the client.
    """
    async with context.database.read() as connection:
        found = await resolutions.entries(connection, owner_id, ids)
    return [await _preview(context, owner_id, each) for each in found]


async def undo(context: JobContext, owner_id: OwnerId, ids: Sequence[str]) -> list[str]:
    """Those of these decisions that are taken back from now on, sorted; the resolve job does it.

    Shape:  only what was carried out, or failed, can be taken back.
    """
    async with context.database.write() as connection:
        await resolutions.lock(connection, owner_id)
        found = [each for each in await resolutions.entries(connection, owner_id, ids) if _why_not(each) is None]
        begun = await resolutions.undo(connection, owner_id, [each.id for each in found], from_states=CAN_BE_UNDONE)
    await context.wake(JobName.RESOLVE, owner_id)
    return begun


async def _preview(context: JobContext, owner_id: OwnerId, resolution: Resolution) -> UndoPreview:
    if (why_not := _why_not(resolution)) is not None:
        return UndoPreview(resolution, why_not=why_not)
    there = await details_of(context, owner_id, resolution.trash_ids)
    restored = tuple(each for each in resolution.trash_ids if each in there and there[each].is_trashed)
    gone = tuple(each for each in resolution.trash_ids if each not in there)
    if not there:
        return UndoPreview(resolution, gone=gone, why_not="what went was deleted for good meanwhile")
    return UndoPreview(resolution, restored, gone)


def _why_not(resolution: Resolution) -> str | None:
    if resolution.state not in CAN_BE_UNDONE:
        return _WHY_NOT.get(resolution.state, "it is still being carried out")
    if resolution.state is ResolutionState.FAILED and not step_of(resolution).has_left_something:
        return "it failed, and nothing of it was left"
    return None


async def put_everything_back(held: Held) -> list[str]:
    """What could not be put back, in sentences; everything else is as it was before the decision.

    Shape:  doing it twice is harmless. What somebody changed since the decision stays as they left it.
    Errors: those of the client, and LeftForLater: it is gone on with later.
    """
    notes: list[str] = []
    if held.step.is_trashing:
        notes += await _out_of_the_trash(held)
    if held.step.given:
        notes += await _take_away(held)
    return notes


async def _out_of_the_trash(held: Held) -> list[str]:
    context, owner_id = held.context, held.owner_id
    immich = context.immich(owner_id)
    gone = 0
    notes: list[str] = []
    for ids in chunks(held.resolution.trash_ids, AT_ONCE):
        await held.advance()
        there = await details_of(context, owner_id, ids)
        gone += len(ids) - len(there)
        trashed = [each for each in ids if each in there and there[each].is_trashed]
        await immich.restore(trashed)
        now = await look_at(context, owner_id, trashed, await links_to_assets(immich))
        if left := [each for each in now.values() if each.asset.is_trashed]:
            if held.resolution.attempts < PATIENCE:
                raise ImmichUnavailable("Immich has not restored everything from the trash yet")
            notes.append(f"{counted(len(left), 'file stays', 'files stay')} in Immich's trash.")
        for each in now.values():
            await _give_back(held, immich, each)
    if gone:
        notes.append(f"{counted(gone, 'file was', 'files were')} deleted for good meanwhile.")
    return notes


async def _give_back(held: Held, immich: Immich, now: Now) -> None:
    """Whoever is back is in its albums and links again and has its tags; Immich keeps them, as far as is known."""
    asset_id = now.asset.id
    before = held.before[asset_id].knowledge
    for kind, had, has in (
        (PartKind.ALBUM, before.albums, now.knowledge.albums),
        (PartKind.TAG, before.tags, now.knowledge.tags),
        (PartKind.LINK, before.links, now.knowledge.links),
    ):
        for each in sorted(set(had) - set(has)):
            try:
                await _ADDING[kind](immich, each, asset_id)
            except (ImmichMissing, ImmichRefused):
                continue  # it was deleted meanwhile, or is no longer theirs to change


async def _take_away(held: Held) -> list[str]:
    context, owner_id, keeper_id = held.context, held.owner_id, held.keeper_id
    immich = context.immich(owner_id)
    before = held.before[keeper_id].knowledge
    await held.advance()
    now = await _knowledge(held)
    if now is None:
        return ["What was kept is gone, so that nothing was taken back from it."]
    given, notes = await _to_take(held)
    sent: list[Part] = []
    for part in reversed(given):
        if not is_given(part, held.gain, now):
            notes += _left(part, before, now)
        elif part.kind is PartKind.PLACE:
            notes.append("Its place stays: Immich has no way to take one away.")
        else:
            try:
                await _take(immich, part, keeper_id, before)
                sent.append(part)
            except ImmichMissing:
                continue  # the album, tag or link is gone, or closed: what others see of it is not ours any more
            except ImmichRefused as error:
                notes.append(f"Something stays with what was kept: {error}")
    if sent and (after := await _knowledge(held)) is not None:
        stays = [part for part in sent if is_given(part, held.gain, after)]
        if stays and held.resolution.attempts < PATIENCE:
            raise ImmichUnavailable("Immich does not show yet that everything was taken back")
        notes += [f"Immich still shows it: {part.kind.value}." for part in stays]
    return notes


async def _to_take(held: Held) -> tuple[list[Part], list[str]]:
    """What of that which was given may go again, and what is said of the rest."""
    parts = [part for part in held.step.given if part not in held.step.passed_over]
    known = [await _is_known_without_us(held, part) for part in parts]
    given = [part for part, is_known in zip(parts, known, strict=True) if is_known]
    stays = [part for part in parts if part not in given]
    return given, [f"Its {part.kind.value} stays: nobody else knows it any more." for part in stays]


async def _is_known_without_us(held: Held, part: Part) -> bool:
    """Whether all from whom the keeper has it are back, and no other decision that stands gave it the same."""
    context, owner_id = held.context, held.owner_id
    sources = [each for each in held.resolution.trash_ids if _has(held.before[each].knowledge, part, held)]
    there = await details_of(context, owner_id, sources)
    back = [each for each in sources if each in there and not there[each].is_trashed]
    is_enough = len(back) == len(sources) if part.kind is PartKind.DESCRIPTION else bool(back)
    if not is_enough:
        return False
    async with context.database.read() as connection:
        others = await resolutions.standing_about(connection, owner_id, held.keeper_id)
    return not any(
        _has(each.knowledge, part, held)
        for other in others
        if other.id != held.resolution.id
        for asset_id, each in before_of(other).items()
        if asset_id in other.trash_ids
    )


def _has(known: Knowledge, part: Part, held: Held) -> bool:
    """Whether an asset of which this is known has what the part gave."""
    gain = held.gain
    told = {
        PartKind.FAVORITE: known.is_favorite,
        PartKind.RATING: known.rating is not None and known.rating == gain.rating,
        PartKind.TAG: part.id in known.tags,
        PartKind.ALBUM: part.id in known.albums,
        PartKind.LINK: part.id in known.links,
        PartKind.DESCRIPTION: bool(known.description),
        PartKind.PLACE: known.place is not None and known.place == gain.place,
    }
    return told[part.kind]


async def _knowledge(held: Held) -> Knowledge | None:
    """What is known of the one that was kept; None if it is gone."""
    immich = held.context.immich(held.owner_id)
    has_links = bool(held.gain.ids(PartKind.LINK))
    links = await links_to_assets(immich) if has_links else ()
    now = await look_at(held.context, held.owner_id, [held.keeper_id], links)
    return now[held.keeper_id].knowledge if held.keeper_id in now else None


def _left(part: Part, before: Knowledge, now: Knowledge) -> Iterator[str]:
    """What is said of a detail that somebody changed since."""
    if (part.kind is PartKind.RATING and now.rating != before.rating) or (
        part.kind is PartKind.DESCRIPTION and now.description != before.description
    ):
        yield f"Its {part.kind.value} was changed since and stays."


async def _take(immich: Immich, part: Part, keeper_id: AssetId, before: Knowledge) -> None:
    match part.kind:
        case PartKind.FAVORITE:
            await immich.update_details(keeper_id, is_favorite=False)
        case PartKind.RATING:
            await immich.update_details(keeper_id, rating=before.rating)
        case PartKind.TAG:
            await immich.untag(part.id, [keeper_id])
        case PartKind.ALBUM:
            await immich.remove_from_album(part.id, [keeper_id])
        case PartKind.LINK:
            await immich.remove_from_link(part.id, [keeper_id])
        case _:
            await immich.update_details(keeper_id, description=before.description)


async def _add_to_album(immich: Immich, album_id: str, asset_id: AssetId) -> None:
    await immich.add_to_album(album_id, [asset_id])


async def _tag(immich: Immich, tag_id: str, asset_id: AssetId) -> None:
    await immich.tag(tag_id, [asset_id])


async def _add_to_link(immich: Immich, link_id: str, asset_id: AssetId) -> None:
    await immich.add_to_link(link_id, [asset_id])


_ADDING = {PartKind.ALBUM: _add_to_album, PartKind.TAG: _tag, PartKind.LINK: _add_to_link}
