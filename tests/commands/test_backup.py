from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from sidecar.commands import backup as module
from sidecar.commands.backup import backup, restore
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.migrate import migrate
from sidecar.data_folder import DataFolder, own
from sidecar.demo.immich import EmulatedImmich
from sidecar.errors import DataFolderBusy, SettingsError
from sidecar.jobs.valkey import embedded_valkey
from sidecar.settings import Settings
from sidecar.storage.copying import count_rows
from sidecar.storage.database import open_database
from sidecar.wiring import database_url
from tests.commands.test_rotate_key import connect, connected
from tests.postgres import PostgresCluster
from tests.storage.copies_of_all import contents, fill

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


def changed(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update=values)


async def everything_in(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    async with (
        open_database(database_url(settings, DataFolder(settings.data_dir)), migrate=False) as database,
        database.read() as connection,
    ):
        return await contents(connection)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(immich_url="http://127.0.0.1:1", data_dir=tmp_path / "data")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with something in every table, a key and a file of choices; and what was saved of it."""
    folder = tmp_path_factory.mktemp("once")
    settings = Settings(data_dir=folder / "data", config_file=folder / "data" / "config.yml")

    async def make() -> None:
        settings.data_dir.mkdir()
        async with (
            open_database(database_url(settings, DataFolder(settings.data_dir))) as database,
            database.write() as connection,
        ):
            await fill(connection)
        (settings.data_dir / "sidecar.key").write_bytes(KEY)
        (settings.data_dir / "config.yml").write_text("matching: {ask_first: true}\n")
        assert await backup(settings, str(folder / "saved.tar.gz"), out=io.StringIO()) is ExitCode.DONE

    asyncio.run(make())
    return folder


@pytest.fixture
def used(settings: Settings, once: Path) -> Settings:
    shutil.copytree(once / "data", settings.data_dir)
    return changed(settings, config_file=settings.data_dir / "config.yml")


@pytest.fixture
def saved(once: Path) -> Path:
    return once / "saved.tar.gz"


@pytest.fixture
def fresh(settings: Settings, tmp_path: Path) -> Settings:
    return changed(settings, data_dir=tmp_path / "elsewhere", config_file=None)


async def restored(settings: Settings, path: Path, *, replace: bool = False) -> str:
    out = io.StringIO()
    assert await restore(settings, str(path), replace=replace, out=out) is ExitCode.DONE
    return out.getvalue()


async def test_what_was_saved_while_a_sidecar_runs_comes_back(used: Settings, fresh: Settings, tmp_path: Path) -> None:
    out = io.StringIO()
    path = tmp_path / "saved.tar.gz"
    async with open_database(database_url(used, DataFolder(used.data_dir))) as running, running.write():
        await backup(used, str(path), out=out)  # somebody writes meanwhile
    assert "Whoever has this file" in out.getvalue()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
    told = await restored(fresh, path)
    assert "Restored" in told
    assert "set" not in told
    assert await everything_in(fresh) == await everything_in(used)
    for name in ("sidecar.key", "config.yml"):
        assert (fresh.data_dir / name).read_bytes() == (used.data_dir / name).read_bytes()


async def test_a_backup_has_the_name_of_its_time_and_is_written_over_nothing(
    used: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await backup(changed(used, secret=SecretStr("s" * 16)), None, out=(out := io.StringIO()))
    (name,) = [each.name for each in tmp_path.glob("immich-sidecar-*.tar.gz")]
    assert name in out.getvalue()
    assert "SIDECAR_SECRET is not in it" in out.getvalue()
    with pytest.raises(SettingsError, match="is there already"):
        await backup(used, str(tmp_path / name), out=out)
    with pytest.raises(SettingsError, match="cannot be written"):
        await backup(used, str(tmp_path / "nowhere" / "a.tar.gz"), out=out)

    def linked(_source: object, path: Path) -> None:
        raise FileExistsError(17, os.strerror(17), path)

    monkeypatch.setattr(os, "link", linked)
    with pytest.raises(SettingsError, match="File exists"):
        await backup(used, str(tmp_path / "b.tar.gz"), out=out)


async def test_without_key_and_choices_the_rest_is_saved(used: Settings, fresh: Settings, tmp_path: Path) -> None:
    (used.data_dir / "sidecar.key").unlink()
    await backup(changed(used, config_file=None), str(tmp_path / "a.tar.gz"), out=io.StringIO())
    await restored(fresh, tmp_path / "a.tar.gz")
    assert await everything_in(fresh) == await everything_in(used)
    assert not (fresh.data_dir / "config.yml").exists()


async def test_where_there_is_nothing_nothing_is_saved(fresh: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing to save"):
        await backup(fresh, str(tmp_path / "a.tar.gz"))
    assert not fresh.data_dir.exists()


async def test_a_database_that_is_there_is_set_aside_only_when_told_to(saved: Path, used: Settings) -> None:
    async with (
        open_database(database_url(used, DataFolder(used.data_dir))) as database,
        database.write() as connection,
    ):
        await connection.exec_driver_sql("DELETE FROM work")
    before = await everything_in(used)
    with pytest.raises(SettingsError, match="--replace"):
        await restore(used, str(saved))
    assert await everything_in(used) == before
    assert "What was there is" in await restored(used, saved, replace=True)
    assert len((await everything_in(used))["work"]) == 2
    (aside,) = used.data_dir.glob("sidecar.db.before-*")
    async with open_database(f"sqlite+aiosqlite:///{aside}") as database, database.read() as connection:
        assert (await count_rows(connection))["work"] == 0


async def test_a_database_that_is_damaged_is_set_aside_with_all_that_belongs_to_it(saved: Path, used: Settings) -> None:
    (used.data_dir / "sidecar.db").write_bytes(b"broken" * 1000)
    (used.data_dir / "sidecar.db-wal").write_bytes(b"of the broken one")
    await restored(used, saved, replace=True)
    assert len((await everything_in(used))["work"]) == 2
    assert len([*used.data_dir.glob("sidecar.db.before-*")]) >= 1


async def test_while_a_sidecar_runs_nothing_is_restored_and_nothing_migrated(
    saved: Path, fresh: Settings, used: Settings, tmp_path: Path
) -> None:
    fresh.data_dir.mkdir()
    with own(DataFolder(fresh.data_dir)), pytest.raises(DataFolderBusy):
        await restore(fresh, str(saved))
    with own(DataFolder(used.data_dir)), pytest.raises(DataFolderBusy):
        await migrate(used, f"sqlite:///{tmp_path}/other.db")


async def test_keys_and_choices_that_are_there_stay(saved: Path, fresh: Settings) -> None:
    fresh.data_dir.mkdir()
    (fresh.data_dir / "sidecar.key").write_bytes(OTHER_KEY)
    (fresh.data_dir / "config.yml").write_text("# mine\n")
    assert "differs" in await restored(fresh, saved)
    assert (fresh.data_dir / "sidecar.key").read_bytes() == OTHER_KEY
    assert (fresh.data_dir / "sidecar.key.former").read_bytes() == KEY
    assert (fresh.data_dir / "config.yml").read_text() == "# mine\n"
    (fresh.data_dir / "config.yml").unlink()
    assert "differs" not in await restored(fresh, saved, replace=True)
    assert "differs" not in await restored(fresh, saved, replace=True)


async def test_with_a_secret_of_the_settings_no_key_is_needed(saved: Path, fresh: Settings) -> None:
    told = await restored(changed(fresh, secret=SecretStr("s" * 16)), saved)
    assert "Restored" in told
    assert not (fresh.data_dir / "sidecar.key").exists()


def repacked(saved: Path, path: Path, **members: bytes | None) -> Path:
    """The same archive with other members; None leaves one out."""
    names = {"manifest": "manifest.json", "database": "sidecar.db", "more": "../more"}
    with tarfile.open(saved) as before:
        kept: dict[str, bytes | None] = {}
        for each in before:
            member = before.extractfile(each)
            assert member is not None
            kept[each.name] = member.read()
    for name, data in members.items():
        kept[names[name]] = data
    with tarfile.open(path, "w") as archive:
        for name, data in kept.items():
            if data is not None:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def manifest_of(saved: Path, **values: Any) -> bytes:
    with tarfile.open(saved) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        return json.dumps(json.load(manifest) | values).encode()


_UNREADABLE = "cannot be read, or is damaged"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(lambda _saved, path: path.write_bytes(b"<html>"), _UNREADABLE, id="no archive"),
        pytest.param(lambda _saved, path: path.mkdir(), _UNREADABLE, id="a folder"),
        pytest.param(lambda saved, path: path.write_bytes(saved.read_bytes()[:2000]), _UNREADABLE, id="cut off"),
        pytest.param(lambda saved, path: repacked(saved, path, database=None), "is no backup", id="no database"),
        pytest.param(lambda saved, path: repacked(saved, path, manifest=None), "is no backup", id="no manifest"),
        pytest.param(lambda saved, path: repacked(saved, path, manifest=b" " * (1 << 21)), "is no backup", id="huge"),
        pytest.param(lambda saved, path: repacked(saved, path, manifest=b"{}"), _UNREADABLE, id="another manifest"),
        pytest.param(lambda saved, path: repacked(saved, path, database=b"x"), "is damaged", id="another database"),
        pytest.param(
            lambda saved, path: repacked(saved, path, manifest=manifest_of(saved, format=2)),
            "newer sidecar",
            id="newer",
        ),
    ],
)
async def test_a_file_that_is_none_of_ours_or_damaged_changes_nothing(
    saved: Path, used: Settings, tmp_path: Path, spoil: Callable[[Path, Path], object], says: str
) -> None:
    before = await everything_in(used)
    spoil(saved, tmp_path / "spoilt")
    with pytest.raises(SettingsError, match=says):
        await restore(used, str(tmp_path / "spoilt"), replace=True)
    assert await everything_in(used) == before


async def test_a_file_that_is_not_there_is_told(fresh: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no file .*nowhere"):
        await restore(fresh, str(tmp_path / "nowhere"))


async def test_names_that_are_not_ours_are_never_written(saved: Path, fresh: Settings, tmp_path: Path) -> None:
    await restored(fresh, repacked(saved, tmp_path / "more.tar", more=b"x"))
    assert not (tmp_path / "more").exists()


async def test_a_full_disk_is_told_before(saved: Path, fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(SettingsError, match="needs more room"):
        await restore(fresh, str(saved))
    assert module._SMALL_BYTES == 1 << 20


@pytest.mark.postgres
async def test_to_postgresql_and_back(
    used: Settings, fresh: Settings, tmp_path: Path, postgres_cluster: PostgresCluster
) -> None:
    url = postgres_cluster.new_database(f"test_{uuid4().hex}")
    out = io.StringIO()
    assert await migrate(used, url, out=out) is ExitCode.DONE
    assert "SIDECAR_SECRET" in out.getvalue()
    moved = changed(used, database_url=SecretStr(url), secret=SecretStr("s" * 16))
    assert await everything_in(moved) == await everything_in(used)
    with pytest.raises(SettingsError, match="not empty"):
        await migrate(used, url)
    with pytest.raises(SettingsError, match="the database in use"):
        await migrate(moved, url)
    path = tmp_path / "of postgres.tar.gz"
    await backup(moved, str(path), out=out)
    await restored(fresh, path)
    assert await everything_in(fresh) == await everything_in(used)
    with pytest.raises(SettingsError, match="is not empty"):
        await restore(moved, str(path))
    empty = changed(moved, database_url=SecretStr(postgres_cluster.new_database(f"test_{uuid4().hex}")))
    await restored(empty, path)
    assert await everything_in(empty) == await everything_in(used)
    await migrate(moved, f"sqlite:///{tmp_path}/back.db", out=(told := io.StringIO()))
    assert "seal" not in told.getvalue()


async def test_an_address_that_is_none_is_told(used: Settings) -> None:
    with pytest.raises(SettingsError, match=r"^--to must look like"):
        await migrate(used, "nonsense")


async def test_another_database_that_somebody_else_writes_to_is_told(
    used: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = [{"work": 0}, {"work": 7}]

    async def count(_connection: object) -> dict[str, int]:
        return counted.pop(0)

    monkeypatch.setattr("sidecar.commands.migrate.count_rows", count)
    with pytest.raises(SettingsError, match="changed meanwhile"):
        await migrate(used, f"sqlite:///{tmp_path}/other.db", out=io.StringIO())


class Piped(io.TextIOWrapper):
    """Standard output or input that is no terminal."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(io.BytesIO(data))


async def test_through_pipes(
    used: Settings, fresh: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Piped()
    monkeypatch.setattr(sys, "stdout", out)
    assert await backup(used, "-") is ExitCode.DONE
    assert "Whoever has this file" in capsys.readouterr().err
    archive = out.buffer.getvalue()  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "stdin", Piped(archive))
    assert await restore(fresh, "-", out=io.StringIO()) is ExitCode.DONE
    assert await everything_in(fresh) == await everything_in(used)
    assert {each.name for each in used.data_dir.iterdir()} >= {"sidecar.db"}
    assert not [each for each in used.data_dir.iterdir() if each.name.startswith(".")]
    monkeypatch.setattr(out, "isatty", lambda: True)
    with pytest.raises(SettingsError, match="backup - > FILE"):
        await backup(used, "-")


@pytest.mark.postgres
async def test_a_household_that_moves_to_several_processes_keeps_its_keys(
    tmp_path: Path, postgres_cluster: PostgresCluster
) -> None:
    """The five steps of docs/install.md."""
    url = postgres_cluster.new_database(f"test_{uuid4().hex}")
    async with EmulatedImmich() as immich, embedded_valkey(tmp_path / "valkey") as redis_url:
        before = Settings(immich_url=immich.url, data_dir=tmp_path / "data", port=0)
        await connect(before, immich.add_session(immich.add_user("Ann")))
        with_secret = changed(before, secret=SecretStr("s" * 16))
        assert await connected(with_secret) == ["Ann"]
        await migrate(with_secret, url, out=io.StringIO())
        after = changed(
            with_secret, data_dir=tmp_path / "new", database_url=SecretStr(url), redis_url=SecretStr(redis_url)
        )
        assert await connected(after) == ["Ann"]
