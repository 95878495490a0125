"""The server itself: its version and its clock."""

from __future__ import annotations

from sidecar.errors import UnsupportedImmich
from sidecar.immich_client._generated import calls, facts
from sidecar.immich_client.call import Call, read_nothing
from sidecar.immich_client.conversation import Conversation
from sidecar.immich_client.mapping import to_version
from sidecar.model import ServerVersion

DESCRIPTION_LIMIT_BYTES = 16 * 1024 * 1024
"""Twenty times the largest so far: 0.8 MB, Immich 3.1.0."""

_DESCRIPTION: Call[None] = Call(
    operation="spec.json", method="GET", path="/spec.json", decode=read_nothing, is_repeatable=True
)


class Server(Conversation):
    """The server, whoever the user is."""

    def server_time_ms(self) -> int | None:
        """The server's clock, in ms since 1970, as its last answer told it to the second; None before the first."""
        return self._transport.server_time_ms

    async def server_version(self) -> ServerVersion:
        """The server's version; asks for no permission."""
        return to_version(await self._transport.send(calls.get_server_version()))

    async def description(self) -> bytes:
        """What the server publishes about its own API, as it stands there; asks for no permission.

        Shape:  of what is larger than any could be, DESCRIPTION_LIMIT_BYTES and one more.
        Source: GET /api/spec.json, Immich 1.132 to 3.1.
        """
        return await self._transport.part(_DESCRIPTION, 0, DESCRIPTION_LIMIT_BYTES + 1)


def check_version(version: ServerVersion) -> None:
    """Nothing, if the server is as old as the oldest pinned version or newer.

    Errors: UnsupportedImmich naming both versions.
    """
    oldest = facts.PINS[0]
    if version.numbers < tuple(map(int, oldest.split("."))):
        raise UnsupportedImmich(f"Immich {version} is too old; the sidecar needs {oldest} or newer.")
