"""Why: one code for programs and one sentence for people, for everything this room proposes, doubts or leaves alone."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class ReasonCode(StrEnum):
    """What speaks for a group, against it, or for asking a person; stable, so it can be stored and translated.

    OTHER is for rules of other packages: its detail is the whole sentence. SWITCHED_OFF is how rules say it to each
    other; people are never told about what they switched off.
    """

    SAME_NAME = "same_name"
    SAME_SECOND = "same_second"
    CLOSE_IN_TIME = "close_in_time"
    SAME_INSTANT = "same_instant"
    SAME_CAMERA = "same_camera"
    SAME_DURATION = "same_duration"
    NAMED_VERSION = "named_version"
    SAME_BURST = "same_burst"

    AMBIGUOUS = "ambiguous"
    UNKNOWN_FORMAT = "unknown_format"
    NO_CLOCK = "no_clock"
    USERS_PATTERN = "users_pattern"

    PHOTO_AND_CLIP = "photo_and_clip"
    ARCHIVED_APART = "archived_apart"
    TIMES_DIFFER = "times_differ"
    CAMERAS_DIFFER = "cameras_differ"
    DURATIONS_DIFFER = "durations_differ"
    SAME_VERSION = "same_version"
    BETTER_MATCH = "better_match"
    NOT_EXTRACTED = "not_extracted"
    TOO_MANY = "too_many"
    CONTENT_DIFFERS = "content_differs"
    CONTENT_UNKNOWN = "content_unknown"
    SWITCHED_OFF = "switched_off"
    BURST_TOO_LONG = "burst_too_long"
    BURST_TOO_LARGE = "burst_too_large"

    OTHER = "other"

    USERS_STACK = "users_stack"
    TWO_STACKS = "two_stacks"
    KEPT_APART = "kept_apart"
    PARTLY_KEPT_APART = "partly_kept_apart"
    COVER_HIDDEN = "cover_hidden"
    TRASHED_MEMBER = "trashed_member"
    ASK_FIRST = "ask_first"
    USERS_COVER = "users_cover"
    SPLIT = "split"
    NOT_LOOKED_AT = "not_looked_at"
    LONELY_STACK = "lonely_stack"
    HIDDEN_COVER = "hidden_cover"


_SENTENCES: dict[ReasonCode, str] = {
    ReasonCode.SAME_NAME: "one name: {}",
    ReasonCode.SAME_SECOND: "taken at the same second",
    ReasonCode.CLOSE_IN_TIME: "taken {} apart",
    ReasonCode.SAME_INSTANT: "taken at the same moment; their clocks show {} of difference",
    ReasonCode.SAME_CAMERA: "one camera: {}",
    ReasonCode.SAME_DURATION: "equally long",
    ReasonCode.NAMED_VERSION: "the names say which version each is: {}",
    ReasonCode.SAME_BURST: "one burst of {} frames",
    ReasonCode.AMBIGUOUS: "another file fits as well as these do",
    ReasonCode.UNKNOWN_FORMAT: "the name of {} does not say which format it is",
    ReasonCode.NO_CLOCK: "the capture time cannot be true: it is the start of 1970, after 2100 or before 1826",
    ReasonCode.USERS_PATTERN: "your pattern {} matched, and is not trusted yet",
    ReasonCode.PHOTO_AND_CLIP: "a photo and a clip share the name",
    ReasonCode.ARCHIVED_APART: "only one of them is archived",
    ReasonCode.TIMES_DIFFER: "the name is the same, but they were taken {} apart",
    ReasonCode.CAMERAS_DIFFER: "different cameras: {}",
    ReasonCode.DURATIONS_DIFFER: "the clips differ in length by {}",
    ReasonCode.SAME_VERSION: "same name, time and format: candidates for duplicates, not versions",
    ReasonCode.BETTER_MATCH: "its partners fit another file better",
    ReasonCode.NOT_EXTRACTED: "Immich has not read the file yet",
    ReasonCode.TOO_MANY: "{} files share one name and time",
    ReasonCode.CONTENT_DIFFERS: "the name says {}",
    ReasonCode.CONTENT_UNKNOWN: "the content is no picture or video",
    ReasonCode.SWITCHED_OFF: "you do not want to stack what these are to each other",
    ReasonCode.BURST_TOO_LONG: "they are marked as one burst, but it would have lasted {}",
    ReasonCode.BURST_TOO_LARGE: "they are marked as one burst, but there are {} frames",
    ReasonCode.OTHER: "{}",
    ReasonCode.USERS_STACK: "some are in a stack that somebody made by hand",
    ReasonCode.TWO_STACKS: "they are in {} different stacks",
    ReasonCode.KEPT_APART: "you keep these apart",
    ReasonCode.PARTLY_KEPT_APART: "you keep some of these apart, but others are new",
    ReasonCode.COVER_HIDDEN: "the cover of their stack is hidden or in the trash",
    ReasonCode.TRASHED_MEMBER: "one of their stack is in the trash, and would fall out of it",
    ReasonCode.ASK_FIRST: "you want to be asked first",
    ReasonCode.USERS_COVER: "with the cover that you chose before",
    ReasonCode.SPLIT: "they were one stack, and now are in {} different ones",
    ReasonCode.NOT_LOOKED_AT: "Immich gives no answer about one of them, or its file cannot be read",
    ReasonCode.LONELY_STACK: "only this one is left in its stack, which can be dissolved",
    ReasonCode.HIDDEN_COVER: "Immich hides these with the cover of their stack, {}; the first of them can be the cover",
}


class Reason(NamedTuple):
    """One reason; str() is the sentence people read.

    Shape:  detail is what the sentence is about (a name, a camera, a span of time) and empty if it needs none.
    """

    code: ReasonCode
    detail: str = ""

    def __str__(self) -> str:
        return _SENTENCES[self.code].format(self.detail)


def span(duration_ms: int) -> str:
    """A span of time as people say it: "383 ms", "1.5 s", "12 min", "2 h", "3 days"."""
    for limit_ms, unit_ms, unit in (
        (1_000, 1, "ms"),
        (60_000, 1_000, "s"),
        (3_600_000, 60_000, "min"),
        (86_400_000, 3_600_000, "h"),
    ):
        if duration_ms < limit_ms:
            return f"{round(duration_ms / unit_ms, 1):g} {unit}"
    return f"{round(duration_ms / 86_400_000, 1):g} days"
