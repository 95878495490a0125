from __future__ import annotations

from dataclasses import replace

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.model import Asset, AssetId
from sidecar.storage import assets, fingerprints, matches
from sidecar.storage.database import Database
from tests.builders import OWNER
from tests.storage.copies import BASIS, BOB, MODIFIED_MS, make_copy, make_fingerprint, mirror

A, B, C = (AssetId(each) for each in "abc")
LOOK = Match(A, B, DuplicateClass.RE_ENCODED, 0.98, "look", "The pictures agree.", looks_equal=True)
COLOURS = Match(A, B, DuplicateClass.FEATURELESS, 0.5, "colours", "Both are nearly black.")
FAR = Match(B, C, DuplicateClass.EDITED, 0.96, "look", "The pictures nearly agree.")


async def test_matches_come_back_once_for_each_detector(database: Database) -> None:
    async with database.write() as connection:
        await matches.add(connection, OWNER, [FAR, LOOK, COLOURS])
        await matches.add(connection, OWNER, [replace(LOOK, similarity=0.97)])
        assert await matches.everything(connection, OWNER) == [COLOURS, replace(LOOK, similarity=0.97), FAR]
        assert await matches.count(connection, OWNER) == 3
        assert await matches.everything(connection, BOB) == []
        assert await matches.count(connection, BOB) == 0


async def test_other_settings_search_everything_anew(database: Database) -> None:
    seen = make_copy()
    await mirror(database, [seen])
    async with database.write() as connection:
        await fingerprints.put(connection, OWNER, [(seen.id, BASIS, make_fingerprint())], version=1)
        assert await matches.begin(connection, OWNER, basis="1 0.95")
        await matches.add(connection, OWNER, [LOOK, FAR])
        await matches.add(connection, BOB, [LOOK])
        await fingerprints.mark_searched(connection, OWNER, [seen.id])
        assert not await matches.begin(connection, OWNER, basis="1 0.95")
        assert (await fingerprints.counts(connection, OWNER, version=1)).unsearched == 0
        assert await matches.count(connection, OWNER) == 2
        assert await matches.begin(connection, OWNER, basis="1 0.9")
        assert (await fingerprints.counts(connection, OWNER, version=1)).unsearched == 1
        assert await matches.everything(connection, OWNER) == []
        assert await matches.count(connection, BOB) == 1
        assert not await matches.begin(connection, OWNER, basis="1 0.9")


async def test_what_was_found_of_a_picture_that_is_gone_or_replaced_is_forgotten_and_its_partners_searched_anew(
    database: Database,
) -> None:
    hub, trashed, replaced, one, other = copies = [make_copy(f"{number}.JPG") for number in range(5)]
    await mirror(database, copies)

    def match(first: Asset, second: Asset) -> Match:
        a, b = sorted([first.id, second.id])
        return replace(LOOK, a=a, b=b)

    async def unsearched() -> int:
        return (await fingerprints.counts(connection, OWNER, version=1)).unsearched

    async with database.write() as connection:
        await fingerprints.put(connection, OWNER, [(each.id, BASIS, make_fingerprint()) for each in copies], version=1)
        await fingerprints.mark_searched(connection, OWNER, [each.id for each in copies])
        stays = match(one, other)
        await matches.add(connection, OWNER, [match(hub, trashed), match(hub, replaced), stays])
        assert await matches.forget_stale(connection, OWNER, version=1) == 0
        assert await unsearched() == 0
    await mirror(database, [replace(trashed, is_trashed=True)])
    file = replaced.original
    assert file is not None
    await mirror(database, [replace(replaced, original=replace(file, modified_at_ms=MODIFIED_MS + 1))])
    async with database.write() as connection:
        assert await matches.forget_stale(connection, OWNER, version=1) == 2
        assert await matches.everything(connection, OWNER) == [stays]
        assert await unsearched() == 1
        assert await matches.forget_stale(connection, OWNER, version=1) == 0
        assert await matches.forget_stale(connection, OWNER, version=2) == 2
        assert await unsearched() == 3
        assert await matches.forget_stale(connection, BOB, version=1) == 0


async def test_who_matched_one_that_is_gone_for_good_is_searched_anew(database: Database) -> None:
    one, other = copies = [make_copy("1.JPG"), make_copy("2.JPG")]
    await mirror(database, copies)
    async with database.write() as connection:
        await fingerprints.put(connection, OWNER, [(each.id, BASIS, make_fingerprint()) for each in copies], version=1)
        await fingerprints.mark_searched(connection, OWNER, [each.id for each in copies])
        await matches.add(connection, OWNER, [replace(LOOK, a=min(one.id, other.id), b=max(one.id, other.id))])
        await assets.remove(connection, OWNER, [one.id])
        assert await matches.everything(connection, OWNER) == []
        assert (await fingerprints.counts(connection, OWNER, version=1)).unsearched == 1
