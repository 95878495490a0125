from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.demo.immich.asset_metadata import as_kept
from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.server import MEMO_KEY
from sidecar.demo.immich.state import Change
from sidecar.model import Visibility
from tests.demo.immich.scene import Scene

_UNKNOWN = "ffffffff-0000-4000-8000-00000000000f"

both = pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])


def _item(row: AssetRow | str, value: Any = None, key: str = "k") -> dict[str, Any]:
    asset_id = row if isinstance(row, str) else row.id
    return {"assetId": asset_id, "key": key, "value": {"n": 1} if value is None else value}


def _items(*items: Any) -> dict[str, Any]:
    return {"items": list(items)}


async def _kept(scene: Scene, row: AssetRow) -> dict[str, Any]:
    return {each["key"]: each["value"] for each in (await scene.api("GET", f"/assets/{row.id}/metadata")).json()}


async def test_what_is_put_is_read_back_under_its_key(scene: Scene) -> None:
    row = scene.asset()
    put = await scene.api("PUT", f"/assets/{row.id}/metadata", _items({"key": "a", "value": {"x": [1, None]}}))
    assert put.status_code == 200
    [answered] = put.json()
    assert (answered["key"], answered["value"]) == ("a", {"x": [1, None]})
    assert (await scene.api("GET", f"/assets/{row.id}/metadata")).json() == [answered]
    assert (await scene.api("GET", f"/assets/{row.id}/metadata/a")).json() == answered
    assert (await scene.api("DELETE", f"/assets/{row.id}/metadata/a")).status_code == 204
    assert await _kept(scene, row) == {}


async def test_a_new_value_replaces_the_old_one_and_comes_last(scene: Scene) -> None:
    row = scene.asset()
    await scene.api("PUT", f"/assets/{row.id}/metadata", _items(_item(row, {"n": 1}, "a"), _item(row, {"n": 2}, "b")))
    first = (await scene.api("GET", f"/assets/{row.id}/metadata/a")).json()
    await scene.api("PUT", "/assets/metadata", _items(_item(row, {"n": 3}, "a")))
    listed = (await scene.api("GET", f"/assets/{row.id}/metadata")).json()
    assert [(each["key"], each["value"]) for each in listed] == [("b", {"n": 2}), ("a", {"n": 3})]
    assert listed[1]["updatedAt"] >= first["updatedAt"]


@pytest.mark.parametrize("key", ["ä/ b?", "with.dot", "%2F"])
async def test_any_text_is_a_key(scene: Scene, key: str) -> None:
    row = scene.asset()
    assert (await scene.api("PUT", f"/assets/{row.id}/metadata", _items(_item(row, key=key)))).status_code == 200
    quoted = "".join(f"%{byte:02X}" for byte in key.encode())
    assert (await scene.api("GET", f"/assets/{row.id}/metadata/{quoted}")).json()["key"] == key


async def test_many_are_written_and_forgotten_at_once(scene: Scene) -> None:
    first, second = scene.assets(2)
    put = await scene.api("PUT", "/assets/metadata", _items(_item(first, {"n": 1}), _item(second, {"n": 2})))
    assert [(each["assetId"], each["key"], each["value"]) for each in put.json()] == [
        (first.id, "k", {"n": 1}),
        (second.id, "k", {"n": 2}),
    ]
    gone = [_item(first), _item(first), _item(second, key="never there")]
    assert (await scene.api("DELETE", "/assets/metadata", _items(*gone))).status_code == 204
    assert (await _kept(scene, first), await _kept(scene, second)) == ({}, {"k": {"n": 2}})
    assert (await scene.api("DELETE", "/assets/metadata", _items())).status_code == 204


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("stranger", ["unknown", "foreign", "locked", "in capitals"])
async def test_one_bad_id_refuses_all(scene: Scene, stranger: str, method: str) -> None:
    good, locked = scene.assets(2)
    scene.immich.set_visibility(locked, Visibility.LOCKED)
    scene.immich.write_memo(good, {"n": 0}, "k")
    foreign = scene.asset(owner=scene.immich.add_user("Bob"))
    bad = {"unknown": _UNKNOWN, "foreign": foreign.id, "locked": locked.id, "in capitals": good.id.upper()}[stranger]
    response = await scene.api(method, "/assets/metadata", _items(_item(good), _item(bad)))
    assert (response.status_code, response.json()) == (400, {"message": "Not found or no asset.update access"})
    assert await _kept(scene, good) == {"k": {"n": 0}}


