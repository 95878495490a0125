"""Writes that lead from some stacks to others in several single changes: covers, dissolving, taking back."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.errors import ContractBroken, ImmichMissing, StaleDecision
from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.restacking import Change, Dissolve, Recover, Shape, Stacking, TakeOut, remaining, shapes
from sidecar.immich_client.client import Immich
from sidecar.model import AssetId, Stack, StackId
from sidecar.storage.journal import Action, ActionKind

CHANGED = "changed in Immich since"

Seen = Mapping[AssetId, Stack | None]


async def restack(immich: Immich, action: Action) -> Seen:
    """In which stack each asset is, after Immich was led from the stacks before to those after.

    Shape:  a way that was begun earlier and interrupted goes on where it was.

    Errors: StaleDecision if the present is no point on that way: nothing is changed then. ImmichMissing if an asset is
            gone. ContractBroken if in the end Immich shows something else.
    """
    if action.kind in {ActionKind.SET_COVER, ActionKind.DISSOLVE_STACK}:
        return await _mend(immich, action)
    before, after = shapes(action.before), shapes(action.after or ())
    for member in action.member_ids:
        # Of a stack in which Immich shows nobody else, its members do not even tell that they are in it.
        if not may_pair(await immich.asset(member)):
            raise StaleDecision("some of it is in the trash or hidden: restore it first")
    seen = await _look(immich, action)
    way = remaining(_present(seen), before, after)
    if way is None:
        raise StaleDecision(CHANGED)
    for change in way:
        await _carry_out(immich, change, seen)
    if way:
        seen = await _look(immich, action)
        if _present(seen) != after:
            raise ContractBroken("Immich shows other stacks than it was asked for")
    return seen


async def _carry_out(immich: Immich, change: Change, seen: Seen) -> None:
    match change:
        case Dissolve(shape):
            await immich.delete_stack(_id_of(shape, seen))
        case TakeOut(shape, member_id):
            await immich.remove_from_stack(_id_of(shape, seen), member_id)
        case Recover(shape, primary_id):
            await immich.set_cover(_id_of(shape, seen), primary_id)
        case Stacking(shape):
            await immich.create_stack([shape.primary_id, *sorted(shape.member_ids - {shape.primary_id})])


async def _mend(immich: Immich, action: Action) -> Seen:
    """The same for one stack by its own id: an asset does not name a stack in which Immich shows nobody beside it."""
    (before,) = action.before
    try:
        stack = await immich.stack(before.id)
    except ImmichMissing:
        if action.kind is ActionKind.DISSOLVE_STACK:
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


async def _look(immich: Immich, action: Action) -> Seen:
    return {member: await immich.stack_of(member) for member in action.member_ids}


def _present(seen: Seen) -> frozenset[Shape]:
    return shapes(stack for stack in seen.values() if stack is not None)


def _id_of(shape: Shape, seen: Seen) -> StackId:
    """The present stack of these members; taking out and covering keep its id."""
    for member in (shape.primary_id, *sorted(shape.member_ids)):
        stack = seen.get(member)
        if stack is not None:
            return stack.id
    raise ImmichMissing("the stack is gone")
