"""What becomes of a stack when members are deleted for good: every row was seen on a server of its version."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow
from sidecar.model import Visibility
from tests.demo.immich.scene import Scene

Before = Callable[[EmulatedImmich, dict[str, AssetRow]], None]
"""What happens to the members P(rimary), A, B, C before the deletion."""


def _nothing(immich: EmulatedImmich, rows: dict[str, AssetRow]) -> None:
    del immich, rows


def _trashing(names: str) -> Before:
    return lambda immich, rows: immich.trash(*(rows[name] for name in names))


def _showing(names: str, visibility: Visibility) -> Before:
    def set_visibility(immich: EmulatedImmich, rows: dict[str, AssetRow]) -> None:
        for name in names:
            immich.set_visibility(rows[name], visibility)

    return set_visibility


_ARCHIVING_A = _showing("A", Visibility.ARCHIVE)

OLD, NEW = ("2.5.6", "2.7.5", "3.0.3"), ("3.1.0",)

# members, what happened before, deleted at once -> the stack as "primary: members", first before 3.1.0, then since.
SCENARIOS = [
    pytest.param("PA", _nothing, "A", "P: P", None, id="the only child"),
    pytest.param("PA", _nothing, "P", None, None, id="the primary of two"),
    pytest.param("PA", _nothing, "PA", None, None, id="both of two"),
    pytest.param("PAB", _nothing, "A", "P: PB", "P: PB", id="one child of two"),
    pytest.param("PAB", _nothing, "P", "A: AB", "A: AB", id="the primary of three"),
    pytest.param("PAB", _nothing, "AB", "P: P", None, id="all children"),
    pytest.param("PAB", _nothing, "PA", None, None, id="all but a child"),
    pytest.param("PAB", _nothing, "PAB", None, None, id="all of three"),
    pytest.param("PABC", _nothing, "P", "A: ABC", "A: ABC", id="the primary of four"),
    pytest.param("PABC", _nothing, "PA", "B: BC", "B: BC", id="the primary and a child of four"),
    pytest.param("PABC", _nothing, "AB", "P: PC", "P: PC", id="two children of three"),
    pytest.param("PABC", _nothing, "ABC", "P: P", None, id="all three children"),
    pytest.param("PAB", _trashing("A"), "P", "A: AB", "A: AB", id="a trashed child becomes primary"),
    pytest.param("PAB", _trashing("AB"), "P", "A: AB", "A: AB", id="trashed children hold the stack"),
    pytest.param("PAB", _trashing("A"), "B", "P: PA", "P: PA", id="a trashed child holds the stack"),
    pytest.param("PA", _trashing("A"), "A", "P: P", None, id="the only child, from the trash"),
    pytest.param("PAB", _trashing("P"), "A", "P: PB", "P: PB", id="a trashed primary holds the stack"),
    pytest.param("PA", _trashing("P"), "A", "P: P", None, id="the only child of a trashed primary"),
    pytest.param("PAB", _trashing("P"), "P", "A: AB", "A: AB", id="the primary, from the trash"),
    pytest.param("PAB", _ARCHIVING_A, "P", None, None, id="one child on the timeline, one archived: both let go"),
    pytest.param("PAB", _ARCHIVING_A, "B", "P: PA", None, id="an archived child holds no stack since 3.1.0"),
    pytest.param("PAB", _showing("AB", Visibility.HIDDEN), "P", None, None, id="hidden children are let go"),
    pytest.param("PABC", _ARCHIVING_A, "P", "B: ABC", "B: ABC", id="an archived child never becomes primary"),
    pytest.param(
        "PA", _showing("P", Visibility.ARCHIVE), "A", "P: P", None, id="the only child of an archived primary"
    ),
    pytest.param("PAB", _showing("P", Visibility.ARCHIVE), "A", "P: PB", "P: PB", id="an archived primary counts"),
]


@pytest.mark.parametrize("version", [*OLD, *NEW])
@pytest.mark.parametrize(("members", "before", "deleted", "old", "new"), SCENARIOS)
async def test_deleting_for_good_mends_the_stack(
    scene: Scene, version: str, members: str, *, before: Before, deleted: str, old: str | None, new: str | None
) -> None:
    rows = dict(zip(members, scene.assets(len(members)), strict=True))
    stack = scene.immich.stack(scene.ann, *rows.values())
    before(scene.immich, rows)
    scene.immich.delete_for_good(*(rows[name] for name in deleted))
    await scene.immich.run_jobs()
    assert _told(scene, stack.id, rows) == (new if version in NEW else old)
    assert scene.immich.state.assets.keys() == {rows[name].id for name in members if name not in deleted}
    if stack.id not in scene.immich.state.stacks:
        assert {row.stack_id for row in scene.immich.state.assets.values()} <= {None}


@pytest.mark.parametrize(
    ("version", "first", "then", "expected"),
    [
        pytest.param("2.7.5", "A", "B", "P: P", id="2.7.5 keeps the primary alone"),
        pytest.param("3.1.0", "A", "B", None, id="3.1.0 keeps no primary alone"),
        pytest.param("2.7.5", "A", "P", None, id="2.7.5 ends with the primary"),
        pytest.param("3.1.0", "A", "P", None, id="3.1.0 ends with the primary"),
    ],
)
async def test_one_deletion_after_the_other(scene: Scene, first: str, then: str, expected: str | None) -> None:
    rows = dict(zip("PAB", scene.assets(3), strict=True))
    stack = scene.immich.stack(scene.ann, *rows.values())
    for name in (first, then):
        scene.immich.delete_for_good(rows[name])
        await scene.immich.run_jobs()
    assert _told(scene, stack.id, rows) == expected


@pytest.mark.parametrize(("version", "expected"), [("2.7.5", "P: P"), ("3.1.0", None)])
async def test_emptying_the_trash_ends_stacks_like_deleting(scene: Scene, expected: str | None) -> None:
    rows = dict(zip("PAB", scene.assets(3), strict=True))
    stack = scene.immich.stack(scene.ann, *rows.values())
    scene.immich.trash(rows["A"], rows["B"])
    assert (await scene.api("POST", "/trash/empty")).json() == {"count": 2}
    await scene.immich.run_jobs()
    assert _told(scene, stack.id, rows) == expected


@pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])
async def test_only_the_end_of_a_stack_touches_the_assets_that_stay(scene: Scene) -> None:
    rows = dict(zip("PABC", scene.assets(4), strict=True))
    scene.immich.stack(scene.ann, *rows.values())
    before = rows["C"].updated_us
    scene.immich.delete_for_good(rows["P"])
    await scene.immich.run_jobs()
    assert rows["C"].updated_us == before
    scene.immich.delete_for_good(rows["A"], rows["B"])
    await scene.immich.run_jobs()
    assert rows["C"].updated_us > before


async def test_an_asset_without_a_stack_just_goes(scene: Scene) -> None:
    scene.immich.delete_for_good(scene.asset())
    await scene.immich.run_jobs()
    assert scene.immich.state.assets == {}


def _told(scene: Scene, stack_id: str, rows: dict[str, AssetRow]) -> str | None:
    stack = scene.immich.state.stacks.get(stack_id)
    if stack is None:
        return None
    names = {row.id: name for name, row in rows.items()}
    return f"{names[stack.primary_id]}: {''.join(names[member] for member in stack.members)}"
