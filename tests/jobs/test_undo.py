from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.grouping.memory import Decision, DecisionSource
from sidecar.grouping.reasons import ReasonCode
from sidecar.grouping.restacking import after_change, changes, shapes
from sidecar.jobs.apply import apply
from sidecar.jobs.review import accept
from sidecar.jobs.undo import UndoPlan, intend_undo, plan_undo, result_of, standing
from sidecar.model import AssetId, GroupId, Stack, StackId
from sidecar.storage import decisions, groups, journal
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import Action, ActionKind, ActionState, Entry
from tests.builders import OWNER, asset_id
from tests.jobs.household import Library, open_library
from tests.jobs.test_review import look_again, waiting

A, B, C, D = (asset_id(number) for number in range(1, 5))


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def history(library: Library) -> list[Entry]:
    async with library.context.database.read() as connection:
        return await journal.since(connection, library.owner_id, since_ms=0)


async def intended(library: Library, wanted: Collection[str] | None = None) -> UndoPlan:
    entries = await history(library)
    if wanted is None:
        wanted = [entry.action.id for entry in standing(entries) if entry.action.kind is not ActionKind.UNDO]
    plan = plan_undo(entries, wanted)
    await intend_undo(library.context, library.owner_id, plan)
    return plan


async def undo(library: Library, wanted: Collection[str] | None = None) -> list[tuple[ActionState, str | None]]:
    """How the writes ended that took back what was wanted, or everything."""
    await intended(library, wanted)
    library.clock.advance(seconds=1)
    await library.apply()
    return [(entry.state, entry.error) for entry in await history(library) if entry.action.kind is ActionKind.UNDO]


DONE = (ActionState.DONE, None)


