from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.duplicates.native import MOST_RETURNS, NativePlan, NativeWrite, Present, Written, plan_native
from sidecar.model import AssetId

A, B, C, D = (AssetId(each) for each in "abcd")


def shown(asset_id: AssetId, duplicate_id: str | None = None, *, at_ms: int = 0, is_listed: bool = True) -> Present:
    return Present(asset_id, duplicate_id, is_listed, at_ms)


def ours(asset_id: AssetId, *, of: str = "s", duplicate_id: str = "id-s", taken_away: int = 0) -> Written:
    return Written(asset_id, of, duplicate_id, taken_away=taken_away)


def plan(wanted: Mapping[str, Sequence[Present]], *written: Written, others: Sequence[Present] = ()) -> NativePlan:
    present = {each.asset_id: each for members in wanted.values() for each in members}
    return plan_native(
        wanted,
        {each.asset_id: each for each in written},
        present | {each.asset_id: each for each in others},
        new_id=lambda set_id: f"id-{set_id}",
    )


def write(*ids: AssetId, duplicate_id: str = "id-s", of: str = "s", taken_away: int = 0) -> NativeWrite:
    return NativeWrite(of, duplicate_id, ids, taken_away)


NOTHING = NativePlan((), (), (), ())


@pytest.mark.parametrize(
    ("members", "written", "expected"),
    [
        pytest.param([shown(B), shown(A)], [], [write(A, B)], id="a new set"),
        pytest.param([shown(A)], [], [], id="one alone is no group to Immich"),
        pytest.param([shown(A), shown(B, is_listed=False)], [], [], id="a stacked one is not shown"),
        pytest.param([shown(A), shown(B, "x")], [], [], id="one of Immich's own groups is left to it"),
        pytest.param([shown(A), shown(B, "x"), shown(C)], [], [write(A, C)], id="the others of a set go without it"),
        pytest.param([shown(A, "id-s"), shown(B, "id-s")], [ours(A), ours(B)], [], id="all is as it should be"),
        pytest.param(
            [shown(A, "id-s"), shown(B, "id-s"), shown(C)], [ours(A), ours(B)], [write(C)], id="a third joins"
        ),
        pytest.param(
            [shown(A, "p"), shown(B, "q"), shown(C, "q")],
            [ours(A, duplicate_id="p"), ours(B, duplicate_id="q"), ours(C, duplicate_id="q")],
            [write(A, duplicate_id="q")],
            id="two sets became one: the more common id stays",
        ),
        pytest.param(
            [shown(A, "id-s"), shown(B, at_ms=100)],
            [ours(A), ours(B)],
            [write(B, taken_away=1)],
            id="Immich's detection took one away",
        ),
        pytest.param(
            [shown(A), shown(B, at_ms=6)],
            [ours(A), ours(B)],
            [],
            id="the whole group was taken off the page, whoever did that",
        ),
        pytest.param(
            [shown(A), shown(B)],
            [replace(ours(A), is_confirmed=False), replace(ours(B), is_confirmed=False)],
            [write(A, B)],
            id="a write that never arrived is no dismissal",
        ),
        pytest.param(
            [shown(A, "id-s"), shown(B)],
            [ours(A), ours(B, of="another", duplicate_id="id-another", taken_away=2)],
            [write(B)],
            id="what was taken away from another set does not count",
        ),
        pytest.param(
            [shown(A, "id-s"), shown(B)],
            [ours(A), ours(B, taken_away=MOST_RETURNS)],
            [],
            id="an end to it",
        ),
    ],
)
def test_what_is_written(members: list[Present], written: list[Written], expected: list[NativeWrite]) -> None:
    assert plan({"s": members}, *written) == replace(NOTHING, writes=tuple(expected))


def test_two_sets_that_were_one_do_not_share_an_id() -> None:
    members = {"s": [shown(A, "x"), shown(B, "x")], "t": [shown(C, "x"), shown(D, "x")]}
    written = [ours(each, duplicate_id="x") for each in (A, B, C, D)]
    assert plan(members, *written) == replace(NOTHING, writes=(write(C, D, duplicate_id="id-t", of="t"),))


def test_ids_of_sets_that_are_no_more_are_cleared_where_they_still_are_ours() -> None:
    others = [shown(A, "id-s"), shown(B, "x"), shown(C, at_ms=50)]
    found = plan({}, ours(A), ours(B), ours(C), ours(D), others=others)
    assert found == replace(NOTHING, clear=(A,), forgotten=(B, C))  # D may come back from the trash


