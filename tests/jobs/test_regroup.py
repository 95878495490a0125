from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.stacks import leave_stack
from sidecar.errors import ImmichRefused, ParameterError, StaleDecision
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.jobs import regroup
from sidecar.jobs.regroup import NotShown
from sidecar.jobs.review import Answer
from sidecar.model import AssetId, OwnerId, Visibility
from sidecar.preferences import Matching
from sidecar.storage import groups, journal, listed_groups, tables
from sidecar.storage.database import Database
from sidecar.storage.groups import GroupState
from sidecar.storage.journal import Action, ActionKind, ActionState
from sidecar.storage.listed_groups import ListedGroup
from tests.jobs.household import Library, open_library
from tests.jobs.test_review import ASKS_FIRST, decided, look_again, waiting
from tests.jobs.test_undo import DONE, undo

BY_HAND = pytest.mark.parametrize("by_hand", [pytest.param(False, id="ours"), pytest.param(True, id="the user's own")])
BOB = OwnerId("00000000-0000-4000-8000-0000000000bb")


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def listed(library: Library) -> list[ListedGroup]:
    async with library.context.database.read() as connection:
        return list((await listed_groups.page(connection, library.owner_id, limit=100)).groups)


async def only(library: Library) -> ListedGroup:
    (group,) = await listed(library)
    return group


async def cover(library: Library, row: AssetRow, group: ListedGroup | None = None) -> Action:
    group = group or await only(library)
    return await regroup.set_primary(
        library.context, library.owner_id, group.id, AssetId(row.id), revision=group.revision
    )


async def take_apart(library: Library, group: ListedGroup | None = None) -> Action:
    group = group or await only(library)
    return await regroup.unstack(library.context, library.owner_id, group.id, revision=group.revision)


async def a_stack(library: Library, *, by_hand: bool = False) -> tuple[AssetRow, AssetRow]:
    """The RAW and the JPEG, the JPEG being the cover."""
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    if by_hand:
        library.immich.stack(library.user, jpeg, raw)
    await library.scan()
    return raw, jpeg


async def group_counts(library: Library) -> dict[GroupState, int]:
    async with library.context.database.read() as connection:
        return await groups.counts(connection, library.owner_id)


def ids(*rows: AssetRow) -> frozenset[AssetId]:
    return frozenset(AssetId(row.id) for row in rows)


@BY_HAND
async def test_a_chosen_cover_is_made_the_cover_and_no_scan_fights_it(library: Library, *, by_hand: bool) -> None:
    raw, jpeg = await a_stack(library, by_hand=by_hand)
    before, stack = await only(library), library.only_stack()
    assert (before.is_ours, before.type) == (not by_hand, "raw_jpeg")
    action = await cover(library, raw)
    assert (action.kind, action.member_ids[0], action.group_id) == (ActionKind.SET_COVER, raw.id, before.id)
    await library.scan()
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]
    writes = library.writes()
    await look_again(library)
    assert library.writes() == writes
    after = await only(library)
    assert library.only_stack().id == stack.id
    # It keeps its name and its owner: a stack that somebody made by hand does not become ours.
    assert (after.id, after.is_ours, after.primary_id) == (before.id, before.is_ours, raw.id)
    assert await group_counts(library) == {GroupState.SEEN if by_hand else GroupState.ACTIVE: 1}
    assert await decided(library) == [
        Decision(ids(raw, jpeg), DecisionKind.COVER, AssetId(raw.id), DecisionSource.ACCEPTED)
    ]


async def test_a_stack_that_no_rule_would_make_gets_another_cover_too(library: Library) -> None:
    one, other = library.shoot("A.JPG", "B.JPG")
    library.immich.stack(library.user, one, other)
    await library.scan()
    assert (await only(library)).type == "stack"
    await cover(library, other)
    await library.scan()
    assert library.stacks() == [["B.JPG", "A.JPG"]]
    assert await group_counts(library) == {}


@BY_HAND
async def test_what_is_taken_apart_stays_apart(library: Library, *, by_hand: bool) -> None:
    raw, jpeg = await a_stack(library, by_hand=by_hand)
    action = await take_apart(library)
    assert (action.kind, action.after) == (ActionKind.DISSOLVE_STACK, ())
    await library.scan()
    assert library.stacks() == []
    writes = library.writes()
    await look_again(library)
    assert library.writes() == writes
    assert await listed(library) == []
    assert await waiting(library) == []
    assert await decided(library) == [Decision(ids(raw, jpeg), source=DecisionSource.UNSTACKED)]
    assert (library.immich.memo_of(raw) or {})["apart"] == [[jpeg.id]]


@BY_HAND
async def test_a_chosen_cover_can_be_taken_back(library: Library, *, by_hand: bool) -> None:
    raw, _ = await a_stack(library, by_hand=by_hand)
    action = await cover(library, raw)
    await library.scan()
    assert await undo(library, [action.id]) == [DONE]
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]


