"""What was done in Immich for a user, and what is about to be: writes of stacks and decisions about duplicates.

Two journals, one history: its key is the moment when something was wanted, and its id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import StaleDecision
from sidecar.grouping.restacking import State, shapes
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates import restore
from sidecar.jobs.duplicates.ledger import step_of
from sidecar.jobs.undo import result_of, take_back
from sidecar.model import AssetId, OwnerId, Stack
from sidecar.redaction import without_names
from sidecar.storage import assets, journal, resolutions, stacks
from sidecar.storage.journal import ActionKind, ActionState, Entry, Origin, Undoing
from sidecar.storage.resolutions import Resolution, ResolutionState

MOST_MEMBERS = 20
"""So many pictures of one deed are named; a burst may have hundreds."""

_AT_ONCE = 1_000
_PAIR = 2

Place = tuple[int, str]
"""Where something stands in the history: when it was wanted, and its id."""


class What(StrEnum):
    """What was done."""

    STACK = "stack"
    """A stack was made, or grew."""
    COVER = "cover"
    """A stack was given another cover."""
    UNSTACK = "unstack"
    """A stack was taken apart."""
    DUPLICATES = "duplicates"
    """Copies went to the trash, or came back from it."""
    UNDO = "undo"
    """Earlier changes of stacks were taken back."""


class Progress(StrEnum):
    """How far it has come."""

    WAITING = "waiting"
    """It is on record, and not yet in Immich."""
    RUNNING = "running"
    """Copies are on their way to the trash."""
    DONE = "done"
    """It was done, and was not taken back."""
    FAILED = "failed"
    """It was given up."""
    WITHDRAWN = "withdrawn"
    """The present did not fit it any more; nothing was changed."""
    UNDOING = "undoing"
    """It was done, and is being taken back."""
    UNDONE = "undone"
    """It was done, and taken back."""


class Role(StrEnum):
    """What a picture is to what was done."""

    COVER = "cover"
    MEMBER = "member"
    KEPT = "kept"
    TRASHED = "trashed"


class TroubleKind(StrEnum):
    """What an error means for what was wanted."""

    RETRYING = "retrying"
    """It did not succeed yet, and is tried again."""
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    """It is done but for what the sentence tells of."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something is not as it was wanted; the sentence names neither files nor people."""

    kind: TroubleKind
    sentence: str


@dataclass(frozen=True, slots=True)
class Member:
    """One picture; name is None where the mirror does not know it, as of what lies in the trash."""

    asset_id: AssetId
    name: str | None
    role: Role


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done, or is about to be.

    Shape:  members are the first MOST_MEMBERS of member_count. undone_by is what takes it back, or has: of a decision
            about duplicates it is the decision itself. can_undo says that nothing known speaks against taking it back;
            Immich is asked when somebody does.
    """

    id: str
    what: What
    state: Progress
    origin: Origin
    members: tuple[Member, ...]
    member_count: int
    at_ms: int
    ended_at_ms: int | None
    trouble: Trouble | None
    can_undo: bool
    undone_by: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the history is told; None where all of it is."""

    state: Progress | None = None
    what: What | None = None
    origin: Origin | None = None


_WHAT = {
    ActionKind.CREATE_STACK: What.STACK,
    ActionKind.EXTEND_STACK: What.STACK,
    ActionKind.SET_COVER: What.COVER,
    ActionKind.DISSOLVE_STACK: What.UNSTACK,
    ActionKind.UNDO: What.UNDO,
}
_OF_WRITES = {
    ActionState.INTENDED: Progress.WAITING,
    ActionState.DONE: Progress.DONE,
    ActionState.WITHDRAWN: Progress.WITHDRAWN,
    ActionState.FAILED: Progress.FAILED,
}
_OF_DECISIONS = {
    ResolutionState.INTENDED: Progress.WAITING,
    ResolutionState.MERGING: Progress.RUNNING,
    ResolutionState.TRASHING: Progress.RUNNING,
    ResolutionState.DONE: Progress.DONE,
    ResolutionState.WITHDRAWN: Progress.WITHDRAWN,
    ResolutionState.FAILED: Progress.FAILED,
    ResolutionState.UNDOING: Progress.UNDOING,
    ResolutionState.UNDONE: Progress.UNDONE,
}
_TROUBLES = {
    Progress.FAILED: TroubleKind.FAILED,
    Progress.WITHDRAWN: TroubleKind.WITHDRAWN,
    Progress.DONE: TroubleKind.INCOMPLETE,
    Progress.UNDONE: TroubleKind.INCOMPLETE,
}
_TAKEN_BACK = frozenset({Progress.UNDOING, Progress.UNDONE})


