"""Secrets at rest: sealed under the sidecar's own key, each for the one row that it stands in."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hashlib import sha256
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sidecar.errors import SettingsError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SCHEME = "1"


class Vault:
    """Seals under the first of its keys, and opens what was sealed under any.

    Shape:  a sealed secret is a scheme, which key it is under, and AES-256-GCM over it in base64; its purpose is bound
            into it, so that a row's secret opens in no other row.
    Source: NIST SP 800-38D; RFC 5869 for the keys.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        derived = [HKDF(SHA256(), _KEY_BYTES, None, b"immich sidecar vault").derive(key) for key in keys]
        self._keys = {sha256(key).hexdigest()[:8]: AESGCM(key) for key in derived}
        self._current = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Vault({len(self._keys)} keys)"

    def seal(self, secret: str, purpose: str) -> str:
        """The secret as it may lie in a database."""
        nonce = token_bytes(_NONCE_BYTES)
        sealed = self._keys[self._current].encrypt(nonce, secret.encode(), purpose.encode())
        return f"{_SCHEME}:{self._current}:{b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, purpose: str) -> str:
        """The secret.

        Errors: SettingsError if it was sealed under a key that is not known, for another purpose, or is damaged.
        """
        scheme, _, rest = sealed.partition(":")
        name, _, content = rest.partition(":")
        key = self._keys.get(name) if scheme == _SCHEME else None
        if key is None:
            raise SettingsError(
                "a stored API key was sealed under another secret: set SIDECAR_FORMER_SECRET, put sidecar.key back, or "
                "connect again"
            )
        try:
            whole = b64decode(content, validate=True)
            return key.decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, Base64Error, ValueError) as error:
            raise SettingsError("a stored API key is damaged: connect again") from error

    def is_current(self, sealed: str) -> bool:
        """Whether it is sealed under the first key, and need not be sealed anew."""
        return sealed.startswith(f"{_SCHEME}:{self._current}:")
