from __future__ import annotations

import pytest

from sidecar.handlers.pages import suggestions
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page


def doubtful(person: Person, number: int = 1) -> None:
    person.shoot(f"IMG_{number}.CR3", f"IMG_{number}", at_s=-1000 * number)


async def test_a_yes_makes_a_stack(household: Household, ann: Person) -> None:
    doubtful(ann)
    await ann.scan()
    page = await ann.browse("/suggestions")
    assert [each.words for each in page.all("h2")] == ["Do these belong together?"]
    assert "does not say which format it is" in page.words
    assert "waiting: 1" in page.one("nav").words
    after = await ann.follow(await ann.press(page, "Stack them"))
    assert "become a stack" in after.words
    assert "being carried out" in after.words
    assert not after.has_button("Stack them")
    again = await ann.press(page, "Stack them")
    assert (again.status, again.title) == (409, "This has changed meanwhile")
    await ann.work()
    assert "Nothing waits for you" in (await ann.browse("/suggestions")).words
    assert len(household.immich.stacks_of(ann.user)) == 1
    await ann.press(after, "Undo")
    await ann.work()
    assert household.immich.stacks_of(ann.user) == []


async def test_a_no_is_remembered(household: Household, ann: Person) -> None:
    doubtful(ann)
    await ann.scan()
    after = await ann.follow(await ann.press(await ann.browse("/suggestions"), "Keep them apart"))
    assert "stay apart" in after.words
    assert "Nothing waits for you" in after.words
    await ann.scan()
    assert "Nothing waits for you" in (await ann.browse("/suggestions")).words
    assert household.immich.stacks_of(ann.user) == []


async def test_some_of_three_are_stacked(household: Household, ann: Person) -> None:
    rows = ann.shoot("IMG_1.CR3", "IMG_1.NEF", "IMG_1")
    await ann.scan()
    page = await ann.browse("/suggestions")
    form, _ = page.button("Stack them")
    boxes = [value for name, value in form.boxes if name == "member"]
    assert set(boxes) == {row.id for row in rows}
    for chosen in (boxes[:1], []):
        assert (await ann.press(page, "Stack them", member=chosen)).status == 400
    await ann.follow(await ann.press(page, "Stack them", member=boxes[:2]))
    await ann.work()
    (stack,) = household.immich.stacks_of(ann.user)
    assert set(stack.members) == set(boxes[:2])


async def several(person: Person) -> tuple[Page, list[str]]:
    for number in (1, 2, 3):
        doubtful(person, number)
    await person.scan()
    page = await person.browse("/suggestions?kind=proposed")
    form, _ = page.button("Yes")
    return page, [value for name, value in form.boxes if name == "item"]


async def test_several_are_decided_at_once(household: Household, ann: Person) -> None:
    page, items = await several(ann)
    after = await ann.follow(await ann.press(page, "Yes", item=items[:2]))
    assert "being carried out" in after.words
    await ann.work()
    assert len(household.immich.stacks_of(ann.user)) == 2
    after = await ann.follow(await ann.press(await ann.browse("/suggestions"), "No", item=items[2:]))
    assert "Nothing waits for you" in after.words
    await ann.scan()
    assert len(household.immich.stacks_of(ann.user)) == 2


async def test_those_that_changed_meanwhile_are_counted_and_the_others_done(household: Household, ann: Person) -> None:
    page, items = await several(ann)
    await ann.press(page, "Keep them apart")
    after = await ann.follow(await ann.press(page, "Yes", item=items))
    assert "1 of them had changed meanwhile, and was left as it is." in after.words
    await ann.work()
    assert len(household.immich.stacks_of(ann.user)) == 2
    after = await ann.press(page, "Yes", item=items)
    assert (after.status, after.title) == (409, "This has changed meanwhile")


async def test_nothing_ticked_is_nothing_decided(ann: Person) -> None:
    page, items = await several(ann)
    assert (await ann.press(page, "Yes")).status == 400
    form, button = page.button("Yes")
    button.attributes["value"] = "maybe"
    assert (await ann.press(page, "Yes", item=items)).status == 400
    assert form.method == "POST"


@pytest.mark.parametrize(
    ("refused", "says"), [("2", True), ("0", False), ("x", False), ("\u0663", False), ("99999", False)]
)
async def test_only_a_number_is_one(ann: Person, refused: str, *, says: bool) -> None:
    page = await ann.browse(f"/suggestions?refused={refused}")
    assert ("had changed meanwhile" in page.words) is says


async def test_raw_files_alone_say_why(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "SUGGESTIONS_A_PAGE", 2)
    doubtful(ann)
    for number in (7, 8):
        ann.shoot(f"LONE_{number}.CR3", at_s=1000 * number, size_bytes=1024 if number == 7 else None)
    await ann.scan()
    page = await ann.browse("/suggestions?kind=raws")
    assert [each.words for each in page.all("h2")] == ["LONE_8.CR3", "LONE_7.CR3"]
    assert "No photo in the library comes near it" in page.words
    (older,) = page.all("a", rel="next")
    page = await ann.browse(older["href"].removeprefix(BASE))
    assert [each.words for each in page.all("h2")] == ["IMG_1.CR3"]
    proposed = await ann.browse(page.link("See what is proposed").removeprefix(BASE))
    assert proposed.status == 200


async def test_a_stack_to_mend_is_mended(household: Household, ann: Person) -> None:
    raw, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    await ann.scan()
    household.immich.trash(jpeg)
    await ann.scan()
    tabs = {each.words: each["href"] for each in (await ann.browse("/suggestions")).all("a", class_="chip")}
    assert list(tabs) == ["Uncertain stacks", "Stacks to mend", "RAW files alone"]
    page = await ann.browse(tabs["Stacks to mend"].removeprefix(BASE))
    assert page.one("a", aria_current="page", class_="chip").words == "Stacks to mend"
    assert [each.words for each in page.all("h2")] == ["Mend this stack?"]
    after = await ann.follow(await ann.press(page, "Mend it"))
    assert after.one("a", aria_current="page", class_="chip").words == "Stacks to mend"
    await ann.work()
    (stack,) = household.immich.stacks_of(ann.user)
    assert stack.primary_id == raw.id


async def test_an_odd_kind_is_the_first(ann: Person) -> None:
    odd = await ann.browse("/suggestions?kind=everything")
    assert odd.one("a", aria_current="page", class_="chip").words == "Uncertain stacks"
