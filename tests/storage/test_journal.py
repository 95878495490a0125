from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from sidecar.model import AssetId, GroupId, OwnerId, Stack, StackId
from sidecar.storage import journal
from sidecar.storage.database import Database
from sidecar.storage.journal import Action, ActionKind, ActionState, Ended, Origin, Outstanding, Undoing
from tests.builders import OWNER, asset_id

A, B, C = (asset_id(number) for number in range(1, 4))
BOB = OwnerId("00000000-0000-4000-8000-00000000000b")
CREATE = Action("1", OWNER, GroupId("g1"), "a", ActionKind.CREATE_STACK, (B, A), (), known_at_ms=7, members_at_ms=5)
EXTEND = Action(
    "2",
    OWNER,
    GroupId("g2"),
    "b",
    ActionKind.EXTEND_STACK,
    (A, B, C),
    (Stack(StackId("s"), A, (A, B)),),
    known_at_ms=8,
    members_at_ms=6,
)


async def intend(database: Database, *new: Action, now_ms: int = 100) -> None:
    async with database.write() as connection:
        await journal.intend(connection, new, now_ms=now_ms)


async def claim(database: Database, *, now_ms: int = 200, limit: int = 10) -> list[Action]:
    async with database.write() as connection:
        return await journal.claim(connection, OWNER, lease="me", now_ms=now_ms, lease_ms=50, limit=limit)


async def test_an_intent_comes_back_as_written_and_counts_its_claims(database: Database) -> None:
    await intend(database, CREATE, EXTEND)
    await intend(database)
    claimed = await claim(database)
    assert [(each.id, each.member_ids, each.before, each.attempts) for each in claimed] == [
        ("1", (B, A), (), 1),
        ("2", (A, B, C), EXTEND.before, 1),
    ]
    assert await claim(database) == []
    assert [each.attempts for each in await claim(database, now_ms=250)] == [2, 2]


async def test_the_oldest_intents_go_first(database: Database) -> None:
    await intend(database, EXTEND, now_ms=10)
    await intend(database, CREATE, now_ms=20)
    assert [each.id for each in await claim(database, limit=1)] == ["2"]


async def test_an_ended_write_is_never_claimed_again(database: Database) -> None:
    await intend(database, CREATE, EXTEND)
    await claim(database)
    async with database.write() as connection:
        ended = [
            Ended(CREATE, ActionState.DONE, stack_id=StackId("s")),
            Ended(EXTEND, ActionState.FAILED, error="refused"),
        ]
        await journal.end(connection, ended, lease="me", now_ms=300)
        await journal.end(connection, [], lease="me", now_ms=300)
    assert await claim(database, now_ms=10_000) == []
    async with database.read() as connection:
        assert await journal.counts(connection, OWNER) == {ActionState.DONE: 1, ActionState.FAILED: 1}
        assert await journal.counts(connection, BOB) == {}
        listed = await journal.since(connection, OWNER, since_ms=100)
        assert [(each.action.id, each.state, each.error) for each in listed] == [
            ("1", ActionState.DONE, None),
            ("2", ActionState.FAILED, "refused"),
        ]
        # Intended before the time, ended after it: a scan that goes on where a killed one stopped reports these too.
        assert len(await journal.since(connection, OWNER, since_ms=101)) == 2
        assert await journal.since(connection, OWNER, since_ms=301) == []


async def test_a_postponed_write_waits_and_says_why(database: Database) -> None:
    await intend(database, CREATE)
    async with database.write() as connection:
        assert await journal.outstanding(connection, OWNER) == Outstanding(1, 0, None)
        assert await journal.outstanding(connection, BOB) == Outstanding(0, 0, None)
    (claimed,) = await claim(database)
    async with database.write() as connection:
        await journal.postpone(connection, claimed, lease="me", error="Immich is away", not_before_ms=500)
        assert await journal.outstanding(connection, OWNER) == Outstanding(1, 1, "Immich is away")
        assert await journal.owners_with_due_actions(connection, now_ms=499) == []
        assert await journal.owners_with_due_actions(connection, now_ms=500) == [OWNER]
        assert await journal.stems_intended(connection, OWNER, ["a", "b"]) == {"a"}
    assert await claim(database, now_ms=499) == []
    assert len(await claim(database, now_ms=500)) == 1


