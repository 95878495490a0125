"""Sets of duplicates: everybody in one matches its best copy, directly; nothing is chained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from sidecar.duplicates.classes import DuplicateClass, weakest
from sidecar.duplicates.keeper import Preference, choose_keeper, key_of
from sidecar.duplicates.match import Match
from sidecar.duplicates.units import Copy, Unit, contents_of, units_of
from sidecar.model import Asset, AssetId, Original

_SET_ID_DIGITS = 12
_FEWEST = 2
_SAME_BYTES = "the same bytes"


@dataclass(frozen=True, slots=True)
class Member:
    """One unit of a set, named by the asset by which it belongs there.

    Shape:  kind, similarity and reason say what it is to the best copy; of the best copy itself similarity is None.
            seen_as tells one state of the file from another, so that a decision about a former one is noticed.
    """

    asset_id: AssetId
    unit_id: str
    kind: DuplicateClass
    similarity: float | None
    reason: str
    is_suggested: bool
    content: str | None
    seen_as: str


@dataclass(frozen=True, slots=True)
class DuplicateSet:
    """Copies of one picture, the best first, which is the one that is suggested to be kept.

    Shape:  kind is the least sure of the members' kinds. id changes with the members. chosen_by says in words why the
            best is better than the second.
    Units:  savings_bytes is what all files of all other units take.
    """

    id: str
    kind: DuplicateClass
    best_id: AssetId
    savings_bytes: int
    members: tuple[Member, ...]
    chosen_by: str


class _Level(NamedTuple):
    """What is put together in one pass.

    Shape:  extends says whether sets that stand already may grow: what is hardly sure never joins what is.
    """

    kind: DuplicateClass
    extends: bool


_LEVELS = (
    _Level(DuplicateClass.RE_ENCODED, extends=True),
    _Level(DuplicateClass.EDITED, extends=True),
    _Level(DuplicateClass.FEATURELESS, extends=False),
    _Level(DuplicateClass.SIMILAR, extends=False),
)


def set_id_of(asset_ids: Iterable[AssetId]) -> str:
    """The id of the set that has exactly these members: 12 hex digits."""
    return sha256(" ".join(sorted(asset_ids)).encode()).hexdigest()[:_SET_ID_DIGITS]


def seen_as(asset: Asset, original: Original) -> str:
    """A short digest of what Immich says about the file: another one if the file was replaced."""
    told = (asset.size_bytes, original.checksum, original.thumbhash, original.modified_at_ms)
    return sha256(repr(told).encode(errors="surrogatepass")).hexdigest()[:32]


def form_sets(
    copies: Collection[Copy],
    matches: Iterable[Match],
    *,
    apart: Collection[frozenset[AssetId]] = (),
    preference: Preference | None = None,
) -> list[DuplicateSet]:
    """The sets of two units or more, each unit in one at most; by id.

    Shape:  copies are everybody who may be in a set, with all members of their stacks; matches about others are
            ignored. Matches count between what people see: primaries, and assets in no stack. The same bytes count
            wherever they are; they are taken from the copies, not from matches. Of each set of ids in `apart` no two
            are duplicates of each other, nor is anything else of the same bytes as one of them a duplicate of another
            one with other bytes. The order of what comes in changes nothing.
            Surer classes come first, each around the best copies that are left; what is less sure joins only as long
            as all members match the best copy, and featureless and similar ones never join what is surer.
    Units:  near-linear in copies and matches: what is identical, or looks equal, is one node.
    """
    forming = _Forming(copies, list(matches), apart, preference or Preference())
    for level in _LEVELS:
        forming.run(level)
    return sorted(forming.sets(), key=lambda each: each.id)


class _Mark(NamedTuple):
    """That an asset is in a decision to keep apart, by itself or only by its bytes.

    Shape:  node names its bytes where others have the same; None is never the same as anything.
    """

    decision: int
    node: str | None
    is_direct: bool


Marks = frozenset[_Mark]


class _Taken:
    """Which decisions to keep apart the members of one set have a part in; beside those of another one."""

    def __init__(self, beside: _Taken | None = None) -> None:
        self._beside = beside
        self._nodes: dict[int, set[str | None]] = {}
        self._direct: set[tuple[int, str | None]] = set()

    def admits(self, marks: Marks) -> bool:
        """Whether a unit with these marks is kept apart from nobody in the set."""
        if self._beside is not None and not self._beside.admits(marks):
            return False
        for decision, node, is_direct in marks:
            nodes = self._nodes.get(decision)
            if nodes is None:
                continue
            if node is None or nodes != {node} or (is_direct and (decision, node) in self._direct):
                return False
        return True

    def take(self, marks: Marks) -> None:
        """A unit with these marks is in the set from now on."""
        for decision, node, is_direct in marks:
            self._nodes.setdefault(decision, set()).add(node)
            if is_direct:
                self._direct.add((decision, node))


@dataclass(frozen=True, slots=True)
class _Link:
    """By what a unit belongs to the centre of a star: two assets, one of each, and what they are to each other."""

    of_centre: AssetId
    of_unit: AssetId
    kind: DuplicateClass
    similarity: float
    reason: str


@dataclass(eq=False, slots=True)
class _Star:
    """A set while it grows: its best unit and what the others are to it."""

    centre: Unit
    links: dict[str, _Link] = field(default_factory=dict)
    taken: _Taken = field(default_factory=_Taken)


class _Nearby:
    """Units that are still to be had at one place, by what they are kept apart from; the best first.

    Whoever is not admitted is passed over with all others of the same marks: ten thousand that were dismissed together
    cost as much as one.
    """

    def __init__(self) -> None:
        self._by_marks: dict[Marks, dict[str, None]] = {}

    def put(self, unit_id: str, marks: Marks) -> None:
        self._by_marks.setdefault(marks, {})[unit_id] = None

    def remove(self, unit_id: str, marks: Marks) -> None:
        self._by_marks.get(marks, {}).pop(unit_id, None)

    def admitted(self, taken: _Taken) -> Iterator[str]:
        """Those whom the set admits at the moment when they are reached."""
        for marks, units in list(self._by_marks.items()):
            if units and taken.admits(marks):
                for unit_id in list(units):
                    if marks and not taken.admits(marks):
                        break
                    yield unit_id


class _Looks:
    """What looks like what, as far as one level believes it: classes of equal looks, and matches between classes."""

    def __init__(self, same_bytes: Iterable[Sequence[AssetId]], matches: Iterable[Match]) -> None:
        self._parent: dict[AssetId, AssetId] = {}
        for same in same_bytes:
            for other in same[1:]:
                self._join(same[0], other)
        rest: list[Match] = []
        self._between: dict[tuple[AssetId, AssetId], Match] = {}
        for match in matches:
            pair = (match.a, match.b)
            self._between[pair] = _stronger(match, self._between.get(pair))
            if match.looks_equal:
                self._join(*pair)
            else:
                rest.append(match)
        self._loosest: dict[AssetId, Match] = {}
        for match in self._between.values():
            if match.looks_equal:
                root = self.class_of(match.a)
                self._loosest[root] = _weaker(match, self._loosest.get(root))
        self._beside: dict[AssetId, dict[AssetId, Match]] = {}
        for match in rest:
            a, b = self.class_of(match.a), self.class_of(match.b)
            if a != b:
                best = _stronger(match, self._beside.get(a, {}).get(b))
                self._beside.setdefault(a, {})[b] = best
                self._beside.setdefault(b, {})[a] = best

    def class_of(self, asset_id: AssetId) -> AssetId:
        """The one asset that stands for all that look like this one."""
        root = asset_id
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while (parent := self._parent.get(asset_id, asset_id)) != root:
            self._parent[asset_id], asset_id = root, parent
        return root

    def around(self, asset_id: AssetId) -> Iterator[AssetId]:
        """The asset's own class, and all that match it, the surest first."""
        own = self.class_of(asset_id)
        yield own
        beside = self._beside.get(own, {})
        yield from sorted(beside, key=lambda each: (*_strength(beside[each]), each))

    def match_of(self, one: AssetId, other: AssetId) -> Match | None:
        """What the two are to each other: found about themselves, else about those who look equal."""
        found = self._between.get((min(one, other), max(one, other)))
        if found is not None:
            return found
        a, b = self.class_of(one), self.class_of(other)
        return self._loosest.get(a) if a == b else self._beside.get(a, {}).get(b)

    def _join(self, one: AssetId, other: AssetId) -> None:
        a, b = self.class_of(one), self.class_of(other)
        # The smallest id stands for all: the order in which they come says nothing.
        self._parent[max(a, b)] = min(a, b)


