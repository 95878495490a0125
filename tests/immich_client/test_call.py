from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ContractBroken
from sidecar.immich_client._generated import calls, facts, models
from sidecar.immich_client.call import Call, json_body, path_segment, query_pairs, read_nothing
from tests.immich_client.wire import ASSET_ID, OTHER_ID, STACK_ID, wire_asset, wire_page


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_a_path_segment_stays_one_segment_and_keeps_its_value(value: str) -> None:
    quoted = path_segment(value.encode("utf-8", "replace").decode())
    assert not set(quoted) & set("/?#\\ ")
    assert unquote(quoted) == value.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_a_url_would_swallow_is_refused(value: str) -> None:
    with pytest.raises(ContractBroken, match="no id"):
        calls.get_stack(id=value)


def test_only_what_is_set_is_sent() -> None:
    assert json_body({"a": msgspec.UNSET, "b": False, "c": ["x"]}) == b'{"b":false,"c":["x"]}'
    items = [{"assetId": ASSET_ID, "value": {"kept": True}}]
    assert msgspec.json.decode(json_body({"items": items})) == {"items": items}
    assert query_pairs({"a": msgspec.UNSET, "b": False, "c": True, "d": "x"}) == (
        ("b", "false"),
        ("c", "true"),
        ("d", "x"),
    )


def test_a_reply_that_nobody_reads_is_none() -> None:
    assert read_nothing(b"anything") is None  # type: ignore[func-returns-value]  # that it is None is the claim


@pytest.mark.parametrize(
    ("call", "method", "path", "query", "body"),
    [
        pytest.param(
            calls.search_assets(visibility="archive", page=2, updated_after=datetime(2024, 5, 1, tzinfo=UTC)),
            "POST",
            "/search/metadata",
            (),
            {"visibility": "archive", "page": 2, "updatedAfter": "2024-05-01T00:00:00Z"},
            id="a search of changed assets",
        ),
        pytest.param(
            calls.create_stack(asset_ids=(ASSET_ID, OTHER_ID)),
            "POST",
            "/stacks",
            (),
            {"assetIds": [ASSET_ID, OTHER_ID]},
            id="a new stack",
        ),
        pytest.param(calls.search_stacks(), "GET", "/stacks", (), None, id="all stacks"),
        pytest.param(
            calls.search_stacks(primary_asset_id=ASSET_ID),
            "GET",
            "/stacks",
            (("primaryAssetId", ASSET_ID),),
            None,
            id="stacks of a primary",
        ),
        pytest.param(
            calls.get_time_bucket(time_bucket="2024-05-01", with_stacked=True),
            "GET",
            "/timeline/bucket",
            (("timeBucket", "2024-05-01"), ("withStacked", "true")),
            None,
            id="a bucket of primaries",
        ),
        pytest.param(
            calls.update_asset(id=ASSET_ID, rating=None, latitude=-1.5, longitude=2.0),
            "PUT",
            f"/assets/{ASSET_ID}",
            (),
            {"latitude": -1.5, "longitude": 2.0, "rating": None},
            id="null and fractions",
        ),
        pytest.param(calls.get_asset_info(id="a/../b"), "GET", "/assets/a%2F..%2Fb", (), None, id="a hostile id"),
    ],
)
def test_a_call_is_built_as_immich_wants_it(
    call: Call[Any], method: str, path: str, query: tuple[tuple[str, str], ...], body: object
) -> None:
    assert (call.method, call.path, call.query) == (method, path, query)
    assert (None if call.body is None else msgspec.json.decode(call.body)) == body


