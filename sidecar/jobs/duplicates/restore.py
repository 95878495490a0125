"""Taking a decision about duplicates back: out of the trash, and what the merge gave is taken away again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.duplicates.merging import Knowledge, Part, PartKind, is_given
from sidecar.errors import ImmichMissing, ImmichRefused, ImmichUnavailable
from sidecar.immich_client.client import Immich
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.ledger import Held
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
        begun = await resolutions.undo(connection, owner_id, ids, from_states=CAN_BE_UNDONE)
    await context.wake(JobName.RESOLVE, owner_id)
    return begun


async def _preview(context: JobContext, owner_id: OwnerId, resolution: Resolution) -> UndoPreview:
    if resolution.state not in CAN_BE_UNDONE:
        return UndoPreview(resolution, why_not=_WHY_NOT.get(resolution.state, "it is still being carried out"))
    there = await details_of(context, owner_id, resolution.trash_ids)
    restored = tuple(each for each in resolution.trash_ids if each in there and there[each].is_trashed)
    gone = tuple(each for each in resolution.trash_ids if each not in there)
    return UndoPreview(resolution, restored, gone)


async def put_everything_back(held: Held) -> list[str]:
    """What could not be put back, in sentences; everything else is as it was before the decision.

    Shape:  doing it twice is harmless. What somebody changed since the decision stays as they left it.
    Errors: those of the client, and LeftForLater: it is gone on with later.
    """
    notes: list[str] = []
    if held.step.is_trashing:
        notes += await _out_of_the_trash(held)
    if held.step.begun:
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
            notes.append(f"{len(left)} files stay in Immich's trash.")
        for each in now.values():
            await _give_back(held, immich, each)
    if gone:
        notes.append(f"{gone} files were deleted for good meanwhile.")
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
    given = [each for each in held.gain.parts[: held.step.begun] if each not in held.step.refused]
    before = held.before[keeper_id].knowledge
    await held.advance()
    now = await _knowledge(held)
    if now is None:
        return ["What was kept is gone, so that nothing was taken back from it."]
    notes: list[str] = []
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
