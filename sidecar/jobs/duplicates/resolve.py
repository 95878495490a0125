"""The resolve job: decisions about duplicates are carried out, and taken back, each step on record before the next.

Nothing is deleted: what goes lies in Immich's trash afterwards, and only while the server has one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sidecar.duplicates.merging import Gain, Knowledge, Part, PartKind, is_given, plan_merge
from sidecar.duplicates.verdict import SENTENCES, Refusal
from sidecar.errors import (
    AskPerson,
    ImmichMissing,
    ImmichUnavailable,
    SidecarError,
    StaleDecision,
    TryLater,
)
from sidecar.grouping.memory import DecisionSource
from sidecar.immich_client.details import Album, SharedLink
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import LEASE_MS, WAIT_FOR_PERSON_MS, JobContext
from sidecar.jobs.duplicates.decide import BULK
from sidecar.jobs.duplicates.dismissals import forget_kept, remember_distinct
from sidecar.jobs.duplicates.group import group
from sidecar.jobs.duplicates.ledger import Before, Held, LeftForLater, counted
from sidecar.jobs.duplicates.looking import Now, ask_each, details_of, is_shown, links_to_assets, look_at, state_of
from sidecar.jobs.duplicates.restore import AT_ONCE, PATIENCE, put_everything_back
from sidecar.jobs.queue import JobName
from sidecar.jobs.rules import detection_rules_of
from sidecar.jobs.several import all_to_the_end
from sidecar.model import Asset, AssetId, OwnerId, Stack
from sidecar.redaction import OwnWords, without_names
from sidecar.storage import detections, duplicate_sets, resolutions
from sidecar.storage.database import chunks
from sidecar.storage.resolutions import Resolution, ResolutionState

log = logging.getLogger(__name__)

_SETS_CHANGE = frozenset({ResolutionState.WITHDRAWN, ResolutionState.FAILED, ResolutionState.UNDONE})
"""Endings after which what was taken from the list of sets may have to be there again."""


async def resolve(context: JobContext, owner_id: OwnerId) -> None:
    """Carries out the owner's due decisions until none is due, Immich does not answer, or the process is to stop.

    Errors: none of what happens to a single decision: that ends in the journal, in words. TryLater and AskPerson where
            Immich cannot be asked about anything.
    """
    ended: list[tuple[Resolution, ResolutionState]] = []
    goes_on = True
    while goes_on and not context.stopping.is_set():
        lease, now_ms = context.new_id(), context.now_ms()
        async with context.database.write() as connection:
            claimed = await resolutions.claim(
                connection,
                owner_id,
                lease=lease,
                now_ms=now_ms,
                lease_ms=LEASE_MS,
                limit=context.concurrent_writes,
            )
        if not claimed:
            break
        # Two decisions about one keeper would see each other's half-way states.
        chains: dict[AssetId, list[Resolution]] = {}
        for each in claimed:
            chains.setdefault(each.keep_ids[0], []).append(each)
        carried = await all_to_the_end(_one_by_one(context, chain, lease) for chain in chains.values())
        states = [state for chain in carried for state in chain]
        ended += [(each, state) for each, state in states if state is not None]
        goes_on = all(state is not None for _, state in states)
    if ended:
        await _afterwards(context, owner_id, ended)


async def _one_by_one(
    context: JobContext, chain: Sequence[Resolution], lease: str
) -> list[tuple[Resolution, ResolutionState | None]]:
    return [(each, await _Carrying(Held(context, each, lease)).carry_out()) for each in chain]


async def _afterwards(
    context: JobContext, owner_id: OwnerId, ended: Sequence[tuple[Resolution, ResolutionState]]
) -> None:
    """The mirror knows what went and came back, and so do the sets."""
    await read_changes(context, owner_id)
    gone = sorted(asset_id for each, state in ended if state is ResolutionState.DONE for asset_id in each.trash_ids)
    async with context.database.write() as connection:
        # A search that ended meanwhile may have taken them for present.
        outdated = await duplicate_sets.touching(connection, owner_id, gone)
        await duplicate_sets.remove(connection, owner_id, [each.id for each in outdated])
        if any(state is ResolutionState.UNDONE for _, state in ended):
            # Whoever was in the trash is known to nobody any more, and is searched for anew.
            await detections.request(connection, owner_id, now_ms=context.now_ms())
    if any(state in _SETS_CHANGE or each.origin == BULK for each, state in ended):
        async with context.database.read() as connection:
            rules = await detection_rules_of(context, connection, owner_id)
        await group(context, owner_id, rules)
    await context.wake(JobName.REMEMBER, owner_id)
    await context.wake(JobName.RECORD, owner_id)


class _Carrying:
    """One claimed decision on its way."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._context = held.context
        self._owner_id = held.owner_id
        self._immich = held.context.immich(held.owner_id)

    async def carry_out(self) -> ResolutionState | None:
        """How the decision ended; None if it is gone on with later."""
        try:
            return await self._go_on()
        except LeftForLater:
            await self._postpone(None)
        except TryLater as error:
            log.warning("a decision about duplicates waits: %s", error)
            await self._postpone(str(error), self._context.retry_at_ms(self._held.resolution.attempts))
        except AskPerson as error:
            log.warning("a decision about duplicates waits for somebody: %s", error)
            await self._postpone(str(error), self._context.now_ms() + WAIT_FOR_PERSON_MS)
        return None

    async def _go_on(self) -> ResolutionState | None:
        step = self._held.step
        if self._held.resolution.state is ResolutionState.UNDOING:
            return await self._undo()
        if step.back_to is not None:
            return await self._go_back(step.back_to, step.why)
        try:
            if self._held.resolution.state is ResolutionState.INTENDED:
                await self._prepare()
            if self._held.resolution.state is ResolutionState.MERGING:
                await self._merge()
            await self._trash()
        except TryLater:
            raise
        except StaleDecision as error:
            return await self._go_back(ResolutionState.WITHDRAWN, str(error))
        except SidecarError as error:
            return await self._go_back(ResolutionState.FAILED, str(error))
        return await self._end(ResolutionState.DONE)

    async def _prepare(self) -> None:
        """Looks at everybody, writes down how they were, and what the one that stays will gain."""
        links = await links_to_assets(self._immich)
        now: dict[AssetId, Now] = {}
        for ids in chunks([*self._vital(), *self._held.resolution.trash_ids], AT_ONCE):
            await self._held.advance()
            now |= await look_at(self._context, self._owner_id, ids, links)
        self._check_keepers({each: now[each].asset for each in self._vital() if each in now})
        going = self._held.resolution.trash_ids
        self._check_going({each: (now[each].asset, now[each].stack) for each in going if each in now}, going)
        if any(now[each].asset.is_trashed for each in going):
            raise StaleDecision(SENTENCES[Refusal.CHANGED])
        keeper = now[self._held.keeper_id]
        gain = plan_merge(keeper.knowledge, [now[each].knowledge for each in going])
        albums = {album.id: album for each in going for album in now[each].albums}
        if self._held.resolution.origin == BULK and _publishes(gain, albums):
            raise StaleDecision("What is kept would be seen by others: decide about this set by itself.")
        closed = {album_id for album_id in albums if self._owner_id not in albums[album_id].writer_ids}
        refused = tuple(part for part in gain.parts if part.kind is PartKind.ALBUM and part.id in closed)
        before = {each: _before(now[each]) for each in (self._held.keeper_id, *going)}
        await self._held.advance(state=ResolutionState.MERGING, before=before, gain=gain, refused=refused)

    async def _merge(self) -> None:
        """Gives the one that stays what the others knew, and sees that it has it."""
        held = self._held
        self._check_albums()
        before = held.before[held.keeper_id].knowledge
        now = await self._knowledge()
        for part in held.gain.parts:
            if part in held.step.passed_over or not _is_lacking(part, held, before, now):
                continue
            if part not in held.step.given:
                await held.advance(given=(*held.step.given, part))
            try:
                await self._give(part)
            except ImmichMissing:
                await self._refused(part)
        self._check_albums()
        if held.gain.parts:
            now = await self._knowledge()
            lacking = [
                part
                for part in held.gain.parts
                if part not in held.step.passed_over and _is_lacking(part, held, before, now)
            ]
            if lacking and held.resolution.attempts < PATIENCE:
                raise ImmichUnavailable("Immich does not show yet what was given to the copy that stays")
            if lacking:
                raise AskPerson(f"Immich does not keep what the copy that stays was given: {lacking[0].kind.value}.")
        await held.advance(state=ResolutionState.TRASHING)

    async def _refused(self, part: Part) -> None:
        """Remembers an album that is closed, a tag or link that is gone; or an album that nobody is in any more."""
        going = self._held.resolution.trash_ids
        sources = [each for each in going if part.id in self._held.before[each].knowledge.albums]
        is_gone = part.kind is PartKind.ALBUM
        for source in sources:
            is_gone = is_gone and part.id not in {album.id for album in await self._immich.albums_of(source)}
        if is_gone:
            await self._held.advance(gone=(*self._held.step.gone, part))
        else:
            await self._held.advance(refused=(*self._held.step.refused, part))

    async def _trash(self) -> None:
        """Puts those that go into the trash, and sees that they are there and that there still is a trash."""
        held = self._held
        for ids in chunks(held.resolution.trash_ids, AT_ONCE):
            await held.advance()
            await self._check_trash()
            placed = await self._placed(ids)
            left = [each for each in ids if each in placed and not placed[each][0].is_trashed]
            self._check_going(placed, left)
            await held.advance(is_trashing=True)
            # Right before: asking about thousands that go takes long, and who stays must be there to the end.
            await self._check_kept_files([placed[each][0] for each in left])
            await self._check_trash()
            await self._immich.trash(left)
            there = await details_of(self._context, self._owner_id, left)
            if not all(asset.is_trashed for asset in there.values()):
                raise ImmichUnavailable("Immich has not put everything into the trash yet")
            await self._check_kept_files([])
            await self._check_trash()

    async def _undo(self) -> ResolutionState:
        notes = await self._put_back()
        async with self._context.database.write() as connection:
            await forget_kept(connection, self._owner_id, self._held.resolution.keep_ids)
        return await self._end(ResolutionState.UNDONE, " ".join(notes) or None)

    async def _go_back(self, state: ResolutionState, why: str) -> ResolutionState:
        log.warning("a decision about duplicates is not carried out: %s", OwnWords(without_names(why)))
        await self._held.advance(back_to=state, why=why)
        notes = await self._put_back()
        if not notes:
            # Nothing of ours is left: whatever is there from now on is somebody else's doing.
            await self._held.advance(given=(), is_trashing=False)
        return await self._end(state, " ".join([why, *notes]))

    async def _put_back(self) -> list[str]:
        try:
            return await put_everything_back(self._held)
        except (TryLater, AskPerson):
            raise
        except SidecarError as error:
            return [f"Not everything could be put back: {error}"]

    async def _end(self, state: ResolutionState, error: str | None = None) -> ResolutionState:
        held = self._held
        async with self._context.database.write() as connection:
            await resolutions.end(
                connection, held.resolution, state, lease=held.lease, now_ms=self._context.now_ms(), error=error
            )
            kept = held.resolution.keep_ids
            if state is ResolutionState.DONE and held.resolution.origin != BULK and len(kept) > 1:
                # They would come back as a set of their own, about which somebody has decided already.
                await remember_distinct(
                    self._context, connection, self._owner_id, [frozenset(kept)], source=DecisionSource.KEPT
                )
        log.info("a decision about duplicates has ended: %s", state, extra={"assets": len(held.resolution.trash_ids)})
        return state

    async def _postpone(self, error: str | None, again_at_ms: int = 0) -> None:
        held = self._held
        async with self._context.database.write() as connection:
            await resolutions.postpone(
                connection, held.resolution, lease=held.lease, error=error, not_before_ms=again_at_ms
            )

    def _vital(self) -> list[AssetId]:
        """Those on whom it depends that nothing is lost: who gains, and who has the same bytes as one that goes."""
        return list(dict.fromkeys((self._held.keeper_id, *self._held.agreed.covers.values())))

    def _check_keepers(self, there: Mapping[AssetId, Asset]) -> None:
        for asset_id in self._vital():
            asset = there.get(asset_id)
            if asset is None or asset.is_trashed or not is_shown(asset) or not self._is_as_seen(asset):
                raise StaleDecision(SENTENCES[Refusal.KEEPER_AWAY])

    def _check_going(self, there: Mapping[AssetId, tuple[Asset, Stack | None]], going: Sequence[AssetId]) -> None:
        everybody = set(self._held.resolution.trash_ids)
        for asset_id in going:
            asset, stack = there.get(asset_id, (None, None))
            if asset is None or not is_shown(asset):
                raise StaleDecision(SENTENCES[Refusal.CHANGED])
            if not self._is_as_seen(asset):
                raise StaleDecision(SENTENCES[Refusal.REPLACED])
            if stack is not None and not {stack.primary_id, *stack.member_ids} <= everybody:
                raise StaleDecision(SENTENCES[Refusal.LOSES_VERSIONS])

    def _is_as_seen(self, asset: Asset) -> bool:
        """Whether it is the owner's, and its file the one about which the decision was made."""
        return asset.owner_id == self._owner_id and self._held.agreed.seen.get(asset.id) == state_of(asset)

    def _check_albums(self) -> None:
        refused = [part for part in self._held.step.refused if part.kind is PartKind.ALBUM]
        if refused and not self._held.agreed.agreement.lost_albums:
            albums = counted(len(refused), "album refuses", "albums refuse")
            raise AskPerson(
                f"{albums} what is kept, and would lose the picture: say that this is meant, or keep what is in them."
            )

    async def _check_trash(self) -> None:
        if not await self._immich.trash_is_on():
            raise AskPerson(SENTENCES[Refusal.TRASH_IS_OFF])

    async def _check_kept_files(self, going: Sequence[Asset]) -> None:
        """Those who stay are there, as they were, Immich can read their files, and no motion goes with who goes."""
        there = await details_of(self._context, self._owner_id, self._vital())
        self._check_keepers(there)
        if any(each.live_photo_video_id for each in going):
            staying = await details_of(self._context, self._owner_id, self._held.resolution.keep_ids)
            if not any(each.live_photo_video_id for each in staying.values()):
                raise StaleDecision(SENTENCES[Refusal.LOSES_MOTION])
        for asset_id in self._vital():
            try:
                head = await self._immich.head_of(asset_id, 1)
            except ImmichMissing:
                head = b""
            if not head:
                raise StaleDecision(SENTENCES[Refusal.KEEPER_AWAY])

    async def _placed(self, ids: Sequence[AssetId]) -> dict[AssetId, tuple[Asset, Stack | None]]:
        """Each asset that there is, and the stack that it is in."""

        async def ask(asset_id: AssetId) -> tuple[Asset, Stack | None]:
            return await self._immich.asset(asset_id), await self._immich.stack_of(asset_id)

        return await ask_each(self._context, ids, ask)

    async def _knowledge(self) -> Knowledge:
        has_links = bool(self._held.gain.ids(PartKind.LINK))
        links: Sequence[SharedLink] = await links_to_assets(self._immich) if has_links else ()
        now = await look_at(self._context, self._owner_id, [self._held.keeper_id], links)
        if self._held.keeper_id not in now:
            raise StaleDecision(SENTENCES[Refusal.KEEPER_AWAY])
        return now[self._held.keeper_id].knowledge

    async def _give(self, part: Part) -> None:
        immich, keeper_id, gain = self._immich, self._held.keeper_id, self._held.gain
        match part.kind:
            case PartKind.FAVORITE:
                await immich.update_details(keeper_id, is_favorite=True)
            case PartKind.RATING:
                await immich.update_details(keeper_id, rating=gain.rating)
            case PartKind.TAG:
                await immich.tag(part.id, [keeper_id])
            case PartKind.ALBUM:
                await immich.add_to_album(part.id, [keeper_id])
            case PartKind.LINK:
                await immich.copy_links(part.source_id or keeper_id, keeper_id)
            case PartKind.DESCRIPTION:
                await immich.update_details(keeper_id, description=gain.description or "")
            case _:
                latitude, longitude = gain.place or (0.0, 0.0)
                await immich.update_details(keeper_id, latitude=latitude, longitude=longitude)


def _publishes(gain: Gain, albums: Mapping[str, Album]) -> bool:
    """Whether the copy that stays would be where others see it, and is not yet."""
    return any(
        part.kind is PartKind.LINK or (part.kind is PartKind.ALBUM and albums[part.id].is_shared) for part in gain.parts
    )


def _before(now: Now) -> Before:
    original = now.asset.original
    return Before(
        now.knowledge,
        now.asset.visibility.value,
        original.checksum if original is not None else "",
        now.stack.id if now.stack is not None else None,
    )


def _is_lacking(part: Part, held: Held, before: Knowledge, now: Knowledge) -> bool:
    """Whether the copy that stays still lacks this; a detail that somebody changed meanwhile is as they want it."""
    if is_given(part, held.gain, now):
        return False
    match part.kind:
        case PartKind.RATING:
            return now.rating == before.rating
        case PartKind.DESCRIPTION:
            return now.description == before.description
        case PartKind.PLACE:
            return now.place == before.place
        case _:
            return True
