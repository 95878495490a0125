"""What makes a group doubtful although no rule objects to any two of its members."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.formats import Format
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.reasons import Reason, ReasonCode

_UNKNOWN = Format.UNKNOWN
_DAY_MS = 86_400_000
_FIRST_PHOTOGRAPH_MS = -4_544_208_000_000
_YEAR_2100_MS = 4_102_444_800_000
_NO_CLOCK = Reason(ReasonCode.NO_CLOCK)
_AMBIGUOUS = Reason(ReasonCode.AMBIGUOUS)


def doubt_about(members: Sequence[Candidate], *, is_clear: bool) -> Reason | None:
    """The first doubt, None if the group is certain.

    A camera whose clock was never set starts at 1970 again and again, so that equal times say nothing; nor do times
    that no camera has seen. A format that the name does not say is no doubt if somebody looked at the content.
    """
    if not is_clear:
        return _AMBIGUOUS
    for member in members:
        if member.format is _UNKNOWN:
            return Reason(ReasonCode.UNKNOWN_FORMAT, member.asset.name)
        pattern = member.name.pattern
        if pattern is not None and not pattern.is_trusted:
            return Reason(ReasonCode.USERS_PATTERN, pattern.text)
        taken_ms = member.asset.taken_local_ms
        if not _DAY_MS <= taken_ms < _YEAR_2100_MS and not _FIRST_PHOTOGRAPH_MS <= taken_ms <= -_DAY_MS:
            return _NO_CLOCK
    return None
