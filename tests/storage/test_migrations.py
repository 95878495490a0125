from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, make_url, text

from sidecar.grouping.memory import Decision, OurGroup
from sidecar.model import GroupId, identity_of
from sidecar.storage import assets, decisions, findings, groups, scans
from sidecar.storage.database import alembic_config, open_database
from sidecar.storage.scans import ScanState
from tests.builders import OWNER, make_asset

RAW, JPEG = make_asset("IMG_1.CR3"), make_asset("Straße.JPG")


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A database as version 0001 left it: with a stack of ours, a decision, an asset and something found."""
    path = tmp_path / "sidecar.db"
    engine: Engine = create_engine(make_url(f"sqlite:///{path}"))
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for asset in (RAW, JPEG):
            connection.execute(
                text(
                    "INSERT INTO assets (owner_id, asset_id, stem, name, kind, visibility, taken_at_ms, "
                    "taken_local_ms, size_bytes, is_trashed, is_offline, is_extracted, updated_at_ms, scan_id) VALUES "
                    "(:owner, :id, 'img_1', :name, 'IMAGE', 'timeline', :at, :at, :size, 0, 0, 1, 5, 1)"
                ),
                {
                    "owner": OWNER,
                    "id": asset.id,
                    "name": asset.name,
                    "at": asset.taken_local_ms,
                    "size": asset.size_bytes,
                },
            )
            connection.execute(
                text(
                    "INSERT INTO decisions (owner_id, decision_id, asset_id, kind, decided_at_ms) "
                    "VALUES (:owner, 'd', :id, 'keep_apart', 7)"
                ),
                {"owner": OWNER, "id": asset.id},
            )
            connection.execute(
                text("INSERT INTO group_members (owner_id, group_id, asset_id) VALUES (:owner, 'g', :id)"),
                {"owner": OWNER, "id": asset.id},
            )
        connection.execute(
            text(
                "INSERT INTO groups (owner_id, group_id, kind, state, primary_id, reasons, created_at_ms) "
                "VALUES (:owner, 'g', 'raw_jpeg', 'active', :id, '[]', 3)"
            ),
            {"owner": OWNER, "id": JPEG.id},
        )
        connection.execute(
            text(
                "INSERT INTO findings (owner_id, stem, position, kind, asset_ids, reasons) "
                "VALUES (:owner, 'img_1', 0, 'review', '[]', '[\"in the words of then\"]')"
            ),
            {"owner": OWNER},
        )
    engine.dispose()
    return path


async def test_what_was_made_and_decided_under_the_first_schema_is_kept_and_told_to_immich(old_file: Path) -> None:
    async with open_database(f"sqlite+aiosqlite:///{old_file}") as database, database.write() as connection:
        both = frozenset({RAW.id, JPEG.id})
        assert await decisions.everything(connection, OWNER) == [("d", Decision(both))]
        assert await groups.living(connection, OWNER) == [OurGroup(GroupId("g"), tuple(sorted(both)), JPEG.id)]
        marks = await decisions.claim_memos(connection, OWNER, now_ms=0, lease_ms=0, limit=9)
        assert {mark.asset_id for mark in marks} == both
        present = await assets.by_ids(connection, OWNER, sorted(both))
        assert await decisions.identities(connection, OWNER, [RAW.id]) == {
            asset_id: identity_of(asset) for asset_id, asset in present.items()
        }
        assert await findings.counts(connection, OWNER) == {}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param(["failed", "done"], [ScanState.FAILED, ScanState.DONE, ScanState.REQUESTED], id="complete"),
        pytest.param(["done", "running"], [ScanState.DONE, ScanState.RUNNING], id="still running"),
        pytest.param([], [], id="never scanned"),
    ],
)
async def test_a_library_that_was_read_before_duplicates_were_known_is_read_anew(
    old_file: Path, states: list[str], expected: list[ScanState]
) -> None:
    engine = create_engine(make_url(f"sqlite:///{old_file}"))
    with engine.begin() as connection:
        for number, state in enumerate(states, start=1):
            connection.execute(
                text(
                    "INSERT INTO scans (owner_id, scan_id, state, expected, found, missing, broken, gone, stacks, "
                    "lease_until_ms, attempts, not_before_ms, requested_at_ms) "
                    "VALUES (:owner, :number, :state, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5)"
                ),
                {"owner": OWNER, "number": number, "state": state},
            )
    engine.dispose()
    async with open_database(f"sqlite+aiosqlite:///{old_file}") as database, database.read() as reading:
        found = [await scans.get(reading, OWNER, number) for number, _ in enumerate(expected, start=1)]
        newest = await scans.newest(reading, OWNER)
    assert [scan.state for scan in found] == expected
    assert (newest.id if newest is not None else 0) == len(expected)
