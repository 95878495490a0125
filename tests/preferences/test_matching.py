from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.formats import EXTENSIONS, Format
from sidecar.grouping.patterns import NamePattern
from sidecar.grouping.proposal import GroupKind
from sidecar.grouping.settings import DEFAULT_KINDS, PairingRules, Preferred
from sidecar.preferences import (
    MOST_PATTERNS,
    WORDS,
    ListedPattern,
    Matching,
    StackKinds,
    no_setting,
    read_chosen,
    understand,
)
from sidecar.preferences.matching import BUILT_IN
from sidecar.preferences.understanding import keys_of

PLAIN, SUFFIXED = "{base}.{ext}", "{base}_{suffix}.{ext}"
WEB, SMALL = "{base}-web.{ext}", "{base} (small).{ext}"

SWITCHES = st.none() | st.booleans()
ONE_WORD_A_PLACE = {place: word for word, place in WORDS.items()}


@st.composite
def pattern_lists(draw: st.DrawFn) -> list[object]:
    texts = draw(
        st.lists(st.sampled_from([PLAIN, SUFFIXED, WEB, SMALL, r"regex:(?P<base>.+)\.(?P<ext>\w+)"]), unique=True)
    )
    return [text if text in {PLAIN, SUFFIXED} or draw(st.booleans()) else trusted(text) for text in texts]


@st.composite
def matchings(draw: st.DrawFn) -> Matching:
    places = draw(st.lists(st.sampled_from(sorted(ONE_WORD_A_PLACE)), unique=True, max_size=6))
    return Matching(
        timestamp_tolerance_seconds=draw(st.none() | st.floats(0, 60)),
        filename_patterns=draw(st.none() | pattern_lists()),  # type: ignore[arg-type]  # in either spelling
        auto_primary_preference=tuple(ONE_WORD_A_PLACE[place] for place in places) or None,
        stack=StackKinds(**{kind.value: draw(SWITCHES) for kind in GroupKind}),
        extend_users_stacks=draw(SWITCHES),
        ask_first=draw(SWITCHES),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
)
CHOICES = st.dictionaries(st.sampled_from([*Matching.model_fields, "colour"]) | st.integers(), JSON)


def trusted(text: str) -> dict[str, object]:
    return {"pattern": text, "trusted": True}


def said(chosen: dict[Any, object]) -> list[str]:
    return [str(problem) for problem in understand(Matching, chosen).dropped]


def test_who_chooses_nothing_gets_what_is_built_in() -> None:
    assert Matching().rules() == PairingRules()
    assert BUILT_IN.rules() == PairingRules()
    assert Matching().chosen() == {}
    assert Matching().by_key() == {}


def test_every_key_has_a_sentence_and_a_built_in_value() -> None:
    assert list(Matching.sentences()) == list(BUILT_IN.by_key())
    assert all(sentence.endswith(".") for sentence in Matching.sentences().values())


def test_every_kind_of_group_can_be_switched() -> None:
    assert list(StackKinds.model_fields) == [kind.value for kind in GroupKind]


