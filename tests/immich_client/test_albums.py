"""Albums are listed, searched, filled and emptied, talking to an emulated Immich of every generation."""

from __future__ import annotations

import pytest

from sidecar.errors import ImmichMissing
from sidecar.model import Visibility
from tests.immich_client.scene import UNKNOWN, Scene


async def test_own_albums_and_those_of_others_are_listed(scene: Scene) -> None:
    server, ann, bob = scene.server, scene.ann, scene.bob
    eve = server.add_user("Eve")
    own = server.album(ann, "own", *scene.rows[:2])
    given = server.album(ann, "given", scene.rows[0], editors=[bob], viewers=[eve])
    taken = server.album(bob, "taken", scene.bobs, viewers=[ann])
    linked = server.album(ann, "linked")
    server.album(bob, "bob's own", scene.bobs)
    server.link(ann, album=linked)
    albums = {album.name: album for album in await scene.immich.albums()}
    assert {name: album.id for name, album in albums.items()} == {
        row.name: row.id for row in (own, given, taken, linked)
    }
    shared = {name: (album.is_shared, album.has_link) for name, album in albums.items()}
    assert shared == {
        "own": (False, False),
        "given": (True, False),
        "taken": (True, False),
        "linked": (True, True),
    }
    writers = {name: album.writer_ids for name, album in albums.items()}
    assert writers == {"own": {ann.id}, "given": {ann.id, bob.id}, "taken": {bob.id}, "linked": {ann.id}}
    assert [albums[name].asset_count for name in ("own", "given", "linked")] == [2, 1, 0]
    assert sorted(albums, key=lambda name: albums[name].id) == list(albums)


async def test_the_albums_of_an_asset_are_known_trashed_or_not_with_their_links(scene: Scene) -> None:
    own = scene.server.album(scene.ann, "own", scene.rows[0])
    linked = scene.server.album(scene.ann, "linked", *scene.rows)
    scene.server.link(scene.ann, album=linked)
    scene.server.link(scene.ann, scene.rows[0])
    scene.server.trash(scene.rows[0])
    found = {album.id: (album.is_shared, album.has_link) for album in await scene.immich.albums_of(scene.ids[0])}
    assert found == {own.id: (False, False), linked.id: (True, True)}
    assert [album.id for album in await scene.immich.albums_of(scene.ids[1])] == [linked.id]
    assert await scene.immich.albums_of(UNKNOWN) == ()


async def test_an_albums_assets_are_found_page_by_page(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.immich_client.albums._PAGE_SIZE", 1)
    album = scene.server.album(scene.bob, "together", *scene.rows, scene.bobs, viewers=[scene.ann])
    scene.server.set_visibility(scene.rows[0], Visibility.ARCHIVE)
    scene.server.trash(scene.rows[1])
    expected = {scene.ids[0], scene.ids[2]} | ({scene.bobs_id} if scene.does("album_search") else set())
    assert await scene.immich.album_asset_ids(album.id) == expected
    assert len(scene.asked("POST", "/search/metadata")) == len(expected)


async def test_the_assets_of_no_album_are_missing_or_none(scene: Scene) -> None:
    if scene.does("album_search"):
        with pytest.raises(ImmichMissing):
            await scene.immich.album_asset_ids(UNKNOWN)
    else:
        assert await scene.immich.album_asset_ids(UNKNOWN) == frozenset()


async def test_adding_to_an_album_and_removing_twice_is_once(scene: Scene) -> None:
    album = scene.server.album(scene.bob, "together", scene.rows[0], editors=[scene.ann])
    for _ in range(2):
        await scene.immich.add_to_album(album.id, [*scene.ids, scene.ids[0]])
    assert list(album.assets) == scene.ids
    for _ in range(2):
        await scene.immich.remove_from_album(album.id, scene.ids[:2])
    assert list(album.assets) == scene.ids[2:]


async def test_what_may_not_be_added_is_told_and_the_rest_is_added(scene: Scene) -> None:
    album = scene.server.album(scene.ann, "own")
    with pytest.raises(ImmichMissing, match="leaves out 2 assets"):
        await scene.immich.add_to_album(album.id, [scene.ids[0], scene.bobs_id, UNKNOWN])
    assert list(album.assets) == scene.ids[:1]


async def test_viewers_and_strangers_may_not_write_in_an_album(scene: Scene) -> None:
    viewed = scene.server.album(scene.bob, "viewed", scene.rows[0], viewers=[scene.ann])
    for album_id in (viewed.id, UNKNOWN):
        with pytest.raises(ImmichMissing):
            await scene.immich.add_to_album(album_id, scene.ids)
        with pytest.raises(ImmichMissing):
            await scene.immich.remove_from_album(album_id, scene.ids)
    assert list(viewed.assets) == scene.ids[:1]


async def test_an_editor_removes_only_what_is_theirs(scene: Scene) -> None:
    album = scene.server.album(scene.bob, "together", scene.bobs, scene.rows[0], editors=[scene.ann])
    with pytest.raises(ImmichMissing, match="leaves out 1 assets"):
        await scene.immich.remove_from_album(album.id, [scene.bobs_id, scene.ids[0]])
    assert list(album.assets) == [scene.bobs_id]
