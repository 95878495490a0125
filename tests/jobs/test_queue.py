from __future__ import annotations

import time
from pathlib import Path

import pytest
from redis.asyncio import ConnectionPool

from sidecar.errors import QueueUnavailable, SettingsError
from sidecar.jobs.queue import QUEUE_NAME, Depth, JobName, Queue, decode, encode, open_queue
from tests.builders import OWNER


async def queued(queue: Queue) -> list[str]:
    return sorted(job_id.decode() for job_id in await queue.pool.zrange(QUEUE_NAME, 0, -1))


async def test_waking_a_job_often_queues_it_at_most_twice(queue: Queue) -> None:
    for _ in range(5):
        await queue.wake(JobName.PAIR, OWNER)
    assert await queued(queue) == [f"pair:{OWNER}", f"pair:{OWNER}:next"]


async def test_a_salted_wake_gets_past_an_id_that_a_killed_worker_blocks(queue: Queue) -> None:
    await queue.wake(JobName.PAIR, OWNER)
    await queue.wake(JobName.PAIR, OWNER, salt=":7")
    assert f"pair:{OWNER}:7" in await queued(queue)


async def test_a_delayed_wake_is_not_due_yet(queue: Queue) -> None:
    await queue.wake(JobName.SYNC, OWNER, delay_s=60)
    await queue.wake(JobName.APPLY, OWNER)
    scores = dict(await queue.pool.zrange(QUEUE_NAME, 0, -1, withscores=True))
    assert scores[f"sync:{OWNER}".encode()] - scores[f"apply:{OWNER}".encode()] > 50_000


async def test_how_much_is_queued_and_since_when(queue: Queue) -> None:
    now_ms = int(time.time() * 1000)
    assert await queue.depth(now_ms=now_ms) == Depth(0, 0)
    await queue.wake(JobName.SYNC, OWNER, delay_s=60)
    assert await queue.depth(now_ms=now_ms) == Depth(1, 0)
    await queue.wake(JobName.PAIR, OWNER)
    jobs, oldest_ms = await queue.depth(now_ms=now_ms + 100_000)
    assert jobs == 2
    assert 40_000 < oldest_ms <= 100_000


async def test_a_job_is_json_and_comes_back(queue: Queue) -> None:
    await queue.wake(JobName.PAIR, OWNER)
    raw = await queue.pool.get(f"arq:job:pair:{OWNER}")
    assert decode(raw)["a"] == [OWNER]
    assert decode(encode({"r": ValueError("no")})) == {"r": "no"}


async def test_a_queue_that_has_gone_is_unavailable_for_now(valkey_url: str) -> None:
    async with open_queue(valkey_url) as queue:
        await queue.pool.connection_pool.disconnect()
        queue.pool.connection_pool = ConnectionPool.from_url("unix:///nowhere/valkey.sock")
        with pytest.raises(QueueUnavailable, match="does not answer"):
            await queue.wake(JobName.PAIR, OWNER)
        with pytest.raises(QueueUnavailable, match="does not answer"):
            await queue.depth(now_ms=0)


@pytest.mark.timeout(30)
async def test_a_server_that_is_not_there_is_unavailable_for_now(tmp_path: Path) -> None:
    with pytest.raises(QueueUnavailable):
        async with open_queue(f"unix://{tmp_path}/nothing.sock"):
            raise AssertionError("must not open")


async def test_an_unusable_address_is_a_setting_to_change() -> None:
    with pytest.raises(SettingsError, match="SIDECAR_REDIS_URL") as caught:
        async with open_queue("http://:s3cret@host"):
            raise AssertionError("must not open")
    assert "s3cret" not in str(caught.value)
