from __future__ import annotations

import os
import time as system_time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.jobs.schedule import Schedule, latest_ms
from sidecar.model import OwnerId
from sidecar.storage.scans import Scan, ScanState

HALF_PAST_THREE = time(3, 30)


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    system_time.tzset()
    yield request.param
    monkeypatch.delenv("TZ")
    system_time.tzset()
    assert "TZ" not in os.environ


def ms(text: str) -> int:
    """The moment at which the clock on the wall shows this."""
    return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)


def scan(*, requested_at_ms: int, ended_at_ms: int | None) -> Scan:
    return Scan(
        1, OwnerId("ann"), ScanState.DONE, 0, 0, 0, 0, 0, 0, 1, None, requested_at_ms, requested_at_ms, ended_at_ms
    )  # fmt: skip


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-05-02T03:30:00", "2026-05-02T03:30:00", id="now"),
        pytest.param("2026-05-02T23:59:59", "2026-05-02T03:30:00", id="earlier today"),
        pytest.param("2026-05-02T03:29:59", "2026-05-01T03:30:00", id="yesterday"),
    ],
)
def test_the_latest_night_is_by_the_clock_on_the_wall(now: str, expected: str) -> None:
    assert latest_ms(HALF_PAST_THREE, now_ms=ms(now)) == ms(expected)


@given(st.integers(min_value=0, max_value=4_000_000_000_000), st.times(timezones=st.none()))
def test_the_latest_night_is_in_the_past_and_not_long_ago(now_ms: int, at: time) -> None:
    found = latest_ms(at, now_ms=now_ms)
    assert now_ms - 26 * 3_600_000 < found <= now_ms


@pytest.mark.parametrize(
    ("schedule", "last", "is_wanted"),
    [
        pytest.param(Schedule(), None, True, id="the first, whatever the schedule"),
        pytest.param(
            Schedule(HALF_PAST_THREE, 0), ("2026-05-01T03:29:00", None), False, id="never while one has not ended"
        ),
        pytest.param(
            Schedule(HALF_PAST_THREE),
            ("2026-05-02T03:29:00", "2026-05-02T03:40:00"),
            True,
            id="begun before the night it ended in",
        ),
        pytest.param(
            Schedule(HALF_PAST_THREE), ("2026-05-02T03:30:00", "2026-05-02T03:40:00"), False, id="this night's"
        ),
        pytest.param(
            Schedule(HALF_PAST_THREE), ("2026-05-01T12:00:00", "2026-05-01T12:10:00"), True, id="asked for yesterday"
        ),
        pytest.param(
            Schedule(HALF_PAST_THREE), ("2026-04-01T12:00:00", "2026-04-01T12:10:00"), True, id="after a month off"
        ),
        pytest.param(
            Schedule(None, 3_600_000), ("2026-05-02T10:00:00", "2026-05-02T11:00:00"), True, id="an hour later"
        ),
        pytest.param(
            Schedule(None, 3_600_000), ("2026-05-02T10:00:00", "2026-05-02T11:00:01"), False, id="not yet an hour"
        ),
        pytest.param(Schedule(), ("2020-05-02T10:00:00", "2020-05-02T11:00:01"), False, id="nothing by the clock"),
    ],
)
def test_a_scan_is_due(schedule: Schedule, last: tuple[str, str | None] | None, *, is_wanted: bool) -> None:
    now_ms = ms("2026-05-02T12:00:00")
    found = scan(requested_at_ms=ms(last[0]), ended_at_ms=ms(last[1]) if last[1] else None) if last else None
    assert schedule.wants_scan(found, now_ms=now_ms) is is_wanted


def test_a_scan_of_a_clock_that_was_wrong_is_made_good() -> None:
    now_ms = int(datetime(2026, 5, 2, 12, tzinfo=UTC).timestamp() * 1000)
    before = scan(requested_at_ms=0, ended_at_ms=1)
    assert Schedule(HALF_PAST_THREE).wants_scan(replace(before, began_at_ms=None), now_ms=now_ms)


def test_a_scan_of_a_time_to_come_keeps_no_other_from_being_asked_for() -> None:
    now_ms = int(datetime(2026, 5, 2, 12, tzinfo=UTC).timestamp() * 1000)
    ahead = scan(requested_at_ms=now_ms + 40 * 86_400_000, ended_at_ms=now_ms + 40 * 86_400_000 + 1)
    assert Schedule(HALF_PAST_THREE).wants_scan(ahead, now_ms=now_ms)
    assert not Schedule(HALF_PAST_THREE).wants_scan(replace(ahead, ended_at_ms=None), now_ms=now_ms)
