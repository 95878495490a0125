from __future__ import annotations

import pytest

from sidecar.duplicates.classes import DuplicateClass
from sidecar.handlers.pages import duplicates
from sidecar.jobs.duplicates.resolve import resolve
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page
from tests.handlers.shelves import alike, copies, pair, set_of, shelf_of

BIG, SMALL = b"b" * 5_000_000, b"s" * 1000


async def resolved(person: Person) -> None:
    await resolve(person.household.services.jobs, person.owner_id)


async def looked_at(person: Person, set_id: str) -> Page:
    page = await person.browse(f"/duplicates/{set_id}")
    assert page.status == 200
    return page


def trashed(person: Person) -> list[str]:
    return shelf_of(person).trashed()


async def mixed(person: Person) -> None:
    """Sets of three classes: two of the same bytes, one re-encoded, one featureless."""
    shelf, _ = await copies(
        person, ("A1.jpg", b"a" * 4000), ("A2.jpg", b"a" * 4000), ("B1.jpg", b"b" * 9000), ("B2.jpg", b"b" * 9000)
    )
    rows = [shelf.photo(name, name.encode() * 100) for name in ("C1.jpg", "C2.jpg", "D1.jpg", "D2.jpg")]
    await shelf.library.sync()
    await shelf.alike(rows[0], rows[1], DuplicateClass.RE_ENCODED, 0.98)
    await shelf.alike(rows[2], rows[3], DuplicateClass.FEATURELESS, 0.99)
    await shelf.form()


async def test_classes_stand_apart_and_the_surest_comes_first(ann: Person) -> None:
    await mixed(ann)
    page = await ann.browse("/duplicates")
    tabs = [each for each in page.all("a", class_="chip") if "class=" in each["href"]]
    assert [each.words for each in tabs][:3] == ["Identical 2", "Re-encoded 1", "Featureless 1"]
    assert page.one("a", aria_current="page", class_="chip").words == "Identical 2"
    assert "The same file, byte by byte." in page.words
    # Featureless pictures are alike without being copies: nobody has to decide about them.
    assert "waiting: 3" in page.one("nav").words
    other = await ann.browse(tabs[2]["href"].removeprefix(BASE))
    assert sorted(other.names()) == ["D1.jpg", "D2.jpg"]
    assert not any(each.words == "Sort out all identical files" for each in other.all("a"))


