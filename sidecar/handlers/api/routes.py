"""Every operation of the JSON API, in the order in which people read about them."""

from __future__ import annotations

from typing import Any

from sidecar.handlers.api import (
    actions,
    connection,
    contract,
    duplicate_decisions,
    duplicates,
    failures,
    groups,
    overview,
    photos,
    preferences,
    scan,
    suggestions,
)
from sidecar.handlers.api.operation import Operation

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *connection.OPERATIONS,
    *overview.OPERATIONS,
    *contract.OPERATIONS,
    *scan.OPERATIONS,
    *photos.OPERATIONS,
    *suggestions.OPERATIONS,
    *groups.OPERATIONS,
    *duplicates.OPERATIONS,
    *duplicate_decisions.OPERATIONS,
    *actions.OPERATIONS,
    *failures.OPERATIONS,
    *preferences.OPERATIONS,
)
