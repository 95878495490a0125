"""Status: how far everything has come, live while the page is open, and what was given up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

from aiohttp import web

from sidecar.errors import SidecarError, TryLater
from sidecar.handlers.api import contract, failures, scan
from sidecar.handlers.api.failures import FailuresQuery, RetryBody
from sidecar.handlers.api.scan import OwnStatus, ScanKind, ScanRequest
from sidecar.handlers.pages.listeners import LISTENERS
from sidecar.handlers.pages.notices import N_, Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.handlers.visiting import visitor_of
from sidecar.immich_client.contract.capabilities import Capability
from sidecar.jobs.failures import FailureKind
from sidecar.jobs.several import together
from sidecar.jobs.status import Activity, Pairing, Scanning, Searching, Writing
from sidecar.ui import formats
from sidecar.ui.contexts.status import Failure, Server, StatusPage, Work
from sidecar.ui.render import render
from sidecar.ui.translations import Language

HERE = "/status"
FAILURES_A_PAGE = 30
LOOK_EVERY_S = 2.0
FAILURES = {
    FailureKind.SCAN: N_("The library could not be read"),
    FailureKind.CHANGE: N_("A change in Immich could not be looked at"),
    FailureKind.NAME: N_("Files of one name could not be compared"),
    FailureKind.WRITE: N_("A stack could not be written"),
    FailureKind.WISH: N_("A stack that you decided on could not be written"),
    FailureKind.SEARCH: N_("The search for duplicates did not come to its end"),
    FailureKind.FILE: N_("A file could not be read"),
    FailureKind.PICTURE: N_("A picture could not be looked at"),
    FailureKind.DECISION: N_("Your decision about duplicates was not carried out; everything is as before"),
    FailureKind.REMAINDER: N_("Your decision about duplicates was carried out in part only"),
}
LEFT_ALONE = {
    Capability.CONNECTING: N_("connecting people"),
    Capability.STACKS: N_("making, changing and undoing stacks"),
    Capability.MEMORY: N_("noting decisions in Immich"),
    Capability.MARKING: N_("showing duplicates on Immich's own page"),
    Capability.RESOLVING: N_("carrying out decisions about duplicates"),
    Capability.WEBHOOK: N_("webhooks"),
    Capability.REDO: N_("having Immich read files anew"),
    Capability.BELL: N_("messages at Immich's bell"),
}
_STREAM = {"Content-Type": "text/event-stream", "Cache-Control": "private, no-store", "X-Accel-Buffering": "no"}
_STILL_HERE = ": still here\n"
_MINUTE_S = 60
_HOUR_S = 3600


async def show(visit: Visit) -> web.StreamResponse:
    """The visitor's own work."""
    return visit.show(await _page(visit))


async def events(visit: Visit) -> web.StreamResponse:
    """The part of the page that changes, as server-sent events, until the visitor goes or has signed out.

    Source: HTML Living Standard, 9.2 (server-sent events).
    """
    listeners = visit.request.app[LISTENERS]
    with listeners.one_of(visit.signed_in.user.id):
        response = web.StreamResponse(headers=_STREAM)
        await response.prepare(visit.request)
        # Whoever went, has signed out, or cannot be answered now: the browser asks again by itself, and is told why.
        with suppress(ConnectionError, SidecarError):
            last = ""
            is_on = True
            while is_on:
                await visitor_of(visit.request)
                told = render(await _page(visit), visit.language, is_fragment=True)
                lines = [f"data: {line}\n" for line in told.splitlines()] if told != last else [_STILL_HERE]
                await response.write("".join(lines).encode() + b"\n")
                last = told
                is_on = await listeners.rest(LOOK_EVERY_S)
    return response


async def look_again(visit: Visit) -> web.StreamResponse:
    """Back to the page; the library is looked through, or searched for duplicates."""
    kind = ScanKind.DUPLICATES if visit.text("kind") == ScanKind.DUPLICATES.value else ScanKind.LIBRARY
    await scan.request(visit.asked(body=ScanRequest(kind)))
    return visit.go_to(HERE, Done.SEARCHING if kind is ScanKind.DUPLICATES else Done.SCANNING)


async def retry_all(visit: Visit) -> web.StreamResponse:
    """Back to the page; what was given up is tried again."""
    await failures.retry_all(visit.asked(body=RetryBody()))
    return visit.go_to(HERE, Done.RETRIED)


async def retry_one(visit: Visit) -> web.StreamResponse:
    """Back to the page; this one is tried again."""
    await failures.retry_one(visit.asked(body=RetryBody(), path=visit.request.match_info))
    return visit.go_to(HERE, Done.RETRIED)


