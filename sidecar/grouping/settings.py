"""What people may choose about pairing, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sidecar.errors import SettingsError
from sidecar.formats import Format


class Preferred(StrEnum):
    """Places in the order of primaries that are no format."""

    EDITED = "edited"
    REST = "rest"


DEFAULT_PREFERENCE: tuple[Preferred | Format, ...] = (
    Preferred.EDITED,
    Format.JPEG,
    Format.HEIC,
    Format.PNG,
    Format.TIFF,
    Preferred.REST,
    Format.RAW,
)
_DAY_MS = 86_400_000
_SMALLEST_CLUSTER, _LARGEST_CLUSTER = 2, 256


@dataclass(frozen=True, slots=True)
class PairingRules:
    """The settings of one user's pairing.

    Shape:  primary_preference lists what makes the best cover first; formats not listed stand where REST stands, or
            last without it. EDITED is every developed or changed version that is not itself a RAW. max_cluster is how
            many files of one name and time are still looked at together; more are left alone.
    Units:  tolerance_ms is the largest difference in capture time within a group, inclusive.
    Errors: SettingsError naming the field and what it may be.
    """

    tolerance_ms: int = 2_000
    primary_preference: tuple[Preferred | Format, ...] = DEFAULT_PREFERENCE
    max_cluster: int = 32

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance_ms <= _DAY_MS:
            raise SettingsError(f"tolerance_ms is {self.tolerance_ms}; it may be 0 to {_DAY_MS}")
        if not _SMALLEST_CLUSTER <= self.max_cluster <= _LARGEST_CLUSTER:
            limits = f"{_SMALLEST_CLUSTER} to {_LARGEST_CLUSTER}"
            raise SettingsError(f"max_cluster is {self.max_cluster}; it may be {limits}")
        if len(set(self.primary_preference)) < len(self.primary_preference):
            raise SettingsError("primary_preference names something twice; each may stand once")
