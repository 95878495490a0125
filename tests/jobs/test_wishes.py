from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from sidecar.grouping.memo import memo_of
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.jobs.asking import recall
from sidecar.jobs.queue import QUEUE_NAME, Queue
from sidecar.jobs.wishes import bring_together, come_true
from sidecar.model import Asset, AssetId, GroupId, identity_of
from sidecar.storage import assets, decisions, work
from sidecar.storage.journal import Action, ActionKind, Origin
from tests.builders import asset_id, make_asset
from tests.jobs.household import Library, open_library
from tests.jobs.test_review import decided

A, B, C, D, E = (make_asset(f"IMG_1.{extension}") for extension in ("JPG", "CR2", "PNG", "TIF", "HEIC"))
B_ANEW = replace(B, id=asset_id(7001))


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        await record(opened, A, B, C, D, E)
        yield opened


async def record(library: Library, *seen: Asset) -> None:
    async with library.context.database.write() as connection:
        told = {asset.id: ("img_1", replace(asset, owner_id=library.owner_id)) for asset in seen}
        await assets.record(connection, library.owner_id, told, scan_id=1)


async def decide(library: Library, *new: Decision) -> None:
    async with library.context.database.write() as connection:
        numbered = [(library.context.new_id(), decision) for decision in new]
        await decisions.add(connection, library.owner_id, numbered, now_ms=library.clock())


async def bring(library: Library, *together: frozenset[AssetId]) -> None:
    async with library.context.database.write() as connection:
        await bring_together(library.context, connection, library.owner_id, together)


async def gone(library: Library, *ids: AssetId) -> None:
    async with library.context.database.write() as connection:
        await assets.remove(connection, library.owner_id, ids)


async def marked(library: Library) -> set[AssetId]:
    async with library.context.database.write() as connection:
        marks = await decisions.claim_memos(connection, library.owner_id, now_ms=library.clock(), lease_ms=0, limit=99)
    return {mark.asset_id for mark in marks}


def ids(*seen: Asset) -> frozenset[AssetId]:
    return frozenset(asset.id for asset in seen)


def apart(*seen: Asset) -> Decision:
    return Decision(ids(*seen), source=DecisionSource.REJECTED)


def pairs(found: list[Decision]) -> set[frozenset[AssetId]]:
    return {frozenset(pair) for decision in found for pair in combinations(decision.asset_ids, 2)}


@pytest.mark.parametrize(
    ("known", "together", "left"),
    [
        pytest.param([apart(A, B)], [ids(A, B)], [], id="all of it"),
        pytest.param([apart(A, B)], [ids(A, B, C)], [], id="all of it, and more"),
        pytest.param([apart(A, B, C)], [ids(A, B)], [apart(A, C), apart(B, C)], id="all but one"),
        pytest.param([apart(A, B, C, D)], [ids(A, B)], [apart(A, C, D), apart(B, C, D)], id="some of it"),
        pytest.param([apart(A, B, C)], [ids(C, D)], [apart(A, B, C)], id="only one of it"),
        pytest.param([apart(A, B)], [ids(C, D)], [apart(A, B)], id="none of it"),
        pytest.param([apart(A, B), apart(A, C)], [ids(A, B)], [apart(A, C)], id="one of two"),
        pytest.param(
            [apart(A, B, C), apart(A, B, D)],
            [ids(A, B)],
            [apart(A, C), apart(B, C), apart(A, D), apart(B, D)],
            id="two that overlap",
        ),
        pytest.param(
            [apart(A, B, C, D)],
            [ids(A, B), ids(C, D)],
            [apart(A, C), apart(A, D), apart(B, C), apart(B, D)],
            id="two stacks out of one decision",
        ),
    ],
)
async def test_whom_the_user_brings_together_is_not_kept_apart_and_everybody_else_is(
    library: Library, known: list[Decision], together: list[frozenset[AssetId]], left: list[Decision]
) -> None:
    await decide(library, *known)
    await bring(library, *together)
    found = await decided(library)
    assert set(found) == set(left)
    assert len(found) == len(left)
    ended = {frozenset(pair) for members in together for pair in combinations(members, 2)}
    assert pairs(found) == pairs(known) - ended


