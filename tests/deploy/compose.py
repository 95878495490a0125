"""Compose files as Docker Compose reads them: variables, merging, and the two tags that take something away.

Source: Compose specification, sections on interpolation and on merging ("13-merge").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::?-([^}]*))?\})")
_REPLACED = {"command", "entrypoint", "test"}


class Reset:
    """Stands where `!reset` stood."""


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!reset", lambda _loader, _node: Reset())


def read(path: Path, **variables: str) -> dict[str, Any]:
    """The file with its variables filled in; those that are not given are empty."""
    found: dict[str, Any] = _filled(yaml.load(path.read_text(), Loader=_Loader), variables)  # noqa: S506  # a SafeLoader
    return found


def merge(base: Any, over: Any, *, name: str = "") -> Any:
    """What one file makes of another, as with several `-f`."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        merged = dict(base)
        for key, value in over.items():
            if isinstance(value, Reset):
                merged.pop(key, None)
            else:
                merged[key] = merge(merged[key], value, name=key) if key in merged else value
        return merged
    if isinstance(base, list) and isinstance(over, list) and name not in _REPLACED:
        return [*base, *(each for each in over if each not in base)]
    return over


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: "$" if found[1] else variables.get(found[2]) or found[3] or "", value)
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, variables) for key, each in value.items()}
    return value
