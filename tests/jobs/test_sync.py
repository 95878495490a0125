from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sidecar.demo.immich import Made, synthetic_library
from sidecar.jobs import sync as sync_module
from sidecar.jobs.all_stacks import read_all_stacks
from sidecar.jobs.changes import read_changes
from sidecar.jobs.context import SCAN_LEASE_MS, JobContext
from sidecar.jobs.queue import JobName
from sidecar.jobs.rules import renew_if_changed
from sidecar.jobs.sync import sync
from sidecar.model import AssetId, OwnerId, Stack, Visibility
from sidecar.preferences import Matching
from sidecar.storage import assets, detections, originals, partner_copies, scans, stacks, work
from sidecar.storage.scans import ScanState
from tests.jobs.household import NOON, Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def names(library: Library) -> list[str]:
    async with library.context.database.read() as connection:
        return sorted((await assets.names_after(connection, library.owner_id, None, limit=9_999)).values())


async def known_stacks(library: Library) -> list[Stack]:
    async with library.context.database.read() as connection:
        return list((await stacks.everything(connection, library.owner_id)).values())


async def dirty(library: Library) -> list[str]:
    async with library.context.database.write() as connection:
        claimed = await work.claim(
            connection, library.owner_id, lease="test", now_ms=library.clock(), lease_ms=1, limit=10_000
        )
        await work.finish(connection, claimed)
    return sorted(claimed.stems)


async def test_nothing_happens_without_a_scan_to_do(library: Library) -> None:
    await sync(library.context, library.owner_id)
    assert not [call for call in library.immich.calls if "search" in call.path]


async def test_an_empty_library_is_a_complete_scan(library: Library) -> None:
    scan = await library.sync()
    assert (scan.state, scan.expected, scan.found, scan.stacks) == (ScanState.DONE, 0, 0, 0)


