"""The pair job: dirty stems become findings, and what is certain becomes intents in the journal."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import SidecarError, TryLater
from sidecar.grouping.memory import OurGroup
from sidecar.grouping.planning import Create, Extend, Review
from sidecar.grouping.proposal import GroupKind
from sidecar.jobs.asking import look_at, recall
from sidecar.jobs.context import FIRST_RETRY_MS, LEASE_MS, WAIT_FOR_PERSON_MS, JobContext
from sidecar.jobs.deciding import Decided, Known, decide, load
from sidecar.jobs.intents import intend
from sidecar.jobs.queue import JobName
from sidecar.jobs.rules import renew_if_changed, rules_of
from sidecar.model import AssetId, GroupId, OwnerId
from sidecar.redaction import OwnWords
from sidecar.storage import assets, decisions, findings, groups, journal, scans, work
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import Origin
from sidecar.storage.scans import Watermark
from sidecar.storage.work import Claim

log = logging.getLogger(__name__)

STEMS_AT_ONCE = 1000
WAIT_FOR_WRITES_MS = 1_000
SOON_MS = 10_000
"""What is due later than that, the sweep finds early enough."""
FAILURES_BACK_OFF = 5
MOST_ROUNDS = 4
"""What is asked may change what is decided, and so what else is to be asked."""


class Unsettled(TryLater):
    """What Immich was asked led to other questions again and again."""

    code = "unsettled"


async def pair(context: JobContext, owner_id: OwnerId) -> None:
    """Takes the owner's dirty stems, some at a time, until none is due.

    Before the first scan is complete nothing is paired: half a library makes half a match.
    """
    while True:
        await renew_if_changed(context, owner_id)
        # Half of the names may still go by the former rules.
        if context.stopping.is_set() or not await _pair_some(context, owner_id):
            break
    async with context.database.read() as connection:
        due_ms = await work.next_due_ms(connection, owner_id)
    # Whoever marked them has woken us, too, but perhaps under an id that the queue held already.
    if due_ms is not None and 0 < (delay_ms := due_ms - context.now_ms()) <= SOON_MS:
        await context.wake(JobName.PAIR, owner_id, delay_ms=delay_ms)


async def _pair_some(context: JobContext, owner_id: OwnerId) -> bool:
    claimed, mark = await _claim(context, owner_id)
    if mark is None or not claimed.stems:
        return False
    try:
        round_ = await _settled(context, owner_id, claimed)
    except SidecarError as error:
        wait_ms = FIRST_RETRY_MS if isinstance(error, TryLater) else WAIT_FOR_PERSON_MS
        async with context.database.write() as connection:
            again_at_ms = context.now_ms() + wait_ms
            await work.put_back(connection, claimed, not_before_ms=again_at_ms, error=str(error))
        raise
    except Exception as error:
        async with context.database.write() as connection:
            again_at_ms = context.retry_at_ms(FAILURES_BACK_OFF)
            await work.fail(
                connection, claimed, error=f"{type(error).__name__} before pairing", not_before_ms=again_at_ms
            )
        raise
    except BaseException:
        # Whoever stops us means no harm to these names: they are free for the next one at once.
        await asyncio.shield(_let_go(context, claimed))
        raise
    await _record(context, owner_id, claimed, mark, round_)
    return True


async def _let_go(context: JobContext, claimed: Claim) -> None:
    async with context.database.write() as connection:
        await work.put_back(connection, claimed, not_before_ms=0)


async def _claim(context: JobContext, owner_id: OwnerId) -> tuple[Claim, Watermark | None]:
    """The stems that are ours now, none before the first scan is complete, and until when Immich is known."""
    lease, now_ms = context.new_id(), context.now_ms()
    async with context.database.write() as connection:
        mark = await scans.watermark(connection, owner_id)
        if mark is None:
            return Claim(owner_id, lease, ()), None
        claimed = await work.claim(
            connection, owner_id, lease=lease, now_ms=now_ms, lease_ms=LEASE_MS, limit=STEMS_AT_ONCE
        )
        if GroupKind.BURST in (await rules_of(context, connection, owner_id)).kinds:
            # A burst has as many names as frames: they are looked at together, or not now.
            wanted = await assets.stems_of_same_bursts(connection, owner_id, claimed.stems)
            claimed = await work.claim_also(connection, claimed, wanted, now_ms=now_ms, lease_ms=LEASE_MS)
            if not wanted <= set(claimed.stems):
                await work.put_back(connection, claimed, not_before_ms=now_ms + WAIT_FOR_WRITES_MS)
                return claimed.only(()), mark
    return claimed, mark


@dataclass(frozen=True, slots=True)
class _Round:
    """What was decided about the stems that were ready; those that wait for their last write, and those that failed.

    Shape:  unanswered are assets about which Immich gave no answer, though it did about others: a person may decide
            about them, and they are asked about again later.
    """

    known: Known
    decided: Sequence[Decided]
    ready: Sequence[str]
    waiting: frozenset[str]
    failed: dict[str, str] = field(default_factory=dict)
    unanswered: set[AssetId] = field(default_factory=set)


async def _settled(context: JobContext, owner_id: OwnerId, claimed: Claim) -> _Round:
    """The decisions, after Immich was asked whatever they depend on."""
    unreadable: set[AssetId] = set()
    unanswered: set[AssetId] = set()
    round_ = await _decide(context, owner_id, claimed, unreadable)
    for _ in range(MOST_ROUNDS):
        unasked = set(_to_recall(round_.decided)) - context.recalled - unreadable
        doubtful = {each for decided in round_.decided for each in decided.in_doubt} - unreadable
        if not unasked and not doubtful:
            return replace(round_, unanswered=unanswered)
        recalled = await recall(context, owner_id, sorted(unasked))
        if not recalled.is_news and not recalled.unanswered and not doubtful:
            return replace(round_, unanswered=unanswered)  # as for nearly all: nobody had decided anything
        unanswered |= recalled.unanswered
        unreadable |= unanswered
        unreadable |= await look_at(context, owner_id, [round_.known.assets[each] for each in sorted(doubtful)])
        round_ = await _decide(context, owner_id, claimed, unreadable)
    raise Unsettled("every answer of Immich raised another question")


def _to_recall(decided: Sequence[Decided]) -> Iterator[AssetId]:
    """About whom Immich might know a decision: everybody in a match that is new to us, and in a broken stack.

    Everybody, as one who was uploaded anew knows nothing under the new id, while the others still name the former one.
    """
    for each in decided:
        for step in each.plan.steps:
            if isinstance(step, Create | Extend | Review):
                yield from step.proposal.member_ids
        for repair in each.plan.repairs:
            yield from (repair.stack.primary_id, *repair.member_ids)


async def _decide(context: JobContext, owner_id: OwnerId, claimed: Claim, unreadable: set[AssetId]) -> _Round:
    async with context.database.read() as connection:
        # A stem whose last write is still on its way is looked at when that has ended.
        rules = await rules_of(context, connection, owner_id)
        waiting = frozenset(await journal.stems_intended(connection, owner_id, claimed.stems))
        if GroupKind.BURST in rules.kinds:
            # A write about one frame is about the whole burst.
            waiting |= await assets.stems_of_same_bursts(connection, owner_id, sorted(waiting))
        waiting &= set(claimed.stems)
        ready = [stem for stem in claimed.stems if stem not in waiting]
        known = await load(connection, owner_id, ready, rules)
    try:
        return _Round(known, [decide(known, ready, context.pipeline, unreadable=unreadable)], ready, waiting)
    except Exception as error:  # noqa: BLE001  # one name that breaks a rule stops no other
        log.error("pairing some names together failed, they are tried one by one: %s", OwnWords(_where(error)))  # noqa: TRY400
    round_ = _Round(known, (decided := []), ready, waiting)
    by_stem = known.by_stem()
    for stem in ready:
        try:
            alone = replace(known, of_stems=by_stem.get(stem, []))
            decided.append(decide(alone, [stem], context.pipeline, unreadable=unreadable))
        except Exception as error:  # noqa: BLE001
            log.error("pairing a name failed: %s", OwnWords(_where(error)))  # noqa: TRY400  # its message may hold the name itself
            round_.failed[stem] = f"{type(error).__name__} while pairing"
    return round_


def _where(error: Exception) -> str:
    """The kind of error and the lines that led to it, without its message."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


