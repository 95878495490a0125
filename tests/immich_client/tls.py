"""An address that speaks TLS before a server that does not, with a certificate for 127.0.0.1 that nobody trusts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBjTCCATKgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAkxMjcuMC4w
LjEwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CTEyNy4wLjAuMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABITFwsBNmjaWakao
juL9ZRb6aZaPcbn8xT1I/wYM+3kVRHnUG0Ou5Dpyx2WIutV6VG4BjP721C0j9MpE
+GaJmjKjczBxMBoGA1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9zdDAPBgNVHRMBAf8E
BTADAQH/MB0GA1UdDgQWBBTfAC7uW501C+g5VMsR0Bz5ckCeYDAOBgNVHQ8BAf8E
BAMCAoQwEwYDVR0lBAwwCgYIKwYBBQUHAwEwCgYIKoZIzj0EAwIDSQAwRgIhAK30
GLS7QxDmPLI4HiK6OaTk9EugH7ZRHvOSs8U9Zhb+AiEA4xBjhuqPosrHOGDQXw0d
7pmeFsI+GV00LR1UQM8kWqc=
-----END CERTIFICATE-----
"""
_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrYRBxZzaXhZ0LDTT
mggi0bFoVqHHHEnB08mDko3xbcqhRANCAASExcLATZo2lmpGqI7i/WUW+mmWj3G5
/MU9SP8GDPt5FUR51BtDruQ6csdliLrVelRuAYz+9tQtI/TKRPhmiZoy
-----END PRIVATE KEY-----
"""


@asynccontextmanager
async def tls_before(port: int, folder: Path) -> AsyncIterator[str]:
    """The https address behind which the local port is found."""
    pem = folder / "server.pem"
    pem.write_text(CERTIFICATE + _KEY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    open_ways: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        for way in (_pipe(reader, inner_writer), _pipe(inner_reader, writer)):
            open_ways.add(asyncio.create_task(way))

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for way in open_ways:
            way.cancel()
        await asyncio.gather(*open_ways, return_exceptions=True)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        try:
            while piece := await reader.read(65_536):
                writer.write(piece)
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()
