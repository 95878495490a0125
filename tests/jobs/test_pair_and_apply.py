from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.errors import ImmichUnavailable
from sidecar.grouping.candidate import Candidate
from sidecar.grouping.engine import PairingRules
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule, no_support
from sidecar.jobs.apply import apply
from sidecar.model import Visibility
from sidecar.storage import findings, groups, work
from sidecar.storage.findings import FindingKind
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import ActionState
from tests.jobs.household import Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def found(library: Library) -> dict[FindingKind, int]:
    async with library.context.database.read() as connection:
        return await findings.counts(connection, library.owner_id)


async def group_states(library: Library) -> dict[GroupState, int]:
    async with library.context.database.read() as connection:
        return await groups.counts(connection, library.owner_id)


async def test_a_pair_becomes_one_stack_with_the_jpeg_as_its_cover(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_2.JPG")
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await library.journal() == [(ActionState.DONE, None)]
    assert await group_states(library) == {GroupState.ACTIVE: 1}


async def test_nothing_is_paired_before_the_first_scan_is_complete(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.pair()
    await library.apply()
    assert library.stacks() == []


async def test_a_second_scan_writes_nothing(library: Library) -> None:
    for number in range(5):
        library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=60 * number)
    await library.scan()
    library.immich.calls.clear()
    await library.scan()
    assert library.writes() == []
    assert len(await library.journal()) == 5


async def test_a_later_edit_joins_our_stack_and_the_cover_stays(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.CR3"]]
    assert raw.stack_id == jpeg.stack_id
    assert await group_states(library) == {GroupState.ACTIVE: 1, GroupState.REPLACED: 1}
    library.immich.calls.clear()
    await library.scan()
    assert library.writes() == []


async def test_a_stack_of_the_users_own_is_only_proposed_for_change(library: Library) -> None:
    library.immich.stack(library.user, *library.shoot("IMG_1.JPG", "IMG_1.PNG"))
    library.shoot("IMG_1.CR3")
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.PNG"]]
    assert (await found(library))[FindingKind.REVIEW] == 1


async def test_a_stack_that_the_user_took_apart_stays_apart(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.unstack(library.only_stack())
    for _ in range(3):
        await library.scan()
    assert library.stacks() == []
    assert (await found(library))[FindingKind.RESPECTED] == 1
    # Also after everything is looked at again, as a change of rules does.
    async with library.context.database.write() as connection:
        await work.mark_all(connection, library.owner_id)
    await library.scan()
    assert library.stacks() == []


async def test_a_cover_that_the_user_changed_is_kept_when_the_stack_grows(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.state.write_primary(library.only_stack(), raw.id)
    await library.scan()
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    assert library.stacks() == [["IMG_1.CR3", "IMG_1-Edit.tif", "IMG_1.JPG"]]


async def test_a_stack_whose_cover_is_in_the_trash_does_not_grow(library: Library) -> None:
    _, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_1.PNG")
    await library.scan()
    library.immich.trash(jpeg)
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3", "IMG_1.PNG"]]
    async with library.context.database.read() as connection:
        (finding,) = await findings.of_kinds(connection, library.owner_id, [FindingKind.REVIEW], limit=5)
    assert finding.reasons[0].code is ReasonCode.COVER_HIDDEN


async def test_members_deleted_in_immich_are_no_decision_of_the_user(library: Library) -> None:
    _raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.delete_for_good(jpeg)
    await library.immich.settle()
    await library.scan()
    library.shoot("IMG_1.JPG")
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_a_user_who_stacked_by_hand_meanwhile_is_not_overruled(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    (other,) = library.shoot("OTHER.JPG")
    await library.sync()
    await library.pair()
    library.immich.stack(library.user, raw, other)
    await library.apply()
    assert library.stacks() == [["IMG_1.CR3", "OTHER.JPG"]]
    assert await library.journal() == [(ActionState.WITHDRAWN, "changed in Immich meanwhile")]
    assert jpeg.stack_id is None
    library.clock.advance(seconds=2)
    await library.scan()
    assert library.stacks() == [["IMG_1.CR3", "OTHER.JPG"]]


async def test_a_change_that_is_none_to_the_stack_does_not_stop_the_write(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.state.write(raw, is_favorite=True)
    await library.apply()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_a_vanished_member_withdraws_its_stack_and_no_other(library: Library) -> None:
    gone, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_2.CR3", "IMG_2.JPG", at_s=60)
    await library.sync()
    await library.pair()
    library.immich.delete_for_good(gone)
    await library.immich.settle()
    await library.apply()
    assert library.stacks() == [["IMG_2.JPG", "IMG_2.CR3"]]
    assert sorted(await library.journal()) == [
        (ActionState.DONE, None),
        (ActionState.WITHDRAWN, "deleted in Immich meanwhile"),
    ]
    library.clock.advance(seconds=2)
    await library.scan()
    assert library.stacks() == [["IMG_2.JPG", "IMG_2.CR3"]]


async def test_not_knowing_which_member_vanished_is_no_reason_to_give_up(library: Library) -> None:
    gone, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.delete_for_good(gone)
    await library.immich.settle()
    library.immich.fail("GET", "/assets/*", status=500)
    await library.apply()
    ((state, _),) = await library.journal()
    assert state is ActionState.INTENDED
    library.clock.advance(seconds=10)
    await library.apply()
    assert await library.journal() == [(ActionState.WITHDRAWN, "deleted in Immich meanwhile")]


async def test_a_lost_answer_is_found_out_and_not_written_twice(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", cut=True, after_effect=True)
    await library.apply()
    made = library.only_stack().id
    ((state, error),) = await library.journal()
    assert state is ActionState.INTENDED
    assert error
    library.clock.advance(seconds=10)
    await library.apply()
    assert library.only_stack().id == made
    assert await library.journal() == [(ActionState.DONE, None)]
    assert library.writes() == ["POST /stacks"]


async def test_a_server_that_is_away_lets_writes_wait(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/search/metadata", status=503)
    with pytest.raises(ImmichUnavailable):
        await library.apply()
    assert await library.journal() == [(ActionState.INTENDED, None)]
    library.immich.fail("POST", "/stacks", status=503)
    await library.apply()
    assert library.stacks() == []
    ((_, error),) = await library.journal()
    assert error
    library.clock.advance(seconds=20)
    await library.apply()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_a_lost_permission_waits_for_a_person_and_says_so(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", status=403, body='{"message": "Missing required permission: stack.create"}')
    await library.apply()
    ((state, error),) = await library.journal()
    assert state is ActionState.INTENDED
    assert error is not None
    assert "stack.create" in error
    library.clock.advance(seconds=61)
    await library.apply()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param('{"message": "No stacks on Sundays"}', "Sundays", id="a reason we do not know"),
        pytest.param('{"message": "Not found or no asset.update access"}', "knows every member", id="contradictory"),
    ],
)
async def test_a_refusal_that_no_repetition_mends_fails_with_its_reason(library: Library, body: str, says: str) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", status=400, body=body, times=9)
    for _ in range(4):
        await library.apply()
        library.clock.advance(seconds=60)
    ((state, error),) = await library.journal()
    assert state is ActionState.FAILED
    assert error is not None
    assert says in error
    assert await group_states(library) == {GroupState.WITHDRAWN: 1}


async def test_an_answer_with_other_members_is_noticed(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    # Hidden after the last look: Immich stacks it all the same and does not show it.
    original = library.immich.state.write

    library.immich.fail("POST", "/search/metadata", times=2, status=200, body=EMPTY_PAGE)
    original(raw, visibility=Visibility.HIDDEN)
    await library.apply()
    assert await library.journal() == [(ActionState.FAILED, "Immich shows 1 members in the stack instead of 2")]


EMPTY_PAGE = '{"albums": {}, "assets": {"total": 0, "count": 0, "items": [], "facets": [], "nextPage": null}}'


async def test_a_kill_between_writing_and_recording_leaves_one_stack(library: Library) -> None:
    for number in range(12):
        library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=60 * number)
    await library.sync()
    await library.pair()
    library.immich.traffic.answer_delay_s = 0.05
    task = asyncio.create_task(apply(library.context, library.owner_id))
    while not library.immich.stacks_of(library.user):
        await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    library.immich.traffic.answer_delay_s = 0
    before = {stack.id for stack in library.immich.stacks_of(library.user)}
    await library.apply()
    assert {stack.id for stack in library.immich.stacks_of(library.user)} == before  # still leased
    library.clock.advance(seconds=130)
    await library.apply()
    assert len(library.stacks()) == 12
    assert before <= {stack.id for stack in library.immich.stacks_of(library.user)}
    assert {state for state, _ in await library.journal()} == {ActionState.DONE}


def _brittle(one: Candidate, _other: Candidate, _rules: PairingRules) -> Reason | None:
    if one.asset.name.startswith("BAD"):
        raise ZeroDivisionError("a defect")
    return None


async def test_a_stem_that_breaks_a_rule_stops_no_other(library: Library) -> None:
    library.context = replace(library.context, pipeline=(*RULES, PairRule("brittle", _brittle, no_support)))
    library.shoot("GOOD.CR3", "GOOD.JPG")
    library.shoot("BAD.CR3", "BAD.JPG", at_s=60)
    await library.scan()
    assert library.stacks() == [["GOOD.JPG", "GOOD.CR3"]]
    async with library.context.database.write() as connection:
        await connection.exec_driver_sql(f"UPDATE work SET attempts = {work.MAX_ATTEMPTS}")
        assert await work.failures(connection, library.owner_id) == [("bad", "ZeroDivisionError while pairing")]


async def test_left_alone_and_doubtful_matches_are_recorded_with_reasons(library: Library) -> None:
    library.shoot("IMG_1.JPG")
    library.shoot("IMG_1.CR3", at_s=90)
    await library.scan()
    async with library.context.database.read() as connection:
        (finding,) = await findings.of_kinds(connection, library.owner_id, [FindingKind.LEFT_ALONE], limit=5)
    assert len(finding.asset_ids) == 2
    assert "1.5 min" in str(finding.reasons[0])


async def user_stacks(library: Library, *rows: AssetRow) -> None:
    """The user stacks by hand, and the window in which that may go unnoticed passes."""
    library.immich.stack(library.user, *rows)
    await asyncio.sleep(0)
    library.clock.advance(seconds=10)


async def test_a_withdrawn_write_is_not_planned_anew_on_the_same_old_knowledge(library: Library) -> None:
    _raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    (other,) = library.shoot("OTHER.JPG")
    await library.sync()
    await library.pair()
    await user_stacks(library, jpeg, other)
    for _ in range(3):
        await library.apply()
        await library.pair()
        library.clock.advance(seconds=10)
    assert library.stacks() == [["IMG_1.JPG", "OTHER.JPG"]]
    assert await library.journal() == [(ActionState.WITHDRAWN, "changed in Immich meanwhile")]
    assert (await found(library))[FindingKind.REVIEW] == 1


async def test_a_scan_between_plan_and_write_does_not_swallow_what_the_user_did(library: Library) -> None:
    _raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    (other,) = library.shoot("OTHER.JPG")
    await library.sync()
    await library.pair()
    await user_stacks(library, jpeg, other)
    await library.sync()
    await library.apply()
    assert library.stacks() == [["IMG_1.JPG", "OTHER.JPG"]]


async def test_a_cover_changed_before_the_lost_answer_is_found_out_is_kept(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", cut=True, after_effect=True)
    await library.apply()
    library.immich.state.write_primary(library.only_stack(), raw.id)
    library.clock.advance(seconds=10)
    await library.apply()
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]
    assert await library.journal() == [(ActionState.DONE, None)]
    assert library.writes() == ["POST /stacks"]


async def test_a_stack_undone_before_the_lost_answer_is_found_out_stays_undone(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", cut=True, after_effect=True)
    await library.apply()
    library.immich.unstack(library.only_stack())
    library.clock.advance(seconds=10)
    for _ in range(3):
        await library.apply()
        await library.scan()
    assert library.stacks() == []
    assert (await found(library))[FindingKind.RESPECTED] == 1


async def test_a_stack_that_came_out_otherwise_is_ours_all_the_same(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/search/metadata", times=2, status=200, body=EMPTY_PAGE)
    library.immich.trash(raw)
    await library.apply()
    ((state, _),) = await library.journal()
    assert state is ActionState.FAILED
    library.immich.restore(raw)
    library.immich.unstack(library.only_stack())
    for _ in range(3):
        await library.scan()
    assert library.stacks() == []


async def test_a_stack_answered_in_words_that_we_do_not_know_is_asked_for(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", status=201, body="[]", after_effect=True)
    await library.apply()
    assert await library.journal() == [(ActionState.DONE, None)]
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_writes_stop_between_two_of_them_when_the_process_is_to_end(library: Library) -> None:
    for number in range(30):
        library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=60 * number)
    await library.sync()
    await library.pair()
    library.immich.traffic.answer_delay_s = 0.02
    task = asyncio.create_task(apply(library.context, library.owner_id))
    while not library.immich.stacks_of(library.user):
        await asyncio.sleep(0.002)
    library.context.stopping.set()
    await task
    states = [state for state, _ in await library.journal()]
    assert states.count(ActionState.DONE) == len(library.stacks()) < 30
    library.context.stopping.clear()
    await library.apply()
    assert len(library.stacks()) == 30
    assert library.writes().count("POST /stacks") == 30


async def test_a_write_that_takes_too_long_is_tried_again_and_found(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.jobs.apply.WRITE_TIMEOUT_S", 0.3)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.immich.fail("POST", "/stacks", hang=True, after_effect=True)
    await library.apply()
    ((state, error),) = await library.journal()
    assert (state, error) == (ActionState.INTENDED, "Immich takes too long to make a stack")
    library.clock.advance(seconds=10)
    await library.apply()
    assert await library.journal() == [(ActionState.DONE, None)]
    assert library.writes().count("POST /stacks") <= 1