async def test_released_leases_can_be_claimed_at_once(database: Database) -> None:
    await intend(database, CREATE)
    await claim(database)
    async with database.write() as connection:
        await journal.release_leases(connection)
    assert len(await claim(database)) == 1


async def test_a_write_taken_over_by_another_worker_is_not_ended_by_the_first(database: Database) -> None:
    await intend(database, CREATE)
    await claim(database)
    async with database.write() as connection:
        await journal.end(connection, [Ended(CREATE, ActionState.DONE)], lease="other", now_ms=300)
        await journal.postpone(connection, CREATE, lease="other", error="x", not_before_ms=999)
        assert await journal.outstanding(connection, OWNER) == Outstanding(1, 0, None)


async def test_a_write_that_was_not_tried_is_put_back_uncounted(database: Database) -> None:
    await intend(database, CREATE)
    (claimed,) = await claim(database)
    async with database.write() as connection:
        await journal.postpone(connection, claimed, lease="me", error=None, not_before_ms=0)
    assert [each.attempts for each in await claim(database)] == [1]


async def test_more_stems_than_one_statement_takes_can_be_asked_about(database: Database) -> None:
    await intend(database, CREATE, EXTEND)
    stems = ["b", *map(str, range(33_000)), "a"]
    async with database.read() as connection:
        assert await journal.stems_intended(connection, OWNER, stems) == {"a", "b"}
        assert await journal.stems_intended(connection, OWNER, []) == set()


async def test_only_what_the_rules_wanted_and_nobody_has_begun_is_withdrawn(database: Database) -> None:
    wanted = replace(CREATE, id="3", group_id=GroupId("g3"), origin=Origin.USER)
    theirs = replace(CREATE, id="4", group_id=GroupId("g4"), owner_id=BOB)
    tried = replace(CREATE, id="5", group_id=GroupId("g5"))
    leased = replace(CREATE, id="6", group_id=GroupId("g6"))
    done = replace(CREATE, id="7", group_id=GroupId("g7"))
    await intend(database, tried, leased, done, now_ms=1)
    first, second, third = await claim(database)
    async with database.write() as connection:
        await journal.postpone(connection, first, lease="me", error="Immich is away", not_before_ms=0)
        await journal.end(connection, [Ended(third, ActionState.DONE)], lease="me", now_ms=2)
        await connection.exec_driver_sql("UPDATE actions SET attempts = 0 WHERE action_id <> '5'")
    assert (first.id, second.id, third.id) == ("5", "6", "7")
    await intend(database, CREATE, EXTEND, wanted, theirs)
    async with database.write() as connection:
        groups = await journal.withdraw_unsent(connection, OWNER, error="the settings changed", now_ms=300)
        assert sorted(groups) == ["g1", "g2"]
        assert await journal.withdraw_unsent(connection, OWNER, error="again", now_ms=301) == []
    async with database.read() as connection:
        entries = [
            *await journal.since(connection, OWNER, since_ms=0),
            *await journal.since(connection, BOB, since_ms=0),
        ]
    by_id = {each.action.id: (each.state, each.error, each.ended_at_ms) for each in entries}
    assert by_id == {
        "1": (ActionState.WITHDRAWN, "the settings changed", 300),
        "2": (ActionState.WITHDRAWN, "the settings changed", 300),
        "3": (ActionState.INTENDED, None, None),
        "4": (ActionState.INTENDED, None, None),
        "5": (ActionState.INTENDED, "Immich is away", None),
        "6": (ActionState.INTENDED, None, None),
        "7": (ActionState.DONE, None, 2),
    }


async def end(database: Database, *ended: Ended, now_ms: int) -> None:
    async with database.write() as connection:
        await journal.end(connection, ended, lease="me", now_ms=now_ms)


