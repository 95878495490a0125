from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.accounts.connected import Account
from sidecar.errors import ImmichUnavailable
from sidecar.immich_client.client import open_immich, required_permissions
from sidecar.immich_client.transport import Retries
from sidecar.jobs.notifying import A_DAY_MS, THINK_EVERY_MS, TITLE, bell_of, notify, sentence_of
from sidecar.jobs.queue import JobName, Queue
from sidecar.jobs.schedule import Schedule
from sidecar.jobs.sweep import sweep
from sidecar.model import OwnerId, User
from sidecar.preferences import Matching
from sidecar.storage import detections, preferences
from sidecar.storage.told import Waiting
from tests.jobs.household import Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """Ann, who wants to be told, and an administrator whose key may do everything."""
    async with open_library(tmp_path) as opened:
        root = opened.immich.add_user("Root", is_admin=True)
        key = opened.immich.add_key(root)
        async with open_immich(opened.immich.url, key, retries=Retries(attempts=1, first_pause_s=0)) as immich:
            accounts = {**opened.context.accounts, OwnerId(root.id): Account(await immich.me(), immich)}
            opened.context = replace(opened.context, accounts=accounts)
            await choose(opened, notify=True)
            yield opened


async def choose(library: Library, *, notify: bool) -> None:
    async with library.context.database.write() as connection:
        chosen = {"notify": notify, "ask_first": True}
        await preferences.put(connection, library.owner_id, chosen, now_ms=1)


async def think(library: Library, *, after_ms: int = A_DAY_MS) -> list[str | None]:
    """What is at Ann's bell, after so long and another thought."""
    library.clock.advance(seconds=after_ms / 1000)
    await notify(library.context, library.owner_id)
    return [row.description for row in library.immich.told(library.user)]


async def propose(library: Library, *numbers: int) -> None:
    for number in numbers:
        library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=number * 60)
    await library.scan()


async def test_who_wants_it_is_told_what_waits_in_a_sentence_without_names(library: Library) -> None:
    await propose(library, 1, 2)
    assert await think(library) == ["There is something new for you to review: 2 suggestions."]
    [row] = library.immich.told(library.user)
    assert (row.title, row.level) == (TITLE, "info")


async def test_what_they_were_told_of_is_no_news_and_what_comes_later_is(library: Library) -> None:
    await propose(library, 1)
    assert len(await think(library)) == 1
    assert len(await think(library)) == 1
    await propose(library, 2)
    assert (await think(library))[1:] == ["There is something new for you to review: 1 suggestion."]


async def test_they_are_told_once_a_day_at_most(library: Library) -> None:
    await propose(library, 1)
    assert len(await think(library)) == 1
    await propose(library, 2)
    assert len(await think(library, after_ms=2 * THINK_EVERY_MS)) == 1
    assert len(await think(library, after_ms=A_DAY_MS)) == 2


async def test_between_two_thoughts_nothing_is_looked_at(library: Library) -> None:
    assert await think(library) == []
    await propose(library, 1)
    assert await think(library, after_ms=0) == []
    assert len(await think(library, after_ms=THINK_EVERY_MS)) == 1


@pytest.mark.parametrize(
    ("server", "user", "is_told"),
    [
        pytest.param(None, None, False, id="nobody chose"),
        pytest.param(True, None, True, id="the server's file says so"),
        pytest.param(True, False, False, id="but they do not want it"),
    ],
)
async def test_only_who_wants_it_is_told(
    library: Library, *, server: bool | None, user: bool | None, is_told: bool
) -> None:
    await propose(library, 1)
    library.context = replace(library.context, matching=Matching(notify=server))
    async with library.context.database.write() as connection:
        await preferences.put(connection, library.owner_id, {} if user is None else {"notify": user}, now_ms=2)
    assert bool(await think(library)) is is_told


async def test_while_more_is_looked_for_nothing_is_told(library: Library) -> None:
    await propose(library, 1)
    await library.request()
    assert await think(library) == []
    await library.sync()
    async with library.context.database.write() as connection:
        await detections.request(connection, library.owner_id, now_ms=library.clock())
    assert await think(library) == []


async def test_where_nobody_may_tell_them_it_is_tried_again(library: Library) -> None:
    await propose(library, 1)
    everybody = library.context.accounts
    library.context = replace(library.context, accounts={library.owner_id: everybody[library.owner_id]})
    assert await think(library) == []
    library.context = replace(library.context, accounts=everybody)
    assert len(await think(library, after_ms=THINK_EVERY_MS)) == 1


async def test_what_may_have_been_sent_is_not_sent_again_the_same_day_but_is_not_forgotten(library: Library) -> None:
    await propose(library, 1)
    library.immich.fail("POST", "/admin/notifications", status=503)
    with pytest.raises(ImmichUnavailable):
        await think(library)
    assert await think(library, after_ms=THINK_EVERY_MS) == []
    assert len(await think(library)) == 1


async def test_a_key_that_is_refused_keeps_no_other_from_telling(library: Library) -> None:
    eve = library.immich.add_user("Eve", is_admin=True)
    key = library.immich.add_key(eve)
    library.immich.revoke_key(key)
    async with open_immich(library.immich.url, key) as refused:
        eves = Account(User(OwnerId(eve.id), "Eve", is_admin=True), refused)
        context = replace(library.context, accounts={OwnerId(eve.id): eves, **library.context.accounts})
        bell = await bell_of(context)
    assert bell is not None
    assert (await bell.me()).name == "Root"


async def test_a_key_that_may_not_do_everything_tells_nobody(library: Library) -> None:
    root = library.immich.add_user("Groot", is_admin=True)
    async with open_immich(library.immich.url, library.immich.add_key(root, required_permissions())) as immich:
        only = {OwnerId(root.id): Account(await immich.me(), immich)}
        assert await bell_of(replace(library.context, accounts=only)) is None


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        pytest.param(Waiting(1, 0, ()), "1 suggestion", id="one suggestion"),
        pytest.param(Waiting(0, 1, ()), "1 group of duplicates", id="one group"),
        pytest.param(Waiting(1200, 2, ()), "1,200 suggestions and 2 groups of duplicates", id="many of both"),
    ],
)
def test_the_sentence_counts(waiting: Waiting, sentence: str) -> None:
    assert sentence_of(waiting) == f"There is something new for you to review: {sentence}."


async def test_the_sweep_thinks_of_everybody_when_it_is_time(library: Library, queue: Queue) -> None:
    async def woken() -> set[str]:
        jobs = await queue.pool.queued_jobs()
        return {job.args[0] for job in jobs if job.function == JobName.NOTIFY.value}

    context = replace(library.context, queue=queue)
    await notify(context, library.owner_id)
    await sweep(context, schedule=Schedule())
    assert await woken() == set(context.accounts) - {library.owner_id}
    library.clock.advance(seconds=2 * THINK_EVERY_MS / 1000)
    await sweep(context, schedule=Schedule())
    assert await woken() == set(context.accounts)
