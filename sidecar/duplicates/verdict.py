"""What a decision about a set would do, and why some decisions are not carried out: nothing is lost unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import pixels
from sidecar.duplicates.sets import seen_as
from sidecar.duplicates.units import Copy, Unit, contents_of
from sidecar.model import AssetId, OwnerId, Visibility


class Refusal(StrEnum):
    """Why a decision is not carried out."""

    CHANGED = "changed"
    KEEPS_NOTHING = "keeps_nothing"
    NOT_IN_SET = "not_in_set"
    TRASHES_NOTHING = "trashes_nothing"
    TRASH_IS_OFF = "trash_is_off"
    KEEPER_AWAY = "keeper_away"
    REPLACED = "replaced"
    LOCKED = "locked"
    NOT_OWN = "not_own"
    LOSES_VERSIONS = "loses_versions"
    LOSES_MOTION = "loses_motion"
    SAYS_LITTLE = "says_little"
    EXTERNAL = "external"
    BEING_DECIDED = "being_decided"


SENTENCES = {
    Refusal.CHANGED: "The set has changed since it was shown: look at it again.",
    Refusal.KEEPS_NOTHING: "Nothing would be kept: name at least one member.",
    Refusal.NOT_IN_SET: "What is to be kept is not in the set.",
    Refusal.TRASHES_NOTHING: "Everything would be kept, so there is nothing to do: dismiss the set instead.",
    Refusal.TRASH_IS_OFF: (
        "Immich's trash is switched off, so that whatever goes would be deleted for good: an administrator can switch "
        "it on."
    ),
    Refusal.KEEPER_AWAY: "What is to be kept is gone, in the trash or offline, or Immich cannot read its file.",
    Refusal.REPLACED: "A file was replaced since it was compared: search for duplicates again.",
    Refusal.LOCKED: "A member is in the locked folder, which the sidecar leaves alone.",
    Refusal.NOT_OWN: "A member belongs to somebody else.",
    Refusal.LOSES_VERSIONS: "A stack would go that holds versions of which nothing that is kept has a copy.",
    Refusal.LOSES_MOTION: "A live photo would go, and what is kept does not move.",
    Refusal.SAYS_LITTLE: "These pictures only look alike because there is little to see: say that you have looked.",
    Refusal.EXTERNAL: (
        "A file of an external library would go. Immich deletes it from the disk when the trash is emptied, unless it "
        "may only read there: say that this is meant."
    ),
    Refusal.BEING_DECIDED: "Another decision about one of these is being carried out.",
}


class Concern(StrEnum):
    """What somebody should know before they agree."""

    EXTERNAL = "external"
    FEWER_PIXELS = "fewer_pixels"
    LEAVES_TIMELINE = "leaves_timeline"
    SHARED_ALBUM = "shared_album"
    SHARED_LINK = "shared_link"
    ALBUM_REFUSES = "album_refuses"
    PLACE_STAYS = "place_stays"


CONCERNS = {
    Concern.EXTERNAL: "Immich deletes files of an external library from the disk when the trash is emptied.",
    Concern.FEWER_PIXELS: "Something goes that has more pixels than what is kept.",
    Concern.LEAVES_TIMELINE: "What is kept is in the archive, and what goes is on the timeline.",
    Concern.SHARED_ALBUM: "What is kept will be seen by others, in a shared album that it was not in.",
    Concern.SHARED_LINK: "What is kept will be seen by everyone with a public link that did not show it.",
    Concern.ALBUM_REFUSES: "Something goes that is in an album into which you may put nothing.",
    Concern.PLACE_STAYS: "What is kept gets a place, which Immich has no way to take away again.",
}


@dataclass(frozen=True, slots=True)
class Objection:
    """A refusal, and whom it is about."""

    refusal: Refusal
    asset_ids: tuple[AssetId, ...] = ()

    @property
    def sentence(self) -> str:
        """What people read."""
        return SENTENCES[self.refusal]


@dataclass(frozen=True, slots=True)
class Caution:
    """A concern, and whom it is about; names are of albums."""

    concern: Concern
    asset_ids: tuple[AssetId, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What people read."""
        return CONCERNS[self.concern]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the person knows and agrees to."""

    external: bool = False
    """Files of external libraries may go."""
    little_to_see: bool = False
    """They have looked at featureless or similar pictures themselves."""
    lost_albums: bool = False
    """An album that refuses what is kept may lose the picture."""


class Seen(NamedTuple):
    """A member of a set as it was when the set was formed."""

    asset_id: AssetId
    unit_id: str
    seen_as: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a decision means.

    Shape:  keep are the members that stay, in the set's order, so that the first gains what the others knew; trash is
            everybody who goes, all of a stack. covers says of everybody who must have an identical copy among what
            stays which one that is. With an objection nothing is done.
    Units:  freed_bytes is what the files that go take, once the trash is emptied.
    """

    keep: tuple[AssetId, ...]
    trash: tuple[AssetId, ...]
    covers: Mapping[AssetId, AssetId]
    objections: tuple[Objection, ...]
    cautions: tuple[Caution, ...]
    freed_bytes: int


