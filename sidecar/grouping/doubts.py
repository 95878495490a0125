"""What makes a group doubtful although no rule objects to any two of its members."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.formats import Format
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason, ReasonCode

_UNKNOWN = Format.UNKNOWN
_DAY_MS = 86_400_000
_NO_CLOCK = Reason(ReasonCode.NO_CLOCK)
_AMBIGUOUS = Reason(ReasonCode.AMBIGUOUS)


def doubt_about(members: Sequence[Candidate], *, is_clear: bool) -> Reason | None:
    """The first doubt, None if the group is certain.

    A camera whose clock was never set starts at 1970 again and again, so that equal times say nothing.
    """
    if not is_clear:
        return _AMBIGUOUS
    for member in members:
        if member.name.format is _UNKNOWN:
            return Reason(ReasonCode.UNKNOWN_FORMAT, member.asset.name)
        if -_DAY_MS < member.asset.taken_local_ms < _DAY_MS:
            return _NO_CLOCK
    return None
