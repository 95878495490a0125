from __future__ import annotations

import asyncio
import json
from typing import Any

from msgspec import Struct

from sidecar.handlers.api.preferences import (
    DetectionChanges,
    DetectionValues,
    PreferenceChanges,
    PreferenceValues,
    StackChanges,
    StackSwitches,
)
from sidecar.jobs.queue import JobName
from sidecar.preferences import KEYS
from sidecar.preferences.detection import SERVER_WIDE
from sidecar.storage import preferences
from tests.handlers.conftest import Household, Person


async def now(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = await person.get("/preferences")
    return found


async def change(person: Person, values: dict[str, Any], *, revision: str | None = None) -> tuple[int, dict[str, Any]]:
    revision = (await now(person))["revision"] if revision is None else revision
    answer = await person.ask("PATCH", "/preferences", json={"revision": revision, "values": values})
    return answer.status, await answer.json()


async def changed(person: Person, values: dict[str, Any]) -> dict[str, Any]:
    status, body = await change(person, values)
    assert status == 200, body
    return body


async def stored(person: Person) -> dict[str, object]:
    async with person.household.services.database.read() as connection:
        return await preferences.get(connection, person.owner_id)


def layers(found: dict[str, Any], name: str) -> set[str]:
    return {key for key, layer in found["layers"].items() if layer == name}


async def test_where_nobody_chose_everything_is_built_in(ann: Person) -> None:
    found = await now(ann)
    assert layers(found, "built_in") == set(KEYS)
    assert found["passed_over"] == []
    assert found["values"] == {
        "timestamp_tolerance_seconds": 2.0,
        "filename_patterns": [
            {"pattern": "{base}.{ext}", "trusted": True},
            {"pattern": "{base}_{suffix}.{ext}", "trusted": True},
        ],
        "auto_primary_preference": ["edited", "jpeg", "heic", "png", "tiff", "rest", "raw"],
        "stack": {
            "raw_jpeg": True,
            "edited": True,
            "formats": True,
            "versions": True,
            "video": True,
            "burst": False,
        },
        "extend_users_stacks": False,
        "ask_first": False,
        "notify": False,
        "detection": {
            "phash_threshold": 0.95,
            "enable_exact_match": True,
            "enable_perceptual_match": True,
            "batch_size": 500,
            "turned_copies": False,
            "record_in_immich": ["identical", "re-encoded", "edited"],
            "keep_order": [
                *("favorite", "albums", "stack", "library", "format", "resolution", "original", "size", "earliest"),
            ],
            "prefer_paths": [],
        },
    }


def test_the_api_knows_every_choice() -> None:
    def keys(values: type[Struct], stack: type[Struct], detection: type[Struct]) -> set[str]:
        return {
            *(name for name in values.__struct_fields__ if name not in {"stack", "detection"}),
            *(f"stack.{name}" for name in stack.__struct_fields__),
            *(f"detection.{name}" for name in detection.__struct_fields__),
        }

    assert keys(PreferenceValues, StackSwitches, DetectionValues) == set(KEYS)
    may_change = keys(PreferenceChanges, StackChanges, DetectionChanges)
    assert set(KEYS) - may_change == {f"detection.{key}" for key in SERVER_WIDE}


async def test_what_is_given_is_changed_and_nothing_else(ann: Person, bob: Person) -> None:
    before, his = await now(ann), await now(bob)
    found = await changed(ann, {"ask_first": True, "stack": {"burst": True}, "detection": {"phash_threshold": 0.97}})
    assert layers(found, "user") == {"ask_first", "stack.burst", "detection.phash_threshold"}
    assert found["revision"] != before["revision"]
    expected = dict(before["values"], ask_first=True)
    expected["stack"] = {**expected["stack"], "burst": True}
    expected["detection"] = {**expected["detection"], "phash_threshold": 0.97}
    assert found["values"] == expected
    assert await now(ann) == found
    assert await now(bob) == his
    found = await changed(ann, {"stack": {"video": False}})
    assert layers(found, "user") == {"ask_first", "stack.burst", "stack.video", "detection.phash_threshold"}


async def test_null_takes_a_choice_back_and_then_it_is_as_before(ann: Person) -> None:
    before = await now(ann)
    await changed(
        ann, {"ask_first": True, "stack": {"burst": True, "video": False}, "detection": {"keep_order": ["size"]}}
    )
    found = await changed(ann, {"ask_first": None, "stack": {"burst": None}, "extend_users_stacks": None})
    assert layers(found, "user") == {"stack.video", "detection.keep_order"}
    found = await changed(ann, {"stack": None, "detection": {"keep_order": None, "turned_copies": None}})
    assert found == before
    assert await stored(ann) == {}


async def test_what_it_tells_can_be_sent_back(ann: Person) -> None:
    found = await changed(ann, {"filename_patterns": [{"pattern": "{base}-web.{ext}"}]})
    del found["values"]["detection"]["batch_size"]
    again = await changed(ann, found["values"])
    assert again["values"]["filename_patterns"] == [{"pattern": "{base}-web.{ext}", "trusted": False}]
    assert set(KEYS) - layers(again, "user") == {"detection.batch_size"}
    status, body = await change(ann, again["values"] | {"detection": {"batch_size": 100}})
    assert (status, body["code"]) == (400, "bad_request")


async def test_patterns_are_trusted_when_somebody_says_so(ann: Person) -> None:
    wanted = [{"pattern": "{base}.{ext}", "trusted": False}, {"pattern": "{base}~{n}.{ext}", "trusted": True}]
    found = await changed(ann, {"filename_patterns": wanted})
    assert found["values"]["filename_patterns"] == [
        {"pattern": "{base}.{ext}", "trusted": True},
        {"pattern": "{base}~{n}.{ext}", "trusted": True},
    ]
    found = await changed(ann, {"filename_patterns": []})
    assert found["values"]["filename_patterns"] == []


async def test_covers_are_told_by_their_formats_however_they_were_written(ann: Person, household: Household) -> None:
    async with household.services.database.write() as connection:
        chosen = {"auto_primary_preference": ["jpg", "jpe", "cr3", "flv"]}
        await preferences.put(connection, ann.owner_id, chosen, now_ms=1)
    found = await now(ann)
    assert found["values"]["auto_primary_preference"] == ["jpeg", "raw", "flv"]
    again = await changed(ann, {"auto_primary_preference": found["values"]["auto_primary_preference"]})
    assert again["values"] == found["values"]


async def test_a_change_wakes_the_look_at_the_library_and_none_does_not(ann: Person, household: Household) -> None:
    async def woken() -> list[tuple[str, str]]:
        return [(str(job.function), str(job.args[0])) for job in await household.services.queue.pool.queued_jobs()]

    await changed(ann, {"ask_first": None})
    await changed(ann, {})
    assert await woken() == []
    await changed(ann, {"ask_first": True})
    assert await woken() == [(JobName.PAIR.value, ann.owner_id)]
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    assert household.immich.stacks_of(ann.user) == []
    await changed(ann, {"ask_first": False})
    await ann.work()
    assert len(household.immich.stacks_of(ann.user)) == 1


async def test_a_stale_revision_changes_nothing(ann: Person) -> None:
    before = await now(ann)
    after = await changed(ann, {"ask_first": True})
    for revision in (before["revision"], "", "x" * 64, "é"):
        status, body = await change(ann, {"ask_first": False}, revision=revision)
        assert (status, body["code"]) == (409, "stale_decision")
    assert await now(ann) == after


async def test_of_twenty_who_change_one_revision_one_wins(ann: Person) -> None:
    revision = (await now(ann))["revision"]
    wishes = [{"timestamp_tolerance_seconds": 3 + number} for number in range(20)]
    answers = await asyncio.gather(*(change(ann, each, revision=revision) for each in wishes))
    (won,) = [body for status, body in answers if status == 200]
    assert [status for status, _ in answers].count(409) == 19
    assert await now(ann) == won


UNSOUND: list[tuple[dict[str, Any], str]] = [
    ({"filename_patterns": [{"pattern": "web"}]}, "filename_patterns, entry 1: the pattern has no {base}"),
    (
        {"filename_patterns": [{"pattern": "regex:(((SECRET"}]},
        "filename_patterns, entry 1: the regular expression cannot be used: missing )",
    ),
    (
        {"filename_patterns": [{"pattern": "{SECRET}-{base}.{ext}"}]},
        "filename_patterns, entry 1: the pattern has an unknown placeholder; there are {base}",
    ),
    ({"filename_patterns": [{"pattern": "SECRET\a"}]}, "filename_patterns, entry 1: has a character"),
    ({"filename_patterns": [{"pattern": "{base}-SECRET.{ext}"}] * 2}, "filename_patterns: has … twice"),
    ({"auto_primary_preference": ["SECRET"]}, "auto_primary_preference, entry 1: … is no format"),
    ({"auto_primary_preference": ["raw", "raw"]}, "auto_primary_preference: has … twice"),
    ({"detection": {"prefer_paths": ["/SECRET", "/SECRET/"]}}, "detection.prefer_paths: has … twice"),
    ({"detection": {"keep_order": ["size", "size"]}}, "detection.keep_order: has … twice"),
    ({"stack": {"burst": True}, "detection": {"record_in_immich": ["edited"] * 2}}, "detection.record_in_immich: has"),
]
"""What fits the description and makes no sense, and how the answer begins."""

UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"timestamp_tolerance_seconds": -1}, "timestamp_tolerance_seconds"),
    ({"timestamp_tolerance_seconds": 61}, "timestamp_tolerance_seconds"),
    ({"timestamp_tolerance_seconds": "2"}, "timestamp_tolerance_seconds"),
    ({"timestamp_tolerance_seconds": True}, "timestamp_tolerance_seconds"),
    ({"timestamp_tolerance_seconds": 10**400}, "timestamp_tolerance_seconds"),
    ({"filename_patterns": [{"pattern": "{base}.{ext}"}] * 33}, "filename_patterns"),
    ({"filename_patterns": [{"pattern": "x" * 201}]}, "filename_patterns"),
    ({"filename_patterns": [{"pattern": "{base}.{ext}", "trusted": 1}]}, "filename_patterns"),
    ({"filename_patterns": ["{base}.{ext}"]}, "filename_patterns"),
    ({"auto_primary_preference": []}, "auto_primary_preference"),
    ({"auto_primary_preference": "raw"}, "auto_primary_preference"),
    ({"stack": {"burst": 1}}, "stack.burst"),
    ({"stack": []}, "stack"),
    ({"ask_first": "yes"}, "ask_first"),
    ({"detection": {"phash_threshold": 0.89}}, "detection.phash_threshold"),
    ({"detection": {"phash_threshold": 1.01}}, "detection.phash_threshold"),
    ({"detection": {"keep_order": []}}, "detection.keep_order"),
    ({"detection": {"keep_order": ["luck"]}}, "detection.keep_order"),
    ({"detection": {"record_in_immich": ["featureless"]}}, "detection.record_in_immich"),
    ({"detection": {"prefer_paths": ["photos"]}}, "detection.prefer_paths"),
    ({"detection": {"prefer_paths": ["/a/../b"]}}, "detection.prefer_paths"),
    ({"detection": {"prefer_paths": ["/a\a"]}}, "detection.prefer_paths"),
    ({"detection": {"prefer_paths": ["/"]}}, "detection.prefer_paths"),
    ({"detection": {"prefer_paths": ["/" + "a" * 1000]}}, "detection.prefer_paths"),
]
"""What does not fit the description, and the place of which the answer tells."""

