from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.merging import PartKind
from sidecar.duplicates.verdict import Agreement, Concern, Refusal
from sidecar.errors import StaleDecision
from sidecar.jobs.duplicates.decide import KeepRefused, keep, keep_identical, preview, preview_identical
from sidecar.jobs.duplicates.dismissals import dismiss, dismissed, remember_distinct, undismiss
from sidecar.jobs.remember import remember
from sidecar.model import AssetId
from sidecar.storage import assets, decisions, duplicate_sets, resolutions
from sidecar.storage.resolutions import ResolutionState
from tests.jobs.duplicates.album import Shelf, ids
from tests.jobs.duplicates.test_resolve import watch
from tests.jobs.household import open_library

EXTERNAL = Agreement(external=True)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_library(tmp_path) as library:
        yield Shelf(library)


async def test_a_preview_tells_all_that_would_happen(shelf: Shelf) -> None:
    immich, ann = shelf.library.immich, shelf.library.user
    bob = immich.add_user("Bob")
    best = shelf.photo("best.jpg", b"large")
    copy = shelf.photo("copy.jpg", b"smal", folder="/mnt/a", latitude=1.0, longitude=2.0, width=9000)
    immich.album(ann, "Trip", copy)
    immich.album(ann, "Family", copy, editors=(bob,))
    immich.album(bob, "Theirs", copy, viewers=(ann,))
    immich.link(ann, copy)
    await shelf.library.sync()
    await shelf.alike(best, copy)
    found = await shelf.only_set()
    shown = await preview(shelf.library.context, shelf.library.owner_id, found.id, ids(best))
    assert [each.refusal for each in shown.objections] == [Refusal.EXTERNAL]
    assert sorted(shown.albums.values()) == ["Family", "Theirs", "Trip"]
    assert {part.kind for part in shown.gain.parts} == {PartKind.PLACE, PartKind.ALBUM, PartKind.LINK}
    assert shown.verdict.freed_bytes == 4
    assert [(each.concern, tuple(sorted(each.names))) for each in shown.cautions] == [
        (Concern.EXTERNAL, ()),
        (Concern.FEWER_PIXELS, ()),
        (Concern.SHARED_ALBUM, ("Family", "Theirs")),
        (Concern.SHARED_LINK, ()),
        (Concern.ALBUM_REFUSES, ("Theirs",)),
        (Concern.PLACE_STAYS, ()),
    ]
    assert shelf.library.writes() == []


