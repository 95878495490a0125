from __future__ import annotations

from sidecar.model import Visibility
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page

_DIMENSIONS = "6,000 \u00d7 4,000"
_ELSEWHERE = ("https://evil.example", "//evil.example", f"{BASE}/settings", f"{BASE}/photosx", "javascript:alert(1)")


async def opened(person: Person, at: int = 0, query: str = "") -> Page:
    """The group behind a card of the timeline."""
    page = await person.browse(f"/photos{query}")
    links = [each["href"] for each in page.all("a", class_="open") if "/groups/" in each["href"]]
    return await person.browse(links[at].removeprefix(BASE))


async def test_a_group_shows_all_versions_and_why(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG", size_bytes=5_452_595, width=6000, height=4000)
    await ann.scan()
    page = await opened(ann)
    assert page.title == "IMG_1.JPG"
    listed = [each.words for each in page.all("a") if "data-version" in each.attributes]
    assert listed == [f"IMG_1.JPG JPEG · 5.2 MiB · {_DIMENSIONS} Cover", f"IMG_1.CR3 RAW · 5.2 MiB · {_DIMENSIONS}"]
    assert "They share the name img_1." in page.words
    assert not page.has_button("Make it the cover")
    assert page.link("Back to the photos") == f"{BASE}/photos"
    assert page.link("View in Immich").startswith("/photos/")


async def test_another_version_is_shown_and_made_the_cover(household: Household, ann: Person) -> None:
    raw, _ = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    first = await opened(ann)
    link = next(each["href"] for each in first.all("a") if each.words.startswith("IMG_1.CR3"))
    page = await ann.browse(link.removeprefix(BASE))
    assert page.title == "IMG_1.CR3"
    assert page.link("Download") == f"{BASE}/api/immich/assets/{raw.id}/original"
    (shown,) = page.all("a", aria_current="true")
    assert shown.words.startswith("IMG_1.CR3")
    done = await ann.press(page, "Make it the cover")
    after = await ann.follow(done)
    assert "gets its new cover" in after.words
    await ann.work()
    (stack,) = household.immich.stacks_of(ann.user)
    assert stack.primary_id == raw.id
    assert "Cover" in next(each.words for each in (await opened(ann)).all("a") if each.words.startswith("IMG_1.CR3"))
    undone = await ann.follow(await ann.press(after, "Undo"))
    assert "This is being taken back" in undone.words
    await ann.work()
    (stack,) = household.immich.stacks_of(ann.user)
    assert stack.primary_id != raw.id


async def test_a_stack_is_taken_apart_and_stays_so(household: Household, ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    page = await ann.follow(await ann.press(await opened(ann), "Unstack"))
    assert "taken apart in Immich" in page.words
    await ann.work()
    assert household.immich.stacks_of(ann.user) == []
    await ann.scan()
    assert household.immich.stacks_of(ann.user) == []
    await ann.follow(await ann.press(page, "Undo"))
    await ann.work()
    assert len(household.immich.stacks_of(ann.user)) == 1


async def test_what_has_changed_meanwhile_is_not_decided(household: Household, ann: Person) -> None:
    raw, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    page = await opened(ann)
    household.immich.unstack(*household.immich.stacks_of(ann.user))
    household.immich.stack(ann.user, raw, jpeg)
    await ann.scan()
    after = await ann.press(page, "Unstack")
    assert (after.status, after.title) == (409, "This has changed meanwhile")
    assert after.link("Try again") == f"{BASE}/"
    assert len(household.immich.stacks_of(ann.user)) == 1


async def test_whoever_came_from_a_search_goes_back_to_it(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    path = (await opened(ann)).forms[0].action.removeprefix(BASE).removesuffix("/unstack")
    page = await ann.browse(f"{path}?back={BASE}/photos%3Fq%3Dimg")
    assert page.link("Back to the photos") == f"{BASE}/photos?q=img"
    for back in (
        "https://evil.example",
        "//evil.example",
        f"{BASE}/settings",
        f"{BASE}/photosx",
        "javascript:alert(1)",
    ):
        page = await ann.browse(f"{path}?back={back}")
        assert page.link("Back to the photos") == f"{BASE}/photos"
    assert (await ann.browse(f"{path}?version=nobody")).title == "IMG_1.JPG"


async def test_a_stack_made_by_hand_says_so(household: Household, ann: Person) -> None:
    one, other = ann.shoot("A.JPG"), ann.shoot("B.JPG", at_s=500, visibility=Visibility.ARCHIVE)
    household.immich.stack(ann.user, *one, *other)
    await ann.scan()
    page = await opened(ann)
    assert "made by hand in Immich" in page.words
    assert "Not in the timeline" in page.words
    assert page.has_button("Unstack")


async def test_what_is_only_proposed_is_no_stack(ann: Person) -> None:
    ann.shoot("IMG_2.CR3", "IMG_2")
    await ann.scan()
    (group,) = (await ann.get("/groups", params={"state": "proposed"}))["items"]
    page = await ann.browse(f"/groups/{group['id']}")
    assert page.status == 200
    assert not page.has_button("Unstack")
    assert "does not say which format it is" in page.words


async def test_what_is_in_the_trash_says_so(household: Household, ann: Person) -> None:
    _, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    household.immich.trash(jpeg)
    await ann.scan()
    (group,) = (await ann.get("/groups", params={"state": "repair"}))["items"]
    page = await ann.browse(f"/groups/{group['id']}")
    assert [each.words for each in page.all("span", class_="badge warning")] == ["In the trash"]
    assert not page.has_button("Unstack")


async def test_a_group_of_which_nothing_is_left_is_missing(household: Household, ann: Person) -> None:
    rows = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    path = (await opened(ann)).forms[0].action.removeprefix(BASE).removesuffix("/unstack")
    household.immich.trash(*rows)
    await ann.scan()
    assert (await ann.browse(path)).status == 404


async def test_while_a_change_is_on_its_way_nothing_else_is_offered(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    page = await opened(ann)
    await ann.press(page, "Unstack")
    path = page.forms[0].action.removeprefix(BASE).removesuffix("/unstack")
    waiting = await ann.browse(path)
    assert "A change of these photos is on its way" in waiting.words
    assert not waiting.has_button("Unstack")
    assert (await ann.press(page, "Unstack")).status == 409


async def test_of_what_is_locked_nothing_is_shown(household: Household, ann: Person) -> None:
    ann.shoot("IMG_2.CR3", "IMG_2")
    await ann.scan()
    (group,) = (await ann.get("/groups", params={"state": "proposed"}))["items"]
    async with household.services.database.write() as connection:
        await connection.exec_driver_sql("UPDATE assets SET visibility = 'locked'")
    page = await ann.browse(f"/groups/{group['id']}")
    assert page.status == 404
    assert "IMG_2" not in page.html
