"""All identical files at once: what keeping one of each would do, and doing exactly that."""

from __future__ import annotations

from aiohttp import web

from sidecar.errors import StaleDecision
from sidecar.handlers.api import duplicate_decisions as decisions
from sidecar.handlers.api.duplicate_decisions import ConcernedFile, IdenticalBody, IdenticalQuery, KeepAgreement
from sidecar.handlers.pages.comparing import CONCERNS, REFUSALS
from sidecar.handlers.pages.duplicates import HERE
from sidecar.handlers.pages.notices import Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.ui.contexts.duplicates import Counted, File, IdenticalGroup, IdenticalPage


async def show(visit: Visit) -> web.StreamResponse:
    """What would stay and what would go; nothing is changed."""
    query = visit.query(IdenticalQuery)
    preview = await decisions.previewed_identical(visit.asked(query=query))
    text = visit.language.text
    return visit.show(
        IdenticalPage(
            await visit.frame(HERE),
            preview.token,
            preview.group_count,
            preview.file_count,
            preview.freed_bytes,
            tuple(
                IdenticalGroup(_file(group.keep), tuple(map(_file, group.trash)), group.trash_count - len(group.trash))
                for group in preview.groups
            ),
            tuple(Counted(text(REFUSALS[each.code]), each.groups) for each in preview.left_alone),
            tuple(Counted(text(CONCERNS[each.code]), each.groups) for each in preview.cautions),
            with_external=query.external,
        )
    )


async def keep(visit: Visit) -> web.StreamResponse:
    """Back to the list; one of each stays, as it was shown, and the others go to the trash."""
    agreement = KeepAgreement(external=visit.text("external") == "true")
    decided = await decisions.kept_identical(
        visit.asked(body=IdenticalBody(token=visit.text("token"), agreement=agreement))
    )
    if not decided.action_ids:
        raise StaleDecision("there is nothing left of what was shown")
    return visit.go_to(HERE, Done.SEVERAL)


def _file(concerned: ConcernedFile) -> File:
    return File(concerned.asset_id, concerned.name or "", concerned.size_bytes)


ROUTES = (
    Route("GET", "/duplicates/identical", show),
    Route("POST", "/duplicates/identical/keep", keep),
)
