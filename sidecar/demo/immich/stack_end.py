"""What becomes of a stack when one of its assets is deleted for good."""

from __future__ import annotations

from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.state import State
from sidecar.model import Visibility

_MIN_MEMBERS = 2


def leave_for_good(state: State, row: AssetRow) -> None:
    """Mend the stack of an asset that is being deleted for good.

    Since 3.1.0 a stack of which fewer than two would remain ends, else a deleted primary hands over to a child on the
    timeline. Before, only the primary's deletion mattered: it hands over while two or more such children remain.
    Source: asset.service.ts:319-338 (3.1.0) and asset.service.ts 2.7.5; live 3.1.0; UNVERIFIED asset-delete-2.7.
    """
    if row.stack_id is None:
        return
    stack = state.stacks[row.stack_id]
    children = [
        child.id
        for child in state.rows(stack.members)
        if child.id != stack.primary_id and child.visibility is Visibility.TIMELINE and child.status != "deleted"
    ]
    is_primary = stack.primary_id == row.id
    if state.behaviour.does("no_lonely_stack"):
        remaining = [child for child in children if child != row.id]
        is_over = len(remaining) + (not is_primary) < _MIN_MEMBERS
    else:
        remaining = children
        is_over = is_primary and len(children) < _MIN_MEMBERS
    if is_over:
        state.remove_stack(stack)
    elif is_primary:
        state.write_primary(stack, remaining[0])
