"""Pairing: the assets of one owner in, proposals with reasons out; equal input, equal output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from sidecar.errors import ParameterError
from sidecar.grouping.assignment import Cluster, assign
from sidecar.grouping.bursts import with_bursts
from sidecar.grouping.candidate import Candidate, candidate_of
from sidecar.grouping.capture_time import runs
from sidecar.grouping.content import contradiction, wants_a_look
from sidecar.grouping.doubts import doubt_about
from sidecar.grouping.eligibility import may_pair
from sidecar.grouping.explanation import explain, left_alone, near_misses
from sidecar.grouping.families import families
from sidecar.grouping.names import NameReader, reader_of
from sidecar.grouping.primary import in_order, kind_of
from sidecar.grouping.proposal import Confidence, GroupKind, LeftAlone, Pairing, Proposal
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule, no_support
from sidecar.grouping.settings import DEFAULT_PREFERENCE, PairingRules, Preferred
from sidecar.grouping.switches import is_anything_off, taking_part, with_switches
from sidecar.model import Asset, AssetId

__all__ = [
    "DEFAULT_PREFERENCE",
    "Confidence",
    "GroupKind",
    "LeftAlone",
    "Pairing",
    "PairingRules",
    "Preferred",
    "Proposal",
    "Reason",
    "ReasonCode",
    "pair",
]

# Enum members are slow to reach by name, and these are needed for every proposal.
_CERTAIN, _DOUBTFUL = Confidence.CERTAIN, Confidence.DOUBTFUL
_NOT_EXTRACTED = Reason(ReasonCode.NOT_EXTRACTED)


def pair(
    assets: Iterable[Asset], rules: PairingRules | None = None, *, pipeline: Sequence[PairRule] = RULES
) -> Pairing:
    """Every group among the assets, and what was left alone although a partner by name exists.

    Shape:  assets are one owner's, the whole library or all of some stems, in any order; of a repeated id the newest
            counts. Assets whose stems differ meet only as frames that share a camera's burst id, where BURST is among
            the rules' kinds: otherwise a library may be paired stem by stem. rules default to PairingRules().
    Errors: ParameterError if the assets have more than one owner; whatever a rule of another package raises.
    """
    return _Pairer(rules or PairingRules(), pipeline).pairing(_newest(assets))


def _newest(assets: Iterable[Asset]) -> list[Asset]:
    given = list(assets)
    if len({asset.owner_id for asset in given}) > 1:
        raise ParameterError("assets of several owners cannot be paired with each other")
    if len({asset.id for asset in given}) == len(given):
        return given
    given.sort(key=lambda asset: (asset.updated_at_ms, repr(asset)))
    return list({asset.id: asset for asset in given}.values())


def _by_stem(assets: list[Asset], names: NameReader) -> Iterator[list[Asset]]:
    """The assets of each stem that has two or more. Most names are alone in some libraries: they cost no list."""
    named: dict[str, Asset | list[Asset]] = {}
    for asset in assets:
        stem = names.stem_of(asset.name)
        known = named.get(stem)
        if known is None:
            named[stem] = asset
        elif isinstance(known, list):
            known.append(asset)
        else:
            named[stem] = [known, asset]
    return (found for found in named.values() if isinstance(found, list))


class _Pairer:
    """One run of pairing: its rules, and what it found so far."""

    def __init__(self, rules: PairingRules, pipeline: Sequence[PairRule]) -> None:
        self._rules = rules
        self._names = reader_of(rules)
        self._is_anything_off = is_anything_off(rules)
        self._pipeline = with_switches(pipeline, rules)
        self._supports = [rule.support for rule in self._pipeline if rule.support is not no_support]
        self._evidence: dict[tuple[Reason, ...], tuple[Reason, ...]] = {}
        self._proposals: list[Proposal] = []
        self._left_alone: list[LeftAlone] = []
        self._in_doubt: list[AssetId] = []
        self._switched_off: set[AssetId] = set()

    def pairing(self, assets: list[Asset]) -> Pairing:
        motion_ids = {asset.live_photo_video_id for asset in assets}
        for named in _by_stem(assets, self._names):
            able = [asset for asset in named if may_pair(asset) and asset.id not in motion_ids]
            if self._is_anything_off:
                able = self._taking_part(able)
            if len(able) > 1:
                self._stem(able)
        found = Pairing(
            tuple(sorted(self._proposals, key=attrgetter("member_ids"))),
            tuple(sorted(self._left_alone, key=lambda each: (each.asset_ids, each.reason))),
            tuple(sorted(self._in_doubt)),
        )
        if GroupKind.BURST not in self._rules.kinds:
            return found
        able = [
            asset
            for asset in assets
            if may_pair(asset) and asset.id not in self._switched_off and self._why_unfit(asset) is None
        ]
        return with_bursts(found, able, self._rules, self._pipeline)

    def _taking_part(self, able: list[Asset]) -> list[Asset]:
        present = taking_part(able, self._rules)
        if len(present) < len(able):
            self._switched_off.update({asset.id for asset in able}.difference(asset.id for asset in present))
        return present

    def _stem(self, named: list[Asset]) -> None:
        if [asset for asset in named if asset.content is not None or not asset.is_extracted]:
            named = self._fit(named)
        in_time = runs(named, tolerance_ms=self._rules.tolerance_ms)
        paired: set[AssetId] = set()
        for run in in_time:
            if len(run) > 1:
                for family in families([candidate_of(asset, self._names) for asset in run], self._rules):
                    paired |= self._family(family)
        if len(in_time) > 1:
            self._left_alone += near_misses(in_time, paired, self._rules, self._pipeline)

    def _fit(self, named: list[Asset]) -> list[Asset]:
        """Those whose time is known and whose content is what the name says; the others are left alone."""
        fit: list[Asset] = []
        unfit: dict[Reason, list[AssetId]] = {}
        for asset in named:
            reason = self._why_unfit(asset)
            if reason is None:
                fit.append(asset)
            else:
                unfit.setdefault(reason, []).append(asset.id)
        self._left_alone += (left_alone(asset_ids, reason) for reason, asset_ids in unfit.items())
        return fit

    def _why_unfit(self, asset: Asset) -> Reason | None:
        if not asset.is_extracted:
            return _NOT_EXTRACTED
        return contradiction(candidate_of(asset, self._names)) if asset.content is not None else None

    def _family(self, family: list[Candidate]) -> set[AssetId]:
        """What was paired among candidates of one name, and on the way which proposals and silences that makes."""
        if len(family) <= self._rules.max_cluster:
            return self._part(family)
        # So large a family may have held together by files of another name only.
        by_id = {candidate.asset.id: candidate for candidate in family}
        parts = runs([candidate.asset for candidate in family], tolerance_ms=self._rules.tolerance_ms)
        return set().union(*(self._part([by_id[asset.id] for asset in part]) for part in parts))

    def _part(self, part: list[Candidate]) -> set[AssetId]:
        paired: set[AssetId] = set()
        if len(part) > self._rules.max_cluster:
            reason = Reason(ReasonCode.TOO_MANY, str(len(part)))
            self._left_alone.append(left_alone((candidate.asset.id for candidate in part), reason))
        elif len(part) > 1:
            for cluster in assign(part, self._rules, self._pipeline):
                proposal = self._proposal(cluster)
                self._proposals.append(proposal)
                paired.update(proposal.member_ids)
            if len(paired) < len(part):
                left = [candidate for candidate in part if candidate.asset.id not in paired]
                self._left_alone += explain(left, part, self._rules, self._pipeline)
        return paired

    def _proposal(self, cluster: Cluster) -> Proposal:
        members = in_order(cluster.members, self._rules)
        evidence = []
        for support in self._supports:
            reason = support(members)
            if reason is not None:
                evidence.append(reason)
        for member in members:
            if wants_a_look(member):
                self._in_doubt.append(member.asset.id)
        doubt = doubt_about(members, is_clear=cluster.is_clear)
        if doubt is not None:
            evidence.append(doubt)
        return Proposal(
            tuple([member.asset.id for member in members]),
            kind_of(members),
            _CERTAIN if doubt is None else _DOUBTFUL,
            members[0].family,
            self._kept_once(tuple(evidence)),
        )

    def _kept_once(self, evidence: tuple[Reason, ...]) -> tuple[Reason, ...]:
        """Most proposals have the same few reasons, and a library has many proposals."""
        return self._evidence.setdefault(evidence, evidence)
