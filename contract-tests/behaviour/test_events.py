"""What Immich tells others: webhooks, its websocket, the feed of its mobile app; and what it is asked to do again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from behaviour.differences import of
from behaviour.server import Person, Server

TOLD_WITHIN_S = 30.0


@asynccontextmanager
async def listening(server: Server, key: str) -> AsyncIterator[asyncio.Queue[tuple[str, list[Any]]]]:
    """What a client of Immich's websocket is told, as Socket.IO words it."""
    told: asyncio.Queue[tuple[str, list[Any]]] = asyncio.Queue()
    address = f"{server.url}/api/socket.io/?EIO=4&transport=websocket"
    async with (
        aiohttp.ClientSession(trust_env=False) as http,
        http.ws_connect(address, headers={"x-api-key": key}) as socket,
    ):
        await socket.send_str("40")

        async def hear() -> None:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                if message.data.startswith("41"):
                    break
                if message.data == "2":
                    await socket.send_str("3")
                elif message.data.startswith("42"):
                    name, *arguments = json.loads(message.data[2:])
                    await told.put((name, arguments))
            await told.put(("closed", []))

        task = asyncio.create_task(hear())
        try:
            yield told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def heard(told: asyncio.Queue[tuple[str, list[Any]]], wanted: str) -> list[Any]:
    """What comes with the next event of this name."""
    async with asyncio.timeout(TOLD_WITHIN_S):
        while True:
            name, arguments = await told.get()
            assert name != "closed" or wanted == "closed"
            if name == wanted:
                return arguments


async def test_clients_hear_of_new_photos_and_stacks(server: Server, ann: Person) -> None:
    """The websocket tells its version, of changed stacks, and of trashed assets"""
    async with listening(server, await ann.key("all")) as told:
        await heard(told, "on_server_version")
        ids = await ann.upload_all("a.jpg", "b.jpg")
        await ann.stack(*ids)
        await heard(told, "on_asset_stack_update")
        await ann.ask("DELETE", "/assets", status=204, json={"ids": [ids[1]]})
        assert await heard(told, "on_asset_trash") == [[ids[1]]]


async def test_a_narrow_key_hears_nothing(server: Server, ann: Person) -> None:
    """The websocket sends away whose key may not do everything"""
    async with listening(server, await ann.key("asset.read", "stack.read")) as told:
        await heard(told, "closed")


@pytest.mark.needs("workflows")
async def test_a_workflow_is_kept(ann: Person) -> None:
    """A workflow keeps its trigger and its webhook's address, can be switched off and deleted"""
    methods = await ann.ask("GET", "/plugins/methods", params={"name": "webhook"})
    assert "immich-plugin-core#webhook" in {each["key"] for each in methods}
    step = {"method": "immich-plugin-core#webhook", "enabled": True, "config": {"url": "http://127.0.0.1:9/hook"}}
    body = {"name": "Suite", "trigger": "AssetMetadataExtraction", "enabled": True, "steps": [step]}
    made = await ann.ask("POST", "/workflows", status=201, json=body)
    kept = await ann.ask("GET", f"/workflows/{made['id']}")
    assert (kept["name"], kept["trigger"], kept["enabled"]) == ("Suite", "AssetMetadataExtraction", True)
    assert [(each["method"], each["config"]["url"]) for each in kept["steps"]] == [
        ("immich-plugin-core#webhook", "http://127.0.0.1:9/hook")
    ]
    await ann.ask("PUT", f"/workflows/{made['id']}", json={"enabled": False})
    assert [each["enabled"] for each in await ann.ask("GET", "/workflows")] == [False]
    await ann.ask("DELETE", f"/workflows/{made['id']}", status=204)
    assert await ann.ask("GET", "/workflows") == []