async def test_a_stack_is_taken_back_and_stays_so(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    assert await undo(library) == [DONE]
    assert library.stacks() == []
    await look_again(library)
    assert library.stacks() == []
    assert await waiting(library) == []
    async with library.context.database.read() as connection:
        (kept,) = await decisions.everything(connection, library.owner_id)
        assert await groups.counts(connection, library.owner_id) == {GroupState.UNDONE: 1}
    assert kept[1] == Decision(frozenset({AssetId(raw.id), AssetId(jpeg.id)}), source=DecisionSource.UNDONE)
    assert (library.immich.memo_of(raw) or {})["apart"] == [[jpeg.id]]


async def test_taking_back_can_be_taken_back(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    await undo(library)
    (taking_back,) = [each.action.id for each in await history(library) if each.action.kind is ActionKind.UNDO]
    assert await undo(library, [taking_back]) == [DONE, DONE]
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert library.immich.memo_of(raw) is None
    # It is ours again, and so it grows.
    library.shoot("IMG_1-Edit.tif")
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.CR3"]]


async def test_an_extension_is_taken_back_to_the_stack_before(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    extension = (await history(library))[-1].action
    assert await undo(library, [extension.id]) == [DONE]
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await waiting(library) == []
    # The stack before is ours as it was: another version joins it.
    library.shoot("IMG_1.PNG")
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3", "IMG_1.PNG"]]


async def test_writes_that_build_upon_each_other_go_in_one_step(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    before = len(library.writes())
    assert await undo(library) == [DONE]
    assert library.stacks() == []
    assert [write.split("/")[0] for write in library.writes()[before:]] == ["DELETE "]


async def test_what_another_write_builds_upon_stays(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    first, extension = (entry.action for entry in await history(library))
    plan = await intended(library, [first.id])
    assert plan.ways == ()
    assert plan.refused == ((first, f"a later write builds upon it: {extension.id}"),)


async def test_the_covers_of_before_come_back(library: Library) -> None:
    raw, jpeg, edit, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.PNG")
    library.immich.stack(library.user, raw, jpeg)
    library.immich.stack(library.user, png, edit)
    await library.scan()
    (finding,) = await waiting(library)
    await accept(library.context, library.owner_id, finding.id)
    await library.scan()
    assert len(library.stacks()) == 1
    assert await undo(library) == [DONE]
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"], ["IMG_1.PNG", "IMG_1-Edit.tif"]]
    await look_again(library)
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"], ["IMG_1.PNG", "IMG_1-Edit.tif"]]
    assert await waiting(library) == []


@pytest.mark.parametrize("act", ["cover", "member", "gone", "trashed", "unstacked and restacked"])
async def test_what_no_longer_fits_the_present_is_left_as_it_is(library: Library, act: str) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    (other,) = library.shoot("OTHER.JPG")
    await library.scan()
    match act:
        case "cover":
            library.immich.state.write_primary(library.only_stack(), raw.id)
        case "member":
            library.immich.stack(library.user, jpeg, other)
        case "gone":
            library.immich.delete_for_good(raw)
            await library.immich.settle()
        case "trashed":
            library.immich.trash(raw)
        case _:
            library.immich.unstack(library.only_stack())
            library.immich.stack(library.user, raw, other)
    shown, before = library.stacks(), library.writes()
    ((state, error),) = await undo(library)
    assert state is ActionState.WITHDRAWN
    assert error
    assert library.stacks() == shown
    assert library.writes() == before
    await look_again(library, scans=1)
    assert library.stacks() == shown


async def test_what_the_user_took_apart_first_counts_as_taken_back(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.unstack(library.only_stack())
    before = library.writes()
    assert await undo(library) == [DONE]
    assert library.writes() == before


async def test_a_lost_answer_in_the_middle_of_the_way_is_found_out(library: Library) -> None:
    raw, jpeg, edit, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.PNG")
    library.immich.stack(library.user, raw, jpeg)
    library.immich.stack(library.user, png, edit)
    await library.scan()
    (finding,) = await waiting(library)
    await accept(library.context, library.owner_id, finding.id)
    await library.scan()
    await intended(library)
    library.immich.fail("POST", "/stacks", cut=True, after_effect=True)
    await library.apply()
    library.clock.advance(seconds=10)
    await library.apply()
    assert (await history(library))[-1].state is ActionState.DONE
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"], ["IMG_1.PNG", "IMG_1-Edit.tif"]]


async def test_a_kill_while_taking_back_leaves_nothing_half_done(library: Library) -> None:
    for number in range(8):
        library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=60 * number)
    await library.scan()
    await intended(library)
    library.immich.traffic.answer_delay_s = 0.03
    task = asyncio.create_task(apply(library.context, library.owner_id))
    while len(library.stacks()) == 8:
        await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    library.immich.traffic.answer_delay_s = 0
    library.clock.advance(seconds=130)
    await library.apply()
    assert library.stacks() == []
    await look_again(library, scans=1)
    assert library.stacks() == []
    async with library.context.database.read() as connection:
        assert len(await decisions.everything(connection, library.owner_id)) == 8


def entry(number: int, before: list[Stack], after: list[Stack], *, state: ActionState = ActionState.DONE) -> Entry:
    members = tuple(dict.fromkeys(member for stack in (*after, *before) for member in stack.member_ids))
    action = Action(
        f"w{number}", OWNER, GroupId("g"), "stem", ActionKind.SET_COVER, members, tuple(before),
        known_at_ms=0, members_at_ms=0, after=tuple(after),
    )  # fmt: skip
    return Entry(action, state, None, intended_at_ms=number, ended_at_ms=number)


def stack(*members: AssetId) -> Stack:
    return Stack(StackId(""), members[0], tuple(sorted(members)))


def test_what_was_never_done_is_not_taken_back() -> None:
    entries = [entry(1, [], [stack(A, B)], state=ActionState.WITHDRAWN)]
    assert plan_undo(entries, ["w1"]) == UndoPlan((), ())


def test_what_was_taken_back_already_is_told() -> None:
    first = entry(1, [], [stack(A, B)])
    back = Entry(
        Action("u", OWNER, GroupId(""), "stem", ActionKind.UNDO, (A, B), (stack(A, B),),
               known_at_ms=0, members_at_ms=0, after=(), undoes=("w1",)),
        ActionState.DONE, None, intended_at_ms=2, ended_at_ms=2,
    )  # fmt: skip
    assert standing([first, back]) == [back]
    assert plan_undo([first, back], ["w1"]).refused == ((first.action, "taken back already"),)
    assert plan_undo([first], ["x"]) == UndoPlan((), ())


def test_a_stack_of_one_cannot_come_back() -> None:
    lonely = entry(1, [stack(A)], [])
    assert plan_undo([lonely], ["w1"]).refused == ((lonely.action, "Immich makes no stack of one"),)


def test_writes_upon_two_parts_of_one_write_all_go_together() -> None:
    entries = [
        entry(1, [], [stack(A, B), stack(C, D)]),
        entry(2, [stack(A, B)], []),
        entry(3, [stack(C, D)], []),
    ]
    (way,) = plan_undo(entries, ["w1", "w2", "w3"]).ways
    assert sorted(action.id for action in way.undoes) == ["w1", "w2", "w3"]
    assert (way.present, way.former) == (frozenset(), frozenset())


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Some writes, each upon what the one before left behind."""
    present: list[Stack] = []
    entries: list[Entry] = []
    for number in range(draw(st.integers(0, 5))):
        cells = draw(st.lists(st.integers(0, 2), min_size=4, max_size=4))
        after = []
        for cell in (1, 2):
            members = [each for each, place in zip((A, B, C, D), cells, strict=True) if place == cell]
            if len(members) > 1:
                first = draw(st.sampled_from(members))
                after.append(stack(first, *(each for each in members if each != first)))
        changed_before = [each for each in present if each not in after]
        changed_after = [each for each in after if each not in present]
        entries.append(entry(number, changed_before, changed_after))
        present = after
    return entries


@given(lives(), st.integers(0, 5))
def test_all_since_a_moment_leads_back_to_what_was_there_then(entries: list[Entry], since: int) -> None:
    wanted = [each.action.id for each in entries if each.intended_at_ms >= since]
    plan = plan_undo(entries, wanted)
    assert plan.refused == ()
    assert sorted(action.id for way in plan.ways for action in way.undoes) == sorted(wanted)
    now, then = frozenset[object](), frozenset[object]()
    for each in entries:
        now = now - shapes(each.action.before) | result_of(each)
        if each.intended_at_ms < since:
            then = now
    for way in plan.ways:
        assert way.present <= now
        state = now
        for change in changes(way.present, way.former):
            state = after_change(state, change)  # type: ignore[arg-type]
        now = state
    assert now == then


async def test_a_stack_that_the_user_made_anew_is_not_ours_to_take_back(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.unstack(library.only_stack())
    library.immich.stack(library.user, jpeg, raw)
    before = library.writes()
    assert await undo(library) == [(ActionState.WITHDRAWN, "changed in Immich since")]
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert library.writes() == before


async def test_what_was_the_users_is_the_users_again(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.immich.stack(library.user, raw, jpeg)
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    await accept(library.context, library.owner_id, (await waiting(library))[0].id)
    await library.scan()
    assert await undo(library) == [DONE]
    library.shoot("IMG_1.PNG")
    await look_again(library)
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]
    assert [finding.reasons[0].code for finding in await waiting(library)] == [ReasonCode.USERS_STACK]


@pytest.mark.parametrize("meanwhile", ["trashed", "deleted"])
async def test_what_was_begun_is_brought_to_an_end_whatever_happens_meanwhile(library: Library, meanwhile: str) -> None:
    raw, jpeg, edit, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.PNG")
    library.immich.stack(library.user, raw, jpeg)
    library.immich.stack(library.user, png, edit)
    await library.scan()
    await accept(library.context, library.owner_id, (await waiting(library))[0].id)
    await library.scan()
    await intended(library)
    library.immich.fail("POST", "/stacks", status=503)
    await library.apply()
    assert library.stacks() == []
    if meanwhile == "trashed":
        library.immich.trash(png)
        library.clock.advance(seconds=10)
        await library.apply()
        last = (await history(library))[-1]
        assert (last.state, last.error) == (
            ActionState.INTENDED,
            "half of it is done; some of it is in the trash or hidden: restore it first",
        )
        library.immich.restore(png)
    else:
        library.immich.delete_for_good(png)
        await library.immich.settle()
    library.clock.advance(seconds=400)
    await library.apply()
    whole = [["IMG_1.CR3", "IMG_1.JPG"], ["IMG_1.PNG", "IMG_1-Edit.tif"]]
    assert library.stacks() == (whole if meanwhile == "trashed" else whole[:1])
    assert (await history(library))[-1].state is ActionState.DONE
    await look_again(library)
    assert library.stacks() == (whole if meanwhile == "trashed" else whole[:1])