def test_no_call_that_changes_a_stack_or_makes_or_unmakes_a_workflow_or_a_key_may_be_repeated() -> None:
    made: list[Call[Any]] = [
        calls.add_assets_to_album(id=STACK_ID, ids=[]),
        calls.add_shared_link_assets(id=STACK_ID, asset_ids=[]),
        calls.copy_asset(source_id=ASSET_ID, target_id=OTHER_ID),
        calls.create_api_key(permissions=[]),
        calls.create_notification(title="Immich sidecar", user_id=STACK_ID),
        calls.create_stack(asset_ids=[ASSET_ID, OTHER_ID]),
        calls.create_workflow(trigger="AssetCreate"),
        calls.delete_api_key(id=STACK_ID),
        calls.delete_assets(ids=[]),
        calls.delete_bulk_asset_metadata(items=[]),
        calls.delete_stack(id=ASSET_ID),
        calls.delete_workflow(id=STACK_ID),
        calls.download_asset(id=ASSET_ID),
        calls.get_all_albums(),
        calls.get_all_shared_links(),
        calls.get_api_keys(),
        calls.get_asset_duplicates(),
        calls.get_asset_info(id=ASSET_ID),
        calls.get_asset_metadata(id=ASSET_ID),
        calls.get_my_api_key(),
        calls.get_my_user(),
        calls.get_partners(direction="shared-with"),
        calls.get_queues(),
        calls.get_server_features(),
        calls.get_server_version(),
        calls.get_shared_link_by_id(id=STACK_ID),
        calls.get_stack(id=ASSET_ID),
        calls.get_time_bucket(time_bucket="2024-05-01"),
        calls.get_time_buckets(),
        calls.get_workflow(id=STACK_ID),
        calls.remove_asset_from_album(id=STACK_ID, ids=[]),
        calls.remove_asset_from_stack(id=STACK_ID, asset_id=ASSET_ID),
        calls.remove_shared_link_assets(id=STACK_ID, asset_ids=[]),
        calls.restore_assets(ids=[]),
        calls.run_asset_jobs(asset_ids=[], name="refresh-metadata"),
        calls.search_asset_statistics(),
        calls.search_assets(),
        calls.search_plugin_methods(name="webhook"),
        calls.search_stacks(),
        calls.search_workflows(),
        calls.tag_assets(id=STACK_ID, ids=[]),
        calls.untag_assets(id=STACK_ID, ids=[]),
        calls.update_asset(id=ASSET_ID),
        calls.update_assets(ids=[]),
        calls.update_bulk_asset_metadata(items=[]),
        calls.update_stack(id=STACK_ID),
        calls.update_workflow(id=STACK_ID),
        calls.view_asset(id=ASSET_ID),
    ]
    assert [call.operation for call in made] == sorted(facts.PERMISSIONS)
    assert [call.operation for call in made if not call.is_repeatable] == [
        "createApiKey",
        "createNotification",
        "createStack",
        "createWorkflow",
        "deleteApiKey",
        "deleteStack",
        "deleteWorkflow",
        "removeAssetFromStack",
        "updateStack",
    ]


def test_an_answer_is_decoded_and_what_we_do_not_know_is_ignored() -> None:
    text = msgspec.json.encode(wire_asset(type="HOLOGRAM", surprise={"deep": [1]}))
    asset = calls.get_asset_info(id=ASSET_ID).decode(text)
    assert (asset.id, asset.type, asset.width) == (ASSET_ID, "HOLOGRAM", 900)


@pytest.mark.parametrize(
    ("duration", "decoded"),
    [
        pytest.param("0:00:12.340000", "0:00:12.340000", id="2.x"),
        pytest.param(12340, 12340, id="3.x"),
        pytest.param(None, None, id="null"),
    ],
)
def test_a_field_whose_type_has_changed_is_read_in_every_type(duration: object, decoded: object) -> None:
    text = msgspec.json.encode(wire_asset(duration=duration))
    assert calls.get_asset_info(id=ASSET_ID).decode(text).duration == decoded


def test_a_missing_field_is_named() -> None:
    asset = wire_asset()
    del asset["ownerId"]
    with pytest.raises(msgspec.ValidationError, match="missing required field `ownerId`"):
        calls.get_asset_info(id=ASSET_ID).decode(msgspec.json.encode(asset))


def test_a_page_leaves_its_assets_undecoded() -> None:
    answer = calls.search_assets().decode(msgspec.json.encode(wire_page({"id": 1}, next_page="2")))
    assert [bytes(item) for item in answer.assets.items] == [b'{"id":1}']
    assert answer.assets.next_page == "2"


def test_models_cannot_be_changed() -> None:
    version = models.ServerVersion(major=3, minor=1, patch=0)
    with pytest.raises(AttributeError):
        version.major = 4  # type: ignore[misc]  # that this fails is the claim
