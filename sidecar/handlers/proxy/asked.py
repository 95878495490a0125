"""One request on its way through the proxy: everything about it that was checked."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from sidecar.handlers.forwarded import Forwarded
from sidecar.handlers.proxy.headers import RawHeaders, for_immich, for_visitor
from sidecar.handlers.proxy.target import Target
from sidecar.immich_client.credential import Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bearings:
    root: URL
    prefix: str
    keeps_cookies: bool


@dataclass(frozen=True, slots=True)
class Asked(_Bearings):
    """What is asked, by whom, and from where.

    Shape:  credential is None where nobody has to sign in. root is the address of Immich's API, prefix the path that
            stands for it here. keeps_cookies says that Immich may set cookies with its answer.
    """

    request: web.Request
    target: Target
    credential: Credential | None
    forwarded: Forwarded

    @property
    def url(self) -> URL:
        """Where Immich is asked; below its own address whatever was sent."""
        return URL(f"{self.root}{self.target.relative_url}", encoded=True)

    def headers_to_immich(self) -> CIMultiDict[str]:
        """The visitor's headers, as Immich is shown them."""
        return for_immich(self.request.raw_headers, self.credential, self.forwarded.headers.items())

    def headers_to_visitor(self, raw: RawHeaders) -> CIMultiDict[str]:
        """Immich's headers, as the visitor is shown them."""
        return for_visitor(raw, keeps_cookies=self.keeps_cookies, root=self.root, prefix=self.prefix)
