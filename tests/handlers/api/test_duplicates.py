from __future__ import annotations

from typing import Any

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.grouping.memory import DecisionSource
from sidecar.handlers.api.duplicates import MOST_LISTED
from sidecar.handlers.api.paging import encode_cursor
from sidecar.jobs.duplicates.dismissals import remember_distinct
from sidecar.jobs.duplicates.record import record
from sidecar.model import AssetId
from tests.handlers.conftest import Household, Person
from tests.handlers.shelves import alike, copies, pair, set_of, sets, shelf_of

EMPTY = {"sets": 0, "assets": 0, "savings_bytes": 0}


async def three_sets(person: Person) -> dict[str, str]:
    """Sets of three classes, found one after another, by the letter of their files."""
    shelf, (a1, a2, b1, b2, c1, c2) = await copies(
        person,
        ("A1.jpg", b"a" * 300), ("A2.jpg", b"a" * 300),
        ("B1.jpg", b"b" * 900), ("B2.jpg", b"B" * 800),
        ("C1.jpg", b"c" * 200), ("C2.jpg", b"C" * 100),
    )  # fmt: skip
    shelf.library.clock.advance(seconds=1)
    await alike(person, b1, b2, similarity=0.97)
    shelf.library.clock.advance(seconds=1)
    await alike(person, c1, c2, kind=DuplicateClass.EDITED, similarity=0.96)
    return {"a": await set_of(person, a1, a2), "b": await set_of(person, b1, b2), "c": await set_of(person, c1, c2)}


async def test_a_library_without_copies_has_empty_lists(ann: Person) -> None:
    assert await ann.get("/duplicates") == {"items": [], "next_cursor": None}
    assert await ann.get("/duplicates/dismissed") == {"items": [], "next_cursor": None}
    nothing = await ann.get("/duplicates/summary")
    assert nothing == EMPTY | {"classes": [{"class": each.value, **EMPTY} for each in DuplicateClass], "dismissed": 0}


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        pytest.param({}, "cba", id="the newest first unless something else is wanted"),
        pytest.param({"sort": "newest"}, "cba", id="newest"),
        pytest.param({"sort": "savings"}, "bac", id="what frees most"),
        pytest.param({"sort": "similarity"}, "abc", id="what is most alike"),
    ],
)
async def test_sets_come_in_the_wanted_order_whole_and_in_pages(ann: Person, sort: dict[str, str], order: str) -> None:
    by_letter = await three_sets(ann)
    letters = {set_id: letter for letter, set_id in by_letter.items()}
    assert "".join(letters[each["id"]] for each in await sets(ann, **sort)) == order
    seen, cursor = "", ""
    while True:
        page = await ann.get("/duplicates", params={**sort, "limit": 1, **({"cursor": cursor} if cursor else {})})
        seen += "".join(letters[each["id"]] for each in page["items"])
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert seen == order


@pytest.mark.parametrize(
    ("classes", "wanted"),
    [
        pytest.param(["identical"], "a", id="one class"),
        pytest.param(["edited", "identical"], "ac", id="several classes"),
        pytest.param(["edited", "edited"], "c", id="one class said twice"),
        pytest.param(["featureless"], "", id="a class of which there is nothing"),
    ],
)
async def test_only_the_wanted_classes_are_listed(ann: Person, classes: list[str], wanted: str) -> None:
    by_letter = await three_sets(ann)
    found = await ann.get("/duplicates", params=[("class", each) for each in classes])
    assert {each["id"] for each in found["items"]} == {by_letter[letter] for letter in wanted}


