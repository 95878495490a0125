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


@dataclass(frozen=True, slots=True)
class Proposal:
    """A group that should be one stack.

    Shape:  member_ids are two or more, the primary first, the rest in the order of preference. kind is RAW_JPEG if a
            RAW stands beside a picture made from it in the camera, else EDITED if any member is an edit, else FORMATS
            if the formats differ, else VERSIONS (a portrait and its original). name is the picture's, as its versions
            share it. evidence is what the rules say, and is kept once for all proposals that have the same.
    """

    member_ids: tuple[AssetId, ...]
    kind: GroupKind
    confidence: Confidence
    name: str
    evidence: tuple[Reason, ...]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why, as people read it: the name first, the doubt, if there is one, last."""
        return (Reason(ReasonCode.SAME_NAME, self.name), *self.evidence)

    @property
    def primary_id(self) -> AssetId:
        """The member that should be the stack's cover."""
        return self.member_ids[0]


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Assets that are in no proposal although a partner by name exists, sorted by id, and why."""

    asset_ids: tuple[AssetId, ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Pairing:
    """All proposals and all that was left alone, each sorted by ids; no asset is in two proposals."""

    proposals: tuple[Proposal, ...]
    left_alone: tuple[LeftAlone, ...]
