"""A process of the pool in which some files do what no decoder should: the tests start it instead of the real one."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from sidecar.duplicates.fingerprint import Samples
from sidecar.media.isolated import main
from sidecar.media.samples import samples_of

_leaked: list[bytearray] = []


def decode(data: bytes | Path, name: str) -> Samples:  # noqa: C901  # one way to die after another
    """What the name asks for; a picture otherwise."""
    match name:
        case "exit":
            os._exit(3)
        case "crash":
            ctypes.string_at(0)
        case "hang":
            time.sleep(1000)
        case "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "poison":  # crashes whoever comes next, as memory in disorder does
            _leaked.append(bytearray(1))
        case "swell":
            _leaked.append(bytearray(64 * 1024**3))
        case "shout":
            print("x" * 100_000, flush=True)  # noqa: T201
        case "lie":
            os.write(3, b"\0\0\0\3abc")
        case "rant":
            os.write(3, b"\xff\xff\xff\xff")
        case "short":
            return Samples(b"", b"", 1, 1)
        case "raise":
            raise ValueError
        case _ if _leaked and name == "next":
            os._exit(4)
    return samples_of(data, name)


if __name__ == "__main__":
    main(sys.argv[1:], decode)
