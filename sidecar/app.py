"""The web half of a process: every route, and the server around it. The only file that knows every web room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.errors import SettingsError
from sidecar.events.hooks import HOOKS_PATH
from sidecar.handlers import hooks, middleware
from sidecar.handlers.api.description import described
from sidecar.handlers.api.operation import handler_of
from sidecar.handlers.api.routes import OPERATIONS
from sidecar.handlers.pages.listeners import LISTENERS, Listeners
from sidecar.handlers.pages.page import handler_of as page_of
from sidecar.handlers.pages.routes import ROUTES
from sidecar.handlers.probes import add_probes
from sidecar.handlers.proxy import add_proxy
from sidecar.handlers.static import static_file
from sidecar.keys import SERVICES
from sidecar.settings import Settings
from sidecar.wiring import Services

SHUTDOWN_TIMEOUT_S = 5.0


def build_app(services: Services) -> web.Application:
    """The application, all of it under the base path; what it works with is given, so a test gives fakes."""
    app = web.Application(middlewares=[middleware.observed, middleware.errors])
    app[SERVICES] = services
    app[LISTENERS] = listeners = Listeners()
    app.on_shutdown.append(listeners.stop)
    base = services.settings.base_path
    add_probes(app, base)
    for path in {"/", base}:
        app.router.add_get(path, _to_front_page(f"{base}/"))
    for route in ROUTES:
        app.router.add_route(route.method, f"{base}{route.path}", page_of(route))
    for operation in OPERATIONS:
        app.router.add_route(operation.method, f"{base}/api{operation.path}", handler_of(operation))
    app.router.add_get(f"{base}/api/openapi.json", described(OPERATIONS, base_path=base))
    add_proxy(app, base)
    app.router.add_post(f"{base}{HOOKS_PATH}{{token}}", hooks.immich)
    app.router.add_get(f"{base}/static/{{name}}", static_file)
    return app


def build_probes(services: Services) -> web.Application:
    """What a process without pages answers: whether it lives and can work, and what it measures."""
    app = web.Application(middlewares=[middleware.observed, middleware.errors])
    app[SERVICES] = services
    add_probes(app, services.settings.base_path)
    return app


@asynccontextmanager
async def serving(services: Services) -> AsyncIterator[str]:
    """The address of the front page, served until the block ends.

    Errors: SettingsError if the configured address or port cannot be had.
    """
    settings = services.settings
    async with _listening(build_app(services), settings, settings.port, setting="SIDECAR_PORT") as address:
        yield address


@asynccontextmanager
async def serving_probes(services: Services, port: int) -> AsyncIterator[str]:
    """The address below which a process without pages answers monitoring, until the block ends.

    Errors: SettingsError if the configured address or port cannot be had.
    """
    probes = build_probes(services)
    async with _listening(probes, services.settings, port, setting="SIDECAR_WORKER_PORT") as address:
        yield address


@asynccontextmanager
async def _listening(app: web.Application, settings: Settings, port: int, *, setting: str) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_TIMEOUT_S, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"SIDECAR_HOST, {setting}: cannot listen on {settings.host}:{port} ({error.strerror})"
            ) from error
        host, taken = runner.addresses[0][:2]
        yield f"http://{host}:{taken}{settings.base_path}/"
    finally:
        await runner.cleanup()


def _to_front_page(location: str) -> Handler:
    async def redirect(_request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(location)

    return redirect
