from __future__ import annotations

from typing import Any

import pytest

from sidecar.grouping.candidate import candidate_of
from sidecar.grouping.kind import DURATION, KIND, VISIBILITY
from sidecar.grouping.settings import PairingRules
from sidecar.model import AssetKind, Visibility
from tests.builders import make_asset

RULES = PairingRules()
CLIP: dict[str, Any] = {"kind": AssetKind.VIDEO}


def test_a_photo_and_a_clip_are_no_versions_of_each_other() -> None:
    photo, clip = candidate_of(make_asset()), candidate_of(make_asset(**CLIP))
    assert str(KIND.objection(photo, clip, RULES)) == "a photo and a clip share the name"
    assert KIND.objection(clip, clip, RULES) is None


def test_archived_goes_with_archived() -> None:
    shown, archived = candidate_of(make_asset()), candidate_of(make_asset(visibility=Visibility.ARCHIVE))
    assert str(VISIBILITY.objection(shown, archived, RULES)) == "only one of them is archived"
    assert VISIBILITY.objection(archived, archived, RULES) is None


@pytest.mark.parametrize(
    ("one", "other", "sentence"),
    [
        pytest.param({**CLIP, "duration_ms": 0}, {**CLIP, "duration_ms": 1_000}, None, id="exactly a second"),
        pytest.param(
            {**CLIP, "duration_ms": 1_001}, {**CLIP, "duration_ms": 0}, "the clips differ in length by 1 s", id="more"
        ),
        pytest.param({**CLIP, "duration_ms": None}, {**CLIP, "duration_ms": 9_000}, None, id="unknown agrees"),
        pytest.param({**CLIP, "duration_ms": 9_000}, {**CLIP, "duration_ms": None}, None, id="on either side"),
        pytest.param({"duration_ms": 0}, {"duration_ms": 9_000}, None, id="an animation's length says nothing"),
    ],
)
def test_clips_of_one_length_belong_together(one: dict[str, Any], other: dict[str, Any], sentence: str | None) -> None:
    objection = DURATION.objection(candidate_of(make_asset(**one)), candidate_of(make_asset(**other)), RULES)
    assert (str(objection) if objection else None) == sentence


def test_equal_length_supports_clips_only_where_it_is_known() -> None:
    clip, unknown = candidate_of(make_asset(**CLIP, duration_ms=1)), candidate_of(make_asset(**CLIP))
    assert str(DURATION.support([clip, clip])) == "equally long"
    assert DURATION.support([clip, unknown]) is None
    assert DURATION.support([candidate_of(make_asset(duration_ms=0))] * 2) is None