async def test_a_cursor_goes_on_in_its_own_list_only(ann: Person) -> None:
    await three_sets(ann)
    cursor = (await ann.get("/duplicates", params={"limit": 1, "sort": "savings", "class": "identical"}))["next_cursor"]
    assert cursor is None
    cursor = (await ann.get("/duplicates", params={"limit": 1, "sort": "savings"}))["next_cursor"]
    for other in ({"sort": "newest"}, {"sort": "similarity"}, {"sort": "savings", "class": "identical"}):
        refused = await ann.refused("GET", "/duplicates", params={**other, "cursor": cursor})
        assert refused == (400, "bad_cursor")
    await ann.get("/duplicates", params={"sort": "savings", "cursor": cursor})


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        pytest.param("/duplicates", {"cursor": "?"}, "bad_cursor", id="no cursor at all"),
        pytest.param("/duplicates", {"cursor": encode_cursor(1.5, "x", "newest", "")}, "bad_cursor", id="half a time"),
        pytest.param(
            "/duplicates", {"cursor": encode_cursor(1, "\0", "newest", "")}, "bad_cursor", id="an id with a NUL"
        ),
        pytest.param("/duplicates", {"limit": "0"}, "bad_request", id="nothing at once"),
        pytest.param("/duplicates", {"limit": "101"}, "bad_request", id="too much at once"),
        pytest.param("/duplicates", {"sort": "size"}, "bad_request", id="an unknown order"),
        pytest.param("/duplicates", {"class": "blurred"}, "bad_request", id="an unknown class"),
        pytest.param("/duplicates/dismissed", {"cursor": encode_cursor("x", 1)}, "bad_cursor", id="values swapped"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(ann: Person, path: str, query: dict[str, str], code: str) -> None:
    assert await ann.refused("GET", path, params=query) == (400, code)


async def test_the_summary_counts_every_class(ann: Person) -> None:
    await three_sets(ann)
    found = await ann.get("/duplicates/summary")
    counted = {each["class"]: (each["sets"], each["assets"], each["savings_bytes"]) for each in found["classes"]}
    assert counted == {
        "identical": (1, 2, 300),
        "re-encoded": (1, 2, 800),
        "edited": (1, 2, 100),
        "featureless": (0, 0, 0),
        "similar": (0, 0, 0),
    }
    assert (found["sets"], found["assets"], found["savings_bytes"], found["dismissed"]) == (3, 6, 1200, 0)


async def test_a_set_tells_everything_that_tells_its_copies_apart(household: Household, ann: Person) -> None:
    data = b"x" * 50
    shelf, (one, other) = await copies(ann, ("IMG_1.jpg", data), ("Copy.heic", b"y" * 40), make="Canon", model="R5")
    household.immich.album(ann.user, "Trip", one)
    await alike(ann, one, other)
    found = await ann.get(f"/duplicates/{await set_of(ann, one, other)}")
    assert {key: value for key, value in found.items() if key not in {"id", "found_at_ms", "members"}} == {
        "class": "re-encoded",
        "similarity": 0.98,
        "savings_bytes": 40,
        "suggested_id": one.id,
        "suggested_because": {"rule": "albums", "sentence": "it is in more albums"},
        "member_count": 2,
        "partner_count": 0,
        "notes": [],
    }
    best, copy = found["members"]
    assert (best["asset_id"], best["is_suggested"], best["similarity"]) == (one.id, True, None)
    assert (copy["asset_id"], copy["is_suggested"], copy["similarity"]) == (other.id, False, 0.98)
    assert (copy["class"], copy["reason"], copy["unit_id"]) == ("re-encoded", "looks alike", other.id)
    assert best["file"]["albums"] == [{"name": "Trip", "is_shared": False}]
    assert copy["file"] == best["file"] | {
        "name": "Copy.heic",
        "format": "heic",
        "size_bytes": 40,
        "albums": [],
    }
    assert best["file"] | {"taken_at_ms": 0, "taken_local_ms": 0} == {
        "name": "IMG_1.jpg",
        "folder": None,
        "is_external": False,
        "library_id": None,
        "kind": "IMAGE",
        "format": "jpeg",
        "size_bytes": 50,
        "width": one.width,
        "height": one.height,
        "duration_ms": None,
        "taken_at_ms": 0,
        "taken_local_ms": 0,
        "make": "Canon",
        "model": "R5",
        "is_favorite": False,
        "stack_id": None,
        "stack_size": 0,
        "albums": [{"name": "Trip", "is_shared": False}],
        "immich_duplicate_id": None,
        "is_recorded_by_sidecar": False,
    }
    assert shelf.library.writes() == []


async def test_a_list_asks_immich_nothing_and_so_knows_no_albums(household: Household, ann: Person) -> None:
    await pair(ann)
    household.immich.calls.clear()
    (found,) = await sets(ann)
    assert [call for call in household.immich.calls if not call.path.startswith("/users")] == []
    assert [each["file"]["albums"] for each in found["members"]] == [None, None]
    assert (found["suggested_because"], found["notes"]) == (None, [])


async def test_a_rule_that_counts_before_albums_is_told_in_lists_too(household: Household, ann: Person) -> None:
    _, (one, _) = await copies(ann, ("A.jpg", b"a" * 9), ("B.jpg", b"a" * 9))
    household.immich.state.write(one, is_favorite=True)
    await shelf_of(ann).library.sync()
    await shelf_of(ann).form()
    (found,) = await sets(ann)
    assert found["suggested_because"] == {"rule": "favorite", "sentence": "it is a favourite"}
    household.immich.fail("GET", "/albums", status=403, body='{"message": "no"}', times=99)
    told = await ann.get(f"/duplicates/{found['id']}")
    assert told["suggested_because"] == found["suggested_because"]
    assert [each["code"] for each in told["notes"]] == ["albums_unknown"]


async def test_no_rule_is_told_where_the_suggested_copy_is_not_the_best_any_more(
    household: Household, ann: Person
) -> None:
    _, (one, other), set_id = await pair(ann)
    best = (await ann.get(f"/duplicates/{set_id}"))["suggested_id"]
    household.immich.state.write(one if one.id != best else other, is_favorite=True)
    await shelf_of(ann).library.sync()
    assert (await ann.get(f"/duplicates/{set_id}"))["suggested_because"] is None


async def test_nothing_may_tell_the_copies_apart(ann: Person) -> None:
    _, (one, other), set_id = await pair(ann)
    told = await ann.get(f"/duplicates/{set_id}")
    assert told["suggested_because"] == {"rule": None, "sentence": "nothing tells them apart"}
    assert {each["sha256"] for each in told["members"]} != {None}
    assert {one.id, other.id} == {each["asset_id"] for each in told["members"]}


async def test_of_large_sets_some_members_are_listed_and_no_albums_asked_for(household: Household, ann: Person) -> None:
    _, rows = await copies(ann, *((f"{number}.jpg", b"a" * 9) for number in range(51)))
    (found,) = await sets(ann)
    assert (found["member_count"], len(found["members"])) == (51, MOST_LISTED)
    household.immich.calls.clear()
    told = await ann.get(f"/duplicates/{await set_of(ann, *rows)}")
    assert (told["member_count"], len(told["members"]), told["suggested_because"]) == (51, 51, None)
    assert [call for call in household.immich.calls if call.path.startswith("/albums")] == []
    assert [each["code"] for each in told["notes"]] == ["albums_unknown"]


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        pytest.param(DuplicateClass.EDITED, ["edited"], id="edited"),
        pytest.param(DuplicateClass.FEATURELESS, ["featureless"], id="featureless"),
        pytest.param(DuplicateClass.RE_ENCODED, [], id="re-encoded"),
    ],
)
async def test_what_says_little_is_marked(ann: Person, kind: DuplicateClass, codes: list[str]) -> None:
    _, (one, other) = await copies(ann, ("A.jpg", b"a" * 9), ("B.jpg", b"b" * 8))
    await alike(ann, one, other, kind=kind)
    (found,) = await sets(ann)
    assert [each["code"] for each in found["notes"]] == codes


