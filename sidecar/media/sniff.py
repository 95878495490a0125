"""Which format the bytes are, whatever the name says.

libmagic comes from the pylibmagic wheel, so nothing has to be installed on the machine. Safe to call from any thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sidecar.formats import Format, format_of

HEAD_BYTES = 65_536
"""As much of a file as is looked at; libmagic decides about every format here within the first few kilobytes."""

EMPTY_MIME = "application/x-empty"
UNKNOWN_MIME = "application/octet-stream"

# Several formats where the bytes alone do not tell: the name then chooses among them, the first where it names none.
# Most RAW families are TIFF inside; "mif1" is any still picture in a HEIF box; phones write any of three names on the
# same video boxes.
_FORMATS_OF: dict[str, tuple[Format, ...]] = {
    "image/jpeg": (Format.JPEG,),
    "image/png": (Format.PNG,),
    "image/tiff": (Format.TIFF, Format.RAW),
    "image/heic": (Format.HEIC,),
    "image/heic-sequence": (Format.HEIC,),
    "image/heif": (Format.HEIC, Format.AVIF),
    "image/heif-sequence": (Format.HEIC, Format.AVIF),
    "image/webp": (Format.WEBP,),
    "image/avif": (Format.AVIF,),
    "image/jxl": (Format.JXL,),
    "image/jp2": (Format.JP2,),
    "image/jpx": (Format.JP2,),
    "image/jpm": (Format.JP2,),
    "image/gif": (Format.GIF,),
    "image/bmp": (Format.BMP,),
    "image/x-ms-bmp": (Format.BMP,),
    "image/vnd.adobe.photoshop": (Format.PSD,),
    "image/svg+xml": (Format.SVG,),
    "image/x-canon-cr2": (Format.RAW,),
    "image/x-canon-cr3": (Format.RAW,),
    "image/x-canon-crw": (Format.RAW,),
    "image/x-fuji-raf": (Format.RAW,),
    "image/x-olympus-orf": (Format.RAW,),
    "image/x-panasonic-rw2": (Format.RAW,),
    "image/x-x3f": (Format.RAW,),
    "video/mp4": (Format.MP4, Format.MOV, Format.THREE_GP),
    "video/x-m4v": (Format.MP4, Format.MOV, Format.THREE_GP),
    "audio/mp4": (Format.MP4, Format.MOV, Format.THREE_GP),  # Sony's cameras brand their films "MSNV"
    "video/quicktime": (Format.MOV, Format.MP4, Format.THREE_GP),
    "video/3gpp": (Format.THREE_GP, Format.MP4, Format.MOV),
    "video/3gpp2": (Format.THREE_GP, Format.MP4, Format.MOV),
    "video/x-msvideo": (Format.AVI,),
    "video/x-matroska": (Format.MKV, Format.WEBM),
    "video/webm": (Format.WEBM, Format.MKV),
    "video/mpeg": (Format.MPEG,),
    "video/MP2T": (Format.MPEG,),
    "video/x-flv": (Format.OTHER_VIDEO,),
    "video/x-ms-asf": (Format.OTHER_VIDEO,),
    "application/mxf": (Format.OTHER_VIDEO,),
}

# What libmagic 5.41 calls octet-stream or text: (offset, bytes there, format).
_SIGNATURES: tuple[tuple[int, bytes, Format], ...] = (
    (4, b"ftypcrx ", Format.RAW),  # Canon CR3
    (0, b"IIU\0", Format.RAW),  # Panasonic and Leica RW2, RWL, RAW
    (0, b"\0MRM", Format.RAW),  # Minolta MRW
    (0, b"IIII", Format.RAW),  # Phase One IIQ, CAP
    (0, b"MMMM", Format.RAW),
    (0, b"ARRI", Format.RAW),
    (0, b"\x80\x2a\x5f\xd7", Format.RAW),  # Cineon, either byte order
    (0, b"\xd7\x5f\x2a\x80", Format.RAW),
    (4, b"ftypjxl ", Format.JXL),
)
_TRANSPORT_SYNC, _M2TS_PACKET_BYTES = 0x47, 192


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file is and what its name claims.

    Shape:  format is UNKNOWN for bytes that are no media we know; claimed is UNKNOWN for a name that claims nothing.
            mime is libmagic's word, for people and logs.
    """

    format: Format
    claimed: Format
    mime: str

    @property
    def agrees(self) -> bool:
        """True if the bytes are known media and the name claims either the same format or nothing."""
        return self.format is not Format.UNKNOWN and self.claimed in {self.format, Format.UNKNOWN}

    @property
    def is_empty(self) -> bool:
        """True if there are no bytes at all."""
        return self.mime == EMPTY_MIME

    @property
    def complaint(self) -> str | None:
        """One sentence about what is wrong with the file, without its name; None if name and bytes agree."""
        if self.agrees:
            return None
        if self.is_empty:
            return "the file is empty"
        if self.format is Format.UNKNOWN:
            return f"the content is no picture or video that we know ({self.mime})"
        return f"the name says {self.claimed.value}, the content is {self.format.value}"


def sniff(data: bytes | Path, name: str) -> Sniffed:
    """What the file is by its first bytes, beside what its name claims.

    Errors: OSError if data is a path that cannot be read.
    """
    head = head_of(data)
    claimed = format_of(name)
    if (by_signature := _by_signature(head)) is not None:
        return Sniffed(format=by_signature, claimed=claimed, mime=UNKNOWN_MIME)
    mime = mime_of(head)
    possible = _FORMATS_OF.get(mime, (Format.UNKNOWN,))
    return Sniffed(format=claimed if claimed in possible else possible[0], claimed=claimed, mime=mime)


def head_of(data: bytes | Path) -> bytes:
    """The first HEAD_BYTES of the file, all of it if shorter.

    Errors: OSError if data is a path that cannot be read.
    """
    if isinstance(data, bytes):
        return data[:HEAD_BYTES]
    with data.open("rb") as file:
        return file.read(HEAD_BYTES)


def mime_of(head: bytes) -> str:
    """The MIME type by libmagic of these first bytes; application/octet-stream where it knows no better."""
    return _identify()(head)


def _by_signature(head: bytes) -> Format | None:
    for offset, signature, found in _SIGNATURES:
        if head.startswith(signature, offset):
            return found
    # Camcorders' M2TS: transport packets of 188 bytes, each behind four bytes of time.
    packets = head[4 : 4 + 4 * _M2TS_PACKET_BYTES : _M2TS_PACKET_BYTES]
    return Format.MPEG if packets == bytes([_TRANSPORT_SYNC]) * 4 else None


@cache
def _identify() -> Callable[[bytes], str]:
    # Importing pylibmagic makes `import magic` find the wheel's library on Linux and macOS, by way of environment
    # variables; they are put back, or every child process (Valkey, a worker) would search its libraries there too.
    # No other module may import magic first: it would find the machine's library, which cannot read this database.
    before = dict(os.environ)
    import pylibmagic  # noqa: PLC0415  # the order matters, and the loading belongs to the first use

    try:
        import magic  # noqa: PLC0415
    finally:
        for variable in (*pylibmagic.keys, "MAGIC"):
            os.environ.pop(variable, None)
            if variable in before:
                os.environ[variable] = before[variable]

    # One Magic serves all threads: python-magic takes a lock around every call.
    magic_of_wheel = magic.Magic(mime=True, magic_file=str(pylibmagic.data / "magic.mgc"))

    def identify(head: bytes) -> str:
        try:
            return str(magic_of_wheel.from_buffer(head))
        except magic.MagicException:  # libmagic has internal limits that odd files exceed
            return UNKNOWN_MIME

    return identify
