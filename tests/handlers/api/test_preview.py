from __future__ import annotations

from typing import Any

import pytest

from sidecar.accounts.connected import Account
from sidecar.immich_client.client import open_immich
from tests.handlers.conftest import Person


async def preview(person: Person, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await person.ask("POST", "/preferences/preview", json={"values": values, **more})
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def test_a_preview_counts_and_shows_examples_and_changes_nothing(ann: Person, bob: Person) -> None:
    rows = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    before = await ann.get("/preferences")
    found = await preview(ann, {"stack": {"raw_jpeg": False}})
    assert found == {
        "looked": 2,
        "total": 2,
        "next_start": None,
        "counts": {"stacked": 0, "suggested": 0, "dropped": 0, "cover": 0, "kept": 1},
        "examples": [
            {"kind": "kept", "members": [{"asset_id": row.id, "name": row.name} for row in reversed(rows)]},
        ],
        "duplicates": {"fewer": 0, "needs_search": False},
    }
    assert await ann.get("/preferences") == before
    assert (await preview(bob, {"stack": {"raw_jpeg": False}}))["total"] == 0
    assert (await preview(ann, {"stack": {"raw_jpeg": False}}, start=1))["examples"] == []


async def test_a_built_in_pattern_may_be_said_to_be_trusted_or_not(ann: Person) -> None:
    patterns = [{"pattern": "{base}.{ext}", "trusted": True}, {"pattern": "{base}-web.{ext}"}]
    assert (await preview(ann, {"filename_patterns": patterns}))["next_start"] is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"values": {"colour": "red"}}, id="no setting"),
        pytest.param({"values": {}, "start": -1}, id="before the beginning"),
        pytest.param({"values": {"filename_patterns": [{"pattern": "{base}"}]}}, id="no pattern"),
    ],
)
async def test_what_makes_no_sense_is_refused(ann: Person, body: dict[str, Any]) -> None:
    assert await ann.refused("POST", "/preferences/preview", json=body) == (400, "bad_request")


async def test_the_reason_repeats_nothing_that_was_sent(ann: Person) -> None:
    wanted = {"values": {"filename_patterns": [{"pattern": "Geheim {base}"}]}}
    answer = await ann.ask("POST", "/preferences/preview", json=wanted)
    assert "Geheim" not in await answer.text()


async def test_the_bell_is_there_where_an_administrators_key_may_do_everything(ann: Person) -> None:
    assert await ann.get("/preferences/bell") == {"is_allowed": False}
    household = ann.household
    root = household.immich.add_user("Root", is_admin=True)
    async with open_immich(household.immich.url, household.immich.add_key(root)) as immich:
        household.services.accounts.connected.put(Account(await immich.me(), immich))
        assert await ann.get("/preferences/bell") == {"is_allowed": True}