async def test_when_writes_ended_is_counted_by_the_moment(database: Database) -> None:
    third = replace(CREATE, id="3")
    await intend(database, CREATE, EXTEND, third, replace(CREATE, id="open"))
    await claim(database)
    await end(database, Ended(CREATE, ActionState.DONE), now_ms=299)
    await end(database, Ended(EXTEND, ActionState.WITHDRAWN), Ended(third, ActionState.FAILED), now_ms=300)
    async with database.read() as connection:
        assert await journal.ended_since(connection, OWNER, since_ms=0) == [(299, 1), (300, 2)]
        assert await journal.ended_since(connection, OWNER, since_ms=300) == [(300, 2)]
        assert await journal.ended_since(connection, BOB, since_ms=0) == []


async def failed_ids(database: Database, owner_id: OwnerId = OWNER) -> list[str]:
    async with database.read() as connection:
        return [entry.action.id for entry in await journal.failed(connection, owner_id)]


async def test_a_write_that_failed_counts_until_something_later_is_intended_for_its_stem(database: Database) -> None:
    beside = replace(CREATE, id="beside")
    await intend(database, EXTEND, now_ms=90)
    await intend(database, CREATE, beside)
    await claim(database)
    await end(
        database,
        *(Ended(each, ActionState.FAILED, error="refused") for each in (CREATE, EXTEND)),
        Ended(beside, ActionState.DONE),
        now_ms=300,
    )
    assert await failed_ids(database) == ["2", "1"]
    assert await failed_ids(database, BOB) == []
    await intend(database, replace(CREATE, id="later"), now_ms=301)
    assert await failed_ids(database) == ["2"]
    await intend(database, replace(EXTEND, id="theirs", owner_id=BOB), now_ms=302)
    assert await failed_ids(database) == ["2"]


async def test_only_what_failed_is_withdrawn_and_its_stem_told(database: Database) -> None:
    await intend(database, CREATE, EXTEND)
    await claim(database)
    await end(database, Ended(CREATE, ActionState.FAILED, error="refused"), now_ms=300)
    await end(database, Ended(EXTEND, ActionState.DONE), now_ms=300)
    async with database.write() as connection:
        assert await journal.withdraw_failed(connection, BOB, ["1", "2"]) == set()
        assert await journal.withdraw_failed(connection, OWNER, ["1", "2", "unknown"]) == {"a"}
        assert await journal.withdraw_failed(connection, OWNER, ["1"]) == set()
        first, second = await journal.entries(connection, OWNER, ["1", "2"])
    assert (first.state, first.error, first.ended_at_ms) == (ActionState.WITHDRAWN, "refused", 300)
    assert second.state is ActionState.DONE
    assert await failed_ids(database) == []


def make_write(number: int, **changes: object) -> Action:
    return replace(CREATE, id=f"{number:08}-0000-4000-8000-000000000000", **changes)  # type: ignore[arg-type]


async def places(
    database: Database,
    *,
    states: Collection[ActionState] = tuple(ActionState),
    kinds: Collection[ActionKind] = tuple(ActionKind),
    origins: Collection[Origin] = tuple(Origin),
    limit: int = 100,
    before: tuple[int, str] | None = None,
    among: Sequence[str] | None = None,
    owner_id: OwnerId = OWNER,
) -> list[tuple[int, str]]:
    async with database.read() as connection:
        return await journal.places(
            connection,
            owner_id,
            states=states,
            kinds=kinds,
            origins=origins,
            limit=limit,
            before=before,
            among=among,
        )


async def test_the_history_goes_backwards_and_on_from_any_place(database: Database) -> None:
    # Several are intended at one moment.
    expected = []
    for now_ms in (100, 101, 103):
        new = [make_write(now_ms * 10 + number) for number in (2, 0, 1)]
        await intend(database, *new, now_ms=now_ms)
        expected += [(now_ms, each.id) for each in new]
    await intend(database, make_write(1, owner_id=BOB), now_ms=102)
    expected.sort(reverse=True)
    assert await places(database) == expected
    for number, place in enumerate(expected):
        assert await places(database, before=place) == expected[number + 1 :]
        assert await places(database, before=place, limit=2) == expected[number + 1 : number + 3]
    assert await places(database, before=(102, "")) == expected[3:]