@pytest.mark.parametrize(
    ("chosen", "rules"),
    [
        pytest.param({"timestamp_tolerance_seconds": 2.5}, {"tolerance_ms": 2_500}, id="seconds become ms"),
        pytest.param({"timestamp_tolerance_seconds": 0}, {"tolerance_ms": 0}, id="no tolerance at all"),
        pytest.param({"timestamp_tolerance_seconds": 60}, {"tolerance_ms": 60_000}, id="a whole minute"),
        pytest.param({"timestamp_tolerance_seconds": 0.0004}, {"tolerance_ms": 0}, id="less than a millisecond"),
        pytest.param({"filename_patterns": [PLAIN, SUFFIXED]}, {}, id="the built-in patterns change nothing"),
        pytest.param({"filename_patterns": [trusted(SUFFIXED)]}, {}, id="a built-in pattern may be called trusted"),
        pytest.param({"filename_patterns": [PLAIN]}, {"joins_suffixes": False}, id="a list without suffixes"),
        pytest.param({"filename_patterns": []}, {"joins_suffixes": False}, id="an empty list"),
        pytest.param(
            {"filename_patterns": [WEB, SUFFIXED, trusted(SMALL)]},
            {"patterns": (NamePattern(WEB), NamePattern(SMALL, is_trusted=True))},
            id="patterns keep their order and trust",
        ),
        pytest.param(
            {"filename_patterns": [r"regex:(?P<base>\d+)\.(?P<ext>.+)", r"regex:(?P<base>\D+)\.(?P<ext>.+)", SUFFIXED]},
            {
                "patterns": (
                    NamePattern(r"regex:(?P<base>\d+)\.(?P<ext>.+)"),
                    NamePattern(r"regex:(?P<base>\D+)\.(?P<ext>.+)"),
                )
            },
            id="regular expressions differ by case",
        ),
        pytest.param(
            {"auto_primary_preference": ["jpg", "jpeg", "png", "raw"]},
            {"primary_preference": (Format.JPEG, Format.PNG, Preferred.REST, Format.RAW)},
            id="two words for one format, and a RAW behind all that is not named",
        ),
        pytest.param(
            {"auto_primary_preference": ["TIF", "rest", "cr3", "nef"]},
            {"primary_preference": (Format.TIFF, Preferred.REST, Format.RAW)},
            id="extensions in capitals, rest where it was put",
        ),
        pytest.param({"auto_primary_preference": ["raw"]}, {"primary_preference": (Format.RAW,)}, id="the RAW first"),
        pytest.param(
            {"auto_primary_preference": ["raw", "edited"]},
            {"primary_preference": (Format.RAW, Preferred.EDITED)},
            id="the RAW before the edit",
        ),
        pytest.param(
            {"stack": {"burst": True, "video": False}},
            {"kinds": tuple(sorted({*DEFAULT_KINDS, GroupKind.BURST} - {GroupKind.VIDEO}))},
            id="kinds on and off",
        ),
        pytest.param({"stack": {kind.value: False for kind in GroupKind}}, {"kinds": ()}, id="everything off"),
        pytest.param({"stack": None}, {}, id="a heading with nothing under it"),
        pytest.param({"extend_users_stacks": True}, {"extends_users_stacks": True}, id="the user's own stacks"),
        pytest.param({"ask_first": True}, {"acts": False}, id="asked first"),
        pytest.param({"ask_first": False, "extend_users_stacks": False}, {}, id="the built-in switches, spelled out"),
    ],
)
def test_choices_become_rules(chosen: dict[str, object], rules: dict[str, Any]) -> None:
    assert said(chosen) == []
    assert read_chosen(chosen).rules() == PairingRules(**rules)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        pytest.param({"ask_fist": True}, "ask_fist: is no setting; did you mean ask_first?", id="a typo"),
        pytest.param({"colour": 1}, "colour: is no setting; there are timestamp_tolerance_seconds, ", id="unknown"),
        pytest.param({"burst": True}, "burst: is no setting; did you mean stack.burst?", id="a kind, not under stack"),
        pytest.param({"x\n" * 90: 1}, r"'x\nx\n", id="a key that would spoil the line"),
        pytest.param({7: 1}, "7: is no setting; there are", id="a number as key"),
        pytest.param({"ask_first": None}, "ask_first: has no value", id="no value"),
        pytest.param(
            {"timestamp_tolerance_seconds": "2s"}, "must be a number of seconds, such as", id="text for seconds"
        ),
        pytest.param(
            {"timestamp_tolerance_seconds": True}, "must be a number of seconds, such as", id="yes for seconds"
        ),
        pytest.param({"timestamp_tolerance_seconds": float("nan")}, "must be a number of seconds", id="not a number"),
        pytest.param({"timestamp_tolerance_seconds": -0.1}, "cannot be negative; 0 asks for", id="negative"),
        pytest.param({"timestamp_tolerance_seconds": 60.1}, "may be 60 at most; what is further apart", id="too far"),
        pytest.param({"timestamp_tolerance_seconds": 10**400}, "may be 60 at most", id="no computer's number"),
        pytest.param(
            {"filename_patterns": WEB}, "filename_patterns: must be a list, such as ['{base}", id="one pattern"
        ),
        pytest.param({"filename_patterns": [WEB] * 33}, "has 33 entries; it may have 32", id="too many patterns"),
        pytest.param({"filename_patterns": ["{base}"]}, "filename_patterns, entry 1: the pattern", id="no ext"),
        pytest.param({"filename_patterns": [{"base": None}]}, "entry 1: must be a pattern in quotes", id="no quotes"),
        pytest.param({"filename_patterns": [{"pattern": WEB, 1: 2}]}, "entry 1: must be a pattern in", id="odd key"),
        pytest.param({"filename_patterns": [7]}, "entry 1: must be a pattern in quotes, or {pattern:", id="a number"),
        pytest.param({"filename_patterns": [{"pattern": 7}]}, "entry 1, pattern: must be text", id="a number inside"),
        pytest.param({"filename_patterns": ["\x1b{base}.{ext}"]}, "cannot be printed", id="control character"),
        pytest.param({"filename_patterns": ["\ud800{base}.{ext}"]}, "cannot be printed", id="half a character"),
        pytest.param(
            {"filename_patterns": [{"pattern": WEB, "trust": True}]},
            "entry 1, trust: is no setting; did you mean trusted?",
            id="a typo inside a pattern",
        ),
        pytest.param(
            {"filename_patterns": [{"pattern": WEB, "trusted": "yes"}]},
            "trusted: must be true or false",
            id="no switch",
        ),
        pytest.param(
            {"filename_patterns": [{"pattern": SUFFIXED, "trusted": False}]},
            "built in and always trusted; take it out of the list",
            id="a built-in pattern that shall not be trusted",
        ),
        pytest.param({"filename_patterns": [WEB, SMALL, WEB]}, f"has '{WEB}' twice; keep one", id="a pattern twice"),
        pytest.param({"filename_patterns": [PLAIN, trusted(PLAIN)]}, f"has '{PLAIN}' twice; keep", id="built-in twice"),
        pytest.param(
            {"filename_patterns": [WEB, trusted(WEB.replace("web", "WEB"))]}, "twice, trusted and not", id="two trusts"
        ),
        pytest.param({"auto_primary_preference": "jpg"}, "must be a list, such as [edited, jpg", id="one word"),
        pytest.param({"auto_primary_preference": []}, "must name something, such as [edited", id="an empty order"),
        pytest.param(
            {"auto_primary_preference": ["jpgg"]}, "entry 1: 'jpgg' is no format; there are edited", id="word"
        ),
        pytest.param({"auto_primary_preference": [3]}, "entry 1: must be text", id="a number as format"),
        pytest.param({"auto_primary_preference": ["video"]}, "'video' is no format", id="a format of no one's"),
        pytest.param({"auto_primary_preference": ["unknown"]}, "'unknown' is no format", id="what is not known"),
        pytest.param({"auto_primary_preference": ["x" * 99]}, f"'{'x' * 40}…' is no format", id="a long word"),
        pytest.param({"auto_primary_preference": ["jpg", "JPG"]}, "has 'jpg' twice; each may", id="a format twice"),
        pytest.param({"auto_primary_preference": ["edited", "raw", "edited"]}, "has 'edited' twice", id="edited twice"),
        pytest.param(
            {"auto_primary_preference": ["jpg", "png", "jpeg"]},
            "has jpg and jpeg apart, which are one format: put them side by side",
            id="one format in two places",
        ),
        pytest.param({"auto_primary_preference": ["jpg"] * 200}, "has 200 entries; it may have", id="too many words"),
        pytest.param({"stack": True}, "stack: must be a mapping, such as {burst: true", id="a switch for all kinds"),
        pytest.param({"stack": {"bursts": True}}, "stack.bursts: is no setting; did you mean stack.burst?", id="kind"),
        pytest.param({"stack": {"burst": 1}}, "stack.burst: must be true or false", id="a number as switch"),
        pytest.param({"stack": {"burst": None}}, "stack.burst: has no value", id="a kind without value"),
        pytest.param({"stack": {3: True}}, "stack.3: is no setting", id="a number as kind"),
        pytest.param({"ask_first": "yes please"}, "ask_first: must be true or false", id="text as switch"),
        pytest.param({"extend_users_stacks": 0}, "extend_users_stacks: must be true or false", id="zero as switch"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(chosen: dict[Any, object], says: str) -> None:
    (problem,) = said(chosen)
    assert says in problem
    assert problem.isprintable()
    assert read_chosen(chosen) == Matching()


def test_of_what_is_not_understood_the_rest_still_holds() -> None:
    understood = understand(
        Matching,
        {
            "colour": "red",
            "ask_first": True,
            "stack": {"burst": True, "panorama": True},
            "filename_patterns": [WEB, "{moon}.{ext}", PLAIN],
            "auto_primary_preference": ["hologram"],
            "timestamp_tolerance_seconds": "long",
        },
    )
    assert understood.layer.chosen() == {
        "filename_patterns": [WEB, PLAIN],
        "stack": {"burst": True},
        "ask_first": True,
    }
    assert [problem.key for problem in understood.dropped] == [
        "timestamp_tolerance_seconds",
        "filename_patterns, entry 2",
        "auto_primary_preference, entry 1",
        "stack.panorama",
        "colour",
    ]


def test_what_is_left_of_a_list_must_make_sense_too() -> None:
    understood = understand(Matching, {"auto_primary_preference": ["jpg", "hologram", "jpeg", "png", "jpeg"]})
    assert understood.layer == Matching()
    assert [problem.reason[:20] for problem in understood.dropped] == ["'hologram' is no for", "has 'jpeg' twice; ea"]


def test_a_higher_layer_wins_key_by_key() -> None:
    lower = read_chosen({"stack": {"burst": True, "video": False}, "ask_first": True, "filename_patterns": [WEB]})
    upper = read_chosen({"stack": {"video": True}, "ask_first": False, "timestamp_tolerance_seconds": 0})
    assert upper.over(lower).chosen() == {
        "timestamp_tolerance_seconds": 0.0,
        "filename_patterns": [WEB],
        "stack": {"video": True, "burst": True},
        "ask_first": False,
    }


def test_words_are_those_that_the_project_knows() -> None:
    assert set(WORDS) == {*EXTENSIONS, *(each.value for each in Format), "edited", "rest"} - {"video", "unknown"}


def test_many_patterns_are_possible() -> None:
    assert said({"filename_patterns": [f"{{base}}-{number}.{{ext}}" for number in range(MOST_PATTERNS)]}) == []


def test_a_pattern_that_is_read_already_is_taken_as_it_is() -> None:
    listed = ListedPattern(pattern=WEB, trusted=True)
    assert Matching(filename_patterns=(listed,)).filename_patterns == (listed,)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        pytest.param("stak", "is no setting; did you mean stack?", id="the mapping itself"),
        pytest.param("z" * 100_000, "is no setting; there are ", id="a very long one"),
    ],
)
def test_a_key_that_is_none_is_put_right(key: str, says: str) -> None:
    assert no_setting(key, keys_of(Matching)).startswith(says)


