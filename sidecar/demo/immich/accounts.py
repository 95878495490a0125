"""Signing in, users and API keys."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidecar.demo.immich.fields import Fields
from sidecar.demo.immich.permissions import is_granted, permission_names
from sidecar.demo.immich.refusals import Invalid, Issue, Refusal, bad_request
from sidecar.demo.immich.routing import Ask, Needs, Operation, no_content, reply
from sidecar.demo.immich.rows import ApiKeyRow, UserRow
from sidecar.demo.immich.state import State
from sidecar.demo.immich.times import iso_ms
from sidecar.demo.immich.wire import owner_fields

_COOKIE_AGE_S = 34_560_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")


def create_user(state: State, *, email: str, name: str, password: str, is_admin: bool = False) -> UserRow:
    """A new account.

    Errors: Refusal 400 if the address is taken.
    Source: recording create-user-ann; live 3.1.0: a taken address, upper case at login.
    """
    address = email.lower()
    if any(user.email == address for user in state.users.values()):
        raise bad_request("Email is not available")
    user = UserRow(state.new_id(), address, name, password, is_admin, state.now_us())
    state.users[user.id] = user
    return user


def create_session(state: State, user: UserRow) -> str:
    """A session's token."""
    token = state.new_secret()
    state.sessions[token] = user.id
    return token


def create_api_key(state: State, user: UserRow, *, name: str, permissions: tuple[str, ...]) -> ApiKeyRow:
    """A new key, secret included.

    Source: recording create-api-key-narrow.
    """
    api_key = ApiKeyRow(state.new_id(), state.new_secret(), name, user.id, permissions, state.now_us())
    state.api_keys[api_key.secret] = api_key
    return api_key


def user_fields(user: UserRow) -> dict[str, Any]:
    """UserAdminResponseDto.

    Source: recordings create-user-ann, me-bearer.
    """
    created = iso_ms(user.created_us)
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "profileImagePath": "",
        "avatarColor": "primary",
        "profileChangedAt": created,
        "storageLabel": "admin" if user.is_admin else None,
        "shouldChangePassword": True,
        "isAdmin": user.is_admin,
        "createdAt": created,
        "deletedAt": None,
        "updatedAt": created,
        "oauthId": "",
        "quotaSizeInBytes": None,
        "quotaUsageInBytes": 0,
        "status": "active",
        "license": None,
    }


def _key_fields(api_key: ApiKeyRow) -> dict[str, Any]:
    created = iso_ms(api_key.created_us)
    return {
        "id": api_key.id,
        "name": api_key.name,
        "createdAt": created,
        "updatedAt": created,
        "permissions": list(api_key.permissions),
    }


def _email(fields: Fields) -> str:
    """The body's address.

    Source: live 3.1.0.
    """
    email = fields.text("email") or ""
    if not _EMAIL.fullmatch(email):
        details = {"origin": "string", "code": "invalid_format", "format": "email"}
        message = "Invalid input: expected email, received string"
        raise Invalid([Issue(path=("email",), message=message, legacy=("email must be an email",), details=details)])
    return email


async def _partners(ask: Ask) -> web.StreamResponse:
    """Those who share with the caller, or those whom the caller shares with.

    Source: partner.service.ts search, 3.1.0.
    """
    fields = ask.query
    direction = fields.option("direction", ("shared-by", "shared-with"), required=True)
    fields.done()
    user_id, users = ask.caller.user.id, ask.state.users
    answer = []
    for (by, receiver), in_timeline in ask.state.partners.items():
        mine, other = (by, receiver) if direction == "shared-by" else (receiver, by)
        if mine == user_id:
            answer.append({**owner_fields(users[other]), "inTimeline": in_timeline})
    return reply(answer)