async def test_two_of_a_long_burst_brought_together_leave_two_decisions(library: Library) -> None:
    frames = [make_asset(f"IMG_{number:04}.JPG") for number in range(200)]
    await record(library, *frames)
    await decide(library, apart(*frames))
    await bring(library, ids(*frames[:2]))
    assert set(await decided(library)) == {apart(frames[0], *frames[2:]), apart(frames[1], *frames[2:])}


async def test_what_is_no_decision_to_keep_apart_stays(library: Library) -> None:
    cover = Decision(ids(A, B), DecisionKind.COVER, A.id)
    await decide(library, cover)
    await bring(library, ids(A, B))
    assert await decided(library) == [cover]


async def test_what_was_decided_about_a_former_id_ends_too(library: Library) -> None:
    await decide(library, apart(A, B), apart(B, C), apart(B, D))
    await gone(library, B.id)
    await record(library, B_ANEW)
    await bring(library, ids(A, B_ANEW))
    assert set(await decided(library)) == {apart(B, C), apart(B, D)}
    await bring(library, ids(C, D, B_ANEW))
    assert await decided(library) == []


async def test_what_remains_of_such_a_decision_is_about_the_present_id(library: Library) -> None:
    await decide(library, apart(A, B, C))
    await gone(library, B.id)
    await record(library, B_ANEW)
    await bring(library, ids(A, B_ANEW))
    assert set(await decided(library)) == {apart(A, C), apart(B_ANEW, C)}


async def test_who_is_gone_and_stays_apart_is_known_again_when_it_comes_back(library: Library) -> None:
    await decide(library, apart(A, B, C))
    await gone(library, B.id)
    await bring(library, ids(A, C))
    async with library.context.database.read() as connection:
        kept = await decisions.identities(connection, library.owner_id, [A.id])
    assert kept[B.id] == identity_of(B)
    await record(library, B_ANEW)
    async with library.context.database.read() as connection:
        known = await assets.by_ids(connection, library.owner_id, [B_ANEW.id])
        about = await decisions.about(connection, library.owner_id, known)
    assert {decision for _, decision in about} == {apart(A, B_ANEW), apart(B_ANEW, C)}


async def test_a_wish_that_came_true_is_recorded_and_wakes_nobody_before_the_commit(
    library: Library, queue: Queue
) -> None:
    await decide(library, apart(A, B, C))
    action = Action(
        "w", library.owner_id, GroupId("g"), "img_1", ActionKind.CREATE_STACK, (A.id, B.id), (),
        known_at_ms=0, members_at_ms=0, origin=Origin.USER,
    )  # fmt: skip
    context = replace(library.context, queue=queue)
    async with library.context.database.write() as connection:
        await come_true(context, connection, action)
    assert await queue.pool.zcard(QUEUE_NAME) == 0
    assert set(await decided(library)) == {apart(A, C), apart(B, C)}
    assert await marked(library) == ids(A, B, C)
    async with library.context.database.read() as connection:
        assert (await work.backlog(connection, library.owner_id)).pending == 1


async def test_the_memos_of_a_long_burst_are_one_decision(library: Library) -> None:
    frames = library.shoot(*(f"IMG_{number:04}.JPG" for number in range(300)))
    whole = Decision(frozenset(AssetId(row.id) for row in frames))
    for row in frames:
        library.immich.write_memo(row, memo_of(AssetId(row.id), [whole], {}) or {})
    for _ in range(2):
        assert (await recall(library.context, library.owner_id, sorted(whole.asset_ids))).unanswered == set()
        assert await decided(library) == [replace(whole, source=DecisionSource.RECALLED)]
