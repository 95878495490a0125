"""`sidecar doctor`: whether everything is as it has to be, and Immich is one that the sidecar gets on with."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

import msgspec

from sidecar.commands.checkup import Finding, Level, check
from sidecar.commands.exit_codes import ExitCode
from sidecar.immich_client.client import check_version
from sidecar.immich_client.contract.capabilities import Capability
from sidecar.immich_client.contract.comparison import HURTS, Change
from sidecar.immich_client.contract.standing import Standing
from sidecar.immich_client.contract.terms import load_contract
from sidecar.immich_client.contract.watch import open_contract_watch
from sidecar.settings import Settings

_WORDS = {
    Change.UNCHANGED: "unchanged",
    Change.HARMLESS: "changed harmlessly",
    Change.MATTERS: "changed in a way that matters",
    Change.GONE: "gone",
    Change.NOT_YET: "not there yet in this version",
}


_LEFT_ALONE = {
    Capability.CONNECTING: "connecting people (the keys that exist go on working)",
    Capability.STACKS: "making, changing and undoing stacks",
    Capability.MEMORY: "noting decisions beside the assets in Immich",
    Capability.MARKING: "showing duplicates on Immich's own page",
    Capability.RESOLVING: "carrying out decisions about duplicates, and taking them back",
    Capability.WEBHOOK: "webhooks (polling goes on)",
    Capability.REDO: "having Immich read files anew",
    Capability.BELL: "telling people at Immich's bell",
}


async def doctor(
    settings: Settings, *, every: bool = False, as_json: bool = False, out: TextIO = sys.stdout
) -> ExitCode:
    """DONE when everything works, CHANGED when something is left alone on this Immich or may be misread, PARTLY_FAILED
    when something else has to be mended.

    Shape:  every says that what has not changed is listed, too; nothing is written, neither here nor to Immich.
    Errors: SettingsError if there is no usable address; what keeps Immich from answering, after all that could be
            found out without it; UnsupportedImmich if it is older than the oldest version that the sidecar is tested
            with.
    """
    findings = [finding async for finding in check(settings)]
    if not as_json:
        for line in _lines_of(findings):
            print(line, file=out)
    settings.require_immich()
    async with open_contract_watch(settings.immich_url) as watch:
        standing = await watch.standing()
    if as_json:
        print(json.dumps(_document(standing) | {"checks": [each._asdict() for each in findings]}, indent=1), file=out)
    else:
        for line in _lines(standing, every=every):
            print(line, file=out)
    check_version(standing.server_version)
    if not standing.is_sound:
        return ExitCode.CHANGED
    return ExitCode.PARTLY_FAILED if any(each.level is Level.WRONG for each in findings) else ExitCode.DONE


_MARKS = {Level.FINE: "ok", Level.BETTER: "hint", Level.WRONG: "WRONG"}


def _lines_of(findings: Sequence[Finding]) -> Iterator[str]:
    for level, about, told, remedy in findings:
        yield f"{_MARKS[level]:<6} {about}: {told}"
        if remedy:
            yield f"       {remedy}"


def _document(standing: Standing) -> dict[str, object]:
    return {
        **msgspec.to_builtins(standing),
        "held_back": msgspec.to_builtins(standing.held_back),
        "may_be_misread": list(standing.unreadable),
        "is_sound": standing.is_sound,
    }


def _lines(standing: Standing, *, every: bool) -> Iterator[str]:
    yield f"Immich {standing.version}: {_known(standing)}."
    if standing.trouble is not None:
        yield f"What it says about its own API cannot be used: {standing.detail}"
    counts = Counter(verdict.change for verdict in standing.verdicts)
    if counts:
        yield f"{len(standing.verdicts)} operations in use: " + ", ".join(
            f"{counts[change]} {word}" for change, word in _WORDS.items() if counts[change]
        )
    for verdict in standing.verdicts:
        if every or verdict.change in HURTS:
            reasons = f": {'; '.join(verdict.reasons)}" if verdict.reasons else ""
            yield f"  {verdict.operation}  {_WORDS[verdict.change]}{reasons}"
    for each in standing.held_back:
        because = f" because of {', '.join(each.operations)}" if each.operations else ""
        yield f"Switched off: {_LEFT_ALONE[each.capability]}{because}"
    if standing.unreadable:
        yield f"May be misread: {', '.join(standing.unreadable)}"
    if not standing.is_sound:
        yield "Nothing is lost: what is switched off waits. A newer sidecar may know this version."


def _known(standing: Standing) -> str:
    if standing.is_pinned:
        return "one of the versions that this sidecar is tested with"
    pins = load_contract().pins
    return (
        f"newer than {pins[-1]}, the newest this sidecar is tested with"
        if standing.is_newer
        else (f"between the versions that this sidecar is tested with ({', '.join(pins)})")
    )