async def _preferences(ask: Ask) -> web.StreamResponse:
    """What a new account prefers.

    Source: recording preferences of both versions.
    """
    shown = {"enabled": True, "sidebarWeb": False}
    hidden = {"enabled": False, "sidebarWeb": False}
    answer: dict[str, Any] = {
        "albums": {"defaultAssetOrder": "desc"},
        "folders": hidden,
        "memories": {"enabled": True, "duration": 5},
        "people": shown,
        "sharedLinks": shown,
        "ratings": {"enabled": False},
        "tags": hidden,
        "emailNotifications": {"enabled": True, "albumInvite": True, "albumUpdate": True},
        "download": {"archiveSize": 4 * 1024**3, "includeEmbeddedVideos": False},
        "purchase": {"showSupportBadge": True, "hideBuyButtonUntil": "2022-02-12T00:00:00.000Z"},
        "cast": {"gCastEnabled": False},
    }
    if ask.state.behaviour.does("sidebar_recent"):
        answer |= {"people": {**shown, "minimumFaces": 3}, "recentlyAdded": {"sidebarWeb": False}}
    return reply(answer)


async def _create_session(ask: Ask) -> web.StreamResponse:
    """A session beside the caller's own, with its token.

    Source: recordings session-with-key, session-from-session.
    """
    fields = await ask.body()
    device_type, device_os = fields.text("deviceType"), fields.text("deviceOS")
    fields.done()
    if ask.caller.token is None:
        raise bad_request("This endpoint can only be used with a session token")
    state = ask.state
    token, created = create_session(state, ask.caller.user), iso_ms(state.now_us())
    answer = {
        "id": state.new_id(),
        "createdAt": created,
        "updatedAt": created,
        "current": False,
        "appVersion": None,
        "deviceOS": device_os or "",
        "deviceType": device_type or "",
        "isPendingSyncReset": False,
        "token": token,
    }
    return reply(answer, HTTPStatus.CREATED)


def set_session_cookies(response: web.StreamResponse, token: str) -> None:
    """The cookies that a browser is given when it signs in.

    Source: recording login.
    """
    cookies = {"immich_access_token": token, "immich_auth_type": "password", "immich_is_authenticated": "true"}
    for name, value in cookies.items():
        is_hidden = name != "immich_is_authenticated"
        response.set_cookie(name, value, max_age=_COOKIE_AGE_S, httponly=is_hidden, samesite="Lax")


async def _login(ask: Ask) -> web.StreamResponse:
    """Token and cookies.

    Source: recordings login, login-wrong-password.
    """
    fields = await ask.body()
    password = fields.text("password", required=True)
    email = _email(fields).lower()
    fields.done()
    user = next((user for user in ask.state.users.values() if user.email == email), None)
    if user is None or user.password != password:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Incorrect email or password")
    token = create_session(ask.state, user)
    response = reply(
        {
            "accessToken": token,
            "userId": user.id,
            "userEmail": user.email,
            "name": user.name,
            "isAdmin": user.is_admin,
            "profileImagePath": "",
            "shouldChangePassword": True,
            "isOnboarded": False,
        },
        HTTPStatus.CREATED,
    )
    set_session_cookies(response, token)
    return response


async def _logout(ask: Ask) -> web.StreamResponse:
    """The session ends; a key stays.

    Source: recordings logout, after-logout; live 3.1.0 with a key.
    """
    if ask.caller.token:
        ask.state.sessions.pop(ask.caller.token, None)
    response = reply({"successful": True, "redirectUri": "/auth/login?autoLaunch=0"})
    for name in ("immich_access_token", "immich_auth_type", "immich_is_authenticated"):
        response.del_cookie(name)
    return response


async def _validate_token(_: Ask) -> web.StreamResponse:
    """Source: recording validate-token; live 3.1.0 with a key."""
    return reply({"authStatus": True})


