"""What the journal keeps with each decision about duplicates, beside who stays and who goes: JSON, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from sidecar.duplicates.merging import Gain, Knowledge, Part
from sidecar.duplicates.verdict import Agreement
from sidecar.errors import TryLater
from sidecar.jobs.context import LEASE_MS, JobContext
from sidecar.model import AssetId, OwnerId
from sidecar.storage import resolutions
from sidecar.storage.resolutions import Resolution, ResolutionState


class LeftForLater(TryLater):
    """The decision is left here: another worker goes on with it, or the process is to stop."""

    code = "left_for_later"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a decision was made on.

    Shape:  seen is what each file was, covers who goes -> who stays with the same bytes.
    """

    seen: dict[AssetId, str]
    covers: dict[AssetId, AssetId]
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Before:
    """One asset as it was before the first write."""

    knowledge: Knowledge
    visibility: str
    checksum: str
    stack_id: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """How far a decision has come within its state.

    Shape:  given are the parts of the gain that may have been given by us; refused are those that Immich refused, gone
            those of albums that are no more.
            is_trashing says that something may lie in the trash by our doing. back_to and why say that everything is
            being taken back, and how the decision is to end then.
    """

    given: tuple[Part, ...] = ()
    refused: tuple[Part, ...] = ()
    gone: tuple[Part, ...] = ()
    is_trashing: bool = False
    back_to: ResolutionState | None = None
    why: str = ""

    @property
    def passed_over(self) -> tuple[Part, ...]:
        """What cannot be given."""
        return (*self.refused, *self.gone)

    @property
    def has_left_something(self) -> bool:
        """Whether something of ours may be in Immich."""
        return self.is_trashing or bool(self.given)


class Held:
    """One decision that this worker has claimed, and what the journal keeps with it.

    Errors: `advance` raises LeftForLater once the claim is lost or the process is to stop.
    """

    def __init__(self, context: JobContext, resolution: Resolution, lease: str) -> None:
        self.context = context
        self.resolution = resolution
        self.lease = lease
        self.agreed = _read(resolution.agreed, Agreed, Agreed({}, {}, Agreement()))
        self.before = before_of(resolution)
        self.gain = _read(resolution.gained, Gain, Gain())
        self.step = step_of(resolution)

    @property
    def owner_id(self) -> OwnerId:
        """Whose decision it is."""
        return self.resolution.owner_id

    @property
    def keeper_id(self) -> AssetId:
        """Who gains what those that go knew."""
        return self.resolution.keep_ids[0]

    async def advance(
        self,
        *,
        state: ResolutionState | None = None,
        before: Mapping[AssetId, Before] | None = None,
        gain: Gain | None = None,
        **step: Any,
    ) -> None:
        """Nothing; this is on record and the claim is renewed. Further words are those of `Step`."""
        if self.context.stopping.is_set():
            raise LeftForLater("the process is to stop")
        renewed = replace(self.step, **step)
        async with self.context.database.write() as connection:
            there = await resolutions.advance(
                connection,
                self.resolution,
                lease=self.lease,
                lease_until_ms=self.context.now_ms() + LEASE_MS,
                state=state,
                before=_written(before) if before is not None else None,
                gained=_written(gain) if gain is not None else None,
                step=_written(renewed) if step else None,
            )
        if there is None:
            raise LeftForLater("another worker goes on with this decision")
        self.resolution, self.step = there, renewed
        self.before = dict(before) if before is not None else self.before
        self.gain = gain if gain is not None else self.gain


def step_of(resolution: Resolution) -> Step:
    """How far the decision has come within its state."""
    step: Step = _read(resolution.step, Step, Step())
    return step


def before_of(resolution: Resolution) -> dict[AssetId, Before]:
    """Every asset of the decision as it was before the first write; empty if that was never looked at."""
    before: dict[AssetId, Before] = _read(resolution.before, dict[AssetId, Before], {})
    return before


def counted(count: int, one: str, many: str) -> str:
    """The count with the noun in its form."""
    return f"{count} {one if count == 1 else many}"


def written(agreed: Agreed) -> str:
    """What was agreed to, as the journal keeps it."""
    return _written(agreed)


def _written(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _read(text: str | None, kind: Any, default: Any) -> Any:
    return default if text is None else msgspec.json.decode(text, type=kind)
