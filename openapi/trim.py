"""Cuts a full Immich description down to the facts of the selected operations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from openapi.pin import Pin
from sidecar.immich_client.contract.description import Description, DescriptionError, version_numbers


def trim(
    description: bytes, operations: Iterable[str], *, origin: str, since: Mapping[str, str] = MappingProxyType({})
) -> Pin:
    """The pin of a full description: the named operations and every schema they reach.

    Shape:  since is operation -> the first version that is to have it; older ones are pinned without.
    Errors: DescriptionError if the bytes are no OpenAPI description or lack one of the operations.
    Source: open-api/immich-openapi-specs.json of an Immich release, or a server's /api/spec.json.
    """
    full = Description(description)
    numbers = version_numbers(full.version)
    wanted = sorted(name for name in operations if numbers >= version_numbers(since.get(name, full.version)))
    if missing := [name for name in wanted if name not in full]:
        raise DescriptionError(f"Immich {full.version} does not describe {', '.join(missing)}.")
    kept = {name: full.operation(name) for name in wanted}
    return Pin(
        immich=full.version,
        origin=origin,
        sha256=full.sha256,
        operations=kept,
        schemas=full.reached(msgspec.to_builtins(kept)),
    )
