"""Public links are listed, filled, emptied and copied, talking to an emulated Immich of every generation."""

from __future__ import annotations

import pytest

from sidecar.errors import ImmichMissing, ImmichRefused
from sidecar.immich_client.details import SharedLink
from tests.immich_client.scene import UNKNOWN, Scene


async def test_links_tell_all_their_assets_that_are_not_trashed(scene: Scene) -> None:
    album = scene.server.album(scene.ann, "own", *scene.rows)
    to_album = scene.server.link(scene.ann, album=album)
    to_assets = scene.server.link(scene.ann, *scene.rows)
    scene.server.link(scene.bob, scene.bobs)
    scene.server.trash(scene.rows[0])
    assert await scene.immich.shared_links() == (
        SharedLink(to_assets.id, frozenset(scene.ids[1:]), None),
        SharedLink(to_album.id, frozenset(), album.id),
    )


async def test_a_link_that_goes_while_it_is_read_is_left_out(scene: Scene) -> None:
    scene.server.link(scene.ann, *scene.rows)
    kept = scene.server.link(scene.ann, scene.rows[0])
    gone = '{"message":"Shared link not found"}'
    scene.server.fail("GET", "/shared-links/*", status=400, body=gone, after_effect=True)
    found = await scene.immich.shared_links()
    assert len(found) == 1
    assert found[0].id != kept.id


async def test_adding_to_a_link_and_removing_twice_is_once_where_the_key_suffices(scene: Scene) -> None:
    link = scene.server.link(scene.ann, scene.rows[0])
    if scene.does("link_add_permission"):
        for _ in range(2):
            await scene.immich.add_to_link(link.id, [*scene.ids, scene.ids[0]])
        with pytest.raises(ImmichMissing, match="leaves out 1 assets"):
            await scene.immich.add_to_link(link.id, [scene.bobs_id])
    else:
        with pytest.raises(ImmichRefused) as caught:
            await scene.immich.add_to_link(link.id, scene.ids)
        assert caught.value.permission == "all"
        scene.server.state.put_in(link, scene.ids)
    if not scene.does("link_remove_permission"):
        with pytest.raises(ImmichRefused):
            await scene.immich.remove_from_link(link.id, scene.ids[:2])
        return
    for _ in range(2):
        await scene.immich.remove_from_link(link.id, scene.ids[:2])
    assert list(link.assets) == scene.ids[2:]
    with pytest.raises(ImmichMissing):
        await scene.immich.remove_from_link(UNKNOWN, scene.ids)


async def test_links_are_copied_from_a_trashed_asset_and_nothing_else_is(scene: Scene) -> None:
    link, other = scene.server.link(scene.ann, scene.rows[0]), scene.server.link(scene.ann, scene.rows[1])
    album = scene.server.album(scene.ann, "own", scene.rows[0])
    scene.server.stack(scene.ann, scene.rows[0], scene.rows[1])
    scene.server.state.write(scene.rows[0], is_favorite=True)
    scene.server.trash(scene.rows[0])
    for _ in range(2):
        await scene.immich.copy_links(scene.ids[0], scene.ids[2])
    assert (list(link.assets), list(other.assets)) == ([scene.ids[0], scene.ids[2]], [scene.ids[1]])
    assert list(album.assets) == [scene.ids[0]]
    assert (scene.rows[2].is_favorite, scene.rows[2].stack_id) == (False, None)
    with pytest.raises(ImmichMissing):
        await scene.immich.copy_links(scene.bobs_id, scene.ids[2])
