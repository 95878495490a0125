"""Rules of pairing that other installed packages bring: found by entry point, checked, put behind the built-in ones.

Knows how packages register what they bring. Refuses to know what a rule decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from sidecar.errors import SettingsError
from sidecar.grouping.registry import RULES
from sidecar.grouping.rule import PairRule

GROUP = "sidecar.pair_rules"
"""The entry-point group; each entry point in it gives a PairRule or an iterable of them."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The rules of pairing in the order in which they are asked, and one line that names them.

    Shape:  fingerprint holds the names of the built-in rules and, for each entry point of another package, its package,
            version and rules. A library that was paired under another fingerprint wants to be paired anew.
    """

    rules: tuple[PairRule, ...]
    fingerprint: str


def load_pair_rules() -> Pipeline:
    """The built-in rules, followed by those that installed packages register, by names of package and entry point.

    Errors: SettingsError naming the package, the entry point and what is wrong with it: it cannot be loaded, gives
            something else than rules, or gives a rule whose name another one has.
    Source: the entry points specification of PyPA; of a package that is installed twice, the first on the path counts.
    """
    rules = list(RULES)
    parts = [" ".join(rule.name for rule in RULES)]
    for registered in sorted(map(_registered, entry_points(group=GROUP)), key=lambda each: each.order):
        brought = _load(registered)
        for rule in brought:
            if any(rule.name == known.name for known in rules):
                raise registered.error(f"another rule is named {rule.name} already")
            rules.append(rule)
        parts.append(f"{registered.package} {registered.version}: {' '.join(rule.name for rule in brought)}")
    return Pipeline(tuple(rules), "; ".join(parts))


@dataclass(frozen=True, slots=True)
class _Registered:
    """One entry point and the package that it is from."""

    package: str
    version: str
    entry_point: EntryPoint

    @property
    def order(self) -> tuple[str, str]:
        return self.package.casefold(), self.entry_point.name

    def error(self, reason: str) -> SettingsError:
        return SettingsError(
            f"the entry point {self.entry_point.name} of the installed package {self.package} gives no usable pair "
            f"rules ({reason}): update or uninstall that package"
        )


def _registered(entry_point: EntryPoint) -> _Registered:
    distribution = entry_point.dist
    assert distribution is not None  # noqa: S101  # only entry points made by hand belong to nobody
    # What a broken uninstallation leaves behind may register rules and yet have no name.
    return _Registered(distribution.name or "without a name", distribution.version or "without a version", entry_point)


def _load(registered: _Registered) -> list[PairRule]:
    try:
        found = registered.entry_point.load()
        brought = list(found) if isinstance(found, Iterable) else [found]
    except Exception as error:
        # Whatever it is, it happened in the package's own code; one line of it is what its author needs.
        raise registered.error(" ".join(f"{type(error).__name__}: {error}".split())) from error
    for each in brought:
        if not isinstance(each, PairRule):
            raise registered.error(f"it gives {type(each).__name__} instead of a PairRule")
    return brought
