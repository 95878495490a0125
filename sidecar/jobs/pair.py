"""The pair job: dirty stems become findings, and what is certain becomes intents in the journal."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.engine import PairingRules
from sidecar.grouping.engine import pair as pair_assets
from sidecar.grouping.names import stem_of
from sidecar.grouping.planning import (
    AlreadyStacked,
    Create,
    Decision,
    Extend,
    OurGroup,
    Plan,
    Respect,
    Review,
    Step,
)
from sidecar.grouping.planning import plan as plan_steps
from sidecar.jobs.context import LEASE_MS, JobContext
from sidecar.jobs.queue import JobName
from sidecar.model import Asset, AssetId, GroupId, OwnerId, Stack
from sidecar.storage import assets, findings, groups, journal, scans, stacks, work
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.journal import Action, ActionKind

log = logging.getLogger(__name__)

STEMS_AT_ONCE = 1000
WAIT_FOR_WRITES_MS = 1_000
FAILURES_BACK_OFF = 5

_KIND_OF: dict[type[Step], FindingKind] = {
    Create: FindingKind.STACK,
    Extend: FindingKind.STACK,
    AlreadyStacked: FindingKind.STACK,
    Review: FindingKind.REVIEW,
    Respect: FindingKind.RESPECTED,
}


@dataclass(frozen=True, slots=True)
class _Known:
    """All that a decision about some stems depends on; assets holds members of stacks that reach beyond them too."""

    of_stems: Sequence[Asset]
    assets: Mapping[AssetId, Asset]
    stacks: Sequence[Stack]
    groups: Sequence[OurGroup]
    decisions: Sequence[Decision]

    def restricted_to(self, stem: str) -> _Known:
        """The same knowledge, asked about one stem only."""
        return replace(self, of_stems=[asset for asset in self.of_stems if stem_of(asset.name) == stem])


@dataclass(frozen=True, slots=True)
class _Decided:
    """What follows for some stems; nothing of it is recorded yet."""

    plan: Plan
    findings: Mapping[str, Sequence[Finding]]


async def pair(context: JobContext, owner_id: OwnerId) -> None:
    """Takes the owner's dirty stems, some at a time, until none is due.

    Before the first scan is complete nothing is paired: half a library makes half a match.
    """
    while not context.stopping.is_set() and await _pair_some(context, owner_id):
        pass


async def _pair_some(context: JobContext, owner_id: OwnerId) -> bool:
    async with context.database.write() as connection:
        mark = await scans.watermark(connection, owner_id)
        if mark is None:
            return False
        claimed = await work.claim(
            connection,
            owner_id,
            lease=context.new_id(),
            now_ms=context.now_ms(),
            lease_ms=LEASE_MS,
            limit=STEMS_AT_ONCE,
        )
    if not claimed.stems:
        return False
    async with context.database.read() as connection:
        # A stem whose last write is still on its way is looked at when that has ended.
        waiting = await journal.stems_intended(connection, owner_id, claimed.stems)
        ready = [stem for stem in claimed.stems if stem not in waiting]
        known = await _load(connection, owner_id, ready)
    decided, failed = _decide_all(context.rules, known, ready)
    intended = 0
    async with context.database.write() as connection:
        for each in decided:
            intended += await _record(context, connection, owner_id, each, known, known_at_ms=mark.stacks_known_at_ms)
        await work.put_back(connection, claimed.only(waiting), not_before_ms=context.now_ms() + WAIT_FOR_WRITES_MS)
        for stem, error in failed.items():
            await work.fail(
                connection, claimed.only([stem]), error=error, not_before_ms=context.retry_at_ms(FAILURES_BACK_OFF)
            )
        await work.finish(connection, claimed.only(stem for stem in ready if stem not in failed))
    if intended:
        await context.wake(JobName.APPLY, owner_id)
    return True


def _decide_all(rules: PairingRules, known: _Known, stems: Sequence[str]) -> tuple[list[_Decided], dict[str, str]]:
    """What follows for the stems together or, if one breaks the engine, for each that does not, and the errors."""
    try:
        return [_decide(rules, known, stems)], {}
    except Exception:
        log.exception("pairing some stems together failed; trying them one by one")
    decided: list[_Decided] = []
    failed: dict[str, str] = {}
    for stem in stems:
        try:
            decided.append(_decide(rules, known.restricted_to(stem), [stem]))
        except Exception as error:
            log.exception("pairing a stem failed")
            failed[stem] = f"{type(error).__name__} while pairing"
    return decided, failed


def _decide(rules: PairingRules, known: _Known, stems: Sequence[str]) -> _Decided:
    pairing = pair_assets(known.of_stems, rules)
    plan = plan_steps(
        pairing.proposals, assets=known.assets, stacks=known.stacks, groups=known.groups, decisions=known.decisions
    )
    findings_of: dict[str, list[Finding]] = {stem: [] for stem in stems}
    for step in plan.steps:
        ids = step.member_ids if isinstance(step, Extend) else step.proposal.member_ids
        findings_of[_stem(known, ids)].append(Finding(_KIND_OF[type(step)], ids, _reasons(step)))
    for left in pairing.left_alone:
        findings_of[_stem(known, left.asset_ids)].append(
            Finding(FindingKind.LEFT_ALONE, left.asset_ids, (str(left.reason),))
        )
    return _Decided(plan, findings_of)


def _reasons(step: Step) -> tuple[str, ...]:
    why = (str(step.why),) if isinstance(step, Review | Respect) else ()
    return (*why, *(str(reason) for reason in step.proposal.reasons))


def _stem(known: _Known, ids: Sequence[AssetId]) -> str:
    return stem_of(known.assets[ids[0]].name)


async def _load(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str]) -> _Known:
    of_stems = await assets.by_stems(connection, owner_id, stems)
    ids = [asset.id for asset in of_stems]
    present = await stacks.touching(connection, owner_id, ids)
    ours = await groups.active_touching(connection, owner_id, ids)
    loaded = {asset.id: asset for asset in of_stems}
    beyond = {
        asset_id
        for members in (*(stack.member_ids for stack in present), *(group.member_ids for group in ours))
        for asset_id in members
    } - loaded.keys()
    loaded.update(await assets.by_ids(connection, owner_id, sorted(beyond)))
    return _Known(
        of_stems=of_stems,
        assets=loaded,
        stacks=present,
        groups=ours,
        decisions=await groups.decisions_touching(connection, owner_id, sorted(loaded)),
    )


async def _record(
    context: JobContext,
    connection: AsyncConnection,
    owner_id: OwnerId,
    decided: _Decided,
    known: _Known,
    *,
    known_at_ms: int,
) -> int:
    """How many writes are intended now; groups, intents, what was learned of the user, and findings are on record."""
    now_ms = context.now_ms()
    new_groups: list[tuple[OurGroup, str, Sequence[str]]] = []
    intents: list[Action] = []
    before: tuple[Stack, ...]
    for step in decided.plan.steps:
        match step:
            case Create():
                ids, kind, before = step.proposal.member_ids, ActionKind.CREATE_STACK, ()
            case Extend():
                ids, kind, before = step.member_ids, ActionKind.EXTEND_STACK, (step.stack,)
            case _:
                continue
        group = OurGroup(GroupId(context.new_id()), tuple(ids), ids[0])
        new_groups.append((group, step.proposal.kind.value, [str(reason) for reason in step.proposal.reasons]))
        intents.append(
            Action(
                context.new_id(),
                owner_id,
                group.id,
                _stem(known, ids),
                kind,
                group.member_ids,
                before,
                known_at_ms=known_at_ms,
                members_at_ms=max(known.assets[each].updated_at_ms for each in ids),
            )
        )
    await groups.add(connection, owner_id, new_groups, now_ms=now_ms)
    await journal.intend(connection, intents, now_ms=now_ms)
    for group_id, primary_id in decided.plan.primary_changes:
        await groups.set_primary(connection, owner_id, group_id, primary_id)
    learned = [(context.new_id(), decision) for decision in decided.plan.learned]
    await groups.add_decisions(connection, owner_id, learned, now_ms=now_ms)
    await findings.replace(connection, owner_id, decided.findings)
    return len(intents)
