"""The one error of this room: a file that is no picture we can show."""

from __future__ import annotations

from enum import StrEnum

from sidecar.errors import SidecarError


class Flaw(StrEnum):
    """Why a file could not become a picture."""

    EMPTY = "empty"
    NOT_A_PICTURE = "not a picture"
    TOO_LARGE = "too large"
    BROKEN = "broken"
    UNREADABLE = "unreadable"


class UndecodableMedia(SidecarError):
    """The file stays undecoded, and repeating helps only once its bytes change.

    Shape:  flaw is for counting and listing, detail for a person; neither holds a file name. Both are positional
            arguments, so that the error survives the pickling between processes.
    """

    code = "undecodable_media"

    def __init__(self, flaw: Flaw, detail: str) -> None:
        super().__init__(flaw, detail)
        self.flaw = flaw
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.flaw.value}: {self.detail}"
