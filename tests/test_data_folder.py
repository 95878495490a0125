from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.data_folder import (
    KEY_BYTES,
    adopt_key,
    change_key,
    forget_former_key,
    open_data_folder,
    own,
    read_key,
    stored_keys,
)
from sidecar.errors import DataFolderBusy, SettingsError

HOLDER = """
import sys, pathlib
from sidecar.data_folder import *
with own(open_data_folder(pathlib.Path(sys.argv[1]))):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_missing_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "a" / "b")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.database_url == f"sqlite+aiosqlite:///{tmp_path}/a/b/sidecar.db"
    assert folder.queue.parent == folder.path


def test_a_folder_that_cannot_be_made_is_a_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="SIDECAR_DATA_DIR"):
        open_data_folder(tmp_path / "file" / "below")


def test_a_folder_that_cannot_be_written_is_a_setting_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the kernel's answer is given by hand.
    monkeypatch.setattr("sidecar.data_folder.os.access", lambda _path, _mode: False)
    with pytest.raises(SettingsError, match="permission denied"):
        open_data_folder(tmp_path)


def test_a_lock_that_cannot_be_opened_is_a_setting_to_change(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    folder.lock.mkdir()
    with pytest.raises(SettingsError, match=r"sidecar\.lock cannot be opened"), own(folder):
        raise AssertionError("must not be ours")


def test_one_sidecar_at_a_time_owns_the_folder(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDER,
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "mine\n"
    with pytest.raises(DataFolderBusy, match=f"process {holder.pid}"), own(folder):
        raise AssertionError("must not be ours")
    holder.kill()
    holder.communicate()
    with own(folder):
        assert folder.lock.read_text().strip().isdigit()
    with own(folder):
        pass


def test_a_folder_has_one_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    key = read_key(folder)
    assert len(key) == KEY_BYTES
    assert read_key(folder) == key
    assert folder.key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [folder.key.name]
    assert read_key(open_data_folder(tmp_path / "other")) != key


def test_a_key_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    (tmp_path / "sidecar.key.new").write_bytes(b"cut")
    assert len(read_key(folder)) == KEY_BYTES
    assert [path.name for path in tmp_path.iterdir()] == [folder.key.name]


def test_a_key_that_is_none_is_said(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    folder.key.write_bytes(b"short")
    with pytest.raises(SettingsError, match="damaged"):
        read_key(folder)
    folder.key.unlink()
    folder.key.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_key(folder)


def test_a_key_is_changed_and_the_former_one_is_kept_until_it_is_not_needed(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    assert stored_keys(folder) == []
    former = read_key(folder)
    change_key(folder)
    assert stored_keys(folder) == [read_key(folder), former]
    assert read_key(folder) != former
    assert folder.former_key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingsError, match="is not over"):
        change_key(folder)
    forget_former_key(folder)
    forget_former_key(folder)
    assert stored_keys(folder) == [read_key(folder)]


def test_keys_that_cannot_be_read_or_replaced_are_said(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path)
    read_key(folder)
    (tmp_path / "sidecar.key.former.new").mkdir()
    with pytest.raises(SettingsError, match="cannot be replaced"):
        change_key(folder)
    folder.former_key.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        stored_keys(folder)


class TestAdoptingAKey:
    def test_where_there_is_none_it_becomes_the_key(self, tmp_path: Path) -> None:
        folder = open_data_folder(tmp_path)
        adopt_key(folder, b"k" * 32)
        adopt_key(folder, b"k" * 32)
        assert stored_keys(folder) == [b"k" * 32]

    def test_where_there_is_one_it_counts_as_a_former_one(self, tmp_path: Path) -> None:
        folder = open_data_folder(tmp_path)
        present = read_key(folder)
        adopt_key(folder, b"k" * 32)
        assert stored_keys(folder) == [present, b"k" * 32]
        with pytest.raises(SettingsError, match="is not over"):
            adopt_key(folder, b"o" * 32)

    def test_what_is_no_key_or_cannot_be_written_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = open_data_folder(tmp_path)
        with pytest.raises(SettingsError, match="damaged"):
            adopt_key(folder, b"short")

        def full(*_arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("sidecar.data_folder._write_key", full)
        with pytest.raises(SettingsError, match="No space left"):
            adopt_key(folder, b"k" * 32)
