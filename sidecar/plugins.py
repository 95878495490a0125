"""What other installed packages bring, rules of pairing and detectors of duplicates: found by entry point and checked.

Knows how packages register what they bring. Refuses to know what a rule or a detector decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from sidecar.duplicates.detector import Detector
from sidecar.errors import SettingsError
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule

PAIR_RULES = "sidecar.pair_rules"
"""The entry-point group of rules; each entry point in it gives a PairRule or an iterable of them."""

DETECTORS = "sidecar.duplicate_detectors"
"""The entry-point group of detectors; each entry point in it gives a Detector or an iterable of them."""

BUILT_IN_DETECTORS = ("bytes", "look", "colours", "turned")

Brought = TypeVar("Brought", PairRule, Detector)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The rules of pairing in the order in which they are asked, and one line that names them.

    Shape:  fingerprint holds the names of the built-in rules and, for each entry point of another package, its package,
            version and rules. A library that was paired under another fingerprint wants to be paired anew.
    """

    rules: tuple[PairRule, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Detectors:
    """The detectors of other packages, and one line that names them with their versions."""

    brought: tuple[Detector, ...] = ()
    fingerprint: str = ""


def load_pair_rules() -> Pipeline:
    """The built-in rules, followed by those that installed packages register, by names of package and entry point.

    Errors: SettingsError naming the package, the entry point and what is wrong with it: it cannot be loaded, gives
            something else than rules, or gives a rule whose name another one has.
    Source: the entry points specification of PyPA; of a package that is installed twice, the first on the path counts.
    """
    rules = _Kind(PairRule, group=PAIR_RULES, called="pair rules", one="rule")
    brought, parts = rules.load({rule.name for rule in RULES})
    built_in = " ".join(rule.name for rule in RULES)
    return Pipeline((*RULES, *brought), "; ".join([built_in, *parts]))


def load_detectors() -> Detectors:
    """The detectors that installed packages register, by names of package and entry point.

    Errors: SettingsError as for rules.
    """
    detectors = _Kind(Detector, group=DETECTORS, called="duplicate detectors", one="detector")
    brought, parts = detectors.load(set(BUILT_IN_DETECTORS))
    return Detectors(tuple(brought), "; ".join(parts))


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Brought]):
    """One kind of thing that packages bring."""

    type: type[Brought]
    group: str
    called: str
    one: str

    def load(self, taken: set[str]) -> tuple[list[Brought], list[str]]:
        """What was brought, in order, and for each entry point its package, version and names."""
        every: list[Brought] = []
        parts: list[str] = []
        for registered in sorted(map(self._registered, entry_points(group=self.group)), key=lambda each: each.order):
            brought = self._load(registered)
            for each in brought:
                if each.name in taken:
                    raise registered.error(f"another {self.one} is named {each.name} already")
                taken.add(each.name)
                every.append(each)
            parts.append(f"{registered.package} {registered.version}: {' '.join(each.name for each in brought)}")
        return every, parts

    def _registered(self, entry_point: EntryPoint) -> _Registered:
        distribution = entry_point.dist
        assert distribution is not None  # noqa: S101  # only entry points made by hand belong to nobody
        # What a broken uninstallation leaves behind may register something and yet have no name.
        return _Registered(
            distribution.name or "without a name", distribution.version or "without a version", entry_point, self.called
        )

    def _load(self, registered: _Registered) -> list[Brought]:
        try:
            found = registered.entry_point.load()
            brought = list(found) if isinstance(found, Iterable) else [found]
        except Exception as error:
            # Whatever it is, it happened in the package's own code; one line of it is what its author needs.
            raise registered.error(" ".join(f"{type(error).__name__}: {error}".split())) from error
        for each in brought:
            if not isinstance(each, self.type):
                raise registered.error(f"it gives {type(each).__name__} instead of a {self.type.__name__}")
        return brought


@dataclass(frozen=True, slots=True)
class _Registered:
    """One entry point, the package that it is from, and what it should bring."""

    package: str
    version: str
    entry_point: EntryPoint
    called: str

    @property
    def order(self) -> tuple[str, str]:
        return self.package.casefold(), self.entry_point.name

    def error(self, reason: str) -> SettingsError:
        return SettingsError(
            f"the entry point {self.entry_point.name} of the installed package {self.package} gives no usable "
            f"{self.called} ({reason}): update or uninstall that package"
        )
