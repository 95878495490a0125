"""Frames of one burst as one stack: a step after pairing, across names, which runs only where people want it.

A burst is what the camera marks as one, by an id in the files or by the names. What pairing found of a frame stays
together and comes along as a whole.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, count, product
from operator import attrgetter
from typing import NamedTuple, TypeVar

from sidecar.grouping import capture_time, difference, switches
from sidecar.grouping.candidate import Candidate, candidate_of
from sidecar.grouping.capture_time import distance_ms
from sidecar.grouping.content import wants_a_look
from sidecar.grouping.doubts import doubt_about
from sidecar.grouping.explanation import left_alone
from sidecar.grouping.names import NameReader, reader_of
from sidecar.grouping.primary import in_order
from sidecar.grouping.proposal import Confidence, GroupKind, LeftAlone, Pairing, Proposal
from sidecar.grouping.reasons import Reason, ReasonCode, span
from sidecar.grouping.rule import PairRule
from sidecar.grouping.settings import PairingRules
from sidecar.model import Asset, AssetId, AssetKind, Visibility

MAX_FRAMES = 500
"""More than this is not one burst: phones take ten to thirty frames a second for as long as a finger stays down."""

BURST_SPAN_MS = 60_000
"""The longest burst, from its first frame to its last: 500 frames at ten a second take 50 s.

The camera's id or a date in the name occurs only once, so that this need only keep out what is no burst at all.
"""

COUNTED_SPAN_MS = 10_000
"""The longest burst whose names have a counter only: counters come again, perhaps a minute later."""

_DAY_MS = 86_400_000
_SECOND_MS = 1_000
_DATE = re.compile(r"\d{8}")
# What they object to is what makes frames of versions, and nobody doubts it. All other rules are asked.
_ABOUT_VERSIONS = (capture_time.RULE, difference.RULE, switches.RULE)
_AMBIGUOUS = Reason(ReasonCode.AMBIGUOUS)
_SAME_SECOND = Reason(ReasonCode.SAME_SECOND)

_T = TypeVar("_T")


def with_bursts(found: Pairing, able: Sequence[Asset], rules: PairingRules, pipeline: Sequence[PairRule]) -> Pairing:
    """The pairing with every burst as one proposal of kind BURST, in place of those of its frames.

    Shape:  able are all assets that may be in a group, those of `found` among them: of all names, for a camera's id may
            join any.
    """
    judges = [rule for rule in pipeline if all(rule is not other for other in _ABOUT_VERSIONS)]
    bursts: list[_Burst] = []
    left: list[LeftAlone] = []
    for mark, units in _marked_alike(_units(found, able, reader_of(rules))).items():
        for once in _occurrences(mark, units):
            # An id found again on another day is no burst's, and not worth a word.
            if _lasts_ms(once) > _DAY_MS:
                continue
            reason = _too_much(mark, once)
            if reason is None:
                parts = [part for part in _parts(once, rules) if len(part.frames) > 1]
                reason = _objection(once, rules, judges) if parts else None
                bursts += parts if reason is None else ()
            loose = [unit.first.asset.id for unit in once if unit.proposal is None]
            if reason is not None and loose:
                left.append(left_alone(loose, reason))
    return _merged(found, bursts, left, judges)


class _Unit(NamedTuple):
    """What goes into a burst as one: a group that pairing found, or a picture alone; its best cover first."""

    members: tuple[Candidate, ...]
    proposal: Proposal | None

    @property
    def first(self) -> Candidate:
        return self.members[0]

    @property
    def name(self) -> str:
        return self.proposal.name if self.proposal is not None else self.first.family

    @property
    def camera_id(self) -> str | None:
        """The camera's own id, which a RAW may lack; versions of one frame that disagree about it have none."""
        return _only(member.asset.auto_stack_id for member in self.members)

    @property
    def name_key(self) -> str | None:
        return _only(member.name.burst for member in self.members)

    @property
    def is_cover(self) -> bool:
        return any(member.name.is_burst_cover for member in self.members)

    @property
    def doubt(self) -> Reason | None:
        if self.proposal is None:
            return doubt_about(self.members, is_clear=True)
        return self.proposal.evidence[-1] if self.proposal.confidence is Confidence.DOUBTFUL else None

    @property
    def order(self) -> tuple[int, int, str, AssetId]:
        """In time; by the number in the name where the time does not tell."""
        asset = self.first.asset
        return asset.taken_local_ms, len(asset.name), asset.name, asset.id


