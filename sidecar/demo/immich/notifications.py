"""Immich's bell: what an administrator lets a user be told."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.refusals import Refusal
from sidecar.demo.immich.routing import Ask, Needs, Operation, reply
from sidecar.demo.immich.rows import NotificationRow
from sidecar.demo.immich.times import iso_ms

_CUSTOM, _INFO = "Custom", "info"
_TYPES = ("JobFailed", "BackupFailed", "SystemMessage", "AlbumInvite", "AlbumUpdate", _CUSTOM)
_LEVELS = ("success", "error", "warning", _INFO)


async def _create(ask: Ask) -> web.StreamResponse:
    """Only administrators; a key has to hold `all`, as no permission is named.

    Source: the published descriptions 2.5.6 to 3.1.0; UNVERIFIED notification-defaults, notification-nobody.
    """
    fields = await ask.body()
    user_id = fields.uuid("userId", required=True) or ""
    title, description = fields.text("title", required=True) or "", fields.text("description")
    kind, level = fields.option("type", list(_TYPES)), fields.option("level", list(_LEVELS))
    fields.done()
    state = ask.state
    if user_id not in state.users:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")
    row = NotificationRow(state.new_id(), user_id, title, description, kind or _CUSTOM, level or _INFO, state.now_us())
    state.notifications.append(row)
    return reply(_fields(row), HTTPStatus.CREATED)


async def _list(ask: Ask) -> web.StreamResponse:
    """What the caller is told, newest first.

    Source: recording notifications; notification.repository.ts 3.1.0.
    """
    own = [row for row in ask.state.notifications if row.user_id == ask.caller.user.id]
    return reply([_fields(row) for row in reversed(own)])


def _fields(row: NotificationRow) -> dict[str, Any]:
    """What is null is left out: the descriptions let nothing be null here."""
    named = {
        "id": row.id,
        "createdAt": iso_ms(row.created_us),
        "level": row.level,
        "type": row.type,
        "title": row.title,
        "description": row.description,
    }
    return {name: value for name, value in named.items() if value is not None}


OPERATIONS = (
    Operation("POST", "/admin/notifications", _create, Needs.ALL, admin_only=True),
    Operation("GET", "/notifications", _list, "notification.read"),
)
