from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.life import Life, open_life


@pytest.fixture
def version() -> str:
    """Which Immich `life` is with; parametrize to change it."""
    return "3.1.0"


@pytest.fixture
async def life(tmp_path: Path, version: str) -> AsyncIterator[Life]:
    async with open_life(tmp_path, version=version) as opened:
        yield opened