@BY_HAND
async def test_taking_apart_can_be_taken_back(library: Library, *, by_hand: bool) -> None:
    await a_stack(library, by_hand=by_hand)
    action = await take_apart(library)
    await library.scan()
    assert await undo(library, [action.id]) == [DONE]
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await decided(library) == []


async def test_a_write_interrupted_after_immich_heard_it_is_not_made_twice(library: Library) -> None:
    raw, _ = await a_stack(library)
    action = await cover(library, raw)
    await claimed_by_a_killed_worker(library)
    library.immich.state.write_primary(library.only_stack(), raw.id)  # it had arrived
    writes = len(library.writes())
    await library.scan()
    assert [call for call in library.writes()[writes:] if "/stacks" in call] == []
    assert await state_of(library, action) is ActionState.DONE
    action = await take_apart(library)
    await claimed_by_a_killed_worker(library)
    library.immich.unstack(library.only_stack())
    await library.scan()
    assert await state_of(library, action) is ActionState.DONE
    assert library.stacks() == []


async def test_a_write_interrupted_before_immich_heard_it_is_made_later(library: Library) -> None:
    raw, _ = await a_stack(library)
    await cover(library, raw)
    await claimed_by_a_killed_worker(library)
    await library.scan()
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]
    await take_apart(library)
    await claimed_by_a_killed_worker(library)
    await library.scan()
    assert library.stacks() == []


async def claimed_by_a_killed_worker(library: Library) -> None:
    async with library.context.database.write() as connection:
        await journal.claim(
            connection, library.owner_id, lease="killed", now_ms=library.clock(), lease_ms=1_000, limit=9
        )
    library.clock.advance(seconds=2)


async def state_of(library: Library, action: Action) -> ActionState:
    async with library.context.database.read() as connection:
        (entry,) = await journal.entries(connection, library.owner_id, [action.id])
    return entry.state


async def test_a_decision_on_what_is_no_more_is_refused_and_changes_nothing(library: Library) -> None:
    raw, _ = await a_stack(library)
    group = await only(library)
    for changed in (replace(group, revision="another"), replace(group, id="nobody's")):
        with pytest.raises(StaleDecision):
            await cover(library, raw, changed)
        with pytest.raises(StaleDecision):
            await take_apart(library, changed)
    for act in (
        regroup.unstack(library.context, BOB, group.id, revision=group.revision),
        regroup.set_primary(library.context, BOB, group.id, AssetId(raw.id), revision=group.revision),
    ):
        with pytest.raises(StaleDecision):
            await act
    with pytest.raises(ParameterError):
        await regroup.set_primary(
            library.context, library.owner_id, group.id, AssetId("stranger"), revision=group.revision
        )
    assert await decided(library) == []
    assert [state for state, _ in await library.journal()] == [ActionState.DONE]


async def test_while_one_decision_is_on_its_way_no_other_is_taken(library: Library) -> None:
    raw, jpeg = await a_stack(library)
    group = await only(library)
    await cover(library, raw)
    for again in (cover(library, jpeg, group), take_apart(library, group)):
        with pytest.raises(StaleDecision, match="on its way"):
            await again
    await library.apply()
    await take_apart(library)


async def test_a_decision_about_one_of_two_groups_with_one_name_leaves_the_other_free(library: Library) -> None:
    await a_stack(library)
    library.shoot("IMG_1.CR3", "IMG_1.JPG", at_s=86_400)  # a counter that began anew
    await library.scan()
    newer, older = await listed(library)
    await take_apart(library, newer)
    await take_apart(library, older)
    await library.scan()
    assert library.stacks() == []


async def test_a_larger_stack_that_is_about_to_be_made_of_it_comes_first(library: Library) -> None:
    raw, _ = await a_stack(library)
    group = await only(library)
    library.shoot("IMG_1-Edit.tif")
    await library.sync()
    await library.pair()
    with pytest.raises(StaleDecision):
        await cover(library, raw, group)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"visibility": "archive"}, id="archived alone"),
        pytest.param({"visibility": "hidden"}, id="hidden"),
        pytest.param({"is_trashed": True}, id="in the trash"),
        pytest.param({"is_offline": True}, id="offline"),
    ],
)
async def test_a_cover_that_would_hide_the_stack_is_refused(library: Library, facts: dict[str, object]) -> None:
    raw, _ = await a_stack(library)
    async with library.context.database.write() as connection:
        await connection.execute(update(tables.assets).where(tables.assets.c.asset_id == raw.id).values(facts))
    with pytest.raises(NotShown):
        await cover(library, raw)
    assert await decided(library) == []


async def test_a_third_cover_chosen_in_immich_meanwhile_wins(library: Library) -> None:
    raw, _, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    await library.scan()
    action = await cover(library, png)
    library.immich.state.write_primary(library.only_stack(), raw.id)
    await library.scan()
    assert await state_of(library, action) is ActionState.WITHDRAWN
    await look_again(library)
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG"]]
    assert (await decided(library))[-1].chosen == raw.id


async def test_in_the_archive_an_archived_one_may_be_the_cover(library: Library) -> None:
    raw, jpeg = await a_stack(library)
    for row in (raw, jpeg):
        library.immich.set_visibility(row, Visibility.ARCHIVE)
    await library.scan()
    await cover(library, raw)
    await library.scan()
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]


