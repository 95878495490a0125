"""Instants as Immich writes and reads them. Everything inside the emulation is whole microseconds since 1970, UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OFFSET_CHARACTERS = len("+00:00")
_US_PER_S = 1_000_000
_US_PER_MS = 1000
_STRICT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


def microseconds(moment: datetime) -> int:
    """The aware moment in microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def datetime_of(us: int) -> datetime:
    """The aware UTC moment of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def iso_ms(us: int) -> str:
    """JavaScript's toISOString, cut to milliseconds: "2024-05-01T10:00:00.120Z".

    Source: recording search-all, fileCreatedAt.
    """
    second, fraction = divmod(us, _US_PER_S)
    return f"{_to_the_second(second)}.{fraction // _US_PER_MS:03}Z"


def postgres_bare(us: int) -> str:
    """PostgreSQL's timestamp in JSON, without trailing zeros or zone: "2024-05-01T10:00:00.12".

    Source: recording timeline-bucket, fileCreatedAt.
    """
    second, fraction = divmod(us, _US_PER_S)
    return f"{_to_the_second(second)}.{fraction:06}".rstrip("0") if fraction else _to_the_second(second)


def postgres_json(us: int) -> str:
    """PostgreSQL's timestamptz in JSON: "2024-05-01T10:00:00.12+00:00".

    Source: recording stack-create, fileCreatedAt.
    """
    return postgres_bare(us) + "+00:00"


@lru_cache(maxsize=4096)  # neighbours in a listing share their seconds
def _to_the_second(second: int) -> str:
    return datetime_of(second * _US_PER_S).isoformat()[:-_OFFSET_CHARACTERS]


def parse_instant(text: str) -> int | None:
    """Microseconds since 1970 of an ISO 8601 date and time with Z or an offset; None for anything else.

    Source: live 3.1.0 refuses a date and time without zone (validation.ts:138).
    """
    if not _STRICT.fullmatch(text):
        return None
    try:
        return microseconds(datetime.fromisoformat(text))
    except ValueError:
        return None
