"""What happens when somebody connects or disconnects, by the API or by the page."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from sidecar.accounts import connecting
from sidecar.accounts.vault import Vault
from sidecar.accounts.visitors import Visitor
from sidecar.errors import ImmichRefused
from sidecar.events.workflows import keep_workflow
from sidecar.handlers.middleware import Refused
from sidecar.jobs.queue import JobName
from sidecar.model import OwnerId, User
from sidecar.storage import scans
from sidecar.wiring import Services


def wanted_permissions(services: Services, user: User, *, everything: bool = False) -> frozenset[str]:
    """What a key for this user would hold under these settings, in Immich's names."""
    return connecting.wanted_permissions(
        hears_webhooks=services.settings.hook_base_url is not None, is_admin=user.is_admin, everything=everything
    )


def can_connect(services: Services, owner_id: OwnerId) -> bool:
    """Whether this user may connect and disconnect by themselves."""
    return services.vault is not None and owner_id not in services.accounts.headless


async def join(services: Services, visitor: Visitor, *, everything: bool) -> None:
    """Nothing; the sidecar works for the visitor, with a key made now, and their first scan begins.

    Errors: Refused if the server's owner has set the key, or there is no secret to seal one with; those of connecting.
    """
    vault = _require_own(services, visitor.user.id)
    now_ms = services.jobs.now_ms
    permissions = wanted_permissions(services, visitor.user, everything=everything)
    immich = services.visitors.immich(visitor)
    await connecting.connect(services.database, vault, visitor, immich, permissions, now_ms=now_ms)
    await services.accounts.follow(services.database, vault, now_ms=now_ms())
    async with services.database.write() as connection:
        await scans.request(connection, visitor.user.id, now_ms=now_ms())
    await services.jobs.wake(JobName.SYNC, visitor.user.id)


async def part(services: Services, visitor: Visitor, *, forget: bool) -> None:
    """Nothing; webhook, key and account of the visitor are gone. What is stacked stays so.

    Shape:  forget takes away all that is remembered of them, too.
    Errors: as join.
    """
    vault = _require_own(services, visitor.user.id)
    now_ms = services.jobs.now_ms
    account = services.accounts.connected.get(visitor.user.id)
    if services.hooks is not None and account is not None:
        with suppress(ImmichRefused):  # a key that works no more leaves a workflow, whose hook nobody answers then
            await keep_workflow(account.immich, services.hooks.without(visitor.user.id))
    immich = services.visitors.immich(visitor)
    await connecting.disconnect(services.database, visitor, immich, is_forgotten=forget, now_ms=now_ms)
    await services.accounts.follow(services.database, vault, now_ms=now_ms())


def _require_own(services: Services, owner_id: OwnerId) -> Vault:
    if owner_id in services.accounts.headless:
        raise Refused(HTTPStatus.CONFLICT, "The owner of the server has connected you.", code="headless")
    if services.vault is None:
        raise Refused(HTTPStatus.CONFLICT, "The owner of the server has to set SIDECAR_SECRET first.", code="no_secret")
    return services.vault