async def _record(context: JobContext, owner_id: OwnerId, claimed: Claim, mark: Watermark, round_: _Round) -> None:
    intended = learned = 0
    async with context.database.write() as connection:
        if not await work.is_held(connection, claimed):
            return  # it took so long that somebody else looks at them by now
        for decided in round_.decided:
            steps = [step for step in decided.plan.steps if isinstance(step, Create | Extend)]
            await intend(
                context,
                connection,
                owner_id,
                steps,
                round_.known,
                known_at_ms=mark.stacks_known_at_ms,
                origin=Origin.RULES,
            )
            await _remember(context, connection, owner_id, decided)
            await findings.replace(connection, owner_id, decided.findings)
            intended += len(steps)
            learned += len(decided.plan.learned)
        returned = [(context.new_id(), decision) for decision in round_.known.returned]
        await decisions.add(connection, owner_id, returned, now_ms=context.now_ms())
        later_ms = context.now_ms() + WAIT_FOR_WRITES_MS
        await work.put_back(connection, claimed.only(round_.waiting), not_before_ms=later_ms)
        for stem, error in round_.failed.items():
            await work.fail(
                connection, claimed.only([stem]), error=error, not_before_ms=context.retry_at_ms(FAILURES_BACK_OFF)
            )
        again = {round_.known.stem_of(each) for each in round_.unanswered if each in round_.known.assets}
        await work.put_back(
            connection,
            claimed.only(again.intersection(round_.ready)),
            not_before_ms=context.now_ms() + WAIT_FOR_PERSON_MS,
            error="Immich gives no answer about some of them",
        )
        done = (stem for stem in round_.ready if stem not in round_.failed and stem not in again)
        await work.finish(connection, claimed.only(done))
    if intended:
        await context.wake(JobName.APPLY, owner_id)
    if learned or returned:
        await context.wake(JobName.REMEMBER, owner_id)


async def _remember(context: JobContext, connection: AsyncConnection, owner_id: OwnerId, decided: Decided) -> None:
    now_ms = context.now_ms()
    for group_id, primary_id in decided.plan.primary_changes:
        await groups.set_primary(connection, owner_id, group_id, primary_id)
    await groups.set_state(connection, owner_id, decided.plan.ended, GroupState.UNDONE)
    await groups.forget_members(connection, owner_id, decided.plan.outlived)
    learned = [(context.new_id(), decision) for decision in decided.plan.learned]
    await decisions.add(connection, owner_id, learned, now_ms=now_ms)
    seen = [
        (
            OurGroup(GroupId(context.new_id()), each.proposal.member_ids, each.primary_id, is_ours=False),
            each.proposal.kind.value,
            [str(reason) for reason in each.proposal.reasons],
        )
        for each in decided.plan.seen
    ]
    await groups.add(connection, owner_id, seen, now_ms=now_ms)
