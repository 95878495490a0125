"""Thumbnail, preview and thumbhash of one picture. Knows bytes, no assets."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from sidecar.demo.immich.thumbhash import thumbhash_of

Decode = Callable[[bytes, str], Image.Image]
"""(file, its name) -> an RGB picture with its orientation applied; UndecodableMedia if there is none to be had."""

_THUMBNAIL_SHORT_EDGE = 250
_PREVIEW_SHORT_EDGE = 1440
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Derived:
    """What Immich generates from a picture."""

    thumbnail: bytes
    preview: bytes
    thumbhash: str


def derive(picture: Image.Image) -> Derived:
    """Thumbnail (webp), preview (jpeg) and thumbhash.

    Units:  the short edges are 250 and 1440 px; smaller pictures are not enlarged.
    Source: media.repository.ts:214 and config.ts:370-393 in 3.1.0; recordings thumbnail-thumbnail, thumbnail-preview.
    """
    thumbnail = _fitted(picture, _THUMBNAIL_SHORT_EDGE)
    return Derived(
        thumbnail=_encoded(thumbnail, "WEBP"),
        preview=_encoded(_fitted(picture, _PREVIEW_SHORT_EDGE), "JPEG"),
        thumbhash=thumbhash_of(thumbnail),
    )


def _fitted(picture: Image.Image, short_edge: int) -> Image.Image:
    scale = short_edge / min(picture.size)
    if scale >= 1:
        return picture
    width, height = (round(edge * scale) for edge in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _encoded(picture: Image.Image, file_format: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, file_format, quality=_QUALITY)
    return out.getvalue()
