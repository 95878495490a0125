from __future__ import annotations

from dataclasses import replace

from sidecar.model import Asset, OwnerId
from sidecar.storage import contents, partner_copies
from sidecar.storage.contents import Content
from sidecar.storage.database import Database
from sidecar.storage.partner_copies import PartnerCopy
from tests.builders import OWNER, make_asset
from tests.storage.copies import BOB, LIBRARY, MODIFIED_MS, make_copy, mirror

CAROL = OwnerId("00000000-0000-4000-8000-00000000000c")
SIZE = 8_000_000


def of_partner(checksum: str, *, owner_id: OwnerId = BOB, **changes: object) -> Asset:
    made = make_copy(owner_id=owner_id, original={"checksum": checksum})
    return replace(made, **changes)  # type: ignore[arg-type]  # as in make_asset


async def see(database: Database, *seen: Asset, scan_id: int = 1) -> None:
    async with database.write() as connection:
        await partner_copies.record(connection, OWNER, seen, scan_id=scan_id)


async def test_the_same_bytes_of_a_partner_are_told_of_uploads_and_of_library_files_that_were_read(
    database: Database,
) -> None:
    upload = make_copy(original={"checksum": "one"})
    library_file = make_copy(original={"checksum": "of its path", "library_id": LIBRARY})
    outdated = make_copy(original={"checksum": "of its path, too", "library_id": LIBRARY})
    trashed = make_copy(is_trashed=True, original={"checksum": "two"})
    await mirror(database, [upload, library_file, outdated, trashed])
    async with database.write() as connection:
        read = [
            Content(library_file.id, SIZE, MODIFIED_MS, sha1="two"),
            Content(outdated.id, SIZE, MODIFIED_MS - 1, sha1="two"),
        ]
        await contents.put(connection, OWNER, read)
    bobs = [
        of_partner("one"),
        of_partner("two", size_bytes=None),
        of_partner("nobody else's"),
        of_partner("of its path"),
    ]
    carols = of_partner("one", owner_id=CAROL)
    await see(database, upload, *bobs, carols)
    expected = sorted(
        [
            PartnerCopy(upload.id, BOB, bobs[0].id, SIZE),
            PartnerCopy(upload.id, CAROL, carols.id, SIZE),
            PartnerCopy(library_file.id, BOB, bobs[1].id, None),
        ],
        key=lambda each: (each.asset_id, each.partner_asset_id),
    )
    async with database.read() as connection:
        assert await partner_copies.shared(connection, OWNER) == expected
        assert await partner_copies.shared(connection, OWNER, limit=1) == expected[:1]
        assert await partner_copies.of(connection, OWNER, [library_file.id, outdated.id]) == [
            each for each in expected if each.asset_id == library_file.id
        ]
        assert await partner_copies.counts(connection, OWNER) == {BOB: 2, CAROL: 1}
        assert await partner_copies.shared(connection, BOB) == []


async def test_what_immich_does_not_know_the_content_of_is_not_remembered(database: Database) -> None:
    await mirror(database, [make_copy(original={"checksum": "one"})])
    in_library = make_copy(owner_id=BOB, original={"checksum": "one", "library_id": LIBRARY})
    await see(database, in_library, make_asset(owner_id=BOB))
    async with database.read() as connection:
        assert await partner_copies.shared(connection, OWNER) == []


async def test_what_a_partner_trashed_or_shares_no_longer_is_forgotten(database: Database) -> None:
    mine = [make_copy(original={"checksum": each}) for each in ("kept", "trashed", "unseen")]
    await mirror(database, mine)
    kept, trashed, unseen = (of_partner(each) for each in ("kept", "trashed", "unseen"))
    await see(database, kept, trashed, unseen)
    await see(database, kept, replace(trashed, is_trashed=True), scan_id=2)
    async with database.write() as connection:
        assert await partner_copies.counts(connection, OWNER) == {BOB: 2}
        assert await partner_copies.remove_unseen(connection, OWNER, scan_id=2) == 1
        assert [each.asset_id for each in await partner_copies.shared(connection, OWNER)] == [mine[0].id]
