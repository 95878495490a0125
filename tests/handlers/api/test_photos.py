from __future__ import annotations

from typing import Any

import pytest

from sidecar.jobs.partners import read_partners
from sidecar.jobs.refresh import refresh
from sidecar.model import AssetKind
from sidecar.storage import polls
from tests.handlers.conftest import Household, Person
from tests.handlers.shelves import pair
from tests.jobs.household import NOON

DAY_S = 86_400


async def photos(person: Person, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get("/photos", params=query))["items"]
    return found


async def names(person: Person, **query: Any) -> list[str]:
    return [card["name"] for card in await photos(person, **query)]


async def test_a_pair_is_one_card_that_tells_of_both_versions(ann: Person) -> None:
    jpeg, raw = ann.shoot("IMG_1.JPG", "IMG_1.CR3")
    single = ann.shoot("B.MP4", at_s=-60, kind=AssetKind.VIDEO, duration_ms=12_000)[0]
    await ann.scan()
    card, clip = await photos(ann)
    assert (card["asset_id"], card["path"]) == (jpeg.id, f"/photos/{jpeg.id}")
    assert (card["is_stand_in"], card["is_partners"], card["owner_name"]) == (False, False, None)
    group = card["group"]
    assert (group["type"], group["versions"]) == ("raw_jpeg", 2)
    told = [(each["asset_id"], each["format"], each["is_primary"]) for each in group["members"]]
    assert told == [(jpeg.id, "jpeg", True), (raw.id, "raw", False)]
    shown = await ann.get(f"/groups/{group['id']}")
    assert shown["revision"] == group["revision"]
    assert (clip["asset_id"], clip["kind"], clip["duration_ms"], clip["group"]) == (single.id, "VIDEO", 12_000, None)


async def test_pages_follow_one_another_with_the_same_filters_only(ann: Person) -> None:
    for number in range(5):
        ann.shoot(f"{number}.JPG", at_s=number)
    await ann.scan()
    found, cursor = [], None
    while True:
        query = {"limit": "2", **({} if cursor is None else {"cursor": cursor})}
        page = await ann.get("/photos", params=query)
        found += [card["name"] for card in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert found == ["4.JPG", "3.JPG", "2.JPG", "1.JPG", "0.JPG"]
    for other in ({"archived": "true"}, {"q": "jpg"}):
        assert await ann.refused("GET", "/photos", params={"cursor": cursor, **other}) == (400, "bad_cursor")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({"group_type": "raw_jpeg"}, ["A.JPG"], id="pairs"),
        pytest.param({"group_type": "stack"}, [], id="strangers' stacks"),
        pytest.param({"ungrouped_raw": "true"}, ["LONE.NEF"], id="RAW files in no stack"),
        pytest.param({"kind": "VIDEO"}, ["CLIP.MP4"], id="videos"),
        pytest.param({"q": "a.cr3"}, ["A.JPG"], id="the name of another version"),
        pytest.param({"q": "%"}, [], id="a wildcard"),
        pytest.param({"taken_until_ms": str(int(NOON.timestamp() * 1000) - 100_000)}, ["CLIP.MP4"], id="until"),
        pytest.param({"taken_from_ms": str(int(NOON.timestamp() * 1000))}, ["A.JPG"], id="from"),
        pytest.param({"duplicates": "identical"}, [], id="duplicates"),
    ],
)
async def test_filters_let_through_what_they_say(ann: Person, query: dict[str, str], expected: list[str]) -> None:
    ann.shoot("A.JPG", "A.CR3")
    ann.shoot("LONE.NEF", at_s=-60)
    ann.shoot("CLIP.MP4", at_s=-120, kind=AssetKind.VIDEO)
    await ann.scan()
    assert await names(ann, **query) == expected
    assert (await ann.get("/photos/dates", params=query))["total"] == len(expected)


async def test_a_card_tells_its_set_of_duplicates(ann: Person) -> None:
    _, rows, set_id = await pair(ann)
    cards = await photos(ann, duplicates="identical")
    assert {card["asset_id"] for card in cards} == {row.id for row in rows}
    assert [card["duplicates"] for card in cards] == [{"set_id": set_id, "class": "identical"}] * 2


