"""Connecting: a person's own credential makes the sidecar a key that may do exactly what it does; and the way back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from sidecar.accounts.vault import Vault
from sidecar.accounts.visitors import Visitor
from sidecar.errors import ContractBroken, ImmichMissing, ImmichRefused, NotAllowed, StaleDecision
from sidecar.immich_client.client import Immich
from sidecar.immich_client.permissions import EVERYTHING, Feature, feature_permissions, required_permissions
from sidecar.storage import accounts
from sidecar.storage.accounts import StoredAccount
from sidecar.storage.database import Database

KEY_NAME = "Immich sidecar"


def wanted_permissions(*, hears_webhooks: bool, is_admin: bool, everything: bool) -> frozenset[str]:
    """What a key has to hold, in Immich's names: what the sidecar calls under these settings, and nothing more.

    Shape:  everything asks for all that Immich knows, which is the only way to its websocket.
    """
    if everything:
        return frozenset({EVERYTHING})
    features = {Feature.REDO}
    if hears_webhooks:
        features.add(Feature.WEBHOOK)
    if is_admin:
        features.add(Feature.QUEUES)
    return required_permissions().union(*map(feature_permissions, features))


def lacking(wanted: frozenset[str], held: frozenset[str]) -> frozenset[str]:
    """What of this the key does not hold; nothing if it holds everything."""
    return frozenset() if EVERYTHING in held else wanted - held


async def connect(
    database: Database,
    vault: Vault,
    visitor: Visitor,
    immich: Immich,
    permissions: frozenset[str],
    *,
    now_ms: Callable[[], int],
) -> None:
    """Nothing; a key of the visitor's is in use, and what an earlier one left in Immich is gone.

    Shape:  immich is what the visitor's own credential opens. The name of the key is on record before Immich is asked
            for it, so that one which a kill left behind is found and deleted the next time.
    Errors: NotAllowed if the credential may not make such a key; StaleDecision if another attempt began meanwhile.
            Those of the client.
    """
    owner_id = visitor.user.id
    async with database.read() as connection:
        before = await accounts.get(connection, owner_id)
    name = f"{KEY_NAME} {uuid4().hex[:8]}"
    begun = await _begin(database, visitor, before, name, now_ms=now_ms())
    await _delete_left_behind(immich, before)
    try:
        made = await immich.create_api_key(name, permissions)
    except (ImmichRefused, ContractBroken) as error:
        async with database.write() as connection:
            await accounts.give_up(connection, owner_id, begun, former=None if before is None else before.attempt)
        raise NotAllowed("Immich does not let this session or key make such an API key.") from error
    async with database.write() as connection:
        is_ours = await accounts.connect(
            connection,
            owner_id,
            key_name=begun,
            sealed_key=vault.seal(made.secret, owner_id),
            key_id=made.id,
            now_ms=now_ms(),
        )
    if not is_ours:
        await _delete(immich, made.id)
        raise StaleDecision("another attempt to connect began meanwhile")
    if before is not None and before.key_id is not None:
        await _delete(immich, before.key_id)


async def disconnect(
    database: Database, visitor: Visitor, immich: Immich, *, is_forgotten: bool, now_ms: Callable[[], int]
) -> None:
    """Nothing; the visitor's key is in use no more, and Immich refuses it.

    Shape:  is_forgotten says that all that is remembered of the visitor goes, too; what Immich holds stays.
    Errors: those of the client, StaleDecision if an attempt to connect began meanwhile; it can be tried again.
    """
    async with database.read() as connection:
        stored = await accounts.get(connection, visitor.user.id)
    if stored is not None:
        name = f"{KEY_NAME} {uuid4().hex[:8]}"
        begun = await _begin(database, visitor, stored, name, now_ms=now_ms())
        await _delete_left_behind(immich, stored)
        if stored.key_id is not None:
            await _delete(immich, stored.key_id)
        stored = replace(stored, attempt=begun)
    async with database.write() as connection:
        is_done = await accounts.disconnect(
            connection,
            visitor.user.id,
            visitor.user.name,
            before=stored,
            is_forgotten=is_forgotten,
            now_ms=now_ms(),
        )
    if not is_done:
        raise StaleDecision("an attempt to connect began meanwhile")


async def _begin(database: Database, visitor: Visitor, before: StoredAccount | None, name: str, *, now_ms: int) -> str:
    """The attempt that is on record now, so that an earlier one does not end any more: the names of all keys of those.

    Errors: StaleDecision if the account is not as it was before.
    """
    begun = name if before is None or before.attempt is None else f"{before.attempt}\n{name}"
    async with database.write() as connection:
        is_first = await accounts.attempt(
            connection, visitor.user.id, visitor.user.name, begun, before=before, now_ms=now_ms
        )
    if not is_first:
        raise StaleDecision("another attempt to connect began meanwhile")
    return begun


async def _delete_left_behind(immich: Immich, stored: StoredAccount | None) -> None:
    """Deletes the keys of an attempt that somebody or something broke off."""
    if stored is not None and stored.attempt is not None:
        with suppress(ImmichRefused):  # whoever may make keys need not see them; then it stays, with its telling name
            for name in stored.attempt.split("\n"):
                for key_id in await immich.api_keys_called(name):
                    await _delete(immich, key_id)


async def _delete(immich: Immich, key_id: str) -> None:
    # Somebody has deleted it already; or the credential may not, and then the key stays where its user sees it.
    with suppress(ImmichMissing, ContractBroken, ImmichRefused):
        await immich.delete_api_key(key_id)