class _Mark(NamedTuple):
    """What says that frames are one burst, and where they are shown: archived frames are a burst of their own."""

    visibility: Visibility
    key: str
    is_camera_id: bool

    @property
    def occurs_once(self) -> bool:
        return self.is_camera_id or _DATE.search(self.key) is not None

    @property
    def span_ms(self) -> int:
        return BURST_SPAN_MS if self.occurs_once else COUNTED_SPAN_MS


class _Burst(NamedTuple):
    """Units in order of time, and the same as frames, which hold more than one unit where versions are not paired."""

    units: list[_Unit]
    frames: list[list[_Unit]]


def _only(values: Iterable[_T | None]) -> _T | None:
    """The value, if all that are known are equal."""
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None


def _units(found: Pairing, able: Iterable[Asset], names: NameReader) -> list[_Unit]:
    """Everything of which a member is marked as a burst's."""
    group_of = {member: proposal for proposal in found.proposals for member in proposal.member_ids}
    pictures = [asset for asset in able if asset.kind is AssetKind.IMAGE]
    alone: list[_Unit] = []
    groups: dict[tuple[AssetId, ...], Proposal] = {}
    for asset in pictures:
        candidate = candidate_of(asset, names)
        if candidate.name.burst is None and asset.auto_stack_id is None:
            continue
        group = group_of.get(asset.id)
        if group is None:
            alone.append(_Unit((candidate,), None))
        else:
            groups[group.member_ids] = group
    grouped = {member for members in groups for member in members}
    candidates = {asset.id: candidate_of(asset, names) for asset in pictures if asset.id in grouped}
    return [*alone, *(_Unit(tuple(candidates[each] for each in ids), group) for ids, group in groups.items())]


def _marked_alike(units: Sequence[_Unit]) -> dict[_Mark, list[_Unit]]:
    """The units by the burst that they say they are of.

    The camera's id counts more than the name. An id that no other file has says nothing: some cameras give one to every
    picture. Where an id is known of some frames only, the others join them by a name that occurs only once.
    """
    files_with = Counter(unit.camera_id for unit in units)
    ids_of: defaultdict[str | None, set[str]] = defaultdict(set)
    for unit in units:
        if unit.camera_id is not None and files_with[unit.camera_id] > 1:
            ids_of[unit.name_key].add(unit.camera_id)
    marked: defaultdict[_Mark, list[_Unit]] = defaultdict(list)
    for unit in units:
        visibility, camera_id, key = unit.first.asset.visibility, unit.camera_id, unit.name_key
        mark = None if key is None else _Mark(visibility, key, is_camera_id=False)
        if camera_id is None or files_with[camera_id] == 1:
            camera_id = _only(ids_of[key]) if mark is not None and mark.occurs_once else None
        if camera_id is not None:
            mark = _Mark(visibility, camera_id, is_camera_id=True)
        if mark is not None:
            marked[mark].append(unit)
    return marked


def _occurrences(mark: _Mark, units: Iterable[_Unit]) -> Iterator[list[_Unit]]:
    """The units in order of time, cut where more than the span of a burst lies between them.

    Not so by the camera's id: one that is found again later is no burst's at all, but everything that camera takes has
    it, and what was taken within a minute would be stacked.
    """
    occurrence: list[_Unit] = []
    for unit in sorted(units, key=lambda unit: unit.order):
        if occurrence and not mark.is_camera_id and _lasts_ms((occurrence[-1], unit)) > mark.span_ms:
            yield occurrence
            occurrence = []
        occurrence.append(unit)
    yield occurrence


def _lasts_ms(units: Sequence[_Unit]) -> int:
    """From first to last, by whichever clock shows less."""
    local = [unit.first.asset.taken_local_ms for unit in units]
    utc = [unit.first.asset.taken_at_ms for unit in units]
    return min(max(local) - min(local), max(utc) - min(utc))


def _too_much(mark: _Mark, units: Sequence[_Unit]) -> Reason | None:
    """Why no burst lasts that long or has that many frames, None if it may."""
    lasts_ms = _lasts_ms(units)
    if lasts_ms > mark.span_ms:
        return Reason(ReasonCode.BURST_TOO_LONG, span(lasts_ms))
    return Reason(ReasonCode.BURST_TOO_LARGE, str(len(units))) if len(units) > MAX_FRAMES else None


def _objection(units: Sequence[_Unit], rules: PairingRules, judges: Sequence[PairRule]) -> Reason | None:
    """The first objection of any rule that is asked about frames."""
    objections = (
        rule.objection(member, partner, rules)
        for one, other in combinations(units, 2)
        for member, partner in product(one.members, other.members)
        for rule in judges
    )
    return next((reason for reason in objections if reason is not None), None)


