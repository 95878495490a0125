from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.jobs import previewing
from sidecar.jobs.choosing import NotUnderstood, in_force
from sidecar.jobs.previewing import ChangeKind, DuplicateChange, Preview, preview
from sidecar.jobs.rules import rules_of
from sidecar.model import AssetId
from sidecar.storage import duplicate_sets, preferences
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.tables import metadata
from tests.jobs.household import Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def choose(library: Library, **chosen: Any) -> None:
    async with library.context.database.write() as connection:
        await preferences.put(connection, library.owner_id, chosen, now_ms=1)


async def everything_kept(library: Library) -> dict[str, list[str]]:
    async with library.context.database.read() as connection:
        return {
            table.name: [repr(row) for row in await connection.execute(table.select())]
            for table in metadata.sorted_tables
        }


async def look(library: Library, **wanted: Any) -> Preview:
    """What would change; and neither database nor Immich change by that."""
    before, calls = await everything_kept(library), len(library.immich.calls)
    found = await preview(library.context, library.owner_id, wanted)
    assert await everything_kept(library) == before
    assert len(library.immich.calls) == calls
    return found


def changes(found: Preview) -> dict[ChangeKind, int]:
    return {kind: number for kind, number in found.counts.items() if number}


def names(found: Preview) -> list[tuple[ChangeKind, list[str]]]:
    return [(each.kind, [member.name for member in each.members]) for each in found.examples]


