from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import UPLOAD, KeeperRule, Preference
from sidecar.duplicates.native import RECORDED
from sidecar.preferences import Detection, DetectionRules, understand
from sidecar.preferences.detection import BUILT_IN, MOST_PATHS, RECORDABLE, SERVER_WIDE

LIBRARY = "0a1b2c3d-0000-4000-8000-00000000000e"
SWITCHES = st.none() | st.booleans()
PATHS = st.sampled_from([UPLOAD, "/mnt/photos", "/mnt/photos/new", "/b"])


@st.composite
def detections(draw: st.DrawFn) -> Detection:
    return Detection(
        phash_threshold=draw(st.none() | st.floats(0.9, 1)),
        enable_exact_match=draw(SWITCHES),
        enable_perceptual_match=draw(SWITCHES),
        batch_size=draw(st.none() | st.integers(10, 5000)),
        turned_copies=draw(SWITCHES),
        record_in_immich=draw(st.none() | st.lists(st.sampled_from(RECORDABLE), unique=True).map(tuple)),
        keep_order=draw(st.none() | st.lists(st.sampled_from(KeeperRule), unique=True, min_size=1).map(tuple)),
        prefer_paths=draw(st.none() | st.lists(PATHS, unique=True).map(tuple)),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
)
CHOICES = st.dictionaries(st.sampled_from([*Detection.model_fields, "colour"]) | st.integers(), JSON)


def said(chosen: dict[Any, object]) -> list[str]:
    return [str(problem) for problem in understand(Detection, chosen).dropped]


def read(chosen: dict[Any, object]) -> Detection:
    return understand(Detection, chosen).layer


def test_who_chooses_nothing_gets_what_is_built_in() -> None:
    assert Detection().rules() == BUILT_IN.rules() == DetectionRules()
    assert Detection().chosen() == {}
    assert BUILT_IN.chosen() == {
        "phash_threshold": 0.95,
        "enable_exact_match": True,
        "enable_perceptual_match": True,
        "batch_size": 500,
        "turned_copies": False,
        "record_in_immich": ["identical", "re-encoded", "edited"],
        "keep_order": [
            "favorite", "albums", "stack", "library", "format", "resolution", "original", "size", "earliest",
        ],
        "prefer_paths": [],
    }  # fmt: skip


def test_every_key_has_a_sentence_and_a_built_in_value() -> None:
    assert list(Detection.sentences()) == list(BUILT_IN.by_key())
    assert all(sentence.endswith(".") for sentence in Detection.sentences().values())
    assert SERVER_WIDE.keys() <= Detection.model_fields.keys()


@pytest.mark.parametrize(
    ("chosen", "rules"),
    [
        pytest.param({"phash_threshold": 0.97}, {"threshold": 0.97}, id="a similarity"),
        pytest.param({"phash_threshold": 0.9}, {"threshold": 0.9}, id="the lowest similarity"),
        pytest.param({"phash_threshold": 1}, {"threshold": 1.0}, id="the highest, as a whole number"),
        pytest.param({"enable_exact_match": False}, {"finds_exact": False}, id="no reading of files"),
        pytest.param({"enable_perceptual_match": False}, {"finds_alike": False}, id="no looking at pictures"),
        pytest.param({"batch_size": 10}, {"batch_size": 10}, id="the smallest batch"),
        pytest.param({"batch_size": 5000}, {"batch_size": 5000}, id="the largest batch"),
        pytest.param({"turned_copies": True}, {"finds_turned": True}, id="turned copies"),
        pytest.param({"record_in_immich": True}, {}, id="all classes in Immich"),
        pytest.param({"record_in_immich": False}, {"recorded": ()}, id="none in Immich"),
        pytest.param({"record_in_immich": []}, {"recorded": ()}, id="an empty list of classes"),
        pytest.param(
            {"record_in_immich": ["Identical", "re-encoded"]},
            {"recorded": (DuplicateClass.IDENTICAL, DuplicateClass.RE_ENCODED)},
            id="two classes, one in capitals",
        ),
        pytest.param(
            {"keep_order": ["size", "Favorite"]},
            {"keep_order": (KeeperRule.SIZE, KeeperRule.FAVORITE)},
            id="the order of rules, and rules that are left out",
        ),
        pytest.param(
            {"prefer_paths": ["/mnt/photos//", "UPLOAD", "/mnt/a b/", LIBRARY.upper()]},
            {"prefer_paths": ("/mnt/photos", UPLOAD, "/mnt/a b", LIBRARY)},
            id="paths lose the slash at their end",
        ),
        pytest.param({"prefer_paths": []}, {}, id="no paths"),
    ],
)
def test_choices_become_rules(chosen: dict[str, object], rules: dict[str, Any]) -> None:
    assert said(chosen) == []
    assert read(chosen).rules() == DetectionRules(**rules)


