"""Logging: where lines go, how they look, and whom they are about.

Nothing that names a person, a place or a file, and no secret, gets into a line, whoever logs what: of the values of a
line only harmless kinds are shown (redaction.py), and of an exception that is not ours only its kind and where it came
from.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from sidecar.errors import SidecarError
from sidecar.redaction import shown

# At info level these tell of every request or job; ours tell of decisions and counts.
_CHATTY = ("httpx", "httpcore", "arq", "aiohttp.access", "alembic", "PIL")

# What libraries say before anything else, in words that never change and that people look for.
_FIXED = ("Error handling request", "Unclosed", "Task exception was never retrieved", "Executing", "Connection lost")

_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_OWN = "sidecar"
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class LogFormat(StrEnum):
    """How a line looks: words for people, or one JSON object for programs."""

    TEXT = "text"
    JSON = "json"


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Every line from within the block says what it is about: request_id, job_id, job, user_id."""
    token = _ABOUT.set({**_ABOUT.get(_NOTHING), **ids})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def note(**ids: str) -> None:
    """The rest of the block of about() is about this, too: who asks is known only when Immich has said it."""
    _ABOUT.set({**_ABOUT.get(_NOTHING), **ids})


class Discreet(logging.Formatter):
    """Gives another formatter nothing but what may be told."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """One line of text, or several with a traceback."""
        told = copy(record)
        is_ours = record.name.partition(".")[0] == _OWN
        told.msg, told.args = _message_of(record, is_ours=is_ours), None
        told.exc_info, told.stack_info = None, None
        told.exc_text = _trace_of(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else None
        for name in record.__dict__.keys() - _STANDARD:
            value = shown(record.__dict__[name])
            told.__dict__[name] = value.value if isinstance(value, Enum) else value
        told.__dict__.update(_ABOUT.get(_NOTHING))
        return self._inner.format(told)


def set_up_logging(level: str, log_format: LogFormat = LogFormat.TEXT) -> None:
    """Log lines go to standard error from this level on; chatty libraries only when we are debugging."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Discreet(_Json() if log_format is LogFormat.JSON else _Text()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        more = " ".join(f"{name}={value}" for name, value in sorted(_more(record).items()))
        return f"{super().formatMessage(record)} {more}".rstrip()


class _Json(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "trace"},
            json_ensure_ascii=False,
        )


def _more(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


def _message_of(record: logging.LogRecord, *, is_ours: bool) -> str:
    """The message with its values; of a library's finished message, into which anything may have gone, only the kind.

    Source: aiohttp repeats the line of a request that it cannot read (web_protocol.py, 3.14), asyncio what a lost task
            was about (base_events.py, Python 3.11).
    """
    message = str(record.msg)
    if not record.args:
        if is_ours:
            return message
        return next((words for words in _FIXED if message.startswith(words)), f"a message of {record.name}")
    values: Any = record.args
    try:
        if isinstance(values, Mapping):
            return message % {name: _told(value) for name, value in values.items()}
        return message % tuple(_told(value) for value in values)
    except (TypeError, ValueError):  # a `%d` of a value that is not shown
        return message


def _told(value: object) -> object:
    told = shown(value)
    return told.value if isinstance(told, StrEnum) else told


def _trace_of(error: BaseException) -> str:
    """Where an exception came from, and each that led to it; in words only where they are ours."""
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None:
        seen.add(id(cause))
        lines += [*(line.rstrip() for line in traceback.format_tb(cause.__traceback__)), _kind_of(cause)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        cause = None if id(cause) in seen else cause
        if cause is not None:
            lines.append("which came from")
    return "\n".join(lines)


def _kind_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {shown(error)}" if isinstance(error, SidecarError) else type(error).__name__
