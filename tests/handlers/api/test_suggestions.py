from __future__ import annotations

from typing import Any

from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import AssetId
from sidecar.storage import assets, findings
from sidecar.storage.findings import Finding, FindingKind
from tests.handlers.conftest import Household, Person

PATH = "/suggestions/ungrouped-raws"


async def raws(person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get(PATH))["items"]
    return found


async def test_raw_files_in_no_stack_are_suggested_page_by_page(ann: Person, bob: Person) -> None:
    ann.shoot("PAIR.JPG", "PAIR.CR3")
    for number in range(3):
        ann.shoot(f"LONE_{number}.NEF", at_s=1000 * (number + 1))
    bob.shoot("BOBS.NEF")
    await ann.scan()
    page = await ann.get(PATH, params={"limit": "2"})
    assert [(each["name"], each["explanations"]) for each in page["items"]] == [("LONE_2.NEF", []), ("LONE_1.NEF", [])]
    rest = await ann.get(PATH, params={"limit": "2", "cursor": page["next_cursor"]})
    assert ([each["name"] for each in rest["items"]], rest["next_cursor"]) == (["LONE_0.NEF"], None)
    assert await ann.refused("GET", PATH, params={"cursor": "x"}) == (400, "bad_cursor")


async def test_a_suggestion_tells_what_is_known_about_why(household: Household, ann: Person) -> None:
    raw, jpeg, trashed = ann.shoot("A.NEF", "B.JPG", "C.JPG")
    household.immich.trash(trashed)
    await ann.scan()
    ids = tuple(AssetId(row.id) for row in (raw, jpeg, trashed))
    review = Finding(FindingKind.REVIEW, ids, (Reason(ReasonCode.AMBIGUOUS),), "raw_jpeg")
    known = (
        Finding(FindingKind.LEFT_ALONE, ids[:1], (Reason(ReasonCode.SAME_VERSION),)),
        review,
        Finding(FindingKind.RESPECTED, ids[:2], (Reason(ReasonCode.KEPT_APART),), "raw_jpeg"),
        Finding(FindingKind.STACK, ids[:2], (), "raw_jpeg"),
    )
    async with household.services.database.write() as connection:
        [stem] = await assets.stems_of(connection, ann.owner_id, ids[:1])
        await findings.replace(connection, ann.owner_id, {stem: known})
    [told] = await raws(ann)
    explained = told["explanations"]
    assert [(each["because"], each["group_id"]) for each in explained] == [
        ("review", review.id),
        ("respected", None),
        ("left_alone", None),
    ]
    assert [[near["name"] for near in each["candidates"]] for each in explained] == [["B.JPG"], ["B.JPG"], []]
    assert explained[0]["reasons"] == [{"code": "ambiguous", "detail": "", "sentence": str(review.reasons[0])}]
