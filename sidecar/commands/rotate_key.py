"""`sidecar rotate-key`: the data folder gets a new key, and all that was sealed under the former one is sealed anew."""

from __future__ import annotations

import sys
from typing import TextIO

from sidecar.commands.exit_codes import ExitCode
from sidecar.data_folder import change_key, open_data_folder, own
from sidecar.errors import SettingsError
from sidecar.settings import Settings
from sidecar.wiring import open_services


async def rotate_key(settings: Settings, *, out: TextIO = sys.stdout) -> ExitCode:
    """DONE when nothing is sealed under the former key any more; stopped in between, the next start goes on.

    Errors: SettingsError if the secret is a setting, or the key cannot be replaced; DataFolderBusy while a sidecar
            runs; what keeps services from opening.
    """
    if settings.secret is not None:
        raise SettingsError(
            "SIDECAR_SECRET is set: choose another one, set the present one as SIDECAR_FORMER_SECRET, and start again"
        )
    if settings.database_url is not None and settings.redis_url is not None:
        raise SettingsError("the data folder has no key here: processes that share a database share SIDECAR_SECRET")
    folder = open_data_folder(settings.data_dir)
    with own(folder):
        change_key(folder)
    async with open_services(settings):
        print("The data folder has a new key; Immich is told of new webhook addresses when the sidecar runs.", file=out)
    return ExitCode.DONE
