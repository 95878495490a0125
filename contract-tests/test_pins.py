"""Does what we call exist, with what we send and read, in every pinned description of Immich?"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

import msgspec
import pytest
from behaviour.examples import everything, nulls, only_required
from behaviour.samples import CALLS, FOR_ADMINISTRATORS, OTHER_V4, V4, later_calls

from openapi.pin import Pin
from openapi.selection import load_selection
from openapi.validation import answer_faults, operation_at, pins, request_faults
from sidecar.immich_client._generated import facts
from sidecar.immich_client.contract.description import version_numbers
from sidecar.model import AssetKind, Visibility

every_pin = pytest.mark.parametrize("pin", [pytest.param(pin, id=pin.immich) for pin in pins()])


def each_pin_with(names: Iterable[str]) -> pytest.MarkDecorator:
    """Each of the operations with each pin that is to have it."""
    since = load_selection().since
    pairs = [
        pytest.param(pin, name, id=f"{pin.immich}-{name}")
        for name in names
        for pin in pins()
        if version_numbers(pin.immich) >= version_numbers(since.get(name, "0"))
    ]
    return pytest.mark.parametrize(("pin", "name"), pairs)


def test_every_operation_in_use_is_examined_here() -> None:
    assert CALLS.keys() == facts.PERMISSIONS.keys()


@each_pin_with(load_selection().operations)
def test_every_operation_is_described(pin: Pin, name: str) -> None:
    assert name in pin.operations


@each_pin_with(CALLS)
def test_what_we_send_is_allowed(pin: Pin, name: str) -> None:
    for call in [*CALLS[name], *later_calls(name, version_numbers(pin.immich))]:
        assert operation_at(pin, call.method, call.path) == name == call.operation
        ids = [segment for segment in map(unquote, call.path.split("/")) if segment in {V4, OTHER_V4}]
        path = dict(zip([p.name for p in pin.operations[name].parameters if p.place == "path"], ids, strict=True))
        body = None if call.body is None else msgspec.json.decode(call.body)
        assert request_faults(pin, name, path=path, query=dict(call.query), body=body) == []


@each_pin_with([name for name, (call, *_) in CALLS.items() if not call.answers_json])
def test_what_we_read_nothing_of_is_not_decoded(pin: Pin, name: str) -> None:
    assert pin.operations[name].answers
    assert CALLS[name][0].decode(b"anything") is None


@each_pin_with([name for name, (call, *_) in CALLS.items() if call.answers_json])
def test_what_may_be_answered_is_decoded(pin: Pin, name: str) -> None:
    (status,) = pin.operations[name].answers
    answer = pin.operations[name].success
    assert answer is not None
    assert answer.schema is not None
    for fill in (everything, nulls, only_required):
        example = fill(pin, answer.schema)
        assert answer_faults(pin, name, int(status), example) == []
        assert CALLS[name][0].decode(msgspec.json.encode(example)) is not None


@each_pin_with(CALLS)
def test_a_key_with_the_permissions_we_ask_for_suffices(pin: Pin, name: str) -> None:
    permission = pin.operations[name].permission
    assert permission is None or permission in facts.PERMISSIONS[name]
    assert pin.operations[name].admin_only is (name in FOR_ADMINISTRATORS)


@every_pin
def test_our_words_are_immichs_words(pin: Pin) -> None:
    assert {kind.value for kind in AssetKind} == set(pin.schemas["AssetTypeEnum"]["enum"])
    assert {visibility.value for visibility in Visibility} == set(pin.schemas["AssetVisibility"]["enum"])
    assert set().union(*facts.PERMISSIONS.values()) <= set(pin.schemas["Permission"]["enum"])
