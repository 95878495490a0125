"""The command line as a person meets it: a process, its words, its lines, its number."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aiohttp import ClientSession

from sidecar import __version__, cli
from sidecar.cli import main, make_stdout_patient, silence_stdout
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.errors import (
    ContractBroken,
    DataFolderBusy,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    NotImmich,
    SettingsError,
    SidecarError,
    UnsupportedImmich,
)
from tests.jobs.household import NOON

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


@pytest.fixture
def ann(immich: EmulatedImmich) -> UserRow:
    ann = immich.add_user("Ann")
    for name in ("IMG_1.CR3", "IMG_1.JPG"):
        immich.add_asset(ann, name, taken_at=NOON)
    return ann


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SIDECAR_", "IMMICH_"))}
    return {**clean, "SIDECAR_DATA_DIR": str(tmp_path / "data"), "SIDECAR_PORT": "0"}


async def sidecar(environment: dict[str, str], *words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert "Traceback" not in err.decode()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_version_and_the_help_are_there(environment: dict[str, str]) -> None:
    assert await sidecar(environment, "--version") == (0, f"sidecar {__version__}\n", "")
    code, out, _ = await sidecar(environment, "--help")
    assert code == 0
    for command in (
        "run",
        "serve",
        "worker",
        "scan",
        "settings",
        "groups",
        "duplicates",
        "undo",
        "failures",
        "retry",
        "demo",
    ):
        assert f"    {command}" in out


def parsers_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers_of(below)


@pytest.mark.parametrize("parser", [pytest.param(each, id=each.prog) for each in parsers_of(cli._parser())])
def test_every_command_can_be_asked_for_help(parser: argparse.ArgumentParser) -> None:
    assert parser.prog in parser.format_help()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("stack",),
        ("scan", "--fast"),
        ("scan", "--user"),
        ("groups", "accept"),
        ("groups", "approve", "x"),
        ("groups", "--list", "all"),
        ("groups", "reject", "x", "--only", "y"),
        ("undo", "--action"),
        ("undo", "x"),
    ],
)
async def test_wrong_words_end_with_2(environment: dict[str, str], words: tuple[str, ...]) -> None:
    code, out, err = await sidecar(environment, *words)
    assert (code, out) == (2, "")
    assert "usage: sidecar" in err


@pytest.mark.parametrize(
    "words",
    [
        ("undo", "--all", "--action", "abcdef"),
        ("undo", "--all", "--since", "2h"),
        ("undo", "--since", "2h", "--action", "abcdef"),
        ("undo", "--yes"),
        ("groups", "accept", "--only", "a.jpg", "one", "other"),
        ("groups", "accept", "one", "other", "--cover", "a.jpg"),
        ("groups", "--json", "accept", "one"),
        ("groups", "--all", "reject", "one"),
        ("groups", "--list", "open", "reject", "one"),
    ],
)
def test_words_that_contradict_each_other_are_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    monkeypatch.delenv("IMMICH_URL", raising=False)
    assert main(words) == ExitCode.BAD_USE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sidecar: --")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        pytest.param({}, 2, "IMMICH_URL is not set", id="nothing set"),
        pytest.param({"IMMICH_URL": "ftp://x", "SIDECAR_API_KEYS": "k"}, 2, "IMMICH_URL", id="wrong scheme"),
        pytest.param({"SIDECAR_PORT": "web"}, 2, "SIDECAR_PORT", id="unreadable setting"),
    ],
)
async def test_wrong_settings_are_one_line_and_2(
    environment: dict[str, str], changes: dict[str, str], code: int, says: str
) -> None:
    ended, out, err = await sidecar(environment | changes, "scan")
    assert (ended, out) == (code, "")
    assert says in err
    assert err.count("\n") == 1


async def test_an_address_that_is_no_immich_is_5(immich: EmulatedImmich, environment: dict[str, str]) -> None:
    immich.fail("*", "*", status=200, body="<html></html>", content_type="text/html", times=9)
    code, _, err = await sidecar(environment | {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": "k"}, "scan")
    assert code == 5
    assert err.count("\n") == 1


async def test_a_key_without_a_permission_is_4_and_names_it(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    key = immich.add_key(ann, ["asset.read", "asset.statistics", "stack.read", "user.read"])
    code, _, err = await sidecar(environment | {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": key}, "scan")
    assert code == 4
    assert "stack.create" in err
    assert key not in err


async def test_a_busy_data_folder_is_6(immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]) -> None:
    environment |= {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}
    first = await started(environment | {"SIDECAR_WORKER_PORT": "0"}, "worker")
    asked = (await line_with(first, "monitoring asks at")).split()[-1]
    await line_with(first, "working for")
    async with ClientSession() as session:
        while 'sidecar_jobs_running{job="sweep"}' not in await (await session.get(asked)).text():
            await asyncio.sleep(0.05)
    code, _, err = await sidecar(environment, "run")
    assert code == 6
    assert "already uses" in err
    first.send_signal(signal.SIGTERM)
    await first.communicate()
    assert first.returncode == 0


async def test_a_worker_without_a_port_answers_nobody_and_stops_in_order(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    worker = await started(environment | {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}, "worker")
    assert worker.stderr is not None
    said = [(await worker.stderr.readline()).decode() for _ in range(2)]
    worker.send_signal(signal.SIGTERM)
    await worker.communicate()
    assert worker.returncode == 0
    assert "what is remembered lies in" in said[0]
    assert "working for Ann" in said[1]


async def started(environment: dict[str, str], *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        if text in line:
            return line
    raise AssertionError(f"ended without saying {text!r}")


async def stopped(process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGTERM) -> int:
    await line_with(process, "working for")
    process.send_signal(number)
    await process.communicate()
    return process.returncode or 0


async def test_run_serves_pages_stacks_by_itself_and_stops_in_order(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    keys = f"wrong,{immich.add_key(ann)}"
    process = await started(environment | {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": keys}, "run")
    address = (await line_with(process, "open http")).split()[-1]
    await line_with(process, "working for Ann")
    await line_with(process, "API key 1 of 2")
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(f"{address}ready")).status_code == 200
        assert "Immich sidecar" in (await browser.get(address)).text
    while not immich.stacks_of(ann):
        await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0


async def test_run_waits_for_an_immich_that_is_not_up_yet(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    immich.fail("GET", "/server/version", status=503, times=99)
    process = await started(environment | {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}, "run")
    await line_with(process, "Trying again every")
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0


async def test_serve_has_pages_and_does_no_work(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    process = await started(environment | {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}, "serve")
    await line_with(process, "open http")
    assert await stopped(process, signal.SIGINT) == 0
    assert not immich.traffic.calls_of("POST", "*")


async def test_control_c_during_a_scan_is_130(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    immich.traffic.answer_delay_s = 0.3
    process = await started(environment | {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}, "scan")
    await line_with(process, "Ann:")
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in err.decode()


async def test_a_reader_that_goes_away_is_no_defect(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment |= {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "scan", env=environment, stdout=writing, stderr=asyncio.subprocess.PIPE
    )
    os.close(writing)
    _, err = await process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in err.decode()
    assert "BrokenPipe" not in err.decode()


async def test_a_proposal_is_listed_accepted_and_taken_back(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    config.write_text("matching: {ask_first: true}")
    environment |= {
        "IMMICH_URL": immich.url,
        "SIDECAR_API_KEYS": immich.add_key(ann),
        "SIDECAR_CONFIG_FILE": str(config),
        "PYTHONIOENCODING": "ascii",
    }
    immich.add_asset(ann, "\u00dcber_2.CR3", taken_at=NOON)
    assert (await sidecar(environment, "scan"))[0] == 0
    code, out, _ = await sidecar(environment, "groups", "--user", "ann", "--json")
    (proposal,) = json.loads(out)
    assert code == 0
    words = ("--only", "IMG_1.JPG", "--only", "IMG_1.CR3", "--cover", "IMG_1.CR3")
    accepted = await sidecar(environment, "groups", "--user", "ann", "accept", proposal["id"], *words)
    assert accepted == (0, "  stacked: IMG_1.CR3 + IMG_1.JPG\n", "")
    code, out, _ = await sidecar(environment, "groups", "--list", "raws", "--all")
    assert (code, out) == (0, "Ann: 1 RAW file in no stack\n  ?ber_2.CR3\n")
    code, out, err = await sidecar(environment, "groups", "reject", proposal["id"], "--user", "Ann")
    assert (code, out) == (2, "")
    assert "no open proposal" in err
    code, out, err = await sidecar(environment, "undo", "--since", "2h", "--full", "--user", "Ann", "--yes")
    assert (code, err) == (0, "")
    assert "  taken back: IMG_1.CR3 + IMG_1.JPG\n" in out
    assert not immich.stacks_of(ann)
    code, out, _ = await sidecar(environment, "undo")
    name = out.splitlines()[1].split()[0]
    code, out, _ = await sidecar(environment, "undo", "--action", name, "--yes")
    assert code == 0
    assert len(immich.stacks_of(ann)) == 1


async def test_control_c_in_the_question_is_130_and_nothing_is_taken_back(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    environment |= {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}
    assert (await sidecar(environment, "scan"))[0] == 0
    terminal, side = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "undo", "--all",
        env=environment, stdin=side, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = await process.stderr.readuntil(b"[y/N] ")
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    os.close(side)
    os.close(terminal)
    assert said == b"Take this back? [y/N] "
    assert b"would take back 1 write" in out
    assert process.returncode == ExitCode.INTERRUPTED
    first, second, third = err.decode().splitlines()
    assert (first, second) == ("", "Nothing was changed.")
    assert third.startswith("sidecar: stopped")
    assert len(immich.stacks_of(ann)) == 1


async def test_output_that_cannot_be_written_is_one_line(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    environment |= {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann)}
    with Path("/dev/full").open("w") as full:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sidecar", "scan", "--dry-run",
            env=environment, stdout=full, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, err = await process.communicate()
    assert process.returncode == ExitCode.BROKEN
    assert [line for line in err.decode().splitlines() if not line.startswith("Ann: ")] == [
        "sidecar: No space left on device"
    ]


async def test_on_a_terminal_a_scan_shows_a_bar(
    immich: EmulatedImmich, ann: UserRow, environment: dict[str, str]
) -> None:
    terminal, side = pty.openpty()
    environment |= {"IMMICH_URL": immich.url, "SIDECAR_API_KEYS": immich.add_key(ann), "TERM": "xterm", "COLUMNS": "90"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "scan", env=environment, stdout=subprocess.PIPE, stderr=side
    )
    out, _ = await process.communicate()
    os.close(side)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert process.returncode == 0
    assert b"1 stack made" in out
    assert "Ann: done" in shown
    assert "\x1b[" in shown


async def test_the_demo_ends_by_itself_with_every_situation_as_it_should_be(environment: dict[str, str]) -> None:
    code, out, _ = await sidecar(environment, "demo", "--once")
    assert code == 0
    assert "24 stacks made" in out
    assert "WRONG" not in out
    assert "A pair that was uploaded just now was a stack" in out
    assert not Path(environment["SIDECAR_DATA_DIR"]).exists()


@pytest.mark.parametrize("is_port_taken", [False, True])
async def test_the_demo_serves_its_page_until_it_is_stopped(
    environment: dict[str, str], unused_tcp_port: int, *, is_port_taken: bool
) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", unused_tcp_port))
        if is_port_taken:
            occupied.listen()
            environment["SIDECAR_PORT"] = str(unused_tcp_port)
        process = await started(environment, "demo")
        address = (await line_with(process, "Open http")).split()[1]
        async with httpx.AsyncClient(follow_redirects=True) as browser:
            (ann,) = re.findall('value="([^"]+)">Ann<', (await browser.get(address)).text)
            page = (await browser.post(address, data={"user": ann})).text
        assert "Everything is in order" in page or "What is doubtful waits for you" in page
        assert "<dt>Stacks</dt><dd>" in page
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0


async def test_where_nobody_is_connected_that_is_said(
    environment: dict[str, str], immich: EmulatedImmich, tmp_path: Path
) -> None:
    environment |= {"IMMICH_URL": immich.url, "SIDECAR_DATA_DIR": str(tmp_path / "fresh")}
    for command in (["scan"], ["groups"], ["settings"]):
        code, _, err = await sidecar(environment, *command)
        assert (code, err.count("\n")) == (2, 1)
        assert "nobody is connected: press Connect on the sidecar's page" in err


async def test_a_demo_that_turns_out_wrong_says_which_story(environment: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("matching: {timestamp_tolerance_seconds: 1, stack: {raw_jpeg: false}}")
    code, out, _ = await sidecar(environment | {"SIDECAR_CONFIG_FILE": str(config)}, "demo", "--once")
    assert code == 1
    assert "  WRONG  Exactly two seconds apart is still a pair." in out
    assert "  WRONG  A pair that was uploaded while the sidecar ran did not become a stack." in out


async def test_a_demo_on_an_address_of_another_machine_says_so(environment: dict[str, str]) -> None:
    code, _, err = await sidecar(environment | {"SIDECAR_HOST": "203.0.113.1"}, "demo", "--once")
    assert code == 2
    assert "sidecar: SIDECAR_HOST: 203.0.113.1 is no address of this machine" in err


def test_bad_settings_end_main_with_their_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIDECAR_PORT", "web")
    assert main(["scan"]) == ExitCode.BAD_USE
    assert capsys.readouterr().err.startswith("sidecar: SIDECAR_PORT")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), 2),
        (ImmichUnavailable("x"), 3),
        (ImmichRefused("x"), 4),
        (NotImmich("x"), 5),
        (UnsupportedImmich("x"), 5),
        (DataFolderBusy("x"), 6),
        (ContractBroken("x"), 7),
        (ImmichMissing("x"), 7),
        (SidecarError("x"), 7),
    ],
)
def test_each_error_has_its_number(error: SidecarError, code: int) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        pytest.param(None, 0, "", id="done"),
        pytest.param(KeyboardInterrupt(), 130, "sidecar: stopped", id="a person ended it"),
        pytest.param(BrokenPipeError(), 0, "", id="nobody reads on"),
        pytest.param(OSError(28, "No space left on device"), 7, "sidecar: No space left", id="nowhere to write"),
    ],
)
def test_main_ends_with_a_number_and_at_most_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: BaseException | None,
    code: int,
    says: str,
) -> None:
    def run_command(_options: object) -> ExitCode:
        if outcome is not None:
            raise outcome
        return ExitCode.DONE

    monkeypatch.setattr("sidecar.commands.dispatch.run_command", run_command)
    monkeypatch.setattr("sidecar.cli.silence_stdout", lambda: None)
    assert main(["scan"]) == code
    err = capsys.readouterr().err
    assert err.startswith(says)
    assert err.count("\n") == (1 if says else 0)


def test_output_takes_what_its_encoding_lacks_and_may_be_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as out:
        monkeypatch.setattr(sys, "stdout", out)
        make_stdout_patient()
        out.write("\u00fcber\n")
    assert (tmp_path / "out").read_text() == "?ber\n"
    monkeypatch.setattr(sys, "stdout", None)
    make_stdout_patient()
    assert sys.stdout.writable()
    assert sys.stdout.name == os.devnull
    sys.stdout.close()
    elsewhere = io.StringIO()
    monkeypatch.setattr(sys, "stdout", elsewhere)
    make_stdout_patient()
    assert sys.stdout is elsewhere


def test_silenced_output_goes_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        silence_stdout()
        out.write("unheard")
    assert (tmp_path / "out").read_text() == ""
