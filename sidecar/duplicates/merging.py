"""What the copy that stays gains from those that go: albums, tags, favourite, rating, description, place, links."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sidecar.model import AssetId


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a user said about one asset, as far as it is lost with it.

    Shape:  rating is 1 to 5, -1 for rejected, None for none; description is empty where there is none; place is
            (latitude, longitude) in degrees. Albums, tags and links are ids, sorted; links are those to single assets.
    """

    asset_id: AssetId
    is_favorite: bool = False
    rating: int | None = None
    description: str = ""
    place: tuple[float, float] | None = None
    albums: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


class PartKind(StrEnum):
    """One kind of thing that is given to the copy that stays."""

    FAVORITE = "favorite"
    RATING = "rating"
    DESCRIPTION = "description"
    PLACE = "place"
    TAG = "tag"
    ALBUM = "album"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is given: which album, tag or link, or which detail, of which copy that goes."""

    kind: PartKind
    id: str = ""
    source_id: AssetId | None = None


@dataclass(frozen=True, slots=True)
class Gain:
    """What a copy gains; what it had before and has afterwards of each detail that changes.

    Shape:  rating, description and place are those afterwards, None where they stay as they are.
    """

    parts: tuple[Part, ...] = ()
    rating: int | None = None
    description: str | None = None
    place: tuple[float, float] | None = None

    def ids(self, kind: PartKind) -> tuple[str, ...]:
        """The albums, tags or links that are gained."""
        return tuple(part.id for part in self.parts if part.kind is kind)


def plan_merge(keeper: Knowledge, going: Sequence[Knowledge]) -> Gain:
    """What the keeper gains so that nothing is lost when the others go; nothing that it has is ever taken away.

    Shape:  it is a favourite if one of them was. Its own rating and place stay; where it has none it gets the best
            rating, and the place of the first that has one. Its own description stays, and what others say is added
            below, each text once, unless it says so already. Parts come in the order in which they are to be given:
            what others can see comes last.
    """
    everybody = (keeper, *going)
    parts: list[Part] = []
    if not keeper.is_favorite:
        parts += [Part(PartKind.FAVORITE, source_id=each.asset_id) for each in going if each.is_favorite][:1]
    rated = [each for each in going if each.rating is not None]
    best = max(rated, key=lambda each: each.rating or 0, default=None) if keeper.rating is None else None
    if best is not None:
        parts.append(Part(PartKind.RATING, source_id=best.asset_id))
    description = _together(each.description for each in everybody)
    is_described = description != keeper.description
    if is_described:
        parts.append(Part(PartKind.DESCRIPTION))
    placed = next((each for each in going if each.place is not None), None) if keeper.place is None else None
    if placed is not None:
        parts.append(Part(PartKind.PLACE, source_id=placed.asset_id))
    parts += _missing(PartKind.TAG, keeper.tags, [(each.asset_id, each.tags) for each in going])
    parts += _missing(PartKind.ALBUM, keeper.albums, [(each.asset_id, each.albums) for each in going])
    parts += _missing(PartKind.LINK, keeper.links, [(each.asset_id, each.links) for each in going])
    return Gain(
        tuple(parts),
        best.rating if best is not None else None,
        description if is_described else None,
        placed.place if placed is not None else None,
    )


def is_given(part: Part, gain: Gain, keeper: Knowledge) -> bool:
    """Whether the keeper, as it is now, has what this part gives."""
    has = {
        PartKind.FAVORITE: keeper.is_favorite,
        PartKind.RATING: keeper.rating == gain.rating,
        PartKind.DESCRIPTION: keeper.description == gain.description,
        PartKind.PLACE: _is_same_place(keeper.place, gain.place),
        PartKind.TAG: part.id in keeper.tags,
        PartKind.ALBUM: part.id in keeper.albums,
        PartKind.LINK: part.id in keeper.links,
    }
    return has[part.kind]


_SAME_PLACE_DEGREES = 1e-4
"""Ten metres: a place passes through a sidecar file, which keeps fewer digits."""


def _is_same_place(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(abs(a - b) <= _SAME_PLACE_DEGREES for a, b in zip(one, other, strict=True))


def _together(texts: Iterable[str]) -> str:
    told = ""
    for text in texts:
        if not told:
            told = text
        elif text.strip() and text.strip() not in told:
            told = f"{told}\n{text.strip()}"
    return told


def _missing(kind: PartKind, has: Collection[str], given: Iterable[tuple[AssetId, Sequence[str]]]) -> list[Part]:
    """What the keeper lacks, each once, by id, from the first who has it."""
    sources: dict[str, AssetId] = {}
    for source_id, ids in given:
        for each in ids:
            if each not in has:
                sources.setdefault(each, source_id)
    return [Part(kind, each, sources[each]) for each in sorted(sources)]
