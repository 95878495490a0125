"""The front page: that the sidecar is there, and what it has done, in numbers only. It knows no visitor yet."""

from __future__ import annotations

from aiohttp import web

from sidecar import __version__
from sidecar.jobs.status import pairing, scanning
from sidecar.keys import SERVICES
from sidecar.storage import assets, findings, stacks
from sidecar.storage.findings import FOR_A_PERSON
from sidecar.ui.contexts import HomePage
from sidecar.ui.render import render


async def home(request: web.Request) -> web.Response:
    """The page as HTML. Its numbers are sums over all connected users, so they tell nobody about anyone."""
    services = request.app[SERVICES]
    users = list(services.accounts.connected)
    total_assets = total_stacks = review = 0
    async with services.database.read() as connection:
        for owner_id in users:
            total_assets += await assets.count(connection, owner_id)
            total_stacks += await stacks.count(connection, owner_id)
            found = await findings.counts(connection, owner_id)
            review += sum(found.get(kind, 0) for kind in FOR_A_PERSON)
        now_ms = services.jobs.now_ms()
        scan = await scanning(connection, users, now_ms=now_ms)
        names = await pairing(connection, users, now_ms=now_ms)
    page = HomePage(
        version=__version__,
        base_path=services.settings.base_path,
        users=len(users),
        assets=total_assets,
        stacks=total_stacks,
        pending=names.waiting,
        review=review,
        is_scanning=scan.state.is_under_way,
    )
    return web.Response(text=render(page), content_type="text/html")