async def test_an_asset_of_nobody_is_refused_before_its_key_is_looked_for(scene: Scene) -> None:
    row = scene.asset()
    missing = await scene.api("GET", f"/assets/{row.id}/metadata/k")
    sentence = f'Metadata with key "k" not found for asset with id "{row.id}"'
    assert (missing.status_code, missing.json()) == (400, {"message": sentence})
    read = {"message": "Not found or no asset.read access"}
    update = {"message": "Not found or no asset.update access"}
    assert (await scene.api("GET", f"/assets/{_UNKNOWN}/metadata/k")).json() == read
    assert (await scene.api("GET", f"/assets/{_UNKNOWN}/metadata")).json() == read
    assert (await scene.api("PUT", f"/assets/{_UNKNOWN}/metadata", _items(_item(row)))).json() == update
    assert (await scene.api("DELETE", f"/assets/{_UNKNOWN}/metadata/k")).json() == update


async def test_a_key_that_is_not_there_is_deleted_all_the_same(scene: Scene) -> None:
    row = scene.asset()
    assert (await scene.api("DELETE", f"/assets/{row.id}/metadata/k")).status_code == 204


async def test_metadata_of_a_trashed_asset_lives_on_and_goes_with_the_asset(scene: Scene) -> None:
    trashed, archived, hidden = scene.assets(3)
    scene.immich.trash(trashed)
    scene.immich.set_visibility(archived, Visibility.ARCHIVE)
    scene.immich.set_visibility(hidden, Visibility.HIDDEN)
    put = await scene.api("PUT", "/assets/metadata", _items(_item(trashed), _item(archived), _item(hidden)))
    assert put.status_code == 200
    assert scene.immich.memo_of(trashed, "k") == {"n": 1}
    scene.immich.delete_for_good(trashed)
    assert await _kept(scene, trashed) == {"k": {"n": 1}}
    await scene.immich.run_jobs()
    assert scene.immich.memo_of(trashed, "k") is None
    assert trashed.id not in scene.immich.state.metadata


async def test_nothing_about_the_asset_changes_and_nobody_is_told(scene: Scene) -> None:
    row = scene.asset()
    told: list[Change] = []
    scene.immich.state.listeners.append(told.append)
    before = (row.updated_us, scene.immich.state.revision)
    await scene.api("PUT", "/assets/metadata", _items(_item(row)))
    await scene.api("DELETE", "/assets/metadata", _items(_item(row)))
    assert (row.updated_us, scene.immich.state.revision) == before
    assert told == []


async def test_partners_may_read_and_not_write(scene: Scene) -> None:
    row, bob = scene.asset(), scene.immich.add_user("Bob")
    scene.immich.share_timeline(scene.ann, bob)
    scene.immich.write_memo(row, {"n": 1})
    api = scene.client_of(bob)
    assert (await api("GET", f"/assets/{row.id}/metadata")).json()[0]["value"] == {"n": 1}
    refused = await api("PUT", "/assets/metadata", _items(_item(row)))
    assert refused.json() == {"message": "Not found or no asset.update access"}


@pytest.mark.parametrize(
    ("method", "path", "body", "permission"),
    [
        pytest.param("GET", "/assets/{id}/metadata", None, "asset.read", id="list"),
        pytest.param("GET", "/assets/{id}/metadata/k", None, "asset.read", id="get"),
        pytest.param("PUT", "/assets/{id}/metadata", {"items": []}, "asset.update", id="put"),
        pytest.param("DELETE", "/assets/{id}/metadata/k", None, "asset.update", id="delete"),
        pytest.param("PUT", "/assets/metadata", {"items": 5}, "asset.update", id="put many"),
        pytest.param("DELETE", "/assets/metadata", {"items": []}, "asset.update", id="delete many"),
    ],
)
async def test_reading_and_writing_need_different_permissions(
    scene: Scene, method: str, path: str, body: Any, permission: str
) -> None:
    row = scene.asset()
    scene.immich.write_memo(row, {"n": 1}, "k")
    other = {"asset.read": "asset.update", "asset.update": "asset.read"}[permission]
    refused = await scene.client_of(scene.ann, other)(method, path.format(id=row.id), body)
    assert (refused.status_code, refused.json()["message"]) == (403, f"Missing required permission: {permission}")
    allowed = await scene.client_of(scene.ann, permission)(method, path.format(id=row.id), body)
    assert allowed.status_code == (400 if body == {"items": 5} else 204 if method == "DELETE" else 200)


