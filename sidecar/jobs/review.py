"""What people say to what was proposed to them: yes becomes an intent in the journal, no a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import ParameterError, StaleDecision
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.grouping.planning import Create, Extend, Repair, Review
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.reasons import ReasonCode
from sidecar.grouping.repair import DISMISSED_AS, RepairKind
from sidecar.jobs.context import JobContext
from sidecar.jobs.deciding import Known, decide, load
from sidecar.jobs.intents import intend
from sidecar.jobs.queue import JobName
from sidecar.jobs.rules import rules_of
from sidecar.jobs.wishes import keep_apart
from sidecar.model import AssetId, GroupId, OwnerId, Stack
from sidecar.storage import assets, decisions, findings, journal, work
from sidecar.storage.findings import Finding
from sidecar.storage.journal import Action, ActionKind, Origin

FEWEST = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """How a proposal is accepted.

    Shape:  member_ids are those that belong together, None for all of them; cover is the one to be seen first, None for
            the one that was proposed.
    """

    member_ids: frozenset[AssetId] | None = None
    cover: AssetId | None = None


async def accept(context: JobContext, owner_id: OwnerId, finding_id: str, answer: Answer | None = None) -> Action:
    """The write that the agreement has become; it is in the journal, and nothing is sent yet.

    Shape:  whoever was proposed and is not among the answer's members is kept apart from those.
    Errors: StaleDecision if the proposal is not open any more, ParameterError if the answer does not fit it.
    """
    async with context.database.write() as connection:
        stem, finding, subject, known = await _open(context, connection, owner_id, finding_id)
        if isinstance(subject, Repair):
            action = _mending(context, owner_id, stem, subject, known=known)
            await journal.intend(connection, [action], now_ms=context.now_ms())
        else:
            step, also_before = await _agreed(
                context, connection, owner_id, subject, finding=finding, answer=answer or Answer()
            )
            (action,) = await intend(
                context,
                connection,
                owner_id,
                [step],
                known,
                known_at_ms=0,
                origin=Origin.USER,
                also_before=also_before,
            )
    await context.wake(JobName.APPLY, owner_id)
    await context.wake(JobName.REMEMBER, owner_id)
    return action


async def reject(context: JobContext, owner_id: OwnerId, finding_id: str) -> Finding:
    """The proposal, which will not be made again; what is stacked stays so.

    Errors: StaleDecision if the proposal is not open any more.
    """
    async with context.database.write() as connection:
        stem, finding, subject, _ = await _open(context, connection, owner_id, finding_id)
        if isinstance(subject, Repair):
            left = subject.member_ids[0] if subject.kind is RepairKind.LONELY_STACK else subject.stack.primary_id
            no = Decision(frozenset({left}), DISMISSED_AS[subject.kind], left, DecisionSource.REJECTED)
            await decisions.add(connection, owner_id, [(context.new_id(), no)], now_ms=context.now_ms())
        else:
            apart = _not_together(finding.asset_ids, subject.stacks)
            await keep_apart(context, connection, owner_id, apart, source=DecisionSource.REJECTED)
        await work.mark(connection, owner_id, {stem})
        # Nobody is asked again before the files were compared anew, and found to be decided about.
        await findings.remove(connection, owner_id, finding_id)
    await context.wake(JobName.PAIR, owner_id)
    await context.wake(JobName.REMEMBER, owner_id)
    return finding


async def _open(
    context: JobContext, connection: AsyncConnection, owner_id: OwnerId, finding_id: str
) -> tuple[str, Finding, Review | Repair, Known]:
    """What waits for a person under this name, decided once more on what is known now."""
    named = await findings.named(connection, owner_id, finding_id)
    if named is not None:
        stem, finding = named
        is_waiting = stem in await journal.stems_intended(connection, owner_id, [stem])
        rules = await rules_of(context, connection, owner_id)
        stems = {stem}
        if GroupKind.BURST in rules.kinds:
            stems |= await assets.stems_of_same_bursts(connection, owner_id, [stem])
        known = await load(connection, owner_id, sorted(stems), rules)
        # What could not be asked then is for this person to decide, whether it could be asked now or not.
        unreadable = finding.asset_ids if finding.reasons[0].code is ReasonCode.NOT_LOOKED_AT else ()
        decided = decide(known, sorted(stems), context.pipeline, unreadable=unreadable)
        for found, subject in () if is_waiting else decided.found[stem]:
            if found.id == finding.id and isinstance(subject, Review | Repair):
                return stem, finding, subject, known
    raise StaleDecision(f"no open proposal is called {finding_id!r}; it may have changed or been decided meanwhile")


def _not_together(ids: Sequence[AssetId], stacks: Sequence[Stack]) -> list[frozenset[AssetId]]:
    """Everybody apart from everybody, but for those that are in one stack now."""
    pairs = [frozenset(pair) for pair in combinations(sorted(ids), 2)]
    parted = [pair for pair in pairs if not any(pair <= set(stack.member_ids) for stack in stacks)]
    return [frozenset(ids)] if len(parted) == len(pairs) else parted


async def _agreed(
    context: JobContext,
    connection: AsyncConnection,
    owner_id: OwnerId,
    review: Review,
    *,
    finding: Finding,
    answer: Answer,
) -> tuple[Create | Extend, Sequence[Stack]]:
    """What is to be done, and which stacks it takes in beside the one that it names; what was chosen is remembered."""
    if review.why.code is ReasonCode.COVER_HIDDEN:
        raise StaleDecision(
            "the cover of their stack is hidden or in the trash: restore it or choose another one first"
        )
    members = _chosen(finding.asset_ids, answer)
    if answer.cover is not None and answer.cover not in members:
        raise ParameterError("the cover must be one of the members")
    touched = [stack for stack in review.stacks if not set(members).isdisjoint(stack.member_ids)]
    # Whoever is in one of these stacks already stays there.
    left_out = set(finding.asset_ids).difference(members, *(stack.member_ids for stack in touched))
    # What the user brings together they do not keep apart; whom they leave out they do.
    apart = [frozenset({out, member}) for out in sorted(left_out) for member in members]
    await keep_apart(context, connection, owner_id, apart, source=DecisionSource.REJECTED)
    if answer.cover is not None:
        cover = Decision(frozenset(members), DecisionKind.COVER, answer.cover, DecisionSource.ACCEPTED)
        await decisions.add(connection, owner_id, [(context.new_id(), cover)], now_ms=context.now_ms())
        members = (answer.cover, *(each for each in members if each != answer.cover))
    proposal = replace(review.proposal, member_ids=members)
    if not touched:
        return Create(proposal), ()
    first = answer.cover if answer.cover is not None else touched[0].primary_id
    whole = dict.fromkeys((first, *(each for stack in touched for each in stack.member_ids), *members))
    return Extend(proposal, touched[0], tuple(whole)), touched[1:]


def _chosen(proposed: Sequence[AssetId], answer: Answer) -> tuple[AssetId, ...]:
    wanted = frozenset(proposed) if answer.member_ids is None else answer.member_ids
    if not wanted <= set(proposed):
        raise ParameterError("only what was proposed can be accepted")
    if len(wanted) < FEWEST:
        raise ParameterError("a stack needs two members or more")
    return tuple(each for each in proposed if each in wanted)


def _mending(context: JobContext, owner_id: OwnerId, stem: str, repair: Repair, *, known: Known) -> Action:
    before = repair.stack
    kind, after = ActionKind.DISSOLVE_STACK, tuple[Stack, ...]()
    if repair.kind is RepairKind.HIDDEN_COVER:
        # The former cover stays a member, whether Immich shows it or not.
        everybody = tuple(sorted({before.primary_id, *before.member_ids}))
        kind, after = ActionKind.SET_COVER, (replace(before, primary_id=repair.member_ids[0], member_ids=everybody),)
    return Action(
        context.new_id(),
        owner_id,
        GroupId(""),
        stem,
        kind,
        repair.member_ids,
        (before,),
        known_at_ms=0,
        members_at_ms=max(known.assets[each].updated_at_ms for each in repair.member_ids),
        after=after,
        origin=Origin.USER,
    )
