"""The emulated Immich as a process of its own: `python -m sidecar.demo.immich --port 0 --assets 1000 --announce`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys

import msgspec

from sidecar.demo.immich.server import EmulatedImmich
from sidecar.demo.immich.synthetic import synthetic_library


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    asyncio.run(_serve(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sidecar.demo.immich", description="Serve an emulated Immich.")
    parser.add_argument("--version", default="3.1.0", help="the Immich version to behave as")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--assets", type=int, default=0, help="synthetic assets per user")
    parser.add_argument("--users", type=int, default=1, help="ordinary users beside the admin")
    parser.add_argument("--delay-ms", type=int, default=0, help="wait before every answer")
    parser.add_argument("--announce", action="store_true", help="print url and credentials as one line of JSON")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    immich = EmulatedImmich(options.version, host=options.host, port=options.port)
    immich.traffic.answer_delay_s = options.delay_ms / 1000
    admin = immich.add_user("admin", is_admin=True)
    users = [immich.add_user(f"user{number}") for number in range(1, options.users + 1)]
    for user in users:
        immich.add_assets(user, synthetic_library(options.assets))
    gc.freeze()  # a large library is there for good; walking it again and again would be most of the work
    async with immich:
        if options.announce:
            told = {
                "url": immich.url,
                "admin": {"email": admin.email, "password": admin.password, "key": immich.add_key(admin)},
                "users": [{"id": user.id, "email": user.email, "key": immich.add_key(user)} for user in users],
            }
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
            sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    main()
