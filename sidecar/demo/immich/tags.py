"""Tags: paths of words, each user's own."""

from __future__ import annotations

from aiohttp import web

from sidecar.demo.immich import holding
from sidecar.demo.immich.background import JobKind
from sidecar.demo.immich.refusals import no_access
from sidecar.demo.immich.routing import Ask, Operation, reply
from sidecar.demo.immich.rows import TagRow
from sidecar.demo.immich.state import State
from sidecar.demo.immich.wire import tag_fields


def upsert_tag(state: State, user_id: str, value: str) -> TagRow | None:
    """The tag at the end of this path, made with its parents where it is missing; None for an empty path.

    Source: utils/tag.ts 3.1.0; recording tag-upsert.
    """
    tag: TagRow | None = None
    for part in filter(None, value.split("/")):
        path = f"{tag.value}/{part}" if tag else part
        known = next((each for each in state.tags.values() if (each.user_id, each.value) == (user_id, path)), None)
        if known is None:
            known = TagRow(state.new_id(), user_id, path, tag.id if tag else None, state.now_us())
            state.tags[known.id] = known
        tag = known
    return tag


async def _upsert(ask: Ask) -> web.StreamResponse:
    fields = await ask.body()
    values = fields.texts("tags")
    fields.done()
    found = [upsert_tag(ask.state, ask.caller.user.id, value) for value in dict.fromkeys(values)]
    return reply([tag_fields(tag) for tag in found if tag])


async def _list(ask: Ask) -> web.StreamResponse:
    own = [tag for tag in ask.state.tags.values() if tag.user_id == ask.caller.user.id]
    return reply([tag_fields(tag) for tag in sorted(own, key=lambda tag: tag.value)])


async def _add(ask: Ask) -> web.StreamResponse:
    """Source: tag.service.ts addAssets, 3.1.0; recording tag-assets."""
    tag, asset_ids = await _read(ask)
    answers = holding.add(ask.caller, ask.state, tag, asset_ids)
    return _answered(ask, answers)


async def _remove(ask: Ask) -> web.StreamResponse:
    """Source: tag.service.ts removeAssets, 3.1.0."""
    tag, asset_ids = await _read(ask)
    return _answered(ask, holding.remove(ask.caller, ask.state, tag, asset_ids))


def _answered(ask: Ask, answers: holding.Answers) -> web.StreamResponse:
    """The answers; what was changed is written into sidecar files in the background.

    Source: metadata.service.ts, events AssetTag and AssetUntag, 3.1.0.
    """
    for answer in answers:
        if answer["success"]:
            ask.jobs.add(JobKind.SIDECAR, answer["id"])
    return reply(answers)


async def _read(ask: Ask) -> tuple[TagRow, list[str]]:
    tag_id = ask.path_id()
    fields = await ask.body()
    asset_ids = fields.uuids("ids")
    fields.done()
    tag = ask.state.tags.get(tag_id)
    if tag is None or tag.user_id != ask.caller.user.id:
        raise no_access("tag.asset")
    return tag, asset_ids


OPERATIONS = (
    Operation("GET", "/tags", _list, "tag.read"),
    Operation("PUT", "/tags", _upsert, "tag.create"),
    Operation("PUT", "/tags/{id}/assets", _add, "tag.asset"),
    Operation("DELETE", "/tags/{id}/assets", _remove, "tag.asset"),
)
