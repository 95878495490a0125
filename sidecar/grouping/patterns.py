"""Patterns by which users teach their own way of naming versions; matched in linear time, so none can hang a worker."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import re2

from sidecar.errors import SettingsError

BUILT_IN = ("{base}.{ext}", "{base}_{suffix}.{ext}")
"""What holds without being taught: the first for ever, the second (`joins_suffixes`) where a RAW has the bare name."""

REGEX = "regex:"
"""How a pattern begins that is a regular expression."""

LONGEST_TEXT = 200
"""How many characters a pattern may have."""

_MAX_MEM_BYTES = 2 << 20

# A template's base is greedy: what comes after it begins at its last separator, as people read IMG_1-a-web.jpg.
_CLASSES = {"base": "(?P<base>.+)", "suffix": "[^./]+", "n": "[0-9]+", "ext": "(?P<ext>[^./]+)"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Reading(NamedTuple):
    """A file name as a pattern reads it.

    Shape:  base is the name of the picture in NFC, its case as it was. label is what tells the version apart: all of
            the name that is neither base nor extension, folded, never empty.
    """

    base: str
    label: str


@dataclass(frozen=True, slots=True)
class NamePattern:
    """One pattern of a user.

    Shape:  text is what the user wrote: literal text with placeholders, as "{base}-web.{ext}", or "regex:" and a
            regular expression with groups `base` and `ext`. {base} and {ext} stand once, {suffix} (anything without
            dot or slash) and {n} (digits) at most once. What an untrusted pattern alone brings together is proposed,
            not done.
    Errors: SettingsError with one sentence about what the text lacks.
    Source: syntax of regular expressions: https://github.com/google/re2/wiki/Syntax
    """

    text: str
    is_trusted: bool = False
    _compiled: Any = field(init=False, repr=False, compare=False)
    _needs: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = unicodedata.normalize("NFC", self.text)
        if not text.strip() or text.strip() == REGEX:
            raise SettingsError("the pattern is empty; one looks like {base}-web.{ext}")
        if len(text) > LONGEST_TEXT:
            raise SettingsError(f"the pattern has {len(text)} characters; it may have {LONGEST_TEXT}")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise SettingsError("the pattern has half a character, which no text may have")
        if text.startswith(REGEX):
            regex, needs = text.removeprefix(REGEX), ""
        else:
            pieces = _PLACEHOLDER.split(text)
            regex, needs = _as_regex(pieces), max(pieces[::2], key=len).lower()
        object.__setattr__(self, "_compiled", _compiled(regex))
        object.__setattr__(self, "_needs", needs)

    def read(self, name: str) -> Reading | None:
        """The file name's base and label; None if the pattern does not match, or matches but tells nothing apart.

        Shape:  the base is not empty and ends before the extension, which is what follows the name's last dot.
        """
        # Nearly no name matches, and this is asked of all. Cases are simple among ASCII characters only.
        if name.isascii() and self._needs not in name.lower():
            return None
        text = unicodedata.normalize("NFC", name).encode(errors="surrogatepass")
        found = self._compiled.fullmatch(text)
        if found is None:
            return None
        groups = self._compiled.groupindex
        start, end = found.span(groups["base"])
        dot = text.rfind(b".")
        if not start < end <= dot or found.span(groups["ext"]) != (dot + 1, len(text)):
            return None
        try:
            base, label = (
                part.decode(errors="surrogatepass") for part in (text[start:end], text[:start] + text[end:dot])
            )
        except UnicodeDecodeError:  # \C matches a byte, and may end a group within a character
            return None
        return Reading(base, unicodedata.normalize("NFC", label.casefold())) if label else None


def _as_regex(pieces: list[str]) -> str:
    """A template as a regular expression; its pieces are literal text and names of placeholders by turns."""
    names = pieces[1::2]
    for name in names:
        if name not in _CLASSES:
            raise SettingsError(f"the pattern has an unknown placeholder {{{name}}}; there are {_listed()}")
        if names.count(name) > 1:
            raise SettingsError(f"the pattern has {{{name}}} twice; each placeholder may stand once")
    if any(brace in literal for literal in pieces[::2] for brace in "{}"):
        raise SettingsError("the pattern has a brace that opens or closes no placeholder")
    if "base" not in names:
        raise SettingsError("the pattern has no {base}, which stands for the name of the picture")
    if "ext" not in names:
        raise SettingsError("the pattern has no {ext}, which stands for the extension")
    if pieces[-2:] != ["ext", ""] or not pieces[-3].endswith("."):
        raise SettingsError("the pattern does not end in .{ext}; the extension comes last, after a dot")
    return "".join(_CLASSES[piece] if place % 2 else re2.escape(piece) for place, piece in enumerate(pieces))


def _listed() -> str:
    return ", ".join(f"{{{name}}}" for name in _CLASSES)


def _compiled(regex: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = _MAX_MEM_BYTES
    try:
        compiled = re2.compile(regex, options=options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        raise SettingsError(f"the regular expression cannot be used: {reason}") from error
    for group in ("base", "ext"):
        if group not in compiled.groupindex:
            raise SettingsError(f"the regular expression has no group {group}; write (?P<{group}>...)")
    return compiled
