from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.grouping.restacking import (
    Change,
    Dissolve,
    Recover,
    Shape,
    Stacking,
    State,
    TakeOut,
    after_change,
    changes,
    remaining,
    shapes,
)
from sidecar.model import AssetId, Stack, StackId
from tests.builders import asset_id

A, B, C, D, E = (asset_id(number) for number in range(1, 6))


def shape(primary: AssetId, *others: AssetId) -> Shape:
    return Shape(primary, frozenset({primary, *others}))


def state(*of: Shape) -> State:
    return frozenset(of)


def test_a_hidden_primary_is_in_its_stack_all_the_same() -> None:
    assert shapes([Stack(StackId("s"), A, (B, C))]) == state(shape(A, B, C))


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [
        pytest.param(state(), state(), [], id="nothing"),
        pytest.param(state(shape(A, B)), state(shape(A, B)), [], id="nothing to change"),
        pytest.param(state(), state(shape(A, B)), [Stacking(shape(A, B))], id="make"),
        pytest.param(state(shape(A, B)), state(), [Dissolve(shape(A, B))], id="take apart"),
        pytest.param(state(shape(A, B)), state(shape(B, A)), [Recover(shape(A, B), B)], id="another cover"),
        pytest.param(
            state(shape(A, B, C, D)),
            state(shape(A, B)),
            [TakeOut(shape(A, B, C, D), C), TakeOut(shape(A, B, D), D)],
            id="fewer members",
        ),
        pytest.param(
            state(shape(A, B, C)),
            state(shape(B, C)),
            [Recover(shape(A, B, C), B), TakeOut(shape(B, A, C), A)],
            id="another cover, and the former one out",
        ),
        pytest.param(
            state(shape(A, B, C, D)),
            state(shape(A, B), shape(C, D)),
            [Dissolve(shape(A, B, C, D)), Stacking(shape(A, B)), Stacking(shape(C, D))],
            id="one becomes two",
        ),
        pytest.param(
            state(shape(A, B)),
            state(shape(A, B, C)),
            [Dissolve(shape(A, B)), Stacking(shape(A, B, C))],
            id="one more member",
        ),
        pytest.param(
            state(shape(A, B), shape(D, E)), state(shape(D, E)), [Dissolve(shape(A, B))], id="what stays is not touched"
        ),
    ],
)
def test_the_way_is_short_and_gentle(before: State, after: State, way: list[Change]) -> None:
    assert changes(before, after) == way


@st.composite
def states(draw: st.DrawFn) -> State:
    cells = draw(st.lists(st.integers(0, 2), min_size=5, max_size=5))
    found = set()
    for cell in (1, 2):
        members = [each for each, place in zip((A, B, C, D, E), cells, strict=True) if place == cell]
        if len(members) > 1:
            found.add(Shape(draw(st.sampled_from(members)), frozenset(members)))
    return frozenset(found)


@given(states(), states())
def test_every_way_leads_there_and_goes_on_from_any_point_of_it(before: State, after: State) -> None:
    present = before
    for done, change in enumerate(way := changes(before, after)):
        left = remaining(present, before, after)
        assert left is not None
        assert len(left) <= len(way) - done
        present = after_change(present, change)
    assert present == after
    assert remaining(after, before, after) == []


@given(states(), states(), states())
def test_another_present_is_no_point_on_the_way(before: State, after: State, present: State) -> None:
    way = changes(before, after)
    points = [before]
    for change in way:
        points.append(after_change(points[-1], change))
    assert (remaining(present, before, after) is None) == (present not in points)