async def test_nothing_to_keep_is_shown_with_its_objection(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    found = await shelf.only_set()
    shown = await preview(shelf.library.context, shelf.library.owner_id, found.id, [])
    assert [each.refusal for each in shown.objections] == [Refusal.KEEPS_NOTHING]
    assert shown.gain.parts == ()


async def test_a_decision_is_written_down_and_nothing_is_sent(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    made = await shelf.keep(best)
    found = await shelf.now(made)
    assert (found.state, found.keep_ids, found.trash_ids) == (
        ResolutionState.INTENDED, tuple(ids(best)), tuple(ids(copy)),
    )  # fmt: skip
    assert await shelf.sets() == []
    assert shelf.library.writes() == []
    # It is not listed again while it is carried out.
    assert await shelf.form() == []


async def test_a_set_that_is_gone_is_no_longer_decided_about(shelf: Shelf) -> None:
    with pytest.raises(StaleDecision, match="There is no set '0123456789ab' any more"):
        await keep(shelf.library.context, shelf.library.owner_id, "0123456789ab", [])


async def test_a_file_that_was_replaced_is_noticed_before_anything_is_written_down(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    found = await shelf.only_set()
    shelf.library.immich.state.write(copy, thumbhash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w")
    with pytest.raises(StaleDecision, match="A file was replaced since it was compared"):
        await keep(shelf.library.context, shelf.library.owner_id, found.id, ids(best))


async def test_a_member_that_is_gone_without_our_having_heard_of_it_is_noticed(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    found = await shelf.only_set()
    shelf.library.immich.delete_for_good(copy)
    await shelf.library.immich.settle()
    with pytest.raises(StaleDecision, match="The set has changed"):
        await keep(shelf.library.context, shelf.library.owner_id, found.id, ids(best))


async def test_bytes_that_were_read_of_a_former_file_cover_nothing(shelf: Shelf) -> None:
    """The copy in the stack was identical when it was read; its file is another one now, and nobody has heard of it."""
    loose_raw = shelf.photo("loose.dng", b"raw bytes", is_favorite=True)
    loose = shelf.photo("loose.jpg", b"jpeg bytes", is_favorite=True)
    raw, jpeg = shelf.photo("raw.dng", b"raw bytes", folder="/a"), shelf.photo("jpeg.jpg", b"jpeg bytes", folder="/a")
    shelf.library.immich.stack(shelf.library.user, loose, loose_raw)
    shelf.library.immich.stack(shelf.library.user, jpeg, raw)
    await shelf.library.sync()
    await shelf.read(loose, loose_raw, raw, jpeg)
    found = await shelf.only_set()
    shown = await preview(shelf.library.context, shelf.library.owner_id, found.id, ids(loose), agreement=EXTERNAL)
    assert shown.objections == ()
    assert set(shown.verdict.trash) == set(ids(raw, jpeg))

    async def replace(call: str) -> None:
        if call == f"GET /assets/{raw.id}":
            shelf.library.immich.state.write(raw, thumbhash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w")

    watch(shelf, before=replace)
    shown = await preview(shelf.library.context, shelf.library.owner_id, found.id, ids(loose), agreement=EXTERNAL)
    assert [(each.refusal, each.asset_ids) for each in shown.objections] == [(Refusal.LOSES_VERSIONS, tuple(ids(raw)))]


async def test_what_speaks_against_it_is_told(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"black"), shelf.photo("copy.jpg", b"blac", folder="/mnt/a")
    await shelf.library.sync()
    await shelf.alike(best, copy, DuplicateClass.FEATURELESS)
    shelf.library.immich.set_trash(is_on=False)
    with pytest.raises(
        KeepRefused, match=r"Immich's trash is switched off.*say that you have looked.*external"
    ) as told:
        await shelf.keep(best)
    assert [each.refusal for each in told.value.objections] == [
        Refusal.TRASH_IS_OFF, Refusal.SAYS_LITTLE, Refusal.EXTERNAL,
    ]  # fmt: skip


async def test_two_decisions_about_one_asset_do_not_overlap(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    found = await shelf.only_set()
    await shelf.keep(best)
    async with shelf.library.context.database.write() as connection:
        await duplicate_sets.replace(connection, shelf.library.owner_id, [found], now_ms=1)
    with pytest.raises(KeepRefused, match="Another decision about one of these is being carried out"):
        await keep(shelf.library.context, shelf.library.owner_id, found.id, ids(copy))


async def test_a_set_that_changes_while_immich_is_asked_is_not_decided_about(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    found = await shelf.only_set()

    async def search(call: str) -> None:
        if call == f"GET /assets/{best.id}":
            await shelf.alike(best, copy, similarity=0.99)
            await shelf.form()

    watch(shelf, before=search)
    with pytest.raises(StaleDecision, match="The set has changed"):
        await keep(shelf.library.context, shelf.library.owner_id, found.id, ids(best))


class TestBulk:
    async def identical(self, shelf: Shelf) -> None:
        rows = [
            shelf.photo("a.jpg", b"aaaa", is_favorite=True),
            shelf.photo("a-1.jpg", b"aaaa", folder="/a"),
            shelf.photo("a-2.jpg", b"aaaa", folder="/b"),
            shelf.photo("b.jpg", b"bb", folder="/a", is_favorite=True),
            shelf.photo("b-1.jpg", b"bb"),
        ]
        await shelf.library.sync()
        await shelf.read(*rows)
        await shelf.form()

    async def test_a_preview_counts_what_would_go(self, shelf: Shelf) -> None:
        await self.identical(shelf)
        shown = await preview_identical(shelf.library.context, shelf.library.owner_id)
        assert (shown.sets, shown.groups, shown.files, shown.freed_bytes, shown.external) == (1, 1, 1, 2, 0)
        assert shown.left_alone == {Refusal.EXTERNAL: 1}
        shown = await preview_identical(shelf.library.context, shelf.library.owner_id, agreement=EXTERNAL)
        assert (shown.sets, shown.groups, shown.files, shown.freed_bytes, shown.external) == (2, 2, 3, 10, 2)
        assert shown.left_alone == {}
        assert shelf.library.writes() == []

    async def test_what_was_agreed_to_is_done_and_nothing_else(self, shelf: Shelf) -> None:
        await self.identical(shelf)
        context, owner_id = shelf.library.context, shelf.library.owner_id
        shown = await preview_identical(context, owner_id, agreement=EXTERNAL)
        with pytest.raises(StaleDecision, match="have changed since they were shown"):
            await keep_identical(context, owner_id, confirm=shown.token)
        made = await keep_identical(context, owner_id, confirm=shown.token, agreement=EXTERNAL)
        assert len(made) == 2
        await shelf.resolve()
        assert shelf.trashed() == ["a-1.jpg", "a-2.jpg", "b-1.jpg"]
        assert (await preview_identical(context, owner_id)).files == 0

    async def test_where_the_trash_is_off_that_is_said(self, shelf: Shelf) -> None:
        await self.identical(shelf)
        shelf.library.immich.set_trash(is_on=False)
        with pytest.raises(KeepRefused, match="Immich's trash is switched off"):
            await keep_identical(shelf.library.context, shelf.library.owner_id, confirm="")

    async def test_what_is_being_decided_is_left_alone(self, shelf: Shelf) -> None:
        await self.identical(shelf)
        context, owner_id = shelf.library.context, shelf.library.owner_id
        before = await shelf.sets()
        shown = await preview_identical(context, owner_id)
        await keep_identical(context, owner_id, confirm=shown.token)
        async with context.database.write() as connection:
            await duplicate_sets.replace(connection, owner_id, before, now_ms=1)
        shown = await preview_identical(context, owner_id)
        assert shown.files == 0
        assert shown.left_alone == {Refusal.EXTERNAL: 1, Refusal.BEING_DECIDED: 1}

    async def test_a_stack_of_which_something_would_be_lost_stays(self, shelf: Shelf) -> None:
        loose = shelf.photo("loose.jpg", b"jpeg", is_favorite=True)
        jpeg, raw = shelf.photo("a.jpg", b"jpeg", folder="/a"), shelf.photo("a.dng", b"raw", folder="/a")
        shelf.library.immich.stack(shelf.library.user, jpeg, raw)
        await shelf.library.sync()
        await shelf.read(loose, jpeg, raw)
        await shelf.form()
        shown = await preview_identical(shelf.library.context, shelf.library.owner_id, agreement=EXTERNAL)
        assert shown.files == 0


class TestDismissing:
    async def test_a_dismissed_set_never_comes_back(self, shelf: Shelf) -> None:
        best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
        await shelf.library.sync()
        await shelf.alike(best, copy)
        found = await shelf.only_set()
        await dismiss(shelf.library.context, shelf.library.owner_id, found.id)
        assert await shelf.sets() == []
        assert await shelf.form() == []
        with pytest.raises(StaleDecision):
            await dismiss(shelf.library.context, shelf.library.owner_id, found.id)

    async def test_it_says_nothing_about_stacks(self, shelf: Shelf) -> None:
        raw, jpeg = shelf.library.shoot("IMG_1.CR3", "IMG_1.JPG")
        await shelf.library.sync()
        async with shelf.library.context.database.write() as connection:
            await remember_distinct(
                shelf.library.context, connection, shelf.library.owner_id, [frozenset(ids(raw, jpeg))]
            )
        await shelf.library.scan()
        assert shelf.library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]

    async def test_it_is_said_once_and_can_be_taken_back(self, shelf: Shelf) -> None:
        best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
        await shelf.library.sync()
        await shelf.alike(best, copy)
        context, owner_id = shelf.library.context, shelf.library.owner_id
        async with context.database.write() as connection:
            for _ in range(2):
                await remember_distinct(context, connection, owner_id, [frozenset(ids(best, copy))])
        async with context.database.read() as connection:
            ((decision_id, _),) = await dismissed(connection, owner_id)
        assert await undismiss(context, owner_id, [decision_id, "unknown"]) == [decision_id]
        assert len(await shelf.form()) == 1

    async def test_a_third_copy_may_form_a_set_with_one_of_them(self, shelf: Shelf) -> None:
        best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
        await shelf.library.sync()
        await shelf.alike(best, copy)
        await dismiss(shelf.library.context, shelf.library.owner_id, (await shelf.only_set()).id)
        third = shelf.photo("third.jpg", b"thi")
        await shelf.library.sync()
        await shelf.alike(best, third)
        await shelf.alike(copy, third)
        assert len((await shelf.only_set()).members) == 2

    async def test_what_is_dismissed_while_sets_are_formed_is_no_set(self, shelf: Shelf) -> None:
        best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
        await shelf.library.sync()
        await shelf.alike(best, copy)
        found = await shelf.only_set()
        shelf.library.context.recalled.clear()  # so that Immich is asked while the sets are formed

        async def dismiss_it(call: str) -> None:
            if call.startswith(f"GET /assets/{best.id}/metadata") and await shelf.sets():
                await dismiss(shelf.library.context, shelf.library.owner_id, found.id)

        watch(shelf, before=dismiss_it)
        assert await shelf.form() == []

    async def test_the_same_bytes_under_another_name_and_id_are_still_dismissed(self, shelf: Shelf) -> None:
        best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
        await shelf.library.sync()
        await shelf.alike(best, copy)
        await dismiss(shelf.library.context, shelf.library.owner_id, (await shelf.only_set()).id)
        shelf.library.immich.trash(copy)
        again = shelf.photo("renamed.jpg", b"smal", folder="/mnt/a")
        await shelf.library.sync()
        await shelf.read(again)
        await shelf.alike(best, again)
        assert await shelf.form() == []

    async def test_the_same_file_under_another_id_is_still_dismissed_once_the_former_is_gone(
        self, shelf: Shelf
    ) -> None:
        best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal", folder="/mnt/a")
        await shelf.library.sync()
        await shelf.alike(best, copy)
        await dismiss(shelf.library.context, shelf.library.owner_id, (await shelf.only_set()).id)
        again = shelf.photo("copy.jpg", b"smal", folder="/mnt/b")
        await shelf.library.sync()
        await shelf.alike(best, again)
        assert len(await shelf.form()) == 1
        shelf.library.immich.delete_for_good(copy)
        await shelf.library.immich.settle()
        async with shelf.library.context.database.write() as connection:
            await assets.remove(connection, shelf.library.owner_id, list(ids(copy)))
        assert await shelf.form() == []

    async def test_it_outlives_our_database_whoever_is_asked_first(self, shelf: Shelf) -> None:
        rows = [shelf.photo(f"{number}.jpg", bytes([number + 1]), is_favorite=number == 0) for number in range(30)]
        await shelf.library.sync()
        for row in rows[1:]:
            await shelf.alike(rows[0], row)
        await dismiss(shelf.library.context, shelf.library.owner_id, (await shelf.only_set()).id)
        await remember(shelf.library.context, shelf.library.owner_id)
        sizes = {len(str(shelf.library.immich.memo_of(row))) for row in rows}
        assert max(sizes) < 100
        context, owner_id = shelf.library.context, shelf.library.owner_id
        async with context.database.write() as connection:
            (decision_id,) = {each for each, _ in await dismissed(connection, owner_id)}
            await connection.exec_driver_sql("DELETE FROM decisions")
        context.recalled.clear()
        assert await shelf.form() == []
        async with context.database.read() as connection:
            ((again, decision),) = await decisions.touching(connection, owner_id, [AssetId(rows[3].id)])
        assert (again, len(decision.asset_ids)) == (decision_id, 30)
        # Asked again by the next process, nothing is news.
        context.recalled.clear()
        assert await shelf.form() == []


async def test_what_was_decided_before_is_nobody_s_business_but_the_owner_s(shelf: Shelf) -> None:
    best, copy = shelf.photo("best.jpg", b"large"), shelf.photo("copy.jpg", b"smal")
    await shelf.library.sync()
    await shelf.alike(best, copy)
    made = await shelf.keep(best)
    async with shelf.library.context.database.read() as connection:
        assert await resolutions.entries(connection, type(shelf.library.owner_id)("somebody"), [made.id]) == []