@both
@pytest.mark.parametrize(
    ("value", "received"),
    [
        pytest.param([1], "array", id="a list"),
        pytest.param("x", "string", id="a text"),
        pytest.param(1, "number", id="a number"),
        pytest.param(None, "null", id="null"),
        pytest.param(True, "boolean", id="a boolean"),
    ],
)
async def test_only_objects_are_values(scene: Scene, version: str, value: Any, received: str) -> None:
    row = scene.asset()
    response = await scene.api("PUT", f"/assets/{row.id}/metadata", _items({"key": "k", "value": value}))
    assert response.status_code == 400
    if version == "2.7.5":
        assert response.json()["message"] == ["items.0.value must be an object"]
    else:
        assert response.json()["errors"] == [
            {
                "expected": "record",
                "code": "invalid_type",
                "path": ["items", 0, "value"],
                "message": f"Invalid input: expected record, received {received}",
            }
        ]
    empty = await scene.api("PUT", f"/assets/{row.id}/metadata", _items({"key": "k", "value": {}}))
    assert empty.json()[0]["value"] == {}


@both
async def test_every_fault_of_every_item_is_named(scene: Scene, version: str) -> None:
    bad = [{"assetId": "nope", "key": 3, "value": [1]}, {"assetId": 5, "key": None, "value": {}}, {}]
    response = await scene.api("PUT", "/assets/metadata", _items(*bad))
    assert response.status_code == 400
    if version == "2.7.5":
        assert response.json()["message"] == [
            "items.0.assetId must be a UUID",
            "items.0.key must be a string",
            "items.0.value must be an object",
            "items.1.assetId must be a UUID",
            "items.1.assetId must be a string",
            "items.1.key must be a string",
            "items.1.key should not be empty",
            "items.2.assetId must be a UUID",
            "items.2.assetId should not be empty",
            "items.2.assetId must be a string",
            "items.2.key must be a string",
            "items.2.key should not be empty",
            "items.2.value must be an object",
        ]
    else:
        assert [(each["path"][1:], each["message"].removeprefix("Invalid ")) for each in response.json()["errors"]] == [
            ([0, "assetId"], "UUID"),
            ([0, "key"], "input: expected string, received number"),
            ([0, "value"], "input: expected record, received array"),
            ([1, "assetId"], "input: expected string, received number"),
            ([1, "key"], "input: expected string, received null"),
            ([2, "assetId"], "input: expected string, received undefined"),
            ([2, "key"], "input: expected string, received undefined"),
            ([2, "value"], "input: expected record, received undefined"),
        ]


_NESTED = "each value in nested property items must be either object or array"


@both
@pytest.mark.parametrize(
    ("body", "path", "received", "legacy"),
    [
        pytest.param({}, ["items"], "undefined", ["items must be an array"], id="nothing"),
        pytest.param({"items": None}, ["items"], "null", ["items must be an array", _NESTED], id="null"),
        pytest.param({"items": "x"}, ["items"], "string", ["items must be an array", _NESTED], id="a text"),
        pytest.param({"items": ["x"]}, ["items", 0], "string", [f"items.{_NESTED}"], id="texts"),
        pytest.param({"items": [None]}, ["items", 0], "null", [f"items.{_NESTED}"], id="nulls"),
    ],
)
async def test_items_are_a_list_of_objects(
    scene: Scene, version: str, body: Any, *, path: list[Any], received: str, legacy: list[str]
) -> None:
    for asked in (("PUT", "/assets/metadata"), ("DELETE", "/assets/metadata"), ("PUT", f"/assets/{_UNKNOWN}/metadata")):
        answer = (await scene.api(*asked, body)).json()
        if version == "2.7.5":
            assert answer["message"] == legacy
        else:
            [error] = answer["errors"]
            assert (error["path"], error["message"].rpartition(" ")[2]) == (path, received)


