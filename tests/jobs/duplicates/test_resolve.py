from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.demo.immich.rows import AssetRow
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.verdict import SENTENCES, Agreement, Refusal
from sidecar.errors import SidecarError
from sidecar.grouping.memory import DecisionKind, DecisionSource
from sidecar.immich_client.client import open_immich, required_permissions
from sidecar.jobs.duplicates.decide import keep, keep_identical, preview_identical
from sidecar.jobs.duplicates.dismissals import dismissed
from sidecar.jobs.duplicates.resolve import resolve
from sidecar.jobs.duplicates.restore import PATIENCE, undo
from sidecar.model import Visibility
from sidecar.storage import duplicate_sets, resolutions
from sidecar.storage.resolutions import ResolutionState
from tests.jobs.duplicates.album import Shelf, ids
from tests.jobs.household import open_library

DONE, WITHDRAWN, FAILED, UNDONE = (
    ResolutionState.DONE,
    ResolutionState.WITHDRAWN,
    ResolutionState.FAILED,
    ResolutionState.UNDONE,
)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_library(tmp_path) as library:
        yield Shelf(library)


async def two(shelf: Shelf, **facts: Any) -> tuple[AssetRow, AssetRow]:
    """A better and a worse copy, alike and mirrored."""
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal", **facts)
    await shelf.library.sync()
    await shelf.alike(best, copy)
    return best, copy


def details(shelf: Shelf, row: AssetRow) -> tuple[Any, ...]:
    exif = shelf.library.immich.state.assets[row.id].exif
    assert exif is not None
    return row.is_favorite, exif.rating, exif.description, exif.latitude, exif.longitude


async def test_what_goes_lies_in_the_trash_and_what_it_knew_stays(shelf: Shelf) -> None:
    immich, ann = shelf.library.immich, shelf.library.user
    best = shelf.photo("best.jpg", b"large", description="The sea")
    copy = shelf.photo(
        "copy.jpg", b"smal", is_favorite=True, rating=4, description="Holiday", latitude=1.5, longitude=2.5, width=900
    )
    album, tag, link = immich.album(ann, "Trip", copy), immich.tag(ann, "sea", copy), immich.link(ann, copy)
    await shelf.library.sync()
    await shelf.alike(best, copy)
    resolution = await shelf.keep(best)
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert (found.state, found.error) == (DONE, None)
    assert shelf.trashed() == ["copy.jpg"]
    assert details(shelf, best) == (True, 4, "The sea\nHoliday", 1.5, 2.5)
    assert all(best.id in each.assets for each in (album, tag, link))
    assert await shelf.sets() == []
    assert not [call for call in immich.calls if call.method == "DELETE" and "force" in call.query]
    undone = await shelf.undo(resolution)
    assert (undone.state, undone.error) == (UNDONE, "Its place stays: Immich has no way to take one away.")
    assert shelf.trashed() == []
    assert details(shelf, best) == (False, None, "The sea", 1.5, 2.5)
    assert not any(best.id in each.assets for each in (album, tag, link))
    assert all(copy.id in each.assets for each in (album, tag, link))
    assert len(await shelf.sets()) == 1


async def test_nothing_due_asks_nothing(shelf: Shelf) -> None:
    await shelf.resolve()
    assert shelf.library.immich.calls == [] or shelf.library.writes() == []


async def test_several_that_are_kept_are_no_duplicates_any_more(shelf: Shelf) -> None:
    best, copy = await two(shelf)
    third = shelf.photo("third.jpg", b"thi")
    await shelf.library.sync()
    await shelf.alike(best, third)
    await shelf.alike(copy, third)
    resolution = await shelf.keep(best, copy)
    await shelf.resolve()
    assert shelf.trashed() == ["third.jpg"]
    assert await shelf.form() == []
    async with shelf.library.context.database.read() as connection:
        ((_, decision),) = await dismissed(connection, shelf.library.owner_id)
    assert (decision.kind, decision.source) == (DecisionKind.DISTINCT, DecisionSource.KEPT)
    await shelf.undo(resolution)
    # Whoever was away is searched for anew.
    await shelf.alike(best, third)
    await shelf.alike(copy, third)
    assert [len(each.members) for each in await shelf.form()] == [3]


