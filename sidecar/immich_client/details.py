"""What Immich knows of an asset beyond the asset itself: details, albums, tags, links. Plain values; knows no wire."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.model import Asset, AssetId, OwnerId, Visibility


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the user's; value is its whole path ("holiday/sea")."""

    id: str
    value: str


@dataclass(frozen=True, slots=True)
class Details:
    """An asset with everything that its user said about it.

    Shape:  rating is 1 to 5, -1 for rejected, None for none; description is empty where there is none; latitude and
            longitude are both there or both None, in degrees.
    Source: GET /assets/{id}, Immich 2.5.6 to 3.1.0; 2.5.6 knows a rating of 0, which is none.
    """

    asset: Asset
    is_favorite: bool
    rating: int | None
    description: str
    latitude: float | None
    longitude: float | None
    tags: tuple[Tag, ...]

    @property
    def tag_ids(self) -> frozenset[str]:
        """The tags by their ids."""
        return frozenset(tag.id for tag in self.tags)

    @property
    def visibility(self) -> Visibility:
        """Where Immich shows the asset."""
        return self.asset.visibility

    @property
    def is_trashed(self) -> bool:
        """Whether it lies in the trash."""
        return self.asset.is_trashed


@dataclass(frozen=True, slots=True)
class Album:
    """An album that the user owns or takes part in.

    Shape:  is_shared says that others see what is put into it: other users, or everyone with its link (has_link).
            writer_ids may add and remove assets: the owner and the editors.
    Source: AlbumResponseDto; until 2.7.5 the owner stands apart from the users of an album, from 3.0 among them.
    """

    id: str
    name: str
    owner_id: OwnerId
    is_shared: bool
    has_link: bool
    asset_count: int
    writer_ids: frozenset[OwnerId]


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A public link of the user's: to single assets, or to an album.

    Shape:  album_id is None for a link to single assets, and asset_ids is empty for one to an album. Trashed assets are
            not among asset_ids, although they are back in the link when they are restored.
    """

    id: str
    asset_ids: frozenset[AssetId]
    album_id: str | None
