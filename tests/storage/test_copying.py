from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from sidecar.storage import copying
from sidecar.storage.copying import copy_rows, count_rows
from sidecar.storage.database import Database, gather, open_database
from tests.storage.copies_of_all import contents, fill


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_cluster").new_database(f"test_{uuid4().hex}")
    async with open_database(url) as opened:
        yield opened


async def test_every_value_of_every_table_arrives(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_AT_ONCE", 1)
    async with database.write() as connection:
        await fill(connection)
    told: list[tuple[str, int]] = []
    async with database.read() as source, other.write() as target:
        copied = await copy_rows(source, target, tell=lambda name, count: told.append((name, count)))
    assert set(copied.values()) == {2}
    assert told == list(copied.items())
    async with database.read() as source, other.read() as target:
        assert await contents(target) == await contents(source)
        assert await count_rows(target) == copied


async def test_all_or_nothing_arrives(database: Database, other: Database) -> None:
    async with database.write() as connection:
        await fill(connection)

    def stop(name: str, _count: int) -> None:
        if name == "work":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        async with database.read() as source, other.write() as target:
            await copy_rows(source, target, tell=stop)
    async with other.read() as target:
        assert set((await count_rows(target)).values()) == {0}


async def test_a_file_of_sqlite_is_gathered_or_found_damaged(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with open_database(f"sqlite+aiosqlite:///{path}") as database:
        async with database.write() as connection:
            await fill(connection)
        wal = (tmp_path / "s.db-wal").read_bytes()
        unsettled = path.read_bytes()
    path.write_bytes(unsettled)
    (tmp_path / "s.db-wal").write_bytes(wal)  # as a kill leaves them
    assert gather(path)
    assert not (tmp_path / "s.db-wal").exists()
    async with open_database(f"sqlite+aiosqlite:///{path}") as database, database.read() as connection:
        assert set((await count_rows(connection)).values()) == {2}
    path.write_bytes(b"no database at all" * 100)
    assert not gather(path)
