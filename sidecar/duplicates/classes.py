"""How much alike two copies are: the one list of classes, from bytes to pages."""

from __future__ import annotations

from enum import StrEnum


class DuplicateClass(StrEnum):
    """What two assets are to each other, the surest first."""

    IDENTICAL = "identical"
    """The same bytes."""
    RE_ENCODED = "re-encoded"
    """The same picture, compressed, resized, converted or turned upright anew."""
    EDITED = "edited"
    """Nearly the same picture: toned, cropped a little, marked, or taken a moment later. For eyes."""
    FEATURELESS = "featureless"
    """Both nearly without content: black, white, fog. Says little; nothing is ever done by it alone."""
    SIMILAR = "similar"
    """What Immich's own detection put together."""

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return _ORDER[self]


_ORDER = {each: position for position, each in enumerate(DuplicateClass)}


def weakest(classes: list[DuplicateClass]) -> DuplicateClass:
    """The least sure of these.

    Errors: ValueError if there are none.
    """
    return max(classes, key=lambda each: each.rank)
