"""The demo within this process; as a command of its own, test_cli.py runs it."""

from __future__ import annotations

import io

import pytest

from sidecar.commands import demo as demo_module
from sidecar.commands.demo import demo
from sidecar.commands.exit_codes import ExitCode
from sidecar.preferences import Matching
from sidecar.preferences.matching import StackKinds
from sidecar.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_pair_that_is_uploaded_now_is_a_stack_or_the_demo_says_so(
    monkeypatch: pytest.MonkeyPatch, *, is_right: bool
) -> None:
    if not is_right:
        monkeypatch.setattr(demo_module, "PAIR_WITHIN_S", 1.0)
    out = io.StringIO()
    settings = Settings(port=0, matching=Matching(stack=StackKinds(raw_jpeg=is_right)))
    code = await demo(settings, once=True, out=out, err=io.StringIO())
    assert code is (ExitCode.DONE if is_right else ExitCode.PARTLY_FAILED)
    assert ("was a stack" in out.getvalue()) is is_right
    assert ("did not become a stack" in out.getvalue()) is not is_right