def _strength(match: Match) -> tuple[int, float, str, AssetId, AssetId]:
    return (match.kind.rank, -match.similarity, match.detector, match.a, match.b)


def _stronger(match: Match, other: Match | None) -> Match:
    return match if other is None else min(match, other, key=_strength)


def _weaker(match: Match, other: Match | None) -> Match:
    return match if other is None else max(match, other, key=_strength)


class _Forming:
    """The sets of one owner while they are formed."""

    def __init__(
        self,
        copies: Collection[Copy],
        matches: Sequence[Match],
        apart: Collection[frozenset[AssetId]],
        preference: Preference,
    ) -> None:
        self._preference = preference
        self._units = units_of(copies)
        self._ranked = sorted(self._units.values(), key=lambda unit: key_of(unit, preference))
        self._place = {unit.id: place for place, unit in enumerate(self._ranked)}
        self._unit_of = {copy.id: copy.unit_id for copy in copies}
        contents = contents_of(list(copies))
        members: dict[str, list[AssetId]] = {}
        for asset_id in sorted(contents):
            members.setdefault(contents[asset_id], []).append(asset_id)
        self._same = {content: ids for content, ids in members.items() if len(ids) >= _FEWEST}
        self._contents = {each: content for content, ids in self._same.items() for each in ids}
        self._marks = self._marked(apart)
        self._matches = [
            match
            for match in matches
            if match.a in self._unit_of
            and match.b in self._unit_of
            and (match.looks_equal or self._unit_of[match.a] != self._unit_of[match.b])
        ]
        self._stars: dict[str, _Star] = {}
        self._looks = _Looks((), ())
        self._by_content: defaultdict[str, _Nearby] = defaultdict(_Nearby)
        self._by_look: defaultdict[AssetId, _Nearby] = defaultdict(_Nearby)

    def run(self, level: _Level) -> None:
        """Puts together what this level believes, the best copies first."""
        believed = [match for match in self._matches if match.kind.rank <= level.kind.rank]
        self._looks = _Looks(self._same.values(), believed)
        self._by_content.clear()
        self._by_look.clear()
        for unit in self._ranked:
            star = self._stars.get(unit.id)
            if star is None or (level.extends and star.centre is unit):
                for content, _ in self._contents_of(unit):
                    self._by_content[content].put(unit.id, self._marks_of(unit))
                self._by_look[self._looks.class_of(unit.face.id)].put(unit.id, self._marks_of(unit))
        for unit in self._ranked:
            star = self._stars.get(unit.id)
            if star is None:
                star = _Star(unit)
                star.taken.take(self._marks_of(unit))
            elif star.centre is not unit or not level.extends:
                continue
            self._gather(star)
            if star.links:
                self._stars[unit.id] = star

    def sets(self) -> Iterator[DuplicateSet]:
        """What was put together."""
        for star in {star.centre.id: star for star in self._stars.values()}.values():
            yield self._set_of(star)

    def _gather(self, star: _Star) -> None:
        for unit_id in self._candidates(star):
            if self._place[unit_id] > self._place[star.centre.id]:
                theirs = self._stars.get(unit_id)
                self._take_in(star, [unit_id] if theirs is None else [unit_id, *theirs.links])

    def _candidates(self, star: _Star) -> Iterator[str]:
        centre = star.centre
        for content, _ in self._contents_of(centre):
            yield from self._by_content[content].admitted(star.taken)
        for look in self._looks.around(centre.face.id):
            yield from self._by_look[look].admitted(star.taken)

    def _add(self, star: _Star, unit: Unit, link: _Link) -> None:
        marks = self._marks_of(unit)
        star.links[unit.id] = link
        star.taken.take(marks)
        self._stars[unit.id] = star
        for content, _ in self._contents_of(unit):
            self._by_content[content].remove(unit.id, marks)
        self._by_look[self._looks.class_of(unit.face.id)].remove(unit.id, marks)

    def _take_in(self, star: _Star, unit_ids: Sequence[str]) -> None:
        """The units join if every one of them matches the centre and may be there, and none of them otherwise."""
        links: list[tuple[Unit, _Link]] = []
        trial = _Taken(star.taken)
        for unit in (self._units[unit_id] for unit_id in unit_ids):
            link = self._link(star.centre, unit)
            if link is None or not trial.admits(self._marks_of(unit)):
                return
            trial.take(self._marks_of(unit))
            links.append((unit, link))
        for unit, link in links:
            self._add(star, unit, link)

    def _link(self, centre: Unit, unit: Unit) -> _Link | None:
        theirs = dict(self._contents_of(unit))
        for content, asset_id in self._contents_of(centre):
            if content in theirs:
                return _Link(asset_id, theirs[content], DuplicateClass.IDENTICAL, 1.0, _SAME_BYTES)
        match = self._looks.match_of(centre.face.id, unit.face.id)
        if match is None:
            return None
        return _Link(centre.face.id, unit.face.id, match.kind, match.similarity, match.reason)

    def _contents_of(self, unit: Unit) -> list[tuple[str, AssetId]]:
        """The bytes in the unit that others have too, each once, those of its face first."""
        found: dict[str, AssetId] = {}
        for copy in unit.copies:
            content = self._contents.get(copy.id)
            if content is not None:
                found.setdefault(content, copy.id)
        return list(found.items())

    def _marks_of(self, unit: Unit) -> Marks:
        return self._marks.get(unit.id, _NO_MARKS)

    def _marked(self, apart: Collection[frozenset[AssetId]]) -> dict[str, Marks]:
        marks: dict[str, set[_Mark]] = {}
        for decision, ids in enumerate(sorted(set(apart), key=sorted)):
            for asset_id in ids:
                if asset_id not in self._unit_of:
                    continue
                node = self._contents.get(asset_id)
                marks.setdefault(self._unit_of[asset_id], set()).add(_Mark(decision, node, is_direct=True))
            for node in {self._contents[each] for each in ids if each in self._contents}:
                for asset_id in self._same[node]:
                    if asset_id not in ids:
                        marks.setdefault(self._unit_of[asset_id], set()).add(_Mark(decision, node, is_direct=False))
        return {unit_id: frozenset(of_unit) for unit_id, of_unit in marks.items()}

    def _set_of(self, star: _Star) -> DuplicateSet:
        choice = choose_keeper([star.centre, *(self._units[each] for each in star.links)], self._preference)
        faces = {link.of_centre for link in star.links.values()}
        # People know a stack by its primary; where nobody matches that, by whoever is matched.
        best_id = star.centre.face.id if star.centre.face.id in faces else min(faces)
        copies = {copy.id: copy for unit in choice.ranked for copy in unit.copies}
        others = [
            self._member(copies[link.of_unit], unit, link.kind, link.similarity, link.reason)
            for unit, link in ((unit, star.links[unit.id]) for unit in choice.ranked[1:])
        ]
        kind = weakest([member.kind for member in others])
        best = self._member(copies[best_id], star.centre, min((each.kind for each in others), key=lambda k: k.rank))
        members = (best, *others)
        return DuplicateSet(
            set_id_of(member.asset_id for member in members),
            kind,
            best_id,
            sum(unit.size_bytes for unit in choice.ranked[1:]),
            members,
            choice.words,
        )

    def _member(
        self,
        copy: Copy,
        unit: Unit,
        kind: DuplicateClass,
        similarity: float | None = None,
        reason: str = "the best copy",
    ) -> Member:
        return Member(
            copy.id,
            unit.id,
            kind,
            similarity,
            reason,
            similarity is None,
            copy.sha256,
            seen_as(copy.asset, copy.original),
        )


_NO_MARKS: Marks = frozenset()
