"""Settings: what each user chooses, what that would change in their library, and which choices somebody else made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import msgspec
from aiohttp import web

from sidecar.duplicates.keeper import KeeperRule
from sidecar.errors import SidecarError
from sidecar.handlers.api import preferences
from sidecar.handlers.api.preferences import PLACES, PreferencesAnswer, PreferencesPatch, PreviewAnswer, PreviewRequest
from sidecar.handlers.middleware import Refused
from sidecar.handlers.pages.chosen import (
    CONTROLS,
    PATTERNS,
    SUFFIXED,
    Typed,
    as_told,
    is_on,
    patterns_of,
    read,
    values_of,
)
from sidecar.handlers.pages.notices import N_, Done
from sidecar.handlers.pages.page import Route
from sidecar.handlers.pages.visit import Visit
from sidecar.jobs.choosing import NotUnderstood
from sidecar.jobs.previewing import ChangeKind
from sidecar.preferences.detection import RECORDABLE
from sidecar.ui.contexts.settings import (
    Choice,
    Control,
    Example,
    Option,
    PatternRow,
    Picture,
    Preview,
    Section,
    SettingsPage,
)
from sidecar.ui.formats import count
from sidecar.ui.translations import Language

HERE = "/settings"
BELL_WITHIN_S = 2.0
EMPTY_ROWS = 2
MOST_PICTURES = 4
MOST_EXAMPLES = 12
_LAST_START = 1_000_000_000

_SECTIONS = (
    (N_("How it works for you"), ("ask_first", "notify", "extend_users_stacks")),
    (
        N_("What is stacked"),
        ("stack.raw_jpeg", "stack.edited", "stack.formats", "stack.versions", "stack.video", "stack.burst"),
    ),
    (N_("How versions are recognised"), ("timestamp_tolerance_seconds", "auto_primary_preference", PATTERNS)),
    (
        N_("Duplicates"),
        (
            "detection.enable_exact_match",
            "detection.enable_perceptual_match",
            "detection.phash_threshold",
            "detection.turned_copies",
            "detection.record_in_immich",
            "detection.keep_order",
            "detection.prefer_paths",
        ),
    ),
)

_TEXTS: dict[str, tuple[str, str]] = {
    "ask_first": (
        N_("Ask before anything is stacked"),
        N_("Everything then waits under Suggestions until you say yes."),
    ),
    "notify": (
        N_("Tell me in Immich"),
        N_("Immich's bell says that something new waits for you, once a day at most. It names no photo."),
    ),
    "extend_users_stacks": (
        N_("Add to stacks that you made"),
        N_("A new version may then join a stack that you made yourself."),
    ),
    "stack.raw_jpeg": (N_("RAW and JPEG"), N_("A RAW file with the JPEG or HEIC of the same shot.")),
    "stack.edited": (N_("Edits"), N_("A photo with what was made of it in an editor.")),
    "stack.formats": (N_("Several formats"), N_("The same photo as HEIC and JPEG, for example.")),
    "stack.versions": (N_("Versions from the camera"), N_("A portrait and its original, for example.")),
    "stack.video": (N_("Videos"), N_("Several encodings of one video.")),
    "stack.burst": (N_("Bursts"), N_("All frames of a burst become one stack.")),
    "timestamp_tolerance_seconds": (
        N_("Most seconds between two versions"),
        N_("From 0 to 60. What was taken further apart is another photo."),
    ),
    "auto_primary_preference": (
        N_("Which version is the cover"),
        N_("The first of these that a stack has. What is not ticked stands where “everything else” stands."),
    ),
    PATTERNS: (
        N_("Names of versions"),
        N_("How your programs name what they make: {base} is the name of the photo, {suffix} any word, {n} a number."),
    ),
    "detection.enable_exact_match": (
        N_("Find equal files"),
        N_("Files of the same bytes. Only files of equal size are read."),
    ),
    "detection.enable_perceptual_match": (
        N_("Find pictures that look the same"),
        N_("Compressed, resized or converted anew, toned or marked."),
    ),
    "detection.phash_threshold": (
        N_("How alike they must be"),
        N_("From 0.9 to 1. Lower finds more edits, and more pictures that were only taken alike."),
    ),
    "detection.turned_copies": (
        N_("Find mirrored and turned copies"),
        N_("The search takes longer then."),
    ),
    "detection.record_in_immich": (
        N_("Show in Immich, too"),
        N_("These appear on the Duplicates page of Immich as well."),
    ),
    "detection.keep_order": (
        N_("Which copy is suggested to be kept"),
        N_("The first of these by which two copies differ decides. What is not ticked is not asked."),
    ),
    "detection.prefer_paths": (
        N_("Preferred places"),
        N_("One a line, the best first: the beginning of a path as Immich shows it, or the word upload."),
    ),
}

_OPTIONS = {
    "edited": N_("Edited versions"),
    "rest": N_("Everything else"),
    "raw": N_("RAW"),
    "identical": N_("Identical files"),
    "re-encoded": N_("Encoded anew"),
    "favorite": N_("A favourite"),
    "albums": N_("In more albums"),
    "stack": N_("With more versions in its stack"),
    "library": N_("In a preferred place"),
    "format": N_("A RAW"),
    "resolution": N_("More pixels"),
    "original": N_("Straight from the camera"),
    "size": N_("The larger file"),
    "earliest": N_("The earlier one"),
}

_ALL_OF: dict[str, tuple[str, ...]] = {
    "auto_primary_preference": tuple(PLACES.values()),
    "detection.keep_order": tuple(KeeperRule),
    "detection.record_in_immich": tuple(RECORDABLE),
}

_PROBLEMS = {
    "timestamp_tolerance_seconds": N_("This has to be a number from 0 to 60, such as 2 or 0.5."),
    "detection.phash_threshold": N_("This has to be a number from 0.9 to 1, such as 0.95."),
    "auto_primary_preference": N_("At least one has to be ticked."),
    "detection.keep_order": N_("At least one has to be ticked."),
    "detection.prefer_paths": N_("Each line has to be a path that begins with /, or the word upload, and stand once."),
    PATTERNS: N_(
        "A pattern cannot be used: each has {base} once and ends in .{ext}, as {base}-web.{ext} does, and stands once."
    ),
}
_PROBLEM = N_("This cannot be chosen.")

_EXAMPLES = {
    ChangeKind.STACKED: N_("Would be stacked"),
    ChangeKind.SUGGESTED: N_("Would be suggested"),
    ChangeKind.DROPPED: N_("Would not be suggested any more"),
    ChangeKind.COVER: N_("Stays stacked; made anew, it would have this cover"),
    ChangeKind.KEPT: N_("Stays stacked, though it would not be made any more"),
}


async def show(visit: Visit) -> web.StreamResponse:
    """Everything that may be chosen, with what holds now."""
    now = await preferences.shown(visit.asked())
    return visit.show(await _page(visit, now, _State(values_of(now))))


async def save(visit: Visit) -> web.StreamResponse:
    """Back to the page, with the choices saved; or the page again, with what was typed and why it was not."""
    typed = read(visit)
    if typed.touched or typed.defaults:
        try:
            await preferences.changed(visit.asked(body=PreferencesPatch(typed.revision, typed.changes())))
        except Refused as error:
            return await _again(visit, typed, error)
    return visit.go_to(HERE, Done.SAVED)


async def look(visit: Visit) -> web.StreamResponse:
    """The page with what was typed, and what it would change; nothing is saved."""
    typed = read(visit)
    start = visit.text("start")
    body = PreviewRequest(typed.changes(), min(int(start), _LAST_START) if start.isdecimal() and start.isascii() else 0)
    try:
        found = await preferences.previewed(visit.asked(body=body))
    except Refused as error:
        return await _again(visit, typed, error)
    preview = _preview(found, _so_far(visit.text("so_far")) if body.start else _SoFar(), visit.language)
    now = await preferences.shown(visit.asked())
    state = _State(typed.values, typed.rows, typed.defaults)
    page = await _page(visit, now, state)
    return visit.show(replace(page, revision=typed.revision, was=as_told(typed.was), preview=preview))


async def arrange(visit: Visit) -> web.StreamResponse:
    """The page with what was typed, and one option one place further up or down; nothing is saved."""
    typed = read(visit)
    key, _, rest = visit.text("move").partition(" ")
    value, _, way = rest.partition(" ")
    rows = list(typed.rows.get(key, ()))
    if value in rows:
        place = rows.index(value)
        rows.insert(max(place + (1 if way == "down" else -1), 0), rows.pop(place))
    now = await preferences.shown(visit.asked())
    state = _State(typed.values, {**typed.rows, key: tuple(rows)}, typed.defaults)
    page = await _page(visit, now, state)
    return visit.show(replace(page, revision=typed.revision, was=as_told(typed.was)))


@dataclass(frozen=True, slots=True)
class _State:
    """What the controls show.

    Shape:  problems and meanwhile are by key; rows are the options of what is put in order, as they stand.
    """

    values: Mapping[str, str]
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()
    problems: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Mapping[str, str] = field(default_factory=dict)


async def _again(visit: Visit, typed: Typed, error: Refused) -> web.StreamResponse:
    """The form with all that was typed, after it was refused."""
    now = await preferences.shown(visit.asked())
    present = values_of(now)
    if error.status == HTTPStatus.CONFLICT:
        # What nobody touched here is as somebody else chose it; about the rest both are shown.
        values = present | typed.touched
        if values == present and not typed.defaults:
            return visit.go_to(HERE, Done.SAVED)  # pressed twice
        meanwhile = {
            key: present[key] for key in typed.touched if present[key] not in {typed.was.get(key), values[key]}
        }
        state = _State(values, typed.rows, typed.defaults, meanwhile=meanwhile)
        page = replace(await _page(visit, now, state), is_changed=True)
        return visit.show(page, HTTPStatus.CONFLICT)
    cause = error.__cause__
    assert isinstance(cause, NotUnderstood)  # noqa: S101  # nothing else is refused
    keys = {each.key.partition(",")[0] for each in cause.problems}
    problems = {key: visit.language.text(_PROBLEMS.get(key, _PROBLEM)) for key in keys}
    page = await _page(visit, now, _State(typed.values, typed.rows, typed.defaults, problems))
    page = replace(page, revision=typed.revision, was=as_told(typed.was), has_problems=True)
    return visit.show(page, HTTPStatus.BAD_REQUEST)


async def _page(visit: Visit, now: PreferencesAnswer, state: _State) -> SettingsPage:
    language = visit.language
    return SettingsPage(
        await visit.frame(HERE),
        now.revision,
        as_told(values_of(now)),
        tuple(
            Section(language.text(title), tuple(_choice(key, now, state, language) for key in keys))
            for title, keys in _SECTIONS
        ),
        tuple(each.key for each in now.passed_over),
        None if visit.is_fragment else await _is_bell_there(visit),
    )


def _choice(key: str, now: PreferencesAnswer, state: _State, language: Language) -> Choice:
    control, text = CONTROLS[key], state.values[key]
    label, sentence = (language.text(each) for each in _TEXTS[key])
    meanwhile = state.meanwhile.get(key)
    found = Choice(
        key,
        control,
        label,
        sentence,
        now.layers[key].value,
        text=text,
        problem=state.problems.get(key),
        meanwhile=None if meanwhile is None else _in_words(control, meanwhile, language),
        wants_default=key in state.defaults,
    )
    if control is Control.SWITCH:
        return replace(found, is_on=is_on(text))
    if control is Control.PATTERNS:
        listed = patterns_of(text)
        own = tuple(PatternRow(pattern, trusted) for pattern, trusted in listed if pattern != SUFFIXED)
        joins = any(pattern == SUFFIXED for pattern, _ in listed)
        return replace(found, is_on=joins, patterns=(*own, *(PatternRow() for _ in range(EMPTY_ROWS))))
    if control in {Control.SEVERAL, Control.ORDER}:
        chosen = text.split("\n") if text else []
        rows = [row for row in state.rows.get(key, chosen) if row in _ALL_OF[key]]
        if control is Control.SEVERAL:
            rows = []
        everything = dict.fromkeys((*rows, *_ALL_OF[key]))
        options = (Option(each, _label(each, language), each in chosen) for each in everything)
        return replace(found, options=tuple(options))
    return found


def _label(option: str, language: Language) -> str:
    return language.text(_OPTIONS[option]) if option in _OPTIONS else option.upper()


def _in_words(control: Control, text: str, language: Language) -> str:
    """What somebody else chose, in a line."""
    if control is Control.SWITCH:
        return language.text(_IS_ON if is_on(text) else _IS_OFF)
    if control is Control.PATTERNS:
        return ", ".join(pattern for pattern, _ in patterns_of(text))
    if control in {Control.SEVERAL, Control.ORDER}:
        return ", ".join(_label(each, language) for each in text.split("\n") if each)
    return text.replace("\n", ", ")


_IS_ON, _IS_OFF = N_("on"), N_("off")


async def _is_bell_there(visit: Visit) -> bool | None:
    try:
        async with asyncio.timeout(BELL_WITHIN_S):
            return (await preferences.bell(visit.asked())).is_allowed
    except (SidecarError, TimeoutError):
        return None


class _SeenPicture(msgspec.Struct, frozen=True):
    asset_id: str
    name: str


class _SeenExample(msgspec.Struct, frozen=True):
    kind: ChangeKind
    members: list[_SeenPicture]


class _SoFar(msgspec.Struct, frozen=True):
    """What the parts before said: the form carries it from one look to the next."""

    counts: dict[ChangeKind, int] = {}
    examples: list[_SeenExample] = []


def _so_far(text: str) -> _SoFar:
    try:
        return msgspec.json.decode(text, type=_SoFar)
    except msgspec.DecodeError:
        return _SoFar()


def _preview(found: PreviewAnswer, before: _SoFar, language: Language) -> Preview:
    counts = {kind: getattr(found.counts, kind.value) + before.counts.get(kind, 0) for kind in ChangeKind}
    fresh = [
        _SeenExample(each.kind, [_SeenPicture(member.asset_id, member.name) for member in each.members])
        for each in found.examples
    ]
    examples = [*before.examples, *fresh][:MOST_EXAMPLES]
    return Preview(
        found.looked,
        found.total,
        found.next_start,
        msgspec.json.encode(_SoFar(counts, examples)).decode(),
        tuple(_line(kind, number, language) for kind, number in counts.items() if number),
        tuple(
            Example(
                language.text(_EXAMPLES[each.kind]),
                tuple(Picture(member.asset_id, member.name) for member in each.members[:MOST_PICTURES]),
                max(0, len(each.members) - MOST_PICTURES),
            )
            for each in examples
        ),
        found.duplicates.fewer,
        found.duplicates.needs_search,
    )


def _line(kind: ChangeKind, number: int, language: Language) -> str:
    """How many of one kind, in the page's language."""
    ngettext = language.texts.ungettext
    if kind is ChangeKind.STACKED:
        text = ngettext(
            "One group of photos would be stacked.", "%(number)s groups of photos would be stacked.", number
        )
    elif kind is ChangeKind.SUGGESTED:
        text = ngettext("There would be one more suggestion.", "There would be %(number)s more suggestions.", number)
    elif kind is ChangeKind.DROPPED:
        text = ngettext("One suggestion would go.", "%(number)s suggestions would go.", number)
    elif kind is ChangeKind.COVER:
        text = ngettext(
            "One stack would have another cover if it were made anew; it keeps the one it has.",
            "%(number)s stacks would have another cover if they were made anew; they keep the ones they have.",
            number,
        )
    else:
        text = ngettext(
            "One stack of the sidecar's would not be made any more; it stays.",
            "%(number)s stacks of the sidecar's would not be made any more; they stay.",
            number,
        )
    return text % {"number": count(number, language=language)}


ROUTES = (
    Route("GET", HERE, show),
    Route("POST", HERE, save),
    Route("POST", f"{HERE}/preview", look),
    Route("POST", f"{HERE}/arrange", arrange),
)
