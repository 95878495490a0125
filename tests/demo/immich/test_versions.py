from __future__ import annotations

import re
from pathlib import Path

import pytest

import sidecar.demo.immich
from sidecar.demo.immich.unverified import UNVERIFIED
from sidecar.demo.immich.versions import SINCE, behaviour_of

_SOURCES = sorted(Path(sidecar.demo.immich.__file__).parent.glob("*.py"))


@pytest.mark.parametrize(
    ("version", "rule", "expected"),
    [
        pytest.param("3.0.3", "stable_order", False, id="3.0.3 shuffles equal times"),
        pytest.param("3.1.0", "stable_order", True, id="3.1.0 does not"),
        pytest.param("2.5.6", "keeper_suggestion", False, id="2.5.6 suggests no keeper"),
        pytest.param("2.7.0", "keeper_suggestion", True, id="the first release of a rule follows it"),
        pytest.param("3.99.0", "no_replace", True, id="later releases keep rules"),
    ],
)
def test_a_version_follows_the_rules_since_its_release(version: str, rule: str, *, expected: bool) -> None:
    assert behaviour_of(version).does(rule) is expected


@pytest.mark.parametrize("version", ["", "3.1", "v3.1.0", "3.1.0-rc1", "2.5.5", "4.0.0"])
def test_what_is_no_emulated_release_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="Immich"):
        behaviour_of(version)


def test_a_rule_that_is_not_in_the_table_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        behaviour_of("3.1.0").does("no such rule")


def test_every_rule_of_the_table_is_used_and_tells_its_source() -> None:
    used = set(re.findall(r'\.does\("(\w+)"\)', "".join(path.read_text() for path in _SOURCES)))
    assert used == SINCE.keys()
    assert all(re.search(r"recording|live|3\.1\.0|descriptions", source) for _, source in SINCE.values())


def test_these_rules_are_not_verified_yet() -> None:
    assert sorted(UNVERIFIED) == [
        "import-webhook",
        "legacy-messages",
        "library-import",
        "near-duplicates",
        "notification-defaults",
        "notification-nobody",
        "offline-search",
        "plugin-methods",
        "promotion-order",
        "sidecar-echo",
        "stack-member-order",
        "tie-shuffle",
        "webhook-defaults",
    ]


def test_sources_cite_only_listed_unverified_rules() -> None:
    cited = {name for path in _SOURCES for name in re.findall(r"UNVERIFIED ([a-z0-9.-]+[a-z0-9])", path.read_text())}
    assert cited
    assert cited <= UNVERIFIED.keys()
