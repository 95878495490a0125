"""What holds for every change of several assets at once: how many, each once, and an answer for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sidecar.errors import ImmichMissing, ParameterError
from sidecar.immich_client._generated import models
from sidecar.model import AssetId

ASSETS_AT_ONCE = 1_000
"""How many assets one call may change; Immich takes more, but not every operation splits them for its database."""

HAS_IT_ALREADY, HAS_IT_NOT = "duplicate", "not_found"
"""What is not done because it was so already; every other reason means that somebody's access or the asset is gone."""


def are_some(asset_ids: Collection[AssetId]) -> bool:
    """Whether there are any; over an empty list some operations fail.

    Errors: ParameterError if there are too many.
    """
    if len(asset_ids) > ASSETS_AT_ONCE:
        raise ParameterError(f"{len(asset_ids)} assets are more than the {ASSETS_AT_ONCE} that one call may change.")
    return bool(asset_ids)


def each_once(asset_ids: Iterable[AssetId]) -> list[AssetId]:
    """Each of them once: over one that is given twice Immich fails where it adds to links."""
    return list(dict.fromkeys(asset_ids))


def check_each(answer: Iterable[models.IdAnswer | models.AssetIdAnswer], *, unless: str) -> None:
    """Nothing, if all was done or, for the reason that `unless` names, had been done before.

    Errors: ImmichMissing with the number of assets that were left out.
    """
    left = sum(not each.success and each.error != unless for each in answer)
    if left:
        raise ImmichMissing(f"Immich leaves out {left} assets: they are gone, or this user may not do it with them.")
