"""What people may choose about pairing, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sidecar.errors import SettingsError
from sidecar.formats import Format
from sidecar.grouping.patterns import NamePattern
from sidecar.grouping.proposal import GroupKind


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
DEFAULT_KINDS: tuple[GroupKind, ...] = (
    GroupKind.EDITED,
    GroupKind.FORMATS,
    GroupKind.RAW_JPEG,
    GroupKind.VERSIONS,
    GroupKind.VIDEO,
)
_DAY_MS = 86_400_000
_SMALLEST_CLUSTER, _LARGEST_CLUSTER = 2, 256


@dataclass(frozen=True, slots=True)
class PairingRules:
    """The settings of one user's pairing.

    Shape:  primary_preference lists what makes the best cover first; formats not listed stand where REST stands, or
            last without it. EDITED is every developed or changed version that is not itself a RAW. max_cluster is how
            many files of one name and time are still looked at together; more are left alone. kinds are the ways of
            belonging together that are looked for, sorted; what is not listed is off and does nothing. patterns are
            the user's own names of versions; joins_suffixes is whether `{base}_{suffix}.{ext}` may be an export of
            `{base}`'s RAW. extends_users_stacks lets new versions join stacks that the user made; acts=False asks
            before everything.
    Units:  tolerance_ms is the largest difference in capture time within a group, inclusive.
    Errors: SettingsError naming the field and what it may be.
    """

    tolerance_ms: int = 2_000
    primary_preference: tuple[Preferred | Format, ...] = DEFAULT_PREFERENCE
    max_cluster: int = 32
    kinds: tuple[GroupKind, ...] = DEFAULT_KINDS
    patterns: tuple[NamePattern, ...] = ()
    joins_suffixes: bool = True
    extends_users_stacks: bool = False
    acts: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance_ms <= _DAY_MS:
            raise SettingsError(f"tolerance_ms is {self.tolerance_ms}; it may be 0 to {_DAY_MS}")
        if not _SMALLEST_CLUSTER <= self.max_cluster <= _LARGEST_CLUSTER:
            limits = f"{_SMALLEST_CLUSTER} to {_LARGEST_CLUSTER}"
            raise SettingsError(f"max_cluster is {self.max_cluster}; it may be {limits}")
        if len(set(self.primary_preference)) < len(self.primary_preference):
            raise SettingsError("primary_preference names something twice; each may stand once")
        if list(self.kinds) != sorted(set(self.kinds)):
            raise SettingsError("kinds must be sorted and name nothing twice")