async def test_files_of_libraries_and_of_stacks_are_told(household: Household, ann: Person) -> None:
    shelf = shelf_of(ann)
    one, beside = shelf.photo("IMG_1.jpg", b"a" * 90), shelf.photo("IMG_1.CR3", b"r" * 900)
    other = shelf.photo("IMG_1.jpg", b"b" * 80, folder="/mnt/photos")
    stack = household.immich.stack(ann.user, one, beside)
    await shelf.library.sync()
    await alike(ann, one, other)
    (found,) = await sets(ann)
    files = {each["asset_id"]: each["file"] for each in found["members"]}
    units = {each["asset_id"]: each["unit_id"] for each in found["members"]}
    assert units == {one.id: stack.id, other.id: other.id}
    assert (files[one.id]["stack_id"], files[one.id]["stack_size"], files[one.id]["is_external"]) == (
        stack.id,
        2,
        False,
    )
    assert (files[other.id]["folder"], files[other.id]["is_external"]) == ("/mnt/photos", True)
    assert files[other.id]["library_id"] == other.library_id
    assert [each["code"] for each in found["notes"]] == ["external"]
    told = await ann.get(f"/duplicates/{found['id']}")
    assert told["suggested_because"] == {"rule": "stack", "sentence": "more versions stand with it in its stack"}


