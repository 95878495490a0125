from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import StaleDecision
from sidecar.jobs.choosing import LayerName, NotUnderstood, _given, _merged, choose, in_force
from sidecar.jobs.context import JobContext
from sidecar.preferences import Detection, Matching, Problem, understand_stored
from sidecar.storage import preferences
from sidecar.storage.database import Database
from tests.builders import OWNER


@pytest.fixture
def context(database: Database) -> JobContext:
    server = Matching.model_validate({"stack": {"burst": True}, "ask_first": True})
    return JobContext(database=database, accounts={}, matching=server, detection=Detection(batch_size=50))


async def test_on_both_databases_one_of_many_wins(context: JobContext) -> None:
    revision = (await in_force(context, OWNER)).revision
    outcomes = await asyncio.gather(
        *(choose(context, OWNER, {"timestamp_tolerance_seconds": each}, revision=revision) for each in range(1, 9)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, StaleDecision) for each in outcomes) == 7
    (won,) = [each for each in outcomes if not isinstance(each, BaseException)]
    assert await in_force(context, OWNER) == won


async def test_the_servers_layer_lies_between(context: JobContext) -> None:
    first = await in_force(context, OWNER)
    by_server = {key for key, layer in first.layers.items() if layer is LayerName.SERVER}
    assert by_server == {"stack.burst", "ask_first", "detection.batch_size"}
    assert first.choices.matching.ask_first is True
    found = await choose(context, OWNER, {"ask_first": False, "stack": {"burst": False}}, revision=first.revision)
    assert (found.layers["ask_first"], found.choices.matching.ask_first) == (LayerName.USER, False)
    assert found.choices.detection.batch_size == 50
    again = await choose(context, OWNER, {"ask_first": None, "stack": None}, revision=found.revision)
    assert again == first


async def test_what_another_version_stored_is_passed_over_and_kept(context: JobContext) -> None:
    odd: dict[str, object] = {"new_rule": 5, "stack": 7, "detection": {"phash_threshold": 5}, "ask_first": False}
    async with context.database.write() as connection:
        await preferences.put(connection, OWNER, odd, now_ms=1)
    found = await in_force(context, OWNER)
    assert {problem.key for problem in found.passed_over} == {"new_rule", "stack", "detection.phash_threshold"}
    assert found.choices.matching.ask_first is False
    found = await choose(context, OWNER, {"stack": {"video": False}, "detection": {}}, revision=found.revision)
    async with context.database.read() as connection:
        assert await preferences.get(connection, OWNER) == {**odd, "stack": {"video": False}}
    assert found.choices.matching.stack.video is False


async def test_a_choice_without_sense_is_told_by_its_key(context: JobContext) -> None:
    revision = (await in_force(context, OWNER)).revision
    with pytest.raises(NotUnderstood) as caught:
        await choose(context, OWNER, {"stack": {"burst": 3}, "ask_first": True}, revision=revision)
    assert caught.value.problems == (Problem("stack.burst", "must be true or false"),)
    assert str(caught.value) == "stack.burst: must be true or false"
    assert (await in_force(context, OWNER)).revision == revision


switches = st.dictionaries(st.sampled_from(["burst", "video", "edited"]), st.booleans() | st.none())
wishes = st.fixed_dictionaries(
    {},
    optional={
        "ask_first": st.booleans() | st.none(),
        "timestamp_tolerance_seconds": st.sampled_from([0.0, 1.5, 60.0, None]),
        "stack": switches | st.none(),
        "detection": st.none()
        | st.fixed_dictionaries({}, optional={"turned_copies": st.booleans() | st.none(), "prefer_paths": st.none()}),
    },
)


@given(st.lists(wishes, max_size=4))
def test_of_several_changes_the_last_word_about_each_key_counts(changes: list[dict[str, object]]) -> None:
    stored: dict[str, object] = {}
    expected: dict[str, object] = {}
    for wanted in changes:
        stored = _merged(stored, wanted, understand_stored(_given(wanted)).choices.stored())
        for key, value in wanted.items():
            if value is None:
                expected = {each: kept for each, kept in expected.items() if each.partition(".")[0] != key}
            elif isinstance(value, dict):
                expected |= {f"{key}.{name}": inner for name, inner in value.items()}
            else:
                expected[key] = value
        expected = {key: value for key, value in expected.items() if value is not None}
    understood = understand_stored(stored)
    assert understood.dropped == ()
    assert understood.choices.by_key() == expected
    assert understood.choices.stored() == stored