def replaced(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.state.write(row, thumbhash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w")


def trashed(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.trash(row)


def unreadable(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.set_original(row, None)


def emptied(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.set_original(row, b"")


def offline(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.set_offline(row)


def hidden(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.set_visibility(row, Visibility.HIDDEN)


def stacked(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.stack(shelf.library.user, row, shelf.photo("raw.dng", b"raw"))


def purged(shelf: Shelf, row: AssetRow) -> None:
    shelf.library.immich.delete_for_good(row)


@pytest.mark.parametrize(
    ("name", "change", "refusal", "left"),
    [
        pytest.param("copy", replaced, Refusal.REPLACED, [], id="what goes is another file now"),
        pytest.param("copy", trashed, Refusal.CHANGED, ["copy.jpg"], id="what goes is in the trash already"),
        pytest.param("copy", purged, Refusal.CHANGED, [], id="what goes is gone"),
        pytest.param("copy", hidden, Refusal.CHANGED, [], id="what goes is hidden"),
        pytest.param("copy", stacked, Refusal.LOSES_VERSIONS, [], id="what goes was stacked with something else"),
        pytest.param("best", trashed, Refusal.KEEPER_AWAY, ["best.jpg"], id="what stays is in the trash"),
        pytest.param("best", purged, Refusal.KEEPER_AWAY, [], id="what stays is gone"),
        pytest.param("best", offline, Refusal.KEEPER_AWAY, ["best.jpg"], id="what stays is offline"),
        pytest.param("best", hidden, Refusal.KEEPER_AWAY, [], id="what stays is hidden"),
        pytest.param("best", unreadable, Refusal.KEEPER_AWAY, [], id="the file of what stays is lost"),
        pytest.param("best", emptied, Refusal.KEEPER_AWAY, [], id="the file of what stays is empty"),
    ],
)
async def test_a_present_that_changed_is_left_as_it_is(
    shelf: Shelf, name: str, change: Callable[[Shelf, AssetRow], None], refusal: Refusal, left: list[str]
) -> None:
    best, copy = await two(shelf, is_favorite=True, description="Holiday", width=900)
    resolution = await shelf.keep(best)
    change(shelf, {"best": best, "copy": copy}[name])
    await shelf.library.immich.settle()
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert (found.state, found.error) == (WITHDRAWN, SENTENCES[refusal])
    assert shelf.trashed() == left
    if best.id in shelf.library.immich.state.assets:
        assert details(shelf, best)[:3] == (False, None, "")


async def test_what_changed_between_merging_and_trashing_is_left_and_the_merge_is_taken_back(shelf: Shelf) -> None:
    best, copy = await two(shelf, is_favorite=True, width=900)
    resolution = await shelf.keep(best)
    shelf.library.immich.fail("GET", "/server/features", status=503)
    await resolve(shelf.library.context, shelf.library.owner_id)
    assert (await shelf.now(resolution)).state is ResolutionState.TRASHING
    assert details(shelf, best)[0] is True
    replaced(shelf, copy)
    shelf.library.clock.advance(seconds=600)
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is WITHDRAWN
    assert details(shelf, best)[0] is False
    assert shelf.trashed() == []


async def test_nothing_is_trashed_where_the_trash_is_off(shelf: Shelf) -> None:
    best, _ = await two(shelf, is_favorite=True, width=900)
    resolution = await shelf.keep(best)
    shelf.library.immich.set_trash(is_on=False)
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert (found.state, found.error) == (FAILED, SENTENCES[Refusal.TRASH_IS_OFF])
    assert shelf.trashed() == []
    assert details(shelf, best)[0] is False


async def test_a_trash_that_is_switched_off_at_that_moment_is_emptied_of_ours(shelf: Shelf) -> None:
    best, _ = await two(shelf)
    resolution = await shelf.keep(best)

    async def switch_off(call: str) -> None:
        if call == "DELETE /assets":
            shelf.library.immich.set_trash(is_on=False)

    watch(shelf, after=switch_off)
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert (found.state, found.error) == (FAILED, SENTENCES[Refusal.TRASH_IS_OFF])
    assert shelf.trashed() == []


async def test_an_album_that_refuses_stops_the_decision_unless_that_is_meant(shelf: Shelf) -> None:
    immich = shelf.library.immich
    bob = immich.add_user("Bob")
    best, copy = await two(shelf, is_favorite=True, width=900)
    album = immich.album(bob, "Theirs", copy, viewers=(shelf.library.user,))
    resolution = await shelf.keep(best)
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert found.state is FAILED
    assert found.error is not None
    assert found.error.startswith("1 album refuses what is kept")
    assert shelf.trashed() == []
    assert details(shelf, best)[0] is False
    again = await shelf.keep(best, lost_albums=True)
    await shelf.resolve()
    assert (await shelf.now(again)).state is DONE
    assert shelf.trashed() == ["copy.jpg"]
    assert best.id not in album.assets


async def test_an_album_that_closes_meanwhile_is_noticed(shelf: Shelf) -> None:
    immich = shelf.library.immich
    bob = immich.add_user("Bob")
    best, copy = await two(shelf)
    album = immich.album(bob, "Theirs", copy, editors=(shelf.library.user,))
    resolution = await shelf.keep(best)

    async def close(call: str) -> None:
        if call == f"PUT /albums/{album.id}/assets":
            album.users[shelf.library.user.id] = "viewer"

    watch(shelf, before=close)
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is FAILED
    assert shelf.trashed() == []


async def test_a_tag_that_goes_meanwhile_stops_nothing(shelf: Shelf) -> None:
    best, copy = await two(shelf)
    tag = shelf.library.immich.tag(shelf.library.user, "sea", copy)
    resolution = await shelf.keep(best)

    async def delete(call: str) -> None:
        if call == f"PUT /tags/{tag.id}/assets":
            shelf.library.immich.state.tags.pop(tag.id, None)

    watch(shelf, before=delete)
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is DONE


async def test_a_detail_that_immich_does_not_keep_is_waited_for_and_then_given_up(shelf: Shelf) -> None:
    best, _ = await two(shelf, is_favorite=True)
    resolution = await shelf.keep(best)

    async def lose(call: str) -> None:
        if call == f"PUT /assets/{best.id}":
            shelf.library.immich.state.write(best, is_favorite=False)

    watch(shelf, after=lose)
    await shelf.resolve()
    waiting = await shelf.now(resolution)
    assert (waiting.state, waiting.error) == (
        ResolutionState.MERGING, "Immich does not show yet what was given to the copy that stays",
    )  # fmt: skip
    await shelf.resolve(times=PATIENCE)
    found = await shelf.now(resolution)
    assert (found.state, found.error) == (
        FAILED, "Immich does not keep what the copy that stays was given: favorite.",
    )  # fmt: skip
    assert shelf.trashed() == []


@pytest.mark.parametrize("field", ["rating", "description", "place"])
async def test_a_detail_that_somebody_changes_meanwhile_stays_as_they_want_it(shelf: Shelf, field: str) -> None:
    best, _ = await two(shelf, rating=5, description="Holiday", latitude=1.0, longitude=2.0)
    resolution = await shelf.keep(best)

    changes: dict[str, dict[str, Any]] = {
        "rating": {"rating": 1},
        "description": {"description": "Mine"},
        "place": {"latitude": 7.0, "longitude": 8.0},
    }

    async def change(call: str) -> None:
        if call == f"PUT /assets/{best.id}":
            shelf.library.immich.state.write_exif(best, **changes[field])

    watch(shelf, after=change)
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is DONE
    undone = await shelf.undo(resolution)
    assert undone.state is UNDONE
    kept = {"rating": (1, "", 1.0), "description": (None, "Mine", 1.0), "place": (None, "", 7.0)}[field]
    assert details(shelf, best)[1:4] == kept
    assert (f"Its {field} was changed since and stays." in (undone.error or "")) is (field != "place")


async def test_what_is_not_in_the_trash_yet_is_waited_for(shelf: Shelf) -> None:
    best, copy = await two(shelf)
    resolution = await shelf.keep(best)

    async def come_back(call: str) -> None:
        if call == "DELETE /assets":
            shelf.library.immich.restore(copy)

    stop = watch(shelf, after=come_back)
    await shelf.resolve()
    waiting = await shelf.now(resolution)
    assert (waiting.state, waiting.error) == (
        ResolutionState.TRASHING, "Immich has not put everything into the trash yet",
    )  # fmt: skip
    stop()
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is DONE
    assert shelf.trashed() == ["copy.jpg"]


async def test_a_key_that_may_not_delete_is_said_and_the_merge_is_taken_back(shelf: Shelf) -> None:
    best, _ = await two(shelf, is_favorite=True, width=900)
    resolution = await shelf.keep(best)
    shelf.library.immich.fail("DELETE", "/assets", status=403, body='{"message": "Missing permission: asset.delete"}')
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert found.state is FAILED
    assert details(shelf, best)[0] is False


async def test_a_key_that_is_refused_while_taking_back_waits_for_somebody(shelf: Shelf) -> None:
    best, _ = await two(shelf, is_favorite=True, width=900)
    resolution = await shelf.keep(best)

    async def refuse(call: str) -> None:
        if call == f"PUT /assets/{best.id}":
            shelf.library.immich.fail("GET", "/assets/*", status=401, body='{"message": "no"}', times=9)

    end = watch(shelf, after=refuse)
    await shelf.resolve()
    assert not (await shelf.now(resolution)).state.is_over
    end()
    shelf.library.immich.traffic.failures.clear()
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is FAILED
    assert details(shelf, best)[0] is False


async def test_an_answer_in_unknown_words_while_taking_back_is_said(shelf: Shelf) -> None:
    best, _ = await two(shelf)
    resolution = await shelf.keep(best)
    await shelf.resolve()
    shelf.library.immich.fail("POST", "/trash/restore/assets", status=400, body='{"message": "What?"}')
    undone = await shelf.undo(resolution)
    assert undone.state is UNDONE
    assert undone.error is not None
    assert undone.error.startswith("Not everything could be put back")
    assert shelf.trashed() == ["copy.jpg"]


async def test_immich_away_is_waited_for(shelf: Shelf) -> None:
    best, _ = await two(shelf)
    resolution = await shelf.keep(best)
    shelf.library.immich.fail("GET", "/shared-links", status=503)
    await resolve(shelf.library.context, shelf.library.owner_id)
    waiting = await shelf.now(resolution)
    assert (waiting.state, waiting.attempts) == (ResolutionState.INTENDED, 1)
    assert waiting.error is not None
    shelf.library.clock.advance(seconds=600)
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is DONE


async def test_a_process_that_is_to_stop_begins_nothing(shelf: Shelf) -> None:
    best, _ = await two(shelf)
    resolution = await shelf.keep(best)

    async def stop(_call: str) -> None:
        shelf.library.context.stopping.set()

    end = watch(shelf, before=stop)
    await shelf.resolve()
    waiting = await shelf.now(resolution)
    assert (waiting.state, waiting.attempts, waiting.error) == (ResolutionState.INTENDED, 0, None)
    end()
    shelf.library.context.stopping.clear()
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is DONE


async def test_a_claim_that_was_lost_is_left_to_whoever_has_it(shelf: Shelf) -> None:
    best, _ = await two(shelf)
    resolution = await shelf.keep(best)

    async def lose(_call: str) -> None:
        async with shelf.library.context.database.write() as connection:
            await resolutions.release_leases(connection)

    end = watch(shelf, before=lose)
    await shelf.resolve()
    assert shelf.trashed() == []
    end()
    await shelf.resolve()
    assert (await shelf.now(resolution)).state is DONE


async def test_a_set_that_a_search_formed_meanwhile_is_taken_away(shelf: Shelf) -> None:
    best, _ = await two(shelf)
    found = await shelf.only_set()
    await shelf.keep(best)

    async def find_again(call: str) -> None:
        if call == "DELETE /assets":
            async with shelf.library.context.database.write() as connection:
                await duplicate_sets.replace(connection, shelf.library.owner_id, [found], now_ms=1)

    watch(shelf, after=find_again)
    await shelf.resolve()
    assert await shelf.sets() == []


async def test_whoever_comes_back_is_put_back_where_they_were(shelf: Shelf) -> None:
    """Immich keeps albums, tags and links of what is in the trash; should it not, they are given back."""
    immich, ann = shelf.library.immich, shelf.library.user
    best, copy = await two(shelf)
    album, tag, link = immich.album(ann, "Trip", copy), immich.tag(ann, "sea", copy), immich.link(ann, copy)
    gone = immich.album(ann, "Old", copy)
    resolution = await shelf.keep(best)
    await shelf.resolve()
    for holder in (album, tag, link):
        holder.assets.pop(copy.id)
    del immich.state.albums[gone.id]
    undone = await shelf.undo(resolution)
    assert undone.state is UNDONE
    assert all(copy.id in holder.assets for holder in (album, tag, link))


async def test_bulk_leaves_sets_of_what_is_not_identical(shelf: Shelf) -> None:
    best = shelf.photo("best.jpg", b"same bytes", is_favorite=True)
    copy = shelf.photo("copy.jpg", b"same bytes", folder="/mnt/a")
    other = shelf.photo("other.jpg", b"small")
    await shelf.library.sync()
    await shelf.read(best, copy)
    await shelf.alike(best, other)
    await shelf.form()

    agreement = Agreement(external=True)
    shown = await preview_identical(shelf.library.context, shelf.library.owner_id, agreement=agreement)
    await keep_identical(shelf.library.context, shelf.library.owner_id, confirm=shown.token, agreement=agreement)
    await shelf.resolve()
    assert shelf.trashed() == ["copy.jpg"]
    assert [[member.asset_id for member in each.members] for each in await shelf.sets()] == [list(ids(best, other))]


def watch(
    shelf: Shelf,
    *,
    before: Callable[[str], Awaitable[None]] | None = None,
    after: Callable[[str], Awaitable[None]] | None = None,
) -> Callable[[], None]:
    """Does something before or after each request that reaches Immich; what is returned ends it."""
    traffic: Any = shelf.library.immich.traffic
    routed = traffic._routed

    async def watched(request: Any, handler: Any) -> Any:
        call = f"{request.method} {request.path.removeprefix('/api')}"
        if before is not None:
            await before(call)
        response = await routed(request, handler)
        if after is not None:
            await after(call)
        return response

    traffic._routed = watched

    def end() -> None:
        traffic._routed = routed

    return end


class Killed(BaseException):
    """The process is gone."""


async def crash_at(shelf: Shelf, number: int, *, is_after: bool) -> bool:
    """Runs the job until its n-th request, before or after Immich carried it out; whether it came so far."""
    transport: Any = shelf.library.context.immich(shelf.library.owner_id)._transport
    attempt, attempt_file = transport._attempt, transport._attempt_file
    counted = 0

    def dying(ask: Any) -> Any:
        async def asked(*arguments: Any, **named: Any) -> Any:
            nonlocal counted
            counted += 1
            is_last = counted == number
            if is_last and not is_after:
                raise Killed
            answer = await ask(*arguments, **named)
            if is_last:
                raise Killed
            return answer

        return asked

    transport._attempt, transport._attempt_file = dying(attempt), dying(attempt_file)
    try:
        await resolve(shelf.library.context, shelf.library.owner_id)
    except Killed:
        return True
    finally:
        transport._attempt, transport._attempt_file = attempt, attempt_file
        # The next process takes all claims back.
        async with shelf.library.context.database.write() as connection:
            await resolutions.release_leases(connection)
    return False


async def story(shelf: Shelf, number: int, *, is_after: bool, is_undo: bool) -> bool:
    immich, ann = shelf.library.immich, shelf.library.user
    best = shelf.photo("best.jpg", b"large %d" % number, description="The sea")
    copy = shelf.photo("copy.jpg", b"small %d" % number, is_favorite=True, rating=4, description="Holiday", width=9)
    holders = (immich.album(ann, "Trip", copy), immich.tag(ann, "sea", copy), immich.link(ann, copy))
    await shelf.library.sync()
    await shelf.alike(best, copy)
    resolution = await shelf.keep(best)
    if is_undo:
        await shelf.resolve()
        await undo(shelf.library.context, shelf.library.owner_id, [resolution.id])
    was_killed = await crash_at(shelf, number, is_after=is_after)
    await shelf.resolve(times=2)
    found = await shelf.now(resolution)
    assert (found.state, found.error) == (UNDONE if is_undo else DONE, None)
    assert shelf.trashed() == ([] if is_undo else ["copy.jpg"])
    assert details(shelf, best)[:3] == ((False, None, "The sea") if is_undo else (True, 4, "The sea\nHoliday"))
    assert all((best.id in each.assets) is not is_undo for each in holders)
    assert all(copy.id in each.assets for each in holders)
    # Nothing of this story is there for the next one.
    for rows in (immich.state.albums, immich.state.tags, immich.state.links):
        rows.clear()
    immich.delete_for_good(best, copy)
    await immich.settle()
    await shelf.library.sync()
    return was_killed


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("is_after", [pytest.param(False, id="unsent"), pytest.param(True, id="sent")])
@pytest.mark.parametrize("is_undo", [pytest.param(False, id="keeping"), pytest.param(True, id="undoing")])
async def test_killed_anywhere_it_goes_on_to_the_same_end(shelf: Shelf, *, is_after: bool, is_undo: bool) -> None:
    number = 1
    while await story(shelf, number, is_after=is_after, is_undo=is_undo):
        number += 1
    assert number > 20


async def test_what_is_kept_may_go_while_it_gains(shelf: Shelf) -> None:
    best, _ = await two(shelf, rating=5)
    resolution = await shelf.keep(best)

    async def purge(call: str) -> None:
        if call == f"PUT /assets/{best.id}":
            shelf.library.immich.delete_for_good(best)
            await shelf.library.immich.settle()

    watch(shelf, after=purge)
    await shelf.resolve()
    found = await shelf.now(resolution)
    assert found.state is WITHDRAWN
    assert found.error is not None
    assert found.error.startswith(SENTENCES[Refusal.KEEPER_AWAY])
    assert shelf.trashed() == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    deeds=st.lists(
        st.one_of(
            st.sampled_from(["keep first", "keep last", "undo", "bulk", "run", "trash off", "trash on", "purge night"]),
            st.integers(1, 60).map(lambda number: f"kill {number}"),
        ),
        max_size=10,
    )
)
def test_whatever_happens_the_last_copy_stays_and_nothing_goes_that_was_not_decided(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str]
) -> None:
    asyncio.run(whatever_happens(tmp_path_factory.mktemp("life"), deeds))


async def whatever_happens(folder: Path, deeds: list[str]) -> None:

    async with open_library(folder) as library:
        shelf = Shelf(library)
        rows = [
            shelf.photo("a.jpg", b"same bytes"),
            shelf.photo("b.jpg", b"same bytes", folder="/mnt/a"),
            shelf.photo("c.jpg", b"same bytes", folder="/mnt/b"),
        ]
        await library.sync()
        await shelf.read(*rows)
        agreement = Agreement(external=True)
        decided: set[str] = set()
        made = []
        for deed in deeds:
            found = await shelf.form()
            try:
                if deed.startswith("keep") and found:
                    members = found[0].members
                    kept = members[0 if deed == "keep first" else -1].asset_id

                    made.append(await keep(library.context, library.owner_id, found[0].id, [kept], agreement=agreement))
                elif deed == "bulk":
                    shown = await preview_identical(library.context, library.owner_id, agreement=agreement)
                    made += await keep_identical(
                        library.context, library.owner_id, confirm=shown.token, agreement=agreement
                    )
                elif deed == "undo":
                    await undo(library.context, library.owner_id, [each.id for each in made])
            except SidecarError:
                continue
            decided |= {asset_id for each in made for asset_id in each.trash_ids}
            if deed.startswith("trash"):
                library.immich.set_trash(is_on=deed.endswith("on"))
            elif deed == "run":
                await shelf.resolve()
            elif deed.startswith("kill"):
                await crash_at(shelf, int(deed.split()[1]), is_after=True)
                library.clock.advance(seconds=600)
        states = library.immich.state.assets
        assert {each for each, row in states.items() if row.deleted_us is not None} <= decided
        assert len(states) == 3
        assert any(row.deleted_us is None for row in states.values())
        assert not [call for call in library.immich.calls if call.method == "DELETE" and call.path != "/assets"]


async def test_a_featureless_decision_is_carried_out_once_somebody_has_looked(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"black"), shelf.photo("copy.jpg", b"blac")
    await shelf.library.sync()
    await shelf.alike(best, copy, DuplicateClass.FEATURELESS)
    await shelf.keep(best, little_to_see=True)
    await shelf.resolve()
    assert shelf.trashed() == ["copy.jpg"]


async def test_links_are_merged_where_immich_lets_nobody_add_to_them(tmp_path: Path) -> None:
    """Until 2.7.5 a key without "all" may add nothing to a link, nor until 2.5 take anything from one."""
    async with open_library(tmp_path, version="2.5.6") as library:
        shelf = Shelf(library)
        best, copy = await two(shelf)
        link = library.immich.link(library.user, copy)

        key = library.immich.add_key(library.user, required_permissions())
        async with open_immich(library.immich.url, key) as client:
            account = replace(library.context.accounts[library.owner_id], immich=client)
            shelf = Shelf(replace(library, context=replace(library.context, accounts={library.owner_id: account})))
            resolution = await shelf.keep(best)
            await shelf.resolve()
            assert (await shelf.now(resolution)).state is DONE
            assert best.id in link.assets
            undone = await shelf.undo(resolution)
            assert undone.state is UNDONE
            assert undone.error is not None
            assert undone.error.startswith("Something stays with what was kept")