def test_a_group_that_lost_its_id_at_once_was_dismissed_by_the_user() -> None:
    found = plan({"s": [shown(A, at_ms=10), shown(B, at_ms=12)]}, ours(A), ours(B))
    assert found == NativePlan((), (), (frozenset({A, B}),), (A, B))


def test_a_group_off_the_page_stays_off_also_when_somebody_joins_it_and_is_remembered() -> None:
    members = [shown(A, at_ms=10), shown(B, at_ms=5000), shown(C)]
    for _ in range(2):
        assert plan({"t": members}, ours(A), ours(B)) == NOTHING


def test_what_remains_of_a_group_after_some_were_trashed_was_kept_on_purpose() -> None:
    members = [shown(A), shown(B)]
    found = plan({"s": members}, ours(A), ours(B), ours(C), others=[shown(C, "id-s", is_listed=False)])
    assert found.dismissed == (frozenset({A, B}),)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([], id="the other is gone"),
        pytest.param([shown(B, is_listed=False)], id="the other is trashed or stacked"),
    ],
)
def test_one_that_lost_its_id_alone_was_tidied_up_by_immich(other: list[Present]) -> None:
    assert plan({}, ours(A), ours(B), others=[shown(A), *other]).dismissed == ()


def test_a_set_with_one_of_a_dismissed_group_is_recorded_without_the_rest() -> None:
    found = plan({"s": [shown(A), shown(C)]}, ours(A, of="old", duplicate_id="o"), ours(B, of="old", duplicate_id="o"),
                 others=[shown(B)])  # fmt: skip
    assert found.dismissed == (frozenset({A, B}),)
    assert found.writes == (write(A, C),)


ids = st.sampled_from([AssetId(each) for each in "abcdefgh"])
duplicate_ids = st.none() | st.sampled_from(["x", "y", "foreign"])


@st.composite
def libraries(draw: st.DrawFn) -> tuple[dict[str, list[AssetId]], dict[AssetId, Present], dict[AssetId, Written]]:
    present = {
        asset_id: Present(asset_id, draw(duplicate_ids), draw(st.booleans()), draw(st.integers(0, 20)))
        for asset_id in draw(st.sets(ids))
    }
    written = {
        asset_id: Written(
            asset_id,
            draw(st.sampled_from(["s", "t", "u"])),
            draw(st.sampled_from(["x", "y"])),
            draw(st.booleans()),
            draw(st.integers(0, MOST_RETURNS)),
        )
        for asset_id in draw(st.sets(ids))
    }
    sets: dict[str, list[AssetId]] = {"s": [], "t": []}
    for asset_id in present:
        if (place := draw(st.sampled_from(["s", "t", None]))) is not None:
            sets[place].append(asset_id)
    return sets, present, written


def carried_out(
    found: NativePlan, present: dict[AssetId, Present], written: dict[AssetId, Written]
) -> tuple[dict[AssetId, Present], dict[AssetId, Written]]:
    present, written = dict(present), dict(written)
    for each in found.writes:
        for asset_id in each.asset_ids:
            present[asset_id] = replace(present[asset_id], duplicate_id=each.duplicate_id)
            written[asset_id] = Written(asset_id, each.set_id, each.duplicate_id, taken_away=each.taken_away)
    for asset_id in found.clear:
        present[asset_id] = replace(present[asset_id], duplicate_id=None)
    for asset_id in (*found.clear, *found.forgotten):
        del written[asset_id]
    return present, written


@given(libraries())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do_and_no_foreign_id_is_touched(
    library: tuple[dict[str, list[AssetId]], dict[AssetId, Present], dict[AssetId, Written]],
) -> None:
    sets, present, written = library

    def planned() -> NativePlan:
        wanted = {set_id: [present[each] for each in members] for set_id, members in sets.items()}
        return plan_native(wanted, written, present, new_id=lambda set_id: f"new-{set_id}")

    found = planned()
    foreign = {asset_id for asset_id, each in present.items() if each.duplicate_id == "foreign"}
    assert foreign.isdisjoint(asset_id for each in found.writes for asset_id in each.asset_ids)
    assert foreign.isdisjoint(found.clear)
    assert len({each.duplicate_id for each in found.writes}) == len(found.writes)
    dismissed = {asset_id for group in found.dismissed for asset_id in group}
    # The sets are formed anew without what was dismissed together.
    sets = {set_id: [each for each in members if each not in dismissed] for set_id, members in sets.items()}
    present, written = carried_out(found, present, written)
    for _ in range(2):
        again = planned()
        present, written = carried_out(again, present, written)
    assert planned() == NOTHING
