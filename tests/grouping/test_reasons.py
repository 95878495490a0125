from __future__ import annotations

import pytest

from sidecar.grouping.reasons import Reason, ReasonCode, span


@pytest.mark.parametrize("code", [pytest.param(code, id=code) for code in ReasonCode])
def test_every_code_has_a_sentence(code: ReasonCode) -> None:
    sentence = str(Reason(code, "{odd} %s"))
    assert sentence
    assert ("{odd} %s" in sentence) == (sentence != str(Reason(code)))


def test_a_reason_reads_as_a_sentence() -> None:
    assert str(Reason(ReasonCode.SAME_CAMERA, "Canon EOS R5")) == "one camera: Canon EOS R5"


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        pytest.param(0, "0 ms", id="nothing"),
        pytest.param(383, "383 ms", id="milliseconds"),
        pytest.param(1_500, "1.5 s", id="seconds"),
        pytest.param(59_900, "59.9 s", id="nearly a minute"),
        pytest.param(60_000, "1 min", id="a minute"),
        pytest.param(7_200_000, "2 h", id="hours"),
        pytest.param(259_200_000, "3 days", id="days"),
    ],
)
def test_spans_are_said_as_people_say_them(duration_ms: int, text: str) -> None:
    assert span(duration_ms) == text