async def test_who_went_is_named_no_more(household: Household, ann: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    household.immich.trash(other)
    await shelf.library.sync()
    told = await ann.get(f"/duplicates/{set_id}")
    files = {each["asset_id"]: each["file"] for each in told["members"]}
    assert files[other.id] is None
    assert files[one.id]["name"] == "A1.jpg"
    assert [each["code"] for each in told["notes"]] == ["changed"]
    assert told["suggested_because"] is None


async def test_an_owner_is_told_what_partners_have_too(household: Household, ann: Person, bob: Person) -> None:
    household.immich.share_timeline(bob.user, ann.user)
    shelf_of(bob).photo("Theirs.jpg", b"a" * 100)
    _, (one, other), set_id = await pair(ann)
    (found,) = await sets(ann)
    assert (found["partner_count"], [each["partner_count"] for each in found["members"]]) == (1, [1, 1])
    assert [each["code"] for each in found["notes"]] == ["partner"]
    told = await ann.get(f"/duplicates/{set_id}")
    assert "Theirs.jpg" not in str(told)
    assert {each["asset_id"] for each in told["members"]} == {one.id, other.id}


async def test_immichs_own_groups_are_told_from_ours(household: Household, ann: Person) -> None:
    shelf, (a1, a2, *_) = await copies(
        ann, ("A1.jpg", b"a" * 9), ("A2.jpg", b"a" * 9), ("B1.jpg", b"b" * 8), ("B2.jpg", b"b" * 8)
    )
    theirs = "00000000-0000-4000-8000-0000000000aa"
    for row in (a1, a2):
        household.immich.state.write(row, duplicate_id=theirs)
    await shelf.library.sync()
    await record(household.services.jobs, ann.owner_id)
    await shelf.library.sync()
    ids: dict[str, set[tuple[Any, ...]]] = {}
    for found in await sets(ann):
        for each in found["members"]:
            file = each["file"]
            ids.setdefault(file["name"][0], set()).add((file["immich_duplicate_id"], file["is_recorded_by_sidecar"]))
    assert ids["A"] == {(theirs, False)}
    ((ours, is_ours),) = ids["B"]
    assert (ours not in {None, theirs}, is_ours) == (True, True)


@pytest.mark.parametrize(
    "set_id",
    [
        pytest.param("0" * 12, id="nobody's"),
        pytest.param("summary-", id="no id at all"),
        pytest.param("%00", id="a NUL"),
        pytest.param("%ED%A0%80", id="half a character"),
        pytest.param("a" * 5000, id="very long"),
        pytest.param("\N{ARABIC-INDIC DIGIT ZERO}" * 12, id="digits of another script"),
    ],
)
async def test_what_is_no_set_is_not_found(ann: Person, set_id: str) -> None:
    assert await ann.refused("GET", f"/duplicates/{set_id}") == (404, "not_found")


async def test_nobody_sees_the_sets_of_others(ann: Person, bob: Person) -> None:
    shelf, (one, other), set_id = await pair(ann)
    assert await bob.refused("GET", f"/duplicates/{set_id}") == (404, "not_found")
    assert await sets(bob) == []
    assert (await bob.get("/duplicates/summary"))["sets"] == 0
    jobs = ann.household.services.jobs
    async with jobs.database.write() as connection:
        await remember_distinct(jobs, connection, ann.owner_id, [frozenset({AssetId(one.id), AssetId(other.id)})])
    assert await bob.get("/duplicates/dismissed") == {"items": [], "next_cursor": None}
    assert (await bob.get("/duplicates/summary"))["dismissed"] == 0
    assert shelf.library.writes() == []


async def test_dismissals_are_listed_the_latest_first_in_pages(household: Household, ann: Person) -> None:
    _, rows = await copies(ann, *((f"{number}.jpg", bytes([number]) * 9) for number in range(25)))
    jobs, ids = household.services.jobs, [AssetId(row.id) for row in rows]
    async with jobs.database.write() as connection:
        many = [frozenset(ids[:2]), frozenset(ids[2:])]
        await remember_distinct(jobs, connection, ann.owner_id, many[:1], source=DecisionSource.KEPT)
        await remember_distinct(jobs, connection, ann.owner_id, many[1:])
    household.immich.trash(rows[0])
    await shelf_of(ann).library.sync()
    first = await ann.get("/duplicates/dismissed", params={"limit": 1})
    rest = await ann.get("/duplicates/dismissed", params={"limit": 1, "cursor": first["next_cursor"]})
    assert rest["next_cursor"] is None
    (large,), (small,) = first["items"], rest["items"]
    assert (large["source"], large["member_count"], len(large["members"])) == ("dismissed", 23, MOST_LISTED)
    assert (small["source"], small["member_count"]) == ("kept", 2)
    assert {each["asset_id"]: each["name"] for each in small["members"]} == {ids[0]: None, ids[1]: "1.jpg"}
    assert large["decided_at_ms"] > small["decided_at_ms"]
    assert (await ann.get("/duplicates/summary"))["dismissed"] == 2


async def test_dismissals_of_one_moment_are_all_listed(household: Household, ann: Person) -> None:
    _, rows = await copies(ann, *((f"{number}.jpg", bytes([number]) * 9) for number in range(8)))
    jobs, ids = household.services.jobs, [AssetId(row.id) for row in rows]
    async with jobs.database.write() as connection:
        await remember_distinct(
            jobs, connection, ann.owner_id, [frozenset(ids[start : start + 2]) for start in range(0, 8, 2)]
        )
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 1}
    while True:
        page = await ann.get("/duplicates/dismissed", params=query)
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 4
