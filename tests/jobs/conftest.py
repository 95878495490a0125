"""One real Valkey for all queue tests of a run; each test starts with it empty."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sidecar.jobs.queue import Queue, open_queue
from sidecar.jobs.valkey import embedded_valkey


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="valkey-")))
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        server = embedded_valkey(folder)
        url = loop.run_until_complete(server.__aenter__())
        stack.callback(lambda: loop.run_until_complete(server.__aexit__(None, None, None)))
        yield url


@pytest.fixture
async def queue(valkey_url: str) -> AsyncIterator[Queue]:
    async with open_queue(valkey_url) as opened:
        await opened.pool.flushall()
        yield opened
