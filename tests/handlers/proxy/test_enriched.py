"""Answers with assets gain what the sidecar knows, and lose nothing; where it cannot say, they are Immich's own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from sidecar.duplicates.classes import DuplicateClass
from sidecar.errors import StorageUnavailable
from sidecar.handlers.proxy import enrichment
from sidecar.jobs.shown_cache import ShownCache
from sidecar.model import AssetId
from sidecar.storage import duplicate_sets, shown_groups
from tests.handlers.proxy.conftest import House, Stage, housed
from tests.handlers.proxy.wire import USER_ID, json_answer
from tests.jobs.household import NOON

NAMES = ("groupId", "groupType", "alternateVersions", "isPrimaryVersion", "duplicateGroupId")
NOTHING: dict[str, Any] = {
    "groupId": None,
    "groupType": None,
    "alternateVersions": [],
    "isPrimaryVersion": True,
    "duplicateGroupId": None,
}
MINE = "33333333-3333-4333-8333-333333333333"


def fields_of(asset: dict[str, Any]) -> dict[str, Any]:
    return {name: asset[name] for name in NAMES}


async def pair_of(house: House, name: str = "IMG_1", **facts: Any) -> tuple[Any, Any]:
    jpeg, raw = (house.immich.add_asset(house.ann, f"{name}.{ext}", taken_at=NOON, **facts) for ext in ("JPG", "CR3"))
    await house.scan()
    return jpeg, raw


async def test_an_asset_gains_its_group_and_its_other_versions(house: House) -> None:
    jpeg, raw = await pair_of(house)
    shown = await house.json("GET", f"assets/{raw.id}")
    assert shown["groupType"] == "raw_jpeg"
    assert shown["isPrimaryVersion"] is False
    assert shown["duplicateGroupId"] is None
    assert shown["alternateVersions"] == [{"id": jpeg.id, "filename": "IMG_1.JPG", "type": "jpeg"}]
    other = await house.json("GET", f"assets/{jpeg.id}")
    assert other["groupId"] == shown["groupId"]
    assert other["isPrimaryVersion"] is True


async def test_search_and_timeline_gain_the_same(house: House) -> None:
    jpeg, raw = await pair_of(house)
    single = house.immich.add_asset(house.ann, "IMG_2.JPG", taken_at=NOON)
    one = {row.id: fields_of(await house.json("GET", f"assets/{row.id}")) for row in (jpeg, raw, single)}
    assert one[single.id] == NOTHING
    found = await house.json("POST", "search/metadata", json={})
    assert {item["id"]: fields_of(item) for item in found["assets"]["items"]} == one
    bucket = await house.json("GET", f"timeline/bucket?timeBucket={NOON:%Y-%m}-01")
    rows = zip(*(bucket[name] for name in NAMES), strict=True)
    assert {i: dict(zip(NAMES, row, strict=True)) for i, row in zip(bucket["id"], rows, strict=True)} == one
    [stack] = await house.json("GET", "stacks")
    assert {item["id"]: fields_of(item) for item in stack["assets"]} == {row.id: one[row.id] for row in (jpeg, raw)}


async def test_nothing_that_immich_said_is_lost_or_moved(house: House) -> None:
    _, raw = await pair_of(house)
    plain = await house.direct("GET", f"assets/{raw.id}")
    async with house.ask("GET", f"assets/{raw.id}") as answer:
        body = await answer.read()
        assert answer.headers["Content-Length"] == str(len(body))
        assert "x-api-key" in answer.headers["Vary"]
    assert body.startswith(plain[:-1] + b',"groupId":')


async def test_others_assets_say_nothing_and_ask_nothing(house: House) -> None:
    house.immich.share_timeline(house.bob, house.ann)
    theirs = house.immich.add_asset(house.bob, "IMG_9.JPG", taken_at=NOON)
    await pair_of(house)
    assert fields_of(await house.json("GET", f"assets/{theirs.id}")) == NOTHING
    assert not (await ShownCache(house.services.queue.pool).read(house.ann_id, [AssetId(theirs.id)])).found


async def test_who_has_not_connected_sees_immichs_own_words(house: House) -> None:
    theirs = house.immich.add_asset(house.bob, "IMG_9.JPG", taken_at=NOON)
    bob = {"Authorization": f"Bearer {house.bob_token}"}
    async with house.ask("GET", f"assets/{theirs.id}", headers=bob) as answer:
        assert not set(NAMES) & (await answer.json()).keys()
        assert "X-Sidecar-Degraded" not in answer.headers
    narrow = {"x-api-key": house.immich.add_key(house.ann, ["asset.read"])}
    mine = house.immich.add_asset(house.ann, "IMG_8.JPG", taken_at=NOON)
    async with house.ask("GET", f"assets/{mine.id}", headers=narrow) as answer:
        assert answer.status == 200
        assert not set(NAMES) & (await answer.json()).keys()


async def test_a_change_is_seen_at_once(house: House) -> None:
    jpeg, raw = await pair_of(house)
    for _ in range(2):
        assert (await house.json("GET", f"assets/{raw.id}"))["groupType"] == "raw_jpeg"
    assert (await ShownCache(house.services.queue.pool).read(house.ann_id, [AssetId(raw.id)])).found
    house.immich.unstack(*house.immich.stacks_of(house.ann))
    await house.scan()
    assert fields_of(await house.json("GET", f"assets/{raw.id}")) == NOTHING
    found = duplicate_sets.StoredSet(
        "abc123", enrichment_class(), AssetId(jpeg.id), 1, 1.0, tuple(member(row.id) for row in (jpeg, raw))
    )
    async with house.services.database.write() as connection:
        await duplicate_sets.replace(connection, house.ann_id, [found], now_ms=1)
    assert (await house.json("GET", f"assets/{raw.id}"))["duplicateGroupId"] == "abc123"
    async with house.services.database.write() as connection:
        await duplicate_sets.remove(connection, house.ann_id, ["abc123"])
    assert (await house.json("GET", f"assets/{raw.id}"))["duplicateGroupId"] is None


def enrichment_class() -> Any:
    return next(iter(DuplicateClass))


def member(asset_id: str) -> duplicate_sets.SetMember:
    return duplicate_sets.SetMember(AssetId(asset_id), asset_id, enrichment_class(), None, "", False, None, "x")


async def test_what_is_kept_is_not_looked_up_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, raw = await pair_of(house)
    first = await house.json("GET", f"assets/{raw.id}")

    async def broken(*_: Any) -> None:
        raise StorageUnavailable("gone")

    monkeypatch.setattr(shown_groups, "of_assets", broken)
    assert await house.json("GET", f"assets/{raw.id}") == first


@pytest.mark.parametrize("fault", [StorageUnavailable("gone"), ValueError("a defect"), None])
async def test_without_our_database_the_answer_is_immichs_own(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    _, raw = await pair_of(house)

    async def broken(*_: Any) -> None:
        if fault is not None:
            raise fault
        await asyncio.sleep(9)

    monkeypatch.setattr(shown_groups, "of_assets", broken)
    assert enrichment.WITHIN_S == 0.5
    async with house.ask("GET", f"assets/{raw.id}") as answer:
        assert (answer.status, answer.headers["X-Sidecar-Degraded"]) == (200, "storage")
        assert await answer.read() == await house.direct("GET", f"assets/{raw.id}")


async def test_without_redis_nothing_is_missing(tmp_path: Path) -> None:
    async with housed(tmp_path) as house:
        _, raw = await pair_of(house)
        with suppress(RedisError):  # it does not say good-bye
            await house.services.queue.pool.shutdown(nosave=True, now=True)
        for _ in range(3):
            async with house.ask("GET", f"assets/{raw.id}") as answer:
                assert "X-Sidecar-Degraded" not in answer.headers
                assert (await answer.json())["groupType"] == "raw_jpeg"
        house.immich.unstack(*house.immich.stacks_of(house.ann))
        await house.scan()
        assert fields_of(await house.json("GET", f"assets/{raw.id}")) == NOTHING


def asset(more: str = "", *, owner: str = USER_ID) -> str:
    return f'{{"id":"{MINE}","ownerId":"{owner}","size":18446744073709551617,"ratio":1.0{more}}}'


ADDED = ',"groupId":null,"groupType":null,"alternateVersions":[],"isPrimaryVersion":true,"duplicateGroupId":null}'


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        pytest.param(f"assets/{MINE}", asset(), asset()[:-1] + ADDED, id="large numbers stay as they are"),
        pytest.param("search/cities", f"[{asset()}]", f"[{asset()[:-1]}{ADDED}]", id="a list"),
        pytest.param("albums", '[{"albumName":"x","n":1.0}]', '[{"albumName":"x","n":1.0}]', id="no assets in it"),
        pytest.param(f"albums/{MINE}", '{"assets":null}', '{"assets":null}', id="null for a list"),
        pytest.param("shared-links", '[{"album":null,"assets":[]}]', '[{"album":null,"assets":[]}]', id="null within"),
        pytest.param(
            "search/explore",
            f'[{{"items":[{{"value":"a","data":{asset()}}}]}}]',
            f'[{{"items":[{{"value":"a","data":{asset()[:-1] + ADDED}}}]}}]',
            id="deep within",
        ),
        pytest.param(
            f"assets/{MINE}",
            asset(',"groupId":"theirs","b":1'),
            asset(',"groupId":"theirs","b":1')[:-1] + ADDED.replace('"groupId":null,', ""),
            id="a field that Immich has itself",
        ),
        pytest.param(
            f"assets/{MINE}", asset(',"description":"groupId"'), asset(',"description":"groupId"')[:-1] + ADDED,
            id="a word that is one of our names",
        ),
    ],
)  # fmt: skip
async def test_only_our_fields_are_added(stage: Stage, path: str, body: str, expected: str) -> None:
    stage.immich.answers(json_answer(body))
    async with stage.ask("GET", path) as answer:
        assert await answer.text() == expected
        assert "X-Sidecar-Degraded" not in answer.headers
    assert stage.immich.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(json_answer("[1,2"), "unreadable", id="no JSON"),
        pytest.param(json_answer('{"a":1}'), "unreadable", id="no asset"),
        pytest.param(json_answer("[]"), "unreadable", id="another shape"),
        pytest.param(json_answer(asset(), "Content-Encoding: br"), "encoded", id="compressed all the same"),
    ],
)
async def test_what_we_cannot_read_passes_as_it_is(stage: Stage, raw: bytes, reason: str) -> None:
    stage.immich.answers(raw)
    async with stage.ask("GET", f"assets/{MINE}") as answer:
        assert answer.headers["X-Sidecar-Degraded"] == reason
        assert await answer.read() == raw.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("limit", "reason"), [pytest.param("LARGEST_BYTES", "too-large"), pytest.param("LARGEST_TOGETHER_BYTES", "busy")]
)
@pytest.mark.parametrize("has_length", [True, False])
async def test_what_is_too_large_passes_as_it_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, limit: str, reason: str, *, has_length: bool
) -> None:
    assert (enrichment.LARGEST_BYTES, enrichment.LARGEST_TOGETHER_BYTES) == (32 << 20, 128 << 20)
    monkeypatch.setattr(enrichment, limit, 100)
    body = asset(f',"x":"{"y" * 5000}"')
    if has_length:
        stage.immich.answers(json_answer(body))
    else:
        stage.immich.answers(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body.encode())
        )
    for _ in range(2):
        async with stage.ask("GET", f"assets/{MINE}") as answer:
            assert answer.headers["X-Sidecar-Degraded"] == reason
            assert await answer.text() == body


async def test_other_statuses_and_types_pass_as_they_are(stage: Stage) -> None:
    for raw in (
        json_answer(asset(), status="404 Not Found"),
        json_answer(asset()).replace(b"application/json", b"text/html"),
    ):
        stage.immich.answers(raw)
        async with stage.ask("GET", f"assets/{MINE}") as answer:
            assert await answer.text() == asset()


async def test_an_enriched_answer_has_an_etag_of_its_own(stage: Stage) -> None:
    stage.immich.answers(json_answer(asset(), 'ETag: W/"theirs"', "Last-Modified: x", "Vary: Origin"))
    async with stage.ask("GET", f"assets/{MINE}", headers={"If-None-Match": 'W/"theirs"'}) as answer:
        assert answer.status == 200
        etag = answer.headers["ETag"]
        assert etag.startswith('W/"sidecar-')
        assert "Last-Modified" not in answer.headers
        assert answer.headers["Vary"].startswith("Origin, ")
    assert "if-none-match" not in stage.immich.asked[0].headers
    async with stage.ask("GET", f"assets/{MINE}", headers={"If-None-Match": f'"a", {etag}'}) as answer:
        assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", etag)
    stage.immich.answers(json_answer(asset(), 'ETag: W/"theirs"').partition(b"{")[0])
    async with stage.ask("HEAD", f"assets/{MINE}") as answer:
        assert answer.status == 200
        assert not {"ETag", "Content-Length"} & answer.headers.keys()


async def test_an_answer_that_breaks_off_while_it_is_read_is_a_bad_gateway(stage: Stage) -> None:
    stage.immich.answers(json_answer(asset())[:-5], cut=True)
    async with stage.ask("GET", f"assets/{MINE}") as answer:
        assert answer.status == 502


async def test_who_cannot_be_asked_for_gets_immichs_own_words(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, raw = await pair_of(house)

    async def broken(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("gone")

    monkeypatch.setattr(house.services.visitors, "of", broken)
    async with house.ask("GET", f"assets/{raw.id}") as answer:
        assert await answer.read() == await house.direct("GET", f"assets/{raw.id}")
