"""Which mirrored assets can be somebody's copy: those that people see, whose files are there."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, literal, or_

from sidecar.model import AssetKind, Visibility
from sidecar.storage.tables import assets, contents, fingerprints, originals

_still = assets.alias("still")

IS_LIVE: ColumnElement[bool] = and_(
    assets.c.is_trashed.is_(False),
    assets.c.is_offline.is_(False),
    assets.c.visibility.in_((Visibility.TIMELINE.value, Visibility.ARCHIVE.value)),
    assets.c.kind.in_((AssetKind.IMAGE.value, AssetKind.VIDEO.value)),
    # Most assets are pictures, of which nobody has to ask.
    or_(
        assets.c.kind == AssetKind.IMAGE.value,
        ~exists().where(_still.c.owner_id == assets.c.owner_id, _still.c.live_photo_video_id == assets.c.asset_id),
    ),
)
"""Neither trashed nor offline nor hidden, a picture or a video, and not the moving half of a live photo."""

IS_ITS_ORIGINAL: ColumnElement[bool] = and_(
    originals.c.owner_id == assets.c.owner_id, originals.c.asset_id == assets.c.asset_id
)
"""For joins of originals to assets."""

IS_ITS_CONTENT: ColumnElement[bool] = and_(
    contents.c.owner_id == assets.c.owner_id,
    contents.c.asset_id == assets.c.asset_id,
    contents.c.size_bytes == assets.c.size_bytes,
    contents.c.modified_at_ms == originals.c.modified_at_ms,
)
"""For joins of contents to assets and originals: what was read is of the file that is there now."""

BASIS: ColumnElement[str] = (
    func.coalesce(originals.c.thumbhash, literal("no thumbnail"))
    .concat(" ")
    .concat(func.coalesce(cast(assets.c.size_bytes, Text), "?"))
    .concat(" ")
    .concat(cast(originals.c.modified_at_ms, Text))
)
"""What an asset's picture is now: Immich's thumbhash, which two pages may share, and size and time of the file."""

IS_ITS_FINGERPRINT: ColumnElement[bool] = and_(
    fingerprints.c.owner_id == assets.c.owner_id,
    fingerprints.c.asset_id == assets.c.asset_id,
    fingerprints.c.basis == BASIS,
)
"""For joins of fingerprints to assets and originals: what was seen is the picture that is there now."""
