from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.config_file import MOST_BYTES, load_yaml, read_config_file
from sidecar.errors import SettingsError
from sidecar.preferences import Choices, Detection, Matching, StackKinds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def lines_of(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_config_file(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        pytest.param("", Choices(), id="empty"),
        pytest.param("# nothing yet\n", Choices(), id="only a comment"),
        pytest.param("matching:\n  # all as it is\n", Choices(), id="a heading"),
        pytest.param("detection:\nmatching:\n", Choices(), id="two headings"),
        pytest.param("matching: {ask_first: yes}", Choices(Matching(ask_first=True)), id="on one line"),
        pytest.param(
            "\ufeffmatching:\r\n  ask_first: off\r\n", Choices(Matching(ask_first=False)), id="written by Windows"
        ),
        pytest.param("matching: {stack: {burst: on}}", Choices(Matching(stack=StackKinds(burst=True))), id="nested"),
        pytest.param("matching:\n  stack:\n", Choices(), id="a heading in the section"),
        pytest.param(
            "detection: {phash_threshold: 0.97, batch_size: 100}",
            Choices(detection=Detection(phash_threshold=0.97, batch_size=100)),
            id="only detection",
        ),
        pytest.param(
            "detection: {record_in_immich: no}\nmatching: {ask_first: no}",
            Choices(Matching(ask_first=False), Detection(record_in_immich=())),
            id="both",
        ),
    ],
)
def test_the_file_says_what_is_chosen(path: Path, text: str, choices: Choices) -> None:
    path.write_bytes(text.encode())
    assert read_config_file(path) == choices


def test_the_file_of_the_mission_is_read(path: Path) -> None:
    path.write_text(
        """
matching:
  timestamp_tolerance_seconds: 2
  filename_patterns:
    - '{base}.{ext}'
    - '{base}_{suffix}.{ext}'
  auto_primary_preference:
    - 'jpg'
    - 'jpeg'
    - 'png'
    - 'raw'

detection:
  phash_threshold: 0.95
  enable_exact_match: true
  enable_perceptual_match: true
  batch_size: 500
"""
    )
    choices = read_config_file(path)
    assert choices is not None
    assert [str(place) for place in choices.matching.rules().primary_preference] == ["jpeg", "png", "rest", "raw"]
    assert choices.detection.rules() == Detection().rules()


