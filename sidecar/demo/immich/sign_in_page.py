"""A page to sign in on, in place of Immich's web app: one button a user, which sets the cookies that Immich sets."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from aiohttp import web

from sidecar.demo.immich.accounts import create_session, set_session_cookies
from sidecar.demo.immich.state import State

PATH = "/auth/login"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Emulated Immich</title>
<style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 30rem; margin: 15vh auto; padding: 0 1.25rem }}
button {{ font: inherit; padding: .6rem 1.4rem; margin: 0 .6rem .6rem 0; border-radius: 999px }}</style>
</head><body><h1>Emulated Immich</h1><p>Sign in as one of its users; no password is needed here.</p>
<form method="post">{buttons}</form></body></html>"""


class SignInPage:
    """The page; leads_to is where signing in leads, which may be another port of the same machine."""

    def __init__(self, state: State) -> None:
        self.leads_to = PATH
        self._state = state

    def add_to(self, app: web.Application) -> None:
        """Nothing; the application serves the page."""
        app.router.add_get("/", self._show)
        app.router.add_get(PATH, self._show)
        app.router.add_post(PATH, self._sign_in)

    async def _show(self, _request: web.Request) -> web.Response:
        buttons = "".join(
            f'<button name="user" value="{escape(user.id)}">{escape(user.name)}</button>'
            for user in self._state.users.values()
        )
        return web.Response(text=_PAGE.format(buttons=buttons), content_type="text/html")

    async def _sign_in(self, request: web.Request) -> web.Response:
        user = self._state.users.get(str((await request.post()).get("user")))
        if user is None:
            raise web.HTTPBadRequest
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": self.leads_to})
        set_session_cookies(response, create_session(self._state, user))
        return response