ODD_BODIES = [
    "",
    "{",
    "null",
    "[]",
    "{}",
    '{"revision": "x"}',
    '{"values": {}}',
    '{"revision": 1, "values": {}}',
    '{"revision": "x", "values": {"batch_size": 5}}',
    '{"revision": "x", "values": {"detection": {"batch_size": 50}}}',
    '{"revision": "x", "values": {"stack": {"everything": true}}}',
    '{"revision": "x", "values": {}, "owner_id": "y"}',
    '{"revision": "x", "values": {"filename_patterns": [{"pattern": "\\ud800"}]}}',
    '{"revision": "x", "values": {"ask_first": NaN}}',
    '{"revision": "' + "x" * 65 + '", "values": {}}',
]


async def test_invalid_values_are_refused_by_their_key_and_nothing_is_changed(ann: Person) -> None:
    before = await now(ann)
    for values, says in UNSOUND:
        status, body = await change(ann, {"ask_first": True, **values})
        assert (status, body["code"]) == (400, "bad_request"), values
        assert body["detail"].startswith(says), body
        assert "SECRET" not in json.dumps(body)
    for values, place in UNFIT:
        status, body = await change(ann, {"ask_first": True, **values})
        assert (status, body["code"]) == (400, "bad_request"), values
        assert f"$.values.{place}" in body["detail"], body
    assert await now(ann) == before


async def test_odd_bodies_are_refused(ann: Person) -> None:
    headers = {"Content-Type": "application/json"}
    for body in ODD_BODIES:
        answer = await ann.refused("PATCH", "/preferences", data=body.encode(), headers=headers)
        assert answer == (400, "bad_request"), body
    assert (await ann.refused("PATCH", "/preferences", data=b"{}"))[0] == 415
    assert await stored(ann) == {}
