from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.errors import ContractBroken, ImmichRefused, ImmichUnavailable
from sidecar.events.listening import ask_soon
from sidecar.jobs import refresh as refresh_module
from sidecar.jobs.changes import STACKS_AFTER_NEWS_MS, read_changes
from sidecar.jobs.context import LAST_RETRY_MS
from sidecar.jobs.recording import record
from sidecar.jobs.refresh import (
    BUSY_MS,
    HEARD_AT_ONCE,
    IDLE_FACTOR,
    LONGEST_PAUSE_MS,
    STACKS_EVERY_MS,
    interval_ms,
    refresh,
)
from sidecar.model import AssetId, Stack, Visibility
from sidecar.storage import assets, changes, detections, polls, scans, stacks, work
from sidecar.storage.changes import MAX_ATTEMPTS, Change, Source
from sidecar.storage.polls import Poll
from tests.jobs.household import Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def hear(library: Library, *told: AssetRow | None, **others: object) -> None:
    """Events say that these are to be looked at; None stands for the stacks."""
    now_ms = library.clock()
    changed = [
        replace(
            Change(library.owner_id, Source.WEBSOCKET, AssetId(row.id) if row is not None else None),
            **others,  # type: ignore[arg-type]
        )
        for row in told
    ]
    async with library.context.database.write() as connection:
        await changes.add(connection, changed, now_ms=now_ms)


async def look(library: Library) -> None:
    await refresh(library.context, library.owner_id)


async def not_by_clock(library: Library) -> None:
    """The clock calls for nothing for a long time: only events do."""
    async with library.context.database.write() as connection:
        await polls.change(connection, library.owner_id, due_at_ms=library.clock() + 250_000)


async def clock_of(library: Library) -> Poll:
    async with library.context.database.read() as connection:
        return await polls.get(connection, library.owner_id)


async def waiting(library: Library) -> tuple[int, int]:
    async with library.context.database.read() as connection:
        return await changes.counts(connection, library.owner_id)


async def mirrored(library: Library) -> set[str]:
    async with library.context.database.read() as connection:
        found = await assets.by_ids(
            connection, library.owner_id, [AssetId(each) for each in library.immich.state.assets]
        )
    return {asset.name for asset in found.values()}


async def settle(library: Library) -> None:
    for _ in range(3):
        await library.pair()
        await library.apply()
        library.clock.advance(seconds=2)


def searches(library: Library) -> int:
    return sum(call.path == "/search/metadata" for call in library.immich.calls)


