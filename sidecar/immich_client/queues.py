"""Immich's own queues: which of them have work."""

from __future__ import annotations

from sidecar.errors import ImmichRefused
from sidecar.immich_client._generated import calls, models
from sidecar.immich_client.conversation import Conversation


class Queues(Conversation):
    """The server's background jobs, for administrators."""

    async def busy_queues(self) -> frozenset[str] | None:
        """Names of the queues in which anything runs, waits, is put off or is paused; None if we may not look.

        Shape:  only an administrator whose key holds queue.read may look. A paused queue without jobs is not busy.
        Source: queue.controller.ts and job.repository.ts, Immich 2.5.6 to 3.1.0; recordings queues, queues-not-admin.
        """
        try:
            queues = await self._transport.send(calls.get_queues())
        except ImmichRefused:
            return None
        return frozenset(queue.name for queue in queues if _has_work(queue.statistics))


def _has_work(statistics: models.QueueStatistics) -> bool:
    return any((statistics.active, statistics.waiting, statistics.delayed, statistics.paused))
