"""Versions: what is behind one card, and what can be done about it."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from sidecar.formats import Format
from sidecar.handlers.api import groups
from sidecar.handlers.api.groups import GroupMember, PrimaryBody, RevisionBody
from sidecar.handlers.pages.notices import Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.photos import HERE
from sidecar.handlers.pages.visit import Visit
from sidecar.handlers.pages.wording import file_format, group_type, reasons
from sidecar.model import AssetKind, Visibility
from sidecar.storage.listed_groups import Standing
from sidecar.ui.contexts.versions import Version, VersionsPage

VERSION = "version"
BACK = "back"


async def show(visit: Visit) -> web.StreamResponse:
    """One group, with one of its versions large."""
    group = await groups.one(visit.asked(path=visit.request.match_info))
    if not group.members:
        raise visit.missing()
    path = f"{visit.services.settings.base_path}/groups/{quote(group.id, safe='')}"
    wanted = visit.request.query.get(VERSION)
    is_there = any(member.asset_id == wanted for member in group.members)
    shown_id = wanted if is_there else group.members[0].asset_id
    back = _own_path(visit, visit.request.query.get(BACK, ""))
    return visit.show(
        VersionsPage(
            await visit.frame(HERE),
            path,
            group_type(group.type, visit.language),
            group.revision,
            tuple(
                _version(visit, member, path, back, is_shown=member.asset_id == shown_id) for member in group.members
            ),
            reasons(group.reasons, visit.language),
            back,
            is_stack=group.state is Standing.STACKED,
            is_ours=group.is_ours,
            is_pending=group.is_pending,
        )
    )


async def set_primary(visit: Visit) -> web.StreamResponse:
    """Back to the group, with what was done."""
    group_id = visit.request.match_info["id"]
    body = PrimaryBody(asset_id=visit.text("asset_id"), revision=visit.text("revision"))
    intended = await groups.set_primary(visit.asked(body=body, path={"id": group_id}))
    return visit.go_to(
        f"/groups/{quote(group_id, safe='')}", Done.COVER, action_id=intended.action_id, back=visit.text(BACK) or None
    )


async def unstack(visit: Visit) -> web.StreamResponse:
    """Back to the timeline, with what was done."""
    group_id = visit.request.match_info["id"]
    intended = await groups.unstack(visit.asked(body=RevisionBody(visit.text("revision")), path={"id": group_id}))
    return visit.go_to(HERE, Done.UNSTACKED, action_id=intended.action_id)


def _own_path(visit: Visit, path: str) -> str:
    """The path of the timeline from which somebody came, the timeline itself if it is none of its pages."""
    timeline = f"{visit.services.settings.base_path}{HERE}"
    return path if path == timeline or path.startswith(f"{timeline}?") else timeline


def _version(visit: Visit, member: GroupMember, path: str, back: str, *, is_shown: bool) -> Version:
    return Version(
        member.asset_id,
        member.name,
        file_format(Format(member.format), visit.language),
        member.size_bytes,
        member.width,
        member.height,
        member.duration_ms,
        member.taken_local_ms,
        is_cover=member.is_primary,
        is_shown=is_shown,
        is_video=member.kind is AssetKind.VIDEO,
        is_trashed=member.is_trashed,
        is_hidden=member.visibility is not Visibility.TIMELINE,
        select=f"{path}?{VERSION}={quote(member.asset_id, safe='')}&{BACK}={quote(back, safe='')}",
    )


ROUTES = (
    Route("GET", "/groups/{id}", show),
    Route("POST", "/groups/{id}/primary", set_primary),
    Route("POST", "/groups/{id}/unstack", unstack),
)
