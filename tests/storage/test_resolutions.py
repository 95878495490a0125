from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.model import AssetId
from sidecar.storage import resolutions
from sidecar.storage.database import Database
from sidecar.storage.resolutions import Resolution, ResolutionState
from tests.builders import OWNER
from tests.storage.copies import BOB

KEPT, TRASHED = AssetId("kept"), AssetId("trashed")


def make_resolution(resolution_id: str = "r", **changes: object) -> Resolution:
    each = Resolution(resolution_id, OWNER, "a" * 12, (KEPT,), (TRASHED,))
    return replace(each, **changes)  # type: ignore[arg-type]  # as in make_asset


async def intend(database: Database, *new: Resolution, now_ms: int = 100) -> None:
    async with database.write() as connection:
        await resolutions.intend(connection, new, now_ms=now_ms)


async def claim(database: Database, lease: str = "me", *, now_ms: int = 200, limit: int = 1) -> list[Resolution]:
    async with database.write() as connection:
        return await resolutions.claim(connection, OWNER, lease=lease, now_ms=now_ms, lease_ms=50, limit=limit)


async def only(database: Database) -> Resolution:
    async with database.read() as connection:
        (found,) = await resolutions.since(connection, OWNER, since_ms=0)
    return found


async def test_a_decision_comes_back_as_it_was_written_down(database: Database) -> None:
    full = make_resolution("full", origin="bulk", agreed="{}", before="[1]", gained="[2]", step="[3]")
    await intend(database, full, make_resolution("plain"))
    async with database.read() as connection:
        found = await resolutions.entries(connection, OWNER, ["plain", "full", "unknown"])
        assert found == [replace(full, decided_at_ms=100), make_resolution("plain", decided_at_ms=100)]
        assert await resolutions.entries(connection, BOB, ["plain"]) == []
        assert await resolutions.outstanding(connection, OWNER) == found
        assert await resolutions.counts(connection, OWNER) == {ResolutionState.INTENDED: 2}


async def test_one_worker_carries_a_decision_out_until_its_lease_ends(database: Database) -> None:
    assert await claim(database) == []
    await intend(database, make_resolution("later"), now_ms=101)
    await intend(database, make_resolution("sooner"), now_ms=100)
    (first,) = await claim(database, "one")
    assert (first.id, first.attempts, first.state) == ("sooner", 1, ResolutionState.INTENDED)
    (other,) = await claim(database, "two", limit=9)
    assert other.id == "later"
    async with database.write() as connection:
        assert await resolutions.owners_with_due_resolutions(connection, now_ms=249) == []
        assert await resolutions.owners_with_due_resolutions(connection, now_ms=250) == [OWNER]
        advanced = await resolutions.advance(
            connection, first, lease="one", lease_until_ms=400, state=ResolutionState.MERGING, before="[]"
        )
        assert advanced == replace(first, state=ResolutionState.MERGING, before="[]")
        again = await resolutions.advance(connection, first, lease="one", lease_until_ms=400, gained="[1]", step="2")
        assert again == replace(advanced, gained="[1]", step="2")
        assert await resolutions.advance(connection, first, lease="two", lease_until_ms=900) is None
    assert [each.id for each in await claim(database, "three", now_ms=399, limit=9)] == ["later"]
    (taken,) = await claim(database, "four", now_ms=400, limit=9)
    assert (taken.id, taken.attempts, taken.step) == ("sooner", 2, "2")
    async with database.write() as connection:
        done = ResolutionState.DONE
        assert await resolutions.advance(connection, first, lease="one", lease_until_ms=900, step="9") is None
        assert not await resolutions.end(connection, first, done, lease="one", now_ms=401)
        await resolutions.postpone(connection, first, lease="one", error="late", not_before_ms=9_999)
        assert await resolutions.end(connection, taken, done, lease="four", now_ms=402)
        (ended,) = await resolutions.entries(connection, OWNER, ["sooner"])
    assert (ended.state, ended.ended_at_ms, ended.step, ended.error) == (ResolutionState.DONE, 402, "2", None)


async def test_a_postponed_decision_waits_where_it_is_and_keeps_its_reason(database: Database) -> None:
    await intend(database, make_resolution())
    (claimed,) = await claim(database)
    async with database.write() as connection:
        trashing = ResolutionState.TRASHING
        await resolutions.advance(connection, claimed, lease="me", lease_until_ms=900, state=trashing)
        await resolutions.postpone(connection, claimed, lease="me", error="Immich was away.", not_before_ms=300)
    waiting = await only(database)
    assert (waiting.state, waiting.attempts, waiting.error) == (trashing, 1, "Immich was away.")
    assert await claim(database, now_ms=299) == []
    (again,) = await claim(database, now_ms=300)
    async with database.write() as connection:
        await resolutions.postpone(connection, again, lease="me", error=None, not_before_ms=0)
    untried = await only(database)
    assert (untried.attempts, untried.error) == (1, "Immich was away.")