async def _page(visit: Visit) -> StatusPage:
    cursor = visit.query(FailuresQuery).cursor
    # Each reads by itself, and none changes anything.
    frame, status, server, given_up = await together(
        visit.frame(HERE),
        scan.mine(visit.asked()),
        _server(visit),
        failures.listed(visit.asked(query=FailuresQuery(limit=FAILURES_A_PAGE, cursor=cursor))),
    )
    is_busy = any(
        (
            status.scan.state.is_under_way,
            status.duplicates.state.is_under_way,
            status.pairing.waiting,
            status.stacks.waiting,
            status.decisions.waiting,
        )
    )
    text = visit.language.text
    headline = N_("Work is under way") if is_busy else N_("Everything is done")
    if not status.first_scan_done:
        headline = N_("The first look through your library")
    base = visit.services.settings.base_path
    return StatusPage(
        frame,
        text(headline),
        tuple(_works(status, visit.language)),
        status.errors,
        tuple(
            Failure(each.id, text(FAILURES[each.kind]), each.what, each.reason, each.since_ms, each.can_be_retried)
            for each in given_up.items
        ),
        None if given_up.next_cursor is None else f"{base}{HERE}?cursor={quote(given_up.next_cursor, safe='')}",
        server,
    )


async def _server(visit: Visit) -> Server | None:
    """What is known of Immich, None while it does not answer: the rest of the page is ours."""
    try:
        report = await contract.get(visit.asked())
    except TryLater:
        return None
    text = visit.language.text
    if report.trouble is not None and not report.is_tested:
        sentence = N_("It does not say in a way that can be used what it changed.")
    elif report.is_tested:
        sentence = N_("One of the versions that this sidecar is tested with.")
    elif report.is_newer:
        sentence = N_("Newer than any version that this sidecar is tested with.")
    else:
        sentence = N_("Between the versions that this sidecar is tested with.")
    return Server(
        report.immich_version,
        text(sentence),
        tuple(text(LEFT_ALONE[each.capability]) for each in report.left_alone),
        may_be_misread=bool(report.may_be_misread),
    )


def _works(status: OwnStatus, language: Language) -> Iterator[Work]:
    text = language.text
    yield _run(text(N_("Reading the library")), status.scan, language)
    yield _queue(text(N_("Comparing file names")), status.pairing, language)
    yield _queue(text(N_("Writing stacks to Immich")), status.stacks, language)
    yield _run(text(N_("Searching for duplicates")), status.duplicates, language)
    decisions = status.decisions
    sentence = _waiting(decisions.waiting, language)
    yield Work(text(N_("Carrying out your decisions")), sentence, 0, 0, None, decisions.failed)


def _run(name: str, run: Scanning | Searching, language: Language) -> Work:
    """What is looked through from its beginning to its end."""
    done, total, failed = (
        (run.found, run.expected, run.failed) if isinstance(run, Scanning) else (run.looked, run.total, 0)
    )
    if not run.state.is_under_way:
        return Work(name, language.text(_RESTING[run.state]), 0, 0, None, failed)
    if not total:
        return Work(name, language.text(N_("begins")), 0, 0, None, failed)
    total = max(done, total)
    sentence = f"{formats.count(done, language)} / {formats.count(total, language)}"
    return Work(name, sentence, done, total, _left(run.remaining_s, language), failed)


_RESTING = {
    Activity.DONE: N_("up to date"),
    Activity.FAILED: N_("given up: it is listed below, and can be tried again"),
    Activity.NONE: N_("not begun yet"),
}


def _queue(name: str, queue: Pairing | Writing, language: Language) -> Work:
    """What comes and goes."""
    left = _left(queue.remaining_s, language) if queue.waiting else None
    return Work(name, _waiting(queue.waiting, language), 0, 0, left, queue.failed)


def _waiting(count: int, language: Language) -> str:
    if not count:
        return language.text(N_("up to date"))
    return language.text(N_("%s to do")).replace("%s", formats.count(count, language), 1)


def _left(remaining_s: int | None, language: Language) -> str | None:
    if remaining_s is None:
        return None
    if remaining_s < _MINUTE_S:
        return language.text(N_("less than a minute left"))
    if remaining_s < _HOUR_S:
        minutes = formats.count(-(-remaining_s // _MINUTE_S), language)
        return language.text(N_("about %s min left")).replace("%s", minutes, 1)
    return language.text(N_("about %s h left")).replace("%s", formats.count(-(-remaining_s // _HOUR_S), language), 1)


ROUTES = (
    Route("GET", HERE, show),
    Route("GET", "/status/events", events),
    Route("POST", "/status/look", look_again),
    Route("POST", "/status/retry", retry_all),
    Route("POST", "/status/retry/{id}", retry_one),
)
