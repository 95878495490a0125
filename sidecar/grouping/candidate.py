"""One asset as the rules see it: with its name read and its camera's name made comparable."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sidecar.formats import Format
from sidecar.grouping.names import PLAIN_NAMES, NameReader, ParsedName
from sidecar.model import Asset

_RAW = Format.RAW
_PSD = Format.PSD
_UNKNOWN = Format.UNKNOWN


class Camera(NamedTuple):
    """Make and model in comparable spelling, None where unknown, and how to show them."""

    make: str | None
    model: str | None
    label: str


class Candidate(NamedTuple):
    """An asset with what its name says.

    Shape:  slot is the place it takes in a group: format (for a RAW its extension, so that a CR2 and the DNG made of it
            are two) and variant in one word. family is the name under which it pairs; is_edit is true also for a weak
            variant that joined its RAW. format is what the name claims or, where it claims none, what the bytes say.
    """

    asset: Asset
    name: ParsedName
    camera: Camera
    slot: str
    family: str
    is_edit: bool
    format: Format


def candidate_of(asset: Asset, names: NameReader = PLAIN_NAMES) -> Candidate:
    """The asset under its full name, as if its weak variant, if any, were part of the picture's name."""
    name = names.parse(asset.name)
    variant, media_format = name.variant, name.format
    if media_format is _UNKNOWN and asset.content is not None:
        media_format = asset.content
    slot: str = name.extension or media_format if media_format is _RAW else media_format
    is_edit = media_format is _PSD
    if variant is not None:
        slot += variant.label
        is_edit = is_edit or (variant.is_edit and media_format is not _RAW)
    return Candidate(asset, name, camera_of(asset.make, asset.model), slot, name.full_stem, is_edit, media_format)


def is_raw(candidate: Candidate) -> bool:
    """Whether it is a camera's or converter's RAW, as far as its name or its content tells."""
    return candidate.format is _RAW


@lru_cache(maxsize=4096)
def camera_of(make: str | None, model: str | None) -> Camera:
    """The camera, whatever the spelling: "NIKON CORPORATION"/"NIKON D750" and "Nikon"/"D750" are equal."""
    make, model = (make or "").strip(), (model or "").strip()
    first_word = _plain(make.split()[0]) if make else ""
    plain_model = _plain(model)
    shown = model if not first_word or plain_model.startswith(first_word) else f"{make} {model}".strip()
    return Camera(first_word or None, (plain_model.removeprefix(first_word) or plain_model) or None, shown)


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
