from __future__ import annotations

import asyncio

import pytest

from sidecar.jobs.duplicates.reading import each


async def test_answers_come_in_order_and_no_more_run_at_once_than_may() -> None:
    running = most = 0

    async def double(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001 * (5 - item))
        running -= 1
        return item * 2

    assert await each([1, 2, 3, 4], double, at_once=2) == [2, 4, 6, 8]
    assert most == 2
    assert await each([], double, at_once=2) == []


async def test_the_first_error_ends_the_others() -> None:
    ended: list[int] = []

    async def fail(item: int) -> None:
        if item == 1:
            raise LookupError
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(item)

    with pytest.raises(LookupError):
        await each([2, 1, 3], fail, at_once=2)
    assert set(ended) <= {2, 3}  # the third may have had its turn
    assert 2 in ended
