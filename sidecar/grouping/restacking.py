"""From the stacks that are to those that should be: which single changes of Immich lead there, and what is between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sidecar.model import AssetId, Stack


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """A stack without its id: who is in it, and who is its primary."""

    primary_id: AssetId
    member_ids: frozenset[AssetId]


@dataclass(frozen=True, slots=True)
class Dissolve:
    """Take the whole stack apart."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Stacking:
    """Make a stack of free assets."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class TakeOut:
    """Take one member, not the primary, out of its stack."""

    shape: Shape
    member_id: AssetId


@dataclass(frozen=True, slots=True)
class Recover:
    """Give the stack another of its members as primary."""

    shape: Shape
    primary_id: AssetId


Change = Dissolve | Stacking | TakeOut | Recover
State = frozenset[Shape]


def shapes(stacks: Iterable[Stack]) -> State:
    """The stacks as shapes; a primary that Immich hides is in its stack all the same."""
    return frozenset(Shape(stack.primary_id, frozenset(stack.member_ids) | {stack.primary_id}) for stack in stacks)


def changes(before: State, after: State) -> list[Change]:
    """What to do, one change after the other; empty if nothing is to be done.

    Shape:  what stays as it is is not touched. A stack that only loses members or gets another cover keeps its id.
    """
    going, coming = sorted(before - after, key=_order), sorted(after - before, key=_order)
    if len(going) == len(coming) == 1:
        gentle = _within_one_stack(going[0], coming[0])
        if gentle is not None:
            return gentle
    return [*(Dissolve(shape) for shape in going), *(Stacking(shape) for shape in coming)]


def _within_one_stack(old: Shape, new: Shape) -> list[Change] | None:
    if not new.member_ids <= old.member_ids:
        return None
    found: list[Change] = []
    if new.primary_id != old.primary_id:
        found.append(Recover(old, new.primary_id))
        old = Shape(new.primary_id, old.member_ids)
    for member_id in sorted(old.member_ids - new.member_ids):
        found.append(TakeOut(old, member_id))
        old = Shape(old.primary_id, old.member_ids - {member_id})
    return found


def after_change(state: State, change: Change) -> State:
    """The state after one change of `changes`."""
    match change:
        case Dissolve(shape):
            return state - {shape}
        case Stacking(shape):
            return state | {shape}
        case TakeOut(shape, member_id):
            return state - {shape} | {Shape(shape.primary_id, shape.member_ids - {member_id})}
        case _:
            return state - {change.shape} | {Shape(change.primary_id, change.shape.member_ids)}


def remaining(present: State, before: State, after: State) -> Sequence[Change] | None:
    """What is still to be done of the way from before to after; None if the present is no point on it.

    Shape:  a way that was begun and interrupted goes on where it was.
    """
    way = changes(before, after)
    states = [before]
    for change in way:
        states.append(after_change(states[-1], change))
    for place in range(len(states) - 1, -1, -1):
        if states[place] == present:
            return way[place:]
    return None


def _order(shape: Shape) -> tuple[AssetId, list[AssetId]]:
    return shape.primary_id, sorted(shape.member_ids)
