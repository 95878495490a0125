"""What shows Immich who is asking: an API key, or a person's session. Plain values that never print what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sidecar.errors import SettingsError
from sidecar.immich_client.address import is_usable


class CredentialKind(StrEnum):
    """How Immich knows whose the credential is."""

    KEY = "key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Credential:
    """One API key, or the token of one session.

    Shape:  a cookie's token is shown as a Bearer token, which is
            the same to Immich.

    Source: auth.service.ts of Immich 2.5.6 to 3.1.0.
    """

    kind: CredentialKind
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        """Nothing.

        Errors: SettingsError, which does not repeat it, for what no header could carry.
        """
        if not is_usable(self.secret):
            raise SettingsError("A credential for Immich holds characters that no credential has.")

    @property
    def header(self) -> tuple[str, str]:
        """The one header that carries it, in small letters."""
        if self.kind is CredentialKind.KEY:
            return ("x-api-key", self.secret)
        return ("authorization", f"Bearer {self.secret}")
