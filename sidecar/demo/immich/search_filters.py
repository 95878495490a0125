"""Which assets a search or statistics body asks for."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from sidecar.demo.immich.fields import Fields
from sidecar.demo.immich.refusals import Refusal
from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.versions import Behaviour
from sidecar.model import AssetKind, Visibility

Check = Callable[[AssetRow], bool]

VISIBILITIES = ("archive", "timeline", "hidden", "locked")
ORDERS = ("asc", "desc")
_BASE64_CHARACTERS = 28
_KINDS = tuple(kind.value for kind in AssetKind)
# Fields of MetadataSearchDto that nothing here fills; ignoring them would answer something else than was asked.
_NOT_EMULATED = (
    "city country description encodedVideoPath isEncoded isNotInAlbum lensModel ocr personIds previewPath "
    "rating state tagIds thumbnailPath deviceId deviceAssetId"
)
_COLUMN_OF_TIME = {
    "created": "created_us",
    "updated": "updated_us",
    "trashed": "deleted_us",
    "taken": "file_created_us",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What was asked for; equal filters match the same assets.

    Shape:  times holds (column, earliest, latest), both inclusive, either may be None.
    """

    visibility: str | None
    kind: str | None
    asset_id: str | None
    library_id: str | None
    checksum: str | None
    name: str | None
    path: str | None
    make: str | None
    model: str | None
    is_favorite: bool | None
    is_offline: bool | None
    is_motion: bool | None
    with_deleted: bool
    with_stacked: bool
    with_exif: bool
    times: tuple[tuple[str, int | None, int | None], ...]
    album_ids: tuple[str, ...] = ()


def read_filter(fields: Fields, behaviour: Behaviour) -> Filter:
    """The filter in a body; problems stay in the fields until `done`.

    Errors: Refusal 501 for a filter of Immich's that is not emulated; 401 for locked assets.
    Source: searchAssetBuilderLegacy, utils/database.ts 3.1.0; recordings search-*; live 3.1.0 for each field.
    """
    for name in _NOT_EMULATED.split():
        if name in fields:
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, f"The emulated Immich does not search by {name}")
    visibility = fields.option("visibility", VISIBILITIES)
    if visibility == Visibility.LOCKED:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Elevated permission is required")
    if visibility is None and not behaviour.does("every_visibility"):
        visibility = Visibility.TIMELINE
    times = _read_times(fields)
    is_offline = fields.boolean("isOffline")
    asks_for_trash = any(column == "deleted_us" for column, _, _ in times)
    return Filter(
        visibility=visibility,
        kind=fields.option("type", _KINDS),
        asset_id=fields.uuid("id"),
        library_id=fields.uuid("libraryId", nullable=True),
        checksum=_as_base64(fields.text("checksum")),
        name=fields.text("originalFileName"),
        path=fields.text("originalPath"),
        make=fields.text("make"),
        model=fields.text("model"),
        is_favorite=fields.boolean("isFavorite"),
        is_offline=is_offline,
        is_motion=fields.boolean("isMotion"),
        with_deleted=bool(fields.boolean("withDeleted") or asks_for_trash or is_offline),
        with_stacked=fields.boolean("withStacked") is not False,
        with_exif=bool(fields.boolean("withExif")),
        times=times,
        album_ids=tuple(fields.uuids("albumIds")) if "albumIds" in fields else (),
    )


def checks_of(asked: Filter) -> list[Check]:
    """The conditions an asset must meet, all of them."""
    checks: list[Check] = [lambda row: row.visibility is not Visibility.LOCKED]
    wanted = {
        "visibility": asked.visibility,
        "kind": asked.kind,
        "id": asked.asset_id,
        "library_id": asked.library_id,
        "checksum": asked.checksum,
        "is_favorite": asked.is_favorite,
        "is_offline": asked.is_offline,
    }
    checks += [_equals(column, value) for column, value in wanted.items() if value is not None]
    if not asked.with_deleted:
        checks.append(lambda row: row.deleted_us is None)
    if not asked.with_stacked:
        checks.append(lambda row: row.stack_id is None)
    if asked.with_exif:
        checks.append(lambda row: row.exif is not None)
    if asked.is_motion is not None:
        checks.append(lambda row: (row.live_photo_video_id is not None) is asked.is_motion)
    for column, pattern in (("name", asked.name), ("path", asked.path)):
        if pattern:
            checks.append(_matches(column, pattern))
    for column, exact in (("make", asked.make), ("model", asked.model)):
        if exact is not None:
            checks.append(_exif_equals(column, exact))
    checks += [_between(*window) for window in asked.times]
    return checks


def _read_times(fields: Fields) -> tuple[tuple[str, int | None, int | None], ...]:
    windows = (
        (column, fields.instant(f"{name}After"), fields.instant(f"{name}Before"))
        for name, column in _COLUMN_OF_TIME.items()
    )
    return tuple(window for window in windows if window[1:] != (None, None))


def _as_base64(checksum: str | None) -> str | None:
    """28 characters are base64, anything else is hexadecimal.

    Source: search.service.ts:65 in 3.1.0; live 3.1.0 for both and for neither.
    """
    if checksum is None or len(checksum) == _BASE64_CHARACTERS:
        return checksum
    try:
        return base64.b64encode(binascii.unhexlify(checksum)).decode()
    except ValueError:
        return ""


def _equals(column: str, value: str | bool) -> Check:  # noqa: FBT001  # a column's value, not a switch
    return lambda row: bool(getattr(row, column) == value)


def _exif_equals(column: str, value: str) -> Check:
    return lambda row: row.exif is not None and bool(getattr(row.exif, column) == value)


def _matches(column: str, pattern: str) -> Check:
    """PostgreSQL's ILIKE '%pattern%' without accents, in which % and _ of the caller stay wildcards.

    Source: utils/database.ts 3.1.0; live 3.1.0 for case, accents and %.
    """
    wildcards = {"%": ".*", "_": "."}
    expression = "".join(wildcards.get(each) or re.escape(each) for each in _folded(pattern))
    search = re.compile(expression, re.DOTALL).search
    return lambda row: search(_folded(getattr(row, column))) is not None


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(each for each in decomposed if not unicodedata.combining(each)).lower()


def _between(column: str, earliest: int | None, latest: int | None) -> Check:
    def check(row: AssetRow) -> bool:
        value: int | None = getattr(row, column)
        return value is not None and (earliest is None or value >= earliest) and (latest is None or value <= latest)

    return check
