"""The program of one process of the pool: files come in, samples or flaws go out, one answer for each file.

Whatever happens to this process, by a decoder's mistake or on purpose, happens to nobody else. It reads what it is sent
or told to open, and answers in a form that can hold nothing but samples.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from sidecar.media.errors import Flaw, UndecodableMedia

if TYPE_CHECKING:
    from sidecar.duplicates.fingerprint import Samples

Decode = Callable[[bytes | Path, str], "Samples"]

LENGTH = struct.Struct(">I")
"""How long the message is that follows."""

READY = b"ready"
"""The first message: everything is loaded, and whatever ends the process from now on is a file."""

NUMERIC_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What numpy's libraries ask for how many threads to start; the pool has a process for each core as it is."""


_DETAIL_LIMIT = 500


class Order(msgspec.Struct, array_like=True):
    """One file: either its bytes, or where it lies."""

    name: str
    data: bytes = b""
    path: str = ""


class Answer(msgspec.Struct, array_like=True):
    """What came of one file: samples, or a flaw."""

    luma: bytes = b""
    colours: bytes = b""
    width: int = 0
    height: int = 0
    flaw: Flaw | None = None
    detail: str = ""


def main(arguments: Sequence[str], decode: Decode | None = None) -> None:
    """Nothing, once the pool has closed its end.

    Shape:  arguments are the limits: bytes of address space, and milliseconds for each file. decode is what is done
            with a file; by default its samples are taken.
    """
    memory_bytes, timeout_ms = map(int, arguments)
    # A terminal's or a service manager's signal is for the pool; this process ends when the pool is gone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answers = _private_output()
    for variable in NUMERIC_THREADS:
        os.putenv(variable, "1")  # before numpy is loaded, which asks once
    from sidecar.media.samples import samples_of  # noqa: PLC0415  # numpy is loaded here

    _limit(resource.RLIMIT_CORE, 0)  # nobody's picture is left on the disk
    _limit(resource.RLIMIT_AS, memory_bytes)
    with suppress(BrokenPipeError):
        _send(answers, READY)
        _serve(sys.stdin.buffer, answers, decode or samples_of, timeout_s=timeout_ms / 1000)


def _serve(orders: IO[bytes], answers: IO[bytes], decode: Decode, *, timeout_s: float) -> None:
    while length := orders.read(LENGTH.size):
        order = msgspec.msgpack.decode(orders.read(*LENGTH.unpack(length)), type=Order)
        # The signal ends the process in the middle of any library, also when the pool is gone.
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        answer = _answered(order, decode)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, msgspec.msgpack.encode(answer))


def _answered(order: Order, decode: Decode) -> Answer:
    try:
        samples = decode(Path(order.path) if order.path else order.data, order.name)
    except UndecodableMedia as error:
        return Answer(flaw=error.flaw, detail=error.detail[:_DETAIL_LIMIT])
    return Answer(samples.luma, samples.colours, samples.width, samples.height)


def _send(answers: IO[bytes], message: bytes) -> None:
    answers.write(LENGTH.pack(len(message)) + message)
    answers.flush()


def _private_output() -> IO[bytes]:
    """Our end of standard output; what a library prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def _limit(what: int, most: int) -> None:
    with suppress(ValueError, OSError):  # a system without this limit, or with a stricter one
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main(sys.argv[1:])
