"""Reads the two settings that say where Immich is and who we are there. Pure."""

from __future__ import annotations

import httpx

from sidecar.errors import SettingsError

_LAST_PORT = 65_535
_NO_ADDRESS = "IMMICH_URL must be an address such as http://immich-server:2283."


def api_root(url: str) -> httpx.URL:
    """The root of Immich's API, ending in `/api/`, whether or not the setting ends in `/api` or a slash.

    Errors: SettingsError, which never repeats the address: it may hold a password.
    """
    try:
        parsed = httpx.URL(url.strip())
        parsed.host.encode("idna")  # as the resolver will, where a label that is too long would crash the call
    except (httpx.InvalidURL, UnicodeError):
        raise SettingsError(_NO_ADDRESS) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or (parsed.port or 0) > _LAST_PORT:
        raise SettingsError(_NO_ADDRESS)
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise SettingsError("IMMICH_URL must be a plain address, without a user name, password, `?` or `#`.")
    path = parsed.path.rstrip("/").removesuffix("/api").rstrip("/")
    return parsed.copy_with(path=f"{path}/api/")


def usable_key(api_key: str) -> str:
    """The API key without surrounding blanks.

    Errors: SettingsError, which never repeats the key, if no HTTP header could carry it.
    """
    key = api_key.strip()
    if not key:
        raise SettingsError("An API key in SIDECAR_API_KEYS is empty.")
    if not is_usable(key):
        raise SettingsError("An API key in SIDECAR_API_KEYS holds characters that no key of Immich has.")
    return key


def is_usable(secret: str) -> bool:
    """Whether this may be a key or a token of Immich's: one word, which a header can carry."""
    return secret != "" and secret.isascii() and secret.isprintable() and " " not in secret
