"""One address for Immich and the sidecar, by the real Caddy and the real nginx with the files that we ship."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import yaml
from aiohttp import ClientSession, CookieJar

from sidecar.app import serving
from sidecar.demo.immich import EmulatedImmich
from sidecar.settings import Settings
from sidecar.wiring import open_services
from tests.deploy.compose import ROOT
from tests.deploy.gateways import gateway, is_installed
from tests.handlers.html import Page
from tests.jobs.household import NOON

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BIG_BYTES = 100 * 1024 * 1024
PIECE = bytes(1024 * 1024)


@dataclass
class Entrance:
    """The gateway's address, what stands behind it, and the path of the sidecar."""

    url: str
    immich: EmulatedImmich
    base_path: str
    browser: ClientSession

    async def sign_in(self) -> None:
        """As Immich's own page does it."""
        answer = await self.browser.post(
            f"{self.url}/api/auth/login", json={"email": "ann@example.com", "password": "password"}
        )
        assert answer.status == 201


@pytest.fixture(
    params=[("caddy", "/sidecar"), ("nginx", "/sidecar"), ("caddy", "/my/stacks"), ("nginx", "/my/stacks")],
    ids=lambda each: f"{each[0]} {each[1]}",
)
async def entrance(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Entrance]:
    name, base_path = request.param
    if not is_installed(name):
        pytest.skip(f"{name} is not installed: its half of the gateway's tests is left out")
    async with EmulatedImmich() as immich:
        ann = immich.add_user("Ann")
        immich.add_asset(ann, "IMG_1.JPG", taken_at=NOON)
        settings = Settings(immich_url=immich.url, data_dir=tmp_path / "data", port=0, base_path=base_path)
        async with open_services(settings) as services, serving(services) as address:
            sidecar = address.removeprefix("http://").partition("/")[0]
            async with (
                gateway(name, tmp_path, immich.url.removeprefix("http://"), sidecar, base_path) as url,
                ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser,
            ):
                yield Entrance(url, immich, base_path, browser)


async def test_who_signs_in_at_immich_is_signed_in_at_the_sidecar(entrance: Entrance) -> None:
    page = f"{entrance.url}{entrance.base_path}"
    assert "Sign in to Immich first" in await (await entrance.browser.get(page)).text()
    await entrance.sign_in()
    answer = await entrance.browser.get(page)
    shown = Page(200, {}, await answer.text())
    assert shown.title == "Connect the sidecar, Ann"
    assert str(answer.url) == f"{page}/"
    form = shown.button("Connect")[0].fields
    answer = await entrance.browser.post(f"{page}/connect", data=form, headers={"Origin": entrance.url})
    assert "Looking through your library" in await answer.text()
    answer = await entrance.browser.get(f"{page}/api/connection")
    assert (await answer.json())["key"] == "works"
    forged = await entrance.browser.post(f"{page}/connect", data=form, headers={"Origin": "http://evil.example"})
    assert forged.status == 403


async def test_everything_on_the_page_is_found_under_the_base_path(entrance: Entrance) -> None:
    page = await (await entrance.browser.get(f"{entrance.url}{entrance.base_path}/")).text()
    links = re.findall(r'(?:href|src|action)="([^"]+)"', page)
    assert links
    immichs = {"/", f"/auth/login?continue={quote(entrance.base_path, safe='')}/"}
    assert {link for link in links if not link.startswith((f"{entrance.base_path}/", "#"))} == immichs
    for link in links:
        assert (await entrance.browser.get(entrance.url + link)).status == 200


async def test_all_else_is_immichs(entrance: Entrance) -> None:
    answer = await entrance.browser.get(f"{entrance.url}/api/server/version")
    assert (await answer.json())["major"] == 3
    assert "Emulated Immich" in await (await entrance.browser.get(f"{entrance.url}/")).text()
    # What only begins like the base path is not the sidecar's.
    answer = await entrance.browser.get(f"{entrance.url}{entrance.base_path}x/health")
    assert answer.content_type == "text/html", "Immich answers with its app whatever it does not know"


async def test_immichs_websocket_passes(entrance: Entrance) -> None:
    await entrance.sign_in()
    address = f"{entrance.url}/api/socket.io/?EIO=4&transport=websocket"
    async with entrance.browser.ws_connect(address) as socket_:
        assert (await socket_.receive_str(timeout=10)).startswith("0{")
        await socket_.send_str("40")
        assert (await socket_.receive_str(timeout=10)).startswith("40")


@pytest.mark.parametrize("prefix", ["/api", "{base}/api/immich"], ids=["to Immich", "through the sidecar"])
async def test_large_uploads_and_parts_of_files_pass(entrance: Entrance, prefix: str) -> None:
    await entrance.sign_in()
    api = entrance.url + prefix.format(base=entrance.base_path)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BIG_BYTES // len(PIECE)):
            yield PIECE

    form = aiohttp.FormData()
    form.add_field("assetData", pieces(), filename="BIG.JPG", content_type="image/jpeg")
    for name, value in (("fileCreatedAt", "2024-05-01T12:00:00Z"), ("fileModifiedAt", "2024-05-01T12:00:00Z")):
        form.add_field(name, value)
    for name in ("deviceAssetId", "deviceId"):
        form.add_field(name, "big")
    answer = await entrance.browser.post(f"{api}/assets", data=form, headers={"Origin": entrance.url})
    assert answer.status == 201, await answer.text()
    row = entrance.immich.state.assets[(await answer.json())["id"]]
    whole = await (await entrance.browser.get(f"{api}/assets/{row.id}/original")).read()
    assert hashlib.sha256(whole).digest() == hashlib.sha256(bytes(BIG_BYTES)).digest()
    part = await entrance.browser.get(f"{api}/assets/{row.id}/original", headers={"Range": "bytes=10-19"})
    assert (part.status, await part.read()) == (206, bytes(10))
    assert part.headers["Content-Range"] == f"bytes 10-19/{BIG_BYTES}"


def test_the_file_for_traefik_sends_the_base_path_to_the_sidecar_and_all_else_to_immich() -> None:
    http = yaml.safe_load((ROOT / "deploy" / "traefik.yml").read_text())["http"]
    rules = {name: router["rule"] for name, router in http["routers"].items()}
    assert rules["sidecar"].startswith(rules["immich"] + " && ")
    assert "Path(`/sidecar`) || PathPrefix(`/sidecar/`)" in rules["sidecar"]
    targets = {name: service["loadBalancer"]["servers"][0]["url"] for name, service in http["services"].items()}
    assert targets == {"immich": "http://immich-server:2283", "sidecar": "http://sidecar:8080"}
