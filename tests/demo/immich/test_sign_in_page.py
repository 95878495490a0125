from __future__ import annotations

from aiohttp import ClientSession, CookieJar

from sidecar.demo.immich import EmulatedImmich


async def test_a_button_signs_in_as_immichs_own_page_does() -> None:
    async with EmulatedImmich() as immich, ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        ann = immich.add_user("Ann <3")
        for path in ("/", "/auth/login"):
            page = await (await browser.get(immich.url + path)).text()
            assert "Ann &lt;3" in page
        immich.sign_in_page.leads_to = f"{immich.url}/api/users/me"
        answer = await browser.post(f"{immich.url}/auth/login", data={"user": ann.id})
        assert (await answer.json())["id"] == ann.id
        assert answer.history[0].cookies["immich_access_token"]["httponly"]


async def test_nobody_signs_in_as_somebody_who_is_not_there() -> None:
    async with EmulatedImmich() as immich, ClientSession() as browser:
        answer = await browser.post(f"{immich.url}/auth/login", data={"user": "nobody"})
        assert (answer.status, immich.state.sessions) == (400, {})
