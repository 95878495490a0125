"""The queue: jobs are woken by name and owner. It carries no work; losing it costs a few seconds until the sweep."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import NamedTuple

from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from sidecar.errors import QueueUnavailable, SettingsError
from sidecar.model import OwnerId

QUEUE_NAME = "sidecar:queue"


class JobName(StrEnum):
    """The jobs that can be woken, each for one owner."""

    SYNC = "sync"
    PAIR = "pair"
    APPLY = "apply"
    REMEMBER = "remember"
    DETECT = "detect"
    RECORD = "record"
    RESOLVE = "resolve"
    REFRESH = "refresh"
    REDO = "redo"
    NOTIFY = "notify"


def encode(value: dict[str, object]) -> bytes:
    """A job as JSON; arq's own default is pickle, which runs whatever a stranger on the queue wrote."""
    return json.dumps(value, default=str).encode()


def decode(data: bytes) -> dict[str, object]:
    """What `encode` wrote."""
    loaded: dict[str, object] = json.loads(data)
    return loaded


class Depth(NamedTuple):
    """How many jobs are queued, and for how long the oldest of them that is due has been; 0 where none is."""

    jobs: int
    oldest_ms: int


class Queue:
    """Wakes jobs.

    Shape:  an id that is queued or running is refused by arq, and a killed worker's id stays refused until the longest
            timeout has passed. So each wake falls back to a second id, and the sweep uses ids of its own (`salt`).
    Errors: QueueUnavailable when the server does not answer; the work itself is safe in the database.
    """

    def __init__(self, pool: ArqRedis) -> None:
        self.pool = pool

    async def wake(self, job: JobName, owner_id: OwnerId, *, salt: str = "", delay_s: float = 0) -> None:
        """The job runs for this owner soon, unless it is queued already."""
        try:
            for job_id in (f"{job}:{owner_id}{salt}", f"{job}:{owner_id}{salt}:next"):
                if await self.pool.enqueue_job(job.value, owner_id, _job_id=job_id, _defer_by=delay_s or None):
                    return
        except (RedisError, OSError) as error:
            raise QueueUnavailable("the queue does not answer") from error

    async def depth(self, *, now_ms: int) -> Depth:
        """What waits to be run.

        Source: arq keeps its queue as a sorted set whose scores are the times at which jobs are due (arq 0.28).
        """
        try:
            jobs = await self.pool.zcard(QUEUE_NAME)
            first = await self.pool.zrange(QUEUE_NAME, 0, 0, withscores=True)
        except (RedisError, OSError) as error:
            raise QueueUnavailable("the queue does not answer") from error
        return Depth(jobs, max(0, now_ms - int(first[0][1])) if first else 0)


@asynccontextmanager
async def open_queue(url: str) -> AsyncIterator[Queue]:
    """A queue on this server, closed when the block ends.

    Errors: SettingsError if the address is unusable, QueueUnavailable if nobody answers; neither repeats the address.
    """
    try:
        settings = RedisSettings.from_dsn(url)
    except (ValueError, AssertionError, RuntimeError) as error:
        raise SettingsError("SIDECAR_REDIS_URL must look like redis://host:6379/1") from error
    settings.conn_retries = 2
    try:
        pool = await create_pool(
            settings, job_serializer=encode, job_deserializer=decode, default_queue_name=QUEUE_NAME
        )
    except (RedisError, OSError) as error:
        raise QueueUnavailable("the queue's server does not answer") from error
    try:
        yield Queue(pool)
    finally:
        await pool.aclose()
