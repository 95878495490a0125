from __future__ import annotations

import asyncio

import pytest

from sidecar.demo.immich.rows import UserRow
from sidecar.storage import scans
from tests.handlers.conftest import BASE, Household, Person

LACKING = '{"message": "Missing required permission: apiKey.create", "error": "Forbidden", "statusCode": 403}'


@pytest.fixture
def carl(household: Household) -> Person:
    """Somebody who has connected nothing."""
    user: UserRow = household.immich.add_user("Carl")
    return Person(user, household.immich.add_session(user), household)


async def test_the_front_page_tells_each_visitor_of_their_own(household: Household, ann: Person, carl: Person) -> None:
    ann.shoot("IMG_1.CR3", "IMG_1.JPG", "SECRET NAME.JPG")
    assert (await ann.browse("/")).title == "Everything is in order"
    async with household.services.database.write() as connection:
        await scans.request(connection, ann.owner_id, now_ms=1)
    assert (await ann.browse("/")).title == "Looking through your library"
    await ann.scan()
    page = await ann.browse("/")
    assert [each.words for each in page.all("dd")] == ["3", "1", "0", "0"]
    assert "SECRET NAME" not in page.html
    assert page.headers["Cache-Control"] == "private, no-store"
    page = await carl.browse("/")
    assert (page.title, page.all("dd")) == ("Connect the sidecar, Carl", [])


async def test_the_numbers_lead_to_what_they_count(ann: Person) -> None:
    ann.shoot("A.JPG")
    await ann.scan()
    page = await ann.browse("/")
    led = [each["href"] for each in page.all("a") if each.words in {"0", "1"}]
    assert led == [f"{BASE}{path}" for path in ("/photos", "/activity", "/duplicates", "/suggestions")]
    for path in led:
        assert (await ann.browse(path.removeprefix(BASE))).status == 200


@pytest.mark.parametrize(("everything", "ticked"), [(False, None), (True, "on")])
async def test_a_button_connects_and_another_disconnects(
    household: Household, carl: Person, *, everything: bool, ticked: str | None
) -> None:
    page = await carl.press(await carl.browse("/"), "Connect", everything=ticked)
    assert (page.status, page.location) == (303, f"{BASE}/?done=connected")
    (account,) = (each for each in household.services.accounts.connected.values() if each.user.name == "Carl")
    assert (await account.immich.permissions() == {"all"}) is everything
    page = await carl.follow(page)
    assert page.title == "Looking through your library"
    assert "The sidecar works for you now" in page.words
    page = await carl.press(page, "Disconnect", forget="on")
    assert (page.status, page.location) == (303, f"{BASE}/?done=disconnected")
    page = await carl.follow(page)
    assert page.title == "Connect the sidecar, Carl"
    assert "does not work for you any more" in page.words
    assert len(household.services.accounts.connected) == 2


async def test_what_is_refused_is_told_on_the_page(household: Household, ann: Person, carl: Person) -> None:
    connecting = await carl.browse("/")
    household.immich.fail("POST", "/api-keys", status=403, body=LACKING)
    page = await carl.press(connecting, "Connect")
    assert page.status == 409
    assert "does not let this sign-in make the API key" in page.words
    household.immich.fail("POST", "/api-keys", delay_s=0.5)
    pages = await asyncio.gather(*(carl.press(connecting, "Connect") for _ in range(2)))
    assert sorted(page.status for page in pages) == [303, 409]
    assert "in another window at the same time" in "".join(page.words for page in pages)
    assert not (await ann.browse("/")).has_button("Disconnect")


async def test_whom_the_owner_has_connected_only_the_owner_parts(household: Household, ann: Person) -> None:
    settings = await ann.browse("/settings")
    csrf = dict(settings.forms[0].fields)["csrf"]
    for path in ("/connect", "/disconnect"):
        page = await ann._sent("POST", f"{BASE}{path}", data={"csrf": csrf})
        assert page.status == 409
        assert "The owner of this server has connected you" in page.words
    assert ann.owner_id in household.services.accounts.connected


async def test_who_is_not_signed_in_is_told_what_to_do(household: Household) -> None:
    answer = await household.client.get(f"{BASE}/")
    text = await answer.text()
    assert answer.status == 200
    assert "Sign in to Immich first" in text
    assert 'href="/auth/login?continue=%2Fside/"' in text
    assert "<dd>" not in text
    assert "<form" not in text


async def test_the_front_page_says_that_immich_is_away(household: Household) -> None:
    household.immich.fail("GET", "/users/me", status=503, times=9)
    answer = await household.client.get(f"{BASE}/", headers={"Cookie": "immich_access_token=some"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "This does not work right now" in await answer.text()