async def test_what_is_trashed_shows_its_stack_by_another_version(household: Household, ann: Person) -> None:
    jpeg, raw = ann.shoot("A.JPG", "A.CR3")
    await ann.scan()
    household.immich.trash(jpeg)
    await ann.scan()
    [card] = await photos(ann)
    assert (card["asset_id"], card["is_stand_in"]) == (raw.id, True)


async def test_dates_are_counted_by_day_and_by_month(ann: Person) -> None:
    for name, at_s in (("A.JPG", 0), ("B.JPG", 60), ("C.JPG", DAY_S), ("D.JPG", 31 * DAY_S)):
        ann.shoot(name, at_s=at_s)
    await ann.scan()
    days = (await ann.get("/photos/dates"))["items"]
    assert [(each["date"], each["count"]) for each in days] == [
        ("2024-06-01", 1),
        ("2024-05-02", 1),
        ("2024-05-01", 2),
    ]
    assert days[1]["until_ms"] - days[1]["from_ms"] == DAY_S * 1000
    months = (await ann.get("/photos/dates", params={"by": "month"}))["items"]
    assert [(each["date"], each["count"]) for each in months] == [("2024-06-01", 1), ("2024-05-01", 3)]
    assert months[1]["until_ms"] == months[0]["from_ms"]
    query = {"taken_from_ms": str(months[1]["from_ms"]), "taken_until_ms": str(months[1]["until_ms"])}
    assert await names(ann, **query) == ["C.JPG", "B.JPG", "A.JPG"]


async def test_partners_stand_in_the_timeline_with_their_owner_and_in_no_group(
    household: Household, ann: Person, bob: Person
) -> None:
    household.immich.share_timeline(bob.user, ann.user)
    mine = ann.shoot("MINE.JPG")[0]
    bob.shoot("THEIRS.JPG", "THEIRS.CR3", at_s=1)
    await ann.scan()
    cards = await photos(ann)
    assert {(card["name"], card["owner_name"], card["is_partners"], card["group"] is None) for card in cards} == {
        ("THEIRS.JPG", "Bob", True, True),
        ("THEIRS.CR3", "Bob", True, True),
        ("MINE.JPG", None, False, True),
    }
    assert await names(ann, partners="false") == ["MINE.JPG"]
    assert await names(ann, q="cr3") == ["THEIRS.CR3"]
    assert await names(ann, kind="VIDEO") == []
    assert await names(ann, ungrouped_raw="true") == []
    assert [each["count"] for each in (await ann.get("/photos/dates"))["items"]] == [3]
    assert mine.id not in {card["asset_id"] for card in await photos(bob)}


async def test_partners_vanish_with_the_next_poll_after_sharing_ended(
    household: Household, ann: Person, bob: Person
) -> None:
    household.immich.share_timeline(bob.user, ann.user)
    bob.shoot("THEIRS.JPG")
    await ann.scan()
    assert await names(ann) == ["THEIRS.JPG"]
    household.immich.share_timeline(bob.user, ann.user, in_timeline=False)
    jobs = household.services.jobs
    async with jobs.database.write() as connection:
        await polls.change(connection, ann.owner_id, due_at_ms=0)
    await refresh(jobs, ann.owner_id)
    assert await names(ann) == []


async def test_a_key_that_may_not_ask_for_partners_leaves_what_is_known(
    household: Household, ann: Person, bob: Person
) -> None:
    household.immich.share_timeline(bob.user, ann.user)
    bob.shoot("THEIRS.JPG")
    await ann.scan()
    household.immich.revoke_key(household.services.settings.api_keys[0].get_secret_value())
    await read_partners(household.services.jobs, ann.owner_id)
    [card] = await photos(ann)
    assert card["owner_name"] == "Bob"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"group_type": "nothing"}, id="no type"),
        pytest.param({"duplicates": "nothing"}, id="no class"),
        pytest.param({"kind": "AUDIO"}, id="not on the timeline"),
        pytest.param({"q": ""}, id="an empty text"),
        pytest.param({"q": "a" * 201}, id="a long text"),
        pytest.param({"q": "\0"}, id="no text"),
        pytest.param({"taken_from_ms": "9" * 19}, id="beyond all times"),
        pytest.param({"by": "day"}, id="of dates only"),
    ],
)
async def test_what_no_filter_takes_is_refused(ann: Person, query: dict[str, str]) -> None:
    assert await ann.refused("GET", "/photos", params=query) == (400, "bad_request")
