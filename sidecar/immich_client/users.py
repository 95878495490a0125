"""The user, and those who share their library with them."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.immich_client._generated import calls
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.mapping import to_user
from sidecar.model import OwnerId, User

_SHARED_WITH_ME = "shared-with"


@dataclass(frozen=True, slots=True)
class Partner:
    """Somebody who shares their library with the user; in_timeline says that the user wants to see it among theirs."""

    id: OwnerId
    name: str
    in_timeline: bool


class Users(Conversation):
    """The user to whom the key belongs, and their partners."""

    async def me(self) -> User:
        """The user to whom the key belongs."""
        return to_user(await self._transport.send(calls.get_my_user()))

    async def partners(self) -> tuple[Partner, ...]:
        """The users who share their library with this one, sorted by id, whether or not it shows in the timeline.

        Source: partner.service.ts, direction shared-with, Immich 2.5.6 to 3.1.0; the descriptions let inTimeline be
                left out, which the server does only where it asks the other way round.
        """
        answer = await self._transport.send(calls.get_partners(direction=_SHARED_WITH_ME))
        found = [Partner(OwnerId(each.id), each.name, each.in_timeline is True) for each in answer]
        return tuple(sorted(found, key=_id_of))


def _id_of(partner: Partner) -> str:
    return partner.id
