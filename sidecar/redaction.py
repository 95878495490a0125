"""What may be told of what: sentences without names, and values of which only harmless kinds are shown at all."""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import Enum

from sidecar.errors import SidecarError
from sidecar.formats import EXTENSIONS

_NAMES = re.compile(
    r"""(?<!\w)(["']).*?\1(?!\w)"""  # what a sentence quotes
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[^\s(]*[/\\@][^\s),;]*"  # addresses and paths
    rf"|[^\s(]+\.(?:{'|'.join(sorted(EXTENSIONS))})\b",
    re.IGNORECASE,
)


class OwnWords(str):
    """Words that this program wrote itself, of which nothing came from a library, a person or a server."""

    __slots__ = ()


def without_names(sentence: str) -> str:
    """The sentence with a mark in place of all that could name somebody or something: ids, addresses, files, quotes.

    Source: an error may repeat Immich's own words, and what stands in them is up to Immich.
    """
    return _NAMES.sub("…", sentence)


def shown(value: object) -> object:
    """What may be told of a value, whatever it holds: numbers, times, words of an enumeration and our own words as
    they are, our errors without names, and of everything else only what kind of thing it is.
    """
    if isinstance(value, OwnWords | int | float | date | timedelta | Enum | None):
        return value
    if isinstance(value, SidecarError):
        return without_names(str(value))
    return OwnWords(type(value).__name__ if isinstance(value, BaseException) else f"<{type(value).__name__}>")
