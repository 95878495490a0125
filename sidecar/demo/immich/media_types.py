"""Which file names Immich takes for pictures and videos, and what it calls their content."""

from __future__ import annotations

from functools import lru_cache

from sidecar.demo.immich.versions import Behaviour
from sidecar.model import AssetKind

# Source: recording server-server-media-types (both versions), content types from mime-types.ts:4-131 (3.1.0).
_VIDEO = ".3gp .3gpp .avi .flv .insv .m2t .m2ts .m4v .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .ts .vob .webm .wmv"
_WEB = ".avif .bmp .gif .jpeg .jpg .png .webp"
_RAW = (
    ".3fr .ari .arw .cap .cin .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mrw .nef .nrw .orf .ori .pef .psd "
    ".raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)
_OTHER = ".heic .heif .hif .insp .jp2 .jpe .jxl .mpo .svg .tif .tiff"
_MULTI_PICTURE = ".mpo"

_CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".insp": "image/jpeg",
    ".tif": "image/tiff",
    ".3gp": "video/3gpp",
    ".insv": "video/mp4",
    ".m2t": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".m4v": "video/x-m4v",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mpe": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".ts": "video/mp2t",
    ".vob": "video/mpeg",
    ".wmv": "video/x-ms-wmv",
    ".flv": "video/x-flv",
    ".mxf": "application/mxf",
}


def media_types(behaviour: Behaviour) -> dict[str, list[str]]:
    """The answer to GET /server/media-types."""
    image = [
        suffix
        for suffix in f"{_WEB} {_RAW} {_OTHER}".split()
        if suffix != _MULTI_PICTURE or behaviour.does("multi_picture")
    ]
    return {"video": _VIDEO.split(), "image": image, "sidecar": [".xmp"]}


def suffix_of(name: str) -> str:
    """The last extension in lower case with its dot; empty without one."""
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if dot and stem else ""


def kind_of(name: str, behaviour: Behaviour) -> AssetKind | None:
    """What Immich takes the file for; None if it refuses to store it."""
    suffix = suffix_of(name)
    types = media_types(behaviour)
    if suffix in types["image"]:
        return AssetKind.IMAGE
    return AssetKind.VIDEO if suffix in types["video"] else None


def content_type_of(name: str) -> str:
    """The originalMimeType of a file by its name: "image/jpeg", "image/cr2"."""
    return _content_type(suffix_of(name))


@lru_cache(maxsize=256)
def _content_type(suffix: str) -> str:
    family = "video" if suffix in _VIDEO.split() else "image"
    return _CONTENT_TYPES.get(suffix) or f"{family}/{suffix.removeprefix('.')}"


def is_web_image(name: str) -> bool:
    """Whether browsers show the original as it is, so that fullsize is the original."""
    return suffix_of(name) in _WEB.split()
