"""How a server stands to the contract, and which of our changes it is therefore not sent. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sidecar.immich_client.contract.capabilities import RESTS, WRITES, Capability
from sidecar.immich_client.contract.comparison import HURTS, Verdict, compare
from sidecar.immich_client.contract.description import (
    Description,
    DescriptionError,
    released_version,
    version_numbers,
)
from sidecar.immich_client.contract.terms import Contract
from sidecar.model import ServerVersion


class Trouble(StrEnum):
    """Why a server's description says nothing about it."""

    MISSING = "missing"
    """The server gives none, or none could be fetched."""
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    """No JSON, only a part of it, or no OpenAPI description."""
    OTHER_VERSION = "other_version"
    """It says that it describes another version than the server says it is."""


class HeldBack(msgspec.Struct, frozen=True):
    """What is not done, and the operations because of which; none of them if nothing is known of any."""

    capability: Capability
    operations: tuple[str, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """What is known of a server.

    Shape:  version is the server's own; is_newer says that it is newer than all pins; without trouble, verdicts holds
            one for every operation in use, with it none. detail is a sentence about the trouble.
    """

    version: str
    is_pinned: bool
    is_newer: bool
    trouble: Trouble | None = None
    detail: str = ""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def server_version(self) -> ServerVersion:
        """The server's version, to be compared."""
        return ServerVersion(*map(int, self.version.split(".")))

    @property
    def held_back(self) -> tuple[HeldBack, ...]:
        """What the sidecar leaves alone on this server: whatever rests on an operation that changed so that it matters.

        Shape:  a newer server that does not say what it changed is only read. Reading is never held back.
        """
        changing = [capability for capability, rests in RESTS.items() if rests.writes]
        if self.trouble is not None:
            return tuple(map(HeldBack, changing)) if self.is_newer else ()
        hurt = {verdict.operation for verdict in self.verdicts if verdict.change in HURTS}
        found = {each: hurt & (RESTS[each].reads | RESTS[each].writes) for each in changing}
        return tuple(HeldBack(each, tuple(sorted(because))) for each, because in found.items() if because)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The operations that only read, and may be misread."""
        return tuple(each.operation for each in self.verdicts if each.change in HURTS and each.operation not in WRITES)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is held back and nothing may be misread."""
        return not self.held_back and not self.unreadable

    def why_not(self, operation: str) -> str | None:
        """Why the operation is not called on this server, in a sentence; None if it may be."""
        capability = WRITES.get(operation)
        for each in self.held_back:
            if each.capability is capability:
                because = (
                    f"it changed {', '.join(each.operations)}" if each.operations else "what it changed is unknown"
                )
                return (
                    f"Immich {self.version} is not sent {operation}: {because}. "
                    "`sidecar doctor` says more; a newer sidecar may know this version."
                )
        return None


def standing_of(contract: Contract, version: ServerVersion, description: bytes | Trouble) -> Standing:
    """How the server of this version stands, by what it published or why that could not be had."""
    numbers = version.numbers
    is_pinned = str(version) in contract.pins
    is_newer = numbers > version_numbers(contract.pins[-1])

    def troubled(trouble: Trouble, detail: str) -> Standing:
        return Standing(str(version), is_pinned, is_newer, trouble, detail)

    if isinstance(description, Trouble):
        return troubled(description, _SENTENCES[description])
    try:
        published = Description(description)
        described = version_numbers(released_version(published.version))
        if described != numbers:
            other = ".".join(map(str, described))
            return troubled(
                Trouble.OTHER_VERSION, f"It describes Immich {other}, and the server says that it is {version}."
            )
        verdicts = compare(contract, published)
    except DescriptionError as error:
        return troubled(Trouble.UNREADABLE, str(error))
    return Standing(str(version), is_pinned, is_newer, verdicts=verdicts)


_SENTENCES = {
    Trouble.MISSING: "The server's description could not be fetched.",
    Trouble.TOO_LARGE: "The server's description is larger than any could be.",
}
