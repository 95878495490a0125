"""`sidecar migrate`: all that the sidecar remembers moves into another database, from SQLite to PostgreSQL or back."""

from __future__ import annotations

import sys
from typing import TextIO

from sidecar.commands.exit_codes import ExitCode
from sidecar.data_folder import open_data_folder, own
from sidecar.errors import SettingsError
from sidecar.settings import Settings
from sidecar.storage.copying import copy_rows, count_rows
from sidecar.storage.database import open_database, parse_database_url
from sidecar.wiring import database_url


async def migrate(settings: Settings, url: str, *, out: TextIO = sys.stdout) -> ExitCode:
    """DONE when the other database holds all rows; the one in use is only read, and stays as it is.

    Shape:  all or nothing: whatever interrupts it, it can be called again.
    Errors: SettingsError if the other database is not empty, or is this one, or an address is unusable; DataFolderBusy
            while a sidecar runs, as what it did meanwhile would be missing; StorageUnavailable.
    """
    folder = open_data_folder(settings.data_dir)
    present = database_url(settings, folder)
    try:
        other = parse_database_url(url)
    except SettingsError as error:
        raise SettingsError("--to must look like postgresql://user@host/name, or sqlite:////folder/file.db") from error
    if parse_database_url(present) == other:
        raise SettingsError("that is the database in use")
    with own(folder):
        async with open_database(present) as source, open_database(url) as target:
            async with source.read() as reading, target.write() as writing:
                if any((await count_rows(writing)).values()):
                    raise SettingsError("the other database is not empty: give an empty one")
                copied = await copy_rows(
                    reading, writing, tell=lambda name, count: print(f"  {count:>9} {name}", file=out)
                )
            async with target.read() as reading:
                arrived = await count_rows(reading)
    if arrived != copied:
        raise SettingsError("the other database changed meanwhile: give one that nobody else uses")
    print(f"{sum(copied.values())} rows are there. Set SIDECAR_DATABASE_URL to it, and start the sidecar.", file=out)
    if settings.secret is None:
        print("For several processes set SIDECAR_SECRET first, start once more as before, and migrate then:", file=out)
        print("stored keys are sealed under it from then on, and not under the data folder's own key.", file=out)
    return ExitCode.DONE
