"""What was looked up of assets to be shown, kept for a minute in the queue's Redis; it may be emptied at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic
from typing import Any, cast

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from sidecar.model import AssetId, OwnerId

log = logging.getLogger(__name__)

KEPT_FOR_S = 60
ANSWERS_WITHIN_S = 0.1
LEFT_ALONE_FOR_S = 5.0
"""After it did not answer: for so long nobody waits for it again."""

# Only if nothing changed since the epoch was read, which was before the database was.
_KEEP = """
if redis.call('HGET', KEYS[1], '') ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the cache has: by id what is known, and the epoch under which more may be added; None if nothing may."""

    epoch: bytes | None = None
    found: dict[AssetId, bytes] = field(default_factory=dict)


class ShownCache:
    """Per owner one hash, which begins with an epoch, ends with the first change, and is a minute old at most.

    Shape:  a Redis that is away, slow or full is none: nothing is found and nothing kept, and nobody hears of it.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._left_alone_until_s = 0.0

    async def read(self, owner_id: OwnerId, ids: Sequence[AssetId]) -> Kept:
        """What is kept about these assets. Whatever is looked up afterwards may be kept under its epoch."""
        if monotonic() < self._left_alone_until_s:
            return Kept()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                asked = self._redis.hmget(_key(owner_id), ["", *ids])
                epoch, *values = await cast("Awaitable[list[bytes | None]]", asked)
                if epoch is None:
                    return Kept(await self._begin(owner_id))
        except (RedisError, OSError, TimeoutError):
            self._leave_alone()
            return Kept()
        return Kept(epoch, {each: value for each, value in zip(ids, values, strict=True) if value is not None})

    async def keep(self, owner_id: OwnerId, epoch: bytes, values: Mapping[AssetId, bytes]) -> None:
        """Nothing; the values are found from now on, unless something changed since the epoch was read."""
        arguments: list[Any] = [epoch]
        for asset_id, value in values.items():
            arguments += (asset_id, value)
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await cast("Awaitable[int]", self._redis.eval(_KEEP, 1, _key(owner_id), *arguments))
        except (RedisError, OSError, TimeoutError):
            self._leave_alone()

    async def changed(self, owner_ids: Iterable[OwnerId]) -> None:
        """Nothing is found of these owners any more. Where Redis is away, it forgets by itself within KEPT_FOR_S."""
        keys = [_key(owner_id) for owner_id in owner_ids]
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await self._redis.delete(*keys)
        except (RedisError, OSError, TimeoutError):
            log.debug("what was shown is not forgotten: the queue's server does not answer")

    async def _begin(self, owner_id: OwnerId) -> bytes | None:
        epoch = token_hex(8)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hsetnx(_key(owner_id), "", epoch)
            pipeline.expire(_key(owner_id), KEPT_FOR_S)
            is_ours, _ = await pipeline.execute()
        return epoch.encode() if is_ours else None

    def _leave_alone(self) -> None:
        self._left_alone_until_s = monotonic() + LEFT_ALONE_FOR_S


def _key(owner_id: OwnerId) -> str:
    return f"sidecar:shown:{owner_id}"
