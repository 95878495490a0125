"""Who asked, and under which address, as the connection and the trusted proxies before us tell it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from multidict import MultiMapping
from yarl import URL

from sidecar.settings import IPNetwork

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_SCHEMES = frozenset({"http", "https"})
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Who asked, and how they addressed us.

    Shape:  chain are the addresses on the way, the client's first, ours not among them; client is the nearest one that
            is no trusted proxy. host is empty where nobody said a usable one.
    """

    chain: tuple[str, ...]
    client: str
    proto: str
    host: str

    @property
    def origin(self) -> str | None:
        """Under which a browser knows us, such as `https://photos.example`; None where nobody said a usable host."""
        return origin_of(f"{self.proto}://{self.host}")

    @property
    def headers(self) -> dict[str, str]:
        """As proxies tell it.

        Source: Immich's documentation on reverse proxies asks for these.
        """
        told = {"X-Forwarded-For": ", ".join(self.chain), "X-Real-IP": self.client, "X-Forwarded-Proto": self.proto}
        return told | ({"X-Forwarded-Host": self.host} if self.host else {})


def forwarded(
    headers: MultiMapping[str], *, peer: str | None, scheme: str, host: str, trusted: Sequence[IPNetwork]
) -> Forwarded:
    """What is true of a request with these headers that came from the peer.

    Shape:  peer is the address at the other end of the connection, None where there is none; scheme and host are what
            the connection itself says. Of the headers, X-Forwarded-For, -Proto and -Host are read, and only if the
            peer is trusted; what is no address, scheme or host in them is left out.
    """
    sender = _address(peer or "")
    own_host = host if _HOST.fullmatch(host) else ""
    if sender is None or not _is_trusted(sender, trusted):
        name = str(sender or _UNKNOWN)
        return Forwarded((name,), name, scheme, own_host)
    told = [address for each in _listed(headers, "X-Forwarded-For") if (address := _address(each)) is not None]
    chain = [*told, sender]
    client = next((each for each in reversed(chain) if not _is_trusted(each, trusted)), chain[0])
    proto = next((each.lower() for each in _listed(headers, "X-Forwarded-Proto") if each.lower() in _SCHEMES), scheme)
    shown_host = next((each for each in _listed(headers, "X-Forwarded-Host") if _HOST.fullmatch(each)), own_host)
    return Forwarded(tuple(map(str, chain)), str(client), proto, shown_host)


def is_passed_on(headers: MultiMapping[str]) -> bool:
    """Whether a proxy says that it passes on what somebody else asked.

    Source: RFC 7239; Caddy and Traefik send X-Forwarded-For by themselves, nginx by our configuration.
    """
    return any(name in headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"))


def origin_of(address: str) -> str | None:
    """The origin of an address, without a default port; None for what has none, as `null`.

    Source: RFC 6454, section 6.2; the comparison of section 5 is then that of texts.
    """
    try:
        url = URL(address)
        return str(url.origin()) if url.scheme in _SCHEMES and url.user is None else None
    except ValueError:
        return None


def _listed(headers: MultiMapping[str], name: str) -> list[str]:
    return [each.strip() for value in headers.getall(name, ()) for each in value.split(",")]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    # Some proxies add the port: 203.0.113.7:4711, [2001:db8::7]:4711.
    bare = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    # A socket that listens for both kinds shows an IPv4 peer as an IPv6 address.
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[IPNetwork]) -> bool:
    return any(address in network for network in trusted)
