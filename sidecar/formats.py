"""Which format a file name claims. Pure tables; what the bytes say is the business of media/."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """Formats as people tell them apart; one member per family, whatever the spelling of the extension."""

    RAW = "raw"
    JPEG = "jpeg"
    HEIC = "heic"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"
    AVIF = "avif"
    JXL = "jxl"
    JP2 = "jp2"
    GIF = "gif"
    BMP = "bmp"
    PSD = "psd"
    SVG = "svg"
    MP4 = "mp4"
    MOV = "mov"
    AVI = "avi"
    MKV = "mkv"
    WEBM = "webm"
    THREE_GP = "3gp"
    MPEG = "mpeg"
    OTHER_VIDEO = "video"
    UNKNOWN = "unknown"


# Immich 3.1.0 server/src/utils/mime-types.ts as answered by GET /server/media-types, and the user's own list.
# PSD and PSB are among Immich's RAW types; for pairing they are edits, not camera files.
_EXTENSIONS_OF: dict[Format, str] = {
    Format.RAW: (
        "3fr ari arw cap cin cr2 cr3 crw dcr dng erf fff iiq k25 kdc "
        "mrw nef nrw orf ori pef raf raw rw2 rwl sr2 srf srw x3f"
    ),
    Format.JPEG: "jpg jpeg jpe insp mpo",
    Format.HEIC: "heic heif hif",
    Format.PNG: "png",
    Format.TIFF: "tif tiff",
    Format.WEBP: "webp",
    Format.AVIF: "avif",
    Format.JXL: "jxl",
    Format.JP2: "jp2",
    Format.GIF: "gif",
    Format.BMP: "bmp",
    Format.PSD: "psd psb",
    Format.SVG: "svg",
    Format.MP4: "mp4 m4v insv",
    Format.MOV: "mov",
    Format.AVI: "avi",
    Format.MKV: "mkv",
    Format.WEBM: "webm",
    Format.THREE_GP: "3gp 3gpp",
    Format.MPEG: "mpe mpeg mpg m2t m2ts mts ts vob",
    Format.OTHER_VIDEO: "flv mxf wmv",
}

EXTENSIONS: dict[str, Format] = {
    extension: media_format for media_format, listed in _EXTENSIONS_OF.items() for extension in listed.split()
}
"""Lower-case extension without its dot -> Format."""


def format_of(name: str) -> Format:
    """The format a file name claims by its last extension; UNKNOWN if it has none or an unlisted one."""
    _, dot, extension = name.rpartition(".")
    return EXTENSIONS.get(extension.lower(), Format.UNKNOWN) if dot else Format.UNKNOWN
