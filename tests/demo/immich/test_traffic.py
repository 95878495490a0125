from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from sidecar.demo.immich import Call, EmulatedImmich
from tests.demo.immich.scene import Scene


async def test_every_call_is_logged_with_who_and_what(scene: Scene) -> None:
    await scene.api("GET", "/stacks", params={"a": "b"})
    await scene.client()("GET", "/users/me")
    assert scene.immich.calls == [
        Call("GET", "/stacks", "a=b", 200, scene.ann.id),
        Call("GET", "/users/me", "", 401, None),
    ]
    assert len(scene.immich.traffic.calls_of("GET", "/sta*")) == 1


async def test_scripted_answers_come_as_often_as_scripted(scene: Scene) -> None:
    failure = scene.immich.fail("GET", "/stacks", times=2, status=502, body="<html>", content_type="text/html")
    statuses = [(await scene.api("GET", "/stacks")).status_code for _ in range(3)]
    assert statuses == [502, 502, 200]
    assert failure.times == 0
    assert (await scene.api("GET", "/users/me")).status_code == 200


async def test_a_cut_connection_may_follow_the_deed(scene: Scene) -> None:
    rows = scene.assets(2)
    scene.immich.fail("POST", "/stacks", cut=True, after_effect=True)
    with pytest.raises(httpx.RemoteProtocolError):
        await scene.api("POST", "/stacks", {"assetIds": [row.id for row in rows]})
    assert len(scene.immich.stacks_of(scene.ann)) == 1
    assert scene.immich.traffic.calls_of("POST", "/stacks")[0].status == 0


async def test_a_cut_connection_may_come_before_the_deed(scene: Scene) -> None:
    rows = scene.assets(2)
    scene.immich.fail(cut=True)
    with pytest.raises(httpx.RemoteProtocolError):
        await scene.api("POST", "/stacks", {"assetIds": [row.id for row in rows]})
    assert scene.immich.stacks_of(scene.ann) == []


async def test_an_answer_may_be_replaced_after_the_deed(scene: Scene) -> None:
    rows = scene.assets(2)
    scene.immich.fail("POST", "/stacks", status=504, after_effect=True)
    assert (await scene.api("POST", "/stacks", {"assetIds": [row.id for row in rows]})).status_code == 504
    assert len(scene.immich.stacks_of(scene.ann)) == 1


async def test_answers_may_be_late(scene: Scene) -> None:
    scene.immich.fail("GET", "/users/me", delay_s=0.05)
    scene.immich.traffic.answer_delay_s = 0.05
    begun = time.monotonic()
    assert (await scene.api("GET", "/users/me")).status_code == 200
    assert time.monotonic() - begun >= 0.1


async def test_a_late_answer_after_the_deed_is_the_deeds_own(scene: Scene) -> None:
    scene.immich.fail("GET", "/users/me", delay_s=0.01, after_effect=True)
    assert (await scene.api("GET", "/users/me")).json()["name"] == "Ann"


async def test_a_hanging_call_ends_with_the_server() -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        async with EmulatedImmich() as immich:
            immich.fail(hang=True)
            hanging = asyncio.create_task(http.get(f"{immich.api_url}/server/ping"))
            await asyncio.sleep(0.05)
            assert not hanging.done()
        with pytest.raises(httpx.RemoteProtocolError):
            await hanging


@pytest.mark.parametrize(
    ("method", "path", "status", "content_type"),
    [
        pytest.param("GET", "/api/nope", 404, "application/json", id="unknown route"),
        pytest.param("POST", "/api/server/ping", 404, "application/json", id="wrong method"),
        pytest.param("POST", "/photos", 404, "application/json", id="the web app takes no posts"),
        pytest.param("GET", "/photos", 200, "text/html", id="the web app"),
    ],
)
async def test_what_is_no_operation(scene: Scene, method: str, path: str, status: int, content_type: str) -> None:
    async with httpx.AsyncClient(base_url=scene.immich.url, trust_env=False) as http:
        response = await http.request(method, path)
    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (status, content_type)
    if content_type == "application/json":
        assert response.json() == {"message": f"Cannot {method} {path}"}


@pytest.mark.parametrize(
    ("how", "received"), [({"cut_after_bytes": 3}, b"012"), ({"cut_after_bytes": 0}, b"")], ids=str
)
async def test_an_answer_may_break_off_after_some_bytes(scene: Scene, how: dict[str, int], received: bytes) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", b"0123456789")
    scene.immich.fail("GET", "/assets/*", **how)
    seen = b""
    async with httpx.AsyncClient(trust_env=False) as http:
        request = http.stream(
            "GET", f"{scene.immich.api_url}/assets/{row.id}/original?apiKey={scene.immich.add_key(scene.ann)}"
        )
        async with request as answer:
            assert answer.headers["content-length"] == "10"
            with pytest.raises(httpx.RemoteProtocolError):
                async for piece in answer.aiter_bytes():
                    seen += piece
    assert seen == received


async def test_an_answer_may_never_end(scene: Scene) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", b"0123456789")
    scene.immich.fail("GET", "/assets/*", is_endless=True)
    seen = 0
    async with httpx.AsyncClient(trust_env=False) as http:
        request = http.stream(
            "GET", f"{scene.immich.api_url}/assets/{row.id}/original?apiKey={scene.immich.add_key(scene.ann)}"
        )
        async with request as answer:
            assert answer.headers["content-type"] == "image/jpeg"
            async for piece in answer.aiter_bytes():
                seen += len(piece)
                if seen > 1_000_000:
                    break
    assert seen > 1_000_000


async def test_an_answer_may_drip(scene: Scene) -> None:
    row = scene.immich.upload(scene.ann, "a.jpg", b"0123456789")
    scene.immich.fail("GET", "/assets/*", drip_s=0.01)
    started_s = time.monotonic()
    response = await scene.api("GET", f"/assets/{row.id}/original", headers={"range": "bytes=2-5"})
    assert (response.status_code, response.content) == (206, b"2345")
    assert time.monotonic() - started_s >= 0.03


async def test_an_answer_that_is_no_body_cannot_be_spoilt(scene: Scene) -> None:
    (row,) = scene.assets(1)
    scene.immich.fail("DELETE", "/assets", cut_after_bytes=1)
    assert (await scene.api("DELETE", "/assets", {"ids": [row.id]})).status_code == 204
