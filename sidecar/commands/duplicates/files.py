"""What files are called where several of them have one name, as copies often do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.commands.naming import SHORTEST_SHOWN, folded, telling_length
from sidecar.commands.report import listed, printable, shortened, size_of
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets
from sidecar.storage.resolutions import Resolution
from sidecar.wiring import Services

_AT_ONCE = 10_000
"""Whole assets are read, of which little is kept: so many are in memory at a time."""


class File(NamedTuple):
    """What tells a file from others of its name; folder is None of an upload, size_bytes where it is not known yet."""

    name: str
    folder: str | None
    size_bytes: int | None


async def files_in(connection: AsyncConnection, owner_id: OwnerId, ids: Iterable[AssetId]) -> dict[AssetId, File]:
    """Those of the owner's files that the mirror knows, by id."""
    wanted = list(dict.fromkeys(ids))
    found: dict[AssetId, File] = {}
    for first in range(0, len(wanted), _AT_ONCE):
        read = await assets.by_ids(connection, owner_id, wanted[first : first + _AT_ONCE])
        found |= {asset_id: File(asset.name, asset.folder, asset.size_bytes) for asset_id, asset in read.items()}
    return found


async def files_of_decisions(services: Services, found: Iterable[Resolution]) -> dict[AssetId, File]:
    """The files of everybody in these decisions."""
    by_owner: dict[OwnerId, list[AssetId]] = {}
    for each in found:
        by_owner.setdefault(each.owner_id, []).extend((*each.keep_ids, *each.trash_ids))
    files: dict[AssetId, File] = {}
    async with services.database.read() as connection:
        for owner_id, ids in by_owner.items():
            files |= await files_in(connection, owner_id, ids)
    return files


def told_apart(together: Iterable[AssetId], files: Mapping[AssetId, File]) -> dict[AssetId, str]:
    """What each of these is called among the others, as people read it: its name, and more only where names repeat.

    Shape:  together is everybody who is shown at once. More is where the file is, its size, and the beginning of its
            id, which tells it from all others and is understood wherever files are named. Of a file that is known no
            more there is only the id.
    """
    ids = list(dict.fromkeys(together))
    names = {asset_id: shortened(printable(files[asset_id].name)) for asset_id in ids if asset_id in files}
    # As people compare them: nobody sees a difference in how an accent was typed.
    count = Counter(map(folded, names.values()))
    alike = [asset_id for asset_id, name in names.items() if count[folded(name)] > 1]
    length = telling_length(alike, at_least=SHORTEST_SHOWN)
    more = {asset_id: ", ".join((*_about(files[asset_id]), asset_id[:length])) for asset_id in alike}
    called = {asset_id: names.get(asset_id, asset_id) for asset_id in ids}
    return called | {asset_id: f"{names[asset_id]} ({about})" for asset_id, about in more.items()}


def _about(file: File) -> Iterator[str]:
    yield "upload" if file.folder is None else shortened(printable(file.folder))
    if file.size_bytes is not None:
        yield size_of(file.size_bytes)


def line_of(ids: Sequence[AssetId], files: Mapping[AssetId, File], *, among: Iterable[AssetId] = ()) -> str:
    """These files in one line, told apart; among are others that are shown with them."""
    called = told_apart((*ids, *among), files)
    return listed([called[asset_id] for asset_id in ids])


def decision_line(found: Resolution, files: Mapping[AssetId, File]) -> str:
    """What stays and what goes in one line, told apart."""
    kept = line_of(found.keep_ids, files, among=found.trash_ids)
    return f"kept: {kept}; to the trash: {line_of(found.trash_ids, files, among=found.keep_ids)}"