async def test_all_pages_of_timeline_and_archive_reach_the_mirror(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_module, "PAGE_SIZE", 7)
    library.immich.add_assets(library.user, synthetic_library(50))
    library.shoot("OLD.JPG", visibility=Visibility.ARCHIVE)
    library.shoot("MOTION.MOV", visibility=Visibility.HIDDEN)
    library.shoot("SAFE.JPG", visibility=Visibility.LOCKED)
    scan = await library.sync()
    assert (scan.state, scan.expected, scan.found, scan.missing) == (ScanState.DONE, 51, 51, 0)
    found = await names(library)
    assert len(found) == 51
    assert "OLD.JPG" in found
    assert "MOTION.MOV" not in found
    searches = [call for call in library.immich.calls if call.path.endswith("/search/metadata")]
    assert len(searches) == -(-50 // 7) + 1


async def test_a_partners_assets_are_never_mirrored(library: Library) -> None:
    partner = library.immich.add_user("Partner")
    library.immich.share_timeline(partner, library.user)
    library.immich.add_asset(partner, "THEIRS.JPG", taken_at=NOON)
    library.shoot("MINE.JPG")
    scan = await library.sync()
    assert await names(library) == ["MINE.JPG"]
    assert (scan.found, scan.missing) == (1, 0)


@pytest.mark.parametrize("seed", range(5))
async def test_rows_that_tie_are_all_found_although_pages_repeat_and_skip_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(sync_module, "PAGE_SIZE", 10)
    async with open_library(tmp_path, version="2.7.5", seed=seed) as library:
        for number in range(60):
            library.shoot(f"SAME_{number:03}.JPG", at_s=number // 20)
        await library.sync()
        scan = await library.sync()
        # What a double reading cannot show is at least counted, and never taken for deleted.
        assert scan.found + scan.missing == 60
        assert scan.gone == 0
        assert len(await names(library)) >= scan.found


async def test_assets_without_metadata_are_counted_and_cost_a_second_reading_only_once(library: Library) -> None:
    library.shoot("READ.JPG")
    library.immich.state.write(library.shoot("UNREAD.JPG")[0], exif=None)
    calls = library.immich.calls
    for readings in (2, 1):
        calls.clear()
        scan = await library.sync()
        assert (scan.found, scan.missing) == (1, 1)
        pages = [call for call in calls if call.path.endswith("/search/metadata")]
        assert len(pages) == 2 * readings


async def test_an_asset_out_of_sight_is_gone_only_if_immich_says_so(library: Library) -> None:
    kept, hidden, trashed, lost = library.shoot("KEPT.JPG", "HIDDEN.JPG", "TRASHED.JPG", "LOST.JPG")
    await library.sync()
    await dirty(library)
    library.immich.set_visibility(hidden, Visibility.HIDDEN)
    library.immich.trash(trashed)
    library.immich.delete_for_good(lost)
    await library.immich.settle()
    scan = await library.sync()
    assert scan.gone == 1
    assert await names(library) == ["HIDDEN.JPG", "KEPT.JPG", "TRASHED.JPG"]
    ids = [AssetId(row.id) for row in (kept, hidden, trashed)]
    async with library.context.database.read() as connection:
        known = await assets.by_ids(connection, library.owner_id, ids)
    assert {asset.name: (asset.visibility, asset.is_trashed) for asset in known.values()} == {
        "KEPT.JPG": (Visibility.TIMELINE, False),
        "HIDDEN.JPG": (Visibility.HIDDEN, False),
        "TRASHED.JPG": (Visibility.TIMELINE, True),
    }
    assert await dirty(library) == ["hidden", "lost", "trashed"]


async def test_a_second_scan_of_the_same_library_marks_nothing(library: Library) -> None:
    rows = library.shoot("IMG_1.JPG", "IMG_1.CR3")
    library.immich.stack(library.user, *rows)
    await library.sync()
    assert await dirty(library) == ["img_1"]
    await library.sync()
    assert await dirty(library) == []


async def test_a_stack_changed_by_the_user_marks_its_stems(library: Library) -> None:
    stack = library.immich.stack(library.user, *library.shoot("IMG_1.JPG", "IMG_1.CR3"))
    await library.sync()
    await dirty(library)
    assert len(await known_stacks(library)) == 1
    library.immich.unstack(stack)
    await library.sync()
    assert await known_stacks(library) == []
    assert await dirty(library) == ["img_1"]


async def test_other_rules_make_everything_dirty_and_stems_anew(library: Library) -> None:
    library.shoot("IMG_1.JPG", "IMG_2.JPG")
    await library.sync()
    await dirty(library)
    await library.sync()
    assert await dirty(library) == []
    await renew_if_changed(library.context, library.owner_id)
    assert await dirty(library) == []
    library.context = replace(library.context, matching=Matching(timestamp_tolerance_seconds=1))
    async with library.context.database.write() as connection:
        await connection.exec_driver_sql("UPDATE assets SET stem = 'made by older rules'")
    library.context.stopping.set()
    await renew_if_changed(library.context, library.owner_id)
    assert await dirty(library) == []  # stopped before the end: it begins anew the next time
    library.context.stopping.clear()
    await renew_if_changed(library.context, library.owner_id)
    assert {"img_1", "img_2"} <= set(await dirty(library))
    await renew_if_changed(library.context, library.owner_id)
    assert await dirty(library) == []


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param({"status": 500, "times": 2}, id="the server gives up"),
        pytest.param({"status": 200, "body": "[{}]"}, id="the answer is cut short"),
    ],
)
async def test_where_the_list_of_all_stacks_fails_they_are_asked_for_one_by_one(
    library: Library, failure: dict[str, Any]
) -> None:
    library.immich.stack(library.user, *library.shoot("IMG_1.JPG", "IMG_1.CR3"))
    library.immich.stack(library.user, *library.shoot("IMG_2.JPG", "IMG_2.CR3"))
    library.immich.fail("GET", "/stacks", **failure)
    scan = await library.sync()
    assert (scan.state, scan.stacks) == (ScanState.DONE, 2)
    assert len(await known_stacks(library)) == 2


