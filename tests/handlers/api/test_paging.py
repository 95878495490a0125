from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.handlers.api.paging import decode_cursor, encode_cursor
from sidecar.handlers.middleware import Refused

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)


@given(
    text=_TEXTS,
    number=_WHOLE,
    part=st.floats(allow_nan=False, allow_infinity=False),
    perhaps=st.none() | _WHOLE,
    is_so=st.booleans(),
)
def test_what_a_cursor_was_made_of_comes_back(
    text: str, number: int, part: float, perhaps: int | None, *, is_so: bool
) -> None:
    cursor = encode_cursor(text, number, part, perhaps, is_so)
    assert decode_cursor(cursor, str, int, float, int | None, bool) == (text, number, part, perhaps, is_so)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def raw(text: bytes) -> str:
    return urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("cursor", "types"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("a", (int,), id="no base64"),
        pytest.param("é", (int,), id="no ASCII"),
        pytest.param("\ud800", (int,), id="half a character"),
        pytest.param("*()", (int,), id="other characters"),
        pytest.param(encode_cursor(1) + "=", (int,), id="padded"),
        pytest.param(encode_cursor(1) + "\n", (int,), id="with a line's end"),
        pytest.param(raw(b"[ 1]"), (int,), id="spelled otherwise"),
        pytest.param(raw(b"[1.0]"), (int,), id="a whole number as a fraction"),
        pytest.param(raw(b"{}"), (int,), id="another shape"),
        pytest.param(raw(b'["\xff"]'), (str,), id="no UTF-8"),
        pytest.param(raw(b'["\\ud800"]'), (str,), id="half a character inside"),
        pytest.param(raw(b"[1e999]"), (float,), id="beyond all numbers"),
        pytest.param(encode_cursor(1), (int, int), id="too few values"),
        pytest.param(encode_cursor(1, 2, 3), (int, int), id="too many values"),
        pytest.param(encode_cursor("1"), (int,), id="another type"),
        pytest.param(encode_cursor(None), (int,), id="nothing where something is"),
        pytest.param(encode_cursor("raws"), (Literal["edits"],), id="another list"),
        pytest.param(encode_cursor("a\0b"), (str,), id="a text that no database takes"),
        pytest.param(encode_cursor(2**63), (int,), id="a number that no database takes"),
        pytest.param(encode_cursor(-(2**63)), (int,), id="a number as far below"),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str, types: tuple[Any, ...]) -> None:
    with pytest.raises(Refused) as caught:
        decode_cursor(cursor, *types)
    assert (caught.value.status, caught.value.code) == (400, "bad_cursor")
