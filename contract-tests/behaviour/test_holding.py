"""Albums, tags, links and what is copied from one asset to another."""

from __future__ import annotations

from behaviour.differences import of
from behaviour.server import Person, Server, ids_of


async def test_albums_take_and_give_back(server: Server, ann: Person) -> None:
    """Albums answer for each asset that is put in or taken out"""
    first, second = await ann.upload_all("a.jpg", "b.jpg")
    album = await ann.ask("POST", "/albums", status=201, json={"albumName": "Trip", "assetIds": [first]})
    answers = await ann.ask("PUT", f"/albums/{album['id']}/assets", json={"ids": [first, second]})
    assert [(each["success"], each.get("error")) for each in answers] == [(False, "duplicate"), (True, None)]
    [told] = await ann.ask("GET", "/albums", params={"assetId": second})
    assert (told["id"], told["assetCount"]) == (album["id"], 2)
    owner = told[of(server, "what an album says of its owner")]
    assert owner == ann.id or [(each["user"]["id"], each["role"]) for each in owner] == [(ann.id, "owner")]
    found = {"albumIds": [album["id"]], "visibility": "timeline"}
    items = (await ann.ask("POST", "/search/metadata", json=found))["assets"]["items"]
    assert set(ids_of(items)) == {first, second}
    answers = await ann.ask("DELETE", f"/albums/{album['id']}/assets", json={"ids": [second, second]})
    assert [(each["success"], each.get("error")) for each in answers] == [(True, None), (False, "not_found")]


async def test_tags_are_paths(ann: Person) -> None:
    """Tags are made with their parents, and put on assets"""
    asset_id = await ann.upload("a.jpg")
    [tag] = await ann.ask("PUT", "/tags", json={"tags": ["holiday/sea"]})
    assert (tag["name"], tag["value"]) == ("sea", "holiday/sea")
    assert [each["value"] for each in await ann.ask("GET", "/tags")] == ["holiday", "holiday/sea"]
    [answer] = await ann.ask("PUT", f"/tags/{tag['id']}/assets", json={"ids": [asset_id]})
    assert answer["success"]
    assert [each["value"] for each in (await ann.asset(asset_id))["tags"]] == ["holiday/sea"]
    await ann.ask("DELETE", f"/tags/{tag['id']}/assets", json={"ids": [asset_id]})
    assert (await ann.asset(asset_id))["tags"] == []


async def test_links_hold_assets(ann: Person) -> None:
    """A link to single assets takes more of them and gives them back"""
    first, second = await ann.upload_all("a.jpg", "b.jpg")
    link = await ann.ask("POST", "/shared-links", status=201, json={"type": "INDIVIDUAL", "assetIds": [first]})
    [answer] = await ann.ask("PUT", f"/shared-links/{link['id']}/assets", json={"assetIds": [second]})
    assert (answer["assetId"], answer["success"]) == (second, True)
    assert set(ids_of((await ann.ask("GET", f"/shared-links/{link['id']}"))["assets"])) == {first, second}
    await ann.ask("DELETE", f"/shared-links/{link['id']}/assets", json={"assetIds": [first]})
    assert ids_of((await ann.ask("GET", f"/shared-links/{link['id']}"))["assets"]) == [second]
    assert [each["id"] for each in await ann.ask("GET", "/shared-links")] == [link["id"]]


async def test_copying_hands_on_only_what_is_asked_for(ann: Person) -> None:
    """Albums, links and favourite mark are copied from asset to asset, each if it is asked for"""
    source, target = await ann.upload_all("a.jpg", "b.jpg")
    await ann.ask("PUT", f"/assets/{source}", json={"isFavorite": True})
    album = await ann.ask("POST", "/albums", status=201, json={"albumName": "Trip", "assetIds": [source]})
    nothing = dict.fromkeys(("albums", "favorite", "sharedLinks", "sidecar", "stack"), False)
    both = {"sourceId": source, "targetId": target}
    await ann.ask("PUT", "/assets/copy", status=204, json={**both, **nothing})
    assert await ann.ask("GET", "/albums", params={"assetId": target}) == []
    assert (await ann.asset(target))["isFavorite"] is False
    await ann.ask("PUT", "/assets/copy", status=204, json={**both, **nothing, "albums": True, "favorite": True})
    assert [each["id"] for each in await ann.ask("GET", "/albums", params={"assetId": target})] == [album["id"]]
    assert (await ann.asset(target))["isFavorite"] is True
