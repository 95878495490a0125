from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from sidecar.errors import SettingsError, StorageUnavailable
from sidecar.storage import database as database_module
from sidecar.storage.database import Database, chunks, open_database, parse_database_url, unique
from sidecar.storage.tables import metadata
from tests.postgres import PostgresCluster


def url_of(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'sidecar.db'}"


async def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_opening_again_keeps_the_rows(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_database(url_of(tmp_path)) as database, database.write() as connection:
            await connection.execute(text("INSERT INTO owners VALUES (lower(hex(randomblob(4))), 1, 1, '')"))
    async with open_database(url_of(tmp_path), migrate=False) as database, database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM owners")) == 2


async def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    async with open_database(url_of(tmp_path)) as database, database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match="newer sidecar"):
        async with open_database(url_of(tmp_path)):
            raise AssertionError("must not open")
    with pytest.raises(SettingsError, match="another version"):
        async with open_database(url_of(tmp_path), migrate=False):
            raise AssertionError("must not open")
    assert sqlite3.connect(tmp_path / "sidecar.db").execute("SELECT * FROM alembic_version").fetchall() == [("9999",)]


async def test_a_failing_block_changes_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            for _ in range(2):
                await connection.execute(text("INSERT INTO owners VALUES ('one', 1, 1, '')"))
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM owners")) == 0


async def test_writers_wait_for_each_other_and_readers_do_not(database: Database) -> None:
    async def add(name: str) -> None:
        async with database.write() as connection:
            count = await connection.scalar(text("SELECT count(*) FROM owners"))
            await connection.execute(text(f"INSERT INTO owners VALUES ('{name}', {count}, 1, '')"))
            async with database.read() as reader:
                await reader.scalar(text("SELECT count(*) FROM owners"))

    await asyncio.gather(*(add(f"o{number}") for number in range(8)))
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM owners")) == 8


async def test_a_file_locked_by_a_stranger_is_unavailable_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    async with open_database(url_of(tmp_path)) as database:
        stranger = sqlite3.connect(tmp_path / "sidecar.db", isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked"):
            async with database.write():
                raise AssertionError("must not begin")
        stranger.execute("ROLLBACK")
        stranger.close()
        async with database.write():
            pass


async def test_a_server_that_is_not_there_is_unavailable_for_now(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="does not answer") as caught:
        async with open_database(f"postgresql://someone:s3cret@/x?host={tmp_path}"):
            raise AssertionError("must not open")
    assert "s3cret" not in str(caught.value)


@pytest.mark.postgres
async def test_a_connection_that_the_server_closed_is_unavailable_for_now(postgres_cluster: PostgresCluster) -> None:
    async with open_database(postgres_cluster.new_database("closed")) as database:
        with pytest.raises(StorageUnavailable):
            async with database.read() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        async with database.read() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


@pytest.mark.postgres
async def test_processes_that_start_at_once_make_the_tables_once(postgres_cluster: PostgresCluster) -> None:
    url = postgres_cluster.new_database("crowded")

    async def start() -> bool:
        async with open_database(url) as database, database.read() as connection:
            return bool(await connection.scalar(text("SELECT count(*) = 1 FROM alembic_version")))

    assert await asyncio.gather(*(start() for _ in range(4))) == [True] * 4


async def test_a_damaged_file_is_said_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "sidecar.db").write_bytes(b"not a database" * 99)
    with pytest.raises(SettingsError, match="no database or damaged"):
        async with open_database(url_of(tmp_path)):
            raise AssertionError("must not open")
    assert (tmp_path / "sidecar.db").read_bytes() == b"not a database" * 99


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("mysql://host/x", id="another database"),
        pytest.param("postgres s3cret", id="no address"),
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError, match="SIDECAR_DATABASE_URL") as caught:
        parse_database_url(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_every_spelling_of_postgresql_gets_the_asynchronous_driver(scheme: str) -> None:
    assert parse_database_url(f"{scheme}://host/x").drivername == "postgresql+asyncpg"


def test_chunks_are_in_order_and_whole() -> None:
    assert [list(part) for part in chunks([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]
    assert list(chunks([])) == []


def test_unique_keeps_the_first_of_each() -> None:
    assert unique([2, 1, 2, 3, 1]) == [2, 1, 3]


class Raised(Exception):
    """What PostgreSQL's driver raises, as far as its state says why."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("no names in here")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "passes"),
    [
        pytest.param("40P01", True, id="a deadlock"),
        pytest.param("57P01", True, id="it is being shut down"),
        pytest.param("57P03", True, id="it is starting up"),
        pytest.param("53300", True, id="too many are connected"),
        pytest.param("08003", True, id="the connection is gone"),
        pytest.param("08006", True, id="the connection failed"),
        pytest.param("22001", False, id="a value that does not fit is a defect of ours"),
        pytest.param("", False, id="nobody knows"),
    ],
)
async def test_what_passes_by_itself_is_waited_for(sqlstate: str, *, passes: bool) -> None:
    error = DBAPIError("SELECT 1", None, Raised(sqlstate))
    with pytest.raises(StorageUnavailable if passes else DBAPIError):
        async with database_module._translated():
            raise error
