"""Many things at once, and nothing that goes on after whoever wanted it has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar, overload

Item = TypeVar("Item")
Answer = TypeVar("Answer")
One = TypeVar("One")
Two = TypeVar("Two")
Three = TypeVar("Three")
Four = TypeVar("Four")

ASKED_BETWEEN = 1000
"""After so many questions the one who asks may say that it still is there."""


async def several(items: Sequence[Item], do: Callable[[Item], Awaitable[Answer]], *, at_once: int) -> list[Answer]:
    """What came of each item, in their order; for what may be left off at any moment.

    Errors: the first of do. The others are cancelled, and have ended before it is raised (`asyncio.gather` alone lets
            them run on).
    """
    turns = asyncio.Semaphore(at_once)

    async def one(item: Item) -> Answer:
        async with turns:
            return await do(item)

    tasks = [asyncio.create_task(one(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def all_to_the_end(deeds: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """What came of each, in their order; for what is not to be left off half-way.

    Errors: the first in order, once every one of them has ended.
    """
    ended = await asyncio.gather(*deeds, return_exceptions=True)
    answers = []
    for answer in ended:
        if isinstance(answer, BaseException):
            raise answer
        answers.append(answer)
    return answers


@overload
async def together(_1: Coroutine[Any, Any, One], _2: Coroutine[Any, Any, Two], /) -> tuple[One, Two]: ...


@overload
async def together(
    _1: Coroutine[Any, Any, One],
    _2: Coroutine[Any, Any, Two],
    _3: Coroutine[Any, Any, Three],
    _4: Coroutine[Any, Any, Four],
    /,
) -> tuple[One, Two, Three, Four]: ...


async def together(*deeds: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """What came of each of a few different things; errors as `all_to_the_end` has them."""
    return tuple(await all_to_the_end(deeds))


async def nothing_between() -> None:
    """Nothing: whoever asks has nobody to tell."""


async def ask_several(
    items: Sequence[Item],
    ask: Callable[[Item], Awaitable[Answer]],
    *,
    at_once: int,
    between: Callable[[], Awaitable[None]] = nothing_between,
) -> list[Answer]:
    """The answers in order; between is awaited now and then, also at the end.

    Errors: the first of ask or between; what was on its way then is cancelled.
    """
    answers: list[Answer] = []
    for start in range(0, len(items), ASKED_BETWEEN):
        answers += await several(items[start : start + ASKED_BETWEEN], ask, at_once=at_once)
        await between()
    return answers
