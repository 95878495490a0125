"""What the caller chose about stacking and duplicates, what the server's file says, and what is built in."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.duplicates.keeper import KeeperRule
from sidecar.errors import StaleDecision
from sidecar.formats import Format
from sidecar.grouping.patterns import LONGEST_TEXT
from sidecar.grouping.settings import Preferred
from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.middleware import Refused
from sidecar.jobs.choosing import InForce, LayerName, NotUnderstood, choose, in_force
from sidecar.jobs.notifying import bell_of
from sidecar.jobs.previewing import ChangeKind, preview
from sidecar.preferences import KEYS, MOST_PATTERNS, WORDS
from sidecar.preferences.detection import LEAST_ALIKE, LONGEST_PATH, MOST_ALIKE, MOST_PATHS
from sidecar.preferences.matching import MOST_SECONDS
from sidecar.redaction import without_names


def _named_places() -> dict[Preferred | Format, str]:
    """Each place in the order of covers -> the first word for it."""
    named: dict[Preferred | Format, str] = {}
    for word, place in WORDS.items():
        named.setdefault(place, word)
    return named


PLACES = _named_places()
_SENT = re.compile(r"(unknown placeholder) \{[^{}]*\}|(cannot be used: [^:]*):.*", re.DOTALL)
_ONCE_EACH = {"uniqueItems": True}


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How names of versions are built, such as `{base}-web.{ext}`; what an untrusted one finds is shown, not done."""

    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
    trusted: bool = False


Seconds = Annotated[float, msgspec.Meta(ge=0, le=MOST_SECONDS, description=KEYS["timestamp_tolerance_seconds"])]
Patterns = Annotated[
    tuple[Pattern, ...],
    msgspec.Meta(max_length=MOST_PATTERNS, description=KEYS["filename_patterns"], extra_json_schema=_ONCE_EACH),
]
Place = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(PLACES.values())})]
Places = Annotated[
    tuple[Place, ...],
    msgspec.Meta(
        min_length=1,
        max_length=len(PLACES),
        description=KEYS["auto_primary_preference"],
        extra_json_schema=_ONCE_EACH,
    ),
]
Similarity = Annotated[
    float, msgspec.Meta(ge=LEAST_ALIKE, le=MOST_ALIKE, description=KEYS["detection.phash_threshold"])
]
Recordable = Literal["identical", "re-encoded", "edited"]
Recorded = Annotated[
    tuple[Recordable, ...],
    msgspec.Meta(max_length=3, description=KEYS["detection.record_in_immich"], extra_json_schema=_ONCE_EACH),
]
KeepOrder = Annotated[
    tuple[KeeperRule, ...],
    msgspec.Meta(
        min_length=1,
        max_length=len(KeeperRule),
        description=KEYS["detection.keep_order"],
        extra_json_schema=_ONCE_EACH,
    ),
]
PreferredPath = Annotated[
    str,
    msgspec.Meta(
        max_length=LONGEST_PATH,
        pattern=r"^(upload|[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|(/(?!\.\.(/|$))[^/\x00-\x1f\x7f-\x9f]+)+/?)$",
    ),
]
PreferredPaths = Annotated[
    tuple[PreferredPath, ...],
    msgspec.Meta(max_length=MOST_PATHS, description=KEYS["detection.prefer_paths"], extra_json_schema=_ONCE_EACH),
]


class StackSwitches(msgspec.Struct, frozen=True):
    """Which ways of belonging together are stacked."""

    raw_jpeg: Annotated[bool, msgspec.Meta(description=KEYS["stack.raw_jpeg"])]
    edited: Annotated[bool, msgspec.Meta(description=KEYS["stack.edited"])]
    formats: Annotated[bool, msgspec.Meta(description=KEYS["stack.formats"])]
    versions: Annotated[bool, msgspec.Meta(description=KEYS["stack.versions"])]
    video: Annotated[bool, msgspec.Meta(description=KEYS["stack.video"])]
    burst: Annotated[bool, msgspec.Meta(description=KEYS["stack.burst"])]


class DetectionValues(msgspec.Struct, frozen=True):
    """How duplicates are found, and which copy is suggested to be kept; batch_size is the server's alone."""

    phash_threshold: Similarity
    enable_exact_match: Annotated[bool, msgspec.Meta(description=KEYS["detection.enable_exact_match"])]
    enable_perceptual_match: Annotated[bool, msgspec.Meta(description=KEYS["detection.enable_perceptual_match"])]
    batch_size: Annotated[int, msgspec.Meta(description=KEYS["detection.batch_size"])]
    turned_copies: Annotated[bool, msgspec.Meta(description=KEYS["detection.turned_copies"])]
    record_in_immich: Recorded
    keep_order: KeepOrder
    prefer_paths: tuple[str, ...]


