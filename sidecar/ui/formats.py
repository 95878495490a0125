"""How numbers, sizes and times are written in a page's language."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent

from sidecar.ui.translations import Language

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024
_WITHOUT_FRACTION_FROM = 100


def count(number: int, language: Language) -> str:
    """A whole number with its thousands apart."""
    return format_decimal(number, locale=language.locale)


def file_size(size_bytes: int, language: Language) -> str:
    """A size as Immich writes it, in powers of 1,024."""
    size, unit = float(size_bytes), 0
    # What would be rounded up to the next unit is written in that.
    while round(size, 1 if size < _WITHOUT_FRACTION_FROM else 0) >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    pattern = "#,##0" if unit == 0 or size >= _WITHOUT_FRACTION_FROM else "#,##0.#"
    return f"{format_decimal(size, format=pattern, locale=language.locale)}\u00a0{_UNITS[unit]}"


def share(part: float, language: Language) -> str:
    """A part of one in percent, rounded down, so that what is not the same never looks so."""
    return format_percent(int(part * 1000) / 1000, format="#,##0.#\u00a0%", locale=language.locale)


def day(moment_ms: int, language: Language) -> str:
    """The day of a wall clock time, in ms since 1970, with its weekday."""
    return format_date(_at(moment_ms), "full", locale=language.locale)


def moment(moment_ms: int, language: Language) -> str:
    """A day and time in UTC, as it is marked for the browser to say it in its own."""
    return format_datetime(_at(moment_ms), "medium", locale=language.locale)


def iso(moment_ms: int) -> str:
    """The same for machines."""
    return _at(moment_ms).isoformat(timespec="seconds")


def duration(duration_ms: int) -> str:
    """How long a video is, as a player writes it."""
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def _at(moment_ms: int) -> datetime:
    # Cameras without a clock, and files with broken dates, claim years that no calendar has.
    seconds = min(max(moment_ms / 1000, _FIRST.timestamp()), _LAST.timestamp())
    return datetime.fromtimestamp(seconds, UTC)