async def test_a_server_that_is_away_lets_the_scan_wait_and_try_again(library: Library) -> None:
    library.shoot("IMG_1.JPG")
    library.immich.fail("POST", "/search/metadata", status=502)
    scan = await library.sync()
    assert scan.state is ScanState.REQUESTED
    assert scan.error
    await sync(library.context, library.owner_id)
    library.clock.advance(seconds=5)
    await sync(library.context, library.owner_id)
    async with library.context.database.read() as connection:
        again = await scans.get(connection, library.owner_id, scan.id)
    assert (again.state, again.attempts, again.found) == (ScanState.DONE, 2, 1)


async def test_a_refused_key_ends_the_scan_with_the_reason(library: Library) -> None:
    library.immich.fail(
        "POST", "/search/metadata", status=403, body='{"message": "Missing required permission: asset.read"}'
    )
    scan = await library.sync()
    assert scan.state is ScanState.FAILED
    assert scan.error is not None
    assert "asset.read" in scan.error


async def test_a_scan_taken_over_by_another_worker_is_left_to_it(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.shoot("IMG_1.JPG")
    await library.request()

    async def slow(*arguments: Any, **named: Any) -> int:
        library.clock.advance(seconds=SCAN_LEASE_MS / 1000 + 1)
        async with library.context.database.write() as connection:
            await scans.claim(
                connection, library.owner_id, lease="other", now_ms=library.clock(), lease_ms=SCAN_LEASE_MS
            )
        return await read_all_stacks(*arguments, **named)

    monkeypatch.setattr(sync_module, "read_all_stacks", slow)
    await sync(library.context, library.owner_id)
    async with library.context.database.read() as connection:
        scan = await scans.newest(connection, library.owner_id)
    assert scan is not None
    assert (scan.state, scan.attempts, scan.error) == (ScanState.RUNNING, 2, None)


async def test_a_page_that_fails_ends_the_reading_of_the_others(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_module, "PAGE_SIZE", 5)
    library.immich.add_assets(
        library.user, [Made(f"N_{number}.JPG", NOON + timedelta(minutes=number)) for number in range(60)]
    )
    library.immich.fail("POST", "/search/metadata", status=502)
    scan = await library.sync()
    assert scan.error
    assert len([call for call in library.immich.calls if call.path.endswith("/search/metadata")]) <= 5


async def test_a_stack_that_no_timeline_shows_is_not_taken_for_gone(library: Library) -> None:
    rows = library.shoot("IMG_1.JPG", "IMG_1.CR3", "IMG_1.PNG")
    library.immich.stack(library.user, *rows)
    gone = library.immich.stack(library.user, *library.shoot("IMG_2.JPG", "IMG_2.CR3"))
    await library.sync()
    library.immich.trash(rows[0])
    library.immich.unstack(gone)
    library.immich.fail("GET", "/stacks", status=500, times=2)
    scan = await library.sync()
    assert scan.state is ScanState.DONE
    (stack,) = await known_stacks(library)
    assert set(stack.member_ids) == {row.id for row in rows}


async def test_an_asset_that_becomes_unreadable_stops_no_scan(library: Library) -> None:
    odd, _ = library.shoot("ODD.JPG", "FINE.JPG")
    await library.sync()
    library.immich.set_visibility(odd, Visibility.HIDDEN)
    library.immich.fail("GET", "/assets/*", status=200, body='{"id": "odd"}')
    scan = await library.sync()
    assert (scan.state, scan.gone) == (ScanState.DONE, 0)
    assert await names(library) == ["FINE.JPG", "ODD.JPG"]


async def test_a_scan_that_is_to_stop_goes_on_at_the_next_start(library: Library) -> None:
    library.shoot("IMG_1.JPG")
    library.context.stopping.set()
    scan = await library.sync()
    assert (scan.state, scan.error) == (ScanState.REQUESTED, None)
    library.context.stopping.clear()
    assert (await library.sync()).state is ScanState.DONE


async def test_a_defect_of_ours_lets_the_scan_wait_and_says_so(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: Any, **_named: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(sync_module, "read_all_stacks", broken)
    scan = await library.request()
    with pytest.raises(ZeroDivisionError):
        await sync(library.context, library.owner_id)
    async with library.context.database.read() as connection:
        waiting = await scans.get(connection, library.owner_id, scan.id)
    assert (waiting.state, waiting.error) == (
        ScanState.REQUESTED,
        "ZeroDivisionError in the sidecar; its log says more",
    )


async def test_originals_are_known_with_their_assets_and_go_with_them(library: Library) -> None:
    (row,) = library.shoot("MINE.JPG", checksum="content", is_favorite=True)
    await library.sync()
    async with library.context.database.read() as connection:
        (told,) = (await originals.of(connection, library.owner_id, [AssetId(row.id)])).values()
    assert (told.checksum, told.is_favorite, told.duplicate_id) == ("content", True, None)
    library.immich.state.remove_asset(row)
    assert (await library.sync()).gone == 1
    async with library.context.database.read() as connection:
        assert await originals.of(connection, library.owner_id, [AssetId(row.id)]) == {}


async def test_an_id_for_duplicates_is_news_but_none_for_pairing(library: Library) -> None:
    (row,) = library.shoot("MINE.JPG")
    await library.sync()
    assert await dirty(library) == ["mine"]
    for read_again in (library.sync, lambda: read_changes(library.context, library.owner_id)):
        duplicate_id = str(uuid4())
        library.immich.state.write(row, duplicate_id=duplicate_id)
        await read_again()
        assert await dirty(library) == []
        async with library.context.database.read() as connection:
            (told,) = (await originals.of(connection, library.owner_id, [AssetId(row.id)])).values()
        assert told.duplicate_id == duplicate_id


async def test_what_partners_have_too_is_known_while_they_share_it(library: Library) -> None:
    partner = library.immich.add_user("Partner")
    library.immich.share_timeline(partner, library.user)

    async def shared() -> list[str]:
        async with library.context.database.read() as connection:
            found = await partner_copies.shared(connection, library.owner_id)
        assert {each.partner_id for each in found} <= {partner.id}
        return [library.immich.state.assets[each.asset_id].name for each in found]

    library.shoot("MINE.JPG", checksum="same")
    library.immich.add_asset(partner, "THEIRS.JPG", taken_at=NOON, checksum="same")
    await library.sync()
    assert await shared() == ["MINE.JPG"]
    library.immich.add_asset(partner, "THEIR_NEW.JPG", taken_at=NOON, checksum="new")
    library.shoot("MY_NEW.JPG", checksum="new")
    await read_changes(library.context, library.owner_id)
    assert sorted(await shared()) == ["MINE.JPG", "MY_NEW.JPG"]
    library.immich.state.partners.clear()
    await library.sync()
    assert await shared() == []


@pytest.mark.parametrize("detects", [True, False])
async def test_a_complete_scan_asks_for_a_search_for_duplicates_where_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, detects: bool
) -> None:
    woken: list[JobName] = []

    async def wake(_context: JobContext, job: JobName, _owner_id: OwnerId) -> None:
        woken.append(job)

    monkeypatch.setattr(JobContext, "wake", wake)
    async with open_library(tmp_path, detects=detects) as library:
        await library.sync()
        async with library.context.database.read() as connection:
            asked = await detections.newest(connection, library.owner_id)
    assert (asked is not None) == detects
    assert woken == [JobName.PAIR, *([JobName.DETECT] if detects else [])]
