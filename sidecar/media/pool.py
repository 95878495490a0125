"""Decoding in processes of its own: a file that crashes, hangs or swells costs itself and nobody else."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from sidecar.duplicates.fingerprint import COLOURS_BYTES, LUMA_BYTES, Samples
from sidecar.media.errors import DecoderUnavailable, Flaw, UndecodableMedia
from sidecar.media.isolated import LENGTH, READY, Answer, Order

File = tuple[bytes | Path, str]
"""A file's bytes, or where it lies, and its name."""

WORKERS = 2
MEMORY_BYTES = 2 * 1024**3
"""For each process: the largest picture that is decoded takes 0.7 GB, and as much again where colours are converted."""
TIMEOUT_S = 60.0
"""For each file: RAW development of the largest sensors takes ten seconds on slow machines."""

_START_TIMEOUT_S = 120.0
_GRACE_S = 5.0
"""How much later than the process itself the pool ends it."""
_END_TIMEOUT_S = 2.0
_FILES_AT_ONCE = 32
_BYTES_AT_ONCE = 4 * 1024 * 1024
_FILES_A_LIFE = 20_000
"""Then a process is replaced, for what decoders leak."""
_ANSWER_LIMIT_BYTES = 16 * 1024

PROGRAM = (sys.executable, "-P", "-m", "sidecar.media.isolated")


@asynccontextmanager
async def open_decoding_pool(
    *,
    workers: int = WORKERS,
    memory_bytes: int = MEMORY_BYTES,
    timeout_s: float = TIMEOUT_S,
    program: Sequence[str] = PROGRAM,
) -> AsyncIterator[DecodingPool]:
    """A pool without processes yet: each starts when it is needed, and all end with the block.

    Units:  memory_bytes is address space for each process, timeout_s for each file.
    """
    pool = DecodingPool(workers=workers, memory_bytes=memory_bytes, timeout_s=timeout_s, program=program)
    try:
        yield pool
    finally:
        await pool.close()