class _TakenBack:
    """Which writes are taken back, and by which: done says it is so, waiting that it is about to be."""

    def __init__(self, undoings: Sequence[Undoing]) -> None:
        self.done: dict[str, str] = {}
        # The latest undo decides: one that was itself taken back takes nothing back.
        for each in reversed([each for each in undoings if each.is_done]):
            if each.id not in self.done:
                self.done |= dict.fromkeys(each.undoes, each.id)
        self.waiting = {
            action_id: each.id
            for each in undoings
            if not each.is_done
            for action_id in each.undoes
            if action_id not in self.done
        }

    def by(self, action_id: str) -> str | None:
        return self.done.get(action_id) or self.waiting.get(action_id)

    def progress(self, entry: Entry) -> Progress:
        if entry.state is ActionState.DONE:
            if entry.action.id in self.done:
                return Progress.UNDONE
            if entry.action.id in self.waiting:
                return Progress.UNDOING
        return _OF_WRITES[entry.state]


async def history(
    context: JobContext, owner_id: OwnerId, wanted: Wanted, *, limit: int, before: Place | None = None
) -> tuple[list[Deed], Place | None]:
    """The latest of the user's history, the latest first, and where it goes on, None where it ends.

    Shape:  before is where the former page ended.
    """
    async with context.database.read() as connection:
        taken_back = _TakenBack(await journal.undoings(connection, owner_id))
        writes = await _writes(connection, owner_id, wanted, taken_back, before=before, limit=limit + 1)
        decided = await _decisions(connection, owner_id, wanted, before=before, limit=limit + 1)
        places = sorted([*writes, *decided], reverse=True)
        shown = [deed_id for _, deed_id in places[:limit]]
        deeds = await _deeds(connection, owner_id, shown, taken_back)
    return deeds, (places[limit - 1] if len(places) > limit else None)


async def deed(context: JobContext, owner_id: OwnerId, deed_id: str) -> Deed | None:
    """What has this id in the user's history, None if nothing has."""
    async with context.database.read() as connection:
        taken_back = _TakenBack(await journal.undoings(connection, owner_id))
        found = await _deeds(connection, owner_id, [deed_id], taken_back)
    return found[0] if found else None


async def undo(context: JobContext, owner_id: OwnerId, deed_id: str) -> str | None:
    """The id under which the history tells of the taking back; None if nothing of the user's has this id.

    Shape:  it is on record, and nothing is sent yet. Of several who ask at once one is given it.
    Errors: StaleDecision with a sentence that says why it cannot be taken back; nothing is changed then. Those of the
            client.
    """
    action = await take_back(context, owner_id, deed_id)
    if action is not None:
        return action.id
    for preview in await restore.preview_undo(context, owner_id, [deed_id]):
        if preview.why_not is not None:
            raise StaleDecision(f"It cannot be taken back: {preview.why_not}.")
        if not await restore.undo(context, owner_id, [deed_id]):
            raise StaleDecision("It cannot be taken back: somebody else has just decided about it.")
        return deed_id
    return None


async def _writes(
    connection: AsyncConnection,
    owner_id: OwnerId,
    wanted: Wanted,
    taken_back: _TakenBack,
    *,
    before: Place | None,
    limit: int,
) -> list[Place]:
    kinds = [kind for kind, what in _WHAT.items() if wanted.what in {None, what}]
    origins = [origin for origin in Origin if wanted.origin in {None, origin}]
    states = [state for state, progress in _OF_WRITES.items() if wanted.state in {None, progress}]
    among: Sequence[str] | None = None
    passed_over: Collection[str] = ()
    if wanted.state in _TAKEN_BACK:
        states = [ActionState.DONE]
        among = list(taken_back.done if wanted.state is Progress.UNDONE else taken_back.waiting)
    elif wanted.state is Progress.DONE:
        passed_over = taken_back.done.keys() | taken_back.waiting.keys()
    at_once = max(limit, _AT_ONCE) if passed_over else limit
    found: list[Place] = []
    while True:
        places = await journal.places(
            connection,
            owner_id,
            states=states,
            kinds=kinds,
            origins=origins,
            before=before,
            limit=at_once,
            among=among,
        )
        found += [place for place in places if place[1] not in passed_over]
        if len(found) >= limit or len(places) < at_once:
            return found[:limit]
        before = places[-1]


async def _decisions(
    connection: AsyncConnection, owner_id: OwnerId, wanted: Wanted, *, before: Place | None, limit: int
) -> list[Place]:
    # No rule ever decides about duplicates.
    if wanted.what not in {None, What.DUPLICATES} or wanted.origin is Origin.RULES:
        return []
    states = [state for state, progress in _OF_DECISIONS.items() if wanted.state in {None, progress}]
    return await resolutions.places(connection, owner_id, states=states, before=before, limit=limit)


