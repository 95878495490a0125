"""Rule 7: what never takes part in a group."""

from __future__ import annotations

from sidecar.model import Asset, AssetKind, Visibility

_VISIBLE = (Visibility.TIMELINE, Visibility.ARCHIVE)
_PICTURES = (AssetKind.IMAGE, AssetKind.VIDEO)


def may_pair(asset: Asset) -> bool:
    """Whether the asset may ever take part; it may still wait to be extracted.

    That is an image or video which Immich shows to its owner: on the timeline or in the archive, not trashed, not
    offline.
    """
    return asset.visibility in _VISIBLE and asset.kind in _PICTURES and not asset.is_trashed and not asset.is_offline
