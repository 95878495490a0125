"""Whether a file is what its name says, as far as somebody looked at its first bytes, and where somebody should."""

from __future__ import annotations

from sidecar.formats import Format
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import AssetKind

_IMAGE = AssetKind.IMAGE
# No extension that is known, or one that Panasonic, Leica and others share, also with files that are no pictures.
_TELL_TOO_LITTLE = frozenset({"", "raw"})
_CONTENT_UNKNOWN = Reason(ReasonCode.CONTENT_UNKNOWN)


def contradiction(candidate: Candidate) -> Reason | None:
    """How the content contradicts the name, None if it does not or nobody looked.

    A name that claims nothing is not contradicted by a picture or video.
    """
    content, claimed = candidate.asset.content, candidate.name.format
    if content is None:
        return None
    if content is Format.UNKNOWN:
        return _CONTENT_UNKNOWN
    if claimed in (content, Format.UNKNOWN):
        return None
    return Reason(ReasonCode.CONTENT_DIFFERS, f"{claimed}, the content is {content}")


def wants_a_look(candidate: Candidate) -> bool:
    """Whether the first bytes should be looked at before the file is stacked: its name is in doubt, and nobody looked.

    A name is in doubt if its extension tells too little, or if Immich has read the file as a picture and found no size.
    """
    asset = candidate.asset
    if asset.content is not None:
        return False
    if candidate.name.extension in _TELL_TOO_LITTLE:
        return True
    return not (asset.width and asset.height) and asset.is_extracted and asset.kind is _IMAGE
