"""What follows for some stems from all that is known of them: the same for the job that acts and for people who ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.engine import PairingRules, pair
from sidecar.grouping.memory import Decision, OurGroup
from sidecar.grouping.names import reader_of
from sidecar.grouping.planning import (
    AlreadyStacked,
    Create,
    Extend,
    Plan,
    Repair,
    Respect,
    Review,
    Step,
)
from sidecar.grouping.planning import plan as plan_steps
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.rule import PairRule
from sidecar.model import Asset, AssetId, OwnerId, Stack
from sidecar.storage import assets, decisions, groups, stacks
from sidecar.storage.findings import Finding, FindingKind

_KIND_OF: dict[type[Step], FindingKind] = {
    Create: FindingKind.STACK,
    Extend: FindingKind.STACK,
    AlreadyStacked: FindingKind.STACK,
    Review: FindingKind.REVIEW,
    Respect: FindingKind.RESPECTED,
}
_NOT_LOOKED_AT = Reason(ReasonCode.NOT_LOOKED_AT)


@dataclass(frozen=True, slots=True)
class Known:
    """All that a decision about some stems depends on; assets holds members of stacks that reach beyond them too.

    Shape:  returned are decisions about assets that came back under another id, as they now are.
    """

    rules: PairingRules
    of_stems: Sequence[Asset]
    assets: Mapping[AssetId, Asset]
    stacks: Sequence[Stack]
    groups: Sequence[OurGroup]
    decisions: Sequence[tuple[str, Decision]]
    returned: Sequence[Decision] = ()

    def stem_of(self, asset_id: AssetId) -> str:
        """The stem of a known asset."""
        return reader_of(self.rules).stem_of(self.assets[asset_id].name)

    def by_stem(self) -> dict[str, list[Asset]]:
        """The assets of each stem."""
        found: dict[str, list[Asset]] = {}
        for asset in self.of_stems:
            found.setdefault(self.stem_of(asset.id), []).append(asset)
        return found


@dataclass(frozen=True, slots=True)
class Decided:
    """What follows; nothing of it is recorded yet.

    Shape:  found holds every finding with what it is about, by stem; in_doubt are members whose bytes want a look
            before anything is done with them.
    """

    plan: Plan
    found: Mapping[str, Sequence[tuple[Finding, Step | Repair | None]]]
    in_doubt: frozenset[AssetId]

    @property
    def findings(self) -> dict[str, list[Finding]]:
        """The findings alone, by stem."""
        return {stem: [finding for finding, _ in found] for stem, found in self.found.items()}


async def load(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str], rules: PairingRules) -> Known:
    """Everything about these stems that the database knows, as of one moment."""
    return await load_around(connection, owner_id, await assets.by_stems(connection, owner_id, stems), rules)


async def load_around(
    connection: AsyncConnection, owner_id: OwnerId, of_stems: Sequence[Asset], rules: PairingRules
) -> Known:
    """The same about these assets, which are all of some stems under these rules."""
    ids = [asset.id for asset in of_stems]
    present = await stacks.touching(connection, owner_id, ids)
    known_groups = await groups.living_touching(connection, owner_id, ids)
    loaded = {asset.id: asset for asset in of_stems}
    beyond = {
        asset_id
        for members in (
            *((stack.primary_id, *stack.member_ids) for stack in present),
            *(group.member_ids for group in known_groups),
        )
        for asset_id in members
    } - loaded.keys()
    loaded.update(await assets.by_ids(connection, owner_id, sorted(beyond)))
    stored = [decision for _, decision in await decisions.touching(connection, owner_id, sorted(loaded))]
    known = await decisions.about(connection, owner_id, loaded)
    return Known(
        rules=rules,
        of_stems=of_stems,
        assets=loaded,
        stacks=present,
        groups=known_groups,
        decisions=known,
        returned=[decision for _, decision in known if decision not in stored],
    )


def decide(
    known: Known, stems: Sequence[str], pipeline: Sequence[PairRule], *, unreadable: Collection[AssetId] = ()
) -> Decided:
    """What follows for the stems.

    Shape:  unreadable are assets whose bytes should have been looked at and could not be: nothing is done with them
            unasked.
    """
    pairing = pair(known.of_stems, known.rules, pipeline=pipeline)
    planned = plan_steps(
        pairing.proposals,
        assets=known.assets,
        stacks=known.stacks,
        groups=known.groups,
        decisions=[decision for _, decision in known.decisions],
        rules=known.rules,
    )
    if unreadable:
        planned = replace(planned, steps=tuple(_if_readable(step, unreadable) for step in planned.steps))
    found: dict[str, list[tuple[Finding, Step | Repair | None]]] = {stem: [] for stem in stems}

    def tell(of: AssetId, finding: Finding, subject: Step | Repair | None) -> None:
        # What reaches over several stems is told of once, and not where nobody asked.
        stem = known.stem_of(of)
        if stem in found:
            found[stem].append((finding, subject))

    for step in planned.steps:
        ids, kind = members_of(step), step.proposal.kind.value
        tell(step.proposal.member_ids[0], Finding(_KIND_OF[type(step)], ids, _reasons(step), kind), step)
    for left in pairing.left_alone:
        tell(left.asset_ids[0], Finding(FindingKind.LEFT_ALONE, left.asset_ids, (left.reason,)), None)
    for repair in planned.repairs:
        cover = repair.stack.primary_id
        broken = Finding(FindingKind.REPAIR, repair.member_ids, (repair.why,), repair.kind.value)
        tell(cover if cover in known.assets else repair.member_ids[0], broken, repair)
    return Decided(planned, found, frozenset(pairing.in_doubt))


def members_of(step: Step) -> tuple[AssetId, ...]:
    """The stack that a step means, primary first."""
    return step.member_ids if isinstance(step, Extend) else step.proposal.member_ids


def _if_readable(step: Step, unreadable: Collection[AssetId]) -> Step:
    if isinstance(step, Create | Extend) and not set(unreadable).isdisjoint(step.proposal.member_ids):
        around = (step.stack,) if isinstance(step, Extend) else ()
        return Review(step.proposal, _NOT_LOOKED_AT, around)
    return step


def _reasons(step: Step) -> tuple[Reason, ...]:
    why = (step.why,) if isinstance(step, Review | Respect) else ()
    return (*why, *(reason for reason in step.proposal.reasons if reason not in why))
