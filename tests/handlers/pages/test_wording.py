"""Everything that the API can say has words on the pages."""

from __future__ import annotations

from typing import get_args

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import KeeperRule
from sidecar.duplicates.verdict import Concern, Refusal
from sidecar.formats import Format
from sidecar.grouping.memory import DecisionSource
from sidecar.grouping.reasons import ReasonCode
from sidecar.handlers.api.duplicate_decisions import AgreementName
from sidecar.handlers.api.duplicates import NoteCode
from sidecar.handlers.api.groups import GroupReason, GroupType
from sidecar.handlers.pages import (
    activity,
    chosen,
    comparing,
    dismissed,
    duplicates,
    notices,
    settings,
    status,
    wording,
)
from sidecar.jobs.failures import FailureKind
from sidecar.jobs.history import Progress, TroubleKind, What
from sidecar.jobs.previewing import ChangeKind
from sidecar.jobs.status import Activity
from sidecar.storage.duplicate_sets import SetOrder
from sidecar.storage.journal import Origin
from sidecar.ui.translations import language_for

_OF_DISMISSALS = {DecisionSource.DISMISSED, DecisionSource.KEPT, DecisionSource.RECALLED}

ENGLISH, GERMAN = language_for("en"), language_for("de")


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        pytest.param(wording.GROUP_TYPES, GroupType, id="groups"),
        pytest.param(wording.DUPLICATE_CLASSES, DuplicateClass, id="classes"),
        pytest.param(wording.REASONS, ReasonCode, id="reasons"),
        pytest.param(duplicates.EXPLANATIONS, DuplicateClass, id="explanations"),
        pytest.param(duplicates._SORTS, SetOrder, id="orders"),
        pytest.param(comparing.RULES, KeeperRule, id="rules"),
        pytest.param(comparing.NOTES, get_args(NoteCode), id="notes"),
        pytest.param(comparing.REFUSALS, Refusal, id="refusals"),
        pytest.param(comparing.CONCERNS, Concern, id="concerns"),
        pytest.param(comparing.AGREEMENTS, get_args(AgreementName), id="agreements"),
        pytest.param(dismissed.SOURCES, _OF_DISMISSALS, id="dismissals"),
        pytest.param(activity.WHAT, What, id="deeds"),
        pytest.param(activity.STATES, Progress, id="states"),
        pytest.param(activity.BY_WHOM, Origin, id="origins"),
        pytest.param(activity.TROUBLES, TroubleKind, id="troubles"),
        pytest.param(status.FAILURES, FailureKind, id="failures"),
        pytest.param(status._RESTING, [each for each in Activity if not each.is_under_way], id="rest"),
        pytest.param(notices._SENTENCES, notices.Done, id="notices"),
        pytest.param(settings._EXAMPLES, ChangeKind, id="changes"),
        pytest.param(settings._TEXTS, chosen.CONTROLS, id="settings"),
    ],
)
def test_every_code_has_words(words: dict[object, object], codes: object) -> None:
    assert set(words) == set(codes)  # type: ignore[call-overload]


def test_every_choice_stands_in_one_section() -> None:
    listed = [key for _, keys in settings._SECTIONS for key in keys]
    assert sorted(listed) == sorted(chosen.CONTROLS)


@pytest.mark.parametrize(
    ("kind", "english", "german"),
    [
        (Format.RAW, "RAW", "RAW"),
        (Format.JPEG, "JPEG", "JPEG"),
        (Format.OTHER_VIDEO, "Video", "Video"),
        (Format.UNKNOWN, "Unknown format", "Unbekanntes Format"),
    ],
)
def test_formats_have_short_names(kind: Format, english: str, german: str) -> None:
    assert (wording.file_format(kind, ENGLISH), wording.file_format(kind, GERMAN)) == (english, german)


def test_every_format_has_one() -> None:
    assert all(wording.file_format(kind, GERMAN) for kind in Format)


def test_a_detail_is_what_it_is_and_no_pattern() -> None:
    told = (GroupReason(ReasonCode.SAME_NAME, "100 %s % {} \\1", ""), GroupReason(ReasonCode.SAME_SECOND, "", ""))
    assert wording.reasons(told, ENGLISH) == (
        "They share the name 100 %s % {} \\1.",
        "They were taken in the same second.",
    )
    assert wording.reasons(told, GERMAN)[0].count("100 %s % {} \\1") == 1
