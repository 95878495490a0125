"""The errors of this room: a file that is no picture we can show, and decoding that is not to be had at all."""

from __future__ import annotations

from enum import StrEnum

from sidecar.errors import SidecarError, TryLater


class Flaw(StrEnum):
    """Why a file could not become a picture."""

    EMPTY = "empty"
    NOT_A_PICTURE = "not a picture"
    UNSUPPORTED = "unsupported"
    """A picture, of a format that nothing here decodes."""
    TOO_LARGE = "too large"
    """More pixels than are decoded, or more memory than decoding may take."""
    BROKEN = "broken"
    UNREADABLE = "unreadable"
    CRASHED = "crashed"
    """The process that decoded it ended, twice, the second time with nothing but this file."""
    TOO_SLOW = "too slow"


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


class DecoderUnavailable(TryLater):
    """Nothing can be decoded now, whatever the file: the processes for it do not start, or are being ended."""

    code = "decoder_unavailable"
