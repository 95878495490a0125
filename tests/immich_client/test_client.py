from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx

from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    SettingsError,
    UnsupportedImmich,
)
from sidecar.immich_client.client import (
    Immich,
    check_version,
    missing_permissions,
    open_immich,
    required_permissions,
)
from sidecar.immich_client.transport import Retries, Timeouts
from sidecar.model import AssetId, ServerVersion, StackId, Visibility
from tests.immich_client.wire import ASSET_ID, OTHER_ID, OWNER_ID, STACK_ID, Json, wire_asset, wire_page, wire_stack

URL = "http://immich:2283"
GONE = {"message": "Not found or no asset.read access"}
NEEDED = {
    *("album.read", "albumAsset.create", "albumAsset.delete", "duplicate.read", "partner.read"),
    *("asset.copy", "asset.delete", "asset.download", "asset.read", "asset.statistics", "asset.update", "asset.view"),
    *("sharedLink.read", "sharedLink.update", "tag.asset"),
    *("stack.create", "stack.delete", "stack.read", "stack.update", "user.read"),
}


@pytest.fixture
async def immich() -> AsyncIterator[Immich]:
    retries = Retries(attempts=3, first_pause_s=0.0)
    async with open_immich(URL, "geheim", retries=retries, timeouts=Timeouts(), connections=3) as opened:
        yield opened


def sent(route: respx.Route) -> list[Any]:
    return [json.loads(call.request.content) for call in route.calls]


def test_opening_sends_nothing_and_shows_no_key() -> None:
    assert repr(open_immich(f"{URL}/api/", "geheim")) == "Immich('http://immich:2283')"


def test_opening_refuses_what_cannot_be_an_address() -> None:
    with pytest.raises(SettingsError):
        open_immich("immich:2283", "geheim")


async def test_the_server_tells_its_version(immich: Immich, respx_mock: respx.MockRouter) -> None:
    version = {"major": 3, "minor": 2, "patch": 2, "prerelease": None}
    respx_mock.get(f"{URL}/api/server/version").respond(json=version)
    assert await immich.server_version() == ServerVersion(3, 2, 2)


