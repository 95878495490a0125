"""Whether the process lives, and whether it can work: for container health checks and load balancers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from redis.exceptions import RedisError

from sidecar.errors import ImmichChanged, SidecarError
from sidecar.keys import SERVICES
from sidecar.wiring import Services


async def health(_request: web.Request) -> web.Response:
    """200 while the process answers at all."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """200 if database, queue and Immich answer, else 503; says of each whether it does.

    Shape:  contract says whether the connected Immich changed nothing that matters; where it did, all else goes on.
    """
    services = request.app[SERVICES]
    checks: dict[str, Callable[[Services], Awaitable[object]]] = {
        "database": _database,
        "queue": _queue,
        "immich": _immich,
    }
    answers = {name: await _answers(check(services)) for name, check in checks.items()}
    status = 200 if all(answers.values()) else 503
    return web.json_response(answers | {"contract": await _answers(_contract(services))}, status=status)


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


async def _contract(services: Services) -> None:
    if not (await services.contract.standing()).is_sound:
        raise ImmichChanged("something is left alone")


async def _immich(services: Services) -> None:
    await services.visitors.server_version()
