"""Lists in pages: how many at once, and the opaque word by which the next page is asked for."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from http import HTTPStatus
from typing import Annotated, Any

import msgspec

from sidecar.handlers.middleware import Refused

MOST_AT_ONCE = 100

Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE)]
Cursor = Annotated[str, msgspec.Meta(max_length=500)]

# As much as a column of whole numbers takes; whatever is larger was not given out by us.
_LARGEST = (1 << 63) - 1


def encode_cursor(*values: str | float | None) -> str:
    """The word that stands for where a page ended; `decode_cursor` gives the same values back."""
    return urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *types: Any) -> tuple[Any, ...]:
    """The values that the word was made of.

    Shape:  types are those of the values in their order; `int | None` and `Literal[...]` are types too. What else a
            cursor has to fit (an order, filters) is best made one of its values, with a Literal as its type.
    Errors: Refused (400, bad_cursor) if it is none of ours, or is one of another list.
    """
    try:
        decoded = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        values: tuple[Any, ...] = msgspec.json.decode(decoded, type=tuple[types])  # type: ignore[valid-type]
    except ValueError as error:  # also what msgspec and base64 raise
        raise _bad_cursor() from error
    if encode_cursor(*values) != cursor or not all(map(_is_storable, values)):
        raise _bad_cursor()
    return values


def _bad_cursor() -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "The cursor is not one that this list gave out.", code="bad_cursor")


def _is_storable(value: object) -> bool:
    """Whether every database can be asked about it."""
    if isinstance(value, str):
        return "\0" not in value
    return not isinstance(value, int) or -_LARGEST <= value <= _LARGEST
