from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.demo.immich.times import datetime_of, iso_ms, microseconds, parse_instant, postgres_bare, postgres_json

_MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("us", "iso", "bare"),
    [
        pytest.param(-1, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999999", id="before 1970"),
        pytest.param(0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00", id="no fraction at all"),
        pytest.param(1_714_557_600_120_000, "2024-05-01T10:00:00.120Z", "2024-05-01T10:00:00.12", id="as recorded"),
        pytest.param(1_714_557_600_000_050, "2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00.00005", id="below a ms"),
        pytest.param(1_714_557_610_000_000, "2024-05-01T10:00:10.000Z", "2024-05-01T10:00:10", id="a zero that stays"),
    ],
)
def test_instants_are_written_as_javascript_and_postgres_do(us: int, iso: str, bare: str) -> None:
    assert (iso_ms(us), postgres_bare(us), postgres_json(us)) == (iso, bare, bare + "+00:00")


@given(_MOMENTS)
def test_what_postgres_writes_reads_as_the_same_instant(moment: datetime) -> None:
    us = microseconds(moment)
    assert datetime_of(us) == moment
    assert parse_instant(postgres_json(us)) == us
    assert parse_instant(iso_ms(us)) == us - us % 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-05-01",
        "2024-05-01T10:00:00",
        "2024-02-30T10:00:00Z",
        "2024-05-01 10:00:00Z",
        "2024-05-01T25:00Z",
    ],
)
def test_what_is_no_instant_with_a_zone_is_none(text: str) -> None:
    assert parse_instant(text) is None


@pytest.mark.parametrize("text", ["2024-05-01T10:00Z", "2024-05-01T10:00:00Z", "2024-05-01T12:00:00.000+02:00"])
def test_zones_and_short_forms_are_read(text: str) -> None:
    assert parse_instant(text) == 1_714_557_600_000_000
