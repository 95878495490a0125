from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.engine import PairingRules
from sidecar.grouping.reasons import Reason
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule, no_support
from sidecar.jobs.duplicates.detect import detect
from sidecar.jobs.duplicates.dismissals import dismissed, remember_distinct
from sidecar.jobs.failures import MOST_NAMED, Failure, FailureKind, failures, retry, still_tried
from sidecar.jobs.queue import QUEUE_NAME, Queue
from sidecar.jobs.review import accept, reject
from sidecar.jobs.undo import intend_undo, plan_undo
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import Matching
from sidecar.storage import (
    changes,
    contents,
    detections,
    findings,
    fingerprints,
    journal,
    originals,
    resolutions,
    scans,
    work,
)
from sidecar.storage.changes import Change, Source
from sidecar.storage.contents import Content
from sidecar.storage.detections import DetectionState
from sidecar.storage.findings import FOR_A_PERSON
from sidecar.storage.fingerprints import NEVER
from sidecar.storage.journal import ActionState
from sidecar.storage.resolutions import ResolutionState
from sidecar.storage.scans import ScanState
from tests.jobs.duplicates.album import Shelf
from tests.jobs.household import Library, open_library

STRANGER = OwnerId("00000000-0000-4000-8000-00000000000e")
SUNDAYS = '{"message": "No stacks on Sundays"}'


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def failed(library: Library) -> list[Failure]:
    return await failures(library.context, library.owner_id)


async def only_failure(library: Library) -> Failure:
    (failure,) = await failed(library)
    return failure


async def again(library: Library, *ids: str) -> list[Failure]:
    return await retry(library.context, library.owner_id, ids or None)


async def states(library: Library) -> list[ActionState]:
    return [state for state, _ in await library.journal()]


async def spend(library: Library, table: str) -> None:
    """Everything that was tried in vain once was tried too often."""
    async with library.context.database.write() as connection:
        await connection.exec_driver_sql(f"UPDATE {table} SET attempts = {work.MAX_ATTEMPTS} WHERE error IS NOT NULL")


def _brittle(one: Candidate, _other: Candidate, _rules: PairingRules) -> Reason | None:
    if one.asset.name.startswith("BAD"):
        raise ZeroDivisionError("a defect")
    return None


