"""One set of duplicates side by side, and deciding about it: shown first what would happen, and only then done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, urlencode

from aiohttp import web

from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import KeeperRule
from sidecar.duplicates.verdict import Concern, Refusal
from sidecar.handlers.api import duplicate_decisions as decisions
from sidecar.handlers.api import duplicates
from sidecar.handlers.api.duplicate_decisions import (
    AgreementName,
    ConcernedFile,
    KeepAgreement,
    KeepBody,
    KeeperGains,
    KeepPreview,
    SetBody,
)
from sidecar.handlers.api.duplicates import DuplicateFile, DuplicateMember, NoteCode
from sidecar.handlers.api.operation import bad_request
from sidecar.handlers.pages.duplicates import EXPLANATIONS, HERE, View, behind, view_of
from sidecar.handlers.pages.notices import N_, Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.handlers.pages.wording import duplicate_class, file_format
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.ui import formats
from sidecar.ui.contexts.duplicates import Agreement, ComparePage, ConfirmPage, Copy, File, Row
from sidecar.ui.translations import Language

LEFT = "left"
RIGHT = "right"
KEEP = "keep"
MEMBER = "member"

RULES = {
    KeeperRule.FAVORITE: N_("it is a favourite"),
    KeeperRule.ALBUMS: N_("it is in more albums"),
    KeeperRule.STACK: N_("more versions stand with it in its stack"),
    KeeperRule.LIBRARY: N_("it lies in a place that is preferred"),
    KeeperRule.FORMAT: N_("it is a RAW file, or has one in its stack"),
    KeeperRule.RESOLUTION: N_("it has more pixels"),
    KeeperRule.ORIGINAL: N_("it still names its camera, or is as a camera writes it"),
    KeeperRule.SIZE: N_("its file is larger"),
    KeeperRule.EARLIEST: N_("it is older"),
}
NOTES: dict[NoteCode, str] = {
    "featureless": N_("These pictures have hardly any content; that they are alike says little."),
    "edited": N_("These are nearly the same picture, not the same: look at them before deciding."),
    "changed": N_("A file of the set changed or went since; the next search for duplicates finds out."),
    "external": N_(
        "Files of an external library that go to the trash are deleted from its disk when Immich empties it."
    ),
    "albums_unknown": N_("Immich did not tell which albums the copies are in."),
    "partner": N_("A partner has the same file as one of these."),
}
REFUSALS = {
    Refusal.CHANGED: N_("The set has changed since it was shown: look at it again."),
    Refusal.KEEPS_NOTHING: N_("Nothing would be kept: tick at least one copy."),
    Refusal.NOT_IN_SET: N_("What is to be kept is not in the set."),
    Refusal.TRASHES_NOTHING: N_("Nothing would go: leave at least one copy unticked, or keep all as a stack."),
    Refusal.TRASH_IS_OFF: N_("Immich's trash is switched off: files would be gone for good."),
    Refusal.KEEPER_AWAY: N_("What is to be kept is in the trash, offline, or not there any more."),
    Refusal.REPLACED: N_("A file was replaced since it was compared: the next search looks at it again."),
    Refusal.LOCKED: N_("One of them is in the locked folder."),
    Refusal.NOT_OWN: N_("One of them belongs to somebody else."),
    Refusal.LOSES_VERSIONS: N_("A stack would go with versions of which nothing like them is kept."),
    Refusal.LOSES_MOTION: N_("A live photo would go, and what is kept has no motion."),
    Refusal.SAYS_LITTLE: N_("That these are alike says little: it takes your word that you have looked at them."),
    Refusal.EXTERNAL: N_("A file of an external library would go: it takes your word."),
    Refusal.BEING_DECIDED: N_("A decision about one of them is still being carried out."),
}
CONCERNS = {
    Concern.EXTERNAL: N_("Immich deletes files of an external library from the disk when the trash is emptied."),
    Concern.FEWER_PIXELS: N_("Something goes that has more pixels than what is kept."),
    Concern.LEAVES_TIMELINE: N_("What is kept is in the archive, and what goes is on the timeline."),
    Concern.SHARED_ALBUM: N_("What is kept will be seen by others, in a shared album that it was not in."),
    Concern.SHARED_LINK: N_("What is kept will be seen by everyone with a public link that did not show it."),
    Concern.ALBUM_REFUSES: N_("Something goes that is in an album to which nothing can be added."),
    Concern.PLACE_STAYS: N_("What is kept gets a place, which Immich has no way to take away again."),
}
AGREEMENTS: dict[AgreementName, str] = {
    "external": N_("Files of external libraries may go, and be deleted from their disk with Immich's trash."),
    "little_to_see": N_("I have looked at these pictures myself."),
    "lost_albums": N_("An album to which nothing can be added may lose its picture."),
}


async def show(visit: Visit) -> web.StreamResponse:
    """One set, with two of its copies large."""
    found = await duplicates.one(visit.asked(path=visit.request.match_info))
    sent = dict(visit.request.query)
    view = view_of(sent, found.kind_of_match)
    ids = [member.asset_id for member in found.members]
    left = sent[LEFT] if sent.get(LEFT) in ids else ids[0]
    others = [each for each in ids if each != left]
    right = sent[RIGHT] if sent.get(RIGHT) in others else others[0]
    base, language = visit.services.settings.base_path, visit.language
    path = f"{base}{HERE}/{found.id}"
    because = found.suggested_because
    rule = None if because is None or because.rule is None else language.text(RULES[because.rule])

    def select(one: str, other: str) -> str:
        return f"{path}?{urlencode({**view.query, LEFT: one, RIGHT: other})}"

    def copy(member: DuplicateMember) -> Copy:
        return Copy(
            member.asset_id,
            member.file.name if member.file is not None else "",
            member.is_suggested,
            is_gone=member.file is None,
            reason=duplicate_class(member.kind_of_match, language),
            similarity=member.similarity,
            select_left=select(member.asset_id, right if member.asset_id != right else left),
            select_right=select(left if member.asset_id != left else right, member.asset_id),
            is_left=member.asset_id == left,
            is_right=member.asset_id == right,
        )

    return visit.show(
        ComparePage(
            await visit.frame(HERE),
            path,
            duplicate_class(found.kind_of_match, language),
            language.text(EXPLANATIONS[found.kind_of_match]),
            found.similarity,
            found.savings_bytes,
            tuple(map(copy, found.members)),
            tuple(_rows(found.members, language)),
            rule,
            tuple(language.text(NOTES[note.code]) for note in found.notes),
            f"{base}{HERE}?{urlencode(view.query)}",
            f"{path}/next?{urlencode(view.query)}",
            tuple(view.query.items()),
        )
    )


async def confirm(visit: Visit) -> web.StreamResponse:
    """What keeping the ticked copies would do; nothing is changed."""
    preview = await decisions.previewed(visit.asked(body=_body(visit), path=visit.request.match_info))
    return visit.show(await _confirmation(visit, preview))


async def skip(visit: Visit) -> web.StreamResponse:
    """On to the next set; nothing is decided about this one."""
    view = view_of(visit.request.query, DuplicateClass.IDENTICAL)
    return visit.go_to(await behind(visit, view, await _present(visit)), None, **view.query)


async def keep(visit: Visit) -> web.StreamResponse:
    """On to the next set; the ticked copies of this one stay, the others go to the trash."""
    body, present = _body(visit), await _present(visit)
    decided = await decisions.kept(visit.asked(body=body, path=visit.request.match_info))
    return await _onwards(visit, present, Done.TRASHING, decided.action_id)


async def dismiss(visit: Visit) -> web.StreamResponse:
    """On to the next set; this one is none."""
    present = await _present(visit)
    await decisions.dismissed(visit.asked(body=_set_body(visit), path=visit.request.match_info))
    return await _onwards(visit, present, Done.DISMISSED, visit.request.match_info["id"])


async def stack(visit: Visit) -> web.StreamResponse:
    """On to the next set; all copies of this one stay, as one stack."""
    present = await _present(visit)
    decided = await decisions.stacked(visit.asked(body=_set_body(visit), path=visit.request.match_info))
    return await _onwards(visit, present, Done.STACKING, decided.action_id)


async def _present(visit: Visit) -> StoredSet | None:
    # Afterwards nobody knows where it stood. What is gone is refused by the decision itself.
    return await duplicates.set_of(visit.asked(path=visit.request.match_info))


async def _onwards(visit: Visit, present: StoredSet | None, done: Done, action_id: str) -> web.Response:
    view = _view(visit)
    return visit.go_to(await behind(visit, view, present), done, action_id=action_id, **view.query)


def _view(visit: Visit) -> View:
    return view_of(_sent(visit), DuplicateClass.IDENTICAL)


def _sent(visit: Visit) -> dict[str, str]:
    return {name: value for name, value in visit.form.items() if isinstance(value, str)}


def _body(visit: Visit) -> KeepBody:
    ticked = visit.texts(KEEP)
    if not ticked:
        raise bad_request("Tick at least one copy that is kept.")
    agreed = set(visit.texts("agree"))
    return KeepBody(
        keep_ids=ticked,
        agreement=KeepAgreement(**{name: name in agreed for name in AGREEMENTS}),
        member_ids=visit.texts(MEMBER) or None,
    )


def _set_body(visit: Visit) -> SetBody:
    return SetBody(member_ids=visit.texts(MEMBER) or None)


async def _confirmation(visit: Visit, preview: KeepPreview) -> ConfirmPage:
    text = visit.language.text
    settled = {each.agreement for each in preview.objections if each.agreement is not None}
    return ConfirmPage(
        await visit.frame(HERE),
        f"{visit.services.settings.base_path}{HERE}/{quote(preview.set_id, safe='')}",
        tuple(map(_file, preview.keep)),
        tuple(map(_file, preview.trash)),
        tuple(_gains(preview.gained, visit.language)),
        preview.freed_bytes,
        tuple(text(REFUSALS[each.code]) for each in preview.objections if each.agreement not in settled),
        tuple(text(CONCERNS[each.code]) for each in preview.cautions),
        tuple(Agreement(name, text(AGREEMENTS[name])) for name in preview.agreement_needed),
        visit.texts(MEMBER),
        tuple(_view(visit).query.items()),
    )


def _file(concerned: ConcernedFile) -> File:
    return File(concerned.asset_id, concerned.name or "", concerned.size_bytes, is_member=concerned.is_member)


def _gains(gained: KeeperGains, language: Language) -> Iterator[str]:
    text, number = language.text, formats.count
    if gained.albums:
        yield text(N_("Albums: %s")).replace("%s", ", ".join(gained.albums), 1)
    if gained.tag_count:
        yield text(N_("Tags: %s")).replace("%s", number(gained.tag_count, language), 1)
    if gained.link_count:
        yield text(N_("Shared links: %s")).replace("%s", number(gained.link_count, language), 1)
    if gained.favorite:
        yield text(N_("It becomes a favourite."))
    if gained.rating is not None:
        yield text(N_("Rating: %s")).replace("%s", number(gained.rating, language), 1)
    if gained.description:
        yield text(N_("The description"))
    if gained.place:
        yield text(N_("The place"))


_Tell = Callable[[DuplicateFile, Language], str]

_ROWS: tuple[tuple[str, _Tell], ...] = (
    (N_("Name"), lambda file, _: file.name),
    (N_("Folder"), lambda file, _: file.folder or ""),
    (N_("Albums"), lambda file, _: ", ".join(album.name for album in file.albums or ())),
    (N_("Taken"), lambda file, language: formats.moment(file.taken_local_ms, language)),
    (N_("Camera"), lambda file, _: " ".join(filter(None, (file.make, file.model)))),
    (N_("Format"), lambda file, language: file_format(file.format, language)),
    (
        N_("Size"),
        lambda file, language: "" if file.size_bytes is None else formats.file_size(file.size_bytes, language),
    ),
    (
        N_("Dimensions"),
        lambda file, language: (
            f"{formats.count(file.width, language)} \u00d7 {formats.count(file.height, language)}"
            if file.width and file.height
            else ""
        ),
    ),
    (N_("Length"), lambda file, _: "" if file.duration_ms is None else formats.duration(file.duration_ms)),
    (N_("Favourite"), lambda file, language: language.text(N_("Yes")) if file.is_favorite else ""),
    (
        N_("In a stack of"),
        lambda file, language: formats.count(file.stack_size, language) if file.stack_size > 1 else "",
    ),
)


def _rows(members: Sequence[DuplicateMember], language: Language) -> Iterator[Row]:
    for label, tell in _ROWS:
        values = tuple("" if member.file is None else tell(member.file, language) for member in members)
        if any(values):
            yield Row(language.text(label), values, differs=len(set(values)) > 1)


ROUTES = (
    Route("GET", "/duplicates/{id}", show),
    Route("GET", "/duplicates/{id}/next", skip),
    Route("POST", "/duplicates/{id}/confirm", confirm),
    Route("POST", "/duplicates/{id}/keep", keep),
    Route("POST", "/duplicates/{id}/dismiss", dismiss),
    Route("POST", "/duplicates/{id}/stack", stack),
)
