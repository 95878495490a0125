from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from sidecar.commands.duplicates.listing import ListOptions
from sidecar.commands.exit_codes import ExitCode
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.fingerprint import FINGERPRINT_VERSION
from sidecar.errors import SettingsError
from sidecar.model import AssetId, OwnerId
from sidecar.settings import Settings
from sidecar.storage import contents, detections, fingerprints, native_records, originals
from sidecar.storage.contents import Content
from sidecar.storage.duplicate_sets import SetOrder
from sidecar.storage.fingerprints import Failure
from sidecar.wiring import open_services
from tests.commands.duplicates.drawer import Said, duplicates, put_sets, scanned, searched
from tests.jobs.household import NOON

pytestmark = pytest.mark.timeout(60)

EDITED, IDENTICAL, RE_ENCODED = DuplicateClass.EDITED, DuplicateClass.IDENTICAL, DuplicateClass.RE_ENCODED


def shoot(immich: EmulatedImmich, user: UserRow, *names: str, minute: int = 0, **facts: Any) -> list[AssetRow]:
    return [immich.add_asset(user, name, taken_at=NOON + timedelta(minutes=minute), **facts) for name in names]


async def listed(settings: Settings, *, user: str | None = None, **options: Any) -> Said:
    return await duplicates(settings, user=user, listing=ListOptions(**options))


async def objects(settings: Settings, **options: Any) -> list[dict[str, Any]]:
    said = await listed(settings, as_json=True, **options)
    found: list[dict[str, Any]] = json.loads(said.text)
    return found


async def test_a_library_that_was_never_searched_says_so(ann: UserRow, settings: Settings) -> None:
    said = await listed(settings)
    assert (said.code, said.err) == (ExitCode.DONE, "")
    assert said.lines == [
        "Ann: 0 sets of duplicates",
        "  this library was not searched for duplicates yet: `sidecar scan --duplicates` does that",
    ]
    await searched(settings, ann)
    assert (await listed(settings)).lines == ["Ann: 0 sets of duplicates"]
    async with open_services(settings) as services, services.database.write() as connection:
        await detections.request(connection, OwnerId(ann.id), now_ms=3)
    assert (await listed(settings)).lines[1:] == ["  a search for duplicates is under way; there may be more"]


