"""The real Caddy and the real nginx, with the files that we ship."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.deploy.compose import ROOT


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


@asynccontextmanager
async def running(*command: str, port: int, **environment: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": "/usr/sbin:/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        for _ in range(400):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.returncode is None, (await process.communicate())[0].decode()
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                break
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


Gateway = Callable[[Path, str, str, str], Awaitable[tuple[list[str], dict[str, str], int]]]


async def caddy(folder: Path, immich: str, sidecar: str, base_path: str) -> tuple[list[str], dict[str, str], int]:
    port = free_port()
    return (
        ["caddy", "run", "--adapter", "caddyfile", "--config", str(ROOT / "deploy" / "Caddyfile")],
        {
            "SIDECAR_GATEWAY_ADDRESS": f"http://127.0.0.1:{port}",
            "SIDECAR_BASE_PATH": base_path,
            "SIDECAR_UPSTREAM": sidecar,
            "IMMICH_UPSTREAM": immich,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        },
        port,
    )


async def nginx(folder: Path, immich: str, sidecar: str, base_path: str) -> tuple[list[str], dict[str, str], int]:
    port = free_port()
    ours = (ROOT / "deploy" / "nginx.conf").read_text()
    for there, here in (
        ("server immich-server:2283;", f"server {immich};"),
        ("server sidecar:8080;", f"server {sidecar};"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("location = /sidecar {", f"location = {base_path} {{"),
        ("location /sidecar/ {", f"location {base_path}/ {{"),
    ):
        assert there in ours
        ours = ours.replace(there, here)
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off;\nuser root;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}\n{ours}\n}}\n"
    )
    return ["nginx", "-c", str(path), "-p", str(folder)], {}, port


GATEWAYS: dict[str, Gateway] = {"caddy": caddy, "nginx": nginx}


@asynccontextmanager
async def gateway(name: str, folder: Path, immich: str, sidecar: str, base_path: str) -> AsyncIterator[str]:
    """The address under which both are, while the gateway runs."""
    command, environment, port = await GATEWAYS[name](folder, immich, sidecar, base_path)
    async with running(*command, port=port, **environment):
        yield f"http://127.0.0.1:{port}"


def is_installed(name: str) -> bool:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/bin") is not None