async def test_the_user_of_a_key_is_known(immich: Immich, respx_mock: respx.MockRouter) -> None:
    respx_mock.get(f"{URL}/api/users/me").respond(
        json={"id": OWNER_ID, "name": "Ann", "email": "ann@example.com", "isAdmin": True}
    )
    user = await immich.me()
    assert (user.id, user.name, user.is_admin) == (OWNER_ID, "Ann", True)


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        pytest.param({"all"}, set(), id="everything"),
        pytest.param(NEEDED, set(), id="exactly what is needed"),
        pytest.param(NEEDED - {"stack.create"}, {"stack.create"}, id="one too few"),
        pytest.param({"album.create"}, NEEDED, id="something else"),
        pytest.param(set(), NEEDED, id="nothing"),
    ],
)
async def test_missing_permissions_are_found_before_work_starts(
    held: set[str], missing: set[str], immich: Immich, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get(f"{URL}/api/api-keys/me").respond(
        json={"id": OWNER_ID, "name": "sidecar", "permissions": sorted(held)}
    )
    assert missing_permissions(held) == missing
    assert await immich.permissions() == held
    if not missing:
        await immich.check_permissions()
        return
    with pytest.raises(ImmichRefused) as caught:
        await immich.check_permissions()
    assert str(caught.value) == f"The API key lacks: {', '.join(sorted(missing))}."
    assert caught.value.permission == min(missing)


def test_what_a_key_needs_follows_from_the_contract() -> None:
    assert required_permissions() == NEEDED


async def test_assets_are_counted_by_visibility(immich: Immich, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(f"{URL}/api/search/statistics").respond(json={"total": 41_800})
    assert await immich.count_assets(visibility=Visibility.ARCHIVE) == 41_800
    assert sent(route) == [{"visibility": "archive"}]


async def test_a_page_is_asked_for_with_exif_and_visibility(immich: Immich, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(f"{URL}/api/search/metadata").respond(json=wire_page(wire_asset(), next_page="2"))
    page = await immich.asset_page(visibility=Visibility.TIMELINE, page=1)
    assert [asset.id for asset in page.assets] == [ASSET_ID]
    assert page.next_page == 2
    await immich.asset_page(
        visibility=Visibility.ARCHIVE, page=7, size=10, newest_first=False, updated_after_ms=1_714_550_400_120
    )
    assert sent(route) == [
        {"visibility": "timeline", "page": 1, "size": 1000, "order": "desc", "withExif": True},
        {
            "visibility": "archive",
            "page": 7,
            "size": 10,
            "order": "asc",
            "withExif": True,
            "updatedAfter": "2024-05-01T08:00:00.120000Z",
        },
    ]


async def test_a_partners_assets_stay_in_the_page(immich: Immich, respx_mock: respx.MockRouter) -> None:
    respx_mock.post(f"{URL}/api/search/metadata").respond(json=wire_page(wire_asset(ownerId=OTHER_ID)))
    page = await immich.asset_page(visibility=Visibility.TIMELINE, page=1)
    assert [asset.owner_id for asset in page.assets] == [OTHER_ID]


async def test_one_asset_is_read(immich: Immich, respx_mock: respx.MockRouter) -> None:
    respx_mock.get(f"{URL}/api/assets/{ASSET_ID}").respond(json=wire_asset(isTrashed=True))
    assert (await immich.asset(AssetId(ASSET_ID))).is_trashed


@pytest.mark.parametrize("broken", [{"visibility": "secret"}, {"fileCreatedAt": "yesterday"}])
async def test_one_asset_that_cannot_be_read_breaks_the_contract(
    broken: Json, immich: Immich, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get(f"{URL}/api/assets/{ASSET_ID}").respond(json=wire_asset(**broken))
    with pytest.raises(ContractBroken):
        await immich.asset(AssetId(ASSET_ID))


async def test_what_is_gone_is_missing(immich: Immich, respx_mock: respx.MockRouter) -> None:
    respx_mock.route().respond(400, json=GONE)
    with pytest.raises(ImmichMissing):
        await immich.asset(AssetId(ASSET_ID))
    with pytest.raises(ImmichMissing):
        await immich.stack(StackId(STACK_ID))
    with pytest.raises(ImmichMissing):
        await immich.create_stack([AssetId(ASSET_ID), AssetId(OTHER_ID)])


async def test_all_stacks_come_at_once(immich: Immich, respx_mock: respx.MockRouter) -> None:
    respx_mock.get(f"{URL}/api/stacks").respond(json=[wire_stack(OTHER_ID, ASSET_ID), wire_stack(OTHER_ID)])
    assert [stack.member_ids for stack in await immich.stacks()] == [(ASSET_ID, OTHER_ID), (OTHER_ID,)]


async def test_a_list_of_stacks_that_fails_is_not_asked_for_for_ever(
    immich: Immich, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(f"{URL}/api/stacks").respond(500)
    with pytest.raises(ImmichUnavailable):
        await immich.stacks()
    assert route.call_count == 2


@pytest.mark.parametrize(
    ("answer", "stack_id"),
    [pytest.param([wire_stack(ASSET_ID)], STACK_ID, id="a primary"), pytest.param([], None, id="none")],
)
async def test_the_stack_of_a_primary_is_found(
    answer: list[object], stack_id: str | None, immich: Immich, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get(f"{URL}/api/stacks", params={"primaryAssetId": ASSET_ID}).respond(json=answer)
    stack = await immich.stack_of_primary(AssetId(ASSET_ID))
    assert (stack.id if stack else None) == stack_id


async def test_one_stack_is_read(immich: Immich, respx_mock: respx.MockRouter) -> None:
    respx_mock.get(f"{URL}/api/stacks/{STACK_ID}").respond(json=wire_stack(ASSET_ID, OTHER_ID))
    assert (await immich.stack(StackId(STACK_ID))).primary_id == ASSET_ID


async def test_primaries_are_gathered_from_timeline_and_archive(immich: Immich, respx_mock: respx.MockRouter) -> None:
    buckets = {
        ("timeline", "2024-05-01"): {"id": ["a", "b"], "stack": [["s", "2"], None]},
        ("timeline", "2024-04-01"): {"id": ["c", "a"], "stack": [["t", "3"], ["s", "2"]]},
        ("archive", "2023-01-01"): {"id": ["d"], "stack": [["u", "2"]]},
    }

    def list_buckets(request: httpx.Request) -> httpx.Response:
        shown = [name for visibility, name in buckets if visibility == request.url.params["visibility"]]
        return httpx.Response(200, json=[{"timeBucket": name, "count": 1} for name in shown])

    def one_bucket(request: httpx.Request) -> httpx.Response:
        params = request.url.params
        assert params["withStacked"] == "true"
        return httpx.Response(200, json=buckets[params["visibility"], params["timeBucket"]])

    respx_mock.get(f"{URL}/api/timeline/buckets", params={"withStacked": "true"}).mock(side_effect=list_buckets)
    respx_mock.get(f"{URL}/api/timeline/bucket").mock(side_effect=one_bucket)
    assert await immich.stacked_primary_ids() == ("a", "c", "d")


async def test_the_first_asset_of_a_new_stack_is_its_primary(immich: Immich, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(f"{URL}/api/stacks").respond(201, json=wire_stack(ASSET_ID, OTHER_ID))
    stack = await immich.create_stack([AssetId(ASSET_ID), AssetId(OTHER_ID)])
    assert (stack.id, stack.primary_id) == (STACK_ID, ASSET_ID)
    assert sent(route) == [{"assetIds": [ASSET_ID, OTHER_ID]}]


@pytest.mark.parametrize("version", [(2, 5, 6), (2, 10, 0), (3, 1, 0), (3, 3, 5), (10, 0, 0)])
def test_pinned_and_newer_servers_pass(version: tuple[int, int, int]) -> None:
    check_version(ServerVersion(*version))


@pytest.mark.parametrize("version", [(2, 5, 5), (1, 144, 1), (0, 0, 0)])
def test_older_servers_are_refused_with_both_versions(version: tuple[int, int, int]) -> None:
    with pytest.raises(UnsupportedImmich, match=rf"Immich {'.'.join(map(str, version))} is too old; .* 2\.5\.6"):
        check_version(ServerVersion(*version))


async def test_the_stack_of_an_asset_is_found_whether_it_is_the_primary_or_not(
    immich: Immich, respx_mock: respx.MockRouter
) -> None:
    reference = {"id": STACK_ID, "primaryAssetId": OTHER_ID, "assetCount": 2}
    respx_mock.get(f"{URL}/api/assets/{ASSET_ID}").respond(json=wire_asset(stack=reference))
    respx_mock.get(f"{URL}/api/stacks/{STACK_ID}").respond(json=wire_stack(OTHER_ID, ASSET_ID))
    stack = await immich.stack_of(AssetId(ASSET_ID))
    assert stack is not None
    assert (stack.id, set(stack.member_ids)) == (STACK_ID, {OTHER_ID, ASSET_ID})


async def test_an_asset_in_no_stack_has_none(immich: Immich, respx_mock: respx.MockRouter) -> None:
    respx_mock.get(f"{URL}/api/assets/{ASSET_ID}").respond(json=wire_asset(stack=None))
    assert await immich.stack_of(AssetId(ASSET_ID)) is None


async def test_the_servers_clock_is_read_from_its_answers(immich: Immich, respx_mock: respx.MockRouter) -> None:
    version = {"major": 3, "minor": 2, "patch": 2, "prerelease": None}
    route = respx_mock.get(f"{URL}/api/server/version")
    assert immich.server_time_ms() is None
    for date, clock_ms in (
        ({}, None),
        ({"date": "Sun, 22 Nov 2026 13:42:40 GMT"}, 1_795_354_960_000),
        ({"date": "yesterday"}, 1_795_354_960_000),
    ):
        route.respond(json=version, headers=date)
        await immich.server_version()
        assert immich.server_time_ms() == clock_ms
