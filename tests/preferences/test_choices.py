from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.preferences import (
    BUILT_IN,
    KEYS,
    NAMES,
    Choices,
    Detection,
    Matching,
    StackKinds,
    read_chosen,
    read_detection,
    understand_stored,
)

ROW = {"ask_first": True, "stack": {"burst": True}, "detection": {"phash_threshold": 0.97}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
)


def said(stored: dict[Any, object]) -> list[str]:
    return [str(problem) for problem in understand_stored(stored).dropped]


def test_every_key_has_a_sentence_and_a_built_in_value() -> None:
    assert list(KEYS) == list(BUILT_IN.by_key())
    assert all(sentence.endswith(".") for sentence in KEYS.values())
    assert {name for name in NAMES if name not in KEYS} == {"stack", "detection"}


def test_a_row_holds_stacking_flat_and_detection_under_its_name() -> None:
    choices = Choices(
        Matching(ask_first=True, stack=StackKinds(burst=True)),
        Detection(phash_threshold=0.97),
    )
    assert understand_stored(ROW) == (choices, ())
    assert choices.stored() == ROW
    assert Choices().stored() == {}
    assert choices.by_key() == {"ask_first": True, "stack.burst": True, "detection.phash_threshold": 0.97}


def test_each_reader_takes_its_part_and_passes_over_the_other(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert read_chosen(ROW) == Matching(ask_first=True, stack=StackKinds(burst=True))
        assert read_detection(ROW) == Detection(phash_threshold=0.97)
        assert read_detection({}) == Detection()
    assert not caplog.records


def test_what_is_passed_over_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert read_chosen({"hue": 1, "ask_first": True}) == Matching(ask_first=True)
            assert read_detection({"hue": 1}) == Detection()
        read_chosen({"ask_first": True})
        read_detection({"detection": {"hue": 1}})
    told = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert told == ["hue", "detection.hue"]


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        pytest.param({"phash_threshold": 1}, "did you mean detection.phash_threshold?", id="detection without heading"),
        pytest.param({"burst": True}, "burst: is no setting; did you mean stack.burst?", id="a kind without heading"),
        pytest.param(
            {"detection": {"phash": 1, "batch_size": 100}},
            "detection.batch_size: holds for everybody: write it under detection in config.yml",
            id="what no user chooses",
        ),
        pytest.param({"detection": 3}, "detection: must be a mapping, such as {phash_threshold: 0.97}", id="a number"),
        pytest.param({"detection": False}, "detection: must be a mapping, such as {phash", id="a switch for all"),
        pytest.param({"detection": []}, "detection: must be a mapping, such as {phash", id="a list"),
        pytest.param(
            {"detection": {"ask_fist": 1}}, "detection.ask_fist: is no setting; did you mean ask_first?", id="misplaced"
        ),
        pytest.param({"detection": {7: 1}}, "detection.7: is no setting; there are", id="a number as key"),
        pytest.param(
            {"detection": {"keep_order": ["size", "age"]}},
            "detection.keep_order, entry 2: 'age' is no rule",
            id="an entry of a list",
        ),
        pytest.param({"detections": {}}, "detections: is no setting; did you mean detection?", id="a typo"),
    ],
)
def test_what_says_nothing_is_named_with_its_place(stored: dict[Any, object], says: str) -> None:
    assert says in "\n".join(said(stored))


def test_a_section_without_content_is_no_mistake() -> None:
    assert said({"detection": None}) == said({"detection": {}}) == []


@given(st.dictionaries(st.sampled_from(["detection", "stack", "ask_first", "hue"]) | st.integers(), JSON))
def test_no_row_stops_the_reader_and_what_it_understood_it_understands_again(stored: dict[Any, object]) -> None:
    choices, dropped = understand_stored(stored)
    assert understand_stored(choices.stored()) == (choices, ())
    assert all(str(problem).isprintable() for problem in dropped)
