"""Reading a request's fields as Immich's validation does: collect what is wrong, refuse once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sidecar.demo.immich.refusals import Invalid, Issue
from sidecar.demo.immich.times import parse_instant

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_WORDS = {"true": True, "false": False}


def is_uuid4(value: object) -> bool:
    """Whether this is a UUID of version 4, the only one both generations take.

    Source: recording asset-bad-id; validation.ts:96 in 3.1.0, validation.ts:130 in 2.7.5.
    """
    return isinstance(value, str) and _UUID4.fullmatch(value) is not None


class Fields:
    """The fields of one body or query, each read once by name; `done` refuses if any was wrong.

    Shape:  `from_query` says that numbers and booleans arrive as words. Absent fields read as None. What is wrong in a
            nested object is told by the whole body's `done`.
    """

    def __init__(self, source: Mapping[str, Any], *, from_query: bool = False) -> None:
        self._source = source
        self._from_query = from_query
        self._issues: list[Issue] = []
        self._path: tuple[str | int, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self._source

    def is_null(self, name: str) -> bool:
        """Whether the field is there and null."""
        return name in self._source and self._source[name] is None

    @property
    def _place(self) -> str:
        """What 2.x writes before the names of nested fields."""
        return "".join(f"{part}." for part in self._path)

    def done(self) -> None:
        """Raise Invalid with everything that was wrong so far."""
        if self._issues:
            raise Invalid(self._issues)

    def text(self, name: str, *, required: bool = False, filled: bool = False) -> str | None:
        """The field as text; filled says that it may not be empty.

        Source: live 2.7.5 for empty and absent metadata keys.
        """
        value = self._source.get(name)
        unfilled = [f"{name} should not be empty"] if filled and value in (None, "") else []
        if isinstance(value, str):
            if unfilled:
                details = {"origin": "string", "code": "too_small", "minimum": 1, "inclusive": True}
                self._add(name, "Too small: expected string to have >=1 characters", unfilled, details)
            return value
        if value is not None or required:
            self._mistyped(name, "string", f"{name} must be a string", *unfilled)
        return None

    def record(self, name: str) -> dict[str, Any]:
        """The field as an object with whatever inside; it has to be there.

        Source: live 3.1.0 and 2.7.5 for metadata values of every other type.
        """
        value = self._source.get(name)
        if isinstance(value, dict):
            return value
        self._mistyped(name, "record", f"{name} must be an object")
        return {}

    def objects(self, name: str) -> list[Fields]:
        """The field as a list of objects with fields of their own.

        Source: live 3.1.0 and 2.7.5 for metadata items that are none; UNVERIFIED legacy-messages for lists among them.
        """
        sentence = f"each value in nested property {name} must be either object or array"
        found = []
        for position, value in enumerate(self._list(name, at_least=0, mistyped=sentence)):
            if isinstance(value, dict):
                nested = Fields(value)
                nested._issues = self._issues
                nested._path = (*self._path, name, position)
                found.append(nested)
            else:
                self._mistyped(name, "object", f"{name}.{sentence}", position=position)
        return found

    def boolean(self, name: str) -> bool | None:
        """The field as a boolean."""
        value = self._source.get(name)
        if self._from_query and isinstance(value, str):
            if value in _WORDS:
                return _WORDS[value]
            self._option(name, list(_WORDS), f"{name} must be a boolean value")
        elif isinstance(value, bool):
            return value
        elif value is not None:
            self._mistyped(name, "boolean", f"{name} must be a boolean value")
        return None

    def whole(self, name: str, *, at_least: int, at_most: int | None = None) -> int | None:
        """The field as a whole number within its bounds.

        Source: recording search-toolarge; live 3.1.0 for page 0 and page "2".
        """
        value = self._source.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self._mistyped(name, "number", f"{name} must be an integer number")
        elif value < at_least:
            self._add(
                name,
                f"Too small: expected number to be >={at_least}",
                [f"{name} must not be less than {at_least}"],
                {"origin": "number", "code": "too_small", "minimum": at_least, "inclusive": True},
            )
        elif at_most is not None and value > at_most:
            self._add(
                name,
                f"Too big: expected number to be <={at_most}",
                [f"{name} must not be greater than {at_most}"],
                {"origin": "number", "code": "too_big", "maximum": at_most, "inclusive": True},
            )
        else:
            return value
        return None

    def number(self, name: str, *, at_least: float, at_most: float) -> float | None:
        """The field as a number within its bounds; 2.x knows only places, latitudes and longitudes.

        Source: live 3.1.0 and 2.7.5 for a text and for too much.
        """
        value = self._source.get(name)
        if name not in self._source:
            return None
        sentence = f"{name} must be a {name} string or number"
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._mistyped(name, "number", sentence)
        elif value < at_least:
            details = {"origin": "number", "code": "too_small", "minimum": at_least, "inclusive": True}
            self._add(name, f"Too small: expected number to be >={at_least}", [sentence], details)
        elif value > at_most:
            details = {"origin": "number", "code": "too_big", "maximum": at_most, "inclusive": True}
            self._add(name, f"Too big: expected number to be <={at_most}", [sentence], details)
        else:
            return value
        return None

    def refuse(self, message: str, *legacy: str, name: str | None = None) -> None:
        """Say that the body, or this field of it, is wrong as a whole."""
        path = self._path if name is None else (*self._path, name)
        self._issues.append(Issue(path, message, legacy, {"code": "custom"}))

    def instant(self, name: str, *, required: bool = False) -> int | None:
        """The field as microseconds since 1970.

        Source: recording search-badtime; live 3.1.0 for an absent one on upload.
        """
        value = self._source.get(name)
        if name not in self._source and not required:
            return None
        if isinstance(value, str):
            instant = parse_instant(value)
            if instant is not None:
                return instant
            received = "string"
            details = {"origin": "string", "code": "invalid_format", "format": "datetime", "pattern": "ISO 8601"}
        else:
            # The server words dates by itself, with JavaScript's typeof.
            received = "object" if value is None and name in self._source else self._received(name)
            details = {"expected": "string", "code": "invalid_type"}
        self._issues.append(
            Issue(
                path=(*self._path, name),
                message=f"Invalid input: expected ISO 8601 datetime string, received {received}",
                legacy=(f"{self._place}{name} must be a date string",),
                details=details,
                is_legacy_alone=True,
            )
        )
        return None

    def option(self, name: str, allowed: Collection[str], *, required: bool = False) -> str | None:
        """The field as one of the allowed words.

        Source: live 3.1.0 for visibility, order and type; live 3.1.0 and 2.7.5 for a missing direction of partners.
        """
        value = self._source.get(name)
        if value is None and not required:
            return None
        if value is not None and value in allowed:
            return str(value)
        sentences = [f"{name} must be one of the following values: {', '.join(allowed)}"]
        self._option(name, list(allowed), *([f"{name} should not be empty"] if value is None else []), *sentences)
        return None

    def options(self, name: str, allowed: Collection[str]) -> list[str]:
        """The field as a list of allowed words, at least one.

        Source: recording create-api-key-unknown-permission; live 3.1.0 for none.
        """
        values = self._list(name, at_least=1)
        sentence = f"each value in {name} must be one of the following values: {', '.join(allowed)}"
        for position, value in enumerate(values):
            if value not in allowed:
                self._option(name, list(allowed), sentence, position=position)
        return values

    def texts(self, name: str) -> list[str]:
        """The field as a list of texts."""
        values = self._list(name, at_least=0)
        for position, value in enumerate(values):
            if not isinstance(value, str):
                self._mistyped(name, "string", f"each value in {name} must be a string", position=position)
        return values

    def uuid(self, name: str, *, required: bool = False, nullable: bool = False) -> str | None:
        """The field as a UUID.

        Source: recording asset-bad-id; live 3.1.0 and 2.7.5 for null, numbers, nothing and empty texts.
        """
        value = self._source.get(name)
        if (name not in self._source and not required) or (value is None and nullable):
            return None
        if is_uuid4(value):
            return str(value)
        sentences = [f"{name} must be a UUID"]
        if required and value in (None, ""):
            sentences.append(f"{name} should not be empty")
        if isinstance(value, str):
            self._bad_uuid(name, sentences)
        else:
            self._mistyped(name, "string", *sentences, f"{name} must be a string")
        return None

    def uuids(self, name: str, *, at_least: int = 0) -> list[str]:
        """The field as a list of UUIDs.

        Source: recording stack-create-one; live 3.1.0 for a missing list and for ids that are none or no texts.
        """
        values = self._list(name, at_least=at_least)
        for position, value in enumerate(values):
            sentence = f"each value in {name} must be a UUID"
            if not isinstance(value, str):
                self._mistyped(name, "string", sentence, position=position)
            elif not is_uuid4(value):
                self._bad_uuid(name, [sentence], position)
        return values

    def _list(self, name: str, *, at_least: int, mistyped: str | None = None) -> list[Any]:
        """The field as a list; mistyped is what 2.x says besides of a field that is there and no list."""
        value = self._source.get(name)
        if not isinstance(value, list):
            more = [mistyped] if mistyped and name in self._source else []
            self._mistyped(name, "array", f"{name} must be an array", *more)
            return []
        if len(value) < at_least:
            self._add(
                name,
                f"Too small: expected array to have >={at_least} items",
                [f"{name} must contain at least {at_least} elements"],
                {"origin": "array", "code": "too_small", "minimum": at_least, "inclusive": True},
            )
        return value

    def _add(
        self,
        name: str,
        message: str,
        legacy: Iterable[str],
        details: dict[str, Any],
        position: int | None = None,
    ) -> None:
        path = (*self._path, name) if position is None else (*self._path, name, position)
        self._issues.append(Issue(path, message, tuple(f"{self._place}{sentence}" for sentence in legacy), details))

    def _mistyped(self, name: str, expected: str, *legacy: str, position: int | None = None) -> None:
        received = self._received(name) if position is None else _javascript_type(self._source[name][position])
        details = {"expected": expected, "code": "invalid_type"}
        self._add(name, f"Invalid input: expected {expected}, received {received}", legacy, details, position)

    def _received(self, name: str) -> str:
        return _javascript_type(self._source[name]) if name in self._source else "undefined"

    def _option(self, name: str, allowed: list[str], *legacy: str, position: int | None = None) -> None:
        quoted = "|".join(f'"{word}"' for word in allowed)
        details = {"code": "invalid_value", "values": allowed}
        self._add(name, f"Invalid option: expected one of {quoted}", legacy, details, position)

    def _bad_uuid(self, name: str, legacy: Iterable[str], position: int | None = None) -> None:
        details = {"origin": "string", "code": "invalid_format", "format": "uuid", "pattern": f"/^({_UUID4.pattern})$/"}
        self._add(name, "Invalid UUID", legacy, details, position)


def _javascript_type(value: object) -> str:
    """What Immich's validation calls a JSON value."""
    match value:
        case None:
            return "null"
        case str():
            return "string"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"
