"""Stacks, with all their odd rules."""

from __future__ import annotations

import asyncio

from behaviour.differences import of
from behaviour.server import Person, Server, ids_of

UNKNOWN = "6834964f-3d21-4f9f-8c21-bc6ad75c6fb6"


async def test_the_first_asset_is_the_primary(ann: Person) -> None:
    """A new stack has its first asset as primary, and every member names it"""
    ids = await ann.upload_all("a.jpg", "b.jpg", "c.jpg")
    made = await ann.ask("POST", "/stacks", status=201, json={"assetIds": ids})
    assert made["primaryAssetId"] == ids[0]
    assert set(ids_of(made["assets"])) == set(ids)
    for each in ids:
        named = (await ann.asset(each))["stack"]
        assert (named["id"], named["primaryAssetId"], named["assetCount"]) == (made["id"], ids[0], 3)
    assert [each["id"] for each in await ann.ask("GET", "/stacks")] == [made["id"]]
    assert [each["id"] for each in await ann.ask("GET", "/stacks", params={"primaryAssetId": ids[0]})] == [made["id"]]
    assert await ann.ask("GET", "/stacks", params={"primaryAssetId": ids[1]}) == []


async def test_a_stack_has_two_members_at_least(ann: Person, bob: Person) -> None:
    """One asset, an unknown one or another user's refuse the whole stack"""
    first, second = await ann.upload_all("a.jpg", "b.jpg")
    foreign = await bob.upload("c.jpg")
    for members in ([first], [first, UNKNOWN], [first, second, foreign]):
        assert (await ann.refused("POST", "/stacks", json={"assetIds": members})).status_code == 400
    assert await ann.ask("GET", "/stacks") == []


async def test_an_asset_named_twice_is_a_stack_of_one(ann: Person) -> None:
    """One asset named twice makes a stack of one"""
    only = await ann.upload("a.jpg")
    stack_id = await ann.stack(only, only)
    assert await ann.members(stack_id) == (only, {only})


async def test_a_primary_brings_its_stack_along(ann: Person) -> None:
    """Stacking a primary takes its whole stack along, and the old stack ends"""
    first, second, third = await ann.upload_all("a.jpg", "b.jpg", "c.jpg")
    old = await ann.stack(first, second)
    new = await ann.stack(third, first)
    assert await ann.members(new) == (third, {first, second, third})
    assert (await ann.refused("GET", f"/stacks/{old}")).status_code == 400


async def test_a_child_leaves_its_stack(ann: Person) -> None:
    """Stacking a child takes it out of its stack, which stays, even alone"""
    first, second, third = await ann.upload_all("a.jpg", "b.jpg", "c.jpg")
    old = await ann.stack(first, second)
    new = await ann.stack(third, second)
    assert await ann.members(new) == (third, {second, third})
    assert await ann.members(old) == (first, {first})


async def test_another_member_becomes_primary(ann: Person) -> None:
    """Only a member can become primary"""
    first, second, stranger = await ann.upload_all("a.jpg", "b.jpg", "c.jpg")
    stack_id = await ann.stack(first, second)
    changed = await ann.ask("PUT", f"/stacks/{stack_id}", json={"primaryAssetId": second})
    assert changed["primaryAssetId"] == second
    refused = await ann.refused("PUT", f"/stacks/{stack_id}", json={"primaryAssetId": stranger})
    assert refused.status_code == 400
    assert await ann.members(stack_id) == (second, {first, second})


async def test_members_leave_and_the_primary_stays(ann: Person) -> None:
    """Members can be taken out down to the primary, which cannot"""
    first, second, third = await ann.upload_all("a.jpg", "b.jpg", "c.jpg")
    stack_id = await ann.stack(first, second)
    assert (await ann.refused("DELETE", f"/stacks/{stack_id}/assets/{first}")).status_code == 400
    assert (await ann.refused("DELETE", f"/stacks/{stack_id}/assets/{third}")).status_code == 400
    await ann.ask("DELETE", f"/stacks/{stack_id}/assets/{second}", status=204)
    assert await ann.members(stack_id) == (first, {first})
    assert (await ann.asset(second))["stack"] is None


async def test_a_stack_is_undone(ann: Person) -> None:
    """An undone stack leaves its members single, and is gone; several can be undone at once"""
    ids = await ann.upload_all("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    stack_id = await ann.stack(*ids[:2])
    await ann.ask("DELETE", f"/stacks/{stack_id}", status=204)
    assert [(await ann.asset(each))["stack"] for each in ids[:2]] == [None, None]
    assert (await ann.refused("DELETE", f"/stacks/{stack_id}")).status_code == 400
    several = [await ann.stack(*ids[:2]), await ann.stack(*ids[2:])]
    await ann.ask("DELETE", "/stacks", status=204, json={"ids": several})
    assert await ann.ask("GET", "/stacks") == []


async def test_what_counts_as_a_change_of_an_asset(ann: Person) -> None:
    """Being stacked and unstacked changes an asset, another primary does not"""
    first, second = await ann.upload_all("a.jpg", "b.jpg")

    async def changed_at() -> list[str]:
        return [(await ann.asset(each))["updatedAt"] for each in (first, second)]

    single = await changed_at()
    stack_id = await ann.stack(first, second)
    stacked = await changed_at()
    assert all(after > before for before, after in zip(single, stacked, strict=True))
    await ann.ask("PUT", f"/stacks/{stack_id}", json={"primaryAssetId": second})
    assert await changed_at() == stacked
    await ann.ask("DELETE", f"/stacks/{stack_id}", status=204)
    assert all(after > before for before, after in zip(stacked, await changed_at(), strict=True))


async def test_a_trashed_member_stays_in_its_stack(ann: Person) -> None:
    """A trashed primary keeps its stack, and comes back into it"""
    first, second, third = await ann.upload_all("a.jpg", "b.jpg", "c.jpg")
    stack_id = await ann.stack(first, second, third)
    await ann.ask("DELETE", "/assets", status=204, json={"ids": [first]})
    primary, members = await ann.members(stack_id)
    assert primary == first
    assert {second, third} <= members
    await ann.ask("POST", "/trash/restore/assets", json={"ids": [first]})
    assert await ann.members(stack_id) == (first, {first, second, third})


async def test_a_stack_ends_with_its_members(server: Server, ann: Person) -> None:
    """A stack whose other member was deleted for good, by a person in Immich"""
    first, second = await ann.upload_all("a.jpg", "b.jpg")
    stack_id = await ann.stack(first, second)
    await ann.ask("DELETE", "/assets", status=204, json={"ids": [second], "force": True})
    what = "a stack of two whose child was deleted for good is still there"
    if server.emulated is not None:
        await server.emulated.settle()
    else:
        await gone(ann, second)
    stacks = [each["id"] for each in await ann.ask("GET", "/stacks")]
    assert (stack_id in stacks) is of(server, what)


async def gone(person: Person, asset_id: str) -> None:
    """Returns as soon as the asset is not there any more."""
    for _ in range(300):
        answer = await person.server.send("GET", f"/assets/{asset_id}", headers=person.session)
        if answer.status_code == 400:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it was never deleted")
