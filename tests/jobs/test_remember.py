from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.formats import Format
from sidecar.grouping.memo import memo_of
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.grouping.names import stem_of
from sidecar.grouping.reasons import ReasonCode
from sidecar.grouping.registry import RULES
from sidecar.grouping.settings import PairingRules
from sidecar.jobs import deciding
from sidecar.jobs.asking import recall
from sidecar.jobs.context import JobContext
from sidecar.jobs.pair import Unsettled
from sidecar.jobs.remember import remember
from sidecar.jobs.review import accept
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import Matching, StackKinds
from sidecar.storage import assets, decisions, findings, work
from sidecar.storage.findings import FindingKind
from sidecar.storage.journal import ActionState
from tests.jobs.household import NOON, Library, open_library
from tests.jobs.test_review import decided, only_waiting

TIFF, JPEG, CANON = b"II*\0" + bytes(60), b"\xff\xd8\xff\xe0" + bytes(60), b"\0\0\0\x18ftypcrx " + bytes(60)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def decide(library: Library, *new: Decision) -> None:
    async with library.context.database.write() as connection:
        numbered = [(library.context.new_id(), decision) for decision in new]
        await decisions.add(connection, library.owner_id, numbered, now_ms=library.clock())


def ids(*rows: AssetRow) -> frozenset[AssetId]:
    return frozenset(AssetId(row.id) for row in rows)


async def due(library: Library) -> set[str]:
    async with library.context.database.write() as connection:
        marks = await decisions.claim_memos(connection, library.owner_id, now_ms=library.clock(), lease_ms=0, limit=9)
    return {mark.asset_id for mark in marks}


def memo_calls(library: Library) -> int:
    return len([call for call in library.immich.calls if call.path.endswith("/metadata") and call.method == "GET"])