async def test_a_cover_that_left_the_stack_meanwhile_is_not_made_and_the_one_that_stayed_counts(
    library: Library,
) -> None:
    raw, _, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    await library.scan()
    action = await cover(library, png)
    assert png.stack_id is not None
    leave_stack(library.immich.state, png, png.stack_id)
    await library.scan()
    assert await state_of(library, action) is ActionState.WITHDRAWN
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert raw.stack_id is not None


async def test_a_stack_that_grew_meanwhile_is_not_taken_apart(library: Library) -> None:
    await a_stack(library)
    action = await take_apart(library)
    (other,) = library.shoot("Z.JPG", at_s=60)
    other.stack_id = library.only_stack().id
    library.immich.state.write(other, stack_id=library.only_stack().id)
    await library.scan()
    assert await state_of(library, action) is ActionState.WITHDRAWN
    assert (await library.journal())[-1][1] is not None
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3", "Z.JPG"]]


async def test_every_name_in_a_stack_made_by_hand_is_looked_at_again(library: Library) -> None:
    one, two = library.shoot("A.CR3", "A.JPG")
    three, four = library.shoot("B.CR3", "B.JPG", at_s=60)
    library.immich.stack(library.user, two, one, four, three)
    await library.scan()
    await take_apart(library)
    await library.scan()
    assert library.stacks() == []
    library.clock.advance(seconds=30)
    await look_again(library)
    assert library.stacks() == []
    assert await listed(library) == []


async def test_a_proposal_is_decided_as_it_was_shown_or_not_at_all(library: Library) -> None:
    library.context = replace(library.context, matching=ASKS_FIRST)
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    shown = await only(library)
    assert shown.primary_id == jpeg.id
    # The same proposal under another cover.
    library.context = replace(library.context, matching=Matching(ask_first=True, auto_primary_preference=("raw",)))
    await library.scan()
    now = await only(library)
    assert (now.id, now.primary_id) == (shown.id, raw.id)
    assert now.revision != shown.revision
    with pytest.raises(StaleDecision):
        await regroup.accept(library.context, library.owner_id, shown.id, revision=shown.revision)
    with pytest.raises(StaleDecision):
        await regroup.reject(library.context, library.owner_id, shown.id, revision=shown.revision)
    assert await decided(library) == []
    answer = Answer(cover=AssetId(jpeg.id))
    await regroup.accept(library.context, library.owner_id, now.id, answer, revision=now.revision)
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    for gone in (shown.id, "\0", "nothing"):
        with pytest.raises(StaleDecision):
            await regroup.reject(library.context, library.owner_id, gone, revision=now.revision)


@pytest.mark.parametrize("word", ["cover", "apart", "accept", "reject"])
async def test_of_many_who_decide_at_once_about_one_group_one_wins(
    library: Library, database: Database, word: str
) -> None:
    matching = ASKS_FIRST if word in {"accept", "reject"} else Matching()
    library.context = replace(library.context, database=database, matching=matching)
    raw, _ = await a_stack(library)
    group = await only(library)

    async def one() -> object:
        context, owner_id, revision = library.context, library.owner_id, group.revision
        match word:
            case "cover":
                return await regroup.set_primary(context, owner_id, group.id, AssetId(raw.id), revision=revision)
            case "apart":
                return await regroup.unstack(context, owner_id, group.id, revision=revision)
            case "accept":
                return await regroup.accept(context, owner_id, group.id, revision=revision)
            case _:
                await regroup.reject(context, owner_id, group.id, revision=revision)
                return None

    answers = await asyncio.gather(*(one() for _ in range(8)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 7
    assert all(isinstance(answer, StaleDecision) for answer in refused)
    await library.scan()
    assert (
        library.stacks()
        == {
            "cover": [["IMG_1.CR3", "IMG_1.JPG"]],
            "apart": [],
            "accept": [["IMG_1.JPG", "IMG_1.CR3"]],
            "reject": [],
        }[word]
    )
    assert all(state is ActionState.DONE for state, _ in await library.journal())


async def test_what_somebody_stacked_anew_meanwhile_is_not_taken_apart(library: Library) -> None:
    raw, jpeg = await a_stack(library)
    action = await take_apart(library)
    await claimed_by_a_killed_worker(library)
    library.immich.unstack(library.only_stack())
    library.immich.stack(library.user, raw, jpeg)
    await library.scan()
    assert await state_of(library, action) is not ActionState.DONE
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]


async def test_what_is_gone_is_taken_apart(library: Library) -> None:
    raw, _ = await a_stack(library)
    action = await take_apart(library)
    await claimed_by_a_killed_worker(library)
    library.immich.unstack(library.only_stack())
    library.immich.delete_for_good(raw)
    await library.scan()
    assert await state_of(library, action) is ActionState.DONE


def test_who_has_left_has_no_client(library: Library) -> None:
    with pytest.raises(ImmichRefused, match="not connected any more"):
        library.context.immich(BOB)