async def test_the_history_has_parts(database: Database) -> None:
    ended, other = make_write(1), make_write(2, kind=ActionKind.SET_COVER, origin=Origin.USER)
    await intend(database, ended, other)
    await claim(database)
    await end(database, Ended(ended, ActionState.DONE), now_ms=300)
    assert await places(database, states=[ActionState.DONE]) == [(100, ended.id)]
    assert await places(database, kinds=[ActionKind.SET_COVER]) == [(100, other.id)]
    assert await places(database, origins=[Origin.RULES]) == [(100, ended.id)]
    assert await places(database, states=[]) == []
    assert await places(database, among=[]) == []
    assert await places(database, among=[other.id, "unknown"]) == [(100, other.id)]
    assert await places(database, among=[ended.id], owner_id=BOB) == []


async def test_of_more_ids_than_one_statement_takes_the_latest_come_first(database: Database) -> None:
    new = [make_write(number) for number in range(2_500)]
    await intend(database, *new)
    latest = [(100, each.id) for each in reversed(new)]
    assert await places(database, among=[each.id for each in new], limit=3) == latest[:3]
    assert await places(database, among=[each.id for each in new], limit=3, before=latest[2]) == latest[3:6]


async def test_undos_are_told_in_the_order_in_which_they_were_done(database: Database) -> None:
    undos = [make_write(number, kind=ActionKind.UNDO, undoes=(f"w{number}", "w")) for number in range(5)]
    await intend(database, CREATE, *undos, replace(undos[0], id="theirs", owner_id=BOB))
    await claim(database)
    await end(database, Ended(undos[3], ActionState.DONE), now_ms=300)
    await end(database, Ended(undos[1], ActionState.DONE), now_ms=301)
    await end(database, Ended(undos[0], ActionState.WITHDRAWN), now_ms=302)
    await end(database, Ended(undos[2], ActionState.FAILED), now_ms=302)
    async with database.read() as connection:
        assert await journal.undoings(connection, OWNER) == [
            Undoing(undos[3].id, ("w3", "w"), is_done=True),
            Undoing(undos[1].id, ("w1", "w"), is_done=True),
            Undoing(undos[4].id, ("w4", "w"), is_done=False),
        ]


async def test_what_waits_or_was_done_since_about_a_picture_is_found(database: Database) -> None:
    by_member, by_before = make_write(1, member_ids=(A, B)), make_write(2, member_ids=(B,), before=EXTEND.before)
    by_after = make_write(3, member_ids=(B,), after=(Stack(StackId(""), A, (A, B)),))
    waiting, other, failed = (make_write(number, member_ids=(A, C)) for number in (4, 5, 6))
    elsewhere = make_write(7, member_ids=(B, C))
    early = make_write(8, member_ids=(A, C))
    every = (by_member, by_before, by_after, waiting, other, failed, elsewhere, early)
    await intend(database, *every, replace(by_member, id="theirs", owner_id=BOB))
    await claim(database)
    await end(database, Ended(early, ActionState.DONE), now_ms=299)
    await end(
        database,
        *(Ended(each, ActionState.DONE) for each in (by_member, by_before, by_after, elsewhere)),
        Ended(other, ActionState.WITHDRAWN),
        Ended(failed, ActionState.FAILED),
        now_ms=300,
    )

    async def done(since_ms: int, *ids: AssetId) -> list[str]:
        async with database.read() as connection:
            return [each.action.id for each in await journal.done_about(connection, OWNER, ids, since_ms=since_ms)]

    assert await done(300, A) == [by_member.id, by_before.id, by_after.id]
    assert await done(301, A) == []
    assert await done(0, A) == [by_member.id, by_before.id, by_after.id, early.id]
    # More than are looked for at once, and each write once.
    assert await done(300, *map(asset_id, range(100)), AssetId("%")) == [*await done(300, A), elsewhere.id]
    assert await done(0) == []
    async with database.read() as connection:
        for ids, expected in (({A}, [waiting.id]), ({A, C}, [waiting.id]), ({B}, []), (set(), [])):
            found = await journal.intended_about(connection, OWNER, ids)
            assert [each.action.id for each in found] == expected


async def test_who_has_the_lock_is_alone_until_the_transaction_ends(database: Database) -> None:
    inside = most = 0

    async def work() -> None:
        nonlocal inside, most
        async with database.write() as connection:
            await journal.lock(connection, OWNER)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(4)))
    assert most == 1
