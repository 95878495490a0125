"""Whether the process lives, and whether it can work: for container health checks and load balancers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from redis.exceptions import RedisError

from sidecar.errors import SidecarError
from sidecar.keys import SERVICES
from sidecar.wiring import Services


async def health(_request: web.Request) -> web.Response:
    """200 while the process answers at all."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """200 if database, queue and Immich answer, else 503; says of each whether it does, and nothing else."""
    services = request.app[SERVICES]
    checks: dict[str, Callable[[Services], Awaitable[object]]] = {
        "database": _database,
        "queue": _queue,
        "immich": _immich,
    }
    answers = {name: await _answers(check(services)) for name, check in checks.items()}
    return web.json_response(answers, status=200 if all(answers.values()) else 503)


async def _answers(check: Awaitable[object]) -> bool:
    try:
        await check
    except (SidecarError, RedisError, OSError):
        return False
    return True


async def _database(services: Services) -> None:
    async with services.database.read() as connection:
        await connection.exec_driver_sql("SELECT 1")


async def _queue(services: Services) -> None:
    await services.queue.pool.ping()


async def _immich(services: Services) -> None:
    await services.visitors.server_version()