async def test_the_same_choices_change_nothing(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    found = await look(library, ask_first=False, notify=True)
    assert (changes(found), names(found), found.next_start) == ({}, [], None)
    assert (found.looked, found.total) == (2, 2)
    assert found.duplicates == DuplicateChange(0, needs_search=False)


async def test_what_is_switched_on_would_be_stacked(library: Library) -> None:
    await choose(library, stack={"raw_jpeg": False})
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    found = await look(library, stack={"raw_jpeg": True})
    assert changes(found) == {ChangeKind.STACKED: 1}
    assert names(found) == [(ChangeKind.STACKED, ["IMG_1.JPG", "IMG_1.CR3"])]


async def test_a_new_version_would_join_its_stack(library: Library) -> None:
    await choose(library, stack={"edited": False})
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.shoot("IMG_1-edited.JPG")
    await library.scan()
    found = await look(library, stack={"edited": True})
    assert changes(found) == {ChangeKind.STACKED: 1}
    ((_, members),) = names(found)
    assert sorted(members) == ["IMG_1-edited.JPG", "IMG_1.CR3", "IMG_1.JPG"]


async def test_what_the_sidecar_stacked_and_would_not_any_more_stays(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_2.CR3", "IMG_2.JPG", at_s=60)
    await library.scan()
    library.immich.stack(library.user, *library.shoot("IMG_3.CR3", "IMG_3.JPG", at_s=120))
    await library.scan()
    assert len(library.stacks()) == 3
    found = await look(library, stack={"raw_jpeg": False})
    assert changes(found) == {ChangeKind.KEPT: 2}
    assert names(found) == [
        (ChangeKind.KEPT, ["IMG_1.JPG", "IMG_1.CR3"]),
        (ChangeKind.KEPT, ["IMG_2.JPG", "IMG_2.CR3"]),
    ]


async def test_asking_first_turns_stacks_to_be_into_suggestions_and_back(library: Library) -> None:
    await choose(library, ask_first=True)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    assert changes(await look(library, ask_first=False)) == {ChangeKind.STACKED: 1, ChangeKind.DROPPED: 1}
    assert changes(await look(library, stack={"raw_jpeg": False})) == {ChangeKind.DROPPED: 1}
    await choose(library, ask_first=True, stack={"raw_jpeg": False})
    await library.scan()
    assert changes(await look(library, stack={"raw_jpeg": None})) == {ChangeKind.SUGGESTED: 1}


async def test_a_stack_keeps_the_cover_that_would_be_another_one_today(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    found = await look(library, auto_primary_preference=["raw", "rest"])
    assert names(found) == [(ChangeKind.COVER, ["IMG_1.CR3", "IMG_1.JPG"])]


async def test_what_stays_as_it_is_beside_what_changes_is_no_change(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_1.CR3", at_s=1000)
    library.shoot("IMG_1.JPG", at_s=1004)
    await library.scan()
    found = await look(library, timestamp_tolerance_seconds=10)
    assert changes(found) == {ChangeKind.STACKED: 1}


@pytest.mark.parametrize("is_paired", [pytest.param(True, id="paired"), pytest.param(False, id="rules just changed")])
async def test_patterns_are_read_in_memory(library: Library, *, is_paired: bool) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG", "web IMG_1.JPG")
    library.shoot("IMG_2.JPG", at_s=99)
    await library.scan()
    if not is_paired:
        await choose(library, timestamp_tolerance_seconds=1)
    own = {"pattern": "web {base}.{ext}", "trusted": True}
    found = await look(library, filename_patterns=["{base}.{ext}", "{base}_{suffix}.{ext}", own])
    assert changes(found) == {ChangeKind.STACKED: 1}
    ((_, members),) = names(found)
    assert sorted(members) == ["IMG_1.CR3", "IMG_1.JPG", "web IMG_1.JPG"]


async def test_frames_of_a_burst_meet_although_their_names_differ(library: Library) -> None:
    rows = [row for second in range(3) for row in library.shoot(f"IMG_{7 * second}.JPG", at_s=second / 10)]
    library.shoot("IMG_50.JPG", at_s=9)
    library.immich.burst(rows, "burst")
    await library.scan()
    async with library.context.database.write() as connection:
        from sidecar.storage import assets  # noqa: PLC0415

        await assets.set_bursts(connection, library.owner_id, {AssetId(row.id): "burst" for row in rows})
    found = await look(library, stack={"burst": True})
    assert changes(found) == {ChangeKind.STACKED: 1}
    ((_, members),) = names(found)
    assert sorted(members) == ["IMG_0.JPG", "IMG_14.JPG", "IMG_7.JPG"]


async def test_a_large_library_is_looked_at_in_parts(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "AT_ONCE", 2)
    await choose(library, stack={"raw_jpeg": False})
    for number in range(5):
        library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=number * 60)
    library.shoot("alone.JPG", at_s=999)
    await library.scan()
    ticks: Iterator[int] = count()
    start: int | None = 0
    seen: list[tuple[int, int, int | None]] = []
    while start is not None:
        part = await preview(
            library.context, library.owner_id, {"stack": None}, start=start, budget_s=1, clock=lambda: next(ticks)
        )
        seen.append((part.looked, part.counts[ChangeKind.STACKED], part.next_start))
        start = part.next_start
    assert seen == [(5, 2, 2), (9, 2, 4), (11, 1, None)]
    over = await preview(library.context, library.owner_id, {"stack": None}, start=10**9)
    assert (over.next_start, changes(over)) == (None, {})


async def test_there_are_a_few_examples_of_each_kind_and_not_too_many(library: Library) -> None:
    await choose(library, ask_first=True)
    for number in range(6):
        library.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=number * 60)
    await library.scan()
    found = await look(library, ask_first=False)
    assert changes(found) == {ChangeKind.STACKED: 6, ChangeKind.DROPPED: 6}
    assert [kind for kind, _ in names(found)] == [*[ChangeKind.STACKED] * 4, *[ChangeKind.DROPPED] * 4]


@pytest.mark.parametrize(
    ("wanted", "fewer", "needs_search"),
    [
        pytest.param({"phash_threshold": 0.97}, 1, False, id="stricter"),
        pytest.param({"phash_threshold": 0.999}, 3, False, id="much stricter"),
        pytest.param({"phash_threshold": 0.93}, 0, True, id="looser"),
        pytest.param({"turned_copies": True}, 0, True, id="turned copies too"),
        pytest.param({"enable_exact_match": False}, 2, False, id="no equal files"),
        pytest.param({"enable_perceptual_match": False}, 3, False, id="no looks"),
        pytest.param({"enable_perceptual_match": False, "phash_threshold": 0.93}, 3, False, id="no looks, looser"),
        pytest.param({"keep_order": ["size"]}, 0, False, id="another keeper"),
    ],
)
async def test_fewer_duplicates_are_counted_and_more_need_a_search(
    library: Library, wanted: dict[str, Any], *, fewer: int, needs_search: bool
) -> None:
    kinds = [
        (DuplicateClass.IDENTICAL, 1.0), (DuplicateClass.IDENTICAL, 1.0), (DuplicateClass.RE_ENCODED, 0.99),
        (DuplicateClass.EDITED, 0.96), (DuplicateClass.FEATURELESS, 0.98),
    ]  # fmt: skip
    async with library.context.database.write() as connection:
        sets = [StoredSet(f"{n:012}", kind, AssetId("a"), 5, alike, ()) for n, (kind, alike) in enumerate(kinds)]
        await duplicate_sets.replace(connection, library.owner_id, sets, now_ms=1)
    found = await look(library, detection=wanted)
    assert found.duplicates == DuplicateChange(fewer, needs_search)


@pytest.mark.parametrize("off", ["enable_exact_match", "enable_perceptual_match"])
async def test_what_is_looked_for_anew_needs_a_search(library: Library, off: str) -> None:
    await choose(library, detection={off: False})
    assert (await look(library, detection={off: True})).duplicates == DuplicateChange(0, needs_search=True)
    # There is nothing yet that could go.
    other = ({"enable_exact_match", "enable_perceptual_match"} - {off}).pop()
    assert (await look(library, detection={other: False})).duplicates == DuplicateChange(0, needs_search=False)


async def test_a_choice_that_makes_no_sense_is_refused(library: Library) -> None:
    with pytest.raises(NotUnderstood):
        await look(library, filename_patterns=["{base}"])


async def test_before_anything_is_known_there_is_nothing_to_change(library: Library) -> None:
    found = await look(library, ask_first=True)
    assert (found.looked, found.total, found.next_start) == (0, 0, None)


async def test_it_goes_by_the_rules_that_pairing_goes_by(library: Library) -> None:
    own = {"stack": {"burst": True}, "timestamp_tolerance_seconds": 7, "filename_patterns": ["{base}.{ext}"]}
    for chosen in ({}, own):
        await choose(library, **chosen)
        async with library.context.database.read() as connection:
            rules = await rules_of(library.context, connection, library.owner_id)
        assert (await in_force(library.context, library.owner_id)).choices.matching.rules() == rules
