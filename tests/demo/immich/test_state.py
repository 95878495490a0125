from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.demo.immich import Change, ChangeKind, EmulatedImmich
from sidecar.demo.immich.routing import Ask
from sidecar.demo.immich.state import State
from sidecar.demo.immich.versions import behaviour_of
from tests.demo.immich.scene import NOON


def test_the_clock_never_stands_still() -> None:
    state = State(behaviour_of("3.1.0"), clock=lambda: 7)
    assert [state.now_us() for _ in range(3)] == [7, 8, 9]


def test_the_same_seed_gives_the_same_ids() -> None:
    first, second, other = (State(behaviour_of("3.1.0"), seed=seed).new_id() for seed in (1, 1, 2))
    assert first == second != other


def test_listeners_hear_of_every_change() -> None:
    immich = EmulatedImmich(job_delay_s=None)
    ann = immich.add_user()
    heard: list[Change] = []
    immich.state.listeners.append(heard.append)
    row = immich.add_asset(ann, "a.jpg", taken_at=NOON)
    stack = immich.stack(ann, row, row)
    immich.state.write_primary(stack, row.id)
    immich.unstack(stack)
    immich.state.write_exif(row, description="sea")
    immich.state.remove_asset(row)
    assert [change.kind for change in heard] == [
        ChangeKind.ASSET_CREATED,
        ChangeKind.STACK_CREATED,
        ChangeKind.ASSET_CHANGED,
        ChangeKind.STACK_CHANGED,
        ChangeKind.ASSET_CHANGED,
        ChangeKind.STACK_REMOVED,
        ChangeKind.ASSET_CHANGED,
        ChangeKind.ASSET_REMOVED,
    ]
    assert {change.owner_id for change in heard} == {ann.id}
    assert immich.state.revision == len(heard)


def test_two_assets_of_one_checksum_leave_the_newer_known() -> None:
    immich = EmulatedImmich(job_delay_s=None)
    ann = immich.add_user()
    first = immich.upload(ann, "a.jpg", b"x")
    copy = replace(first, id=immich.state.new_id())
    immich.state.insert_asset(copy)
    immich.state.remove_asset(first)
    assert immich.upload(ann, "b.jpg", b"x") is copy


def test_an_open_operation_has_no_caller() -> None:
    ask = Ask(request=None, state=None, jobs=None, _caller=None)  # type: ignore[arg-type]  # nothing of it is looked at
    with pytest.raises(AssertionError, match="no caller"):
        _ = ask.caller
