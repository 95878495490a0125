"""People who decide about copies while everything goes wrong: keep one, take it back, and nothing is lost for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from sidecar.demo.immich.rows import AssetRow
from sidecar.jobs.duplicates.decide import keep
from sidecar.jobs.duplicates.resolve import resolve
from sidecar.jobs.duplicates.restore import undo
from sidecar.model import AssetId
from sidecar.storage import resolutions
from sidecar.storage.resolutions import Resolution, ResolutionState
from tests.jobs.duplicates.album import Shelf, ids
from tests.scenarios.faults import Fault, Tally, felt, impatient_database
from tests.scenarios.life import Life, open_life

SETS = 5
ROUNDS = 24
RATING = 4


class Drawer:
    """Sets of two: a better copy, and a worse one that alone has a rating and lies in an album."""

    def __init__(self, life: Life, dice: random.Random) -> None:
        self.life = life
        self._dice = dice
        self._pairs: list[tuple[AssetRow, AssetRow]] = []
        self._asked: set[str] = set()
        self._noted: dict[str, str] = {}
        self.deeds: tuple[Callable[[], Coroutine[Any, Any, object]], ...] = (
            self.decide,
            self.take_back,
            self.carry_out,
            self.form,
            self.sync,
        )
        self.how_often = (4, 2, 6, 1, 1)

    async def fill(self) -> None:
        shelf = Shelf(self.life.library)
        for number in range(SETS):
            best = shelf.photo(f"best {number}.jpg", b"large %d" % number, at_s=60 * number)
            copy = shelf.photo(f"copy {number}.jpg", b"smal %d" % number, at_s=60 * number, rating=RATING, width=9)
            self.life.immich.album(self.life.user, f"Trip {number}", copy)
            self._pairs.append((best, copy))
        await self.life.library.sync()
        for best, copy in self._pairs:
            await shelf.alike(best, copy)
        await shelf.form()

    async def decide(self) -> None:
        """A person keeps the better copy of one set; what the sidecar acknowledged is noted."""
        library = self.life.library
        sets = await Shelf(library).sets()
        if not sets:
            return
        chosen = self._dice.choice(sets)
        members = {each.asset_id for each in chosen.members}
        ((best, copy),) = (pair for pair in self._pairs if members == {pair[0].id, pair[1].id})
        self._asked.add(copy.id)
        made = await keep(library.context, library.owner_id, chosen.id, ids(best))
        self._noted[made.id] = "kept"

    async def take_back(self) -> None:
        """A person takes back one of their decisions."""
        if not self._noted:
            return
        library = self.life.library
        chosen = self._dice.choice([*self._noted])
        if chosen in await undo(library.context, library.owner_id, [chosen]):
            self._noted[chosen] = "taken back"

    async def carry_out(self) -> None:
        await resolve(self.life.library.context, self.life.library.owner_id)

    async def form(self) -> None:
        await Shelf(self.life.library).form()

    async def sync(self) -> None:
        await self.life.library.sync()

    async def in_peace(self) -> None:
        """Everything that is left to do is done; what failed meanwhile, the person takes back."""
        library = self.life.library
        for _ in range(6):
            await library.scan()
            await self.carry_out()
            library.clock.advance(seconds=600)
        failed = [each.id for each in await self._decisions() if each.state is ResolutionState.FAILED]
        await undo(library.context, library.owner_id, failed)
        for _ in range(3):
            await self.carry_out()
            library.clock.advance(seconds=600)

    def broken_by_now(self) -> list[str]:
        """What may never be, at any moment."""
        broken = []
        for best, copy in self._pairs:
            now = [self.life.immich.state.assets.get(each.id) for each in (best, copy)]
            if None in now:
                broken.append("a file is gone for good")
            elif best.deleted_us is not None:
                broken.append(f"{best.name} was to stay")
            elif copy.deleted_us is not None and copy.id not in self._asked:
                broken.append(f"nobody decided about {copy.name}")
        return broken

    async def broken_in_the_end(self) -> list[str]:
        """What must have become of every decision."""
        broken = []
        decisions = await self._decisions()
        state_of = {each.id: each.state for each in decisions}
        for decision_id, wanted in self._noted.items():
            state = state_of.get(decision_id)
            if state is None:
                broken.append("a decision was lost")
            elif wanted == "taken back" and state is not ResolutionState.UNDONE:
                broken.append(f"what was taken back is {state}")
            elif not state.is_over:
                broken.append(f"a decision is {state} for ever")
        for best, copy in self._pairs:
            its = [each.state for each in decisions if AssetId(copy.id) in each.trash_ids]
            is_kept = ResolutionState.DONE in its
            (album,) = (row.assets for row in self.life.immich.state.albums.values() if copy.id in row.assets)
            exif = self.life.immich.state.assets[best.id].exif
            has_rating = exif is not None and exif.rating == RATING
            if {copy.deleted_us is not None, has_rating, best.id in album} != {is_kept}:
                broken.append(f"{copy.name}: what was decided is {its}, and it lies neither here nor there")
        return broken

    async def _decisions(self) -> list[Resolution]:
        library = self.life.library
        async with library.context.database.read() as connection:
            return await resolutions.since(connection, library.owner_id, since_ms=0)


async def trial_of_decisions(folder: Path, seed: int) -> Tally:
    """Decisions and their undoing under faults, then peace until nothing is left to do."""
    dice, tally = random.Random(seed), Tally()
    with impatient_database():
        async with open_life(folder, version=dice.choice(("3.1.0", "2.7.5"))) as life:
            drawer = Drawer(life, dice)
            await drawer.fill()
            for _ in range(ROUNDS):
                fault = dice.choice([*Fault])
                (deed,) = dice.choices(drawer.deeds, drawer.how_often)
                tally.faults[fault] += 1
                tally.felt[fault] += await felt(life, partial(deed), fault, dice)
                tally.broken += drawer.broken_by_now()
            life.immich.traffic.failures.clear()
            await life.stop()
            await life.start()
            await drawer.in_peace()
            tally.broken += drawer.broken_by_now()
            tally.broken += await drawer.broken_in_the_end()
    tally.broken = [f"seed {seed}: {each}" for each in tally.broken]
    return tally
