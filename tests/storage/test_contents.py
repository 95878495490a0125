from __future__ import annotations

from dataclasses import replace

from sidecar.model import AssetId
from sidecar.storage import contents
from sidecar.storage.contents import NEVER, Content
from sidecar.storage.database import Database
from tests.builders import OWNER
from tests.storage.copies import BOB, MODIFIED_MS, make_copy, mirror

SIZE = 8_000_000


async def test_what_was_read_comes_back_and_the_latest_counts(database: Database) -> None:
    whole = Content(AssetId("a"), 1 << 40, MODIFIED_MS, "ends", "sha1", "sha256")
    broken = Content(AssetId("b"), 0, -1, flaw="It ended early.", attempts=3, not_before_ms=NEVER)
    async with database.write() as connection:
        await contents.put(connection, OWNER, [])
        await contents.put(connection, OWNER, [replace(whole, sha1=None), broken])
        await contents.put(connection, OWNER, [whole])
        ids = [whole.asset_id, broken.asset_id, AssetId("unknown")]
        assert await contents.of(connection, OWNER, ids) == {whole.asset_id: whole, broken.asset_id: broken}
        assert await contents.of(connection, BOB, ids) == {}


async def test_the_same_bytes_are_found_as_long_as_the_files_are_those_that_were_read(database: Database) -> None:
    copies = [make_copy() for _ in range(6)]
    others = make_copy(owner_id=BOB)
    await mirror(database, copies)
    await mirror(database, [others], owner_id=BOB)
    one, two, three, other, resized, touched = copies
    async with database.write() as connection:
        read = [Content(each.id, SIZE, MODIFIED_MS, sha256="x") for each in (one, two, three)]
        read += [Content(other.id, SIZE, MODIFIED_MS, sha256="y")]
        read += [Content(resized.id, SIZE - 1, MODIFIED_MS, sha256="y"), Content(touched.id, SIZE, 0, sha256="y")]
        await contents.put(connection, OWNER, read)
        await contents.put(connection, BOB, [Content(others.id, SIZE, MODIFIED_MS, sha256="y")])
        assert await contents.identical(connection, OWNER) == [("x", tuple(sorted((one.id, two.id, three.id))))]


async def test_failures_are_told_until_the_file_is_another(database: Database) -> None:
    broken, mended, whole = make_copy(), make_copy(), make_copy()
    await mirror(database, [broken, mended, whole])
    async with database.write() as connection:
        failed = Content(broken.id, SIZE, MODIFIED_MS, flaw="why", attempts=1, not_before_ms=7)
        await contents.put(
            connection,
            OWNER,
            [failed, replace(failed, asset_id=mended.id, size_bytes=1), Content(whole.id, SIZE, MODIFIED_MS)],
        )
        assert await contents.failures(connection, OWNER, limit=9) == [failed]
        assert await contents.failures(connection, OWNER, limit=0) == []


async def test_what_could_not_be_read_can_be_made_due_again(database: Database) -> None:
    broken, other, whole = make_copy(), make_copy(), make_copy()
    await mirror(database, [broken, other, whole])
    failed = Content(broken.id, SIZE, MODIFIED_MS, flaw="why", attempts=3, not_before_ms=7)
    read = Content(whole.id, SIZE, MODIFIED_MS, sha256="x", not_before_ms=7)
    async with database.write() as connection:
        await contents.put(connection, OWNER, [failed, replace(failed, asset_id=other.id), read])
        await contents.retry(connection, BOB, [broken.id])
        await contents.retry(connection, OWNER, [broken.id, whole.id])
        assert await contents.of(connection, OWNER, [broken.id, other.id, whole.id]) == {
            broken.id: replace(failed, attempts=0, not_before_ms=0),
            other.id: replace(failed, asset_id=other.id),
            whole.id: read,
        }
