from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from sidecar.errors import StaleDecision
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates import former
from sidecar.jobs.duplicates.dismissals import dismiss, dismissed, undismiss
from sidecar.jobs.duplicates.former import take_back_dismissal
from sidecar.model import OwnerId
from sidecar.storage import detections
from tests.jobs.duplicates.album import Shelf
from tests.jobs.household import open_library


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_library(tmp_path) as library:
        yield Shelf(library)


async def test_of_two_who_take_one_dismissal_back_the_later_is_told_so(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, owner_id = shelf.library.context, shelf.library.owner_id
    rows = [shelf.photo(name, b"a" * 9) for name in ("A.jpg", "B.jpg")]
    await shelf.library.sync()
    await shelf.read(*rows)
    (stored,) = await shelf.form()
    await dismiss(context, owner_id, stored.id)

    async def after_somebody_else(context: JobContext, owner_id: OwnerId, ids: Collection[str]) -> list[str]:
        assert await undismiss(context, owner_id, ids) == list(ids)
        return await undismiss(context, owner_id, ids)

    monkeypatch.setattr(former, "undismiss", after_somebody_else)
    with pytest.raises(StaleDecision):
        await take_back_dismissal(context, owner_id, stored.id)
    async with context.database.read() as connection:
        assert await dismissed(connection, owner_id) == []
        # Whoever was first has asked for the search.
        assert await detections.newest(connection, owner_id) is None
