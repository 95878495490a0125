"""Taking back what was written: which writes, what to put in their place, and why some cannot be taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import ImmichMissing, StaleDecision
from sidecar.grouping.restacking import Shape, State, shapes
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.model import AssetId, GroupId, OwnerId, Stack, StackId
from sidecar.storage import journal
from sidecar.storage.journal import Action, ActionKind, ActionState, Entry, Origin

_FEWEST = 2
MOST_ASKED = 64
"""So many questions Immich is asked before an undo is written down; everything is looked at again before it is sent."""

CHANGED = "What it made has changed in Immich since."
_NOT_DONE = {
    ActionState.INTENDED: "It was not written yet, so that there is nothing to take back.",
    ActionState.WITHDRAWN: "It was never written, so that there is nothing to take back.",
    ActionState.FAILED: "It was never written, so that there is nothing to take back.",
}


@dataclass(frozen=True, slots=True)
class TakingBack:
    """One way back: from the stacks that should be there now to those that were before the writes it undoes.

    Shape:  stack_ids are Immich's ids of present stacks, where they are known: a stack that somebody made anew of the
            same pictures is another one.
    """

    undoes: tuple[Action, ...]
    present: State
    former: State
    stack_ids: Mapping[Shape, StackId]

    @property
    def member_ids(self) -> tuple[AssetId, ...]:
        """Everybody concerned, the covers to be first."""
        covers = sorted(shape.primary_id for shape in self.former or self.present)
        rest = sorted({member for shape in self.present | self.former for member in shape.member_ids})
        return tuple(dict.fromkeys((*covers, *rest)))


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What would be taken back, the latest write first, and (write, why not) for what cannot be."""

    ways: tuple[TakingBack, ...]
    refused: tuple[tuple[Action, str], ...]


@dataclass(eq=False, slots=True)
class _Way:
    undoes: list[Action]
    present: set[Shape]
    former: set[Shape]
    stack_ids: dict[Shape, StackId]


class _Ways:
    """The ways found so far, from the latest write backwards, and which of them leads back to which stack."""

    def __init__(self) -> None:
        self.wanted: dict[_Way, None] = {}
        self._to: dict[Shape, _Way] = {}
        self._made_later: set[Shape] = set()

    def above(self, made: Iterable[Shape]) -> list[_Way]:
        """The ways that lead back to one of these stacks: later writes have replaced it."""
        return list(dict.fromkeys(self._to[shape] for shape in made if shape in self._to))

    def begin(self, entry: Entry, made: set[Shape], replaced: set[Shape], *, is_wanted: bool) -> None:
        """A way of one write; one that is not wanted stands in the way of others."""
        way = _Way([entry.action], made, replaced, self._ids_of(entry, made))
        self._to |= dict.fromkeys(replaced, way)
        if is_wanted:
            self.wanted[way] = None

    def go_on(self, above: Sequence[_Way], entry: Entry, made: set[Shape], replaced: set[Shape]) -> None:
        """All these ways become one, which leads one write further back."""
        first, *others = above
        for other in others:
            first.undoes += other.undoes
            first.present |= other.present
            first.former |= other.former
            first.stack_ids |= other.stack_ids
            del self.wanted[other]
        first.undoes.append(entry.action)
        first.stack_ids |= self._ids_of(entry, made - first.former)
        # Of what it made, what was not replaced since still stands today.
        first.present |= made - first.former
        first.former = first.former - made | replaced
        for shape in made:
            self._to.pop(shape, None)
        self._to |= dict.fromkeys(first.former, first)

    def _ids_of(self, entry: Entry, made: set[Shape]) -> dict[Shape, StackId]:
        """Immich's id of the stack that the write made, unless a later write made the same of the same pictures."""
        is_known = entry.stack_id is not None and len(made) == 1 and made.isdisjoint(self._made_later)
        self._made_later |= made
        return dict.fromkeys(made, entry.stack_id) if is_known and entry.stack_id is not None else {}


def plan_undo(entries: Iterable[Entry], wanted: Collection[str]) -> UndoPlan:
    """How to take back the wanted writes.

    Shape:  entries are all that the journal holds about the owner. Writes that build upon each other are taken back in
            one way; a write upon which another one builds that is not wanted stays.
    """
    done = _done(entries)
    gone = _taken_back(done)
    ways = _Ways()
    refused: list[tuple[Action, str]] = []
    for entry in reversed(done):
        action = entry.action
        is_wanted = action.id in wanted
        if action.id in gone:
            if is_wanted:
                refused.append((action, "taken back already"))
            continue
        made, replaced = set(result_of(entry)), set(shapes(action.before))
        above = ways.above(made)
        blocking = next((way for way in above if way not in ways.wanted), None)
        why_not = None
        if blocking is not None:
            why_not = f"a later write builds upon it: {blocking.undoes[0].id}"
        elif any(len(shape.member_ids) < _FEWEST for shape in replaced):
            why_not = "Immich makes no stack of one"
        if is_wanted and why_not is not None:
            refused.append((action, why_not))
        if is_wanted and why_not is None and above:
            ways.go_on(above, entry, made, replaced)
        else:
            ways.begin(entry, made, replaced, is_wanted=is_wanted and why_not is None)
    return UndoPlan(
        tuple(
            TakingBack(tuple(way.undoes), frozenset(way.present), frozenset(way.former), way.stack_ids)
            for way in ways.wanted
        ),
        tuple(refused),
    )


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """What was done and not taken back since, oldest first."""
    done = _done(entries)
    gone = _taken_back(done)
    return [entry for entry in done if entry.action.id not in gone]


