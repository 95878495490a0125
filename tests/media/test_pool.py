from __future__ import annotations

import asyncio
import os
import signal
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from sidecar.duplicates.fingerprint import Samples
from sidecar.media.errors import DecoderUnavailable, Flaw, UndecodableMedia
from sidecar.media.isolated import READY
from sidecar.media.pool import PROGRAM, DecodingPool, File, _order, _spans, open_decoding_pool
from sidecar.media.samples import samples_of
from tests.media.test_decode import HEIC, halves, png_chunk, png_that_claims, saved

pytestmark = pytest.mark.asyncio(loop_scope="module")

KILLERS = (sys.executable, str(Path(__file__).with_name("killers.py")))
TIMEOUT_S = 3.0
JPEG = saved(halves(), "JPEG")
WHOLE = samples_of(JPEG, "a.jpg")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[DecodingPool]:
    """The real program; starting a process takes half a second, so all tests share it."""
    async with open_decoding_pool() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dangerous() -> AsyncIterator[DecodingPool]:
    async with open_decoding_pool(program=KILLERS, timeout_s=TIMEOUT_S) as opened:
        yield opened


def told(found: list[Samples | UndecodableMedia]) -> list[str]:
    return ["seen" if isinstance(each, Samples) else each.flaw.value for each in found]


async def test_nothing_asked_is_nothing_answered_and_starts_no_process() -> None:
    async with open_decoding_pool(program=("/nowhere",)) as opened:
        assert await opened.samples([]) == []


async def test_bytes_and_paths_give_what_decoding_here_gives_in_their_order(pool: DecodingPool, tmp_path: Path) -> None:
    path = tmp_path / "stored under another name"
    path.write_bytes(HEIC)
    portrait = saved(halves().resize((30, 90)), "PNG")
    files: list[File] = [(JPEG, "a.jpg"), (path, "a.heic"), (portrait, "b.png")]
    assert await pool.samples(files) == [samples_of(data, name) for data, name in files]


async def test_many_files_and_many_callers_share_the_processes(pool: DecodingPool) -> None:
    asked: list[list[File]] = [
        [(saved(halves().resize((60 + caller, 40 + number)), "BMP"), "a.bmp") for number in range(40)]
        for caller in range(4)
    ]
    answers = await asyncio.gather(*map(pool.samples, asked))
    for caller, found in enumerate(answers):
        assert [(each.width, each.height) for each in found if isinstance(each, Samples)] == [
            (60 + caller, 40 + number) for number in range(40)
        ]
    assert len(pool._alive) == 2


async def test_a_few_files_are_spread_over_the_processes_and_many_bytes_go_one_by_one() -> None:
    small, large = (b"x", "a"), (bytes(3 * 1024 * 1024), "a")
    assert list(_spans([small] * 6, 2)) == [range(3), range(3, 6)]
    assert list(_spans([small] * 100, 2)) == [range(32), range(32, 64), range(64, 96), range(96, 100)]
    assert list(_spans([large, large, small, (Path("p"), "a")], 1)) == [range(1), range(1, 4)]


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        pytest.param(b"", "a.jpg", "empty", id="zero bytes"),
        pytest.param(JPEG[:500], "a.jpg", "broken", id="truncated"),
        pytest.param(png_that_claims(30_000, 30_000), "a.png", "too large", id="30,000 pixels each way"),
        pytest.param(png_that_claims(60_000, 60_000), "a.png", "too large", id="a bomb"),
        pytest.param(saved(Image.new("RGB", (30_000, 1)), "PNG"), "a.png", "seen", id="30,000 pixels wide, 1 high"),
        pytest.param(saved(Image.new("RGB", (1, 1)), "PNG"), "a.png", "seen", id="one pixel"),
        pytest.param(JPEG, "a.NEF", "seen", id="wrong extension"),
        pytest.param(b"hunter2\n", "a.jpg", "not a picture", id="a password"),
        pytest.param(b"\xff\x0a" + bytes(40), "a.jxl", "unsupported", id="a format without a decoder"),
        pytest.param(Path("/nowhere/at/all"), "a.jpg", "unreadable", id="a path that is gone"),
    ],
)
async def test_bad_input_is_answered_by_its_flaw(
    pool: DecodingPool, data: bytes | Path, name: str, expected: str
) -> None:
    assert told(await pool.samples([(data, name), (JPEG, "a.jpg")])) == [expected, "seen"]


