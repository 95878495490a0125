"""Immich's own duplicates are recorded and read, talking to an emulated Immich of every generation."""

from __future__ import annotations

import pytest

from sidecar.demo.immich import JobKind
from sidecar.errors import ParameterError
from tests.immich_client.scene import GROUP, Scene


async def test_duplicates_are_recorded_shown_and_forgotten(scene: Scene) -> None:
    await scene.immich.record_duplicates(scene.ids[:2], GROUP)
    assert await scene.immich.native_duplicates() == {GROUP: tuple(sorted(scene.ids[:2]))}
    assert (await scene.immich.details(scene.ids[0])).asset.original == (
        await scene.immich.asset(scene.ids[0])
    ).original
    original = (await scene.immich.asset(scene.ids[0])).original
    assert original is not None
    assert original.duplicate_id == GROUP
    await scene.immich.record_duplicates(scene.ids[:2], None)
    assert await scene.immich.native_duplicates() == {}


async def test_a_record_comes_back_as_a_second_change_of_each_asset(scene: Scene) -> None:
    before = [row.updated_us for row in scene.rows]
    await scene.immich.record_duplicates(scene.ids[:2], GROUP)
    between = [row.updated_us for row in scene.rows]
    assert await scene.server.run_jobs(JobKind.SIDECAR) == 2
    assert [one < two for one, two in zip(before, between, strict=True)] == [True, True, False]
    assert [one < row.updated_us for one, row in zip(between, scene.rows, strict=True)] == [True, True, False]


@pytest.mark.parametrize("bad", ["", "group", GROUP[:-1], GROUP.replace("-", "")])
async def test_a_group_needs_a_uuid_over_anything_else_immich_fails(scene: Scene, bad: str) -> None:
    with pytest.raises(ParameterError, match="UUID"):
        await scene.immich.record_duplicates(scene.ids, bad)
    assert scene.server.calls == []
