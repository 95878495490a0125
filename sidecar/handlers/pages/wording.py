"""What codes of the API are called on pages: kinds of groups and duplicates, formats, and reasons."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.duplicates.classes import DuplicateClass
from sidecar.formats import Format
from sidecar.grouping.reasons import ReasonCode
from sidecar.handlers.api.groups import GroupReason, GroupType
from sidecar.handlers.api.suggestions import SuggestionReason
from sidecar.handlers.pages.notices import N_
from sidecar.ui.translations import Language

GROUP_TYPES = {
    GroupType.RAW_JPEG: N_("RAW + JPEG"),
    GroupType.EDITED: N_("Edited"),
    GroupType.FORMATS: N_("Formats"),
    GroupType.VERSIONS: N_("Versions"),
    GroupType.VIDEO: N_("Video"),
    GroupType.BURST: N_("Burst"),
    GroupType.STACK: N_("By hand"),
}

DUPLICATE_CLASSES = {
    DuplicateClass.IDENTICAL: N_("Identical"),
    DuplicateClass.RE_ENCODED: N_("Re-encoded"),
    DuplicateClass.EDITED: N_("Nearly the same"),
    DuplicateClass.FEATURELESS: N_("Featureless"),
    DuplicateClass.SIMILAR: N_("Similar to Immich"),
}

_FORMATS = {
    Format.RAW: "RAW",
    Format.OTHER_VIDEO: N_("Video"),
    Format.UNKNOWN: N_("Unknown format"),
}

REASONS = {
    ReasonCode.SAME_NAME: N_("They share the name %s."),
    ReasonCode.SAME_SECOND: N_("They were taken in the same second."),
    ReasonCode.CLOSE_IN_TIME: N_("They were taken %s apart."),
    ReasonCode.SAME_INSTANT: N_("They were taken at the same moment, though their clocks are %s apart."),
    ReasonCode.SAME_CAMERA: N_("They are from the same camera, %s."),
    ReasonCode.SAME_DURATION: N_("They are equally long."),
    ReasonCode.NAMED_VERSION: N_("Their names say which version each is: %s."),
    ReasonCode.SAME_BURST: N_("They are one burst of %s frames."),
    ReasonCode.AMBIGUOUS: N_("Another file fits as well as these do."),
    ReasonCode.UNKNOWN_FORMAT: N_("The name %s does not say which format it is."),
    ReasonCode.NO_CLOCK: N_("The time in the file cannot be true."),
    ReasonCode.USERS_PATTERN: N_("Your pattern %s matched, and is not trusted yet."),
    ReasonCode.PHOTO_AND_CLIP: N_("A photo and a clip share the name."),
    ReasonCode.ARCHIVED_APART: N_("Only one of them is archived."),
    ReasonCode.TIMES_DIFFER: N_("The name is the same, but they were taken %s apart."),
    ReasonCode.CAMERAS_DIFFER: N_("They are from different cameras: %s."),
    ReasonCode.DURATIONS_DIFFER: N_("The clips differ in length by %s."),
    ReasonCode.SAME_VERSION: N_("Name, time and format are the same: duplicates rather than versions."),
    ReasonCode.BETTER_MATCH: N_("What belongs to it fits another file better."),
    ReasonCode.NOT_EXTRACTED: N_("Immich has not read the file yet."),
    ReasonCode.TOO_MANY: N_("%s files share one name and time."),
    ReasonCode.CONTENT_DIFFERS: N_("The content is not what the name says: %s."),
    ReasonCode.CONTENT_UNKNOWN: N_("The content is no picture or video."),
    ReasonCode.SWITCHED_OFF: N_("This kind of stack is switched off in your settings."),
    ReasonCode.BURST_TOO_LONG: N_("They are marked as one burst, but it would have lasted %s."),
    ReasonCode.BURST_TOO_LARGE: N_("They are marked as one burst, but there are %s frames."),
    ReasonCode.OTHER: "%s",
    ReasonCode.USERS_STACK: N_("Some are in a stack that was made by hand."),
    ReasonCode.TWO_STACKS: N_("They are in %s different stacks."),
    ReasonCode.KEPT_APART: N_("You keep these apart."),
    ReasonCode.PARTLY_KEPT_APART: N_("You keep some of these apart, but others are new."),
    ReasonCode.COVER_HIDDEN: N_("The cover of their stack is hidden or in the trash."),
    ReasonCode.TRASHED_MEMBER: N_("One of their stack is in the trash, and would fall out of it."),
    ReasonCode.ASK_FIRST: N_("You want to be asked first."),
    ReasonCode.USERS_COVER: N_("The cover is the one that you chose before."),
    ReasonCode.SPLIT: N_("They were one stack, and are in %s different ones now."),
    ReasonCode.NOT_LOOKED_AT: N_("Immich gives no answer about one of them, or its file cannot be read."),
    ReasonCode.LONELY_STACK: N_("Only this one is left in its stack, which can be dissolved."),
    ReasonCode.HIDDEN_COVER: N_("Immich hides these with the cover of their stack, %s."),
}


def group_type(kind: GroupType, language: Language) -> str:
    """What the members of such a group are to each other."""
    return language.text(GROUP_TYPES[kind])


def duplicate_class(kind: DuplicateClass, language: Language) -> str:
    """How much alike duplicates of this class are."""
    return language.text(DUPLICATE_CLASSES[kind])


def file_format(kind: Format, language: Language) -> str:
    """The short name of a format."""
    return language.text(_FORMATS[kind]) if kind in _FORMATS else kind.value.upper()


def reasons(told: Iterable[GroupReason | SuggestionReason], language: Language) -> tuple[str, ...]:
    """The reasons as sentences of the page's language."""
    return tuple(_with(language.text(REASONS[reason.code]), reason.detail) for reason in told)


def _with(sentence: str, detail: str) -> str:
    # What a detail holds is a stranger's, and no pattern.
    return sentence.replace("%s", detail, 1)