class DecodingPool:
    """Processes that decode; open_decoding_pool makes it."""

    def __init__(self, *, workers: int, memory_bytes: int, timeout_s: float, program: Sequence[str]) -> None:
        self._workers = workers
        self._turns = asyncio.Semaphore(workers)
        self._timeout_s = timeout_s
        self._command = (*program, str(memory_bytes), str(round(timeout_s * 1000)))
        self._idle: list[_Worker] = []
        self._alive: set[_Worker] = set()
        self._is_closed = False

    async def samples(self, files: Sequence[File]) -> list[Samples | UndecodableMedia]:
        """What came of each file, in their order.

        Shape:  any number of callers may ask at once; what there is no process for waits.
        Errors: DecoderUnavailable if no process can be started, or if the pool is closed meanwhile.
        """
        found: dict[int, Samples | UndecodableMedia] = {}

        async def take(span: range) -> None:
            async with self._turns:
                await self._take(files, span, found)

        tasks = [asyncio.create_task(take(span)) for span in _spans(files, self._workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [found[position] for position in range(len(files))]

    async def close(self) -> None:
        """Nothing; no process is left, whatever it was doing."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        for worker in self._alive.difference(idle):
            worker.kill()
        await asyncio.gather(*map(self._end, tuple(self._alive)))

    async def _take(self, files: Sequence[File], span: range, found: dict[int, Samples | UndecodableMedia]) -> None:
        """Fills in what came of this span, with as many processes, one after another, as that takes."""
        worker: _Worker | None = self._idle.pop() if self._idle else None
        spans = [span]
        while spans:
            now = spans.pop()
            worker = worker or await self._start()
            try:
                answers = await worker.samples([files[position] for position in now])
            except BaseException:
                await asyncio.shield(self._bury(worker))
                raise
            found.update(zip(now, answers, strict=False))
            if rest := now[len(answers) :]:
                ending = await self._bury(worker)
                if self._is_closed:
                    raise DecoderUnavailable("The pool was closed while it was decoding.")
                spans += [rest[1:]] if rest[1:] else []
                if ending is Flaw.TOO_SLOW:
                    found[rest[0]] = UndecodableMedia(ending, f"decoding takes more than {self._timeout_s:g} s")
                elif worker.answered == 0:
                    found[rest[0]] = UndecodableMedia(ending, "the process that decodes it ends")
                else:
                    # One before it may have left the memory in disorder: only a process of its own tells.
                    spans.append(rest[:1])
                worker = None
        if worker is not None:
            await self._give_back(worker)

    async def _start(self) -> _Worker:
        if self._is_closed:
            raise DecoderUnavailable("The pool is closed.")
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # decoders print what they think of a file
                start_new_session=True,
            )
        except OSError as error:
            raise DecoderUnavailable("A process for decoding cannot be started.") from error
        worker = _Worker(process, late_after_s=self._timeout_s + _GRACE_S)
        self._alive.add(worker)
        try:
            is_ready = await worker.message(_START_TIMEOUT_S) == READY
        except BaseException:
            await asyncio.shield(self._bury(worker))
            raise
        if not is_ready or self._is_closed:
            await self._bury(worker)
            raise DecoderUnavailable("A process for decoding ended before its first file.")
        return worker

    async def _give_back(self, worker: _Worker) -> None:
        if worker.answered < _FILES_A_LIFE and not self._is_closed:
            self._idle.append(worker)
        else:
            await self._end(worker)

    async def _end(self, worker: _Worker) -> None:
        await worker.end()
        self._alive.discard(worker)

    async def _bury(self, worker: _Worker) -> Flaw:
        # Killing looks first whether it still lives, and takes its exit status away from whoever waits for that.
        if not worker.is_ending:
            worker.kill()
        await worker.end()
        self._alive.discard(worker)
        return Flaw.TOO_SLOW if worker.was_late else Flaw.CRASHED


class _Worker:
    """One process, and how many files it has answered for."""

    def __init__(self, process: asyncio.subprocess.Process, *, late_after_s: float) -> None:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._orders = process.stdin
        self._answers = process.stdout
        self._late_after_s = late_after_s
        self._is_late = False
        self.is_ending = False
        self.answered = 0

    @property
    def was_late(self) -> bool:
        """Whether its end came because a file took too long."""
        return self._is_late or self._process.returncode == -signal.SIGALRM

    async def samples(self, files: Sequence[File]) -> list[Samples | UndecodableMedia]:
        """What came of the first of these files: of all, or of those before the one at which the process ended."""
        found: list[Samples | UndecodableMedia] = []
        sending = asyncio.create_task(self._send(b"".join(map(_order, files))))
        try:
            while len(found) < len(files):
                message = await self.message(self._late_after_s)
                answer = None if message is None else _answer(message)
                if answer is None:
                    break
                found.append(answer)
                self.answered += 1
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return found

    async def message(self, timeout_s: float) -> bytes | None:
        """What it says next; None if it ends, is late, or says more than it can have to say."""
        try:
            async with asyncio.timeout(timeout_s):
                (length,) = LENGTH.unpack(await self._answers.readexactly(LENGTH.size))
                return None if length > _ANSWER_LIMIT_BYTES else await self._answers.readexactly(length)
        except TimeoutError:
            self._is_late = True
        except asyncio.IncompleteReadError:
            self.is_ending = True
        return None

    def kill(self) -> None:
        """Nothing; it ends at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Nothing; it has ended by itself, or was killed because it did not."""
        self._orders.close()
        try:
            async with asyncio.timeout(_END_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        with suppress(ConnectionError):
            await self._orders.wait_closed()

    async def _send(self, orders: bytes) -> None:
        with suppress(ConnectionError):  # whoever waits for the answers learns that it has ended
            self._orders.write(orders)
            await self._orders.drain()


def _order(file: File) -> bytes:
    data, name = file
    order = Order(name, data=data) if isinstance(data, bytes) else Order(name, path=str(data))
    message = msgspec.msgpack.encode(order)
    return LENGTH.pack(len(message)) + message


def _answer(message: bytes) -> Samples | UndecodableMedia | None:
    """What the process says of one file; None for what no process in its right mind says."""
    try:
        answer = msgspec.msgpack.decode(message, type=Answer)
    except msgspec.DecodeError:
        return None
    if answer.flaw is not None:
        return UndecodableMedia(answer.flaw, answer.detail)
    is_whole = len(answer.luma) == LUMA_BYTES and len(answer.colours) == COLOURS_BYTES
    if not is_whole or answer.width < 1 or answer.height < 1:
        return None
    return Samples(luma=answer.luma, colours=answer.colours, width=answer.width, height=answer.height)


def _spans(files: Sequence[File], workers: int) -> Iterator[range]:
    """The files in runs that go to one process at once: many small ones, or one large one."""
    most = min(_FILES_AT_ONCE, -(-len(files) // workers))
    first = size_bytes = 0
    for position, (data, _) in enumerate(files):
        file_bytes = len(data) if isinstance(data, bytes) else 0
        if position > first and (position - first == most or size_bytes + file_bytes > _BYTES_AT_ONCE):
            yield range(first, position)
            first, size_bytes = position, 0
        size_bytes += file_bytes
    if files:
        yield range(first, len(files))
