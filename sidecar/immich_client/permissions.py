"""What the API key may do, and what it has to."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.errors import ImmichRefused
from sidecar.immich_client._generated import calls, facts
from sidecar.immich_client.conversation import Conversation

_EVERYTHING = "all"


class Permissions(Conversation):
    """The key with which the conversation is held."""

    async def permissions(self) -> frozenset[str]:
        """What the key may do, in Immich's names; "all" stands for everything."""
        key = await self._transport.send(calls.get_my_api_key())
        return frozenset(key.permissions)

    async def check_permissions(self) -> None:
        """Nothing, if the key holds all that the sidecar needs.

        Errors: ImmichRefused naming every permission that is missing.
        """
        missing = sorted(missing_permissions(await self.permissions()))
        if missing:
            raise ImmichRefused(f"The API key lacks: {', '.join(missing)}.", permission=missing[0])


def required_permissions() -> frozenset[str]:
    """What an API key must hold for everything that the sidecar asks and changes."""
    return frozenset[str]().union(*facts.PERMISSIONS.values())


def missing_permissions(held: Iterable[str]) -> frozenset[str]:
    """The required permissions that are not among those held; none if "all" is."""
    held = frozenset(held)
    return frozenset() if _EVERYTHING in held else required_permissions() - held