def _done(entries: Iterable[Entry]) -> list[Entry]:
    done = [entry for entry in entries if entry.state is ActionState.DONE]
    return sorted(done, key=lambda entry: (entry.ended_at_ms or 0, entry.intended_at_ms, entry.action.id))


def result_of(entry: Entry) -> State:
    """The stacks that this write left behind."""
    action = entry.action
    if action.after is not None:
        return shapes(action.after)
    return frozenset({Shape(action.member_ids[0], frozenset(action.member_ids))})


def _taken_back(done: Sequence[Entry]) -> set[str]:
    """Writes that an undo has taken back which was not taken back itself; the latest undo decides."""
    gone: set[str] = set()
    for entry in reversed(done):
        if entry.action.id not in gone:
            gone.update(entry.action.undoes)
    return gone


async def intend_undo(context: JobContext, owner_id: OwnerId, plan: UndoPlan) -> list[Action]:
    """The writes that take back, on record in the journal; nothing is sent yet."""
    actions = [_action(context, owner_id, way) for way in plan.ways]
    async with context.database.write() as connection:
        await journal.intend(connection, actions, now_ms=context.now_ms())
    await context.wake(JobName.APPLY, owner_id)
    return actions


def _action(context: JobContext, owner_id: OwnerId, way: TakingBack) -> Action:
    oldest = way.undoes[-1]
    return Action(
        context.new_id(),
        owner_id,
        GroupId(""),
        oldest.stem,
        ActionKind.UNDO,
        way.member_ids,
        _stacks(way.present, way.stack_ids),
        known_at_ms=0,
        members_at_ms=0,
        after=_stacks(way.former, {}),
        undoes=tuple(action.id for action in way.undoes),
        origin=Origin.USER,
    )


def _stacks(state: State, stack_ids: Mapping[Shape, StackId]) -> tuple[Stack, ...]:
    ordered = sorted(state, key=attrgetter("primary_id"))
    return tuple(
        Stack(stack_ids.get(shape, StackId("")), shape.primary_id, tuple(sorted(shape.member_ids))) for shape in ordered
    )


async def take_back(context: JobContext, owner_id: OwnerId, action_id: str) -> Action | None:
    """The write that takes this one back, on record in the journal; None if the owner's journal has none of this id.

    Shape:  nothing is sent yet, and what is sent looks first. Of several who ask at once one is given the write.
    Errors: StaleDecision with a sentence that says why it cannot be taken back, for people; nothing is changed then.
            Those of the client.
    """
    async with context.database.read() as connection:
        way = await _way_back(connection, owner_id, action_id)
    if way is None:
        return None
    await _look(context, owner_id, way)
    action = _action(context, owner_id, way)
    async with context.database.write() as connection:
        await journal.lock(connection, owner_id)
        if await _way_back(connection, owner_id, action_id) != way:
            raise StaleDecision(CHANGED)
        await journal.intend(connection, [action], now_ms=context.now_ms())
    await context.wake(JobName.APPLY, owner_id)
    return action


async def _way_back(connection: AsyncConnection, owner_id: OwnerId, action_id: str) -> TakingBack | None:
    found = await journal.entries(connection, owner_id, [action_id])
    if not found:
        return None
    (entry,) = found
    if entry.state is not ActionState.DONE:
        raise StaleDecision(_NOT_DONE[entry.state])
    former = shapes(entry.action.before)
    # Who builds upon a stack, or makes it once more, has all of it: one of its members tells of every such write.
    later = await journal.done_about(
        connection,
        owner_id,
        {shape.primary_id for shape in result_of(entry) | former},
        since_ms=entry.ended_at_ms or 0,
    )
    plan = plan_undo(later, {action_id})
    for _, why_not in plan.refused:
        raise StaleDecision(f"It cannot be taken back: {why_not.partition(':')[0]}.")
    concerned = {asset_id for shape in result_of(entry) | former for asset_id in shape.member_ids}
    if await journal.intended_about(connection, owner_id, {*entry.action.member_ids, *concerned}):
        raise StaleDecision("Another change of the same pictures waits to be written.")
    (way,) = plan.ways
    return way


async def _look(context: JobContext, owner_id: OwnerId, way: TakingBack) -> None:
    """Nothing, if Immich shows what the writes left behind.

    Errors: StaleDecision. Those of the client.
    """
    immich = context.immich(owner_id)
    found: dict[StackId, Stack] = {}
    met: set[AssetId] = set()
    asked = 0
    for asset_id in (*sorted(shape.primary_id for shape in way.present), *way.member_ids):
        if asset_id in met:
            continue
        if asked == MOST_ASKED:
            return
        asked += 1
        try:
            stack = await immich.stack_of(asset_id)
        except ImmichMissing:
            raise StaleDecision("One of the pictures was deleted meanwhile.") from None
        met.add(asset_id)
        if stack is not None:
            found[stack.id] = stack
            met.update(stack.member_ids)
    # A stack that somebody made anew of the same pictures is another one.
    if shapes(found.values()) != way.present or not found.keys() >= set(way.stack_ids.values()):
        raise StaleDecision(CHANGED)
