from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from sidecar.errors import ImmichUnavailable
from sidecar.jobs.queue import JobName
from sidecar.log import LogFormat, about, note, set_up_logging
from sidecar.redaction import OwnWords

OURS = logging.getLogger("sidecar.tests")


NAME = "Ann"


def fail(error: Exception, *, because: Exception | None) -> NoReturn:
    raise error from because


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, libraries = logging.getLogger(), [logging.getLogger(name) for name in ("httpx", "arq")]
    before = (root.level, list(root.handlers), [each.level for each in libraries])
    for each in libraries:
        each.setLevel(logging.NOTSET)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    for each, level in zip(libraries, before[2], strict=True):
        each.setLevel(level)


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Any:
    """What was logged since, as JSON, in text, or in both at once to compare."""

    def lines(log_format: LogFormat = LogFormat.JSON) -> Any:
        written = capfd.readouterr().err
        return [json.loads(line) for line in written.splitlines()] if log_format is LogFormat.JSON else written

    return lines


@pytest.mark.parametrize(("level", "of_ours", "of_libraries"), [("info", 20, 30), ("debug", 10, 10), ("error", 40, 30)])
def test_libraries_that_tell_of_every_request_are_heard_only_when_debugging(
    level: str, of_ours: int, of_libraries: int
) -> None:
    set_up_logging(level)
    assert logging.getLogger("sidecar").getEffectiveLevel() == of_ours
    assert logging.getLogger("httpx").getEffectiveLevel() == of_libraries


def test_a_line_for_programs_is_one_object(told: Any) -> None:
    set_up_logging("info", LogFormat.JSON)
    with about(request_id="r1"):
        note(user_id="u1")
        OURS.info("a scan is complete: %d of %s", 3, JobName.SYNC, extra={"gone": 2, "file": "Ann.jpg"})
    OURS.info("afterwards")
    first, second = told()
    assert first.pop("time")
    assert first == {
        "level": "INFO",
        "logger": "sidecar.tests",
        "message": "a scan is complete: 3 of sync",
        "gone": 2,
        "file": "<str>",
        "request_id": "r1",
        "user_id": "u1",
    }
    assert second.keys() == {"time", "level", "logger", "message"}


def test_a_line_for_people_says_the_same(told: Any) -> None:
    set_up_logging("info")
    with about(job="pair"):
        OURS.warning("it waits", extra={"names": 2})
    assert told(LogFormat.TEXT).endswith("WARNING sidecar.tests: it waits job=pair names=2\n")


def test_what_a_line_is_about_ends_with_its_block_and_is_each_tasks_own(told: Any) -> None:
    set_up_logging("info", LogFormat.JSON)

    async def one(name: str) -> None:
        with about(job=name):
            await asyncio.sleep(0)
            with about(user_id=name):
                OURS.info("inside")
            OURS.info("outside")

    async def both() -> None:
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(both())
    lines = [(line["message"], line["job"], line.get("user_id")) for line in told()]
    assert sorted(lines, key=str) == [
        ("inside", "a", "a"), ("inside", "b", "b"), ("outside", "a", None), ("outside", "b", None),
    ]  # fmt: skip


@pytest.mark.parametrize("log_format", LogFormat)
def test_no_value_tells_a_name_whoever_logs_it(log_format: LogFormat, capfd: pytest.CaptureFixture[str]) -> None:
    set_up_logging("debug", log_format)
    for logger in (OURS, logging.getLogger("httpx"), logging.getLogger("asyncio")):
        logger.info("asked for %s and %r by %s", "s3cret", b"s3cret", {"s3cret"})
        logger.info("%(who)s", {"who": "s3cret"})
        logger.info("%d files", "s3cret")
        logger.warning("it failed: %s", ValueError("s3cret"), extra={"who": "s3cret"})
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task s3cret>")
    logging.getLogger("engineio.client").error("packet 's3cret'")
    written = capfd.readouterr().err
    assert "s3cret" not in written
    assert "asked for <str> and " in written
    assert "Task exception was never retrieved" in written
    assert "a message of engineio.client" in written
    assert "it failed: ValueError" in written


def test_our_own_words_are_told(told: Any) -> None:
    set_up_logging("info", LogFormat.JSON)
    OURS.info("%s: %s", OwnWords("searchAssets"), ImmichUnavailable("Immich at http://immich does not answer"))
    [line] = told()
    assert line["message"] == "searchAssets: Immich at … does not answer"


@pytest.mark.parametrize("log_format", LogFormat)
def test_of_an_error_it_is_told_where_it_came_from_and_not_what_it_says(
    log_format: LogFormat, capfd: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("info", log_format)
    try:
        fail(ImmichUnavailable("Immich is away"), because=KeyError(NAME))
    except ImmichUnavailable:
        OURS.exception("it broke")
    try:
        fail(ValueError(NAME), because=None)
    except ValueError:
        OURS.exception("that too")
    written = capfd.readouterr().err
    assert NAME not in written
    assert "ImmichUnavailable: Immich is away" in written
    assert "test_log.py" in written
    assert written.count("which came from") == 1
    assert "KeyError" in written


def test_errors_that_led_to_each_other_in_a_circle_are_told_once(told: Any) -> None:
    set_up_logging("info", LogFormat.JSON)
    first, second = ValueError(), TypeError()
    first.__cause__, second.__cause__ = second, first
    OURS.error("it broke", exc_info=first)
    OURS.error("nothing broke", exc_info=(None, None, None))
    assert sys.exc_info() == (None, None, None)
    broke, nothing = told()
    assert broke["trace"] == "ValueError\nwhich came from\nTypeError"
    assert "trace" not in nothing


def test_what_a_stranger_sent_is_not_repeated(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info")
    server = logging.getLogger("aiohttp.server")
    try:
        fail(BadHttpMessage(f"Authorization: Bearer {NAME}"), because=None)
    except BadHttpMessage:
        server.exception("Error handling request")
    written = capfd.readouterr().err
    assert NAME not in written
    assert "Error handling request" in written
    assert "BadHttpMessage" in written
