"""Opening the database, bringing its schema up to date, and its two kinds of transaction: reading and writing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Table, event, func, make_url, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sidecar.errors import SettingsError, StorageUnavailable
from sidecar.model import OwnerId
from sidecar.storage import shown_changes

MIGRATIONS = Path(__file__).parent / "migrations"
FIRST_GENERATIONS = 1 << 30
"""A mark begins at one of so many numbers, so that one made anew is not taken for the one that was finished."""

CHUNK = 1000
"""Ids in one statement: SQLite takes 32,766 parameters, PostgreSQL's wire protocol 32,767."""

BUSY_TIMEOUT_S = 20.0

# PostgreSQL's serialization_failure and deadlock_detected; admin_shutdown, crash_shutdown and cannot_connect_now while
# it is restarted; too_many_connections. Nothing is wrong with what was asked.
_PASSING = frozenset({"40001", "40P01", "57P01", "57P02", "57P03", "53300"})
_NO_CONNECTION = "08"  # the class of its connection exceptions

Item = TypeVar("Item")


def chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """The items in order, in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def unique(items: Iterable[Item]) -> list[Item]:
    """The items without repeats, in the order of their first appearance."""
    return list(dict.fromkeys(items))


def insert_for(connection: AsyncConnection, table: Table) -> Any:
    """An insert that knows ON CONFLICT, in the connection's dialect; both spell it alike."""
    return (sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert)(table)


def upsert(connection: AsyncConnection, table: Table, keys: Collection[str]) -> Any:
    """A statement that inserts rows or, where the keys are taken, replaces every other column."""
    statement = insert_for(connection, table)
    rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=sorted(keys), set_=rest)


async def write_rows(
    connection: AsyncConnection, name: str, build: Callable[[AsyncConnection], Any], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Runs one insert for many rows, each a tuple in the order of the table's columns.

    Shape:  build makes the statement, whose only parameters are the columns; it is compiled once for each dialect and
            name. SQLAlchemy's own way costs several times as much for each row, and a library has very many.
    """
    if rows:
        key = (connection.dialect.name, name)
        if key not in _compiled:
            _compiled[key] = str(build(connection).compile(dialect=connection.dialect))
        await connection.exec_driver_sql(_compiled[key], list(rows))


_compiled: dict[tuple[str, str], str] = {}


_SQLITE_SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"


class Database:
    """One database, SQLite or PostgreSQL, whose schema is the newest.

    Shape:  `read()` and `write()` give a connection inside a transaction. SQLite has one writer a process, taken at
            once (BEGIN IMMEDIATE), so that a reader never turns into a writer and finds the file locked.
    Errors: StorageUnavailable when the server is away or the file stays locked.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = asyncio.Lock()
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._on_shown_change: Callable[[Collection[OwnerId]], Awaitable[None]] | None = None

    def tell_of_shown_changes(self, listener: Callable[[Collection[OwnerId]], Awaitable[None]]) -> None:
        """From now on the listener hears, after each commit, whose stacks, groups or sets it changed."""
        self._on_shown_change = listener

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one consistent moment."""
        async with _translated(), self._engine.connect() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN")
                yield connection
            else:
                yield await connection.execution_options(isolation_level="REPEATABLE READ")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose changes are all kept when the block ends well, and none if it raises."""
        async with _translated(), self._writer if self.is_sqlite else _no_lock(), self._engine.connect() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                _ = await connection.begin()
            try:
                yield connection
            except BaseException:
                shown_changes.take(connection)
                await connection.rollback()
                raise
            await connection.commit()
            changed = shown_changes.take(connection)
        if changed and self._on_shown_change is not None:
            await self._on_shown_change(changed)

    async def size_bytes(self) -> int:
        """How much the database takes; of SQLite, what its file holds beside the log of the latest writes."""
        async with self.read() as connection:
            sizes = _SQLITE_SIZE if self.is_sqlite else "SELECT pg_database_size(current_database())"
            return int((await connection.exec_driver_sql(sizes)).scalar_one())

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


@asynccontextmanager
async def open_database(url: str, *, migrate: bool = True) -> AsyncIterator[Database]:
    """An open, migrated database, closed when the block ends.

    Shape:  url is `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user@host/name`. With migrate=False nothing
            is changed, and a schema that is not the newest is refused.
    Errors: SettingsError if the address is unusable or a newer sidecar wrote the schema; StorageUnavailable if the
            server does not answer. A failed migration changes nothing.
    """
    database = Database(_create_engine(parse_database_url(url)))
    try:
        if migrate:
            async with database.write() as connection:
                await connection.run_sync(_migrate)
        else:
            async with database.read() as connection:
                await connection.run_sync(_require_newest)
        yield database
    finally:
        await database.close()


def gather(path: Path) -> bool:
    """Whether all that belongs to this file of SQLite's is in it now, and nothing beside it; False if it is damaged.

    Shape:  only while nobody else has it open.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    except sqlite3.DatabaseError:
        return False


def parse_database_url(url: str) -> URL:
    """The address as SQLAlchemy wants it, with the asynchronous driver filled in.

    Errors: SettingsError if it is no address of SQLite or PostgreSQL; the text never repeats it, for its password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}.get(
        parsed.drivername.partition("+")[0] if parsed else ""
    )
    if parsed is None or driver is None:
        raise SettingsError("SIDECAR_DATABASE_URL must look like postgresql+asyncpg://user:password@host:5432/name")
    return parsed.set(drivername=driver)


def _create_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, pool_size=5, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "invalidate", _roll_back)
        return engine
    return create_async_engine(url, pool_size=5, max_overflow=5, pool_pre_ping=True, hide_parameters=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # SQLAlchemy's adapter hides the driver's own transactions; ours begin explicitly (see Database.write).
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _roll_back(connection: Any, _record: object, _error: object) -> None:
    # A cancelled transaction leaves a cursor in the traceback of what was raised, and SQLite would hold its lock for as
    # long as that lives, though the connection is closed.
    connection.rollback()


def _migrate(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    if connection.dialect.name == "postgresql":
        # Several processes that start at once make the tables once; the lock ends with the transaction.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("sidecar migrations", 0))))
    try:
        command.upgrade(config, "head")
    except (ResolutionError, CommandError) as error:
        newest = scripts.get_current_head()
        raise SettingsError(
            f"this database was written by a newer sidecar than this one (which knows schemas until {newest}): "
            "install that version again, or restore a backup made before it"
        ) from error


def _require_newest(connection: Connection) -> None:
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if MigrationContext.configure(connection).get_current_revision() != newest:
        raise SettingsError("the database is of another version of the sidecar: start this one once, then try again")


def alembic_config() -> Config:
    """Alembic's configuration for the migrations inside the package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


@asynccontextmanager
async def _no_lock() -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, OSError) as error:
        raise StorageUnavailable(f"the database does not answer: {_cause(error)}") from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state in _PASSING or state.startswith(_NO_CONNECTION):
            raise StorageUnavailable("the database could not finish this now") from error
        if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in str(error.orig):
            raise SettingsError(
                "the file sidecar.db in SIDECAR_DATA_DIR is no database or damaged: restore it, or move it away to "
                "start anew (what you took apart in Immich would then be stacked again)"
            ) from error
        raise


def _cause(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original) if isinstance(original, sqlite3.Error) else type(original).__name__
