"""The numbers with which commands end, so that scripts can tell what happened."""

from __future__ import annotations

from enum import IntEnum

from sidecar.errors import (
    ContractBroken,
    DataFolderBusy,
    ImmichChanged,
    ImmichRefused,
    NotImmich,
    SettingsError,
    SidecarError,
    TryLater,
    UnsupportedImmich,
)


class ExitCode(IntEnum):
    """Stable; the README lists them."""

    DONE = 0
    PARTLY_FAILED = 1
    BAD_USE = 2
    TRY_LATER = 3
    REFUSED = 4
    NOT_IMMICH = 5
    BUSY = 6
    BROKEN = 7
    CHANGED = 8
    INTERRUPTED = 130


_OF_ERROR: tuple[tuple[type[SidecarError], ExitCode], ...] = (
    (SettingsError, ExitCode.BAD_USE),
    (TryLater, ExitCode.TRY_LATER),
    (ImmichChanged, ExitCode.CHANGED),
    (ImmichRefused, ExitCode.REFUSED),
    (NotImmich, ExitCode.NOT_IMMICH),
    (UnsupportedImmich, ExitCode.NOT_IMMICH),
    (DataFolderBusy, ExitCode.BUSY),
    (ContractBroken, ExitCode.BROKEN),
)


def exit_code_of(error: SidecarError) -> ExitCode:
    """The number for an error that ended a command."""
    return next((code for kind, code in _OF_ERROR if isinstance(error, kind)), ExitCode.BROKEN)
