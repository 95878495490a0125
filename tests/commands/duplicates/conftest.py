from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TextIO

import pytest


@pytest.fixture
def person() -> Iterator[tuple[int, TextIO]]:
    """A terminal: what to type into, and what the command reads from."""
    typing, reading = os.openpty()
    with os.fdopen(reading) as answers:
        yield typing, answers
    os.close(typing)
