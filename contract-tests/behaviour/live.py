"""`make contract VERSION=3.1.0`: starts a throw-away Immich of that version, runs the suite on it, and stops it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

FOLDER = Path(__file__).parents[1]
EMAIL, PASSWORD = "admin@example.com", "password"
PORT = 22_830
_UP_WITHIN_S = 300.0
_LOOK_EVERY_S = 1.0


def main(arguments: Sequence[str] | None = None, *, docker: str = "docker", up_within_s: float = _UP_WITHIN_S) -> int:
    """The suite's exit code; 2 if the server did not start.

    Shape:  what the server did goes into contract-tests/live/, and from there into docs/compatibility.md.
    """
    parser = argparse.ArgumentParser(prog="make contract VERSION=…", description=__doc__)
    parser.add_argument("version", help="an Immich release, such as 3.1.0")
    parser.add_argument("pytest", nargs="*", help="what else pytest is told, such as -k stacks")
    options, more = parser.parse_known_args(arguments)
    port = int(os.environ.get("IMMICH_PORT", PORT))
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "IMMICH_VERSION": options.version.removeprefix("v"), "IMMICH_PORT": str(port)}
    compose = [docker, "compose", "--file", str(FOLDER / "compose.yml")]
    try:
        started = subprocess.run([*compose, "up", "--detach", "--quiet-pull"], env=environment, check=False)
        if started.returncode or not _is_up(url, up_within_s):
            print(f"Immich {options.version} did not start at {url}.", file=sys.stderr)
            return 2
        _sign_up(url)
        suite = [sys.executable, "-m", "pytest", str(FOLDER / "behaviour"), "-m", "live", *options.pytest, *more]
        told = {
            "IMMICH_CONTRACT_URL": url,
            "IMMICH_CONTRACT_EMAIL": EMAIL,
            "IMMICH_CONTRACT_PASSWORD": PASSWORD,
            "IMMICH_CONTRACT_RECORD": os.environ.get("IMMICH_CONTRACT_RECORD", str(FOLDER / "live")),
        }
        return subprocess.run(suite, env={**environment, **told}, check=False).returncode
    finally:
        subprocess.run([*compose, "down", "--volumes"], env=environment, check=False)


def _is_up(url: str, within_s: float) -> bool:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        try:
            if httpx.get(f"{url}/api/server/ping", timeout=5.0).is_success:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(min(_LOOK_EVERY_S, within_s))
    return False


def _sign_up(url: str) -> None:
    """The first account; on a server that has one already, nothing."""
    account = {"email": EMAIL, "password": PASSWORD, "name": "Admin"}
    httpx.post(f"{url}/api/auth/admin-sign-up", json=account, timeout=30.0)


if __name__ == "__main__":
    sys.exit(main())