def test_no_file_is_no_mistake(path: Path) -> None:
    assert read_config_file(path) is None
    path.touch()
    assert read_config_file(path / "config.yml") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("- a", ["must be a mapping with the keys matching and detection"], id="a list"),
        pytest.param("hello", ["must be a mapping with the keys matching and detection"], id="a word"),
        pytest.param("matching: 3", ["matching: must be a mapping of settings"], id="no section"),
        pytest.param("detections: {}", ["'detections' is no section of this file; there are"], id="unknown"),
        pytest.param("detection: 0.95", ["detection: must be a mapping of settings"], id="no second section"),
        pytest.param(
            "matching: [x]\ndetection: [y]",
            ["matching: must be a mapping of settings", "detection: must be a mapping of settings"],
            id="no section at all",
        ),
        pytest.param("batch_size: 100", ["'batch_size' stands too far left: it belongs under det"], id="no heading"),
        pytest.param(
            "detection: {phash_threshold: 95, batch: 100, prefer_paths: [x]}",
            [
                "detection.phash_threshold: must be from 0.9 to 1: it is the similarity that the second look",
                "detection.prefer_paths, entry 1: 'x' must be a path as Immich shows it",
                "detection.batch: is no setting; did you mean batch_size?",
            ],
            id="what detection does not understand",
        ),
        pytest.param("3: 4", ["'3' is no section of this file; there are matching and detection"], id="a number"),
        pytest.param("ask_first: yes", ["'ask_first' stands too far left: it belongs under matching"], id="no indent"),
        pytest.param(
            "matchin: {}\nmatching: {stack: {burst: 2}, ask_fist: on}",
            [
                "'matchin' is no section of this file; there are matching and detection",
                "matching.stack.burst: must be true or false",
                "matching.ask_fist: is no setting; did you mean ask_first?",
            ],
            id="several at once",
        ),
        pytest.param("matching: {a: {", ["line 1, column 16: expected the node content, but"], id="cut short"),
        pytest.param(
            "matching:\n  filename_patterns:\n  - {base}.{ext}",
            ["line 3, column 11: expected <block end>, but found '<scalar>'; put a text that has { and } in quotes"],
            id="a pattern without quotes",
        ),
        pytest.param("matching:\n\ta: yes", ["line 2, column 1: found character '\\t' that cannot"], id="a tab"),
        pytest.param("a: 1\nb: 2\na: 3", ["line 3, column 1: 'a' stands twice"], id="a key twice"),
        pytest.param("a: &x [1]\nb: *x", ["line 2, column 4: aliases are not read here"], id="an alias"),
        pytest.param("--- a\n--- b", ["line 2, column 1: but found another document"], id="two documents"),
        pytest.param("a: 0x_", ["line 1, column 4: a value that cannot be read"], id="no number after all"),
        pytest.param("a: 2024-99-99", ["line 1, column 4: a value that cannot be read"], id="no day"),
        pytest.param("a: !!bool x", ["line 1, column 4: a value that cannot be read"], id="no boolean"),
        pytest.param("a: !!timestamp x", ["line 1, column 4: a value that cannot be read"], id="no time"),
        pytest.param("? [a]\n: b", ["line 1, column 3: found unhashable key"], id="a list as key"),
        pytest.param("a: !!python/name:os.system", ["line 1, column 4: could not determine a"], id="python"),
        pytest.param("a: 1\nb: \x07c", ["line 2, column 4: a character that may not stand in YAML"], id="a bell"),
        pytest.param("[" * 9_000, ["is nested too deeply"], id="a deep nest"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(path: Path, text: str, says: list[str]) -> None:
    path.write_text(text)
    lines = lines_of(path)
    assert [line[: len(start)] for line, start in zip(lines, says, strict=True)] == says


def test_only_the_first_problems_are_listed(path: Path) -> None:
    path.write_text("matching:\n" + "".join(f"  key{number}: 1\n" for number in range(12)))
    lines = lines_of(path)
    assert len(lines) == 11
    assert lines[-1] == "2 more"


def test_a_bomb_of_aliases_is_refused_at_once(path: Path) -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    path.write_text("\n".join(bomb))
    assert lines_of(path) == ["line 2, column 10: aliases are not read here"]


def test_a_huge_file_is_refused_unread(path: Path) -> None:
    path.write_bytes(b"#" * MOST_BYTES)
    assert read_config_file(path) == Choices()
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    assert lines_of(path) == ["is larger than 1 MB; this is not the file you mean"]


def test_other_encodings_are_refused_with_the_place(path: Path) -> None:
    path.write_bytes("# für alle\n# é".encode() + "é".encode("latin-1"))
    assert lines_of(path) == ["line 2, column 4: is not written in UTF-8"]


def test_only_a_file_is_read_and_nothing_waits(path: Path) -> None:
    path.mkdir()
    assert lines_of(path) == ["must be a file, and is a folder or something else"]
    path.rmdir()
    os.mkfifo(path)
    assert lines_of(path) == ["must be a file, and is a folder or something else"]


def test_a_file_that_cannot_be_read_says_why(path: Path) -> None:
    path.symlink_to(path)
    (line,) = lines_of(path)
    assert line.startswith("cannot be read (")


def test_values_come_as_they_are() -> None:
    text = "{a: 1.5, b: [x, 'y'], c: no, <<: {d: null}}"
    assert load_yaml(text, called="x") == {"a": 1.5, "b": ["x", "y"], "c": False, "d": None}


@given(st.text() | st.text(alphabet="{}[]&*!?:-'\"|>%@ ab1.,#\n\t~<"))
@example("!!int ''")
@example("!!set {a}")
@example("&a [*a]")
@example("a: !!float 1:x")
@example("%YAML 9.9\n--- a")
@example("'")
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    problem = ""
    try:
        load_yaml(text, called="here")
    except SettingsError as error:
        problem = str(error)
    assert not problem or problem.startswith("here: ")
    assert len(problem.splitlines()) <= 1
