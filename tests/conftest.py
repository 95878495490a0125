"""Fixtures that several rooms share: both databases, and what may not be skipped in CI."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from redis.asyncio import Redis
from sqlalchemy import Connection, create_engine

from sidecar.jobs.valkey import embedded_valkey
from sidecar.storage import database as database_module
from sidecar.storage.database import Database, open_database
from tests.postgres import PostgresCluster, find_postgres, running_cluster

# A machine that is busy with something else for a moment says nothing about the code.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")


_TESTS = Path(__file__).parent
_WHOLE_FLOWS = (_TESTS / "browser",)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """What is covered is covered by tests of parts: flows in a browser are not measured, and take half as long."""
    for item in items:
        if any(item.path.is_relative_to(each) for each in _WHOLE_FLOWS):
            item.add_marker(pytest.mark.no_cover)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where CI installs every program, a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if os.environ.get("SIDECAR_SKIP_NOTHING") and report.skipped and "live" not in item.keywords:
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longrepr}"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a command chose to log says nothing about the next test."""
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def _new_files_have_their_tables_at_once() -> Iterator[None]:
    """Thousands of tests begin with a new file of SQLite's: its tables are made in one go, as all migrations together
    make them. Whatever is in a file already goes through the migrations, and tests/storage/test_migrations.py through
    each of them.
    """
    migrate = database_module._migrate
    with create_engine("sqlite://").begin() as connection:
        migrate(connection)
        made = [
            *connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").scalars()
        ]
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()

    def make_tables(connection: Connection) -> None:
        is_new_file = (
            connection.dialect.name == "sqlite"
            and not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
        )
        if not is_new_file:
            migrate(connection)
            return
        for statement in made:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (version,))

    database_module._migrate = make_tables
    yield
    database_module._migrate = migrate


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed: its half of the storage tests is left out")
    with running_cluster(programs) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _valkey_of_this_run() -> Iterator[str]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="valkey-")))
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        server = embedded_valkey(folder)
        url = loop.run_until_complete(server.__aenter__())
        stack.callback(lambda: loop.run_until_complete(server.__aexit__(None, None, None)))
        yield url


@pytest.fixture
async def valkey_url(_valkey_of_this_run: str) -> str:
    """A real Valkey, empty; one for all tests of a process: starting and stopping one takes a quarter of a second."""
    async with Redis.from_url(_valkey_of_this_run) as client:
        await client.flushall()
    return _valkey_of_this_run


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty, migrated database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'sidecar.db'}"
    else:
        cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
        url = cluster.migrated_database(f"test_{uuid4().hex}")
    async with open_database(url) as opened:
        yield opened
