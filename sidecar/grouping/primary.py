"""Rule 8: which version people see first, and what to call a group."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sidecar.formats import Format
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.settings import PairingRules, Preferred
from sidecar.model import AssetKind

_RAW = Format.RAW


def in_order(members: Sequence[Candidate], rules: PairingRules) -> list[Candidate]:
    """The members, best cover first: configured order, then pixels, then name, then id."""
    places, edited_place = _places(rules.primary_preference)

    def order(member: Candidate) -> tuple[int, int, str, str]:
        asset = member.asset
        place = edited_place if member.is_edit and edited_place is not None else places[member.format]
        return place, -(asset.width or 0) * (asset.height or 0), asset.name, asset.id

    return sorted(members, key=order)


@lru_cache(maxsize=64)
def _places(preference: tuple[Preferred | Format, ...]) -> tuple[dict[Format, int], int | None]:
    """Where every format stands and where edits do; None if edits are not listed, and stand by their format."""
    listed = {each: place for place, each in enumerate(preference)}
    rest = listed.get(Preferred.REST, len(preference))
    return {each: listed.get(each, rest) for each in Format}, listed.get(Preferred.EDITED)


def kind_of(members: Sequence[Candidate]) -> GroupKind:
    """What the members are to each other; see Proposal."""
    if members[0].asset.kind is AssetKind.VIDEO:
        return GroupKind.VIDEO
    raws = edits = 0
    for member in members:
        if member.is_edit:
            edits += 1
        elif member.format is _RAW:
            raws += 1
    if raws and raws + edits < len(members):
        return GroupKind.RAW_JPEG
    if edits:
        return GroupKind.EDITED
    formats = {member.name.extension if member.format is _RAW else member.format for member in members}
    return GroupKind.FORMATS if len(formats) > 1 else GroupKind.VERSIONS
