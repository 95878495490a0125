"""A real Chromium before an emulated Immich and the sidecar, on one origin as behind a gateway."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import ClientSession, web
from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from pydantic import SecretStr

from sidecar.app import serving
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.model import OwnerId
from sidecar.settings import Settings
from sidecar.wiring import Services, open_services
from sidecar.worker import running_worker
from tests.handlers.conftest import Household, Person
from tests.jobs.household import Clock

PATIENCE_MS = 30_000
"""Chromium starts slowly on a busy machine; what does not come at all, does not come in this time either."""

DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WITHOUT_SCRIPTS: dict[str, Any] = {**PHONE, "java_script_enabled": False}
EVERYWHERE = [
    pytest.param(DESKTOP, id="desktop"),
    pytest.param(PHONE, id="phone"),
    pytest.param(WITHOUT_SCRIPTS, id="phone without scripts"),
]
"""On what each story is told."""

_SERIOUS = frozenset({"serious", "critical"})


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Each of these tests drives a browser, and may take longer than others."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed: the tests in a browser are left out")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield opened
        await opened.close()


@dataclass
class Site:
    """One address under which Immich and the sidecar are, and who lives there."""

    url: str
    immich: EmulatedImmich
    services: Services
    ann: UserRow
    browser: Browser
    clock: Clock

    @property
    def owner_id(self) -> OwnerId:
        return OwnerId(self.ann.id)

    @property
    def person(self) -> Person:
        """Ann, with whom the steps of the other tests work; she asks nothing through a test's own client."""
        household = Household(self.immich, self.services, None, self.clock, None, None)  # type: ignore[arg-type]
        return Person(self.ann, "", household)

    def picture(self, *rows: AssetRow, colour: str = "#4250af", size: tuple[int, int] = (320, 240)) -> None:
        """What Immich shows of these assets."""
        file = BytesIO()
        Image.new("RGB", size, colour).save(file, "JPEG")
        for row in rows:
            self.immich.set_thumbnail(row, file.getvalue())

    @asynccontextmanager
    async def visit(self, path: str = "/", *, user: UserRow | None = None, **options: Any) -> AsyncIterator[Page]:
        """A page of the sidecar's, opened by somebody who is signed in at Immich; options are those of a context."""
        context = await self.context(user or self.ann, **options)
        page = await context.new_page()
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))
        await page.goto(f"{self.url}/sidecar{path}")
        yield page
        await context.close()
        assert broken == []

    async def context(self, user: UserRow | None, **options: Any) -> BrowserContext:
        context = await self.browser.new_context(**{**DESKTOP, "locale": "en-GB", **options})
        context.set_default_timeout(PATIENCE_MS)
        if user is not None:
            token = self.immich.add_session(user)
            await context.add_cookies([{"name": "immich_access_token", "value": token, "url": self.url}])
        return context


expect.set_options(timeout=PATIENCE_MS)


@asynccontextmanager
async def one_origin(immich_url: str, sidecar_url: str) -> AsyncIterator[str]:
    """What a gateway does, in a few lines: the sidecar below its path, Immich elsewhere."""

    async def pass_on(request: web.Request) -> web.StreamResponse:
        target = sidecar_url if request.path.startswith("/sidecar") else immich_url
        headers = {name: value for name, value in request.headers.items() if name.lower() != "accept-encoding"}
        async with session.request(
            request.method, target + request.raw_path, headers=headers, data=await request.read(), allow_redirects=False
        ) as answer:
            passed = web.StreamResponse(status=answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in {"transfer-encoding", "content-length", "connection", "content-encoding"}:
                    passed.headers.add(name, value)
            with suppress(ConnectionError):  # a browser leaves when it likes
                await passed.prepare(request)
                async for piece in answer.content.iter_any():
                    await passed.write(piece)
            return passed

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", pass_on)
    async with ClientSession() as session:
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


Fill = Callable[[EmulatedImmich, UserRow], Awaitable[None]]


@asynccontextmanager
async def open_site(browser: Browser, folder: Path, fill: Fill, *, works: bool = True) -> AsyncIterator[Site]:
    """Ann's library in an emulated Immich, the sidecar connected by her key, with a worker unless works is false."""
    async with AsyncExitStack() as stack:
        immich = await stack.enter_async_context(EmulatedImmich())
        ann = immich.add_user("Ann")
        await fill(immich, ann)
        settings = Settings(immich_url=immich.url, api_keys=(SecretStr(immich.add_key(ann)),), data_dir=folder, port=0)
        services = await stack.enter_async_context(open_services(settings, detects=True))
        clock = Clock()
        if not works:
            # Whose jobs are run by hand waits for nothing.
            services = replace(services, jobs=replace(services.jobs, now_ms=clock))
        address = await stack.enter_async_context(serving(services))
        if works:
            await stack.enter_async_context(running_worker(services.jobs))
        url = await stack.enter_async_context(one_origin(immich.url, address.removesuffix("/sidecar/")))
        yield Site(url, immich, services, ann, browser, clock)


@pytest.fixture
def assert_accessible() -> Callable[[Page], Awaitable[None]]:
    """Nothing that axe calls serious is on the page, in light and in dark."""

    async def check(page: Page) -> None:
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await asyncio.sleep(0)
            found = await Axe().run(page)
            serious = [each for each in found.response["violations"] if each["impact"] in _SERIOUS]
            assert serious == [], [(each["id"], [node["target"] for node in each["nodes"]]) for each in serious]

    return check
