"""Many questions to Immich, some of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

ASKED_BETWEEN = 1000
"""After so many questions the one who asks may say that it still is there."""


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
    limit = asyncio.Semaphore(at_once)

    async def one(item: Item) -> Answer:
        async with limit:
            return await ask(item)

    answers: list[Answer] = []
    for start in range(0, len(items), ASKED_BETWEEN):
        answers += await asyncio.gather(*map(one, items[start : start + ASKED_BETWEEN]))
        await between()
    return answers
