"""Every permission that a call needs is asked for by name, talking to an emulated Immich of every generation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sidecar.errors import ImmichRefused
from sidecar.immich_client._generated import facts
from sidecar.immich_client.client import Immich, open_immich, required_permissions
from sidecar.immich_client.permissions import Feature, feature_permissions, missing_for
from sidecar.model import AssetId, StackId
from tests.immich_client.scene import GROUP, QUICK, UNKNOWN, Scene


@pytest.mark.parametrize(
    ("permission", "ask"),
    [
        pytest.param("stack.delete", lambda immich, _, stack: immich.delete_stack(stack), id="delete a stack"),
        pytest.param("stack.update", lambda immich, ids, stack: immich.set_cover(stack, ids[1]), id="cover"),
        pytest.param("stack.update", lambda immich, ids, stack: immich.remove_from_stack(stack, ids[1]), id="remove"),
        pytest.param("asset.read", lambda immich, ids, _: immich.memo(ids[1]), id="read a memo"),
        pytest.param("asset.update", lambda immich, ids, _: immich.write_memos({ids[1]: {}}), id="write memos"),
        pytest.param("asset.update", lambda immich, ids, _: immich.delete_memos(ids[1:2]), id="delete memos"),
        pytest.param("asset.download", lambda immich, ids, _: immich.head_of(ids[1], 9), id="head"),
        pytest.param("asset.view", lambda immich, *_: immich.thumbnail(UNKNOWN), id="thumbnail"),
        pytest.param("asset.download", lambda immich, *_: immich.range_of(UNKNOWN, 0, 1), id="range"),
        pytest.param("asset.delete", lambda immich, ids, _: immich.trash(ids), id="trash"),
        pytest.param("asset.delete", lambda immich, ids, _: immich.restore(ids), id="restore"),
        pytest.param("asset.update", lambda immich, ids, _: immich.record_duplicates(ids, GROUP), id="record"),
        pytest.param("asset.update", lambda immich, ids, _: immich.update_details(ids[0], rating=1), id="details"),
        pytest.param("duplicate.read", lambda immich, *_: immich.native_duplicates(), id="duplicates"),
        pytest.param("album.read", lambda immich, *_: immich.albums(), id="albums"),
        pytest.param("albumAsset.create", lambda immich, ids, _: immich.add_to_album(UNKNOWN, ids), id="add to album"),
        pytest.param("albumAsset.delete", lambda immich, ids, _: immich.remove_from_album(UNKNOWN, ids), id="remove"),
        pytest.param("tag.asset", lambda immich, ids, _: immich.tag(UNKNOWN, ids), id="tag"),
        pytest.param("sharedLink.read", lambda immich, *_: immich.shared_links(), id="links"),
        pytest.param("asset.copy", lambda immich, ids, _: immich.copy_links(ids[0], ids[1]), id="copy links"),
        pytest.param("partner.read", lambda immich, *_: immich.partners(), id="partners"),
    ],
)
async def test_a_key_that_lacks_the_permission_is_refused_with_its_name(
    scene: Scene, permission: str, ask: Callable[[Immich, list[AssetId], StackId], Awaitable[object]]
) -> None:
    stack_id, _ = scene.stack(*scene.rows)
    key = scene.server.add_key(scene.ann, required_permissions() - {permission})
    async with open_immich(scene.server.url, key, retries=QUICK) as immich:
        with pytest.raises(ImmichRefused) as caught:
            await ask(immich, scene.ids, stack_id)
    assert caught.value.permission == permission


FEATURES = {
    Feature.WEBHOOK: {"plugin.read", "workflow.create", "workflow.delete", "workflow.read", "workflow.update"},
    Feature.REDO: {"job.create"},
    Feature.QUEUES: {"queue.read"},
    Feature.BELL: {"all"},
}


@pytest.mark.parametrize("feature", Feature)
def test_a_feature_needs_permissions_of_its_own_that_nobody_has_to_hold(feature: Feature) -> None:
    needed = FEATURES[feature]
    assert feature_permissions(feature) == needed
    assert required_permissions().isdisjoint(needed)
    assert missing_for(feature, required_permissions()) == needed
    assert missing_for(feature, needed) == set()
    assert missing_for(feature, {"all"}) == set()
    assert missing_for(feature, {*needed, "asset.read"} - {min(needed)}) == {min(needed)}


def test_every_permission_that_some_call_needs_is_required_or_a_features() -> None:
    known = required_permissions().union(*map(feature_permissions, Feature))
    # Keys are made and deleted with what a person shows, never with a key of the sidecar's own.
    of_people = {"apiKey.create", "apiKey.read", "apiKey.delete"}
    # The bell has no permission of its own.
    known -= {"all"}
    assert known | of_people == frozenset().union(*facts.PERMISSIONS.values())
    assert not known & of_people
