from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.demo.immich.rows import AssetRow
from sidecar.errors import ContractBroken, StaleDecision
from sidecar.jobs.restack import restack
from sidecar.jobs.review import accept
from sidecar.model import AssetId, GroupId, Stack, StackId
from sidecar.storage.journal import Action, ActionKind, ActionState
from tests.jobs.household import Library, open_library
from tests.jobs.test_review import look_again, only_waiting, waiting
from tests.jobs.test_undo import DONE, history, undo


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


def shown(*members: AssetRow, stack_id: str = "") -> Stack:
    return Stack(StackId(stack_id), AssetId(members[0].id), tuple(sorted(AssetId(row.id) for row in members)))


def action(library: Library, kind: ActionKind, before: list[Stack], after: list[Stack]) -> Action:
    members = dict.fromkeys(
        (*(stack.primary_id for stack in after), *(member for each in (*before, *after) for member in each.member_ids))
    )
    return Action(
        "w", library.owner_id, GroupId(""), "stem", kind, tuple(members), tuple(before),
        known_at_ms=0, members_at_ms=0, after=tuple(after),
    )  # fmt: skip


async def test_each_single_change_is_made_through_immich(library: Library) -> None:
    a, b, c, d = library.shoot("A.JPG", "B.JPG", "C.JPG", "D.JPG")
    library.immich.stack(library.user, a, b, c)
    immich = library.context.immich(library.owner_id)
    await restack(immich, action(library, ActionKind.UNDO, [shown(a, b, c)], [shown(b, c)]))
    assert library.stacks() == [["B.JPG", "C.JPG"]]
    await restack(immich, action(library, ActionKind.UNDO, [shown(b, c)], [shown(c, d), shown(a, b)]))
    assert library.stacks() == [["A.JPG", "B.JPG"], ["C.JPG", "D.JPG"]]
    seen = await restack(immich, action(library, ActionKind.UNDO, [shown(a, b), shown(c, d)], []))
    assert library.stacks() == []
    assert set(seen.values()) == {None}


async def test_an_immich_that_shows_something_else_in_the_end_is_not_believed(library: Library) -> None:
    a, b = library.shoot("A.JPG", "B.JPG")
    immich = library.context.immich(library.owner_id)
    library.immich.fail("POST", "/stacks", status=201, body='{"id": "x", "primaryAssetId": "y", "assets": []}')
    with pytest.raises(ContractBroken, match="other stacks"):
        await restack(immich, action(library, ActionKind.UNDO, [], [shown(a, b)]))


async def test_a_stack_to_be_taken_apart_may_be_gone_already_but_not_have_changed(library: Library) -> None:
    a, b = library.shoot("A.JPG", "B.JPG")
    stack = library.immich.stack(library.user, a, b)
    immich = library.context.immich(library.owner_id)
    lonely = shown(a, stack_id=stack.id)
    with pytest.raises(StaleDecision):
        await restack(immich, action(library, ActionKind.DISSOLVE_STACK, [lonely], []))
    assert library.stacks() == [["A.JPG", "B.JPG"]]
    library.immich.unstack(stack)
    assert await restack(immich, action(library, ActionKind.DISSOLVE_STACK, [lonely], [])) == {a.id: None}


async def test_a_cover_is_chosen_only_where_it_still_can_be(library: Library) -> None:
    a, b, c = library.shoot("A.JPG", "B.JPG", "C.JPG")
    stack = library.immich.stack(library.user, a, b, c)
    immich = library.context.immich(library.owner_id)
    before = shown(a, b, c, stack_id=stack.id)
    choose_b = action(library, ActionKind.SET_COVER, [before], [replace(before, primary_id=AssetId(b.id))])
    library.immich.state.write_primary(stack, c.id)
    with pytest.raises(StaleDecision):  # somebody chose another one
        await restack(immich, choose_b)
    library.immich.state.write_primary(stack, b.id)
    writes = library.writes()
    assert (await restack(immich, choose_b))[AssetId(b.id)] == replace(before, primary_id=AssetId(b.id))
    assert library.writes() == writes
    library.immich.state.write_primary(stack, a.id)
    library.immich.trash(b)
    with pytest.raises(StaleDecision):  # it is not shown any more
        await restack(immich, choose_b)
    library.immich.restore(b)
    library.immich.fail(
        "PUT", "/stacks/*", status=200, body=f'{{"id": "{stack.id}", "primaryAssetId": "{a.id}", "assets": []}}'
    )
    with pytest.raises(ContractBroken, match="another cover"):
        await restack(immich, choose_b)
    library.immich.unstack(stack)
    with pytest.raises(StaleDecision):
        await restack(immich, choose_b)


async def test_a_mended_cover_can_be_taken_back_once_the_former_one_is_there_again(library: Library) -> None:
    _raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_1.PNG")
    await library.scan()
    library.immich.trash(jpeg)
    await library.scan()
    await accept(library.context, library.owner_id, (await only_waiting(library)).id)
    await library.apply()
    (mended,) = [each.action.id for each in await history(library) if each.action.kind is ActionKind.SET_COVER]
    ((state, error),) = await undo(library, [mended])
    assert (state, error) == (ActionState.WITHDRAWN, "some of it is in the trash or hidden: restore it first")
    library.immich.restore(jpeg)
    assert (await undo(library, [mended]))[-1] == DONE
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3", "IMG_1.PNG"]]
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3", "IMG_1.PNG"]]


async def test_a_broken_stack_of_several_names_is_told_of_once(library: Library) -> None:
    one, two, three = library.shoot("IMG_1.JPG", "IMG_2.JPG", "IMG_3.JPG")
    library.immich.stack(library.user, one, two, three)
    await library.scan()
    library.immich.trash(one)
    await look_again(library)
    assert [finding.asset_ids for finding in await waiting(library)] == [
        tuple(sorted((two.id, three.id), key=[two.id, three.id].index))
    ]
    library.immich.state.write(two, is_favorite=True)
    library.immich.set_visibility(three, three.visibility)
    await library.scan()
    assert len(await waiting(library)) == 1
