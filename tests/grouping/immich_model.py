"""Immich's stacks as far as planning meets them, so that plans can be carried out in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sidecar.grouping.engine import PairingRules, pair
from sidecar.grouping.planning import AlreadyStacked, Create, Decision, Extend, OurGroup, Plan, Respect, Step, plan
from sidecar.model import Asset, AssetId, GroupId, Stack, StackId


class ImmichModel:
    """One owner's assets and stacks, and what the sidecar remembers of its own work."""

    def __init__(self, assets: Iterable[Asset], rules: PairingRules | None = None) -> None:
        self.assets = {asset.id: asset for asset in assets}
        self.stacks: list[Stack] = []
        self.groups: dict[GroupId, OurGroup] = {}
        self.decisions: set[Decision] = set()
        self._rules = rules or PairingRules()
        self._made = 0

    def planned(self) -> Plan:
        """What the sidecar would do now."""
        return plan(
            pair(self.assets.values(), self._rules).proposals,
            assets=self.assets,
            stacks=self.stacks,
            groups=self.groups.values(),
            decisions=self.decisions,
        )

    def scan(self) -> list[Step]:
        """Plan, do, remember; the steps that changed or would change something."""
        planned = self.planned()
        self.decisions.update(planned.learned)
        for group_id, primary_id in planned.primary_changes:
            self.groups[group_id] = replace(self.groups[group_id], primary_id=primary_id)
        for group_id in planned.ended:
            del self.groups[group_id]
        for seen in planned.seen:
            group_id = GroupId(f"seen{len(self.groups)}")
            self.groups[group_id] = OurGroup(group_id, seen.proposal.member_ids, seen.primary_id, is_ours=False)
        for step in planned.steps:
            if isinstance(step, Create):
                self._remember(GroupId(f"g{self._made}"), self.stack(step.proposal.member_ids))
            elif isinstance(step, Extend):
                self._remember(GroupId(f"g{self._made}"), self.stack(step.member_ids))
        return [step for step in planned.steps if not isinstance(step, AlreadyStacked | Respect)]

    def stack(self, member_ids: tuple[AssetId, ...]) -> Stack:
        """POST /stacks: a primary among the members brings its old stack along, a child is moved silently."""
        joined = dict.fromkeys(member_ids)
        for stack in [stack for stack in self.stacks if stack.primary_id in joined]:
            joined |= dict.fromkeys(stack.member_ids)
            self.stacks.remove(stack)
        self._take_out(set(joined))
        self._made += 1
        made = Stack(StackId(f"s{self._made}"), member_ids[0], tuple(sorted(joined)))
        self.stacks.append(made)
        return made

    def unstack(self, stack: Stack) -> None:
        """DELETE /stacks/{id}."""
        self.stacks.remove(stack)

    def remove(self, stack: Stack, member_id: AssetId) -> Stack:
        """DELETE /stacks/{id}/assets/{assetId}."""
        self._take_out({member_id})
        return next(each for each in self.stacks if each.id == stack.id)

    def choose_cover(self, stack: Stack, primary_id: AssetId) -> None:
        """PUT /stacks/{id}."""
        self.stacks[self.stacks.index(stack)] = Stack(stack.id, primary_id, stack.member_ids)

    def _take_out(self, asset_ids: set[AssetId]) -> None:
        self.stacks = [
            Stack(stack.id, stack.primary_id, tuple(each for each in stack.member_ids if each not in asset_ids))
            for stack in self.stacks
        ]

    def _remember(self, group_id: GroupId, stack: Stack) -> None:
        self.groups[group_id] = OurGroup(group_id, stack.member_ids, stack.primary_id)