async def _sign_up(ask: Ask) -> web.StreamResponse:
    """The first account, an admin.

    Source: auth.service.ts adminSignUp 3.1.0; live 3.1.0: only once.
    """
    fields = await ask.body()
    name, password = fields.text("name", required=True), fields.text("password", required=True)
    email = _email(fields)
    fields.done()
    if any(user.is_admin for user in ask.state.users.values()):
        raise bad_request("The server already has an admin")
    user = create_user(ask.state, email=email, name=name or "", password=password or "", is_admin=True)
    return reply(user_fields(user), HTTPStatus.CREATED)


async def _create_user(ask: Ask) -> web.StreamResponse:
    fields = await ask.body()
    name, password = fields.text("name", required=True), fields.text("password", required=True)
    email = _email(fields)
    is_admin = fields.boolean("isAdmin")
    fields.done()
    user = create_user(ask.state, email=email, name=name or "", password=password or "", is_admin=bool(is_admin))
    return reply(user_fields(user), HTTPStatus.CREATED)


async def _me(ask: Ask) -> web.StreamResponse:
    """Source: recordings me-bearer, me-cookie."""
    return reply(user_fields(ask.caller.user))


async def _create_key(ask: Ask) -> web.StreamResponse:
    """A key may only hand on what it holds.

    Source: recordings create-api-key-narrow, create-api-key-unknown-permission; live 3.1.0 for the rest.
    """
    fields = await ask.body()
    permissions = fields.options("permissions", permission_names(ask.state.behaviour))
    name = fields.text("name")
    fields.done()
    holder = ask.caller.api_key
    if holder and not is_granted(wanted=permissions, held=holder.permissions):
        raise bad_request("Cannot grant permissions you do not have")
    api_key = create_api_key(ask.state, ask.caller.user, name=name or "API Key", permissions=tuple(permissions))
    return reply({"secret": api_key.secret, "apiKey": _key_fields(api_key)}, HTTPStatus.CREATED)


async def _my_key(ask: Ask) -> web.StreamResponse:
    """Source: recordings api-key-me, api-key-me-with-session."""
    if ask.caller.api_key is None:
        raise Refusal(HTTPStatus.FORBIDDEN, "Not authenticated with an API Key")
    return reply(_key_fields(ask.caller.api_key))


async def _list_keys(ask: Ask) -> web.StreamResponse:
    """Newest first.

    Source: live 3.1.0.
    """
    own = [key for key in ask.state.api_keys.values() if key.user_id == ask.caller.user.id]
    return reply([_key_fields(key) for key in reversed(own)])


async def _delete_key(ask: Ask) -> web.StreamResponse:
    """Source: recordings delete-api-key, deleted-key; live 3.1.0 for a foreign and a missing key."""
    key_id = ask.path_id()
    keys = ask.state.api_keys
    secret = next((key.secret for key in keys.values() if (key.id, key.user_id) == (key_id, ask.caller.user.id)), None)
    if secret is None:
        raise bad_request("API Key not found")
    del keys[secret]
    return no_content()


OPERATIONS = (
    Operation("POST", "/auth/login", _login, Needs.NOTHING),
    Operation("POST", "/auth/logout", _logout, Needs.ALL),
    Operation("POST", "/auth/validateToken", _validate_token, Needs.LOGIN),
    Operation("POST", "/auth/admin-sign-up", _sign_up, Needs.NOTHING),
    Operation("POST", "/admin/users", _create_user, "adminUser.create", admin_only=True),
    Operation("GET", "/users/me", _me, "user.read"),
    Operation("GET", "/users/me/preferences", _preferences, "userPreference.read"),
    Operation("POST", "/sessions", _create_session, "session.create"),
    Operation("GET", "/partners", _partners, "partner.read"),
    Operation("POST", "/api-keys", _create_key, "apiKey.create"),
    Operation("GET", "/api-keys", _list_keys, "apiKey.read"),
    Operation("GET", "/api-keys/me", _my_key, Needs.LOGIN),
    Operation("DELETE", "/api-keys/{id}", _delete_key, "apiKey.delete"),
)
