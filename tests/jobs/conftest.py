"""An empty queue on a real Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sidecar.jobs.queue import Queue, open_queue


@pytest.fixture
async def queue(valkey_url: str) -> AsyncIterator[Queue]:
    async with open_queue(valkey_url) as opened:
        yield opened
