from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import SettingsError
from sidecar.media.paths import MediaPaths, _opened


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A mounted folder with a picture in it, beside a secret that is not in it."""
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    folder = tmp_path / "mount"
    (folder / "2024").mkdir(parents=True)
    (folder / "2024" / "a.jpg").write_bytes(b"picture")
    (folder / "2024" / "same.jpg").symlink_to("a.jpg")
    (folder / "2024" / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    return folder


@pytest.mark.parametrize(
    ("value", "folders"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" , ", [], id="nothing but commas"),
        pytest.param("/data=/mnt", [("/data", "/mnt")], id="one"),
        pytest.param(" /data/ = /mnt/x/ ,", [("/data", "/mnt/x")], id="spaces and slashes at the end"),
        pytest.param("/=/mnt,/a/b=/x,/a=/y", [("/a/b", "/x"), ("/a", "/y"), ("/", "/mnt")], id="the longest first"),
        pytest.param("/a=/mnt/x=y", [("/a", "/mnt/x=y")], id="an equals sign in ours"),
    ],
)
def test_pairs_are_read_from_the_setting(value: str, folders: list[tuple[str, str]]) -> None:
    assert MediaPaths.parse(value).folders == tuple((PurePosixPath(one), Path(other)) for one, other in folders)


@pytest.mark.parametrize(
    "value",
    ["/data", "data=/mnt", "/data=mnt", "=/mnt", "/data=", "/data=/mnt/..", "/data/../x=/mnt", "/a=/x,/a/=/y"],
)
def test_a_setting_that_is_no_pairs_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="SIDECAR_MEDIA_PATHS"):
        MediaPaths.parse(value)


@pytest.mark.parametrize(
    ("immich_path", "found"),
    [
        pytest.param("/data/2024/a.jpg", "2024/a.jpg", id="a file"),
        pytest.param("/data/2024/same.jpg", "2024/a.jpg", id="a link within"),
        pytest.param("/data/2024/out.jpg", None, id="a link that leads out"),
        pytest.param("/data/up/secret.jpg", None, id="a folder that leads out"),
        pytest.param("/data/../secret.jpg", None, id="dots"),
        pytest.param("/data/2024/../2024/a.jpg", None, id="dots that lead back"),
        pytest.param("/data/loop.jpg", None, id="a link to itself"),
        pytest.param("/data/pipe.jpg", None, id="a pipe"),
        pytest.param("/data/2024", None, id="a folder"),
        pytest.param("/data", None, id="the folder itself"),
        pytest.param("/data/2024/gone.jpg", None, id="not there"),
        pytest.param("/database/2024/a.jpg", None, id="a name that only begins alike"),
        pytest.param("data/2024/a.jpg", None, id="not absolute"),
        pytest.param("/data/2024/a.jpg\0", None, id="a NUL"),
        pytest.param("/data/" + "x" * 5000, None, id="longer than a path can be"),
    ],
)
def test_only_regular_files_inside_of_the_folder_are_there(mount: Path, immich_path: str, found: str | None) -> None:
    paths = MediaPaths.parse(f"/data={mount}")
    expected = None if found is None else mount / found
    assert paths.locate(immich_path) == expected
    with paths.open(immich_path) as opened:
        assert (None if opened is None else opened.read()) == (b"picture" if found else None)
    assert opened is None or opened.closed


def test_the_longest_folder_counts_alone(mount: Path, tmp_path: Path) -> None:
    paths = MediaPaths.parse(f"/data={mount},/data/2024={tmp_path}")
    assert paths.locate("/data/2024/secret.jpg") == tmp_path / "secret.jpg"
    assert paths.locate("/data/2024/a.jpg") is None


def test_the_folder_may_be_a_link_itself(mount: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(mount)
    assert MediaPaths.parse(f"/data={tmp_path / 'link'}").locate("/data/2024/a.jpg") == mount / "2024" / "a.jpg"


def test_folders_that_are_not_there_are_named_and_hold_nothing(mount: Path) -> None:
    paths = MediaPaths.parse(f"/data={mount},/other=/nowhere/at/all")
    assert paths.absent() == [Path("/nowhere/at/all")]
    assert paths.locate("/other/a.jpg") is None
    assert MediaPaths().locate("/data/2024/a.jpg") is None


def test_what_takes_the_place_of_a_file_in_the_last_moment_is_not_opened(mount: Path) -> None:
    assert _opened(mount / "2024" / "same.jpg") is None
    assert _opened(mount / "pipe.jpg") is None
    assert _opened(mount / "2024") is None


@given(st.text(st.sampled_from("/.adtu204ploj\\ "), max_size=30))
def test_nothing_outside_is_ever_found(path: str) -> None:
    found = MediaPaths.parse("/=/usr/share/zoneinfo").locate(path)
    assert found is None or found.is_relative_to(Path("/usr/share/zoneinfo").resolve())
