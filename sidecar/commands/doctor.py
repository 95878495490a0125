"""`sidecar doctor`: whether the Immich at the configured address is one that the sidecar gets on with."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TextIO

import msgspec

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
    """DONE when everything works on this server, CHANGED when something is left alone or may be misread.

    Shape:  every says that what has not changed is listed, too; nothing is written, neither here nor to Immich.
    Errors: SettingsError if there is no usable address; what keeps Immich from answering; UnsupportedImmich if it is
            older than the oldest version that the sidecar is tested with.
    """
    settings.require_immich()
    async with open_contract_watch(settings.immich_url) as watch:
        standing = await watch.standing()
    if as_json:
        print(json.dumps(_document(standing), indent=1), file=out)
    else:
        for line in _lines(standing, every=every):
            print(line, file=out)
    check_version(standing.server_version)
    return ExitCode.DONE if standing.is_sound else ExitCode.CHANGED


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
