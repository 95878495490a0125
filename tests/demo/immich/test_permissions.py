from __future__ import annotations

import pytest

from sidecar.demo.immich.permissions import is_granted, permission_names
from sidecar.demo.immich.versions import behaviour_of


@pytest.mark.parametrize(("version", "count"), [("2.7.5", 156), ("3.1.0", 155)])
def test_there_are_as_many_permissions_as_published(version: str, count: int) -> None:
    names = permission_names(behaviour_of(version))
    assert len(names) == len(set(names)) == count
    assert {"all", "maintenance", "stack.create", "asset.edit.get"} <= set(names)


@pytest.mark.parametrize(
    ("wanted", "held", "expected"),
    [
        pytest.param(["a", "b"], ["a"], False, id="one of two is missing"),
        pytest.param([], [], True, id="nothing wanted"),
        pytest.param(["a"], ["all"], True, id="all contains each"),
        pytest.param(["all"], ["a", "b"], False, id="each is not all"),
        pytest.param(["a"], ["b", "a"], True, id="held"),
    ],
)
def test_a_key_grants_what_it_holds(wanted: list[str], held: list[str], *, expected: bool) -> None:
    assert is_granted(wanted=wanted, held=held) is expected
