"""Writes that lead from some stacks to others in several single changes: covers, dissolving, taking back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from sidecar.errors import ContractBroken, ImmichMissing, StaleDecision, TryLater
from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.restacking import Change, Dissolve, Recover, Shape, TakeOut, changes, remaining, shapes
from sidecar.immich_client.client import Immich
from sidecar.model import Asset, AssetId, Stack, StackId
from sidecar.storage.journal import Action, ActionKind

CHANGED = "changed in Immich since"

Seen = Mapping[AssetId, Stack | None]


class HalfDone(TryLater):
    """A way that was begun cannot be gone on now; it stays in the journal until it can."""

    code = "half_done"


async def restack(immich: Immich, action: Action) -> Seen:
    """In which stack each asset is, after Immich was led from the stacks before to those after.

    Shape:  a way that was begun earlier and interrupted goes on where it was.
    Errors: StaleDecision if the present is no point on that way: nothing is changed then. HalfDone if it is one, and
            the rest of the way is not open. ImmichMissing if an asset is gone and nothing was begun. ContractBroken if
            in the end Immich shows something else.
    """
    if action.kind in {ActionKind.SET_COVER, ActionKind.DISSOLVE_STACK}:
        return await _mend(immich, action)
    assets = {member: await _asset(immich, member) for member in action.member_ids}
    gone = {member for member, asset in assets.items() if asset is None}
    if gone and action.attempts == 1:
        raise ImmichMissing("an asset of these stacks is gone")
    # What was begun is brought to an end for those who are left.
    before, after = shapes(_without(action.before, gone)), shapes(_without(action.after or (), gone))
    seen = {member: await immich.stack_of(member) for member in action.member_ids if member not in gone}
    way = remaining(_present(seen), before, after)
    if way is None and gone and _present(seen) < after:
        way = changes(_present(seen), after)
    is_begun = action.attempts > 1 and way != changes(before, after)
    if any(asset is not None and not may_pair(asset) for asset in assets.values()):
        # Of a stack in which Immich shows nobody else, its members do not even tell that they are in it.
        reason = "some of it is in the trash or hidden: restore it first"
        raise HalfDone(f"half of it is done; {reason}") if is_begun else StaleDecision(reason)
    if way is None or (way and not is_begun and not _are_the_same(action.before, seen)):
        raise StaleDecision(CHANGED)
    for change in way:
        await _carry_out(immich, change, seen)
    if way:
        seen = {member: await immich.stack_of(member) for member in seen}
        if _present(seen) != after:
            raise ContractBroken("Immich shows other stacks than it was asked for")
    return seen


def _are_the_same(before: Iterable[Stack], seen: Seen) -> bool:
    """Whether the stacks are those that we made, and not others that somebody made anew of the same pictures."""
    ids = {stack.id for stack in seen.values() if stack is not None}
    return all(not stack.id or stack.id in ids for stack in before)


async def _carry_out(immich: Immich, change: Change, seen: Seen) -> None:
    match change:
        case Dissolve(shape):
            await immich.delete_stack(_id_of(shape, seen))
        case TakeOut(shape, member_id):
            await immich.remove_from_stack(_id_of(shape, seen), member_id)
        case Recover(shape, primary_id):
            await immich.set_cover(_id_of(shape, seen), primary_id)
        case _:
            rest = sorted(change.shape.member_ids - {change.shape.primary_id})
            await immich.create_stack([change.shape.primary_id, *rest])


async def _mend(immich: Immich, action: Action) -> Seen:
    """The same for one stack by its own id: an asset does not name a stack in which Immich shows nobody beside it."""
    (before,) = action.before
    try:
        stack = await immich.stack(before.id)
    except ImmichMissing:
        if action.kind is ActionKind.DISSOLVE_STACK and not await _are_stacked(immich, action.member_ids):
            return dict.fromkeys(action.member_ids)
        raise StaleDecision(CHANGED) from None
    if action.kind is ActionKind.DISSOLVE_STACK:
        if shapes([stack]) != shapes([before]):
            raise StaleDecision(CHANGED)
        await immich.delete_stack(stack.id)
        return dict.fromkeys(action.member_ids)
    cover = action.member_ids[0]
    if stack.primary_id not in {before.primary_id, cover} or cover not in stack.member_ids:
        raise StaleDecision(CHANGED)
    if stack.primary_id != cover:
        stack = await immich.set_cover(stack.id, cover)
        if stack.primary_id != cover:
            raise ContractBroken("Immich shows another cover than it was asked for")
    return dict.fromkeys(stack.member_ids, stack)


async def _are_stacked(immich: Immich, members: Iterable[AssetId]) -> bool:
    """Whether any of them is in a stack: somebody has made another one of them."""
    for member in members:
        with suppress(ImmichMissing):
            if await immich.stack_of(member) is not None:
                return True
    return False


async def _asset(immich: Immich, member: AssetId) -> Asset | None:
    try:
        return await immich.asset(member)
    except ImmichMissing:
        return None


def _without(stacks: Iterable[Stack], gone: Collection[AssetId]) -> Iterator[Stack]:
    """The stacks of those who are left, where two or more are."""
    for stack in stacks:
        left = tuple(each for each in stack.member_ids if each not in gone)
        if len(left) > 1:
            yield replace(stack, primary_id=stack.primary_id if stack.primary_id in left else left[0], member_ids=left)


def _present(seen: Seen) -> frozenset[Shape]:
    return shapes(stack for stack in seen.values() if stack is not None)


def _id_of(shape: Shape, seen: Seen) -> StackId:
    """The present stack of these members; taking out and covering keep its id."""
    return next(stack.id for member in sorted(shape.member_ids) if (stack := seen.get(member)) is not None)
