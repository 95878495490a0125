"""Each user's hook: the path that Immich calls, which nobody can guess, and the secret that it shows there."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sidecar.model import OwnerId

HOOKS_PATH = "/hooks/immich/"
_SCHEME = "Bearer "
_TOKEN_BYTES = 18


@dataclass(frozen=True, slots=True)
class Hook:
    """Where Immich is to send an owner's events, and what it is to show in the Authorization header.

    Shape:  url is None where Immich is not to send anything. marker is the end of the address, by which a workflow is
            known as this hook's whatever else was edited; it is half a secret.
    """

    url: str | None = field(repr=False)
    marker: str = field(repr=False)
    header_value: str = field(repr=False)

    def is_address(self, url: str) -> bool:
        """Whether this is the hook's address, or was it: before the sidecar moved, or before it got another key."""
        if url.endswith(self.marker):
            return True
        here, path, token = url.rpartition(HOOKS_PATH)
        return self.url is not None and here + self.marker == self.url and bool(path) and "/" not in token


class Hooks:
    """The hooks of all connected users, made from one key: the same key gives the same hooks, so that nothing is kept.

    Shape:  base_url is the sidecar's address as Immich's server sees it, without a slash at its end; None if it is not
            to be called. owner_ids are those who are connected now, whenever it is looked at.
    """

    def __init__(self, key: bytes, base_url: str | None, owner_ids: Collection[OwnerId]) -> None:
        self._key = key
        self._base_url = base_url
        self._owner_ids = owner_ids
        self._owners: dict[str, OwnerId] = {}
        self._tokens: dict[OwnerId, str] = {}

    def __repr__(self) -> str:
        return f"Hooks({self._base_url!r}, of {len(self._owner_ids)} users)"

    def of(self, owner_id: OwnerId) -> Hook:
        """This owner's hook."""
        marker = HOOKS_PATH + self._token(owner_id)
        return Hook(self._base_url + marker if self._base_url else None, marker, self._header_value(owner_id))

    def without(self, owner_id: OwnerId) -> Hook:
        """This owner's hook as that of somebody who is not to be heard any more."""
        return replace(self.of(owner_id), url=None)

    def owner_of(self, token: str) -> OwnerId | None:
        """Whose hook this is; None if it is nobody's who is connected, or if there are none."""
        if not self._base_url:
            return None
        if self._owners.get(token) not in self._owner_ids:
            self._owners = {self._token(owner_id): owner_id for owner_id in self._owner_ids}
        return self._owners.get(token)

    def admits(self, owner_id: OwnerId, header_value: str | None) -> bool:
        """Whether this is the secret of the owner's hook; how long it takes to say no tells nothing about it."""
        shown = (header_value or "").encode(errors="surrogateescape")
        return hmac.compare_digest(shown, self._header_value(owner_id).encode())

    def _token(self, owner_id: OwnerId) -> str:
        token = self._tokens.get(owner_id)
        if token is None:
            token = self._tokens[owner_id] = self._made_token(owner_id)
        return token

    def _made_token(self, owner_id: OwnerId) -> str:
        return urlsafe_b64encode(self._derived("path", owner_id)[:_TOKEN_BYTES]).decode()

    def _header_value(self, owner_id: OwnerId) -> str:
        return _SCHEME + self._derived("secret", owner_id).hex()

    def _derived(self, purpose: str, owner_id: OwnerId) -> bytes:
        return hmac.digest(self._key, f"immich hook {purpose} {owner_id}".encode(), sha256)