@pytest.mark.parametrize(
    ("state", "can_be_undone"),
    [
        (ResolutionState.DONE, True),
        (ResolutionState.FAILED, True),
        (ResolutionState.WITHDRAWN, False),
        (ResolutionState.UNDONE, False),
        (ResolutionState.INTENDED, False),
        (ResolutionState.TRASHING, False),
        (ResolutionState.UNDOING, False),
    ],
)
async def test_what_is_over_and_did_something_can_be_undone(
    database: Database, state: ResolutionState, *, can_be_undone: bool
) -> None:
    await intend(database, make_resolution())
    (claimed,) = await claim(database)
    async with database.write() as connection:
        if state.is_over:
            await resolutions.end(connection, claimed, state, lease="me", now_ms=300, error="why")
        else:
            await resolutions.advance(connection, claimed, lease="me", lease_until_ms=900, state=state)
        assert await resolutions.undo(connection, OWNER, ["r", "unknown"]) == (["r"] if can_be_undone else [])
        assert await resolutions.undo(connection, BOB, ["r"]) == []
    found = await only(database)
    assert found.state is (ResolutionState.UNDOING if can_be_undone else state)
    if can_be_undone:
        assert (found.attempts, found.error, found.ended_at_ms) == (0, None, None)
        assert [each.id for each in await claim(database)] == ["r"]


async def test_undo_may_be_allowed_from_other_states(database: Database) -> None:
    await intend(database, make_resolution())
    (claimed,) = await claim(database)
    withdrawn = ResolutionState.WITHDRAWN
    async with database.write() as connection:
        await resolutions.end(connection, claimed, withdrawn, lease="me", now_ms=300)
        assert await resolutions.undo(connection, OWNER, ["r"], from_states=[withdrawn]) == ["r"]


async def test_what_was_decided_or_ended_since_is_told(database: Database) -> None:
    await intend(database, make_resolution("old"), make_resolution("ended"), now_ms=100)
    (first,) = await claim(database)
    async with database.write() as connection:
        await resolutions.end(connection, first, ResolutionState.DONE, lease="me", now_ms=600)
    await intend(database, make_resolution("new"), now_ms=500)
    async with database.read() as connection:
        assert [each.id for each in await resolutions.since(connection, OWNER, since_ms=500)] == ["ended", "new"]
        assert [each.id for each in await resolutions.outstanding(connection, OWNER)] == ["old", "new"]
        assert await resolutions.since(connection, BOB, since_ms=0) == []
        assert await resolutions.counts(connection, OWNER) == {ResolutionState.INTENDED: 2, ResolutionState.DONE: 1}


async def test_a_new_process_takes_all_leases_back(database: Database) -> None:
    await intend(database, make_resolution())
    await claim(database)
    assert await claim(database) == []
    async with database.write() as connection:
        await resolutions.release_leases(connection)
    assert len(await claim(database)) == 1


async def test_deciding_is_locked_for_others_until_it_ends(database: Database) -> None:
    """Waits for nobody where nobody else decides, and is given back with the transaction."""
    for _ in range(2):
        async with database.write() as connection:
            await resolutions.lock(connection, OWNER)
            await resolutions.lock(connection, OWNER)


async def test_what_was_given_up_is_told_the_oldest_first(database: Database) -> None:
    await intend(database, make_resolution("later"), make_resolution("done"), now_ms=101)
    await intend(database, make_resolution("sooner"), now_ms=100)
    for each in await claim(database, limit=9):
        state = ResolutionState.DONE if each.id == "done" else ResolutionState.FAILED
        async with database.write() as connection:
            await resolutions.end(connection, each, state, lease="me", now_ms=300, error="why")
    async with database.read() as connection:
        assert [each.id for each in await resolutions.failed(connection, OWNER)] == ["sooner", "later"]
        assert await resolutions.failed(connection, BOB) == []


async def test_the_history_goes_backwards_and_on_from_any_place(database: Database) -> None:
    expected = []
    for now_ms in (100, 101, 103):
        ids = [f"{now_ms * 10 + number:08}-0000-4000-8000-000000000000" for number in (2, 0, 1)]
        await intend(database, *map(make_resolution, ids), now_ms=now_ms)
        expected += [(now_ms, each) for each in ids]
    await intend(database, make_resolution("theirs", owner_id=BOB), now_ms=102)
    expected.sort(reverse=True)
    async with database.read() as connection:
        states = tuple(ResolutionState)
        assert await resolutions.places(connection, OWNER, states=states, limit=99) == expected
        for number, place in enumerate(expected):
            left = await resolutions.places(connection, OWNER, states=states, limit=2, before=place)
            assert left == expected[number + 1 : number + 3]
        assert await resolutions.places(connection, OWNER, states=[ResolutionState.DONE], limit=99) == []
        assert await resolutions.places(connection, OWNER, states=[], limit=99) == []