async def test_a_set_is_a_line_with_the_suggested_copy_first(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    first, second = shoot(immich, ann, "B.JPG", "A.JPG", size_bytes=2_500_000)
    await scanned(settings)
    await searched(settings, ann)
    (found,) = await put_sets(settings, ann, [first, second])
    said = await listed(settings)
    assert said.lines == [
        "Ann: 1 set of duplicates; keeping one copy of each frees 2.5 MB",
        f"  {found.id}  B.JPG + A.JPG  (identical; keeping one frees 2.5 MB)",
        (
            f"Look closer with: sidecar duplicates show {found.id}; decide with: sidecar duplicates keep {found.id}, "
            f"or: sidecar duplicates dismiss {found.id}"
        ),
    ]


async def test_sets_are_ordered_chosen_by_class_and_counted(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    small = shoot(immich, ann, "S1.JPG", "S2.JPG", size_bytes=1_000)
    large = shoot(immich, ann, "L1.JPG", "L2.JPG", minute=1, size_bytes=9_000_000)
    await scanned(settings)
    await searched(settings, ann)
    (edited,) = await put_sets(settings, ann, large, kind=EDITED, similarity=0.953, reason="alike", now_ms=1)
    (same,) = await put_sets(settings, ann, small, now_ms=2)
    edited_line = f"  {edited.id}  L1.JPG + L2.JPG  (edited, alike by 0.953; keeping one frees 9.0 MB)"
    same_line = f"  {same.id}  S1.JPG + S2.JPG  (identical; keeping one frees 1.0 kB)"
    frees = "keeping one copy of each frees 9.0 MB"
    for order, sets, words in (
        (SetOrder.NEWEST, [same_line, edited_line], "the newest first"),
        (SetOrder.SAVINGS, [edited_line, same_line], "what frees most first"),
        (SetOrder.SIMILARITY, [same_line, edited_line], "the most alike first"),
    ):
        title, *lines, _ = (await listed(settings, order=order)).lines
        assert (title, lines) == (f"Ann: 2 sets of duplicates, {words}; {frees}", sets)
    title, *lines, _ = (await listed(settings, kinds=(EDITED, RE_ENCODED))).lines
    assert (title, lines) == (f"Ann: 1 set of duplicates (edited, re-encoded); {frees}", [edited_line])
    title, *lines, _ = (await listed(settings, most=1)).lines
    assert lines == [same_line, "  … and 1 more (--all lists them)"]
    assert len((await listed(settings, most=None)).lines) == 4


async def test_large_sets_name_a_few_files_and_count_the_rest(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    many = shoot(immich, ann, *(f"Screenshot {number:02}.png" for number in range(40)))
    await scanned(settings)
    await put_sets(settings, ann, many)
    (line,) = [line for line in (await listed(settings)).lines if "Screenshot" in line]
    assert line.count("Screenshot") == 11
    assert " and 29 more  (identical" in line
    (found,) = await objects(settings)
    assert (found["asset_count"], len(found["assets"])) == (40, 40)


async def test_all_pages_are_read(
    immich: EmulatedImmich, ann: UserRow, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.commands.duplicates.listing._A_PAGE", 2)
    sets = [shoot(immich, ann, f"A{number}.JPG", f"B{number}.JPG", minute=number) for number in range(5)]
    await scanned(settings)
    await put_sets(settings, ann, *sets)
    assert len(await objects(settings, most=1)) == 5
    assert sum(" + " in line for line in (await listed(settings, most=3)).lines) == 3
    assert sum(" + " in line for line in (await listed(settings, most=None)).lines) == 5


async def test_programs_get_everything_about_a_set(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    first, second = shoot(immich, ann, "B.JPG", "A.JPG", size_bytes=100)
    await scanned(settings)
    (found,) = await put_sets(settings, ann, [first, second], kind=RE_ENCODED, similarity=0.98, reason="alike")
    assert await objects(settings) == [
        {
            "user": "Ann",
            "user_id": ann.id,
            "id": found.id,
            "source": "sidecar",
            "class": "re-encoded",
            "similarity": 0.98,
            "savings_bytes": 100,
            "found_at": "1970-01-01T00:00:00.001000+00:00",
            "asset_count": 2,
            "assets": [
                {
                    "id": first.id,
                    "name": "B.JPG",
                    "class": "re-encoded",
                    "similarity": None,
                    "reason": "the best copy",
                    "is_suggested": True,
                },
                {
                    "id": second.id,
                    "name": "A.JPG",
                    "class": "re-encoded",
                    "similarity": 0.98,
                    "reason": "alike",
                    "is_suggested": False,
                },
            ],
        }
    ]


async def test_immichs_own_groups_stand_beside_ours(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    theirs = shoot(immich, ann, "T1.JPG", "T2.JPG")
    ours = shoot(immich, ann, "O1.JPG", "O2.JPG", minute=1)
    for row in theirs:
        immich.state.write(row, duplicate_id="0a000000-0000-4000-8000-000000000001")
    for row in ours:
        immich.state.write(row, duplicate_id="0a000000-0000-4000-8000-000000000002")
    await scanned(settings)
    await searched(settings, ann)
    (found,) = await put_sets(settings, ann, ours)
    async with open_services(settings) as services, services.database.write() as connection:
        records = [(AssetId(row.id), found.id, "0a000000-0000-4000-8000-000000000002", 0) for row in ours]
        await native_records.intend(connection, OwnerId(ann.id), records, now_ms=1)
    assert not any("T1" in line for line in (await listed(settings)).lines)
    lines = (await listed(settings, with_immichs_own=True)).lines
    assert sorted(lines[2:4]) in (
        ["  T1.JPG + T2.JPG", "Ann: 1 group that Immich itself found"],
        ["  T2.JPG + T1.JPG", "Ann: 1 group that Immich itself found"],
    )
    own, native = await objects(settings, with_immichs_own=True)
    assert own["source"] == "sidecar"
    assert {key: value for key, value in native.items() if key != "assets"} == {
        "user": "Ann",
        "user_id": ann.id,
        "id": None,
        "source": "immich",
        "class": "similar",
        "duplicate_id": "0a000000-0000-4000-8000-000000000001",
    }
    assert {each["name"] for each in native["assets"]} == {"T1.JPG", "T2.JPG"}


async def test_what_could_not_be_read_is_listed_with_the_reason(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    broken, missing = shoot(immich, ann, "B\x9b.JPG", "M.JPG", size_bytes=5)
    await scanned(settings)
    owner_id = OwnerId(ann.id)
    async with open_services(settings) as services, services.database.write() as connection:
        (picture,) = await originals.to_look_at_among(
            connection, owner_id, [AssetId(broken.id)], version=FINGERPRINT_VERSION, now_ms=1
        )
        failure = Failure(AssetId(broken.id), picture.basis, "truncated", "it ends too early", fingerprints.NEVER)
        await fingerprints.fail(connection, owner_id, [failure], version=FINGERPRINT_VERSION)
        original = (await originals.of(connection, owner_id, [AssetId(missing.id)]))[AssetId(missing.id)]
        unread = Content(AssetId(missing.id), 5, original.modified_at_ms, flaw="Immich has lost it", attempts=2)
        await contents.put(connection, owner_id, [unread])
    said = await listed(settings, unread=True)
    assert said.lines == [
        "Ann: 2 files that could not be read or looked at",
        "  B�.JPG  (the picture: it ends too early; not tried again until it changes)",
        "  M.JPG  (the file: Immich has lost it; tried 2 times)",
    ]
    assert (await listed(settings, unread=True, most=1)).lines[-1] == "  … and 1 more (--all lists them)"
    first, second = await objects(settings, unread=True)
    assert first == {
        "user": "Ann",
        "user_id": ann.id,
        "asset": {"id": broken.id, "name": "B\x9b.JPG"},
        "reason": "the picture: it ends too early",
        "attempts": 1,
        "is_final": True,
    }
    assert (second["asset"]["name"], second["is_final"]) == ("M.JPG", False)


async def test_one_user_or_all_of_them(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    bob = immich.add_user("Bob")
    both = settings.model_copy(update={"api_keys": (*settings.api_keys, SecretStr(immich.add_key(bob)))})
    assert [line.partition(":")[0] for line in (await listed(both)).lines if line[0] != " "] == ["Ann", "Bob"]
    assert (await listed(both, user="bob")).lines[0].startswith("Bob: ")
    with pytest.raises(SettingsError, match="'eve'"):
        await listed(both, user="eve")
    one_refused = settings.model_copy(update={"api_keys": (*settings.api_keys, SecretStr("wrong"))})
    said = await listed(one_refused)
    assert said.code == ExitCode.REFUSED
    assert said.err.startswith("sidecar: API key 2 of 2")
    assert (await listed(one_refused, user="ann")).code == ExitCode.DONE
    assert ann.name == "Ann"