async def test_a_poll_finds_what_was_uploaded_and_it_becomes_a_stack(library: Library) -> None:
    await library.sync()
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await look(library)
    await settle(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_an_event_is_enough_without_the_clock(library: Library) -> None:
    await library.sync()
    await not_by_clock(library)
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await look(library)
    assert await mirrored(library) == set()
    await hear(library, raw, jpeg)
    await look(library)
    assert await mirrored(library) == {"IMG_1.CR3", "IMG_1.JPG"}
    assert await waiting(library) == (0, 0)
    await settle(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_many_events_are_one_look(library: Library) -> None:
    await library.sync()
    await not_by_clock(library)
    rows = [row for number in range(20) for row in library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG")]
    for _ in range(3):
        await hear(library, *rows)
    library.immich.calls.clear()
    await look(library)
    assert searches(library) == 2  # the timeline and the archive
    assert not [call for call in library.immich.calls if call.path.startswith("/assets/")]
    assert await waiting(library) == (0, 0)


async def test_before_the_first_scan_is_complete_events_wait_for_it(library: Library) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await hear(library, row)
    await look(library)
    assert await waiting(library) == (1, 0)
    assert await mirrored(library) == set()
    await library.sync()
    await look(library)
    assert await waiting(library) == (0, 0)


async def test_what_is_gone_for_good_leaves_the_mirror(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.delete_for_good(raw)
    await hear(library, raw)
    await look(library)
    assert await mirrored(library) == {"IMG_1.JPG"}
    async with library.context.database.read() as connection:
        assert (await work.backlog(connection, library.owner_id)).pending == 1
        assert set(await assets.by_ids(connection, library.owner_id, [AssetId(raw.id), AssetId(jpeg.id)])) == {jpeg.id}


async def test_what_no_search_shows_is_asked_for_by_its_id(library: Library) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await library.sync()
    library.immich.set_visibility(row, Visibility.HIDDEN)
    await hear(library, row)
    await look(library)
    async with library.context.database.read() as connection:
        (known,) = (await assets.by_ids(connection, library.owner_id, [AssetId(row.id)])).values()
    assert known.visibility is Visibility.HIDDEN


async def test_an_event_that_was_looked_at_long_ago_costs_nothing_more(library: Library) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await library.sync()
    library.clock.advance(seconds=3600)
    await not_by_clock(library)
    library.immich.calls.clear()
    await show_nothing(library)
    await hear(library, row, updated_at_ms=row.updated_us // 1000)
    await look(library)
    assert not [call for call in library.immich.calls if call.path == f"/assets/{row.id}"]
    await hear(library, row, updated_at_ms=row.updated_us // 1000 + 1)
    await look(library)
    assert [call for call in library.immich.calls if call.path == f"/assets/{row.id}"]
    assert await waiting(library) == (0, 0)


async def test_the_burst_that_an_event_told_is_remembered(library: Library) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await library.sync()
    await library.pair()
    await hear(library, row, auto_stack_id="burst")
    await look(library)
    async with library.context.database.read() as connection:
        (known,) = (await assets.by_ids(connection, library.owner_id, [AssetId(row.id)])).values()
        assert known.auto_stack_id == "burst"
        assert (await work.backlog(connection, library.owner_id)).pending == 1


async def test_what_cannot_be_read_is_tried_some_times_and_stops_nothing_else(library: Library) -> None:
    bad, good = library.shoot("IMG_1.JPG", "IMG_2.JPG")
    await library.sync()
    await show_nothing(library)
    library.immich.delete_for_good(good)
    library.immich.fail("GET", f"/assets/{bad.id}", status=200, body='{"id": 1}', times=100)
    for _ in range(MAX_ATTEMPTS):
        await hear_only_once(library, bad, good)
        await look(library)
        library.clock.advance(seconds=600)
    assert await waiting(library) == (0, 1)
    assert await mirrored(library) == {"IMG_1.JPG"}


async def test_one_about_whom_immich_gives_no_answer_stops_no_other(library: Library) -> None:
    bad, gone = library.shoot("IMG_1.JPG", "IMG_2.JPG")
    await library.sync()
    await show_nothing(library)
    library.immich.delete_for_good(gone)
    library.immich.fail("GET", f"/assets/{bad.id}", status=500, times=100)
    await hear(library, bad, gone, None)
    for _ in range(MAX_ATTEMPTS):
        await look(library)
        library.clock.advance(seconds=600)
    assert await waiting(library) == (0, 1)
    assert await mirrored(library) == {"IMG_1.JPG"}
    assert (await clock_of(library)).stacks_read_at_ms > 0
    library.immich.set_visibility(bad, Visibility.HIDDEN)
    assert (await library.sync()).error is not None  # a scan waits until it knows about everyone


async def show_nothing(library: Library) -> None:
    """No search for changes shows anything."""
    async with library.context.database.write() as connection:
        mark = await scans.watermark(connection, library.owner_id)
        assert mark is not None
        await scans.set_watermark(connection, library.owner_id, replace(mark, watermark_ms=library.clock() + 10**9))


async def hear_only_once(library: Library, *rows: AssetRow) -> None:
    if await waiting(library) == (0, 0):
        await hear(library, *rows)


async def test_while_immich_does_not_answer_nothing_is_lost_and_it_is_asked_less_and_less_often(
    library: Library,
) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await library.sync()
    await hear(library, row)
    library.immich.fail("POST", "/search/metadata", status=503, times=3)
    pauses = []
    for _ in range(3):
        with pytest.raises(ImmichUnavailable):
            await look(library)
        clock = await clock_of(library)
        pauses.append(clock.not_before_ms - library.clock.now_ms)
        assert clock.error is not None
        calls = len(library.immich.calls)
        await look(library)
        assert len(library.immich.calls) == calls
        library.clock.now_ms = clock.not_before_ms
    assert pauses == sorted(set(pauses))
    await look(library)
    assert await waiting(library) == (0, 0)
    clock = await clock_of(library)
    assert (clock.failures, clock.not_before_ms, clock.error) == (0, 0, None)


@pytest.mark.parametrize(
    ("status", "longest_ms"),
    [
        pytest.param(503, LONGEST_PAUSE_MS, id="Immich comes back by itself"),
        pytest.param(401, LAST_RETRY_MS, id="a key has to be mended by somebody"),
    ],
)
async def test_a_pause_has_an_end(library: Library, status: int, longest_ms: int) -> None:
    await library.sync()
    async with library.context.database.write() as connection:
        await polls.change(connection, library.owner_id, failures=50)
    library.immich.fail("POST", "/search/metadata", status=status, body='{"message": "no"}')
    with pytest.raises((ImmichUnavailable, ImmichRefused)):
        await look(library)
    clock = await clock_of(library)
    assert 0 <= library.clock.now_ms + longest_ms - clock.not_before_ms < 50
    assert clock.failures == 51


async def test_told_to_stop_it_leaves_the_rest(library: Library) -> None:
    rows = library.shoot(*(f"IMG_{number}.JPG" for number in range(HEARD_AT_ONCE + 1)))
    await library.sync()
    await hear(library, *rows)
    library.context.stopping.set()
    await look(library)
    assert await waiting(library) == (1, 0)
    library.context.stopping.clear()
    await look(library)
    assert await waiting(library) == (0, 0)


async def test_news_ask_for_a_search_for_duplicates_when_they_have_rested(library: Library) -> None:
    library.context = replace(library.context, detects=True)
    await library.sync()
    async with library.context.database.write() as connection:
        first = await detections.newest(connection, library.owner_id)
        assert first is not None
        found = await detections.claim(connection, library.owner_id, lease="a", now_ms=library.clock(), lease_ms=1)
        assert found is not None
        await detections.end(connection, found, detections.DetectionState.DONE, lease="a", now_ms=library.clock())
    await look(library)
    library.shoot("IMG_1.JPG")
    library.clock.advance(seconds=120)
    async with library.context.database.read() as connection:
        assert await detections.newest(connection, library.owner_id) == await detections.newest_done(
            connection, library.owner_id
        )
    await look(library)
    async with library.context.database.read() as connection:
        now_ms = library.clock()
        assert await detections.owners_with_due_detections(connection, now_ms=now_ms) == []
        assert await detections.owners_with_due_detections(connection, now_ms=now_ms + 300_000) == [library.owner_id]


class TestStacks:
    async def test_a_stack_that_somebody_makes_is_known_after_the_event(self, library: Library) -> None:
        rows = library.shoot("A.JPG", "B.JPG")
        await library.sync()
        library.immich.stack(library.user, *rows)
        await hear(library, None)
        await look(library)
        assert (await clock_of(library)).stacks_read_at_ms > 0
        assert len(await stacks_of(library)) == 1
        assert await waiting(library) == (0, 0)

    async def test_all_stacks_are_read_seldom(self, library: Library) -> None:
        await library.sync()
        await hear(library, None)
        await look(library)
        library.immich.calls.clear()
        await hear(library, None)
        await look(library)
        assert await waiting(library) == (1, 0)
        assert not asked_for_stacks(library)
        library.clock.advance(seconds=STACKS_EVERY_MS / 1000)
        await look(library)
        assert asked_for_stacks(library) == 1
        assert await waiting(library) == (0, 0)

    async def test_while_we_write_stacks_the_echo_of_it_waits(self, library: Library) -> None:
        library.shoot("IMG_1.CR3", "IMG_1.JPG")
        await library.sync()
        await library.pair()
        library.immich.calls.clear()
        await hear(library, None)
        await look(library)
        assert not asked_for_stacks(library)
        await library.apply()
        library.clock.advance(seconds=60)
        await look(library)
        assert asked_for_stacks(library) == 1

    async def test_a_poll_that_shows_stacked_ones_changed_looks_at_stacks_later(self, library: Library) -> None:
        library.shoot("IMG_1.CR3", "IMG_1.JPG")
        await library.scan()
        await look(library)
        library.clock.advance(seconds=STACKS_AFTER_NEWS_MS / 1000)
        await look(library)
        library.immich.unstack(library.only_stack())
        library.clock.advance(seconds=61)
        await look(library)
        library.clock.advance(seconds=STACKS_AFTER_NEWS_MS / 1000)
        await look(library)
        assert await stacks_of(library) == []
        await settle(library)
        assert library.stacks() == []


async def stacks_of(library: Library) -> list[Stack]:
    async with library.context.database.read() as connection:
        return list((await stacks.everything(connection, library.owner_id)).values())


def asked_for_stacks(library: Library) -> int:
    return sum(call.method == "GET" and call.path == "/stacks" for call in library.immich.calls)


class TestClock:
    @pytest.mark.parametrize(
        ("news_ago_ms", "sources", "factor"),
        [
            pytest.param(BUSY_MS - 1, {Source.WEBHOOK}, 1, id="somebody is busy with their library"),
            pytest.param(BUSY_MS, {Source.WEBHOOK}, IDLE_FACTOR, id="nothing happens and a webhook would tell"),
            pytest.param(BUSY_MS, {Source.WEBSOCKET}, IDLE_FACTOR, id="or a websocket"),
            pytest.param(BUSY_MS, set(), 1, id="nothing happens and nothing else would tell"),
        ],
    )
    async def test_immich_is_asked_less_often_only_where_it_costs_nothing(
        self, library: Library, news_ago_ms: int, sources: set[Source], factor: int
    ) -> None:
        context = replace(library.context, poll_interval_ms=1000, live_sources={library.owner_id: sources})
        poll = Poll(library.owner_id, news_at_ms=10**9)
        assert interval_ms(context, poll, 10**9 + news_ago_ms) == 1000 * factor

    async def test_after_a_poll_the_next_one_is_an_interval_later(self, library: Library) -> None:
        await library.sync()
        await look(library)
        clock = await clock_of(library)
        assert clock.due_at_ms - clock.polled_at_ms == library.context.poll_interval_ms
        library.immich.calls.clear()
        await look(library)
        assert searches(library) == 0
        library.clock.now_ms = clock.due_at_ms
        await look(library)
        assert searches(library) == 2

    async def test_a_poll_asks_for_everything_since_the_last_one_and_for_a_minute_before(
        self, library: Library
    ) -> None:
        await library.sync()
        await look(library)
        (late,) = library.shoot("LATE.JPG")
        async with library.context.database.read() as connection:
            mark = await scans.watermark(connection, library.owner_id)
        assert mark is not None
        # Stamped before the last poll, and visible only afterwards; looks by events do not find it.
        late.updated_us = (mark.watermark_ms - 30_000) * 1000
        for _ in range(3):
            await hear(library, None)
            await look(library)
            assert await read_changes(library.context, library.owner_id) is not None
        assert await mirrored(library) == set()
        library.clock.advance(seconds=61)
        await look(library)
        assert await mirrored(library) == {"LATE.JPG"}

    async def test_whoever_asks_while_a_poll_is_under_way_is_not_put_off(self, library: Library) -> None:
        await library.sync()
        immich = library.context.immich(library.owner_id)
        library.immich.traffic.answer_delay_s = 0.2
        poll = asyncio.create_task(look(library))
        while not [call for call in library.immich.calls if call.path == "/search/metadata"]:
            await asyncio.sleep(0.01)
        await ask_soon(library.context, library.owner_id)
        wanted_ms = (await clock_of(library)).due_at_ms
        await poll
        assert (await clock_of(library)).polled_at_ms > wanted_ms
        assert immich.server_time_ms() is not None
        assert searches(library) == 4

    @pytest.mark.parametrize("field", ["due_at_ms", "not_before_ms"])
    async def test_a_clock_that_was_wrong_stops_nothing_for_long(self, library: Library, field: str) -> None:
        await library.sync()
        async with library.context.database.write() as connection:
            await polls.change(connection, library.owner_id, **{field: library.clock() + 10**9})
        library.shoot("IMG_1.JPG")
        await look(library)
        assert await mirrored(library) == {"IMG_1.JPG"}


async def test_an_answer_that_came_too_late_takes_nothing_back(library: Library) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await library.sync()
    now = await library.context.immich(library.owner_id).asset(AssetId(row.id))
    async with library.context.database.write() as connection:
        for asset, is_scan, is_trashed in (
            (replace(now, updated_at_ms=now.updated_at_ms - 1, is_trashed=True), False, False),
            (replace(now, updated_at_ms=now.updated_at_ms + 1, is_trashed=True), False, True),
            (now, True, False),  # Immich itself was put back from a backup
        ):
            await record(library.context, connection, library.owner_id, [asset], scan_id=1, is_scan=is_scan)
            (known,) = (await assets.by_ids(connection, library.owner_id, [AssetId(row.id)])).values()
            assert known.is_trashed is is_trashed


async def test_what_a_look_showed_before_it_broke_is_followed_up(library: Library) -> None:
    library.context = replace(library.context, detects=True)
    rows = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.immich.set_visibility(rows[0], Visibility.ARCHIVE)
    library.immich.set_visibility(rows[1], Visibility.ARCHIVE)
    library.immich.stack(library.user, *rows)
    await library.sync()
    await look(library)
    library.clock.advance(seconds=STACKS_AFTER_NEWS_MS / 1000)
    await look(library)
    library.immich.unstack(library.only_stack())
    failure = library.immich.fail("POST", "/search/metadata", status=500, times=0)
    real = library.context.immich(library.owner_id).asset_page

    async def breaking(**asked: Any) -> Any:
        page = await real(**asked)
        failure.times = 1
        return page

    library.clock.advance(seconds=61)
    failure.times = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(library.context.immich(library.owner_id)), "asset_page", staticmethod(breaking))
        with pytest.raises(ImmichUnavailable):
            await look(library)
    failure.times = 0
    for _ in range(2):
        library.clock.advance(seconds=STACKS_AFTER_NEWS_MS / 1000)
        await look(library)
    assert await stacks_of(library) == []


async def test_a_defect_pauses_too_and_says_so(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError

    await library.sync()
    monkeypatch.setattr(refresh_module, "read_changes", broken)
    with pytest.raises(ZeroDivisionError):
        await look(library)
    clock = await clock_of(library)
    assert (clock.failures, clock.error) == (1, "ZeroDivisionError in the sidecar; its log says more")
    await look(library)


async def test_an_answer_that_is_no_answer_is_waited_out(library: Library) -> None:
    await library.sync()
    library.immich.fail("POST", "/search/metadata", status=200, body="{}", times=1)
    with pytest.raises(ContractBroken):
        await look(library)
    assert (await clock_of(library)).failures == 1