def _parts(units: Sequence[_Unit], rules: PairingRules) -> Iterator[_Burst]:
    """The units as bursts with every frame once, as far as a switch or the folder tells what belongs together.

    With RAW_JPEG off a burst of RAW and JPEG is two. A burst and its backup are two as well.
    """
    for part in _as_switched(_frames(units, rules), rules):
        frames = _frames(part, rules)
        if len(frames) == len(part):
            yield _Burst(part, frames)
            continue
        by_folder: defaultdict[str | None, list[_Unit]] = defaultdict(list)
        for unit in part:
            by_folder[unit.first.asset.folder].append(unit)
        for together in by_folder.values():
            yield _Burst(together, _frames(together, rules))


def _frames(units: Iterable[_Unit], rules: PairingRules) -> list[list[_Unit]]:
    """The units, those of one frame together: copies of it, or versions that pairing did not bring together."""
    by_name: defaultdict[str, list[list[_Unit]]] = defaultdict(list)
    for unit in units:
        frames = by_name[unit.name]
        for frame in frames:
            if any(_are_one_frame(unit, other, rules) for other in frame):
                frame.append(unit)
                break
        else:
            frames.append([unit])
    return [frame for frames in by_name.values() for frame in frames]


def _are_one_frame(one: _Unit, other: _Unit, rules: PairingRules) -> bool:
    """Of two files of one name: at the same time they are copies; near it other versions, but not equal ones."""
    apart_ms = distance_ms(one.first.asset, other.first.asset)
    return apart_ms == 0 or (apart_ms <= rules.tolerance_ms and one.first.slot != other.first.slot)


def _as_switched(frames: Iterable[list[_Unit]], rules: PairingRules) -> list[list[_Unit]]:
    """The units, in order, in as few lists as a switch allows for versions of one frame; better covers first."""
    parts: defaultdict[int, list[_Unit]] = defaultdict(list)
    for frame in frames:
        best_first = in_order([unit.first for unit in frame], rules)
        placed: list[tuple[int, _Unit]] = []
        for unit in sorted(frame, key=lambda unit: best_first.index(unit.first)):
            kept_apart = {place for place, other in placed if _are_off(unit, other, rules)}
            placed.append((next(place for place in count() if place not in kept_apart), unit))
        for place, unit in placed:
            parts[place].append(unit)
    return [sorted(part, key=lambda unit: unit.order) for part in parts.values()]


def _are_off(one: _Unit, other: _Unit, rules: PairingRules) -> bool:
    return any(switches.is_off(member, partner, rules) for member, partner in product(one.members, other.members))


def _merged(found: Pairing, bursts: Sequence[_Burst], left: Sequence[LeftAlone], judges: Sequence[PairRule]) -> Pairing:
    """What was found, with the bursts in place of what they hold."""
    made = [_proposal(burst, judges) for burst in bursts]
    held = {member for proposal in made for member in proposal.member_ids}
    proposals = [*made, *(each for each in found.proposals if each.member_ids[0] not in held)]
    still = (
        left_alone([each for each in silence.asset_ids if each not in held], silence.reason)
        for silence in found.left_alone
    )
    in_doubt = {
        member.asset.id for burst in bursts for unit in burst.units for member in unit.members if wants_a_look(member)
    }
    return Pairing(
        tuple(sorted(proposals, key=attrgetter("member_ids"))),
        tuple(sorted((*left, *(each for each in still if each.asset_ids)), key=attrgetter("asset_ids", "reason"))),
        tuple(sorted(in_doubt.union(found.in_doubt))),
    )


def _proposal(burst: _Burst, judges: Sequence[PairRule]) -> Proposal:
    cover = next((unit for unit in burst.units if unit.is_cover), burst.units[0])
    members = [*cover.members, *(member for unit in burst.units if unit is not cover for member in unit.members)]
    lasts_ms = _lasts_ms(burst.units)
    evidence = [
        Reason(ReasonCode.SAME_BURST, str(len(burst.frames))),
        _SAME_SECOND if lasts_ms < _SECOND_MS else Reason(ReasonCode.CLOSE_IN_TIME, span(lasts_ms)),
    ]
    evidence += (reason for rule in judges if (reason := rule.support(members)) is not None)
    doubts = [_AMBIGUOUS] if len(burst.frames) < len(burst.units) else []
    doubts += (doubt for unit in burst.units if (doubt := unit.doubt) is not None)
    return Proposal(
        tuple(member.asset.id for member in members),
        GroupKind.BURST,
        Confidence.DOUBTFUL if doubts else Confidence.CERTAIN,
        cover.name,
        (*evidence, *doubts[:1]),
    )
