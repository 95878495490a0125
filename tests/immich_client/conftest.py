from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sidecar.immich_client._generated.facts import PINS
from tests.immich_client.scene import Scene, open_scene


@pytest.fixture(params=PINS)
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """The same scene in an Immich of every generation."""
    async with open_scene(request.param) as opened:
        yield opened
