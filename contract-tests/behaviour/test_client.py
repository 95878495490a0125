"""The sidecar's own client against the server: what it says of a server is what the server does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from behaviour.server import Person, Server
from sidecar.errors import ImmichMissing, ImmichRefused
from sidecar.immich_client.client import Immich, check_version, open_immich, required_permissions
from sidecar.immich_client.contract.watch import open_contract_watch
from sidecar.model import AssetId, Visibility


@pytest.fixture
async def immich(server: Server, ann: Person) -> AsyncIterator[Immich]:
    """Ann's Immich by a key with exactly the permissions that the sidecar asks for."""
    async with open_immich(server.url, await ann.key(*required_permissions())) as opened:
        yield opened


async def test_the_server_describes_itself_as_the_contract_has_it(server: Server) -> None:
    """The server's own description is one that the sidecar was made for"""
    async with open_contract_watch(server.url) as watch:
        standing = await watch.standing()
    assert standing.trouble is None
    assert standing.is_sound, [each for each in standing.verdicts if each.reasons]
    check_version(standing.server_version)


async def test_a_key_with_the_asked_permissions_suffices(ann: Person, immich: Immich) -> None:
    """A key with exactly the sidecar's permissions reads, stacks, remembers, marks, trashes and undoes all that"""
    await immich.check_permissions()
    assert (await immich.me()).id == ann.id
    first, second, third = map(AssetId, await ann.upload_all("IMG_1.JPG", "IMG_1.CR2.JPG", "IMG_2.JPG"))
    assert await immich.count_assets(visibility=Visibility.TIMELINE) == 3
    page = await immich.asset_page(visibility=Visibility.TIMELINE, page=1, size=1000)
    assert ({asset.id for asset in page.assets}, page.next_page, len(page.broken)) == ({first, second, third}, None, 0)

    stack = await immich.create_stack([first, second])
    assert (stack.primary_id, set(stack.member_ids)) == (first, {first, second})
    assert await immich.stack_of(second) == stack
    assert await immich.stacks() == (stack,)
    assert await immich.stacked_primary_ids() == (first,)
    assert (await immich.set_cover(stack.id, second)).primary_id == second
    await immich.remove_from_stack(stack.id, first)
    await immich.delete_stack(stack.id)
    assert await immich.stack_of(second) is None
    with pytest.raises(ImmichMissing):
        await immich.stack(stack.id)

    await immich.write_memos({first: {"apart": [second]}})
    assert await immich.memo(first) == {"apart": [second]}
    await immich.delete_memos([first, second])
    assert await immich.memo(first) is None

    mark = str(uuid4())
    await immich.record_duplicates([first, second], mark)
    assert {key: set(ids) for key, ids in (await immich.native_duplicates()).items()} == {mark: {first, second}}
    await immich.record_duplicates([first, second], None)
    assert await immich.native_duplicates() == {}

    assert await immich.trash_is_on()
    await immich.trash([third])
    assert (await immich.asset(third)).is_trashed
    await immich.restore([third])
    assert not (await immich.asset(third)).is_trashed


async def test_details_albums_tags_and_links_are_handed_on(ann: Person, immich: Immich) -> None:
    """Details, albums, tags and links are handed on and taken back by a key with the sidecar's permissions"""
    source, target = map(AssetId, await ann.upload_all("a.jpg", "b.jpg"))
    album = await ann.ask("POST", "/albums", status=201, json={"albumName": "Trip", "assetIds": [source]})
    [tag] = await ann.ask("PUT", "/tags", json={"tags": ["sea"]})
    link = await ann.ask("POST", "/shared-links", status=201, json={"type": "INDIVIDUAL", "assetIds": [source]})
    [found] = await immich.albums_of(source)
    assert (str(found.id), str(found.owner_id)) == (album["id"], ann.id)
    assert await immich.album_asset_ids(found.id) == {source}
    await immich.add_to_album(found.id, [target])
    await immich.tag(tag["id"], [target])
    await immich.copy_links(source, target)
    assert await immich.album_asset_ids(found.id) == {source, target}
    assert [each["value"] for each in (await ann.asset(target))["tags"]] == ["sea"]
    [shown] = await immich.shared_links()
    assert (shown.id, set(shown.asset_ids)) == (link["id"], {source, target})
    await immich.update_details(target, is_favorite=True, rating=3, description="at sea")
    details = await immich.details(target)
    assert (details.is_favorite, details.rating, details.description) == (True, 3, "at sea")
    await immich.update_details(target, rating=None)
    assert (await immich.details(target)).rating is None
    await immich.remove_from_album(found.id, [target])
    await immich.untag(tag["id"], [target])
    assert await immich.album_asset_ids(found.id) == {source}


async def test_files_are_read_in_parts(ann: Person, immich: Immich) -> None:
    """Files are read in parts, thumbnails whole"""
    asset_id = AssetId(await ann.upload("a.jpg"))
    head = await immich.head_of(asset_id, 10)
    assert head[:2] == b"\xff\xd8"
    assert await immich.range_of(asset_id, 2, 4) == head[2:6]
    assert len(await immich.thumbnail(asset_id)) > 100


async def test_a_key_that_lacks_something_is_told_what(server: Server, ann: Person) -> None:
    """A key that lacks a permission is refused by its name"""
    async with open_immich(server.url, await ann.key("asset.read")) as narrow:
        with pytest.raises(ImmichRefused) as refused:
            await narrow.create_stack([AssetId(str(uuid4())), AssetId(str(uuid4()))])
    assert refused.value.permission == "stack.create"
