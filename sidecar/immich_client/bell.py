"""Immich's bell, at which administrators may tell a user something."""

from __future__ import annotations

from sidecar.immich_client._generated import calls
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.permissions import Feature, missing_for
from sidecar.model import OwnerId

_TYPE, _LEVEL = "Custom", "info"


class Bell(Conversation):
    """What users are told inside Immich."""

    async def may_ring(self) -> bool:
        """Whether this key may tell users something: an administrator's that holds everything.

        Source: x-immich-admin-only and no permission of its own, in the descriptions of 2.5.6 to 3.1.0.
        """
        key = await self._transport.send(calls.get_my_api_key())
        if missing_for(Feature.BELL, key.permissions):
            return False
        return (await self._transport.send(calls.get_my_user())).is_admin

    async def ring(self, owner_id: OwnerId, *, title: str, sentence: str) -> None:
        """Nothing; the user finds this at their bell. Sent twice, it is there twice.

        Errors: ImmichRefused if the key may not.
        Source: createNotification, the descriptions of 2.5.6 to 3.1.0.
        """
        await self._transport.send(
            calls.create_notification(user_id=owner_id, title=title, description=sentence, type=_TYPE, level=_LEVEL)
        )
