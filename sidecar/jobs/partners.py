"""Whose libraries the owner sees in their timeline: asked now and then, so that what is shared no more is forgotten."""

from __future__ import annotations

import logging

from sidecar.errors import ContractBroken, ImmichMissing, ImmichRefused
from sidecar.jobs.context import JobContext
from sidecar.model import OwnerId
from sidecar.storage import partner_assets

log = logging.getLogger(__name__)


async def read_partners(context: JobContext, owner_id: OwnerId) -> None:
    """Nothing; the names of the owner's partners are known, and whoever is none any more is forgotten with all assets.

    Errors: ImmichUnavailable. A key that may not ask (partner.read) only leaves partners' assets without names.
    """
    try:
        found = await context.immich(owner_id).partners()
    except (ImmichRefused, ImmichMissing, ContractBroken) as error:
        log.info("Immich does not say who the partners are", extra={"error": error})
        return
    names = {each.id: each.name for each in found if each.in_timeline}
    async with context.database.write() as connection:
        await partner_assets.set_partners(connection, owner_id, names)
