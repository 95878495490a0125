from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import Progress

from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.progress import BarDisplay
from sidecar.commands.searching import Findings, Pace, Search, code_of, duration, lines
from sidecar.duplicates.classes import DuplicateClass
from sidecar.model import User
from sidecar.storage.detections import Detection, DetectionPhase, DetectionState
from sidecar.storage.duplicate_sets import Tally
from tests.builders import OWNER

FOUND = Detection(
    id=1, owner_id=OWNER, state=DetectionState.RUNNING, phase=DetectionPhase.FILES, looked=0, total=0, files_read=3,
    bytes_read=12_345_678, candidates=0, matches=0, sets=1, attempts=1, error=None, requested_at_ms=1_000,
    first_results_at_ms=None, ended_at_ms=None,
)  # fmt: skip
LOOKING = replace(FOUND, phase=DetectionPhase.REST, looked=40, total=100, candidates=20)
DONE = replace(FOUND, state=DetectionState.DONE, phase=DetectionPhase.JUDGE, ended_at_ms=91_000, looked=100)
ANN = User(OWNER, "Ann")

SEARCHES = [
    pytest.param(
        Search(replace(FOUND, state=DetectionState.REQUESTED)),
        "waiting to look for duplicates",
        ("waiting to look for duplicates", 0, None),
        id="asked for",
    ),
    pytest.param(
        Search(FOUND),
        "comparing files: 3 files compared, 12.3 MB read",
        ("comparing files: 3 files compared, 12.3 MB read", 0, None),
        id="files",
    ),
    pytest.param(
        Search(replace(FOUND, phase=DetectionPhase.QUICK)),
        "looking for candidates: 0 candidates, 1 set; 3 files compared, 12.3 MB read",
        ("looking for candidates: 0 candidates, 1 set; 3 files compared, 12.3 MB read", 0, None),
        id="quick",
    ),
    pytest.param(
        Search(replace(LOOKING, phase=DetectionPhase.LOOK)),
        "looking at candidates: 40 of 100; 1 set",
        ("looking at candidates", 40, 100),
        id="candidates, and no rate yet",
    ),
    pytest.param(
        Search(LOOKING, per_s=12.0),
        "looking at all others: 40 of 100, 12 a second, 5 s left; 1 set",
        ("looking at all others, 12 a second, 5 s left", 40, 100),
        id="everything else, with a rate",
    ),
    pytest.param(
        Search(replace(LOOKING, looked=120), per_s=1.0),
        "looking at all others: 120 of 120, 1 a second, 0 s left; 1 set",
        ("looking at all others, 1 a second, 0 s left", 120, 120),
        id="more than was expected",
    ),
    pytest.param(
        Search(replace(LOOKING, phase=DetectionPhase.JUDGE)),
        "comparing pictures: 20 candidates, 1 set; 3 files compared, 12.3 MB read",
        ("comparing pictures: 20 candidates, 1 set; 3 files compared, 12.3 MB read", 0, None),
        id="judging",
    ),
    pytest.param(
        Search(replace(DONE, sets=2)),
        "done: 2 sets of duplicates; 3 files compared, 12.3 MB read",
        ("done: 2 sets of duplicates; 3 files compared, 12.3 MB read", 0, None),
        id="done",
    ),
    pytest.param(
        Search(replace(LOOKING, error="Immich is away")),
        "waiting to try again: Immich is away",
        ("waiting to try again: Immich is away", 0, None),
        id="trouble",
    ),
    pytest.param(
        Search(replace(LOOKING, state=DetectionState.FAILED, error="the key lacks a permission")),
        "the search for duplicates failed: the key lacks a permission",
        ("the search for duplicates failed: the key lacks a permission", 0, None),
        id="failed",
    ),
]


@pytest.mark.parametrize(("search", "sentence", "bar"), SEARCHES)
def test_each_search_has_a_sentence_and_a_bar(search: Search, sentence: str, bar: tuple[str, int, int | None]) -> None:
    assert search.sentence == sentence
    with Progress(console=Console(file=io.StringIO())) as progress:
        BarDisplay(progress).show("Ann", search)
        (task,) = progress.tasks
        assert (task.description, task.completed, task.total) == (f"Ann: {bar[0]}", *bar[1:])


@pytest.mark.parametrize(
    ("state", "is_over"),
    [(DetectionState.REQUESTED, False), (DetectionState.RUNNING, False), (DetectionState.DONE, True),
     (DetectionState.FAILED, True)],
)  # fmt: skip
def test_a_search_is_over_when_nothing_more_will_happen(state: DetectionState, *, is_over: bool) -> None:
    assert Search(replace(FOUND, state=state)).is_over is is_over


def test_a_pace_is_that_of_the_last_half_minute() -> None:
    pace = Pace()
    assert pace.per_s(0, now_s=100) is None
    assert pace.per_s(0, now_s=101) is None
    assert pace.per_s(50, now_s=110) == 5
    assert pace.per_s(50, now_s=111) == pytest.approx(50 / 11)
    # After a stretch without anything, only what was lately counts.
    assert pace.per_s(350, now_s=150) == pytest.approx(300 / 39)
    # Another run begins anew.
    assert pace.per_s(10, now_s=151) is None
    assert pace.per_s(20, now_s=152) == 10


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"),
     (90_000, "25 h 0 min")],
)  # fmt: skip
def test_spans_are_said_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_was_found_is_told_by_class() -> None:
    tallies = {
        DuplicateClass.RE_ENCODED: Tally(1, 3, 2_500_000),
        DuplicateClass.IDENTICAL: Tally(2, 4, 999),
    }
    found = Findings(ANN, replace(DONE, first_results_at_ms=4_000), tallies, unread=1, is_on=True)
    assert list(lines(found)) == [
        "Ann: 3 sets of duplicates",
        "  identical: 2 sets of 4 files; keeping one of each frees 999 bytes",
        "  re-encoded: 1 set of 3 files; keeping one of each frees 2.5 MB",
        "  1 file could not be read or looked at (sidecar duplicates --unread)",
        ("  100 pictures looked at, 3 files compared, 12.3 MB read; first results after 3 s, all after 1 min 30 s"),
    ]


def test_a_search_that_did_not_end_says_why_and_shows_what_there_is() -> None:
    waiting = replace(LOOKING, state=DetectionState.REQUESTED, error="Immich is away\x1b")
    assert list(lines(Findings(ANN, waiting, {}, unread=0, is_on=True))) == [
        "Ann: the search for duplicates did not finish: Immich is away�",
        "Ann: 0 sets of duplicates",
        "  40 pictures looked at, 3 files compared, 12.3 MB read",
    ]


def test_a_search_that_is_off_says_so() -> None:
    assert list(lines(Findings(ANN, DONE, {}, unread=0, is_on=False))) == [
        "Ann: duplicate search is off; `sidecar settings` shows which layer says so"
    ]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        pytest.param([], ExitCode.DONE, id="nobody was searched"),
        pytest.param([DONE, DONE], ExitCode.DONE, id="all are done"),
        pytest.param([DONE, replace(DONE, state=DetectionState.FAILED)], ExitCode.PARTLY_FAILED, id="one failed"),
        pytest.param([replace(DONE, state=DetectionState.FAILED), LOOKING], ExitCode.TRY_LATER, id="one waits"),
    ],
)
def test_the_number_tells_how_searches_ended(found: list[Detection], code: ExitCode) -> None:
    assert code_of([Search(each) for each in found]) is code