@pytest.mark.parametrize(
    ("name", "flaw"),
    [
        pytest.param("exit", Flaw.CRASHED, id="exits"),
        pytest.param("crash", Flaw.CRASHED, id="crashes in C"),
        pytest.param("raise", Flaw.CRASHED, id="raises what it should not"),
        pytest.param("swell", Flaw.CRASHED, id="wants more memory than there may be"),
        pytest.param("lie", Flaw.CRASHED, id="answers nonsense"),
        pytest.param("rant", Flaw.CRASHED, id="answers without end"),
        pytest.param("short", Flaw.CRASHED, id="answers too little"),
        pytest.param("hang", Flaw.TOO_SLOW, id="hangs"),
    ],
)
async def test_a_killer_costs_itself_and_nobody_else(dangerous: DecodingPool, name: str, flaw: Flaw) -> None:
    names = ["a.jpg"] * 5 + [name] + ["a.jpg"] * 5
    files: list[File] = [(JPEG, each) for each in names]
    found = await dangerous.samples(files)
    guilty = found.pop(5)
    assert found == [WHOLE] * 10
    assert isinstance(guilty, UndecodableMedia)
    assert guilty.flaw is flaw
    assert await dangerous.samples(files[:2]) == [WHOLE] * 2


async def test_the_victim_of_one_before_it_is_not_blamed() -> None:
    files: list[File] = [(JPEG, "poison"), (JPEG, "next"), (JPEG, "a.jpg")]
    async with open_decoding_pool(workers=1, program=KILLERS, timeout_s=TIMEOUT_S) as opened:
        assert await opened.samples(files) == [WHOLE] * 3


async def test_what_a_library_prints_is_no_answer(dangerous: DecodingPool) -> None:
    assert await dangerous.samples([(JPEG, "shout"), (JPEG, "a.jpg")]) == [WHOLE] * 2


