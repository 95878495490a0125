"""Marks of duplicates, Immich's own list of them, and its way of resolving them; the trash."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from behaviour.differences import of
from behaviour.server import Person, Server, ids_of


async def mark(person: Person, *asset_ids: str, duplicate_id: str | None) -> None:
    """Nothing; the assets are marked as one set of duplicates, or as none."""
    await person.ask("PUT", "/assets", status=204, json={"ids": [*asset_ids], "duplicateId": duplicate_id})


async def listed(person: Person) -> dict[str, set[str]]:
    """Immich's own list: mark -> the assets of that mark."""
    groups = await person.ask("GET", "/duplicates")
    return {group["duplicateId"]: set(ids_of(group["assets"])) for group in groups}


async def test_marked_assets_are_listed_until_the_mark_goes(server: Server, ann: Person) -> None:
    """Assets of one mark are listed as duplicates until it is taken away"""
    ids = await ann.upload_all("a.jpg", "b.jpg")
    wanted = str(uuid4())
    await mark(ann, *ids, duplicate_id=wanted)
    assert await listed(ann) == {wanted: set(ids)}
    assert (await ann.asset(ids[0]))["duplicateId"] == wanted
    [group] = await ann.ask("GET", "/duplicates")
    assert ("suggestedKeepAssetIds" in group) is of(server, "a suggested keeper is named")
    await mark(ann, *ids, duplicate_id=None)
    assert await listed(ann) == {}
    assert (await ann.asset(ids[0]))["duplicateId"] is None


async def test_a_mark_on_one_asset_alone(server: Server, ann: Person) -> None:
    """A mark that only one asset carries is not listed"""
    only = await ann.upload("a.jpg")
    wanted = str(uuid4())
    await mark(ann, only, duplicate_id=wanted)
    assert await listed(ann) == {}
    outlives = of(server, "a mark on one asset alone outlives a look at the list")
    assert (await ann.asset(only))["duplicateId"] == (wanted if outlives else None)


async def test_stacked_and_trashed_assets_are_not_listed(ann: Person) -> None:
    """What is stacked or in the trash is not listed as a duplicate"""
    ids = await ann.upload_all("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    stacked, trashed = str(uuid4()), str(uuid4())
    await ann.stack(*ids[:2])
    await mark(ann, *ids[:2], duplicate_id=stacked)
    await mark(ann, *ids[2:], duplicate_id=trashed)
    await ann.ask("DELETE", "/assets", status=204, json={"ids": [ids[3]]})
    assert await listed(ann) == {}


async def test_a_person_dismisses_a_set_in_immich(server: Server, ann: Person, bob: Person) -> None:
    """A set dismissed in Immich loses its mark; another user's cannot be"""
    ids = await ann.upload_all("a.jpg", "b.jpg")
    wanted = str(uuid4())
    await mark(ann, *ids, duplicate_id=wanted)
    answer = await bob.server.send("DELETE", f"/duplicates/{wanted}", headers=bob.session)
    assert answer.status_code == of(server, "dismissing somebody else's set is answered with")
    assert (await ann.asset(ids[0]))["duplicateId"] == wanted
    await ann.ask("DELETE", f"/duplicates/{wanted}", status=204)
    assert (await ann.asset(ids[0]))["duplicateId"] is None


@pytest.mark.needs("resolving")
async def test_resolving_hands_on_what_goes_with_the_trashed_copy(ann: Person) -> None:
    """Resolving in Immich trashes copies and hands on their albums, tags, favourite mark, rating and description"""
    kept, going = await ann.upload_all("a.jpg", "b.jpg")
    album = await ann.ask("POST", "/albums", status=201, json={"albumName": "Trip", "assetIds": [going]})
    [tag] = await ann.ask("PUT", "/tags", json={"tags": ["sea"]})
    await ann.ask("PUT", f"/assets/{going}", json={"isFavorite": True, "rating": 4, "description": "hello"})
    await ann.settled(going)
    await ann.ask("PUT", f"/tags/{tag['id']}/assets", json={"ids": [going]})
    await ann.settled(going)
    wanted = str(uuid4())
    await mark(ann, kept, going, duplicate_id=wanted)
    group: dict[str, Any] = {"duplicateId": wanted, "keepAssetIds": [kept], "trashAssetIds": []}
    [answer] = await ann.ask("POST", "/duplicates/resolve", json={"groups": [group]})
    assert (answer["success"], answer["error"]) == (False, "validation")
    group["trashAssetIds"] = [going]
    [answer] = await ann.ask("POST", "/duplicates/resolve", json={"groups": [group]})
    assert (answer["id"], answer["success"]) == (wanted, True)
    asset = await ann.asset(kept)
    assert (asset["isFavorite"], asset["duplicateId"], asset["isTrashed"]) == (True, None, False)
    assert [each["value"] for each in asset["tags"]] == ["sea"]
    assert (asset["exifInfo"]["rating"], asset["exifInfo"]["description"]) == (4, "hello")
    assert (await ann.asset(going))["isTrashed"]
    assert [each["id"] for each in await ann.ask("GET", "/albums", params={"assetId": kept})] == [album["id"]]


async def test_trash_and_back(ann: Person) -> None:
    """What is trashed is hidden from searches, and comes back whole"""
    kept, going = await ann.upload_all("a.jpg", "b.jpg")
    await ann.ask("PUT", f"/assets/{going}", json={"isFavorite": True})
    await ann.ask("DELETE", "/assets", status=204, json={"ids": [going]})
    assert (await ann.asset(going))["isTrashed"]
    wanted = {"visibility": "timeline"}
    assert ids_of((await ann.ask("POST", "/search/metadata", json=wanted))["assets"]["items"]) == [kept]
    assert (await ann.ask("POST", "/trash/restore/assets", json={"ids": [going]}))["count"] == 1
    back = await ann.asset(going)
    assert (back["isTrashed"], back["isFavorite"]) == (False, True)
