from __future__ import annotations

from typing import Any

import pytest

from sidecar.cli import main
from sidecar.commands.exit_codes import ExitCode


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--unread", "--immich"], "are about sets, --unread", id="files and sets"),
        pytest.param(["--dismissed", "--class", "edited"], "are about sets, --unread", id="decisions and sets"),
        pytest.param(["--dismissed", "--unread"], "give one of them", id="decisions and files"),
        pytest.param(["--all", "keep", "abcdef"], "list; keep does not", id="a list and a decision"),
        pytest.param(["--class", "edited", "show", "abcdef"], "list; show does not", id="a list and one set"),
        pytest.param(["--sort", "savings", "dismiss", "abcdef"], "list; dismiss does not", id="an order and a set"),
        pytest.param(["--json", "undismiss", "abcdef"], "--json lists; undismiss decides", id="JSON of a decision"),
        pytest.param(["keep"], "keep which? Give the name of a set, or --identical", id="keep nothing"),
        pytest.param(["keep", "abcdef", "--identical"], "--identical means all sets", id="one set and all of them"),
        pytest.param(["keep", "abcdef", "--all"], "--all shows every group of --identical", id="keep, but not all"),
        pytest.param(["keep", "--full"], "--all shows every group of --identical", id="all of what"),
    ],
)
def test_words_that_contradict_each_other_are_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMMICH_URL", raising=False)
    assert main(["duplicates", *words]) == ExitCode.BAD_USE
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert said.err.startswith("sidecar: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["--class", "similar"], ["--sort", "size"], ["show"], ["dismiss"], ["undismiss"], ["remove", "abcdef"]],
)
def test_words_that_do_not_exist_end_with_2(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["duplicates", *words])
    assert caught.value.code == ExitCode.BAD_USE
    assert "usage: sidecar duplicates" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--class", "identical", "--class", "edited", "--sort", "savings", "--immich", "--all", "--json"],
        ["--unread"],
        ["--user", "ann", "show", "abcdef", "123456", "--json"],
        ["keep", "--external-ok", "--featureless-ok", "--albums-ok", "--yes", "abcdef", "IMG_1.JPG"],
        ["keep", "--identical", "--user", "ann"],
        ["keep", "--identical", "--all"],
        ["keep", "--identical", "--full"],
        ["dismiss", "abcdef", "123456"],
        ["undismiss", "abcdef", "--user", "ann"],
    ],
)
def test_words_that_make_sense_get_as_far_as_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMMICH_URL", raising=False)
    assert main(["duplicates", *words]) == ExitCode.BAD_USE
    assert capsys.readouterr().err.startswith("sidecar: IMMICH_URL is not set")
