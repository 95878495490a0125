"""When whole libraries are looked at though nobody asks: every night, and more often where that is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sidecar.storage.scans import Scan

AHEAD_MS = 60 * 60_000
"""A scan that lies further ahead was asked for by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The time of day, where the process is, at which each library is looked at; and the most time between two looks.

    Shape:  at is None for no time of day, interval_ms is None for no further looks.
    """

    at: time | None = None
    interval_ms: int | None = None

    def wants_scan(self, last: Scan | None, *, now_ms: int) -> bool:
        """Whether a new scan is due after this one; the first always is, and one that has not ended suffices."""
        if last is None:
            return True
        if last.ended_at_ms is None:
            return False
        if last.requested_at_ms - now_ms > AHEAD_MS:
            return True
        if self.interval_ms is not None and last.ended_at_ms + self.interval_ms <= now_ms:
            return True
        return self.at is not None and last.requested_at_ms < latest_ms(self.at, now_ms=now_ms)


def latest_ms(at: time, *, now_ms: int) -> int:
    """The latest moment, not after now, at which the clock on the wall showed this time of day.

    Units:  ms since 1970. Where the clock is put forward over that time, it is a moment later.
    """
    here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone()
    days = (datetime.combine(here.date() - timedelta(days=back), at).astimezone() for back in range(3))
    return int(max(moment for moment in days if moment <= here).timestamp() * 1000)
