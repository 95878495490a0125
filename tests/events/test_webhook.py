from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.events.webhook import Malformed, OfSomebodyElse, read_webhook
from sidecar.model import AssetId, OwnerId
from sidecar.storage.changes import Change, Source

OWNER = OwnerId("00000000-0000-4000-8000-00000000000a")
ASSET = AssetId("10000000-0000-4000-8000-00000000000a")


def body(*, without: str = "", **changes: Any) -> dict[str, Any]:
    asset = {
        "id": ASSET,
        "ownerId": OWNER,
        "updatedAt": "2026-01-02T03:04:05.678Z",
        "visibility": "timeline",
        "originalFileName": "IMG_1.JPG",
        "exifInfo": {"make": "Canon", "autoStackId": None},
    } | changes
    asset.pop(without, None)
    return {"type": "AssetV1", "trigger": "AssetMetadataExtraction", "data": {"asset": asset}}


def read(event: object) -> Change | None:
    return read_webhook(json.dumps(event).encode(), OWNER)


def test_an_event_tells_which_asset_and_as_of_when() -> None:
    assert read(body()) == Change(OWNER, Source.WEBHOOK, ASSET, 1_767_323_045_678)


@pytest.mark.parametrize(
    ("exif", "burst"),
    [
        pytest.param({"autoStackId": "ABC"}, "ABC", id="a burst"),
        pytest.param({"autoStackId": ""}, None, id="an empty one is none"),
        pytest.param({}, None, id="none"),
        pytest.param(None, None, id="no metadata"),
    ],
)
def test_the_cameras_burst_comes_with_it(exif: object, burst: str | None) -> None:
    change = read(body(exifInfo=exif))
    assert change is not None
    assert change.auto_stack_id == burst


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(body() | {"type": "AssetV2"}, id="of a newer kind"),
        pytest.param({"type": "AlbumV1", "data": None}, id="of another kind"),
        pytest.param(body(visibility="hidden"), id="the moving half of a live photo"),
    ],
)
def test_what_does_not_concern_us_is_no_change(event: object) -> None:
    assert read(event) is None


@pytest.mark.parametrize(
    "event",
    [
        pytest.param([], id="no object"),
        pytest.param({}, id="nothing"),
        pytest.param({"type": "AssetV1"}, id="no data"),
        pytest.param({"type": "AssetV1", "data": {"asset": []}}, id="an asset that is a list"),
        pytest.param({"type": 1, "data": {}}, id="a type that is a number"),
        pytest.param(body(id="../../etc/passwd"), id="an id that is no id"),
        pytest.param(body(id=None), id="no id"),
        pytest.param(body(ownerId=7), id="an owner that is a number"),
        pytest.param(body(updatedAt="yesterday"), id="a time that is none"),
        pytest.param(body(updatedAt="2026-01-02T03:04:05"), id="a time of no zone"),
        pytest.param(body(without="visibility"), id="no visibility"),
        pytest.param(body(exifInfo={"autoStackId": "x" * 201}), id="a burst of two hundred characters"),
        pytest.param(body(exifInfo={"autoStackId": 1}), id="a burst that is a number"),
        pytest.param(body(exifInfo={"autoStackId": "a\0b"}), id="a burst that no database takes"),
        pytest.param(body(exifInfo={"autoStackId": "a\n"}), id="a burst of two lines"),
    ],
)
def test_what_immich_would_not_send_is_refused(event: object) -> None:
    with pytest.raises(Malformed):
        read(event)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'{"type": "AssetV1", "data": ' + b"[" * 100_000, id="deep"),
        pytest.param(b'{"type": "\xff", "data": 1}', id="text that is none"),
    ],
)
def test_bytes_that_are_no_json_are_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_webhook(raw, OWNER)


def test_another_users_asset_is_nothing_of_ours() -> None:
    with pytest.raises(OfSomebodyElse):
        read(body(ownerId=str(ASSET)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_there_is_an_answer(raw: bytes) -> None:
    with suppress(Malformed, OfSomebodyElse):
        assert read_webhook(raw, OWNER) is None


@given(st.sampled_from(sorted(body()["data"]["asset"])), JSON)
def test_whatever_a_field_holds_no_other_owner_and_no_strange_id_comes_through(field: str, value: object) -> None:
    try:
        event = body()
        event["data"]["asset"][field] = value
        change = read(event)
    except (Malformed, OfSomebodyElse):
        return
    assert change is None or (change.owner_id, change.asset_id) == (OWNER, ASSET)