async def _deeds(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[str], taken_back: _TakenBack
) -> list[Deed]:
    """What has these ids, in their order."""
    entries = await journal.entries(connection, owner_id, ids)
    decided = await resolutions.entries(connection, owner_id, ids)
    shown = {
        asset_id
        for members in (*map(_members_of_write, entries), *map(_members_of_decision, decided))
        for asset_id, _ in members[:MOST_MEMBERS]
    }
    names = await assets.names(connection, owner_id, sorted(shown))
    done = [entry for entry in entries if taken_back.progress(entry) is Progress.DONE]
    present = await _present(connection, owner_id, done)
    deeds = {
        **{entry.action.id: _of_write(entry, taken_back, names, present) for entry in entries},
        **{each.id: _of_decision(each, names) for each in decided},
    }
    return [deeds[deed_id] for deed_id in ids if deed_id in deeds]


async def _present(connection: AsyncConnection, owner_id: OwnerId, entries: Iterable[Entry]) -> dict[AssetId, Stack]:
    """In which stack everybody of these writes is, as far as the mirror knows."""
    ids = sorted({asset_id for entry in entries for asset_id in _concerned(entry)})
    return {
        asset_id: stack
        for stack in await stacks.touching(connection, owner_id, ids)
        for asset_id in (stack.primary_id, *stack.member_ids)
    }


def _concerned(entry: Entry) -> set[AssetId]:
    former: State = shapes(entry.action.before) | result_of(entry)
    return {*entry.action.member_ids, *(asset_id for shape in former for asset_id in shape.member_ids)}


def _of_write(
    entry: Entry, taken_back: _TakenBack, names: Mapping[AssetId, str], present: Mapping[AssetId, Stack]
) -> Deed:
    action = entry.action
    state = taken_back.progress(entry)
    members = _members_of_write(entry)
    return Deed(
        id=action.id,
        what=_WHAT[action.kind],
        state=state,
        origin=action.origin,
        members=_named(members, names),
        member_count=len(members),
        at_ms=entry.intended_at_ms,
        ended_at_ms=entry.ended_at_ms,
        trouble=_trouble(state, entry.error),
        can_undo=state is Progress.DONE and _fits(entry, present),
        undone_by=taken_back.by(action.id) if state in _TAKEN_BACK else None,
    )


def _fits(entry: Entry, present: Mapping[AssetId, Stack]) -> bool:
    """Whether what the write left behind is what there is, and Immich could have what was before."""
    there = {present[asset_id] for asset_id in _concerned(entry) if asset_id in present}
    former = shapes(entry.action.before)
    return shapes(there) == result_of(entry) and all(len(shape.member_ids) >= _PAIR for shape in former)


def _of_decision(resolution: Resolution, names: Mapping[AssetId, str]) -> Deed:
    state = _OF_DECISIONS[resolution.state]
    members = _members_of_decision(resolution)
    has_failed = resolution.state is ResolutionState.FAILED
    return Deed(
        id=resolution.id,
        what=What.DUPLICATES,
        state=state,
        origin=Origin.USER,
        members=_named(members, names),
        member_count=len(members),
        at_ms=resolution.decided_at_ms,
        ended_at_ms=resolution.ended_at_ms,
        trouble=_trouble(state, resolution.error),
        can_undo=resolution.state in restore.CAN_BE_UNDONE
        and (not has_failed or step_of(resolution).has_left_something),
        undone_by=resolution.id if state in _TAKEN_BACK else None,
    )


def _members_of_write(entry: Entry) -> list[tuple[AssetId, Role]]:
    covers = {shape.primary_id for shape in result_of(entry)}
    return [(each, Role.COVER if each in covers else Role.MEMBER) for each in entry.action.member_ids]


def _members_of_decision(resolution: Resolution) -> list[tuple[AssetId, Role]]:
    return [
        *((each, Role.KEPT) for each in resolution.keep_ids),
        *((each, Role.TRASHED) for each in resolution.trash_ids),
    ]


def _named(members: Sequence[tuple[AssetId, Role]], names: Mapping[AssetId, str]) -> tuple[Member, ...]:
    return tuple(Member(each, names.get(each), role) for each, role in members[:MOST_MEMBERS])


def _trouble(state: Progress, error: str | None) -> Trouble | None:
    return Trouble(_TROUBLES.get(state, TroubleKind.RETRYING), without_names(error)) if error else None
