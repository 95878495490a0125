"""Each operation as the product calls it, with everything that it may send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from sidecar.immich_client._generated import calls
from sidecar.immich_client.call import Call
from sidecar.immich_client.client import MEMO_KEY
from sidecar.immich_client.mapping import moment_of
from sidecar.immich_client.redo import RedoJob
from sidecar.jobs.sync import VISIBILITIES
from sidecar.model import Visibility

A_MOMENT = datetime(2024, 5, 1, 10, tzinfo=UTC)
V4, OTHER_V4 = "6834964f-3d21-4f9f-8c21-bc6ad75c6fb6", "169ce594-0767-475f-b3c2-6d900b56ba10"

A_STEP: dict[str, object] = {
    "method": "immich-plugin-core#webhook",
    "enabled": True,
    "config": {
        "url": "http://sidecar/hook",
        "method": "POST",
        "headerName": "Authorization",
        "headerValue": "Bearer x",
    },
}
# Asked only by who may look; everybody else does without.
FOR_ADMINISTRATORS = {"createNotification", "getQueues"}

# Each operation as the product calls it, with everything that it may send.
CALLS: dict[str, list[Call[Any]]] = {
    "addAssetsToAlbum": [calls.add_assets_to_album(id=V4, ids=[OTHER_V4])],
    "addSharedLinkAssets": [calls.add_shared_link_assets(id=V4, asset_ids=[OTHER_V4])],
    "copyAsset": [
        calls.copy_asset(
            source_id=V4,
            target_id=OTHER_V4,
            shared_links=True,
            albums=False,
            favorite=False,
            sidecar=False,
            stack=False,
        )
    ],
    "createApiKey": [calls.create_api_key(name="sidecar", permissions=["asset.read", "stack.create"])],
    "createNotification": [
        calls.create_notification(
            user_id=V4, title="Immich sidecar", description="There is something.", level="info", type="Custom"
        ),
        calls.create_notification(user_id=V4, title="Immich sidecar"),
    ],
    "createStack": [calls.create_stack(asset_ids=[V4, OTHER_V4]), calls.create_stack(asset_ids=[V4, V4])],
    "createWorkflow": [
        calls.create_workflow(name="Ours", trigger="AssetMetadataExtraction", enabled=True, steps=[A_STEP])
    ],
    "deleteApiKey": [calls.delete_api_key(id=V4)],
    "deleteAssets": [calls.delete_assets(ids=[V4, OTHER_V4])],
    "deleteBulkAssetMetadata": [calls.delete_bulk_asset_metadata(items=[{"assetId": V4, "key": MEMO_KEY}])],
    "deleteStack": [calls.delete_stack(id=V4)],
    "deleteWorkflow": [calls.delete_workflow(id=V4)],
    "downloadAsset": [calls.download_asset(id=V4)],
    "getAllAlbums": [calls.get_all_albums(), calls.get_all_albums(asset_id=V4)],
    "getAllSharedLinks": [calls.get_all_shared_links()],
    "getAssetDuplicates": [calls.get_asset_duplicates()],
    "getAssetInfo": [calls.get_asset_info(id=V4)],
    "getAssetMetadata": [calls.get_asset_metadata(id=V4)],
    "getApiKeys": [calls.get_api_keys()],
    "getMyApiKey": [calls.get_my_api_key()],
    "getMyUser": [calls.get_my_user()],
    "getPartners": [calls.get_partners(direction="shared-with")],
    "getQueues": [calls.get_queues()],
    "getServerFeatures": [calls.get_server_features()],
    "getServerVersion": [calls.get_server_version()],
    "getSharedLinkById": [calls.get_shared_link_by_id(id=V4)],
    "getStack": [calls.get_stack(id=V4)],
    "getTimeBucket": [
        calls.get_time_bucket(time_bucket="2024-05-01", visibility=visibility, with_stacked=True)
        for visibility in (Visibility.TIMELINE, Visibility.ARCHIVE)
    ],
    "getTimeBuckets": [calls.get_time_buckets(visibility=Visibility.ARCHIVE, with_stacked=True)],
    "getWorkflow": [calls.get_workflow(id=V4)],
    "removeAssetFromAlbum": [calls.remove_asset_from_album(id=V4, ids=[OTHER_V4])],
    "removeAssetFromStack": [calls.remove_asset_from_stack(id=V4, asset_id=OTHER_V4)],
    "removeSharedLinkAssets": [calls.remove_shared_link_assets(id=V4, asset_ids=[OTHER_V4])],
    "restoreAssets": [calls.restore_assets(ids=[V4, OTHER_V4])],
    "runAssetJobs": [calls.run_asset_jobs(asset_ids=[V4, OTHER_V4], name=job) for job in RedoJob],
    "searchAssetStatistics": [calls.search_asset_statistics(visibility=visibility) for visibility in VISIBILITIES],
    "searchAssets": [
        calls.search_assets(
            order=order, page=page, size=1000, visibility=visibility, with_exif=True, updated_after=since
        )
        for order, page, visibility, since in (
            ("desc", 1, Visibility.TIMELINE, msgspec.UNSET),
            ("asc", 1001, Visibility.ARCHIVE, A_MOMENT),
            ("asc", 2, Visibility.ARCHIVE, moment_of(-1)),
        )
    ]
    + [calls.search_assets(album_ids=[V4], order="asc", page=1, size=1000, visibility=Visibility.TIMELINE)],
    "searchPluginMethods": [calls.search_plugin_methods(name="webhook")],
    "searchStacks": [calls.search_stacks(), calls.search_stacks(primary_asset_id=V4)],
    "searchWorkflows": [calls.search_workflows()],
    "tagAssets": [calls.tag_assets(id=V4, ids=[OTHER_V4])],
    "untagAssets": [calls.untag_assets(id=V4, ids=[OTHER_V4])],
    "updateAsset": [
        calls.update_asset(id=V4, is_favorite=True),
        calls.update_asset(id=V4, rating=-1, description="", latitude=-90.0, longitude=180.0),
    ],
    "updateAssets": [
        calls.update_assets(ids=[V4, OTHER_V4], duplicate_id=V4),
        calls.update_assets(ids=[V4], duplicate_id=None),
    ],
    "updateBulkAssetMetadata": [
        calls.update_bulk_asset_metadata(
            items=[
                {"assetId": V4, "key": MEMO_KEY, "value": {"any": [1, None, {"deep": True}]}},
                {"assetId": OTHER_V4, "key": MEMO_KEY, "value": {}},
            ]
        )
    ],
    "updateStack": [calls.update_stack(id=V4, primary_asset_id=OTHER_V4)],
    "updateWorkflow": [
        calls.update_workflow(id=V4, trigger="AssetMetadataExtraction", steps=[A_STEP, {**A_STEP, "config": None}]),
        calls.update_workflow(id=V4, name="Mine", enabled=False),
    ],
    "viewAsset": [calls.view_asset(id=V4, size="thumbnail")],
}

# What only some versions are sent: the call, from which version on, and up to which exclusively.
CALLS_BY_VERSION: list[tuple[str, Call[Any], tuple[int, ...], tuple[int, ...]]] = [
    ("getAllAlbums", calls.get_all_albums(shared=True), (0,), (3, 0, 0)),
    ("updateAsset", calls.update_asset(id=V4, rating=0), (0,), (2, 6, 0)),
    ("updateAsset", calls.update_asset(id=V4, rating=None), (2, 6, 0), (4, 0, 0)),
]


def later_calls(name: str, version: tuple[int, ...]) -> list[Call[Any]]:
    """What only servers of this age are sent."""
    return [call for each, call, since, until in CALLS_BY_VERSION if each == name and since <= version < until]
