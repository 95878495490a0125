"""What holds for a user, from which layer, and changing what they chose themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

import msgspec

from sidecar.errors import SettingsError, StaleDecision
from sidecar.jobs.context import JobContext
from sidecar.jobs.queue import JobName
from sidecar.model import OwnerId
from sidecar.preferences import BUILT_IN, Choices, Problem, understand_stored
from sidecar.storage import preferences


class LayerName(StrEnum):
    """Where a choice was made; the last that chose decides."""

    BUILT_IN = "built_in"
    SERVER = "server"
    USER = "user"


class NotUnderstood(SettingsError):
    """A choice that makes no sense; the problems say which and why. What was sent may stand in them."""

    code = "not_understood"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds for one user.

    Shape:  revision stands for what the user chose, and changes with it. choices has a value everywhere; layers says
            for every key of `preferences.KEYS` which layer it is from. passed_over are the parts of the user's choices
            that this version does not understand.
    """

    revision: str
    choices: Choices
    layers: Mapping[str, LayerName]
    passed_over: tuple[Problem, ...]


async def in_force(context: JobContext, owner_id: OwnerId) -> InForce:
    """What holds for the user now."""
    async with context.database.read() as connection:
        stored = await preferences.get(connection, owner_id)
    return _in_force(context, stored)


async def weigh(context: JobContext, owner_id: OwnerId, wanted: Mapping[str, object]) -> tuple[InForce, InForce]:
    """What holds now, and what would hold after `choose`; nothing is changed.

    Errors: NotUnderstood, as for `choose`.
    """
    chosen = _understood(wanted)
    async with context.database.read() as connection:
        before = await preferences.get(connection, owner_id)
    return _in_force(context, before), _in_force(context, _merged(before, wanted, chosen))


async def choose(context: JobContext, owner_id: OwnerId, wanted: Mapping[str, object], *, revision: str) -> InForce:
    """What holds after the user has chosen this; the next look at their library uses it, and is woken.

    Shape:  wanted are values by key, None takes a choice back; keys of a group (`stack`, `detection`) are in a mapping
            of their own, and None in its place takes back all of the group. What is not in it stays as it is. Of
            several who change the same revision one wins.
    Errors: NotUnderstood if a value makes no sense, StaleDecision if the present has another revision; nothing is
            changed then.
    """
    chosen = _understood(wanted)
    async with context.database.write() as connection:
        await preferences.lock(connection, owner_id)
        before = await preferences.get(connection, owner_id)
        if _revision(before) != revision:
            raise StaleDecision("What was chosen has changed meanwhile.")
        after = _merged(before, wanted, chosen)
        if after:
            await preferences.put(connection, owner_id, after, now_ms=context.now_ms())
        else:
            await preferences.clear(connection, owner_id)
    if after != before:
        await context.wake(JobName.PAIR, owner_id)
    return _in_force(context, after)


def _understood(wanted: Mapping[str, object]) -> dict[str, object]:
    """What is chosen, as it is stored."""
    understood = understand_stored(_given(wanted))
    if understood.dropped:
        raise NotUnderstood(understood.dropped)
    return understood.choices.stored()


def _given(wanted: Mapping[str, object]) -> dict[str, object]:
    """What is chosen, without what is taken back."""
    inner = {key: _given(value) if isinstance(value, Mapping) else value for key, value in wanted.items()}
    return {key: value for key, value in inner.items() if value is not None}


def _merged(
    before: Mapping[str, object], wanted: Mapping[str, object], chosen: Mapping[str, object]
) -> dict[str, object]:
    """The choices of before with those that are wanted, as they are stored; groups of which nothing is left go."""
    after = dict(before)
    for key, value in wanted.items():
        if isinstance(value, Mapping):
            former, new = before.get(key), chosen.get(key)
            merged = _merged(
                former if isinstance(former, Mapping) else {}, value, new if isinstance(new, Mapping) else {}
            )
            after |= {key: merged}
            if not merged:
                del after[key]
        elif value is None:
            after.pop(key, None)
        else:
            after[key] = chosen[key]
    return after


def _in_force(context: JobContext, stored: Mapping[str, object]) -> InForce:
    understood = understand_stored(stored)
    layers = {
        LayerName.BUILT_IN: BUILT_IN,
        LayerName.SERVER: Choices(context.matching, context.detection),
        LayerName.USER: understood.choices,
    }
    own, server = understood.choices, layers[LayerName.SERVER]
    choices = Choices(
        own.matching.over(server.matching).over(BUILT_IN.matching),
        own.detection.over(server.detection).over(BUILT_IN.detection),
    )
    found = {key: name for name, layer in layers.items() for key in layer.by_key()}
    return InForce(_revision(stored), choices, found, understood.dropped)


def _revision(stored: Mapping[str, object]) -> str:
    return sha256(msgspec.json.encode(stored, order="deterministic")).hexdigest()[:16]
