from __future__ import annotations

import numpy as np
import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.model import AssetId, AssetKind
from sidecar.storage import assets, fingerprints, matches
from sidecar.storage.database import Database
from sidecar.storage.fingerprints import Counted, Failed, Failure
from tests.builders import OWNER
from tests.storage.copies import BASIS, BOB, make_copy, make_fingerprint, mirror


@pytest.mark.parametrize("bits", [0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
async def test_all_64_bits_of_a_hash_come_back(database: Database, bits: int) -> None:
    seen = make_copy()
    await mirror(database, [seen])
    async with database.write() as connection:
        await fingerprints.put(connection, OWNER, [(seen.id, BASIS, make_fingerprint(phash=bits))], version=1)
        loaded = await fingerprints.load(connection, OWNER, version=1)
        whole = await fingerprints.of(connection, OWNER, [seen.id, AssetId("unseen")])
    assert [int(each) for each in loaded.phash] == [bits]
    assert whole == {seen.id: make_fingerprint(phash=bits)}


async def test_hashes_are_loaded_as_arrays_by_id(database: Database) -> None:
    picture = make_copy()
    video = make_copy(kind=AssetKind.VIDEO, duration_ms=900)
    unmeasured = make_copy(kind=AssetKind.VIDEO)
    older, failed, stale = make_copy(), make_copy(), make_copy()
    await mirror(database, [picture, video, unmeasured, older, failed, stale])
    made = [
        (picture.id, BASIS, make_fingerprint(1, margin=2.5, width=300, height=200)),
        (video.id, BASIS, make_fingerprint(2, width=200, height=400)),
        (unmeasured.id, BASIS, make_fingerprint(3)),
        (stale.id, "as it was", make_fingerprint(4)),
    ]
    async with database.write() as connection:
        await fingerprints.put(connection, OWNER, made, version=2)
        await fingerprints.put(connection, OWNER, [(older.id, BASIS, make_fingerprint(5))], version=1)
        await fingerprints.fail(connection, OWNER, [Failure(failed.id, BASIS, "broken", "why", 0)], version=2)
        await fingerprints.mark_searched(connection, OWNER, [video.id])
        found = await fingerprints.load(connection, OWNER, version=2)
        assert (await fingerprints.load(connection, BOB, version=2)).ids == []
        assert await fingerprints.counts(connection, OWNER, version=2) == Counted(looked=3, failed=1, unsearched=2)
    rows = {
        asset_id: tuple(value.item() for value in values)
        for asset_id, *values in zip(
            found.ids, found.phash, found.margin, found.aspect, found.duration_ms, found.is_searched, strict=True
        )
    }
    assert rows == {
        picture.id: (1, 2.5, 1.5, -1, False),
        video.id: (2, 8.0, 0.5, 900, True),
        unmeasured.id: (3, 8.0, 1.5, 0, False),
    }
    assert found.ids == sorted(found.ids)
    types = [each.dtype for each in (found.phash, found.margin, found.aspect, found.duration_ms, found.is_searched)]
    assert types == [np.uint64, np.float32, np.float32, np.int64, np.bool_]


async def test_a_large_library_is_loaded_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "_ROWS_AT_ONCE", 2)
    seen = sorted((make_copy() for _ in range(5)), key=lambda each: each.id)
    await mirror(database, seen)
    async with database.write() as connection:
        made = [(each.id, BASIS, make_fingerprint(number)) for number, each in enumerate(seen)]
        await fingerprints.put(connection, OWNER, made, version=1)
        loaded = await fingerprints.load(connection, OWNER, version=1)
    assert (loaded.ids, loaded.phash.tolist()) == ([each.id for each in seen], [0, 1, 2, 3, 4])


async def test_pixels_come_in_the_order_asked_for(database: Database) -> None:
    one, two, unseen = AssetId("one"), AssetId("two"), AssetId("unseen")
    async with database.write() as connection:
        made = [(one, BASIS, make_fingerprint(11)), (two, BASIS, make_fingerprint(12))]
        await fingerprints.put(connection, OWNER, made, version=1)
        all_seen = await fingerprints.pixels_of(connection, OWNER, [two, one, two])
        some = await fingerprints.pixels_of(connection, OWNER, [unseen, two, one])
        none = await fingerprints.pixels_of(connection, BOB, [one])
    for found in (all_seen, some):
        assert found.ids == [two, one]
        assert found.luma.shape == (2, 1024)
        assert found.colours.shape == (2, 192)
        assert [set(row) for row in found.luma.tolist()] == [{12}, {11}]
        assert [set(row) for row in found.colours.tolist()] == [{12}, {11}]
    assert (none.ids, none.luma.shape) == ([], (0, 1024))


async def test_a_new_look_forgets_what_the_former_one_matched(database: Database) -> None:
    a, b, c, d = (AssetId(each) for each in "abcd")
    ours = [Match(one, two, DuplicateClass.EDITED, 0.9, "look", "why") for one, two in ((a, b), (b, c), (c, d), (a, d))]
    async with database.write() as connection:
        await fingerprints.put(connection, OWNER, [(b, BASIS, make_fingerprint())], version=1)
        await fingerprints.mark_searched(connection, OWNER, [b])
        await matches.add(connection, OWNER, ours)
        await fingerprints.put(connection, OWNER, [(b, "other", make_fingerprint())], version=1)
        left = await matches.everything(connection, OWNER)
        assert [(each.a, each.b, each.detector) for each in left] == [
            (a, d, "look"),
            (c, d, "look"),
        ]
        await fingerprints.fail(connection, OWNER, [Failure(d, BASIS, "broken", "why", 0)], version=1)
        assert await matches.everything(connection, OWNER) == []
        await assets.remove(connection, OWNER, [b])
        assert await matches.everything(connection, OWNER) == []
        assert (await fingerprints.pixels_of(connection, OWNER, [b])).ids == []


async def test_failures_of_the_same_picture_are_counted(database: Database) -> None:
    seen = make_copy()
    await mirror(database, [seen])

    async def fail(basis: str = BASIS, *, version: int = 1) -> list[Failed]:
        async with database.write() as connection:
            failure = Failure(seen.id, basis, "too_large", "It is too large.", 400)
            await fingerprints.fail(connection, OWNER, [failure], version=version)
            return await fingerprints.failures(connection, OWNER, limit=9)

    assert await fail() == [Failed(seen.id, "too_large", "It is too large.", 1, 400)]
    assert [each.attempts for each in await fail()] == [2]
    assert [each.attempts for each in await fail(version=2)] == [1]
    assert [each.attempts for each in await fail(version=2)] == [2]
    assert await fail("other") == []
    assert [each.attempts for each in await fail(version=2)] == [1]


async def test_a_failure_takes_the_place_of_a_look_and_a_look_that_of_a_failure(database: Database) -> None:
    seen = make_copy()
    await mirror(database, [seen])
    async with database.write() as connection:
        await fingerprints.fail(connection, OWNER, [], version=1)
        await fingerprints.put(connection, OWNER, [(seen.id, BASIS, make_fingerprint())], version=1)
        await fingerprints.fail(connection, OWNER, [Failure(seen.id, BASIS, "broken", "why", 0)], version=1)
        assert await fingerprints.counts(connection, OWNER, version=1) == Counted(0, 1, 0)
        assert (await fingerprints.pixels_of(connection, OWNER, [seen.id])).ids == []
        await fingerprints.put(connection, OWNER, [(seen.id, BASIS, make_fingerprint())], version=1)
        assert await fingerprints.counts(connection, OWNER, version=1) == Counted(1, 0, 1)
        assert await fingerprints.failures(connection, OWNER, limit=9) == []


async def test_what_could_not_be_seen_can_be_made_due_again(database: Database) -> None:
    broken, other, seen = make_copy(), make_copy(), make_copy()
    await mirror(database, [broken, other, seen])
    async with database.write() as connection:
        failed = [Failure(each.id, BASIS, "broken", "why", fingerprints.NEVER) for each in (broken, other)]
        await fingerprints.fail(connection, OWNER, failed, version=1)
        await fingerprints.put(connection, OWNER, [(seen.id, BASIS, make_fingerprint())], version=1)
        await fingerprints.retry(connection, BOB, [broken.id])
        await fingerprints.retry(connection, OWNER, [broken.id, seen.id])
        found = {each.asset_id: each for each in await fingerprints.failures(connection, OWNER, limit=9)}
    assert found == {
        broken.id: Failed(broken.id, "broken", "why", 0, 0),
        other.id: Failed(other.id, "broken", "why", 1, fingerprints.NEVER),
    }
