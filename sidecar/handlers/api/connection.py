"""Connecting the sidecar, by whoever is signed in at Immich; and who they are."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec

from sidecar.accounts import connecting
from sidecar.errors import ImmichRefused, ImmichUnavailable
from sidecar.handlers.api.operation import Asked, For, Nothing, Operation
from sidecar.handlers.connecting import can_connect, join, part, wanted_permissions
from sidecar.model import OwnerId
from sidecar.storage import accounts
from sidecar.wiring import Services


class KeyState(StrEnum):
    """What Immich says of the key with which the sidecar works for somebody."""

    NONE = "none"
    WORKS = "works"
    TOO_NARROW = "too_narrow"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Connection(msgspec.Struct, frozen=True):
    """The caller and their connection.

    Shape:  is_headless says that the server's owner has set the key, which is not changed here. wanted are the
            permissions that a key made now would hold, missing those that the present one lacks.
    """

    user_id: str
    name: str
    is_admin: bool
    is_connected: bool
    is_headless: bool
    can_connect: bool
    connected_at_ms: int | None
    key: KeyState
    wanted: list[str]
    missing: list[str]


class Connect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to connect: everything makes a key that may do all that the caller may, for Immich's websocket."""

    everything: bool = False


class Disconnect(msgspec.Struct, frozen=True):
    """How to disconnect: forget takes away all that the sidecar remembers of the caller, decisions and undo with it."""

    forget: bool = False


async def get(asked: Asked[Nothing, Nothing]) -> Connection:
    """Who asks, and whether and how the sidecar works for them."""
    return await _connection(asked)


async def connect(asked: Asked[Nothing, Connect]) -> Connection:
    """The connection, made or made anew; the first scan begins."""
    await join(asked.services, asked.visitor, everything=asked.body.everything)
    return await _connection(asked)


async def disconnect(asked: Asked[Disconnect, Nothing]) -> None:
    """The webhook, the key and the account are gone; what is stacked stays so."""
    await part(asked.services, asked.visitor, forget=asked.query.forget)


async def _connection(asked: Asked[Any, Any]) -> Connection:
    services, user = asked.services, asked.visitor.user
    async with services.database.read() as connection:
        stored = await accounts.get(connection, user.id)
    wanted = wanted_permissions(services, user)
    key, missing = await _key_state(services, user.id, wanted)
    is_headless = user.id in services.accounts.headless
    return Connection(
        user_id=user.id,
        name=user.name,
        is_admin=user.is_admin,
        is_connected=user.id in services.accounts.connected,
        is_headless=is_headless,
        can_connect=can_connect(services, user.id),
        connected_at_ms=stored.connected_at_ms if stored is not None and stored.sealed_key is not None else None,
        key=key,
        wanted=sorted(wanted),
        missing=sorted(missing),
    )


async def _key_state(services: Services, owner_id: OwnerId, wanted: frozenset[str]) -> tuple[KeyState, frozenset[str]]:
    account = services.accounts.connected.get(owner_id)
    if account is None:
        return KeyState.NONE, frozenset()
    try:
        missing = connecting.lacking(wanted, await account.immich.permissions())
    except ImmichRefused:
        return KeyState.REFUSED, frozenset()
    except ImmichUnavailable:
        return KeyState.UNKNOWN, frozenset()
    return (KeyState.TOO_NARROW if missing else KeyState.WORKS), missing


_OWN_ONLY = ((HTTPStatus.CONFLICT, "The owner of the server has set the key, or has to set a secret first."),)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="getConnection",
        method="GET",
        path="/connection",
        summary="Who the caller is, and whether the sidecar works for them",
        handler=get,
        answer=Connection,
        needs=For.SIGNED_IN,
        tag="connection",
    ),
    Operation(
        id="connect",
        method="POST",
        path="/connection",
        summary="Let the sidecar work for the caller, with an API key of its own",
        handler=connect,
        answer=Connection,
        body=Connect,
        needs=For.SIGNED_IN,
        problems=_OWN_ONLY,
        tag="connection",
    ),
    Operation(
        id="disconnect",
        method="DELETE",
        path="/connection",
        summary="Let the sidecar not work for the caller any more",
        handler=disconnect,
        query=Disconnect,
        needs=For.SIGNED_IN,
        problems=_OWN_ONLY,
        tag="connection",
    ),
)
