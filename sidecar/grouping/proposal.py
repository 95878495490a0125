"""What pairing comes to: groups it proposes, and what it left alone although the names would fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import AssetId


class Confidence(StrEnum):
    """Whether a proposal may be acted on (certain) or a person is asked (doubtful)."""

    CERTAIN = "certain"
    DOUBTFUL = "doubtful"


class GroupKind(StrEnum):
    """What the members are to each other."""

    RAW_JPEG = "raw_jpeg"
    EDITED = "edited"
    FORMATS = "formats"
    VERSIONS = "versions"
    VIDEO = "video"
    BURST = "burst"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A group that should be one stack.

    Shape:  member_ids are two or more, the primary first, the rest in the order of preference. kind is RAW_JPEG if a
            RAW stands beside a picture made from it in the camera, else EDITED if any member is an edit, else FORMATS
            if the formats differ, else VERSIONS (a portrait and its original). A BURST is all versions of all frames,
            the cover frame first, the others in order of time. name is the picture's, as its versions share it; a
            burst has its cover's. evidence is what the rules say, a doubt last, and is kept once for all proposals
            that have the same.
    """

    member_ids: tuple[AssetId, ...]
    kind: GroupKind
    confidence: Confidence
    name: str
    evidence: tuple[Reason, ...]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why, as people read it: the name first, which frames of a burst do not share; the doubt, if any, last."""
        if self.kind is GroupKind.BURST:
            return self.evidence
        return (Reason(ReasonCode.SAME_NAME, self.name), *self.evidence)

    @property
    def primary_id(self) -> AssetId:
        """The member that should be the stack's cover."""
        return self.member_ids[0]


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Assets that are in no proposal although a partner by name or burst exists, sorted by id, and why."""

    asset_ids: tuple[AssetId, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Pairing:
    """All proposals and all that was left alone, each sorted by ids; no asset is in two proposals.

    Shape:  in_doubt are those members of proposals, sorted, whose first bytes should be looked at before anything is
            done: their names alone tell too little about what they are.
    """

    proposals: tuple[Proposal, ...]
    left_alone: tuple[LeftAlone, ...]
    in_doubt: tuple[AssetId, ...] = ()