def test_rules_say_what_makes_a_copy_better_and_never_record_what_is_not_worth_a_page() -> None:
    chosen = Detection(keep_order=(KeeperRule.SIZE,), prefer_paths=(UPLOAD,))
    assert chosen.rules().preference == Preference((KeeperRule.SIZE,), (UPLOAD,))
    assert frozenset(RECORDABLE) == RECORDED


@pytest.mark.parametrize(
    ("exact", "alike", "is_on"),
    [
        pytest.param(True, True, True, id="both"),
        pytest.param(True, False, True, id="bytes only"),
        pytest.param(False, True, True, id="looks only"),
        pytest.param(False, False, False, id="neither"),
    ],
)
def test_with_both_steps_off_nothing_is_looked_for(*, exact: bool, alike: bool, is_on: bool) -> None:
    assert Detection(enable_exact_match=exact, enable_perceptual_match=alike).rules().is_on is is_on


MEANING = "the similarity that the second look computes, not a share of hash bits"


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        pytest.param({"phash_treshold": 0.9}, "is no setting; did you mean phash_threshold?", id="a typo"),
        pytest.param({"colour": 1}, "colour: is no setting; there are phash_threshold, enable_exact", id="unknown"),
        pytest.param({"phash_threshold": "95%"}, f"must be a number from 0.9 to 1, such as 0.95: {MEANING}", id="text"),
        pytest.param({"phash_threshold": True}, "must be a number from 0.9 to 1", id="yes for a similarity"),
        pytest.param({"phash_threshold": float("nan")}, "must be a number from 0.9 to 1", id="not a number"),
        pytest.param({"phash_threshold": 0.89}, f"must be from 0.9 to 1: it is {MEANING}; below 0.9,", id="too low"),
        pytest.param({"phash_threshold": 95}, f"must be from 0.9 to 1: it is {MEANING}", id="a percentage"),
        pytest.param({"phash_threshold": 10**400}, "must be from 0.9 to 1", id="no computer's number"),
        pytest.param({"phash_threshold": None}, "phash_threshold: has no value", id="no value"),
        pytest.param({"enable_exact_match": "sure"}, "must be true or false", id="text as switch"),
        pytest.param({"enable_perceptual_match": 1}, "must be true or false", id="a number as switch"),
        pytest.param({"turned_copies": {}}, "must be true or false", id="a mapping as switch"),
        pytest.param({"batch_size": 9}, "must be from 10 to 5000; 100 to 500 does for most", id="too small a batch"),
        pytest.param({"batch_size": 5001}, "must be from 10 to 5000", id="too large a batch"),
        pytest.param({"batch_size": 99.5}, "must be a whole number, such as 500", id="half a thumbnail"),
        pytest.param({"batch_size": True}, "must be a whole number, such as 500", id="yes for a batch"),
        pytest.param(
            {"record_in_immich": "identical"},
            "must be a list, such as [identical, re-encoded]; or true for all, or false for none",
            id="one class without its list",
        ),
        pytest.param(
            {"record_in_immich": ["featureless"]},
            "record_in_immich, entry 1: featureless is never recorded: two black pictures need not be copies",
            id="a class that is never recorded",
        ),
        pytest.param({"record_in_immich": ["similar"]}, "similar is never recorded: those are Immich's own", id="ML"),
        pytest.param({"record_in_immich": ["exact"]}, "'exact' is none of identical, re-encoded", id="no class"),
        pytest.param({"record_in_immich": [7]}, "'7' is none of identical", id="a number as class"),
        pytest.param({"record_in_immich": ["edited"] * 2}, "has 'edited' twice; each may stand once", id="twice"),
        pytest.param({"record_in_immich": ["edited"] * 4}, "has 4 entries; it may have 3", id="too many classes"),
        pytest.param({"keep_order": "favorite"}, "must be a list, such as [favorite, albums, stack]", id="one rule"),
        pytest.param({"keep_order": []}, "must name a rule, such as [favorite, albums, stack]", id="no rule"),
        pytest.param({"keep_order": ["newest"]}, "'newest' is no rule; there are favorite, albums,", id="no such rule"),
        pytest.param({"keep_order": [{}]}, "entry 1: '{}' is no rule", id="a mapping as rule"),
        pytest.param({"keep_order": ["size", "SIZE"]}, "has 'size' twice", id="a rule twice"),
        pytest.param({"keep_order": ["size"] * 10}, "has 10 entries; it may have 9", id="too many rules"),
        pytest.param({"prefer_paths": "/mnt"}, "must be a list, such as [/mnt/photos/originals, upload]", id="a path"),
        pytest.param({"prefer_paths": ["photos"]}, "'photos' must be a path as Immich shows it", id="relative"),
        pytest.param({"prefer_paths": ["/mnt/../etc"]}, "must be a path as Immich shows it", id="a way up"),
        pytest.param({"prefer_paths": ["/mnt\x1b[2J"]}, "has a character that cannot be printed", id="control"),
        pytest.param({"prefer_paths": ["/" + "x" * 1000]}, "is longer than 1000 characters", id="a long path"),
        pytest.param({"prefer_paths": ["/"]}, "/ is the beginning of every path and prefers none", id="the root"),
        pytest.param({"prefer_paths": [f"{{{LIBRARY}}}"]}, "must be a path as Immich shows it", id="an id in braces"),
        pytest.param({"prefer_paths": [7]}, "entry 1: must be text", id="a number as path"),
        pytest.param({"prefer_paths": ["/a", "/a/"]}, "has '/a' twice", id="a path twice"),
        pytest.param({"prefer_paths": ["/a"] * (MOST_PATHS + 1)}, "has 65 entries; it may have 64", id="many paths"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_the_reason(chosen: dict[Any, object], says: str) -> None:
    (problem,) = said(chosen)
    assert says in problem
    assert problem.isprintable()
    assert read(chosen) == Detection()


def test_of_a_list_the_entries_that_are_understood_still_hold() -> None:
    understood = understand(
        Detection,
        {
            "record_in_immich": ["identical", "featureless"],
            "keep_order": ["size", "newest"],
            "prefer_paths": ["photos", "/mnt/photos/"],
            "turned_copies": True,
        },
    )
    assert understood.layer.chosen() == {
        "turned_copies": True,
        "record_in_immich": ["identical"],
        "keep_order": ["size"],
        "prefer_paths": ["/mnt/photos"],
    }
    assert [problem.key for problem in understood.dropped] == [
        "record_in_immich, entry 2",
        "keep_order, entry 2",
        "prefer_paths, entry 1",
    ]


def test_the_section_of_the_mission_is_what_is_built_in() -> None:
    chosen: dict[Any, object] = {
        "phash_threshold": 0.95,
        "enable_exact_match": True,
        "enable_perceptual_match": True,
        "batch_size": 500,
    }
    assert said(chosen) == []
    assert read(chosen).rules() == DetectionRules()


@given(detections(), detections(), detections())
def test_layers_can_be_put_together_in_any_order_of_work(one: Detection, two: Detection, three: Detection) -> None:
    assert one.over(two).over(three) == one.over(two.over(three))
    assert one.over(Detection()) == Detection().over(one) == one.over(one) == one
    assert one.over(BUILT_IN).rules() == one.rules()
    assert one.over(two).by_key() == two.by_key() | one.by_key()


@given(detections())
def test_a_choice_survives_being_stored(detection: Detection) -> None:
    stored = json.loads(json.dumps(detection.chosen()))
    assert understand(Detection, stored) == (detection, ())
    assert hash(read(stored)) == hash(detection)


@given(CHOICES)
@example({"record_in_immich": [["edited"], {}, None], "prefer_paths": ["\ud800"], "batch_size": 10**400})
def test_no_content_stops_the_reader_and_what_it_understood_it_understands_again(chosen: dict[Any, object]) -> None:
    detection, dropped = understand(Detection, chosen)
    assert isinstance(detection.rules(), DetectionRules)
    assert understand(Detection, detection.chosen()) == (detection, ())
    assert all(str(problem).isprintable() for problem in dropped)
    assert len(dropped) >= len({*chosen} - {*Detection.model_fields})
