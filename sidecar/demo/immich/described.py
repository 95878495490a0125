"""What the emulated server publishes of its own API: the newest pin, as `python -m openapi.generate` wrote it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

_DESCRIBED = Path(__file__).with_name("described.json")


class _Info(msgspec.Struct):
    version: str


class _Head(msgspec.Struct):
    info: _Info


def description_of(version: str) -> bytes | None:
    """The description, None for a version that is none of the newest pin's."""
    text, described = _described()
    return text if described == version else None


@cache
def _described() -> tuple[bytes, str]:
    text = _DESCRIBED.read_bytes()
    return text, msgspec.json.decode(text, type=_Head).info.version
