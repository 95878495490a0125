from __future__ import annotations

import pytest

from sidecar.immich_client._generated import facts
from sidecar.immich_client.contract.capabilities import RESTS, WRITES, Capability
from sidecar.immich_client.contract.standing import Standing, Trouble, standing_of
from sidecar.immich_client.contract.terms import load_contract
from sidecar.model import ServerVersion
from tests.immich_client.contract.changed import Json, described, needs_a_kind, schema

PINNED, BETWEEN, NEWER = ServerVersion(3, 1, 0), ServerVersion(3, 0, 7), ServerVersion(3, 2, 0)


def standing(version: ServerVersion, description: bytes | Trouble) -> Standing:
    return standing_of(load_contract(), version, description)


def held(found: Standing) -> set[Capability]:
    return {each.capability for each in found.held_back}


def test_every_operation_in_use_serves_something_and_every_change_serves_one_thing() -> None:
    named = [operation for rests in RESTS.values() for operation in rests.reads | rests.writes]
    assert set(named) == facts.PERMISSIONS.keys()
    writes = [operation for rests in RESTS.values() for operation in rests.writes]
    assert len(writes) == len(set(writes)) == len(WRITES)
    only_read = {"searchAssets", "searchAssetStatistics"}
    calls = load_contract().calls
    assert {name for name, call in calls.items() if call.method != "GET"} - only_read == set(writes)


@pytest.mark.parametrize("version", [PINNED, BETWEEN, NEWER])
def test_a_server_that_changed_nothing_is_sent_everything(version: ServerVersion) -> None:
    found = standing(version, described(version=str(version)))
    assert found.is_sound
    assert (found.is_pinned, found.is_newer) == (version is PINNED, version is NEWER)
    assert found.server_version == version
    assert [found.why_not(each) for each in facts.PERMISSIONS] == [None] * len(facts.PERMISSIONS)


def test_what_rests_on_a_changed_operation_is_left_alone_and_the_rest_goes_on() -> None:
    found = standing(NEWER, described(needs_a_kind, version="3.2.0"))
    assert held(found) == {Capability.STACKS}
    assert found.unreadable == ()
    assert not found.is_sound
    # Whoever can undo a stack but not make one would lose it.
    assert found.why_not("deleteStack") == (
        "Immich 3.2.0 is not sent deleteStack: it changed createStack. "
        "`sidecar doctor` says more; a newer sidecar may know this version."
    )
    assert found.why_not("deleteAssets") is None
    assert found.why_not("searchAssets") is None


def test_nothing_is_changed_by_what_may_be_misread() -> None:
    def lose_the_stack(document: Json) -> None:
        del schema(document, "AssetResponseDto")["properties"]["stack"]

    found = standing(NEWER, described(lose_the_stack, version="3.2.0"))
    assert held(found) == {Capability.STACKS, Capability.MARKING, Capability.RESOLVING, Capability.REDO}
    assert found.unreadable == ("getAssetInfo", "searchAssets")
    assert found.why_not("getAssetInfo") is None  # reading goes on


@pytest.mark.parametrize("trouble", [Trouble.MISSING, Trouble.TOO_LARGE])
@pytest.mark.parametrize("version", [PINNED, BETWEEN, NEWER])
def test_a_newer_server_that_says_nothing_is_only_read(version: ServerVersion, trouble: Trouble) -> None:
    found = standing(version, trouble)
    assert (found.trouble, found.verdicts) == (trouble, ())
    assert found.is_sound is (version is not NEWER)
    if version is NEWER:
        assert held(found) == {each for each, rests in RESTS.items() if rests.writes}
        assert "what it changed is unknown" in (found.why_not("createStack") or "")


@pytest.mark.parametrize(
    ("description", "trouble"),
    [
        pytest.param(described()[:5000], Trouble.UNREADABLE, id="a part"),
        pytest.param(b"<!doctype html>", Trouble.UNREADABLE, id="a page"),
        pytest.param(described(version="latest"), Trouble.UNREADABLE, id="a version in words"),
        pytest.param(described(version="3.1.0"), Trouble.OTHER_VERSION, id="another version"),
    ],
)
def test_a_description_that_cannot_be_believed_is_none(description: bytes, trouble: Trouble) -> None:
    found = standing(NEWER, description)
    assert (found.trouble, found.is_sound) == (trouble, False)
    assert found.detail
    assert standing(BETWEEN, description).is_sound


def test_a_description_of_the_release_stands_for_what_came_before_it() -> None:
    assert standing(NEWER, described(version="v3.2.0-rc.1")).is_sound
