"""The search for near duplicates as a job runs it: which pairs to look at, and what they are to each other.

for pairs in candidates(new, known, search):
    found = matches(pairs, search, ids, luma, colours)  # of pairs.ids(), read for this portion only
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sidecar.duplicates import featureless
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.fingerprint import Hashes
from sidecar.duplicates.hamming import (
    IndexPairs,
    Indices,
    Meetings,
    Runs,
    blocks_between,
    blocks_within,
    pieces,
    ramps,
    runs_of,
)
from sidecar.duplicates.match import Match
from sidecar.duplicates.second_look import (
    agree_in_colour,
    classify,
    colour_differences,
    have_another_colour_somewhere,
    judge,
)
from sidecar.duplicates.turned import TURNS, Turn, turned_colours, turned_luma
from sidecar.errors import ParameterError
from sidecar.model import AssetId

LOOK, COLOURS, TURNED = "look", "colours", "turned"
"""Names of our detectors."""

SEARCH_VERSION = 1
"""Raised whenever other matches would be found or told: those that are stored are then searched for anew."""

SEARCH_VERSION = 1
"""Raised whenever other pairs would be found, or other classes given, so that stored matches are found anew."""

PAIRS_AT_ONCE = 8192
"""Their pictures' samples take 20 MB."""

_CROWD = 64  # different looks of one hash that are all compared with each other
_LEADERS = 8  # of a crowd, these are compared with everybody in it and near it
_NEARLY_FLAT = 1.25  # margins wander by a few per cent from copy to copy
_ASPECT_TOLERANCE = 0.02
_SAME_DURATION_MS = 100
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    Shape:  threshold is the similarity that the second look must find; radius only says whom it looks at. Hashes of
            pictures whose margin is below min_margin say nothing.
    Units:  radius in bits of 64; duration_tolerance_ms between two videos.
    """

    threshold: float = 0.95
    radius: int = 6
    min_margin: float = 4.0
    with_turned: bool = False
    duration_tolerance_ms: int = 1000


@dataclass(frozen=True, slots=True)
class Pairs:
    """A portion of the pairs to be looked at.

    Shape:  pair p is row first[p] of left and row second[p] of right, after first was turned as turns[p] says. by is
            the detector that judges them all.
    """

    left: Hashes
    right: Hashes
    first: Indices
    second: Indices
    turns: NDArray[np.uint8]
    by: str

    def __len__(self) -> int:
        return len(self.first)

    def agree_in_shape(self) -> NDArray[np.bool_]:
        """Which pairs have the same proportions, and as videos the same duration."""
        mine, theirs = self.left.aspect[self.first], self.right.aspect[self.second]
        longer = np.maximum(mine, theirs) / np.minimum(mine, theirs)
        apart_ms = np.abs(self.left.duration_ms[self.first] - self.right.duration_ms[self.second])
        is_alike: NDArray[np.bool_] = (longer <= 1 + _ASPECT_TOLERANCE) & (apart_ms <= _SAME_DURATION_MS)
        return is_alike

    def ids(self) -> list[AssetId]:
        """The assets in it, each once, in rising order."""
        mine = (self.left.ids[row] for row in np.unique(self.first).tolist())
        theirs = (self.right.ids[row] for row in np.unique(self.second).tolist())
        return sorted({*mine, *theirs})


def candidates(new: Hashes, known: Hashes, search: Search) -> Iterator[Pairs]:
    """Every pair of a new picture with a new or known one whose hashes are near, in portions of bounded size.

    Shape:  known may hold the new ones too, or be the same table. Pictures meet pictures, and videos those of about
            their duration. Assets of one look (and duration) are paired with the first of it only, which stands for
            them. Where more than 64 looks share a hash, the first few are paired with all of them, and stand for them
            beside other hashes: cost stays near-linear. Pictures without content are left out: see `flat_candidates`.
            With turned copies a pair may come twice.
    Errors: ParameterError if turned copies are wanted and new has no turned hashes.
    """
    if search.with_turned and new.turned is None:
        raise ParameterError("Turned copies are found by their turned hashes.")
    others = _others(known, new)
    for is_video in (False, True):
        fresh, old = _clear(new, search, is_video=is_video), _clear(others, search, is_video=is_video)
        distinct, repeated = _distinct(fresh)
        yield from _portions(fresh, fresh, repeated, search)
        fresh, old = fresh.at(distinct), old.at(_distinct(old)[0])
        yield from _portions(fresh, old, _of_one_look(fresh, old), search)
        yield from _portions(fresh, fresh, _within(fresh, search), search)
        yield from _portions(fresh, old, _between(fresh.phash, old.phash, search), search)
        if search.with_turned and fresh.turned is not None:
            for column, turn in enumerate(TURNS):
                for other in (fresh, old):
                    found = _between(fresh.turned[:, column], other.phash, search)
                    yield from _portions(fresh, other, found, search, turn=turn, by=TURNED)


def crowded(hashes: Hashes, search: Search) -> list[AssetId]:
    """Assets that share their hash with so many that `Hashes.look` is worth knowing of them.

    Shape:  with their looks, thousands of equal pictures cost as many pairs; without, several times that.
    """
    runs = runs_of(hashes.phash)
    is_crowd = np.repeat(runs.sizes > _CROWD, runs.sizes)
    rows = runs.order[is_crowd]
    return [hashes.ids[row] for row in np.sort(rows[hashes.margin[rows] >= search.min_margin]).tolist()]


def flat_of(hashes: Hashes, search: Search) -> Hashes:
    """Those that may be without content: whose colours `flat_candidates` needs."""
    return hashes.at(np.flatnonzero(hashes.margin < search.min_margin * _NEARLY_FLAT))


def flat_candidates(
    new: Hashes, known: Hashes, search: Search, *, ids: Sequence[AssetId], colours: NDArray[np.uint8]
) -> Iterator[Pairs]:
    """Every pair of a new picture without content with a new or known one of its colours.

    Shape:  new and known as `flat_of` gives them; known may hold the new ones too. Row r of colours is that of ids[r];
            assets that are not among ids take no part. Cost is near-linear: equal ones are collapsed.
    """
    row_of = {asset: row for row, asset in enumerate(ids)}
    table = _joined(_having(new, row_of), _having(_others(known, new), row_of))
    is_new = np.zeros(len(table.ids), dtype=bool)
    is_new[: sum(asset in row_of for asset in new.ids)] = True
    is_flat = table.margin < search.min_margin
    rows = np.array([row_of[asset] for asset in table.ids], dtype=np.int64)
    for is_video in (False, True):
        part = np.flatnonzero((table.duration_ms >= 0) == is_video)
        i, j = featureless.pairs_within(colours[rows[part]], table.duration_ms[part])
        i, j = part[i], part[j]
        wanted = (is_new[i] | is_new[j]) & (is_flat[i] | is_flat[j])
        found = iter([(i[wanted], j[wanted])])
        yield from _portions(table, table, found, search, by=COLOURS)


def matches(
    pairs: Pairs, search: Search, *, ids: Sequence[AssetId], luma: NDArray[np.uint8], colours: NDArray[np.uint8]
) -> list[Match]:
    """What the pairs are to each other, as far as they are copies.

    Shape:  row r of luma (n x 1024) and of colours (n x 192) is that of ids[r]; pairs of other assets are left out.
            Videos are at most edited, unless their durations agree within 100 ms; so are turned copies.
    """
    row_of = {asset: row for row, asset in enumerate(ids)}
    seen = np.array(
        [
            (row_of.get(pairs.left.ids[i], -1), row_of.get(pairs.right.ids[j], -1))
            for i, j in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
        ],
        dtype=np.int64,
    ).reshape(-1, 2)
    is_seen = (seen >= 0).all(axis=1)
    pairs = replace(pairs, first=pairs.first[is_seen], second=pairs.second[is_seen], turns=pairs.turns[is_seen])
    a, b = seen[is_seen].T
    if pairs.by == COLOURS:
        return _of_colours(pairs, (luma[a], luma[b]), (colours[a], colours[b]))
    first_luma, first_colours = luma[a], colours[a]
    for turn in TURNS if pairs.by == TURNED else ():
        at = np.flatnonzero(pairs.turns == turn)
        first_luma[at] = turned_luma(first_luma[at], turn)
        first_colours[at] = turned_colours(first_colours[at], turn)
    return _of_looks(pairs, search, (first_luma, luma[b]), (first_colours, colours[b]))


_Both = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def _of_looks(pairs: Pairs, search: Search, luma: _Both, colours: _Both) -> list[Match]:
    judgement = judge(*luma)
    verdict = classify(judgement, threshold=search.threshold)
    colour, _ = colour_differences(*colours)
    is_same = verdict.is_same & ~have_another_colour_somewhere(*colours)
    is_re_encoded = (
        is_same
        & verdict.is_re_encoded
        & agree_in_colour(*colours)
        & pairs.agree_in_shape()
        & (pairs.turns == Turn.NONE)
    )
    looks_equal = is_re_encoded & (luma[0] == luma[1]).all(axis=1) & (colours[0] == colours[1]).all(axis=1)
    return [
        _match(
            pairs,
            at,
            kind=DuplicateClass.RE_ENCODED if is_re_encoded[at] else DuplicateClass.EDITED,
            similarity=float(verdict.similarity[at]),
            reason=(
                f"{_opening(pairs, at)}: brightness agrees to {100 * verdict.similarity[at]:.1f} %, fine detail to "
                f"{100 * judgement.high_pass[at]:.1f} %; the largest difference of a part is "
                f"{judgement.spot_difference[at]:.1f} of 256 levels, of colour {colour[at]:.1f} on average."
            ),
            looks_equal=bool(looks_equal[at]),
        )
        for at in np.flatnonzero(is_same).tolist()
    ]


def _of_colours(pairs: Pairs, luma: _Both, colours: _Both) -> list[Match]:
    mean, largest = featureless.differences(*colours)
    is_same = (
        (mean <= featureless.LARGEST_MEAN_DIFFERENCE)
        & (largest <= featureless.LARGEST_DIFFERENCE)
        & judge(*luma).is_same_nothing
    )
    looks_equal = (luma[0] == luma[1]).all(axis=1) & (colours[0] == colours[1]).all(axis=1) & pairs.agree_in_shape()
    return [
        _match(
            pairs,
            at,
            kind=DuplicateClass.FEATURELESS,
            similarity=float(1 - mean[at] / 255),
            reason=(
                f"Both have hardly any content, and the same colours: they differ by {mean[at]:.1f} of 256 levels on "
                f"average, and nowhere by more than {largest[at]}."
            ),
            looks_equal=bool(looks_equal[at]),
        )
        for at in np.flatnonzero(is_same).tolist()
    ]


def _opening(pairs: Pairs, at: int) -> str:
    turn = Turn(pairs.turns[at])
    if turn is Turn.NONE:
        return "Compared as they are"
    # A pair that comes twice, once from either side, is told alike.
    is_swapped = pairs.left.ids[pairs.first[at]] > pairs.right.ids[pairs.second[at]]
    return f"One is the other {(turn.back if is_swapped else turn).words}"


def _match(pairs: Pairs, at: int, *, kind: DuplicateClass, similarity: float, reason: str, looks_equal: bool) -> Match:
    a, b = sorted((pairs.left.ids[pairs.first[at]], pairs.right.ids[pairs.second[at]]))
    return Match(a, b, kind, round(similarity, _DIGITS), pairs.by, reason, looks_equal)


def _clear(hashes: Hashes, search: Search, *, is_video: bool) -> Hashes:
    """Those whose hash says something, of one kind."""
    return hashes.at(np.flatnonzero((hashes.margin >= search.min_margin) & ((hashes.duration_ms >= 0) == is_video)))


def _others(known: Hashes, new: Hashes) -> Hashes:
    mine = set(new.ids)
    return known.at(np.array([row for row, asset in enumerate(known.ids) if asset not in mine], dtype=np.int64))


def _having(hashes: Hashes, row_of: Mapping[AssetId, int]) -> Hashes:
    return hashes.at(np.array([row for row, asset in enumerate(hashes.ids) if asset in row_of], dtype=np.int64))


def _joined(first: Hashes, second: Hashes) -> Hashes:
    return Hashes(
        ids=[*first.ids, *second.ids],
        phash=np.concatenate([first.phash, second.phash]),
        margin=np.concatenate([first.margin, second.margin]),
        aspect=np.concatenate([first.aspect, second.aspect]),
        duration_ms=np.concatenate([first.duration_ms, second.duration_ms]),
    )


def _distinct(hashes: Hashes) -> tuple[Indices, list[IndexPairs]]:
    """The rows that are the first of their look, and the pairs of those with the others of it."""
    rows = np.arange(len(hashes.ids))
    if hashes.look is None:
        return rows, []
    first = rows.copy()
    seen = np.flatnonzero(hashes.look)
    told = np.stack([hashes.phash[seen], hashes.look[seen], hashes.duration_ms[seen].view(np.uint64)], axis=1)
    _, firsts, same = np.unique(told, axis=0, return_index=True, return_inverse=True)
    first[seen] = seen[firsts[same.reshape(-1)]]
    is_first = first == rows
    return rows[is_first], [(first[~is_first], rows[~is_first])]


def _of_one_look(new: Hashes, known: Hashes) -> list[IndexPairs]:
    """Pairs of one look: crowds are led, and neither of a pair need be among the leaders."""
    known_row = {told: row for row, told in _told_looks(known)}
    found = [(row, known_row[told]) for row, told in _told_looks(new) if told in known_row]
    first, second = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return [(first, second)]


def _told_looks(hashes: Hashes) -> Iterator[tuple[int, tuple[int, int, int]]]:
    if hashes.look is not None:
        for row in np.flatnonzero(hashes.look).tolist():
            yield row, (int(hashes.phash[row]), int(hashes.look[row]), int(hashes.duration_ms[row]))


def _within(hashes: Hashes, search: Search) -> Iterator[IndexPairs]:
    # Of a crowd, those of like duration and shape are neighbours: each meets the leaders and some neighbours.
    order = np.lexsort((hashes.aspect, hashes.duration_ms, hashes.phash))
    runs = replace(runs_of(hashes.phash), order=order)
    places = np.arange(len(order))
    starts, sizes = np.repeat(runs.starts, runs.sizes), np.repeat(runs.sizes, runs.sizes)
    behind = starts + sizes - places - 1
    is_led = (sizes > _CROWD) & (places >= starts + _LEADERS)
    met = Meetings(places, places + 1, np.where(is_led, np.minimum(behind, _LEADERS), behind))
    for piece in pieces(met, PAIRS_AT_ONCE):
        first, second = piece.pairs()
        yield runs.order[first], runs.order[second]
    for left, right in blocks_within(runs.values, search.radius):
        yield from _between_runs(runs, runs, left, right)


def _between(new: NDArray[np.uint64], known: NDArray[np.uint64], search: Search) -> Iterator[IndexPairs]:
    fresh, old = runs_of(new), runs_of(known)
    for left, right in blocks_between(fresh.values, old.values, search.radius):
        yield from _between_runs(fresh, old, left, right)


def _between_runs(mine: Runs, theirs: Runs, left: Indices, right: Indices) -> Iterator[IndexPairs]:
    """Each of one run with each of the other. A crowd comes as its leaders, but all of it meets an equal hash."""
    is_equal = mine.values[left] == theirs.values[right]
    sizes = np.where(is_equal, mine.sizes[left], _led(mine.sizes[left]))
    asking = ramps(mine.starts[left], sizes)
    met = Meetings(asking, np.repeat(theirs.starts[right], sizes), np.repeat(_led(theirs.sizes[right]), sizes))
    for piece in pieces(met, PAIRS_AT_ONCE):
        first, second = piece.pairs()
        yield mine.order[first], theirs.order[second]


def _led(sizes: Indices) -> Indices:
    return np.where(sizes > _CROWD, _LEADERS, sizes)


def _portions(
    left: Hashes,
    right: Hashes,
    found: Iterable[IndexPairs],
    search: Search,
    *,
    turn: Turn = Turn.NONE,
    by: str = LOOK,
) -> Iterator[Pairs]:
    """The pairs that may be copies by their durations, in portions that are neither tiny nor large."""

    def portion(waiting: list[IndexPairs]) -> Pairs:
        first, second = (np.concatenate(each) for each in zip(*waiting, strict=True))
        return Pairs(left, right, first, second, np.full(len(first), turn, dtype=np.uint8), by)

    waiting: list[IndexPairs] = []
    size = 0
    for i, j in found:
        may_be = np.abs(left.duration_ms[i] - right.duration_ms[j]) <= search.duration_tolerance_ms
        if left is right:
            may_be &= i != j
        wanted = i[may_be], j[may_be]
        for at in range(0, len(wanted[0]), PAIRS_AT_ONCE):
            piece = wanted[0][at : at + PAIRS_AT_ONCE], wanted[1][at : at + PAIRS_AT_ONCE]
            if size + len(piece[0]) > PAIRS_AT_ONCE:
                yield portion(waiting)
                waiting, size = [], 0
            waiting.append(piece)
            size += len(piece[0])
    if waiting:
        yield portion(waiting)
