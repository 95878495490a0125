from __future__ import annotations

import asyncio

import pytest

from sidecar.jobs.several import all_to_the_end, ask_several, several, together


class Counted:
    """What waits until it is let go; how many wait, and what became of each."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.cancelled: list[int] = []
        self.may_end = asyncio.Event()

    async def __call__(self, number: int) -> int:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if number < 0:
                raise ValueError(number)
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.under_way -= 1
        return 10 * number


@pytest.mark.parametrize("many", [pytest.param(several, id="several"), pytest.param(ask_several, id="questions")])
async def test_answers_come_in_order_and_so_many_at_once(many: object) -> None:
    counted = Counted()
    counted.may_end.set()
    assert await many([3, 1, 2], counted, at_once=2) == [30, 10, 20]  # type: ignore[operator]
    assert counted.most <= 2


@pytest.mark.parametrize("many", [pytest.param(several, id="several"), pytest.param(ask_several, id="questions")])
async def test_the_first_error_ends_the_others_before_it_is_told(many: object) -> None:
    counted = Counted()
    with pytest.raises(ValueError, match="-1"):
        await many([1, 2, -1, 3], counted, at_once=4)  # type: ignore[operator]
    assert counted.under_way == 0
    assert counted.cancelled == [1, 2, 3]


async def test_what_is_not_to_be_left_off_ends_before_an_error_is_told() -> None:
    counted = Counted()
    waiting = asyncio.create_task(all_to_the_end(map(counted, [1, -1, 2, -2])))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    assert counted.under_way == 2
    counted.may_end.set()
    with pytest.raises(ValueError, match="-1"):
        await waiting
    assert (counted.under_way, counted.cancelled) == (0, [])


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    counted = Counted()
    waiting = asyncio.create_task(all_to_the_end(map(counted, [1, 2])))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (counted.under_way, counted.cancelled) == (0, [1, 2])


async def test_all_of_them_answer_in_order() -> None:
    counted = Counted()
    counted.may_end.set()
    assert await all_to_the_end(map(counted, [2, 1])) == [20, 10]
    assert await all_to_the_end(map(counted, [])) == []


async def test_different_things_together_leave_nothing_behind() -> None:
    counted = Counted()

    async def name() -> str:
        return "Ann"

    async def fail() -> str:
        raise LookupError

    counted.may_end.set()
    assert await together(counted(1), name()) == (10, "Ann")
    counted.may_end.clear()
    waiting = asyncio.create_task(together(counted(1), name(), fail(), counted(2)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    counted.may_end.set()
    with pytest.raises(LookupError):
        await waiting
    assert counted.under_way == 0