def judge_decision(
    kind: DuplicateClass,
    members: Sequence[Seen],
    units: Mapping[str, Unit],
    keep_ids: Collection[AssetId],
    *,
    owner_id: OwnerId,
    agreement: Agreement,
    trash_is_on: bool,
    is_identical_only: bool = False,
) -> Verdict:
    """What it means to keep these members of a set and to trash the rest.

    Shape:  units are those of the members, with everybody in them, as Immich has them now; a member that is not there
            is gone, trashed or hidden. A unit stays or goes as a whole. Whoever goes beside a member, because it is in
            the same stack, needs an identical copy among what stays; if is_identical_only, so does the member itself.
    """
    keep = tuple(member.asset_id for member in members if member.asset_id in keep_ids)
    kept_units = {member.unit_id for member in members if member.asset_id in keep_ids}
    named = {member.asset_id for member in members if member.unit_id not in kept_units}
    staying = [copy for unit_id in sorted(kept_units) if unit_id in units for copy in units[unit_id].copies]
    going = [
        copy
        for unit_id in dict.fromkeys(member.unit_id for member in members if member.unit_id not in kept_units)
        if unit_id in units
        for copy in units[unit_id].copies
    ]
    present = {copy.id: copy for unit in units.values() for copy in unit.copies}
    covered = going if is_identical_only else [copy for copy in going if copy.id not in named]
    covers = _covers(covered, staying)
    objections = [
        _about(Refusal.NOT_IN_SET, set(keep_ids) - {member.asset_id for member in members}),
        *(() if keep else (Objection(Refusal.KEEPS_NOTHING),)),
        *(() if named or not keep else (Objection(Refusal.TRASHES_NOTHING),)),
        *(() if trash_is_on else (Objection(Refusal.TRASH_IS_OFF),)),
        _about(Refusal.KEEPER_AWAY, [each for each in keep if each not in present or not _is_there(present[each])]),
        _about(Refusal.CHANGED, _moved(members, present) | (named - present.keys()) | _gone(going)),
        _about(Refusal.REPLACED, _replaced(members, present)),
        _about(Refusal.LOCKED, [copy.id for copy in going if copy.asset.visibility is Visibility.LOCKED]),
        _about(Refusal.NOT_OWN, [copy.id for copy in (*staying, *going) if copy.asset.owner_id != owner_id]),
        _about(Refusal.LOSES_VERSIONS, [copy.id for copy in covered if copy.id not in covers]),
        _about(Refusal.LOSES_MOTION, _still(going, staying)),
    ]
    if kind.rank >= DuplicateClass.FEATURELESS.rank and not (agreement.little_to_see or is_identical_only):
        objections.append(Objection(Refusal.SAYS_LITTLE))
    external = sorted(copy.id for copy in going if copy.original.library_id is not None)
    if not agreement.external:
        objections.append(_about(Refusal.EXTERNAL, external))
    return Verdict(
        keep,
        tuple(copy.id for copy in going),
        covers,
        tuple(each for each in objections if each is not None),
        tuple(_cautions(external, going, staying)),
        sum(copy.size_bytes for copy in going),
    )


def _about(refusal: Refusal, asset_ids: Collection[AssetId]) -> Objection | None:
    return Objection(refusal, tuple(sorted(asset_ids))) if asset_ids else None


def _is_there(copy: Copy) -> bool:
    asset = copy.asset
    is_shown = asset.visibility in {Visibility.TIMELINE, Visibility.ARCHIVE}
    return is_shown and not asset.is_trashed and not asset.is_offline


def _moved(members: Sequence[Seen], present: Mapping[AssetId, Copy]) -> set[AssetId]:
    """Who is in another stack than when the set was formed, or in one although they were in none."""
    return {
        each.asset_id for each in members if each.asset_id in present and present[each.asset_id].unit_id != each.unit_id
    }


def _gone(going: Iterable[Copy]) -> set[AssetId]:
    """Who lies in the trash already or has no file; what is locked is said by another word."""
    return {copy.id for copy in going if copy.asset.is_trashed or copy.asset.is_offline}


def _replaced(members: Sequence[Seen], present: Mapping[AssetId, Copy]) -> list[AssetId]:
    return [
        each.asset_id
        for each in members
        if each.asset_id in present
        and seen_as(present[each.asset_id].asset, present[each.asset_id].original) != each.seen_as
    ]


def _covers(going: Iterable[Copy], staying: Sequence[Copy]) -> dict[AssetId, AssetId]:
    """Who goes -> who stays with the same bytes."""
    going = list(going)
    contents = contents_of([*staying, *going])
    kept = {contents[copy.id]: copy.id for copy in reversed(staying) if copy.id in contents and _is_there(copy)}
    return {copy.id: kept[contents[copy.id]] for copy in going if contents.get(copy.id) in kept}


def _still(going: Sequence[Copy], staying: Sequence[Copy]) -> list[AssetId]:
    """Live photos that go although nothing moves of what stays."""
    if any(copy.asset.live_photo_video_id is not None for copy in staying):
        return []
    return [copy.id for copy in going if copy.asset.live_photo_video_id is not None]


def _cautions(external: Sequence[AssetId], going: Sequence[Copy], staying: Sequence[Copy]) -> Iterator[Caution]:
    if external:
        yield Caution(Concern.EXTERNAL, tuple(external))
    most = max(map(pixels, staying), default=0)
    if larger := sorted(copy.id for copy in going if pixels(copy) > most):
        yield Caution(Concern.FEWER_PIXELS, tuple(larger))
    shown = [copy.id for copy in going if copy.asset.visibility is Visibility.TIMELINE]
    if shown and staying and all(copy.asset.visibility is Visibility.ARCHIVE for copy in staying):
        yield Caution(Concern.LEAVES_TIMELINE, tuple(sorted(copy.id for copy in staying)))
