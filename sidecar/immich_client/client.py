"""Immich in our words: the questions and changes that the product needs, for one credential."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from sidecar.immich_client.address import api_root
from sidecar.immich_client.albums import Albums
from sidecar.immich_client.api_keys import ApiKeys
from sidecar.immich_client.assets import Assets
from sidecar.immich_client.batch import ASSETS_AT_ONCE
from sidecar.immich_client.bell import Bell
from sidecar.immich_client.connections import Connections
from sidecar.immich_client.credential import Credential
from sidecar.immich_client.duplicates import Duplicates
from sidecar.immich_client.files import THUMBNAIL_LIMIT_BYTES, Files
from sidecar.immich_client.links import Links
from sidecar.immich_client.memos import MEMO_KEY, MEMOS_AT_ONCE, Memos
from sidecar.immich_client.permissions import Permissions, missing_permissions, required_permissions
from sidecar.immich_client.queues import Queues
from sidecar.immich_client.redo import Redo
from sidecar.immich_client.server import Server, check_version
from sidecar.immich_client.socket import Socket
from sidecar.immich_client.stacks import Stacks
from sidecar.immich_client.tags import Tags
from sidecar.immich_client.transport import Gate, Retries, Timeouts, Transport
from sidecar.immich_client.trash import Trash
from sidecar.immich_client.users import Users
from sidecar.immich_client.workflows import Workflows

__all__ = [
    "ASSETS_AT_ONCE",
    "MEMOS_AT_ONCE",
    "MEMO_KEY",
    "THUMBNAIL_LIMIT_BYTES",
    "Immich",
    "check_version",
    "missing_permissions",
    "open_connections",
    "open_immich",
    "required_permissions",
]


class Immich(
    Assets,
    Files,
    Stacks,
    Memos,
    Albums,
    Tags,
    Links,
    Trash,
    Duplicates,
    Users,
    ApiKeys,
    Workflows,
    Redo,
    Queues,
    Bell,
    Socket,
    Permissions,
    Server,
):
    """One user's Immich, as seen through one API key; use it as an async context manager.

    Shape:  each subject's questions and changes are in its own module; here they come together.
    Errors: every method raises ImmichUnavailable, ImmichRefused, NotImmich or ContractBroken where they apply; others
            are named with the method.
    """

    def __repr__(self) -> str:
        return f"Immich({self._transport.address!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Nothing; calls that are under way end first."""
        await self._transport.close()


def open_immich(
    url: str,
    credential: str | Credential | None,
    *,
    timeouts: Timeouts | None = None,
    retries: Retries | None = None,
    connections: int | Connections = 10,
    gate: Gate | None = None,
) -> Immich:
    """The Immich at this address for this API key, or for what a visitor showed; nothing is sent yet.

    Shape:  without a credential it answers what anybody may ask. connections that are given belong to
            who made them, who closes them too. gate is asked before each call.
    Units:  connections is how many calls run at once.
    Errors: SettingsError if the address or the credential cannot be used.
    """
    return Immich(Transport(url, credential, timeouts=timeouts, retries=retries, connections=connections, gate=gate))


def open_connections(url: str, *, limit: int) -> Connections:
    """Connections to the Immich at this address, for any number of credentials at once; no more than limit are used.

    Errors: SettingsError if the address cannot be used.
    """
    return Connections(api_root(url), limit=limit)
