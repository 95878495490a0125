"""Does what we call exist, with what we send and read, in every pinned description of Immich?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from openapi.pin import Pin, Schema, version_numbers
from openapi.selection import load_selection
from openapi.validation import answer_faults, operation_at, pins, request_faults
from sidecar.immich_client._generated import calls, facts
from sidecar.immich_client.call import Call
from sidecar.immich_client.client import MEMO_KEY
from sidecar.immich_client.mapping import moment_of
from sidecar.immich_client.redo import RedoJob
from sidecar.model import AssetKind, Visibility

A_MOMENT = datetime(2024, 5, 1, 10, tzinfo=UTC)
LICENSE_KEY = "IMSV" + "-0000" * 8
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

every_pin = pytest.mark.parametrize("pin", [pytest.param(pin, id=pin.immich) for pin in pins()])

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
    "searchAssetStatistics": [calls.search_asset_statistics(visibility=visibility) for visibility in Visibility],
    "searchAssets": [
        calls.search_assets(
            order=order, page=page, size=1000, visibility=visibility, with_exif=True, updated_after=since
        )
        for order, page, visibility, since in (
            ("desc", 1, Visibility.TIMELINE, msgspec.UNSET),
            ("asc", 1001, Visibility.HIDDEN, A_MOMENT),
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


def each_pin_with(names: Iterable[str]) -> pytest.MarkDecorator:
    """Each of the operations with each pin that is to have it."""
    since = load_selection().since
    pairs = [
        pytest.param(pin, name, id=f"{pin.immich}-{name}")
        for name in names
        for pin in pins()
        if version_numbers(pin.immich) >= version_numbers(since.get(name, "0"))
    ]
    return pytest.mark.parametrize(("pin", "name"), pairs)


def test_every_operation_in_use_is_examined_here() -> None:
    assert CALLS.keys() == facts.PERMISSIONS.keys()


@each_pin_with(load_selection().operations)
def test_every_operation_is_described(pin: Pin, name: str) -> None:
    assert name in pin.operations


@each_pin_with(CALLS)
def test_what_we_send_is_allowed(pin: Pin, name: str) -> None:
    version = version_numbers(pin.immich)
    later = [call for each, call, since, until in CALLS_BY_VERSION if each == name and since <= version < until]
    for call in CALLS[name] + later:
        assert operation_at(pin, call.method, call.path) == name == call.operation
        ids = [segment for segment in map(unquote, call.path.split("/")) if segment in {V4, OTHER_V4}]
        path = dict(zip([p.name for p in pin.operations[name].parameters if p.place == "path"], ids, strict=True))
        body = None if call.body is None else msgspec.json.decode(call.body)
        assert request_faults(pin, name, path=path, query=dict(call.query), body=body) == []


@each_pin_with([name for name, (call, *_) in CALLS.items() if not call.answers_json])
def test_what_we_read_nothing_of_is_not_decoded(pin: Pin, name: str) -> None:
    assert pin.operations[name].answers
    assert CALLS[name][0].decode(b"anything") is None


@each_pin_with([name for name, (call, *_) in CALLS.items() if call.answers_json])
def test_what_may_be_answered_is_decoded(pin: Pin, name: str) -> None:
    (status,) = pin.operations[name].answers
    answer = pin.operations[name].success
    assert answer is not None
    assert answer.schema is not None
    for fill in (everything, nulls, only_required):
        example = fill(pin, answer.schema)
        assert answer_faults(pin, name, int(status), example) == []
        assert CALLS[name][0].decode(msgspec.json.encode(example)) is not None


@each_pin_with(CALLS)
def test_a_key_with_the_permissions_we_ask_for_suffices(pin: Pin, name: str) -> None:
    permission = pin.operations[name].permission
    assert permission is None or permission in facts.PERMISSIONS[name]
    assert pin.operations[name].admin_only is (name in FOR_ADMINISTRATORS)


@every_pin
def test_our_words_are_immichs_words(pin: Pin) -> None:
    assert {kind.value for kind in AssetKind} == set(pin.schemas["AssetTypeEnum"]["enum"])
    assert {visibility.value for visibility in Visibility} == set(pin.schemas["AssetVisibility"]["enum"])
    assert set().union(*facts.PERMISSIONS.values()) <= set(pin.schemas["Permission"]["enum"])


Fill = Callable[[Pin, Schema], object]


def everything(pin: Pin, schema: Schema) -> object:
    """An example with every field filled."""
    return _example(pin, schema, everything, _all_fields)


def only_required(pin: Pin, schema: Schema) -> object:
    """An example with the required fields alone, and lists empty."""
    plain = pin.resolve(schema)
    return [] if plain.get("type") == "array" else _example(pin, plain, only_required, _required_fields)


def nulls(pin: Pin, schema: Schema) -> object:
    """An example with every field, null wherever that is allowed."""
    plain = pin.resolve(schema)
    return None if plain.get("nullable") else _example(pin, plain, nulls, _all_fields)


def _all_fields(schema: Schema) -> Iterator[str]:
    yield from schema.get("properties", {})


def _required_fields(schema: Schema) -> Iterator[str]:
    yield from schema.get("required", ())


def _example(pin: Pin, schema: Schema, fill: Fill, fields: Callable[[Schema], Iterator[str]]) -> object:
    plain = pin.resolve(schema)
    if "enum" in plain:
        return plain["enum"][0]
    match plain["type"]:
        case "array":
            return [fill(pin, plain["items"])] * max(1, plain.get("minItems", 1))
        case "object":
            anything = {} if "properties" in plain else {"any": [1, {"deep": None}]}
            return anything | {name: fill(pin, plain["properties"][name]) for name in fields(plain)}
        case "string":
            texts = {
                "date-time": "2024-05-01T10:00:00.120Z",
                "uuid": V4,
                "email": "ann@example.com",
                "date": "2024-05-01",
            }
            is_license = "IM(SV|CL)" in plain.get("pattern", "")
            return LICENSE_KEY if is_license else texts.get(plain.get("format", ""), "text")
        case "boolean":
            return True
        case "integer" | "number":
            return max(1, plain.get("minimum", 1))
        case other:
            pytest.fail(f"no example for {other}")