@given(matchings(), matchings(), matchings())
def test_layers_can_be_put_together_in_any_order_of_work(one: Matching, two: Matching, three: Matching) -> None:
    assert one.over(two).over(three) == one.over(two.over(three))
    assert one.over(Matching()) == Matching().over(one) == one.over(one) == one
    assert one.over(BUILT_IN).rules() == one.rules()
    assert one.over(two).by_key() == two.by_key() | one.by_key()


@given(matchings())
def test_a_choice_survives_being_stored(matching: Matching) -> None:
    stored = json.loads(json.dumps(matching.chosen()))
    assert understand(Matching, stored) == (matching, ())
    assert hash(read_chosen(stored)) == hash(matching)


@given(CHOICES)
@example({"filename_patterns": [{"pattern": "\ud800"}], "stack": {"burst": {}}})
@example({"auto_primary_preference": [["jpg"], {}, None]})
def test_no_content_stops_the_reader_and_what_it_understood_it_understands_again(chosen: dict[Any, object]) -> None:
    matching, dropped = understand(Matching, chosen)
    assert isinstance(matching.rules(), PairingRules)
    assert understand(Matching, matching.chosen()) == (matching, ())
    assert all(str(problem).isprintable() for problem in dropped)
    assert len(dropped) >= len({*chosen} - {*Matching.model_fields})
