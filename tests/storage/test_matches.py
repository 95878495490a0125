from __future__ import annotations

from dataclasses import replace

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.match import Match
from sidecar.model import AssetId
from sidecar.storage import fingerprints, matches
from sidecar.storage.database import Database
from tests.builders import OWNER
from tests.storage.copies import BOB, make_copy, make_fingerprint, mirror

A, B, C = (AssetId(each) for each in "abc")
LOOK = Match(A, B, DuplicateClass.RE_ENCODED, 0.98, "look", "The pictures agree.", looks_equal=True)
COLOURS = Match(A, B, DuplicateClass.FEATURELESS, 0.5, "colours", "Both are nearly black.")
FAR = Match(B, C, DuplicateClass.EDITED, 0.96, "look", "The pictures nearly agree.")
IMMICHS = Match(A, C, DuplicateClass.SIMILAR, 1.0, "immich", "Immich put them together.")


async def test_matches_come_back_once_for_each_detector(database: Database) -> None:
    async with database.write() as connection:
        await matches.add(connection, OWNER, [FAR, LOOK, COLOURS])
        await matches.add(connection, OWNER, [replace(LOOK, similarity=0.97)])
        assert await matches.everything(connection, OWNER) == [COLOURS, replace(LOOK, similarity=0.97), FAR]
        assert await matches.count(connection, OWNER) == 3
        assert await matches.touching(connection, OWNER, [C, B]) == await matches.everything(connection, OWNER)
        assert await matches.touching(connection, OWNER, [C]) == [FAR]
        assert await matches.everything(connection, BOB) == []
        assert await matches.count(connection, BOB) == 0


async def test_a_detector_that_knows_all_replaces_only_its_own(database: Database) -> None:
    async with database.write() as connection:
        await matches.add(connection, OWNER, [LOOK, IMMICHS])
        await matches.replace(connection, OWNER, "immich", [replace(IMMICHS, b=B)])
        assert await matches.everything(connection, OWNER) == [replace(IMMICHS, b=B), LOOK]
        await matches.replace(connection, OWNER, "immich", [])
        assert await matches.everything(connection, OWNER) == [LOOK]


async def test_other_settings_search_everything_anew(database: Database) -> None:
    seen = make_copy()
    await mirror(database, [seen])
    async with database.write() as connection:
        await fingerprints.put(connection, OWNER, [(seen.id, "AAECAwQF", make_fingerprint())], version=1)
        assert await matches.begin(connection, OWNER, basis="1 0.95")
        await matches.add(connection, OWNER, [LOOK, IMMICHS])
        await matches.add(connection, BOB, [LOOK])
        await fingerprints.mark_searched(connection, OWNER, [seen.id])
        assert not await matches.begin(connection, OWNER, basis="1 0.95")
        assert (await fingerprints.counts(connection, OWNER, version=1)).unsearched == 0
        assert await matches.count(connection, OWNER) == 2
        assert await matches.begin(connection, OWNER, basis="1 0.9")
        assert (await fingerprints.counts(connection, OWNER, version=1)).unsearched == 1
        assert await matches.everything(connection, OWNER) == [IMMICHS]
        assert await matches.count(connection, BOB) == 1
        assert not await matches.begin(connection, OWNER, basis="1 0.9")
