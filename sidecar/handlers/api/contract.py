"""How the connected Immich stands to what the sidecar relies on."""

from __future__ import annotations

from typing import Any

import msgspec

from sidecar.handlers.api.operation import Asked, For, Nothing, Operation
from sidecar.immich_client.contract.capabilities import Capability
from sidecar.immich_client.contract.comparison import Change
from sidecar.immich_client.contract.standing import Trouble


class OperationChange(msgspec.Struct, frozen=True):
    """One of Immich's operations and what became of it; `reasons` are sentences, where it matters or is gone."""

    operation: str
    change: Change
    reasons: tuple[str, ...]


class LeftAlone(msgspec.Struct, frozen=True):
    """What the sidecar does not do on this server, and the operations because of which; none where nothing is known."""

    capability: Capability
    operations: tuple[str, ...]


class ContractReport(msgspec.Struct, frozen=True):
    """What is known of the server.

    `is_tested` says that this very version is one of those the sidecar is tested with, `is_newer` that it is newer than
    all of them. `may_be_misread` names operations that only read. `trouble` says why the server's own description tells
    nothing; then there are no operations.
    """

    immich_version: str
    is_tested: bool
    is_newer: bool
    is_sound: bool
    trouble: Trouble | None
    detail: str
    left_alone: list[LeftAlone]
    may_be_misread: tuple[str, ...]
    operations: list[OperationChange]


async def get(asked: Asked[Nothing, Nothing]) -> ContractReport:
    """What the connected Immich changed of what the sidecar relies on, operation by operation."""
    standing = await asked.services.contract.standing()
    return ContractReport(
        immich_version=standing.version,
        is_tested=standing.is_pinned,
        is_newer=standing.is_newer,
        is_sound=standing.is_sound,
        trouble=standing.trouble,
        detail=standing.detail,
        left_alone=[LeftAlone(each.capability, each.operations) for each in standing.held_back],
        may_be_misread=standing.unreadable,
        operations=[OperationChange(each.operation, each.change, each.reasons) for each in standing.verdicts],
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="getContract",
        method="GET",
        path="/contract",
        summary="What the connected Immich changed of what the sidecar relies on",
        handler=get,
        answer=ContractReport,
        needs=For.SIGNED_IN,
        tag="connection",
    ),
)