@pytest.mark.needs("workflows")
async def test_a_workflow_calls_its_hook(ann: Person) -> None:
    """A workflow's webhook is called with each new asset, and shows what it was given to show"""
    calls: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await calls.put((request.headers.get("Authorization", ""), await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        config = {
            "url": f"http://127.0.0.1:{runner.addresses[0][1]}/hook",
            "method": "POST",
            "headerName": "Authorization",
            "headerValue": "Bearer suite",
        }
        step = {"method": "immich-plugin-core#webhook", "enabled": True, "config": config}
        body = {"name": "Suite", "trigger": "AssetMetadataExtraction", "enabled": True, "steps": [step]}
        await ann.ask("POST", "/workflows", status=201, json=body)
        asset_id = await ann.upload("a.jpg")
        async with asyncio.timeout(TOLD_WITHIN_S):
            shown, told = await calls.get()
        assert shown == "Bearer suite"
        assert (told["trigger"], told["data"]["asset"]["id"]) == ("AssetMetadataExtraction", asset_id)
    finally:
        await runner.cleanup()


async def test_files_are_read_again_on_request(ann: Person) -> None:
    """Jobs for single assets are taken by their names, and no others"""
    asset_id = await ann.upload("a.jpg")
    before = (await ann.asset(asset_id))["updatedAt"]
    body = {"assetIds": [asset_id], "name": "refresh-metadata"}
    await ann.ask("POST", "/assets/jobs", status=204, json=body)
    await ann.until(lambda asset: asset["updatedAt"] > before, asset_id)
    refused = await ann.refused("POST", "/assets/jobs", json={**body, "name": "polish"})
    assert refused.status_code == 400


async def feed(person: Person, types: list[str]) -> list[dict[str, Any]]:
    """What the mobile app is sent now, without the line that says that this is all."""
    answer = await person.server.send("POST", "/sync/stream", headers=person.session, json={"types": types})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "application/jsonlines+json"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    return [line for line in lines if line["type"] != "SyncCompleteV1"]


async def test_the_mobile_app_is_told_of_stacks_and_of_their_undoing(server: Server, ann: Person) -> None:
    """The mobile app's feed carries stacks and their undoing, and nothing twice"""
    asked, sent = of(server, "assets in the feed")
    types = [asked, "StacksV1"]
    first, second = await ann.upload_all("a.jpg", "b.jpg")
    stack_id = await ann.stack(first, second)

    lines = await feed(ann, types)
    [stack] = [line["data"] for line in lines if line["type"] == "StackV1"]
    assert (stack["id"], stack["primaryAssetId"], stack["ownerId"]) == (stack_id, first, ann.id)
    assets = {line["data"]["id"]: line["data"]["stackId"] for line in lines if line["type"] == sent}
    assert assets == {first: stack_id, second: stack_id}
    await ann.ask("POST", "/sync/ack", status=204, json={"acks": last_of_each(lines)})
    assert await feed(ann, types) == []

    await ann.ask("PUT", f"/stacks/{stack_id}", json={"primaryAssetId": second})
    [line] = await feed(ann, types)
    assert (line["type"], line["data"]["primaryAssetId"]) == ("StackV1", second)
    await ann.ask("POST", "/sync/ack", status=204, json={"acks": [line["ack"]]})

    await ann.ask("DELETE", f"/stacks/{stack_id}", status=204)
    lines = await feed(ann, types)
    assert [line["data"] for line in lines if line["type"] == "StackDeleteV1"] == [{"stackId": stack_id}]
    assert {line["data"]["id"]: line["data"]["stackId"] for line in lines if line["type"] == sent} == {
        first: None,
        second: None,
    }


def last_of_each(lines: list[dict[str, Any]]) -> list[str]:
    """What is acknowledged: the last line of each kind."""
    return list({line["type"]: line["ack"] for line in lines}.values())


async def test_the_feed_is_for_sessions(server: Server, ann: Person) -> None:
    """The mobile app's feed is refused to keys"""
    body = {"types": ["StacksV1"]}
    answer = await server.send("POST", "/sync/stream", headers={"x-api-key": await ann.key("all")}, json=body)
    assert answer.status_code == 403
    assert answer.json()["message"] == "Sync endpoints cannot be used with API keys"
    child = await ann.ask("POST", "/sessions", status=201, json={"deviceType": "suite", "deviceOS": "linux"})
    assert await feed(Person(server, ann.id, ann.email, child["token"]), body["types"]) == []