class PreferenceValues(msgspec.Struct, frozen=True):
    """What holds: names and values are those of the server's file."""

    timestamp_tolerance_seconds: Seconds
    filename_patterns: tuple[Pattern, ...]
    auto_primary_preference: Places
    stack: StackSwitches
    extend_users_stacks: Annotated[bool, msgspec.Meta(description=KEYS["extend_users_stacks"])]
    ask_first: Annotated[bool, msgspec.Meta(description=KEYS["ask_first"])]
    notify: Annotated[bool, msgspec.Meta(description=KEYS["notify"])]
    detection: DetectionValues


class PassedOver(msgspec.Struct, frozen=True):
    """A part of what the caller chose that this version does not understand."""

    key: str
    reason: str


class PreferencesAnswer(msgspec.Struct, frozen=True):
    """What holds for the caller.

    `revision` is handed back by whoever changes something. `layers` says for each value, by its full name such as
    `stack.burst`, where it is from: built in, the server's file, or the caller's own choice.
    """

    revision: str
    values: PreferenceValues
    layers: dict[str, LayerName]
    passed_over: list[PassedOver]


class StackChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Switches to be changed; null takes a choice back."""

    raw_jpeg: bool | UnsetType | None = UNSET
    edited: bool | UnsetType | None = UNSET
    formats: bool | UnsetType | None = UNSET
    versions: bool | UnsetType | None = UNSET
    video: bool | UnsetType | None = UNSET
    burst: bool | UnsetType | None = UNSET


class DetectionChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Choices about duplicates to be changed; null takes a choice back."""

    phash_threshold: Similarity | UnsetType | None = UNSET
    enable_exact_match: bool | UnsetType | None = UNSET
    enable_perceptual_match: bool | UnsetType | None = UNSET
    turned_copies: bool | UnsetType | None = UNSET
    record_in_immich: Recorded | UnsetType | None = UNSET
    keep_order: KeepOrder | UnsetType | None = UNSET
    prefer_paths: PreferredPaths | UnsetType | None = UNSET


class PreferenceChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Choices to be changed; null takes a choice back, or in place of a group all of the group."""

    timestamp_tolerance_seconds: Seconds | UnsetType | None = UNSET
    filename_patterns: Patterns | UnsetType | None = UNSET
    auto_primary_preference: Places | UnsetType | None = UNSET
    stack: StackChanges | UnsetType | None = UNSET
    extend_users_stacks: bool | UnsetType | None = UNSET
    ask_first: bool | UnsetType | None = UNSET
    notify: bool | UnsetType | None = UNSET
    detection: DetectionChanges | UnsetType | None = UNSET


class PreferencesPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed, of which revision; what is not named stays as it is."""

    revision: Annotated[str, msgspec.Meta(max_length=64)]
    values: PreferenceChanges


class PreviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is thought of being changed, and where in the library to begin: 0, or what the part before said."""

    values: PreferenceChanges
    start: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0


class PreviewCounts(msgspec.Struct, frozen=True):
    """How many groups of pictures would be stacked or join their stack (`stacked`), be suggested (`suggested`) or not
    be suggested any more (`dropped`); how many stacks stay, but would have another cover (`cover`) or would not be made
    any more (`kept`) if they were made anew.
    """

    stacked: int
    suggested: int
    dropped: int
    cover: int
    kept: int


class PreviewMember(msgspec.Struct, frozen=True):
    """One picture of an example."""

    asset_id: str
    name: str


class PreviewExample(msgspec.Struct, frozen=True):
    """One group that would change; the first of its members would be the cover."""

    kind: ChangeKind
    members: list[PreviewMember]


class PreviewDuplicates(msgspec.Struct, frozen=True):
    """How many sets of duplicates would lose pictures or go, and whether only a search can tell what would come."""

    fewer: int
    needs_search: bool


class PreviewAnswer(msgspec.Struct, frozen=True):
    """What would change in one part of the caller's library.

    `looked` of `total` photos are done with, those of the parts before included. `next_start` is where the next part
    begins, null after the last. `counts` and `examples` are of this part alone, `duplicates` of the whole library.
    """

    looked: int
    total: int
    next_start: int | None
    counts: PreviewCounts
    examples: list[PreviewExample]
    duplicates: PreviewDuplicates


class BellAnswer(msgspec.Struct, frozen=True):
    """Whether the sidecar may tell users something at Immich's bell: for that, an API key of an administrator of Immich
    has to be connected that holds all permissions.
    """

    is_allowed: bool


async def shown(asked: Asked[Nothing, Nothing]) -> PreferencesAnswer:
    """What holds for the caller, and from which layer."""
    return _told(await in_force(asked.jobs, asked.owner_id))


async def changed(asked: Asked[Nothing, PreferencesPatch]) -> PreferencesAnswer:
    """What holds after the change; the next look at the library uses it."""
    try:
        return _told(
            await choose(asked.jobs, asked.owner_id, _as_written(asked.body.values), revision=asked.body.revision)
        )
    except NotUnderstood as error:
        raise _refused(error) from error
    except StaleDecision as error:
        title = "The choices have changed meanwhile; look again."
        raise Refused(HTTPStatus.CONFLICT, title, code=error.code) from error


async def previewed(asked: Asked[Nothing, PreviewRequest]) -> PreviewAnswer:
    """What would change; nothing is changed by asking."""
    body = asked.body
    try:
        found = await preview(asked.jobs, asked.owner_id, _as_written(body.values), start=body.start)
    except NotUnderstood as error:
        raise _refused(error) from error
    return PreviewAnswer(
        looked=found.looked,
        total=found.total,
        next_start=found.next_start,
        counts=PreviewCounts(**{kind.value: number for kind, number in found.counts.items()}),
        examples=[
            PreviewExample(each.kind, [PreviewMember(member.asset_id, member.name) for member in each.members])
            for each in found.examples
        ],
        duplicates=PreviewDuplicates(found.duplicates.fewer, found.duplicates.needs_search),
    )


async def bell(asked: Asked[Nothing, Nothing]) -> BellAnswer:
    """Whether `notify` can do anything here."""
    return BellAnswer(await bell_of(asked.jobs) is not None)


def _as_written(values: PreferenceChanges) -> dict[str, object]:
    """The changes as people write them: a built-in pattern is trusted and must not be said to be not."""
    wanted: dict[str, object] = msgspec.to_builtins(values)
    if patterns := values.filename_patterns:
        wanted["filename_patterns"] = [msgspec.to_builtins(each) if each.trusted else each.pattern for each in patterns]
    return wanted


def _refused(error: NotUnderstood) -> Refused:
    detail = "; ".join(f"{problem.key}: {_not_repeated(problem.reason)}" for problem in error.problems)
    title = "A choice cannot be understood."
    return Refused(HTTPStatus.BAD_REQUEST, title, code="bad_request", detail=detail)


def _not_repeated(reason: str) -> str:
    """The reason without words that were sent: what it quotes, and what a pattern's own reasons tell of it."""
    return _SENT.sub(r"\1\2", without_names(reason))


def _told(found: InForce) -> PreferencesAnswer:
    matching, detection = found.choices
    plain = matching.chosen() | {"detection": detection.chosen()}
    patterns = [Pattern(each.pattern, each.trusted or each.is_built_in) for each in matching.filename_patterns or ()]
    words = matching.auto_primary_preference or ()
    places = dict.fromkeys(PLACES[WORDS[word]] for word in words)
    values = msgspec.convert(
        plain | {"filename_patterns": patterns, "auto_primary_preference": list(places)}, PreferenceValues
    )
    passed_over = [PassedOver(each.key, each.reason) for each in found.passed_over]
    return PreferencesAnswer(found.revision, values, dict(found.layers), passed_over)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="getPreferences",
        method="GET",
        path="/preferences",
        summary="What holds for the caller, and from which layer",
        handler=shown,
        answer=PreferencesAnswer,
        tag="preferences",
    ),
    Operation(
        id="changePreferences",
        method="PATCH",
        path="/preferences",
        summary="Choose something, or take a choice back",
        handler=changed,
        answer=PreferencesAnswer,
        body=PreferencesPatch,
        tag="preferences",
    ),
    Operation(
        id="previewPreferences",
        method="POST",
        path="/preferences/preview",
        summary="What other choices would change in the library as it is; nothing is changed by asking",
        handler=previewed,
        answer=PreviewAnswer,
        body=PreviewRequest,
        tag="preferences",
    ),
    Operation(
        id="getBell",
        method="GET",
        path="/preferences/bell",
        summary="Whether users can be told at Immich's bell that something waits for them",
        handler=bell,
        answer=BellAnswer,
        tag="preferences",
    ),
)