async def test_the_list_is_sorted_as_wanted(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    await mixed(ann)
    page = await ann.browse("/duplicates?class=identical&sort=savings")
    assert page.names()[:2] in (["B1.jpg", "B2.jpg"], ["B2.jpg", "B1.jpg"])
    assert page.one("a", aria_current="true").words == "Size saved"
    assert [each.words for each in page.all("span", class_="quiet")] == ["frees 8.8 KiB", "frees 3.9 KiB"]
    monkeypatch.setattr(duplicates, "SETS_A_PAGE", 1)
    page = await ann.browse("/duplicates?class=identical&sort=savings")
    (older,) = page.all("a", rel="next")
    rest = await ann.browse(f"{older['href'].removeprefix(BASE)}&fragment=1")
    assert (sorted(rest.names()), rest.all("html")) == (["A1.jpg", "A2.jpg"], [])
    for odd in ("class=odd", "sort=odd", "class=identical&other=1"):
        assert (await ann.browse(f"/duplicates?{odd}")).status == 400


async def test_a_large_set_shows_some_and_counts_the_rest(ann: Person) -> None:
    await copies(ann, *((f"A{number}.jpg", b"a" * 100) for number in range(9)))
    page = await ann.browse("/duplicates")
    assert (len(page.names()), page.one("span", class_="thumb more").words) == (6, "+3")


async def test_nothing_alike_is_nothing_to_do(ann: Person) -> None:
    page = await ann.browse("/duplicates")
    assert "No duplicates of this kind" in page.words
    assert page.link("See how far it is") == f"{BASE}/status"


async def test_copies_stand_side_by_side_with_what_tells_them_apart(household: Household, ann: Person) -> None:
    shelf = shelf_of(ann)
    best = shelf.photo("best.jpg", BIG, width=6000, height=4000, make="Canon", model="EOS R5")
    copy = shelf.photo("copy.jpg", SMALL, folder="/mnt/a", width=600, height=400)
    household.immich.album(ann.user, "Trip", copy)
    await shelf.library.sync()
    await alike(ann, best, copy)
    page = await looked_at(ann, await set_of(ann, best, copy))
    assert page.title == "Re-encoded"
    assert page.one("div", class_="compare-head").words.startswith("Re-encoded 98 %")
    rows = {each.words.removesuffix(" (differs)"): each for each in page.all("th", scope="row")}
    assert list(rows)[:4] == ["Likeness", "Name", "Folder", "Albums"]
    table = [each.words for each in page.all("tr")]
    assert "Dimensions (differs)6,000 \u00d7 4,0006" in "".join(table) or any("6,000" in each for each in table)
    assert "Albums" in rows
    assert any(each.words.startswith("Albums (differs)") for each in page.all("tr", class_="differs"))
    assert "The suggested copy is the best one because" in page.words
    form, _ = page.button("Keep ticked, trash the others …")
    kept = [value for name, value in form.fields if name == "keep"]
    assert len(kept) == 1
    previews = [each["src"] for each in page.all("img", class_="picture whole")]
    assert {each.rpartition("size=")[2] for each in previews} == {"preview"}
    assert len(previews) == 2


async def test_of_three_any_two_are_put_side_by_side(ann: Person) -> None:
    _, rows = await copies(ann, *((f"A{number}.jpg", b"a" * 100) for number in range(3)))
    set_id = await set_of(ann, *rows)
    page = await looked_at(ann, set_id)

    def large(shown: Page) -> list[str]:
        return [each["alt"] for each in shown.all("img", class_="picture whole")]

    before = large(page)
    links = [each["href"] for each in page.all("a") if each.words == "Right"]
    for link in links:
        shown = await ann.browse(link.removeprefix(BASE))
        assert len(set(large(shown))) == 2
    seen = {tuple(large(await ann.browse(link.removeprefix(BASE)))) for link in links}
    assert len(seen) >= 2
    odd = await ann.browse(f"/duplicates/{set_id}?left=nobody&right=nobody")
    assert large(odd) == before
    same = await ann.browse(f"/duplicates/{set_id}?left={rows[1].id}&right={rows[1].id}")
    assert len(set(large(same))) == 2


async def test_what_will_happen_is_shown_before_anything_does(household: Household, ann: Person) -> None:
    shelf = shelf_of(ann)
    best = shelf.photo("best.jpg", BIG)
    said = {"rating": 5, "is_favorite": True, "description": "at sea", "latitude": 1.0, "longitude": 2.0}
    copy = shelf.photo("copy.jpg", SMALL, **said)
    beside = shelf.photo("copy.CR3", b"r" * 70)
    household.immich.stack(ann.user, copy, beside)
    household.immich.album(ann.user, "Trip", copy)
    household.immich.tag(ann.user, "sea", copy)
    household.immich.link(ann.user, copy)
    await shelf.library.sync()
    await alike(ann, best, copy)
    set_id = await set_of(ann, best, copy)
    page = await ann.press(await looked_at(ann, set_id), "Keep ticked, trash the others …", keep=best.id)
    assert (page.status, page.title) == (200, "What will happen")
    assert [each.words for each in page.all("h2")] == ["1 file stays", "2 files go to Immich's trash"]
    assert "goes with its stack" in page.words
    gained = page.one("ul", class_="gained").words
    wanted = ("Albums: Trip", "Tags: 1", "Shared links: 1", "Rating: 5", "The description", "The place")
    for each in (*wanted, "It becomes a favourite."):
        assert each in gained
    assert trashed(ann) == []
    assert page.link("Back to the copies") == f"{BASE}/duplicates/{set_id}"
    assert page.all("p", role="alert")  # the RAW file would go, and nothing like it stays
    assert not page.has_button("Move 2 files to the trash")


async def test_one_is_kept_and_the_other_trashed_and_restored(household: Household, ann: Person) -> None:
    _, rows, set_id = await pair(ann)
    await pair(ann, "B", b"b" * 50)
    confirm = await ann.press(await looked_at(ann, set_id), "Keep ticked, trash the others …", keep=rows[0].id)
    assert confirm.words.count(rows[0].name) == 1
    done = await ann.press(confirm, "Move 1 file to the trash")
    page = await ann.follow(done)
    assert "go to Immich's trash, where they can be restored" in page.words
    again = await ann.press(confirm, "Move 1 file to the trash")
    assert again.status in {404, 409}
    await resolved(ann)
    assert trashed(ann) == [rows[1].name]
    await ann.press(page, "Undo")
    await resolved(ann)
    await ann.work()
    assert trashed(ann) == []
    assert household.immich.state.assets.keys() >= {row.id for row in rows}


@pytest.mark.parametrize("sort", ["newest", "savings", "similarity"])
async def test_one_goes_on_to_the_next_with_and_without_a_decision(ann: Person, sort: str) -> None:
    for place, letter in enumerate("ABCD"):
        await pair(ann, letter, letter.encode() * (1000 + place))
        ann.household.clock.advance(seconds=1)
    listed = await ann.browse(f"/duplicates?class=identical&sort={sort}")
    first, second, third, fourth = [each["href"] for each in listed.all("a", class_="set")]
    page = await ann.browse(first.removeprefix(BASE))
    onwards = await ann.follow(Page(303, {"Location": page.link("Next, without deciding")}, ""))
    assert onwards.location == second
    # What was passed over is not shown again after a decision about what comes behind it.
    done = await ann.press(await ann.browse(second.removeprefix(BASE)), "No duplicates")
    assert done.location.partition("?")[0] == third.partition("?")[0]
    end = await ann.browse(fourth.removeprefix(BASE))
    last = await ann.follow(Page(303, {"Location": end.link("Next, without deciding")}, ""))
    assert last.location == f"{BASE}/duplicates?class=identical&sort={sort}"
    assert len((await ann.follow(last)).all("a", class_="set")) == 3


async def test_a_set_is_looked_at_among_those_of_its_class(ann: Person) -> None:
    await mixed(ann)
    listed = await ann.browse("/duplicates?class=re-encoded")
    (path,) = [each["href"].partition("?")[0] for each in listed.all("a", class_="set")]
    page = await ann.browse(path.removeprefix(BASE))
    assert page.link("Back to the list") == f"{BASE}/duplicates?class=re-encoded&sort=newest"
    done = await ann.press(page, "No duplicates")
    assert done.location.startswith(f"{BASE}/duplicates?class=re-encoded&sort=newest&done=dismissed")


async def test_beyond_what_is_gone_comes_the_first(ann: Person) -> None:
    _, _, set_id = await pair(ann)
    page = await ann.browse("/duplicates/" + "0" * 12 + "/next?class=identical")
    assert (page.status, page.location) == (303, f"{BASE}/duplicates/{set_id}?class=identical&sort=newest")


async def test_the_last_set_leads_back_to_the_list(ann: Person) -> None:
    _, rows, set_id = await pair(ann)
    done = await ann.press(await looked_at(ann, set_id), "Keep all as a stack")
    page = await ann.follow(done)
    assert page.title == "Duplicates"
    assert "All copies are kept, as one stack" in page.words
    await ann.work()
    (stack,) = ann.household.immich.stacks_of(ann.user)
    assert set(stack.members) == {row.id for row in rows}


async def test_what_is_no_duplicate_is_not_shown_again_until_wanted(ann: Person) -> None:
    shelf, rows, set_id = await pair(ann)
    assert not any(each.words.startswith("What was said") for each in (await ann.browse("/duplicates")).all("a"))
    page = await ann.follow(await ann.press(await looked_at(ann, set_id), "No duplicates"))
    assert "they are not shown again" in page.words
    assert await shelf.form() == []
    listed = await ann.browse(page.link("What was said to be no duplicates").removeprefix(BASE))
    assert sorted(each["alt"] for each in listed.all("img")[1:]) == sorted(row.name for row in rows)
    assert "by you" in listed.words
    after = await ann.follow(await ann.press(listed, "List again"))
    assert "may show them as duplicates again" in after.words
    assert "Nothing was dismissed" in after.words
    assert [each.id for each in await shelf.form()] == [set_id]


async def test_a_dismissal_is_taken_back_where_it_was_said(ann: Person) -> None:
    shelf, _, set_id = await pair(ann)
    page = await ann.follow(await ann.press(await looked_at(ann, set_id), "No duplicates"))
    await ann.press(page, "Undo")
    assert [each.id for each in await shelf.form()] == [set_id]
    assert (await ann.press(page, "Undo")).status == 404


async def test_dismissals_are_listed_in_pages(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.handlers.pages.dismissed.SETS_A_PAGE", 1)
    monkeypatch.setattr("sidecar.handlers.pages.dismissed.MOST_PICTURES", 1)
    await mixed(ann)
    for each in await shelf_of(ann).sets():
        await ann.ask("POST", f"/duplicates/{each.id}/dismiss", json={})
    page, seen = await ann.browse("/duplicates/dismissed"), 1
    assert page.one("li", class_="more").words == "+1"
    while older := page.all("a", rel="next"):
        page = await ann.browse(older[0]["href"].removeprefix(BASE))
        seen += len(page.all("li", class_="card"))
    assert seen == 4


async def test_nothing_ticked_is_nothing_decided(ann: Person) -> None:
    _, _, set_id = await pair(ann)
    page = await ann.press(await looked_at(ann, set_id), "Keep ticked, trash the others …", keep=None)
    assert (page.status, page.title) == (400, "This address makes no sense")


async def test_all_ticked_says_that_nothing_would_go(ann: Person) -> None:
    _, rows, set_id = await pair(ann)
    ids = [row.id for row in rows]
    page = await ann.press(await looked_at(ann, set_id), "Keep ticked, trash the others …", keep=ids)
    assert "Nothing would go" in page.one("p", role="alert").words


async def test_a_set_that_has_changed_is_not_decided_about(ann: Person) -> None:
    shelf, rows, set_id = await pair(ann)
    page = await looked_at(ann, set_id)
    confirm = await ann.press(page, "Keep ticked, trash the others …", keep=rows[0].id)
    third = shelf.photo("A3.jpg", b"a" * 100)
    await shelf.library.sync()
    await shelf.read(third)
    await shelf.form()
    for shown, button in (
        (confirm, "Move 1 file to the trash"),
        (page, "No duplicates"),
        (page, "Keep all as a stack"),
        (page, "Keep ticked, trash the others …"),
    ):
        after = await ann.press(shown, button)
        assert (after.status, after.title) in {(409, "This has changed meanwhile"), (404, "Nothing is here any more")}
    await resolved(ann)
    assert trashed(ann) == []


async def test_what_needs_a_word_asks_for_it(ann: Person) -> None:
    shelf, rows = await copies(ann, ("A1.jpg", b"a" * 30), ("A2.jpg", b"a" * 30), folder="/mnt/photos")
    set_id = await set_of(ann, *rows)
    page = await ann.press(await looked_at(ann, set_id), "Keep ticked, trash the others …", keep=rows[0].id)
    assert page.all("p", role="alert") == []
    assert page.one("input", name="agree")["value"] == "external"
    button = "Move 1 file to the trash"
    assert (await ann.press(page, button)).status == 409
    assert (await ann.press(page, button, agree="external")).status == 303
    await resolved(ann)
    assert shelf.trashed() == [rows[1].name]


async def test_all_identical_files_at_once(ann: Person) -> None:
    await mixed(ann)
    listed = await ann.browse("/duplicates?class=identical")
    page = await ann.browse(listed.link("Sort out all identical files").removeprefix(BASE))
    assert page.title == "All identical files at once"
    assert "2 files go to Immich's trash, which frees 12.7 KiB" in page.words
    assert len(page.all("li", class_="card fates")) == 2
    assert trashed(ann) == []
    done = await ann.press(page, "Move 2 files to the trash")
    after = await ann.follow(done)
    assert "Your decisions are being carried out" in after.words
    assert (await ann.press(page, "Move 2 files to the trash")).status == 409
    await resolved(ann)
    assert len(trashed(ann)) == 2
    empty = await ann.browse("/duplicates/identical")
    assert "Nothing to sort out at once" in empty.words


async def test_files_of_libraries_go_only_if_they_are_meant(ann: Person) -> None:
    await copies(ann, ("A1.jpg", b"a" * 30), ("A2.jpg", b"a" * 30), folder="/mnt/photos")
    page = await ann.browse("/duplicates/identical")
    assert not page.has_button("Move 1 file to the trash")
    assert "it takes your word. (1)" in page.words
    meant = await ann.press(page, "Show again", external="true")
    assert "Immich deletes files of an external library from the disk" in meant.words
    assert (await ann.press(meant, "Move 1 file to the trash", external=None)).status == 409
    assert (await ann.press(meant, "Move 1 file to the trash")).status == 303
    await resolved(ann)
    assert len(trashed(ann)) == 1


async def test_of_many_identical_groups_the_first_are_shown(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.handlers.api.duplicate_decisions.MOST_GROUPS", 1)
    await mixed(ann)
    page = await ann.browse("/duplicates/identical")
    assert "1 groups more, in the same way." in page.words


async def test_a_member_that_is_gone_says_so(ann: Person) -> None:
    shelf, rows = await copies(ann, *((f"A{number}.jpg", b"a" * 100) for number in range(3)))
    set_id = await set_of(ann, *rows)
    shelf.library.immich.trash(rows[2])
    await shelf.library.sync()
    page = await looked_at(ann, set_id)
    assert "Not there any more" in page.words
    gone = next(each for each in page.all("input", name="keep") if each["value"] == rows[2].id)
    assert "disabled" in gone.attributes


async def test_of_nothing_nothing_is_done(ann: Person) -> None:
    page = await ann.browse("/duplicates/identical")
    token = (await ann.get("/duplicates/identical"))["token"]
    csrf = dict((await ann.browse("/settings")).forms[0].fields)["csrf"]
    assert "Nothing to sort out at once" in page.words
    after = await ann._sent("POST", f"{BASE}/duplicates/identical/keep", data={"csrf": csrf, "token": token})
    assert (after.status, after.title) == (409, "This has changed meanwhile")
