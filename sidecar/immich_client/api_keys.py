"""API keys of whoever is asking: made when they connect the sidecar, deleted when they disconnect it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sidecar.immich_client._generated import calls
from sidecar.immich_client.conversation import Conversation


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that Immich has just made; the secret is told this once."""

    id: str
    secret: str = field(repr=False)


class ApiKeys(Conversation):
    """The keys of the user whose credential this is."""

    async def create_api_key(self, name: str, permissions: Iterable[str]) -> NewApiKey:
        """A new key that may do exactly this.

        Errors: ImmichRefused if the credential may not make keys; ContractBroken if it may not hand on what it does not
                hold itself, or the server does not know a permission.
        """
        made = await self._transport.send(calls.create_api_key(name=name, permissions=sorted(permissions)))
        return NewApiKey(made.api_key.id, made.secret)

    async def api_keys_called(self, name: str) -> tuple[str, ...]:
        """The ids of the user's keys of exactly this name."""
        return tuple(key.id for key in await self._transport.send(calls.get_api_keys()) if key.name == name)

    async def delete_api_key(self, key_id: str) -> None:
        """Nothing; the key is refused from now on.

        Errors: ImmichMissing or ContractBroken if the user has no such key.
        """
        await self._transport.send(calls.delete_api_key(id=key_id))