async def test_where_all_is_well_there_is_nothing_to_list_or_to_try(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    assert await failed(library) == []
    await library.scan()
    assert await failed(library) == []
    assert await again(library) == []


async def test_names_that_break_a_rule_are_compared_again_when_it_is_mended(library: Library) -> None:
    library.context = replace(library.context, pipeline=(*RULES, PairRule("brittle", _brittle, no_support)))
    library.shoot("BAD.CR3", "BAD.JPG")
    await library.scan()
    # It is still tried.
    assert await failed(library) == []
    assert await again(library) == []
    await spend(library, "work")
    failure = await only_failure(library)
    assert (failure.kind, failure.what, failure.reason, failure.since_ms) == (
        FailureKind.NAME, "BAD.CR3 + BAD.JPG", "ZeroDivisionError while pairing", None,
    )  # fmt: skip
    library.context = replace(library.context, pipeline=RULES)
    assert await again(library, failure.id) == [failure]
    assert await failed(library) == []
    await library.pair()
    await library.apply()
    assert library.stacks() == [["BAD.JPG", "BAD.CR3"]]


async def test_a_name_whose_files_are_gone_is_told_as_it_was_compared(library: Library) -> None:
    async with library.context.database.write() as connection:
        await work.mark(connection, library.owner_id, ["img_1"])
        await connection.exec_driver_sql("UPDATE work SET error = 'why'")
    await spend(library, "work")
    assert (await only_failure(library)).what == "img_1"


async def write_that_fails(library: Library, *names: str, at_s: float = 0, body: str = SUNDAYS) -> None:
    library.shoot(*names, at_s=at_s)
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", status=400, body=body)
    await library.apply()


async def test_a_stack_that_was_not_written_is_decided_anew(library: Library) -> None:
    await write_that_fails(library, "IMG_1.CR3", "IMG_1.JPG")
    failure = await only_failure(library)
    assert (failure.kind, failure.what) == (FailureKind.WRITE, "IMG_1.JPG + IMG_1.CR3")
    assert "Sundays" in failure.reason
    async with library.context.database.read() as connection:
        (entry,) = await journal.since(connection, library.owner_id, since_ms=0)
    assert failure.since_ms == entry.ended_at_ms
    assert await again(library) == [failure]
    assert await failed(library) == []
    # Nothing is sent before the names were compared.
    await library.apply()
    assert library.stacks() == []
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await states(library) == [ActionState.WITHDRAWN, ActionState.DONE]
    assert await failed(library) == []


async def test_a_write_that_fails_again_goes_by_the_same_name(library: Library) -> None:
    await write_that_fails(library, "IMG_1.CR3", "IMG_1.JPG")
    first = await only_failure(library)
    await again(library)
    await library.pair()
    library.immich.fail("POST", "/stacks", status=400, body='{"message": "Not on Mondays either"}')
    await library.apply()
    second = await only_failure(library)
    assert second.id == first.id
    assert "Mondays" in second.reason


async def test_what_the_user_did_meanwhile_stands(library: Library) -> None:
    await write_that_fails(library, "IMG_1.CR3", "IMG_1.JPG")
    await write_that_fails(library, "IMG_2.CR3", "IMG_2.JPG", at_s=60)
    raw, jpeg = (row for row in library.immich.state.assets.values() if row.name.startswith("IMG_1"))
    library.immich.stack(library.user, raw, jpeg)
    assert len(await again(library)) == 2
    writes = len(library.writes())
    await library.scan()
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"], ["IMG_2.JPG", "IMG_2.CR3"]]
    assert len(library.writes()) == writes + 1
    assert await failed(library) == []


async def test_a_later_write_about_the_same_name_is_the_last_word(library: Library) -> None:
    await write_that_fails(library, "IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    assert len(library.stacks()) == 1
    assert await failed(library) == []


async def wish(library: Library) -> str:
    """The name of a proposal to which somebody said yes, in vain."""
    library.context = replace(library.context, matching=Matching(ask_first=True))
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    (proposal,) = await proposals(library)
    await accept(library.context, library.owner_id, proposal)
    library.immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
    await library.apply()
    return proposal


async def proposals(library: Library) -> list[str]:
    async with library.context.database.read() as connection:
        return [each.id for each in await findings.of_kinds(connection, library.owner_id, FOR_A_PERSON, limit=9)]


async def test_a_yes_that_came_to_nothing_is_not_said_for_the_person_again(library: Library) -> None:
    proposal = await wish(library)
    failure = await only_failure(library)
    assert failure.kind is FailureKind.WISH
    assert await again(library) == [failure]
    await library.scan()
    assert library.stacks() == []
    assert await proposals(library) == [proposal]
    assert await failed(library) == []
    await accept(library.context, library.owner_id, proposal)
    await library.apply()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_a_no_that_was_said_meanwhile_stands(library: Library) -> None:
    proposal = await wish(library)
    await reject(library.context, library.owner_id, proposal)
    library.context = replace(library.context, matching=Matching())
    await again(library)
    await library.scan()
    assert library.stacks() == []


async def test_a_taking_back_that_came_to_nothing_leaves_what_there_is(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    async with library.context.database.read() as connection:
        entries = await journal.since(connection, library.owner_id, since_ms=0)
    await intend_undo(library.context, library.owner_id, plan_undo(entries, {entries[0].action.id}))
    library.immich.fail("DELETE", "/stacks/*", status=400, body=SUNDAYS)
    await library.apply()
    failure = await only_failure(library)
    assert (failure.kind, failure.what) == (FailureKind.WISH, "IMG_1.JPG + IMG_1.CR3")
    assert await again(library) == [failure]
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await failed(library) == []


async def test_changes_that_were_given_up_are_looked_at_again(library: Library) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await library.scan()
    async with library.context.database.write() as connection:
        told = [Change(library.owner_id, Source.WEBHOOK, asset_id) for asset_id in (AssetId(row.id), None)]
        await changes.add(connection, told, now_ms=77)
        await changes.postpone(
            connection, library.owner_id, [AssetId(row.id), None], not_before_ms=NEVER, error="unknown words"
        )
    assert await failed(library) == []
    await spend(library, "changes")
    found = await failed(library)
    assert [(each.kind, each.what, each.reason, each.since_ms) for each in found] == [
        (FailureKind.CHANGE, "the list of all stacks", "unknown words", 77),
        (FailureKind.CHANGE, "IMG_1.JPG", "unknown words", 77),
    ]
    of_stacks, of_asset = (each.id for each in found)
    assert await again(library, of_stacks) == found[:1]
    assert await still_tried(library.context, library.owner_id, [of_stacks, of_asset]) == {of_stacks}
    assert await again(library) == found[1:]
    assert await still_tried(library.context, library.owner_id, [of_asset]) == {of_asset}
    async with library.context.database.read() as connection:
        due = await changes.due(connection, library.owner_id, now_ms=library.clock(), limit=9)
    assert {(each.change.asset_id, each.attempts) for each in due} == {(AssetId(row.id), 0), (None, 0)}


async def test_a_scan_that_failed_is_asked_for_anew(library: Library) -> None:
    library.immich.fail(
        "POST", "/search/metadata", status=403, body='{"message": "Missing required permission: asset.read"}'
    )
    ended = await library.sync()
    failure = await only_failure(library)
    assert (failure.kind, failure.what, failure.since_ms) == (FailureKind.SCAN, "the latest scan", ended.ended_at_ms)
    assert "asset.read" in failure.reason
    assert await again(library) == [failure]
    async with library.context.database.read() as connection:
        newest = await scans.newest(connection, library.owner_id)
    assert newest is not None
    assert (newest.id, newest.state) == (ended.id + 1, ScanState.REQUESTED)
    # It is tried anyway now.
    assert await failed(library) == []
    assert await again(library) == []


async def test_a_search_that_failed_is_asked_for_anew(library: Library) -> None:
    async with library.context.database.write() as connection:
        await detections.request(connection, library.owner_id, now_ms=1)
        claimed = await detections.claim(connection, library.owner_id, lease="x", now_ms=1, lease_ms=9)
        assert claimed is not None
        await detections.end(connection, claimed, DetectionState.FAILED, lease="x", now_ms=5, error="refused")
    failure = await only_failure(library)
    assert (failure.kind, failure.what, failure.reason, failure.since_ms) == (
        FailureKind.SEARCH, "the latest search for duplicates", "refused", 5,
    )  # fmt: skip
    assert await again(library) == [failure]
    assert await failed(library) == []
    await detect(library.context, library.owner_id)
    async with library.context.database.read() as connection:
        newest = await detections.newest(connection, library.owner_id)
    assert newest is not None
    assert newest.state is DetectionState.DONE


async def test_what_could_not_be_read_is_read_by_a_new_search(library: Library) -> None:
    file, picture = library.shoot("FILE.JPG", "PICTURE.JPG", size_bytes=4_000_000)
    await library.scan()
    owner_id = library.owner_id
    async with library.context.database.write() as connection:
        known = await originals.of(connection, owner_id, [AssetId(file.id)])
        flawed = Content(
            AssetId(file.id), 4_000_000, known[AssetId(file.id)].modified_at_ms,
            flaw="the file comes too slowly", attempts=2, not_before_ms=NEVER,
        )  # fmt: skip
        await contents.put(connection, owner_id, [flawed])
        (seen,) = await originals.to_look_at_among(
            connection, owner_id, [AssetId(picture.id)], version=FINGERPRINT_VERSION, now_ms=0
        )
        broken = fingerprints.Failure(seen.id, seen.basis, "broken", "It ends in the middle.", NEVER)
        await fingerprints.fail(connection, owner_id, [broken], version=FINGERPRINT_VERSION)
    found = await failed(library)
    assert [(each.kind, each.what, each.reason) for each in found] == [
        (FailureKind.FILE, "FILE.JPG", "the file comes too slowly"),
        (FailureKind.PICTURE, "PICTURE.JPG", "It ends in the middle."),
    ]
    assert await again(library, found[1].id) == found[1:]
    assert await failed(library) == found[:1]
    assert await again(library) == found[:1]
    assert await failed(library) == []
    async with library.context.database.read() as connection:
        due = await originals.to_look_at(connection, owner_id, version=FINGERPRINT_VERSION, now_ms=0, limit=9)
        read = await contents.of(connection, owner_id, [AssetId(file.id)])
        newest = await detections.newest(connection, owner_id)
    assert AssetId(picture.id) in {each.id for each in due}
    assert read[AssetId(file.id)].not_before_ms == 0
    assert newest is not None
    assert (newest.id, newest.state) == (1, DetectionState.REQUESTED)


@pytest.fixture
def shelf(library: Library) -> Shelf:
    return Shelf(library)


async def decision_that_fails(shelf: Shelf) -> Any:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    resolution = await shelf.keep(best)
    shelf.library.immich.set_trash(is_on=False)
    await shelf.resolve()
    shelf.library.immich.set_trash(is_on=True)
    return resolution


async def test_a_decision_that_failed_is_left_to_the_person_until_there_is_nothing_to_decide(shelf: Shelf) -> None:
    library = shelf.library
    resolution = await decision_that_fails(shelf)
    failure = await only_failure(library)
    now = await shelf.now(resolution)
    assert (failure.kind, failure.what, failure.reason, failure.since_ms) == (
        FailureKind.DECISION, "best.jpg + copy.jpg", now.error, now.ended_at_ms,
    )  # fmt: skip
    assert await again(library) == []
    assert await again(library, failure.id) == []
    await shelf.resolve()
    assert shelf.trashed() == []
    assert await failed(library) == [failure]
    again_decided = await shelf.keep(best_of(shelf))
    assert await failed(library) == []
    await shelf.resolve()
    assert (await shelf.now(again_decided)).state is ResolutionState.DONE
    assert await failed(library) == []


def best_of(shelf: Shelf) -> Any:
    (best,) = (row for row in shelf.library.immich.state.assets.values() if row.name == "best.jpg")
    return best


async def test_a_decision_that_failed_and_was_dismissed_needs_nobody(shelf: Shelf) -> None:
    await decision_that_fails(shelf)
    found = await shelf.only_set()
    async with shelf.library.context.database.write() as connection:
        ids = frozenset(member.asset_id for member in found.members)
        await remember_distinct(shelf.library.context, connection, shelf.library.owner_id, [ids])
        assert await dismissed(connection, shelf.library.owner_id)
    assert await shelf.form() == []
    assert await failed(shelf.library) == []


async def test_what_is_left_of_a_failed_decision_is_listed_until_it_is_taken_back(shelf: Shelf) -> None:
    library = shelf.library
    resolution = await decision_that_fails(shelf)
    async with library.context.database.write() as connection:
        await connection.exec_driver_sql("UPDATE resolutions SET step = '{\"is_trashing\": true}'")
        await connection.exec_driver_sql("DELETE FROM duplicate_set_members")
    failure = await only_failure(library)
    assert failure.kind is FailureKind.REMAINDER
    assert not failure.kind.can_be_retried
    assert await again(library) == []
    async with library.context.database.write() as connection:
        await resolutions.undo(connection, library.owner_id, [resolution.id])
    assert await failed(library) == []


async def test_only_what_is_named_is_tried_and_only_its_owners(library: Library) -> None:
    await write_that_fails(library, "IMG_1.CR3", "IMG_1.JPG")
    await write_that_fails(library, "IMG_2.CR3", "IMG_2.JPG", at_s=60)
    one, other = await failed(library)
    assert len({one.id, other.id}) == 2
    assert await retry(library.context, STRANGER, [one.id]) == []
    assert await again(library, "nonsense") == []
    assert await again(library, other.id, "nonsense") == [other]
    assert await failed(library) == [one]
    assert await failures(library.context, STRANGER) == []


async def test_a_line_names_few_of_many_files(library: Library) -> None:
    await write_that_fails(library, *(f"IMG_1-{number}.JPG" for number in range(3)), "IMG_1.CR3")
    async with library.context.database.write() as connection:
        await connection.exec_driver_sql("UPDATE actions SET member_ids = '[\"gone\"]'")
    assert (await only_failure(library)).what == "gone"
    async with library.context.database.write() as connection:
        await connection.exec_driver_sql(
            f"""UPDATE actions SET member_ids = '{str([f"x{n}" for n in range(MOST_NAMED + 1)]).replace("'", '"')}'"""
        )
    assert (await only_failure(library)).what.endswith(f"+ x{MOST_NAMED - 2} and 2 more")


async def test_the_jobs_are_woken(tmp_path: Path, queue: Queue) -> None:
    async with open_library(tmp_path, queue=queue) as library:
        await write_that_fails(library, "IMG_1.CR3", "IMG_1.JPG")
        owner_id = library.owner_id
        async with library.context.database.write() as connection:
            await changes.add(connection, [Change(owner_id, Source.WEBHOOK, None)], now_ms=77)
            await changes.postpone(connection, owner_id, [None], not_before_ms=NEVER, error="why")
            await connection.exec_driver_sql("UPDATE scans SET state = 'failed'")
            await detections.request(connection, owner_id, now_ms=1)
            await connection.exec_driver_sql("UPDATE detections SET state = 'failed'")
        await spend(library, "changes")
        await queue.pool.flushall()
        assert {each.kind for each in await again(library)} == {
            FailureKind.WRITE, FailureKind.CHANGE, FailureKind.SCAN, FailureKind.SEARCH,
        }  # fmt: skip
        queued = {job_id.decode().split(":")[0] for job_id in await queue.pool.zrange(QUEUE_NAME, 0, -1)}
    assert queued == {"pair", "refresh", "sync", "detect"}


def test_what_a_person_decides_is_never_retried() -> None:
    assert {kind for kind in FailureKind if not kind.can_be_retried} == {FailureKind.DECISION, FailureKind.REMAINDER}
