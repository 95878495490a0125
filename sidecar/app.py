"""The web half of a process: every route, and the server around it. The only file that knows every web room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.errors import SettingsError
from sidecar.events.hooks import HOOKS_PATH
from sidecar.handlers import health, hooks, metrics, middleware
from sidecar.handlers.api.description import described
from sidecar.handlers.api.operation import handler_of
from sidecar.handlers.api.routes import OPERATIONS
from sidecar.handlers.pages.listeners import LISTENERS, Listeners
from sidecar.handlers.pages.page import handler_of as page_of
from sidecar.handlers.pages.routes import ROUTES
from sidecar.handlers.proxy import add_proxy
from sidecar.handlers.static import static_file
from sidecar.keys import SERVICES
from sidecar.wiring import Services

SHUTDOWN_TIMEOUT_S = 5.0


def build_app(services: Services) -> web.Application:
    """The application, all of it under the base path; what it works with is given, so a test gives fakes."""
    app = web.Application(middlewares=[middleware.errors])
    app[SERVICES] = services
    app[LISTENERS] = listeners = Listeners()
    app.on_shutdown.append(listeners.stop)
    base = services.settings.base_path
    for path in {"/", base}:
        app.router.add_get(path, _to_front_page(f"{base}/"))
    for route in ROUTES:
        app.router.add_route(route.method, f"{base}{route.path}", page_of(route))
    app.router.add_get(f"{base}/health", health.health)
    app.router.add_get(f"{base}/ready", health.ready)
    app.router.add_get(f"{base}/metrics", metrics.metrics)
    for operation in OPERATIONS:
        app.router.add_route(operation.method, f"{base}/api{operation.path}", handler_of(operation))
    app.router.add_get(f"{base}/api/openapi.json", described(OPERATIONS, base_path=base))
    add_proxy(app, base)
    app.router.add_post(f"{base}{HOOKS_PATH}{{token}}", hooks.immich)
    app.router.add_get(f"{base}/static/{{name}}", static_file)
    return app


@asynccontextmanager
async def serving(services: Services) -> AsyncIterator[str]:
    """The address of the front page, served until the block ends.

    Errors: SettingsError if the configured address or port cannot be had.
    """
    settings = services.settings
    runner = web.AppRunner(build_app(services), shutdown_timeout=SHUTDOWN_TIMEOUT_S, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"SIDECAR_HOST, SIDECAR_PORT: cannot listen on {settings.host}:{settings.port} ({error.strerror})"
            ) from error
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}{settings.base_path}/"
    finally:
        await runner.cleanup()


def _to_front_page(location: str) -> Handler:
    async def redirect(_request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(location)

    return redirect
