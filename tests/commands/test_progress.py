from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import Progress

from sidecar.commands.progress import BarDisplay, PlainDisplay, Standing, display_on
from sidecar.storage.scans import Scan, ScanState
from tests.builders import OWNER

SCAN = Scan(
    id=1, owner_id=OWNER, state=ScanState.RUNNING, expected=9, found=4, missing=0, broken=0, gone=0, stacks=0,
    attempts=1, error=None, requested_at_ms=0, began_at_ms=None, ended_at_ms=None,
)  # fmt: skip
READING = Standing(SCAN, pending=0, failed_stems=0, intended=0, write_attempts=0, write_error=None)
DONE = replace(READING, scan=replace(SCAN, state=ScanState.DONE, found=9))

STANDINGS = [
    pytest.param(replace(READING, scan=replace(SCAN, state=ScanState.REQUESTED)), "waiting to begin", id="asked for"),
    pytest.param(READING, "reading assets: 4 of 9", id="reading"),
    pytest.param(replace(DONE, pending=3, intended=2), "comparing: 3 names left", id="comparing"),
    pytest.param(replace(DONE, intended=2), "writing stacks: 2 left", id="writing"),
    pytest.param(DONE, "done: 9 assets", id="done"),
    pytest.param(
        replace(READING, scan=replace(SCAN, error="Immich is away")),
        "waiting to try again: Immich is away",
        id="trouble",
    ),
]


@pytest.mark.parametrize(("standing", "sentence"), STANDINGS)
def test_each_standing_has_a_sentence(standing: Standing, sentence: str) -> None:
    assert standing.sentence == sentence


def test_a_scan_is_over_when_nothing_is_left_to_do() -> None:
    assert DONE.is_over
    assert replace(READING, scan=replace(SCAN, state=ScanState.FAILED)).is_over
    assert not READING.is_over
    assert not replace(DONE, pending=1).is_over
    assert not replace(DONE, intended=1).is_over


def test_plain_lines_come_when_something_is_new_and_not_too_often() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream, every_s=1)
    display.show("Ann", READING, now_s=0)
    display.show("Ann", READING, now_s=5)
    display.show("Ann", replace(READING, scan=replace(SCAN, found=5)), now_s=5.5)
    display.show("Ann", replace(READING, scan=replace(SCAN, found=6)), now_s=5.9)
    display.show("Bob", READING, now_s=5.9)
    display.show("Ann", DONE, now_s=6)
    assert stream.getvalue().splitlines() == [
        "Ann: reading assets: 4 of 9",
        "Ann: reading assets: 5 of 9",
        "Bob: reading assets: 4 of 9",
        "Ann: done: 9 assets",
    ]


def test_a_pipe_gets_plain_lines() -> None:
    with display_on(io.StringIO()) as display:
        assert isinstance(display, PlainDisplay)


@pytest.mark.parametrize(
    ("standings", "shown"),
    [
        pytest.param([READING], ("Ann: reading assets", 4, 9), id="reading"),
        pytest.param(
            [replace(DONE, pending=10), replace(DONE, pending=4)], ("Ann: comparing names", 6, 10), id="names"
        ),
        pytest.param([replace(DONE, intended=5)], ("Ann: writing stacks", 0, 5), id="stacks"),
        pytest.param([DONE], ("Ann: done", 0, None), id="done"),
        pytest.param(
            [replace(READING, scan=replace(SCAN, error="away"))],
            ("Ann: waiting to try again: away", 0, None),
            id="trouble",
        ),
    ],
)
def test_bars_move_through_the_phases(standings: list[Standing], shown: tuple[str, int, int | None]) -> None:
    with Progress(console=Console(file=io.StringIO())) as progress:
        display = BarDisplay(progress)
        for standing in standings:
            display.show("Ann", standing)
        (task,) = progress.tasks
        assert (task.description, task.completed, task.total) == shown
