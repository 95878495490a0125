"""Where assets stand in Immich's JSON answers, and how fields are added to them, every other byte as it was. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from sidecar.model import AssetId, OwnerId

decode = msgspec.json.decode
encode = msgspec.json.encode

NAMES = ("groupId", "groupType", "alternateVersions", "isPrimaryVersion", "duplicateGroupId")
"""The fields that assets gain."""


class AlternateVersion(msgspec.Struct, frozen=True):
    """Another member of the same stack; type is its format."""

    id: str
    filename: str
    type: str


class ShownFields(msgspec.Struct, frozen=True, rename="camel"):
    """What an asset gains; by default that of one in no group, which is a primary version for want of others."""

    group_id: str | None = None
    group_type: str | None = None
    alternate_versions: tuple[AlternateVersion, ...] = ()
    is_primary_version: bool = True
    duplicate_group_id: str | None = None


NOTHING_KNOWN = encode(ShownFields())

Fragment = bytes
"""ShownFields as JSON."""


@dataclass(frozen=True, slots=True)
class Asset:
    """Here stands an asset."""


@dataclass(frozen=True, slots=True)
class Each:
    """Here stands a list, and this in each of its places."""

    place: Place


@dataclass(frozen=True, slots=True)
class Fields:
    """Here stands an object, and these in its fields; others are none of our business."""

    places: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Columns:
    """Here stand assets in columns, one list for each field."""


Place = Asset | Each | Fields | Columns

_ASSETS = Each(Asset())
_WITH_ASSETS = Fields({"assets": _ASSETS})
_FOUND = Fields({"assets": Fields({"items": _ASSETS}), "albums": Fields({"items": Each(_WITH_ASSETS)})})
_SHARED = Fields({"assets": _ASSETS, "album": _WITH_ASSETS})

_ID = "[0-9a-f-]{36}"

# Every read that answers with assets in the published descriptions of 2.5.6 to 3.1.0; of albums, 3.x tells without.
_PLACES: tuple[tuple[str, str, Place], ...] = (
    ("GET", f"assets/{_ID}", Asset()),
    ("GET", "assets/random", _ASSETS),
    ("POST", "search/(metadata|smart)", _FOUND),
    ("POST", "search/(random|large-assets)", _ASSETS),
    ("GET", "search/cities", _ASSETS),
    ("GET", "search/explore", Each(Fields({"items": Each(Fields({"data": Asset()}))}))),
    ("GET", "timeline/bucket", Columns()),
    ("GET", "view/folder", _ASSETS),
    ("GET", "(albums|stacks|memories|duplicates)", Each(_WITH_ASSETS)),
    ("GET", f"(albums|stacks|memories)/{_ID}", _WITH_ASSETS),
    ("GET", "shared-links", Each(_SHARED)),
    ("GET", f"shared-links/{_ID}", _SHARED),
)
_COMPILED = [(method, re.compile(path), place) for method, path, place in _PLACES]


def place_of(method: str, operation: str) -> Place | None:
    """Where the assets are in the answer to this operation; None if it has none, or is not known.

    Shape:  HEAD is answered as GET would be.
    """
    asked = "GET" if method == "HEAD" else method
    return next(
        (place for of_method, path, place in _COMPILED if of_method == asked and path.fullmatch(operation)), None
    )


class _Head(msgspec.Struct):
    """Of an asset, what we read of it."""

    id: AssetId
    owner_id: OwnerId | None = msgspec.field(default=None, name="ownerId")


_heads = msgspec.json.Decoder(_Head)
_objects = msgspec.json.Decoder(dict[str, Raw])
_optional_objects = msgspec.json.Decoder(dict[str, Raw] | None)
_optional_lists = msgspec.json.Decoder(list[Raw] | None)
_ids = msgspec.json.Decoder(list[AssetId])
_owners = msgspec.json.Decoder(list[OwnerId | None])
_QUOTED_NAMES = [f'"{name}"'.encode() for name in NAMES]


class Answer:
    """A JSON answer in which the assets were found.

    Shape:  assets are (id, owner) in the order of the answer; the owner is None where Immich does not name one.
    Errors: msgspec.MsgspecError if it is not what the place says.
    """

    def __init__(self, body: bytes, place: Place) -> None:
        self.assets: list[tuple[AssetId, OwnerId | None]] = []
        self._root: list[Any] = [Raw(body)]
        self._adding: list[Callable[[Sequence[Fragment]], None]] = []
        self._find(self._root, 0, place)

    def own(self, owner_id: OwnerId) -> list[AssetId]:
        """The ids of the assets of this owner, each once."""
        return list(dict.fromkeys(asset_id for asset_id, owner in self.assets if owner == owner_id))

    def with_fields(self, owner_id: OwnerId, known: Mapping[AssetId, Fragment]) -> bytes:
        """The answer in which every asset has the fields; those of other owners, and those not known, say nothing.

        Shape:  what Immich itself says under one of the names stays as it is.
        """
        fragments = [
            known.get(asset_id, NOTHING_KNOWN) if owner == owner_id else NOTHING_KNOWN
            for asset_id, owner in self.assets
        ]
        for add in self._adding:
            add(fragments)
        return encode(self._root[0])

    def _find(self, container: Any, key: Any, place: Place) -> None:
        raw: Raw = container[key]
        match place:
            case Asset():
                self._asset(container, key, raw)
            case Columns():
                self._columns(container, key, raw)
            case Each(inner):
                items = _optional_lists.decode(raw)
                if items is not None:
                    container[key] = items
                    for position in range(len(items)):
                        self._find(items, position, inner)
            case _:
                fields = _optional_objects.decode(raw)
                if fields is not None:
                    container[key] = fields
                    for name in place.places.keys() & fields.keys():
                        self._find(fields, name, place.places[name])

    def _asset(self, container: Any, key: Any, raw: Raw) -> None:
        head = _heads.decode(raw)
        index = len(self.assets)
        self.assets.append((head.id, head.owner_id))

        def add(fragments: Sequence[Fragment]) -> None:
            container[key] = Raw(_joined(bytes(raw), fragments[index]))

        self._adding.append(add)

    def _columns(self, container: Any, key: Any, raw: Raw) -> None:
        columns = _objects.decode(raw)
        ids, owners = _ids.decode(columns["id"]), _owners.decode(columns["ownerId"])
        first = len(self.assets)
        self.assets += zip(ids, owners, strict=True)

        def add(fragments: Sequence[Fragment]) -> None:
            rows = [_objects.decode(each) for each in fragments[first : first + len(ids)]]
            added = {name: [row[name] for row in rows] for name in NAMES if name not in columns}
            container[key] = columns | added

        self._adding.append(add)


def _joined(asset: bytes, fragment: Fragment) -> bytes:
    # Few answers hold one of the names anywhere, and then it may still stand in somebody's description.
    if any(name in asset for name in _QUOTED_NAMES):
        fields = _objects.decode(asset)
        return encode(fields | {name: raw for name, raw in _objects.decode(fragment).items() if name not in fields})
    return b"%b,%b" % (asset[: asset.rindex(b"}")], fragment[1:])
