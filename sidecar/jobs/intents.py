"""From steps that are to be done to groups and intents in the journal; nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.memory import OurGroup
from sidecar.grouping.planning import Create, Extend
from sidecar.jobs.context import JobContext
from sidecar.jobs.deciding import Known, members_of
from sidecar.model import GroupId, OwnerId, Stack
from sidecar.storage import groups, journal
from sidecar.storage.journal import Action, ActionKind, Origin


async def intend(
    context: JobContext,
    connection: AsyncConnection,
    owner_id: OwnerId,
    steps: Sequence[Create | Extend],
    known: Known,
    *,
    known_at_ms: int,
    origin: Origin,
    also_before: Sequence[Stack] = (),
) -> list[Action]:
    """The intents for these steps, on record with the groups that they will make.

    Shape:  known_at_ms is since when the owner's stacks are known; 0 makes every write look first. also_before are
            further stacks that the only step will take in.
    """
    new_groups: list[tuple[OurGroup, str, Sequence[str]]] = []
    intents: list[Action] = []
    for step in steps:
        ids = members_of(step)
        is_extension = isinstance(step, Extend)
        before = (step.stack, *also_before) if isinstance(step, Extend) else ()
        group = OurGroup(GroupId(context.new_id()), ids, ids[0])
        new_groups.append((group, step.proposal.kind.value, [str(reason) for reason in step.proposal.reasons]))
        intents.append(
            Action(
                context.new_id(),
                owner_id,
                group.id,
                known.stem_of(step.proposal.member_ids[0]),
                ActionKind.EXTEND_STACK if is_extension else ActionKind.CREATE_STACK,
                ids,
                before,
                known_at_ms=known_at_ms,
                members_at_ms=max(known.assets[each].updated_at_ms for each in ids if each in known.assets),
                origin=origin,
            )
        )
    now_ms = context.now_ms()
    await groups.add(connection, owner_id, new_groups, now_ms=now_ms)
    await journal.intend(connection, intents, now_ms=now_ms)
    return intents
