from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from sidecar.log import set_up_logging


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


@pytest.mark.parametrize(("level", "of_ours", "of_libraries"), [("info", 20, 30), ("debug", 10, 10), ("error", 40, 30)])
def test_libraries_that_tell_of_every_request_are_heard_only_when_debugging(
    level: str, of_ours: int, of_libraries: int
) -> None:
    set_up_logging(level)
    assert logging.getLogger("sidecar").getEffectiveLevel() == of_ours
    assert logging.getLogger("httpx").getEffectiveLevel() == of_libraries


def test_what_a_stranger_sent_is_not_repeated(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        set_up_logging("info")
    server = logging.getLogger("aiohttp.server")
    assert len(server.filters) == 1
    for error in (BadHttpMessage("Authorization: Bearer s3cret"), ValueError("a defect of ours")):
        try:
            raise error
        except (BadHttpMessage, ValueError):
            server.exception("Error handling request")
    server.warning("without an error")
    told = capfd.readouterr().err
    assert "s3cret" not in told
    assert "a defect of ours" in told
    assert "without an error" in told
