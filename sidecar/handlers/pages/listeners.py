"""Pages that stay connected to be told of what changes: how many each user has, and their end when the server stops."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import web

from sidecar.handlers.middleware import Refused
from sidecar.model import OwnerId

MOST_OF_ONE_USER = 4
"""So many pages of one user are kept up to date at once; further ones show what was when they were opened."""


class Listeners:
    """The open ones of one web process."""

    def __init__(self) -> None:
        self._of_user: Counter[OwnerId] = Counter()
        self._stopping = asyncio.Event()

    @contextmanager
    def one_of(self, owner_id: OwnerId) -> Iterator[None]:
        """One more, until the block ends.

        Errors: Refused (429) if the user has enough of them.
        """
        if self._of_user[owner_id] >= MOST_OF_ONE_USER:
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "Enough pages of yours are kept up to date.", code="too_many")
        self._of_user[owner_id] += 1
        try:
            yield
        finally:
            self._of_user -= Counter([owner_id])  # whoever has none left is not kept

    async def rest(self, rest_s: float) -> bool:
        """Whether to go on, after so long; at once False when the server stops."""
        try:
            async with asyncio.timeout(rest_s):
                await self._stopping.wait()
        except TimeoutError:
            return True
        return False

    async def stop(self, _app: web.Application) -> None:
        """All of them end; a server that waited for them would take as long as it may to stop."""
        self._stopping.set()


LISTENERS = web.AppKey("listeners", Listeners)