@pytest.mark.parametrize(("version", "status"), [("2.7.5", 400), ("3.0.3", 200), ("3.1.0", 200)])
async def test_an_empty_key_is_taken_since_3_0(scene: Scene, status: int) -> None:
    response = await scene.api("PUT", "/assets/metadata", _items(_item(scene.asset(), key="")))
    assert response.status_code == status
    if status == 400:
        assert response.json()["message"] == ["items.0.key should not be empty"]


async def test_the_same_key_twice_is_refused(scene: Scene) -> None:
    row = scene.asset()
    one = await scene.api("PUT", f"/assets/{row.id}/metadata", _items(_item(row), _item(row)))
    assert one.json() == {"message": 'Duplicate items are not allowed: "k"'}
    many = await scene.api("PUT", "/assets/metadata", _items(_item(row), _item(row)))
    assert many.json() == {"message": f'Duplicate items are not allowed: "({row.id}, k)"'}
    assert await _kept(scene, row) == {}


@pytest.mark.parametrize(
    "value", [{"a": "\0"}, {"a": ["\0"]}, {"\0": 1}, {"a": {"b": "\0"}}], ids=["text", "list", "key", "deep"]
)
async def test_what_the_database_cannot_keep_breaks_the_server_and_nothing_is_written(
    scene: Scene, value: dict[str, Any]
) -> None:
    good, row = scene.assets(2)
    many = await scene.api("PUT", "/assets/metadata", _items(_item(good), _item(row, value)))
    assert (many.status_code, many.json()) == (500, {"message": "Failed to update bulk asset metadata"})
    one = await scene.api("PUT", f"/assets/{row.id}/metadata", _items(_item(row), _item(row, value, "b")))
    assert (one.status_code, one.json()) == (500, {"message": "Failed to update asset metadata"})
    assert (await _kept(scene, good), await _kept(scene, row)) == ({}, {})


@pytest.mark.parametrize(
    ("count", "status"),
    [pytest.param(0, 500, id="none"), pytest.param(21_845, 200, id="most"), pytest.param(21_846, 500, id="one more")],
)
async def test_no_items_and_too_many_break_the_server(scene: Scene, count: int, status: int) -> None:
    row = scene.asset()
    items = [_item(row, {}, f"k{number}") for number in range(count)]
    response = await scene.api("PUT", "/assets/metadata", _items(*items))
    assert (response.status_code, len(await _kept(scene, row))) == (status, count if status == 200 else 0)


async def test_no_items_for_one_asset_are_fine(scene: Scene) -> None:
    assert (await scene.api("PUT", f"/assets/{scene.asset().id}/metadata", _items())).json() == []


async def test_hands_and_clients_see_the_same_memo(scene: Scene) -> None:
    row = scene.asset()
    assert scene.immich.memo_of(row) is None
    scene.immich.write_memo(row, {"b": 1.0, "a": 2})
    assert await _kept(scene, row) == {MEMO_KEY: {"a": 2, "b": 1}}
    await scene.api("PUT", "/assets/metadata", _items(_item(row, {"n": 5}, MEMO_KEY)))
    assert scene.immich.memo_of(row) == {"n": 5}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(1.0, 1, id="a whole number"),
        pytest.param(-0.0, 0, id="minus nothing"),
        pytest.param(1.5, 1.5, id="a fraction"),
        pytest.param(2**53, 2**53, id="the last exact number"),
        pytest.param(-(2**53) - 1, -(2**53), id="beyond exactness"),
        pytest.param(True, True, id="true"),
        pytest.param(None, None, id="null"),
        pytest.param([1.0, {"a": 2.0}], [1, {"a": 2}], id="nested"),
        pytest.param("1.0", "1.0", id="text"),
    ],
)
def test_numbers_are_kept_as_javascript_holds_them(value: Any, kept: Any) -> None:
    assert repr(as_kept(value)) == repr(kept)


def test_keys_are_kept_by_length_first() -> None:
    assert list(as_kept({"zz": 1, "b": 2, "é": 3, "ab": 4, "Z": 5})) == ["Z", "b", "ab", "zz", "é"]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.timeout(60)
@given(_JSON)
def test_what_is_kept_equals_what_was_given_and_is_kept_the_same_again(value: Any) -> None:
    kept = as_kept(value)
    assert kept == value
    assert repr(as_kept(kept)) == repr(kept)
