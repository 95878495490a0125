"""Who is asking, by Immich's precedence of credentials, and which assets they may touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from sidecar.demo.immich.permissions import is_granted
from sidecar.demo.immich.refusals import Refusal, no_access
from sidecar.demo.immich.rows import ApiKeyRow, AssetRow, UserRow
from sidecar.demo.immich.state import State
from sidecar.model import Visibility

_SHARE_HEADERS = ("x-immich-share-key", "x-immich-share-slug")
_SHARE_QUERIES = ("key", "slug")
_SESSION_HEADERS = ("x-immich-user-token", "x-immich-session-token")
_SESSION_QUERY = "sessionKey"
_SESSION_COOKIE = "immich_access_token"
_KEY_HEADER = "x-api-key"
_KEY_QUERY = "apiKey"
_SEEN_BY_PARTNERS = frozenset({Visibility.TIMELINE, Visibility.HIDDEN})


@dataclass(frozen=True, slots=True)
class Caller:
    """A recognised user with the credential that was looked at: a session's token or an API key."""

    user: UserRow
    token: str | None = None
    api_key: ApiKeyRow | None = None

    def require(self, permission: str) -> None:
        """Refuse a key that lacks the permission; sessions may do everything.

        Source: recordings me-with-narrow-key, original-narrow-key, stack-create-narrow-key.
        """
        if self.api_key and not is_granted(wanted=[permission], held=self.api_key.permissions):
            raise Refusal(HTTPStatus.FORBIDDEN, f"Missing required permission: {permission}")


def recognise(request: web.Request, state: State, *, by_headers_alone: bool = False) -> Caller:
    """The caller by the strongest credential of the request; a weaker valid one does not help.

    Shape:  by_headers_alone leaves out the query, as websockets do.
    Errors: Refusal 401.
    Source: auth.service.ts:247-273 in 3.1.0; recordings me-bearer, me-cookie, me-nobody, me-wrong-key,
            after-logout; live 3.1.0 for every pair of two.
    """
    headers = request.headers
    query: Mapping[str, str] = {} if by_headers_alone else request.query
    if any(headers.get(name) for name in _SHARE_HEADERS) or any(query.get(name) for name in _SHARE_QUERIES):
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid share key")
    if token := _session_token(request, query):
        user_id = state.sessions.get(token)
        if user_id is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid user token")
        return Caller(user=state.users[user_id], token=token)
    if secret := headers.get(_KEY_HEADER) or query.get(_KEY_QUERY):
        api_key = state.api_keys.get(secret)
        if api_key is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid API key")
        return Caller(user=state.users[api_key.user_id], api_key=api_key)
    raise Refusal(HTTPStatus.UNAUTHORIZED, "Authentication required")


def _session_token(request: web.Request, query: Mapping[str, str]) -> str | None:
    for name in _SESSION_HEADERS:
        if token := request.headers.get(name):
            return token
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return (
        query.get(_SESSION_QUERY)
        or (bearer if scheme.lower() == "bearer" else None)
        or request.cookies.get(_SESSION_COOKIE)
    )


def own_assets(caller: Caller, asset_ids: Iterable[str], state: State, permission: str) -> list[AssetRow]:
    """The caller's own assets of these ids; one that is unknown, foreign or locked refuses all.

    Errors: Refusal 400.
    Source: recordings stack-create-unknown, stack-create-foreign, trash-foreign; live 3.1.0 for locked and mixed lists.
    """
    found = [state.assets.get(asset_id) for asset_id in asset_ids]
    allowed = [row for row in found if row is not None and _owns(caller, row)]
    if len(allowed) != len(found):
        raise no_access(permission)
    return allowed


def visible_asset(caller: Caller, asset_id: str, state: State, permission: str) -> AssetRow:
    """An asset that the caller may look at: their own, a partner's, or one in an album that they take part in.

    Errors: Refusal 400.
    Source: recordings asset-other-user, asset-unknown; partners: live 3.1.0; albums: utils/access.ts 3.1.0.
    """
    row = state.assets.get(asset_id)
    if row is None or not (may_share(caller, row, state) or _is_in_album(caller, row, state)):
        raise no_access(permission)
    return row


def may_share(caller: Caller, row: AssetRow, state: State) -> bool:
    """Whether the caller may put the asset into albums, tags and links: their own and partners'.

    Source: Permission.AssetShare, utils/access.ts 3.1.0.
    """
    return _owns(caller, row) or _is_partners(caller, row, state)


def _is_in_album(caller: Caller, row: AssetRow, state: State) -> bool:
    return row.deleted_us is None and any(
        row.id in album.assets and caller.user.id in album.users for album in state.albums.values()
    )


def _owns(caller: Caller, row: AssetRow) -> bool:
    return row.owner_id == caller.user.id and row.visibility is not Visibility.LOCKED


def _is_partners(caller: Caller, row: AssetRow, state: State) -> bool:
    is_shared = (row.owner_id, caller.user.id) in state.partners
    return is_shared and row.deleted_us is None and row.visibility in _SEEN_BY_PARTNERS