async def test_what_was_decided_stands_beside_each_asset_in_immich(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await decide(library, Decision(ids(raw, jpeg)), Decision(ids(raw, jpeg), DecisionKind.COVER, AssetId(raw.id)))
    await remember(library.context, library.owner_id)
    among = sorted((raw.id, jpeg.id))
    assert library.immich.memo_of(raw) == {
        "version": 1, "apart": [[jpeg.id]], "cover": raw.id, "coverAmong": among,
    }  # fmt: skip
    assert library.immich.memo_of(jpeg) == {
        "version": 1, "apart": [[raw.id]], "cover": raw.id, "coverAmong": among,
    }  # fmt: skip
    assert await due(library) == set()
    await remember(library.context, library.owner_id)
    assert library.writes() == ["PUT /assets/metadata"]


async def test_what_is_not_decided_any_more_is_taken_away(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    async with library.context.database.write() as connection:
        await decisions.add(connection, library.owner_id, [("d", Decision(ids(raw, jpeg)))], now_ms=1)
    await remember(library.context, library.owner_id)
    async with library.context.database.write() as connection:
        await decisions.revoke(connection, library.owner_id, ["d"])
    await remember(library.context, library.owner_id)
    assert (library.immich.memo_of(raw), library.immich.memo_of(jpeg)) == (None, None)


async def test_an_asset_that_is_gone_keeps_no_other_from_being_told_of(library: Library) -> None:
    raw, jpeg, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    await decide(library, Decision(ids(raw, jpeg, png)))
    library.immich.delete_for_good(raw)
    await library.immich.settle()
    await remember(library.context, library.owner_id)
    assert library.immich.memo_of(jpeg) == {"version": 1, "apart": [sorted((raw.id, png.id))]}
    assert library.immich.memo_of(png) is not None
    assert await due(library) == set()


async def test_an_immich_that_is_away_is_told_later(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await decide(library, Decision(ids(raw, jpeg)))
    library.immich.fail("PUT", "/assets/metadata", status=503)
    await remember(library.context, library.owner_id)
    assert await due(library) == set()
    library.clock.advance(seconds=10)
    assert len(await due(library)) == 2
    await remember(library.context, library.owner_id)
    assert library.immich.memo_of(raw) is not None


async def test_a_refusal_without_a_cause_is_tried_again_later_for_the_one_it_is_about(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await decide(library, Decision(ids(raw, jpeg)))
    # Both together, then the first alone.
    library.immich.fail("PUT", "/assets/metadata", status=400, body='{"message": "No memos on Sundays"}', times=2)
    await remember(library.context, library.owner_id)
    told = [library.immich.memo_of(row) is not None for row in sorted((raw, jpeg), key=lambda row: row.id)]
    assert told == [False, True]
    library.clock.advance(seconds=10)
    await remember(library.context, library.owner_id)
    assert library.immich.memo_of(raw) is not None


async def test_a_decision_made_while_immich_is_told_is_told_too(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await decide(library, Decision(ids(raw, jpeg)))
    library.immich.traffic.answer_delay_s = 0.3
    telling = asyncio.create_task(remember(library.context, library.owner_id))
    await asyncio.sleep(0.1)
    await decide(library, Decision(ids(raw), DecisionKind.LEAVE_LONELY, AssetId(raw.id)))
    await telling
    assert (library.immich.memo_of(raw) or {})["leave"] == ["leave_lonely"]


async def test_a_process_that_is_to_end_tells_nobody_any_more(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await decide(library, Decision(ids(raw, jpeg)))
    library.context.stopping.set()
    await remember(library.context, library.owner_id)
    assert library.writes() == []


async def test_what_immich_remembers_is_respected_before_anything_is_written(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    for one, other in ((raw, jpeg), (jpeg, raw)):
        library.immich.write_memo(one, {"version": 1, "apart": [[other.id]]})
    await library.scan()
    assert library.stacks() == []
    assert await decided(library) == [Decision(ids(raw, jpeg), source=DecisionSource.RECALLED)]
    assert library.writes() == []  # Immich knows it already


async def test_a_remembered_cover_is_the_cover_again(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    among = sorted((raw.id, jpeg.id))
    for row in (raw, jpeg):
        library.immich.write_memo(row, {"version": 1, "cover": raw.id, "coverAmong": among, "leave": ["leave_cover"]})
    await library.scan()
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]
    kinds = sorted(decision.kind for decision in await decided(library))
    await library.scan()
    assert kinds == sorted(decision.kind for decision in await decided(library))
    assert set(kinds) == {DecisionKind.COVER, DecisionKind.LEAVE_COVER}


async def test_immich_is_asked_once_about_each_match_and_not_about_single_pictures(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_2.JPG", at_s=60)
    await library.sync()
    await library.pair()
    assert memo_calls(library) == 2
    library.clock.advance(seconds=10)
    await library.apply()
    asked = memo_calls(library)  # once more, as the pictures are newer than the list of stacks
    await library.scan()
    assert memo_calls(library) == asked
    library.shoot("IMG_1-Edit.tif")
    await library.sync()
    await library.pair()
    assert memo_calls(library) == asked + 1


async def test_an_asset_that_vanishes_while_it_is_asked_about_stops_nothing(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_2.CR3", "IMG_2.JPG", at_s=60)
    await library.sync()
    library.immich.delete_for_good(raw)
    await library.immich.settle()
    await library.pair()
    await library.apply()
    assert library.stacks() == [["IMG_2.JPG", "IMG_2.CR3"]]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        pytest.param({"status": 503}, ImmichUnavailable, id="away"),
        pytest.param({"status": 401, "body": '{"message": "Invalid API key"}'}, ImmichRefused, id="refused"),
    ],
)
async def test_what_cannot_be_asked_now_is_not_done_and_not_lost(
    library: Library, failure: dict[str, object], error: type[Exception]
) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    library.immich.fail("GET", "/assets/*/metadata", times=2, **failure)
    with pytest.raises(error):
        await library.pair()
    assert library.stacks() == []
    assert await library.journal() == []
    async with library.context.database.read() as connection:
        backlog = await work.backlog(connection, library.owner_id)
    assert backlog.failed == 0
    assert backlog.error
    library.clock.advance(seconds=61)
    await library.pair()
    await library.apply()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


def upload(library: Library, name: str, data: bytes) -> AssetRow:
    return library.immich.upload(library.user, name, data, at=NOON)


async def settled(library: Library) -> None:
    await library.immich.settle()
    await library.scan()


async def reasons(library: Library, kind: FindingKind) -> list[list[ReasonCode]]:
    async with library.context.database.read() as connection:
        found = await findings.of_kinds(connection, library.owner_id, [kind], limit=9)
    return [[reason.code for reason in finding.reasons] for finding in found]


@pytest.mark.parametrize(
    ("raw", "jpeg", "is_stacked"),
    [
        pytest.param(("IMG_1.CR3", CANON), ("IMG_1.JPG", JPEG), True, id="both are what they say"),
        pytest.param(("IMG_1.NEF", TIFF), ("IMG_1.JPG", JPEG), True, id="many a RAW is a TIFF inside"),
        pytest.param(("IMG_1.CR3", JPEG + b"2"), ("IMG_1.JPG", JPEG), False, id="a JPEG that calls itself a RAW"),
        pytest.param(("IMG_1.CR3", CANON), ("IMG_1.JPG", b"<html>"), False, id="no picture at all"),
    ],
)
async def test_a_file_that_immich_could_not_read_is_looked_at(
    library: Library, raw: tuple[str, bytes], jpeg: tuple[str, bytes], *, is_stacked: bool
) -> None:
    for name, data in (raw, jpeg):
        library.immich.state.write(upload(library, name, data), width=None, height=None)
    await settled(library)
    assert bool(library.stacks()) is is_stacked
    if not is_stacked:
        codes = [code for found in await reasons(library, FindingKind.LEFT_ALONE) for code in found]
        assert ReasonCode.CONTENT_DIFFERS in codes or ReasonCode.CONTENT_UNKNOWN in codes


async def test_only_the_beginning_is_read_and_only_where_the_name_is_in_doubt(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    upload(library, "IMG_2.RAW", b"IIU\0" + bytes(1_000_000))
    upload(library, "IMG_2.JPG", JPEG)
    await settled(library)
    reads = [call for call in library.immich.calls if call.path.endswith("/original")]
    assert {call.status for call in reads} == {206}  # a part of it
    names = {library.immich.state.assets[call.path.split("/")[2]].name for call in reads}
    assert "IMG_2.RAW" in names
    assert not names & {"IMG_1.CR3", "IMG_1.JPG"}
    before = len(reads)
    await settled(library)
    assert len([call for call in library.immich.calls if call.path.endswith("/original")]) == before


async def test_a_file_that_cannot_be_looked_at_is_for_a_person(library: Library) -> None:
    for name, data in (("IMG_1.CR3", CANON), ("IMG_1.JPG", JPEG)):
        library.immich.state.write(upload(library, name, data), width=None, height=None)
    library.immich.fail("GET", "/assets/*/original", status=404, body='{"message": "Not Found"}', times=9)
    await settled(library)
    assert library.stacks() == []
    assert (await only_waiting(library)).reasons[0].code is ReasonCode.NOT_LOOKED_AT


async def test_what_was_looked_at_is_looked_at_again_when_the_bytes_change(library: Library) -> None:
    (row,) = library.shoot("IMG_1.JPG")
    await library.sync()
    asset_id = AssetId(row.id)
    async with library.context.database.write() as connection:
        await assets.set_content(connection, library.owner_id, {asset_id: Format.HEIC})
        await assets.set_content(connection, library.owner_id, {})

    async def content() -> Format | None:
        async with library.context.database.read() as connection:
            return (await assets.by_ids(connection, library.owner_id, [asset_id]))[asset_id].content

    library.immich.state.write(row, is_favorite=True)
    await library.sync()
    assert await content() is Format.HEIC
    library.immich.state.write_exif(row, size_bytes=99)
    library.immich.state.write(row, is_favorite=False)
    await library.sync()
    assert await content() is None


async def test_a_burst_is_one_stack_where_it_is_wanted(library: Library) -> None:
    names = [f"IMG_20231014_183246_BURST00{number}{end}" for number, end in ((1, "_COVER"), (2, ""), (3, ""))]
    for number, name in enumerate(names):
        library.shoot(f"{name}.jpg", at_s=number * 0.2)
    await library.scan()
    assert library.stacks() == []
    library.context = replace(library.context, matching=Matching(stack=StackKinds(burst=True)))
    await library.scan()
    assert library.stacks() == [[f"{name}.jpg" for name in names]]


async def tell_of_burst(library: Library, *rows: AssetRow) -> None:
    """What a webhook will tell: the camera's own id of the burst."""
    async with library.context.database.write() as connection:
        known = await assets.by_ids(connection, library.owner_id, sorted(ids(*rows)))
        told = {each.id: (stem_of(each.name), replace(each, auto_stack_id="b")) for each in known.values()}
        recorded = await assets.record(connection, library.owner_id, told, scan_id=1)
        await work.mark(connection, library.owner_id, recorded.dirty)


def frames(library: Library, *numbers: int) -> list[AssetRow]:
    return [row for number in numbers for row in library.shoot(f"IMG_{number:04}.JPG", at_s=number * 0.2)]


async def test_what_the_camera_calls_one_burst_is_looked_at_together_whatever_the_names(library: Library) -> None:
    library.context = replace(library.context, matching=Matching(stack=StackKinds(burst=True)))
    rows = frames(library, 1, 2, 3)
    await library.sync()
    await tell_of_burst(library, *rows)
    await library.scan()  # a search that does not tell it takes nothing away
    assert library.stacks() == [["IMG_0001.JPG", "IMG_0002.JPG", "IMG_0003.JPG"]]
    late = frames(library, 4)
    await library.sync()
    await library.pair()
    await tell_of_burst(library, *late)  # only its own name is due
    await library.scan()
    assert library.stacks() == [["IMG_0001.JPG", "IMG_0002.JPG", "IMG_0003.JPG", "IMG_0004.JPG"]]


async def test_a_burst_of_which_somebody_else_holds_a_part_is_left_for_later(library: Library) -> None:
    library.context = replace(library.context, matching=Matching(stack=StackKinds(burst=True)))
    rows = frames(library, 1, 2)
    await library.sync()
    await tell_of_burst(library, *rows)
    async with library.context.database.write() as connection:
        held = await work.claim(
            connection, library.owner_id, lease="other", now_ms=library.clock(), lease_ms=9_999, limit=1
        )
        assert len(held.stems) == 1
    await library.pair()
    await library.apply()
    assert library.stacks() == []
    library.clock.advance(seconds=20)
    await library.pair()
    await library.apply()
    assert library.stacks() == [["IMG_0001.JPG", "IMG_0002.JPG"]]


async def test_names_that_somebody_else_took_over_meanwhile_are_left_to_them(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    library.immich.traffic.answer_delay_s = 0.3
    pairing = asyncio.create_task(library.pair())
    await asyncio.sleep(0.15)
    library.clock.advance(seconds=200)
    async with library.context.database.write() as connection:
        taken = await work.claim(
            connection, library.owner_id, lease="other", now_ms=library.clock(), lease_ms=9_999, limit=9
        )
    library.immich.traffic.answer_delay_s = 0
    await pairing
    assert taken.stems == ("img_1",)
    assert await library.journal() == []


async def test_a_new_version_that_cannot_be_looked_at_is_for_a_person_too(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.fail("GET", "/assets/*/original", status=404, body='{"message": "Not Found"}', times=9)
    library.shoot("IMG_1.PNG", width=None, height=None)
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert (await only_waiting(library)).reasons[0].code is ReasonCode.NOT_LOOKED_AT


async def test_what_a_backup_does_not_know_is_asked_before_an_old_plan_is_carried_out(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    for one, other in ((raw, jpeg), (jpeg, raw)):
        library.immich.write_memo(one, {"version": 1, "apart": [[other.id]]})
    await library.apply()
    assert library.stacks() == []
    assert [error for _, error in await library.journal()] == ["kept apart, as Immich remembers"]


@pytest.mark.parametrize("is_gone", [True, False], ids=["taken apart meanwhile", "still there"])
async def test_an_extension_is_withdrawn_when_a_member_went_to_the_trash_meanwhile(
    library: Library, *, is_gone: bool
) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.shoot("IMG_1-Edit.tif")
    await library.sync()
    await library.pair()
    library.immich.trash(raw)
    if is_gone:
        library.immich.unstack(library.only_stack())
    await library.apply()
    assert library.stacks() == ([] if is_gone else [["IMG_1.JPG", "IMG_1.CR3"]])
    assert (await library.journal())[-1] == (ActionState.WITHDRAWN, "changed in Immich meanwhile")


async def test_what_else_is_recalled_is_recalled_once(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    known = Decision(ids(raw), DecisionKind.LEAVE_COVER, AssetId(raw.id))
    await decide(library, known)
    await remember(library.context, library.owner_id)
    library.immich.write_memo(jpeg, {"version": 1, "leave": ["leave_lonely"]})
    await library.scan()
    await recall(library.context, library.owner_id, sorted(ids(raw, jpeg)))
    await recall(library.context, library.owner_id, sorted(ids(raw, jpeg)))
    assert len(await decided(library)) == 2


async def test_a_burst_across_names_can_be_accepted(library: Library) -> None:
    library.context = replace(library.context, matching=Matching(stack=StackKinds(burst=True), ask_first=True))
    rows = frames(library, 1, 2)
    await library.sync()
    await tell_of_burst(library, *rows)
    await library.scan()
    await accept(library.context, library.owner_id, (await only_waiting(library)).id)
    await library.scan()
    assert library.stacks() == [["IMG_0001.JPG", "IMG_0002.JPG"]]


def restart(library: Library) -> None:
    library.context = replace(library.context, recalled=set())


async def test_what_a_backup_does_not_know_is_read_before_it_is_overwritten(library: Library) -> None:
    raw, jpeg, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    library.immich.write_memo(raw, {"version": 1, "apart": [[jpeg.id]]})
    await decide(library, Decision(ids(raw, png)))
    await remember(library.context, library.owner_id)
    assert (library.immich.memo_of(raw) or {})["apart"] == sorted([[jpeg.id], [png.id]])
    assert {each.asset_ids for each in await decided(library)} == {ids(raw, jpeg), ids(raw, png)}
    asked = memo_calls(library)
    await decide(library, Decision(ids(raw), DecisionKind.LEAVE_LONELY, AssetId(raw.id)))
    await remember(library.context, library.owner_id)
    assert memo_calls(library) == asked


async def test_a_memo_that_cannot_be_read_is_not_overwritten_and_the_others_are_written(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.immich.write_memo(raw, {"version": 1, "leave": ["leave_cover"]})
    await decide(library, Decision(ids(raw, jpeg)))
    library.immich.fail("GET", f"/assets/{raw.id}/metadata", status=503)
    await remember(library.context, library.owner_id)
    assert library.immich.memo_of(raw) == {"version": 1, "leave": ["leave_cover"]}
    assert (library.immich.memo_of(jpeg) or {})["apart"] == [[raw.id]]
    library.clock.advance(seconds=10)
    assert await due(library) == {raw.id}
    await remember(library.context, library.owner_id)
    assert library.immich.memo_of(raw) == {"version": 1, "apart": [[jpeg.id]], "leave": ["leave_cover"]}


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param({"status": 503}, id="away"),
        pytest.param({"status": 401, "body": '{"message": "Invalid API key"}'}, id="refused"),
    ],
)
async def test_where_nothing_can_be_read_only_what_was_read_before_is_written(
    library: Library, failure: dict[str, object]
) -> None:
    raw, jpeg, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    await recall(library.context, library.owner_id, [AssetId(png.id)])
    await decide(library, Decision(ids(raw, jpeg, png)))
    library.immich.fail("GET", "/assets/*/metadata", times=2, **failure)
    await remember(library.context, library.owner_id)
    told = [library.immich.memo_of(row) is not None for row in (raw, jpeg, png)]
    assert told == [False, False, True]
    assert await due(library) == set()
    library.clock.advance(seconds=10)
    await remember(library.context, library.owner_id)
    assert library.immich.memo_of(raw) is not None


async def test_what_was_revoked_stays_so_in_a_process_that_has_not_asked(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    async with library.context.database.write() as connection:
        await decisions.add(connection, library.owner_id, [("d", Decision(ids(raw, jpeg)))], now_ms=1)
    await remember(library.context, library.owner_id)
    async with library.context.database.write() as connection:
        await decisions.revoke(connection, library.owner_id, ["d"])
    restart(library)
    await recall(library.context, library.owner_id, sorted(ids(raw, jpeg)))
    restart(library)
    await remember(library.context, library.owner_id)
    assert (library.immich.memo_of(raw), library.immich.memo_of(jpeg)) == (None, None)
    assert await decided(library) == []


async def test_of_two_at_once_the_one_that_knows_less_does_not_have_the_last_word(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await recall(library.context, library.owner_id, sorted(ids(raw, jpeg)))
    await decide(library, Decision(ids(raw, jpeg)))
    arriving = asyncio.Event()
    held = library.immich.fail("PUT", "/assets/metadata", until=arriving)
    slow = asyncio.create_task(remember(library.context, library.owner_id))
    while held.times:
        await asyncio.sleep(0.01)
    await decide(library, Decision(ids(raw), DecisionKind.LEAVE_LONELY, AssetId(raw.id)))
    await remember(library.context, library.owner_id)
    assert await due(library) == set()
    arriving.set()
    await slow
    assert (library.immich.memo_of(raw) or {})["leave"] == ["leave_lonely"]
    assert await due(library) == set()
    assert len(library.writes()) == 3


async def test_of_two_at_once_each_memo_is_written_by_one(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await recall(library.context, library.owner_id, sorted(ids(raw, jpeg)))
    await decide(library, Decision(ids(raw, jpeg)))
    library.immich.fail("PUT", "/assets/metadata", delay_s=0.2, times=9)
    await asyncio.gather(*(remember(library.context, library.owner_id) for _ in range(3)))
    assert len(library.writes()) == 1
    assert await due(library) == set()


async def test_a_cover_chosen_since_is_not_replaced_by_the_one_that_immich_still_holds(library: Library) -> None:
    raw, jpeg, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    await decide(library, Decision(ids(raw, jpeg), DecisionKind.COVER, AssetId(jpeg.id)))
    await remember(library.context, library.owner_id)
    restart(library)
    await decide(library, Decision(ids(raw, jpeg, png), DecisionKind.COVER, AssetId(png.id)))
    await remember(library.context, library.owner_id)
    assert [(library.immich.memo_of(row) or {})["cover"] for row in (raw, jpeg, png)] == [png.id] * 3
    assert (await decided(library))[-1].chosen == png.id


async def test_a_memo_in_words_that_nobody_knows_is_no_answer(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.immich.fail("GET", f"/assets/{raw.id}/metadata", status=200, body='{"not": "a list"}', times=99)
    await library.scan()
    assert library.stacks() == []
    assert (await only_waiting(library)).reasons[0].code is ReasonCode.NOT_LOOKED_AT


async def test_questions_without_end_are_put_off(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.jobs.pair.MOST_ROUNDS", 1)
    raw, *_ = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1-Edit.JPG")
    apart = Decision(frozenset({AssetId(raw.id), AssetId("12345678-1234-4234-8234-123456789012")}))
    library.immich.write_memo(raw, memo_of(AssetId(raw.id), [apart], {}) or {})
    await library.sync()
    with pytest.raises(Unsettled):
        await library.pair()
    assert await library.journal() == []
    library.clock.advance(seconds=10)
    await library.pair()  # what was answered is not asked again
    assert len(await library.journal()) == 1


async def test_being_stopped_again_and_again_costs_no_name(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    library.immich.traffic.answer_delay_s = 0.2
    for _ in range(work.MAX_ATTEMPTS + 1):
        pairing = asyncio.create_task(library.pair())
        await asyncio.sleep(0.05)
        pairing.cancel()
        await asyncio.gather(pairing, return_exceptions=True)
    library.immich.traffic.answer_delay_s = 0
    await library.pair()
    await library.apply()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_what_nobody_asked_about_is_not_told_of(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    async with library.context.database.read() as connection:
        known = await deciding.load(connection, library.owner_id, ["img_1"], PairingRules())
    assert list(deciding.decide(known, ["img_1"], RULES).found["img_1"]) != []
    assert deciding.decide(known, [], RULES).found == {}


async def test_a_defect_on_the_way_to_pairing_is_tried_a_few_times_and_then_told(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("sidecar.jobs.pair.recall", broken)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    for _ in range(work.MAX_ATTEMPTS):
        with pytest.raises(ZeroDivisionError):
            await library.pair()
        library.clock.advance(seconds=400)
    await library.pair()
    async with library.context.database.read() as connection:
        assert await work.failures(connection, library.owner_id) == [("img_1", "ZeroDivisionError before pairing")]


async def test_nothing_is_paired_by_names_of_which_only_half_are_made_anew(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(context: JobContext, _owner_id: OwnerId) -> None:
        context.stopping.set()

    monkeypatch.setattr("sidecar.jobs.pair.renew_if_changed", interrupted)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    assert await library.journal() == []


async def test_what_nobody_decided_is_decided_upon_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions_made: list[int] = []

    def counted(known: deciding.Known, stems: Sequence[str], *rest: Any, **named: Any) -> deciding.Decided:
        decisions_made.append(len(stems))
        return deciding.decide(known, stems, *rest, **named)

    monkeypatch.setattr("sidecar.jobs.pair.decide", counted)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    assert decisions_made == [1]
    assert len(await library.journal()) == 1