async def test_a_process_that_ends_by_itself_is_not_asked_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask, as killing does, takes its exit status away from whoever waits for that, and with it why it ended."""
    killed: list[object] = []
    monkeypatch.setattr("sidecar.media.pool._Worker.kill", killed.append)
    async with open_decoding_pool(workers=1, program=KILLERS, timeout_s=0.5) as opened:
        assert told(await opened.samples([(JPEG, "hang"), (JPEG, "exit")])) == ["too slow", "crashed"]
    assert killed == []


async def test_a_process_that_stands_still_is_ended_from_outside() -> None:
    async with open_decoding_pool(workers=1, program=KILLERS, timeout_s=0.5) as opened:
        assert told(await opened.samples([(JPEG, "freeze")])) == ["too slow"]


async def test_a_picture_that_does_not_fit_into_the_memory_is_too_large() -> None:
    side = 9_000
    rows = zlib.compress(bytes(1 + 3 * side) * side, 1)
    head = png_that_claims(side, side)[:33]  # signature and header
    large = head + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    async with open_decoding_pool(workers=1, memory_bytes=400 * 1024**2) as opened:
        assert told(await opened.samples([(large, "a.png"), (JPEG, "a.jpg")])) == ["too large", "seen"]


async def test_signals_to_the_group_are_not_taken_for_a_files_fault(dangerous: DecodingPool) -> None:
    assert await dangerous.samples([(JPEG, "a.jpg")]) == [WHOLE]
    for worker in dangerous._alive:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(worker._process.pid, number)
    assert await dangerous.samples([(JPEG, "a.jpg")] * 3) == [WHOLE] * 3


async def test_an_idle_process_that_was_killed_is_replaced(dangerous: DecodingPool) -> None:
    assert await dangerous.samples([(JPEG, "a.jpg")] * 2) == [WHOLE] * 2
    for worker in dangerous._alive:
        os.kill(worker._process.pid, signal.SIGKILL)
    assert await dangerous.samples([(JPEG, "a.jpg")] * 3) == [WHOLE] * 3


async def test_a_process_is_replaced_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.media.pool._FILES_A_LIFE", 2)
    async with open_decoding_pool(workers=1) as opened:
        assert await opened.samples([(JPEG, "a.jpg")]) == [WHOLE]
        [first] = opened._alive
        assert await opened.samples([(JPEG, "a.jpg")]) == [WHOLE]
        assert first not in opened._alive


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(("/nowhere/at/all",), id="no such program"),
        pytest.param((sys.executable, "-c", "raise SystemExit(1)"), id="ends at once"),
        pytest.param((sys.executable, "-c", "print('hello world, how are you')"), id="says something else"),
    ],
)
async def test_without_processes_no_file_is_blamed(program: tuple[str, ...]) -> None:
    async with open_decoding_pool(program=program) as opened:
        with pytest.raises(DecoderUnavailable):
            await opened.samples([(JPEG, "a.jpg")])


async def test_who_stops_waiting_leaves_no_process_behind_that_is_busy() -> None:
    async with open_decoding_pool(workers=1, program=KILLERS, timeout_s=60) as opened:
        assert await opened.samples([(JPEG, "a.jpg")]) == [WHOLE]
        [busy] = opened._alive
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await opened.samples([(JPEG, "hang")])
        assert busy._process.returncode == -signal.SIGKILL
        assert await opened.samples([(JPEG, "a.jpg")]) == [WHOLE]


async def test_who_stops_waiting_for_a_start_leaves_none_behind_either() -> None:
    program = (sys.executable, "-c", "import time; time.sleep(1000)")
    async with open_decoding_pool(workers=1, program=program) as opened:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await opened.samples([(JPEG, "a.jpg")])
        assert not opened._alive


async def test_closing_does_not_wait_for_a_file_and_blames_none() -> None:
    async with open_decoding_pool(workers=2, program=KILLERS, timeout_s=1000) as opened:
        assert await opened.samples([(JPEG, "a.jpg")] * 2) == [WHOLE] * 2
        asking = asyncio.create_task(opened.samples([(JPEG, "hang"), (JPEG, "hang")]))
        while opened._idle:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            await opened.close()
            with pytest.raises(DecoderUnavailable):
                await asking
        with pytest.raises(DecoderUnavailable):
            await opened.samples([(JPEG, "a.jpg")])
    assert not opened._alive


async def test_closing_while_a_process_starts_ends_it() -> None:
    opened = DecodingPool(workers=1, memory_bytes=2**31, timeout_s=5, program=PROGRAM)
    asking = asyncio.create_task(opened.samples([(JPEG, "a.jpg")]))
    while not opened._alive:
        await asyncio.sleep(0)
    await opened.close()
    with pytest.raises(DecoderUnavailable):
        await asking
    assert not opened._alive


async def test_a_process_that_does_not_end_by_itself_is_ended() -> None:
    stubborn = (
        f"import os, sys, time; sys.stdout.buffer.write(bytes([0, 0, 0, {len(READY)}]) + {READY!r}); "
        "sys.stdout.flush(); sys.stdin.buffer.read(4); os.close(1); time.sleep(1000)"
    )
    async with open_decoding_pool(workers=1, program=(sys.executable, "-c", stubborn)) as opened:
        assert told(await opened.samples([(JPEG, "a.jpg")])) == ["crashed"]
    async with open_decoding_pool(workers=1, program=KILLERS) as opened:
        assert await opened.samples([(JPEG, "a.jpg")]) == [WHOLE]
        [worker] = opened._alive
        os.kill(worker._process.pid, signal.SIGSTOP)
    assert worker._process.returncode == -signal.SIGKILL


async def test_a_process_ends_when_the_pool_is_gone_even_if_it_hangs() -> None:
    killed = await asyncio.create_subprocess_exec(
        *KILLERS, str(2**31), "500",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert killed.stdin is not None
    killed.stdin.write(_order((JPEG, "hang")))
    killed.stdin.close()
    assert await asyncio.wait_for(killed.wait(), 20) == -signal.SIGALRM
