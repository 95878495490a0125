"""How far something has come, above all a scan: shown as a bar on a terminal and as plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from sidecar.model import OwnerId
from sidecar.storage import journal, scans, work
from sidecar.storage.database import Database
from sidecar.storage.scans import Scan, ScanState


class Stage(NamedTuple):
    """What is going on, and how much of it is left; of how much in all, None where only what is left is known."""

    name: str
    left: int = 0
    total: int | None = None


class Progressing(Protocol):
    """Where something stands that takes its time."""

    @property
    def is_over(self) -> bool:
        """Nothing of it is left to do."""

    @property
    def sentence(self) -> str:
        """What is going on, for people."""

    @property
    def stage(self) -> Stage:
        """The same for a bar."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one user's scan stands: the scan itself, names still to be compared, writes still to be made."""

    scan: Scan
    pending: int
    failed_stems: int
    intended: int
    write_attempts: int
    write_error: str | None
    pending_error: str | None = None

    @property
    def is_over(self) -> bool:
        """Nothing of the scan is left to do."""
        return self.scan.state is ScanState.FAILED or (
            self.scan.state is ScanState.DONE and not self.pending and not self.intended
        )

    @property
    def sentence(self) -> str:
        """What is going on, for people."""
        if self.scan.error is not None:
            return f"waiting to try again: {self.scan.error}"
        if self.scan.state is ScanState.REQUESTED:
            return "waiting to begin"
        if self.scan.state is ScanState.RUNNING:
            return f"reading assets: {self.scan.found} of {self.scan.expected}"
        if self.pending:
            why = self.pending_error
            return f"comparing: {self.pending} names left" if why is None else f"comparing waits: {why}"
        if self.intended:
            return f"writing stacks: {self.intended} left"
        return f"done: {self.scan.found} assets"

    @property
    def stage(self) -> Stage:
        """The same for a bar."""
        if self.scan.error is not None:
            return Stage(self.sentence)
        if self.scan.state is not ScanState.DONE:
            total = max(self.scan.found, self.scan.expected)
            return Stage("reading assets", total - self.scan.found, total)
        if self.pending:
            return Stage("comparing names", self.pending)
        if self.intended:
            return Stage("writing stacks", self.intended)
        return Stage("done")


async def standing_of(database: Database, owner_id: OwnerId, scan_id: int) -> Standing:
    """Where this scan stands now."""
    async with database.read() as connection:
        scan = await scans.get(connection, owner_id, scan_id)
        backlog = await work.backlog(connection, owner_id)
        writes = await journal.outstanding(connection, owner_id)
    return Standing(scan, backlog.pending, backlog.failed, writes.count, writes.attempts, writes.error, backlog.error)


class Display(Protocol):
    """Shows one user's standing, again and again."""

    def show(self, user: str, standing: Progressing) -> None:
        """Shows it, if there is something new."""


class PlainDisplay:
    """One line for every new sentence, at most one a second for each user; for logs and pipes."""

    def __init__(self, stream: TextIO, *, every_s: float = 1.0) -> None:
        self._stream = stream
        self._every_s = every_s
        self._shown: dict[str, tuple[float, str]] = {}

    def show(self, user: str, standing: Progressing, *, now_s: float | None = None) -> None:
        """Prints the line."""
        at_s, last = self._shown.get(user, (float("-inf"), ""))
        sentence = standing.sentence
        now_s = time.monotonic() if now_s is None else now_s
        if sentence != last and (now_s - at_s >= self._every_s or standing.is_over):
            self._shown[user] = (now_s, sentence)
            print(f"{user}: {sentence}", file=self._stream, flush=True)


class BarDisplay:
    """One bar for each user; for terminals."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._most: dict[tuple[str, str], int] = {}

    def show(self, user: str, standing: Progressing) -> None:
        """Moves the bar."""
        if user not in self._bars:
            self._bars[user] = self._progress.add_task(user, total=None)
        stage = standing.stage
        total = stage.total
        if total is None:
            total = self._most[user, stage.name] = max(stage.left, self._most.get((user, stage.name), 0))
        self._progress.update(
            self._bars[user], description=f"{user}: {stage.name}", completed=total - stage.left, total=total or None
        )


@contextmanager
def display_on(stream: TextIO, *, every_s: float = 1.0) -> Iterator[Display]:
    """A display that fits the stream: bars on a terminal, lines elsewhere, of a user at most one in every_s."""
    if not stream.isatty():
        yield PlainDisplay(stream, every_s=every_s)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=stream)) as progress:
        yield BarDisplay(progress)
