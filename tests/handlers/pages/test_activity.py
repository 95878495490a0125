from __future__ import annotations

import pytest

from sidecar.handlers.pages import activity
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.shelves import pair


async def test_what_was_done_is_listed_and_taken_back(household: Household, ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    page = await ann.browse("/activity")
    assert [each.words for each in page.all("h2")] == ["Stacked"]
    assert [each.words for each in page.all("span", class_="badge good")] == ["done"]
    assert "by the rules" in page.words
    after = await ann.follow(await ann.press(page, "Undo"))
    assert "This is being taken back" in after.words
    await ann.work()
    assert household.immich.stacks_of(ann.user) == []
    page = await ann.browse("/activity")
    assert [each.words for each in page.all("h2")] == ["Taken back", "Stacked"]
    assert (await ann.press(after, "Undo") if after.has_button("Undo") else page).status in {200, 303, 409}


async def test_a_press_too_many_is_told(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    page = await ann.browse("/activity")
    assert (await ann.press(page, "Undo")).status == 303
    await ann.work()
    again = await ann.press(page, "Undo")
    assert again.status in {303, 409}
    await ann.work()
    assert ann.household.immich.stacks_of(ann.user) == []


async def test_a_decision_about_duplicates_shows_what_went(ann: Person) -> None:
    _, rows, set_id = await pair(ann)
    await ann.ask("POST", f"/duplicates/{set_id}/keep", json={"keep_ids": [rows[0].id]})
    page = await ann.browse("/activity")
    assert [each.words for each in page.all("h2")] == ["Duplicates sorted out"]
    assert [each.words for each in page.all("span", class_="mark-trash")] == ["In the trash"]
    assert "by your decision" in page.words


async def test_what_failed_says_so(household: Household, ann: Person) -> None:
    household.immich.fail("POST", "/stacks", status=400, body='{"message": "No stacks today"}')
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    page = await ann.browse("/activity")
    assert [each.words for each in page.all("span", class_="badge warning")] == ["failed"]
    assert "It was given up; Status says why." in page.words


async def test_pages_follow_each_other(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "DEEDS_A_PAGE", 2)
    for number in range(3):
        ann.shoot(f"IMG_{number}.CR3", f"IMG_{number}.JPG", at_s=1000 * number)
    await ann.scan()
    page = await ann.browse("/activity")
    assert len(page.all("h2")) == 2
    (older,) = page.all("a", rel="next")
    page = await ann.browse(f"{older['href'].removeprefix(BASE)}&fragment=1")
    assert (len(page.all("h2")), page.all("a", rel="next"), page.all("html")) == (1, [], [])
