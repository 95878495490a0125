"""The user, and those who share their library with them."""

from __future__ import annotations

from sidecar.immich_client._generated import calls
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.mapping import to_user
from sidecar.model import OwnerId, User

_SHARED_WITH_ME = "shared-with"


class Users(Conversation):
    """The user to whom the key belongs, and their partners."""

    async def me(self) -> User:
        """The user to whom the key belongs."""
        return to_user(await self._transport.send(calls.get_my_user()))

    async def partners(self) -> tuple[OwnerId, ...]:
        """The users who share their library with this one, sorted, whether or not it shows in the timeline.

        Source: partner.service.ts, direction shared-with, Immich 2.5.6 to 3.1.0.
        """
        answer = await self._transport.send(calls.get_partners(direction=_SHARED_WITH_ME))
        return tuple(sorted(OwnerId(partner.id) for partner in answer))
