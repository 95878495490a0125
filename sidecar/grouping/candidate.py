"""One asset as the rules see it: with its name read and its camera's name made comparable."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sidecar.formats import Format
from sidecar.grouping.names import ParsedName, parse_name
from sidecar.model import Asset

_RAW = Format.RAW
_PSD = Format.PSD


class Camera(NamedTuple):
    """Make and model in comparable spelling, None where unknown, and how to show them."""

    make: str | None
    model: str | None
    label: str


class Candidate(NamedTuple):
    """An asset with what its name says.

    Shape:  slot is the place it takes in a group: format (for a RAW its extension, so that a CR2 and the DNG made of it
            are two) and variant in one word. family is the name under which it pairs; is_edit is true also for a weak
            variant that joined its RAW.
    """

    asset: Asset
    name: ParsedName
    camera: Camera
    slot: str
    family: str
    is_edit: bool


def candidate_of(asset: Asset) -> Candidate:
    """The asset under its full name, as if its weak variant, if any, were part of the picture's name."""
    name = parse_name(asset.name)
    variant, media_format = name.variant, name.format
    slot: str = name.extension if media_format is _RAW else media_format
    is_edit = media_format is _PSD
    if variant is not None:
        slot += variant.label
        is_edit = is_edit or (variant.is_edit and media_format is not _RAW)
    return Candidate(asset, name, camera_of(asset.make, asset.model), slot, name.full_stem, is_edit)


def is_raw(name: ParsedName) -> bool:
    """Whether a file of this name claims to be a camera's or converter's RAW."""
    return name.format is _RAW


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
