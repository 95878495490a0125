from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from sidecar.handlers.pages import photos
from sidecar.model import AssetKind
from tests.handlers.conftest import BASE, Household, Person
from tests.handlers.html import Page
from tests.handlers.shelves import pair

DAY_S = 86_400


def query_of(link: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(link).query)


def opened(page: Page) -> list[str]:
    return [each["href"] for each in page.all("a", class_="open")]


async def test_one_card_a_stack_with_its_cover_and_how_many(ann: Person) -> None:
    raw, jpeg = ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    (single,) = ann.shoot("IMG_2.JPG", at_s=-DAY_S)
    await ann.scan()
    page = await ann.browse("/photos")
    assert page.names() == ["IMG_1.JPG", "IMG_2.JPG"]
    assert [each.words for each in page.all("h2")] == ["Wednesday, May 1, 2024", "Tuesday, April 30, 2024"]
    (badge,) = page.all("span", class_="mark versions")
    assert (badge.words, badge["title"]) == ("2 versions", "RAW + JPEG")
    group, alone = opened(page)
    assert alone == f"/photos/{single.id}"
    assert (await ann.browse(group.removeprefix(BASE))).status == 200
    thumbnails = [each["src"] for each in page.all("img", class_="picture ")]
    assert thumbnails[0] == f"{BASE}/api/immich/assets/{jpeg.id}/thumbnail?size=thumbnail"
    assert raw.id not in "".join(thumbnails)


async def test_pages_follow_each_other_and_a_script_gets_their_part(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "PHOTOS_A_PAGE", 2)
    for place in range(5):
        ann.shoot(f"IMG_{place}.JPG", at_s=-100 * place)
    await ann.scan()
    page, seen = await ann.browse("/photos?q=img"), []
    assert page.all("a", rel="prev") == []
    for _ in range(3):
        seen += page.names()
        (older,) = page.all("a", rel="next") or (None,)
        if older is not None:
            assert query_of(older["href"])["q"] == ["img"]
            part = await ann.browse(f"{older['href'].removeprefix(BASE)}&fragment=1")
            page = await ann.browse(older["href"].removeprefix(BASE))
            assert (part.all("html"), part.names()) == ([], page.names())
            assert page.link("Back to the newest") == f"{BASE}/photos?q=img"
    assert seen == [f"IMG_{place}.JPG" for place in range(5)]


async def test_filters_narrow_what_is_shown_and_stay_ticked(ann: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG")
    ann.shoot("LONE.CR3", at_s=100)
    ann.shoot("CLIP.MP4", at_s=200, kind=AssetKind.VIDEO)
    ann.shoot("BEACH.JPG", at_s=300)
    await ann.scan()
    for query, names in {
        "group_type=raw_jpeg": ["IMG_1.JPG"],
        "group_type=burst": [],
        "ungrouped_raw=true": ["LONE.CR3"],
        "kind=VIDEO": ["CLIP.MP4"],
        "q=cr3": ["LONE.CR3", "IMG_1.JPG"],
        "q=beach&kind=": ["BEACH.JPG"],
        "q=&month=": ["BEACH.JPG", "CLIP.MP4", "LONE.CR3", "IMG_1.JPG"],
    }.items():
        page = await ann.browse(f"/photos?{query}")
        assert page.names() == names, query
        (form,) = (each for each in page.forms if each.method == "GET")
        asked = [(name, value) for name, values in parse_qs(query).items() for value in values]
        assert set(asked) <= set(form.fields)
    empty = await ann.browse("/photos?q=nowhere")
    assert "No photo fits" in empty.words
    assert empty.link("Show everything") == f"{BASE}/photos"
    shown = await ann.press(await ann.browse("/photos"), "Show", q="lone", kind=None)
    assert shown.names() == ["LONE.CR3"]


async def test_what_has_duplicates_leads_to_them(ann: Person) -> None:
    _, rows, set_id = await pair(ann)
    page = await ann.browse("/photos?duplicates=identical")
    assert sorted(page.names()) == sorted(row.name for row in rows)
    (mark, _) = page.all("a", class_="mark alike")
    assert (mark["href"], mark.words) == (f"{BASE}/duplicates/{set_id}", "Duplicates: Identical")


async def test_a_month_is_gone_to(ann: Person) -> None:
    ann.shoot("NEW.JPG")
    ann.shoot("OLD.JPG", at_s=-40 * DAY_S)
    await ann.scan()
    page = await ann.browse("/photos?month=2024-03&q=JPG")
    assert page.names() == ["OLD.JPG"]
    assert page.one("input", type="month")["value"] == "2024-03"
    assert page.link("Back to the newest") == f"{BASE}/photos?q=JPG"


@pytest.mark.parametrize(
    ("month", "end_ms"),
    [
        ("2023-11", 1_701_388_800_000),
        ("2023-12", 1_704_067_200_000),
        ("0001-01", -62_132_918_400_000),
        ("", None),
        ("2023", None),
        ("2023-13", None),
        ("9999-12", None),
        ("2023-11-05", None),
        ("x" * 3000, None),
    ],
)
def test_a_month_ends_when_the_next_begins(month: str, end_ms: int | None) -> None:
    assert photos._end_of(month) == end_ms


async def test_beyond_the_oldest_there_is_nothing(ann: Person) -> None:
    ann.shoot("NEW.JPG")
    await ann.scan()
    page = await ann.browse("/photos?month=1999-01")
    assert "Nothing is older" in page.words
    assert page.link("Back to the newest") == f"{BASE}/photos"
    assert page.one("input", type="month")["value"] == "1999-01"
    odd = await ann.browse("/photos?month=soon")
    assert (odd.names(), odd.one("input", type="month")["value"]) == (["NEW.JPG"], "")


@pytest.mark.parametrize("query", ["group_type=odd", "kind=ODD", "ungrouped_raw=maybe", "unknown=1", f"q={'x' * 2000}"])
async def test_a_filter_that_makes_no_sense_is_told(ann: Person, query: str) -> None:
    assert (await ann.browse(f"/photos?{query}")).status == 400


async def test_clips_say_how_long_they_are_and_partners_whose_they_are(household: Household, ann: Person) -> None:
    ann.shoot("CLIP.MP4", kind=AssetKind.VIDEO, duration_ms=61_000)
    household.immich.share_timeline(household.bob.user, ann.user)
    household.bob.shoot("BOBS.JPG", at_s=-100)
    await ann.scan()
    page = await ann.browse("/photos")
    (mark,) = page.all("span", class_="mark video")
    assert mark.words == "1:01"
    assert [each.words for each in page.all("span", class_="mark owner")] == ["Bob"]
