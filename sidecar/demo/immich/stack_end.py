"""What becomes of a stack when one of its assets is deleted for good."""

from __future__ import annotations

from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.state import State
from sidecar.model import Visibility

_MIN_MEMBERS = 2


def leave_for_good(state: State, row: AssetRow) -> None:
    """Mend the stack of an asset that is being deleted for good.

    Children count if they are on the timeline, trashed or not, and do not wait for their own deletion; archived, hidden
    and locked ones do not, and lose their stack with it. Before 3.1.0 only the primary's deletion matters: of two such
    children or more the first becomes primary, be it trashed; with fewer the stack ends. Since 3.1.0 any member's
    deletion ends a stack of which fewer than two would remain, where a primary that stays counts wherever it is.
    Source: asset.service.ts and asset-job.repository.ts, alike in 2.5.6, 2.7.5 and 3.0.3 and changed for 3.1.0; live
            2.7.5 and 3.1.0 with two to four members, one or several deleted at once, one after the other and from the
            trash, others trashed, archived or hidden; UNVERIFIED promotion-order.
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
