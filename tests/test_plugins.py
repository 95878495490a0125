from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.errors import SettingsError
from sidecar.grouping.registry import RULES
from sidecar.plugins import DETECTORS, PAIR_RULES, Detectors, Pipeline, load_detectors, load_pair_rules

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "tests/plugins/known_cameras"
BUILT_IN = "kind visibility time camera duration difference"

RULE = "from sidecar.grouping.rule import PairRule, no_support\n{} = PairRule({!r}, lambda *_: None, no_support)\n"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package on the path as an installer leaves it: a module beside a folder that says what it registers."""

    def installed(
        name: str,
        code: str,
        *,
        entry_points: str = "rule = {module}:RULE",
        version: str = "1.0",
        group: str = PAIR_RULES,
    ) -> None:
        folder = tmp_path / f"{name}-{version}"
        about = folder / f"{name}-{version}.dist-info"
        about.mkdir(parents=True)
        module = f"{name}_{version}".replace(".", "_").lower()
        (folder / f"{module}.py").write_text(code)
        about.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        about.joinpath("entry_points.txt").write_text(f"[{group}]\n{entry_points.format(module=module)}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(folder)

    return installed


def brought(pipeline: Pipeline) -> list[str]:
    assert pipeline.rules[: len(RULES)] == RULES
    return [rule.name for rule in pipeline.rules[len(RULES) :]]


def test_without_other_packages_there_are_the_built_in_rules() -> None:
    assert load_pair_rules() == Pipeline(RULES, BUILT_IN)


def test_rules_of_packages_follow_in_the_order_of_names_whatever_the_path(install: Install) -> None:
    install("Alps", RULE.format("RULE", "peaks"))
    code = RULE.format("ONE", "tides") + RULE.format("TWO", "gulls") + "RULES = (rule for rule in (TWO, ONE))\n"
    install("beach", code + RULE.format("THREE", "dunes"), entry_points="b = {module}:RULES\na = {module}:THREE")
    install("cave", "RULE = ()")
    pipeline = load_pair_rules()
    assert brought(pipeline) == ["peaks", "dunes", "gulls", "tides"]
    assert pipeline.fingerprint == f"{BUILT_IN}; Alps 1.0: peaks; beach 1.0: dunes; beach 1.0: gulls tides; cave 1.0: "


def test_another_version_of_a_package_is_another_fingerprint(install: Install) -> None:
    install("alps", RULE.format("RULE", "peaks"))
    before = load_pair_rules()
    install("alps", RULE.format("RULE", "peaks"), version="1.1")  # found first, as it is first on the path
    after = load_pair_rules()
    assert brought(before) == brought(after) == ["peaks"]
    assert after.fingerprint == f"{BUILT_IN}; alps 1.1: peaks"
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(
            "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'", id="an import that fails"
        ),
        pytest.param("", "AttributeError: module 'alps_1_0' has no attribute 'RULE'", id="nothing of that name"),
        pytest.param("RULE =", "SyntaxError: invalid syntax", id="no Python"),
        pytest.param("raise ValueError('two\\n lines')", "ValueError: two lines", id="an error of its own"),
        pytest.param(
            "def rules():\n yield\n raise OSError('late')\nRULE = rules()", "OSError: late", id="an error halfway"
        ),
        pytest.param("RULE = 7", "it gives int instead of a PairRule", id="a number"),
        pytest.param("RULE = 'peaks'", "it gives str instead of a PairRule", id="a name"),
        pytest.param(
            RULE.format("ONE", "peaks") + "RULE = [ONE, None]",
            "it gives NoneType instead of a PairRule",
            id="a rule and nothing",
        ),
        pytest.param(RULE.format("RULE", "camera"), "another rule is named camera already", id="a built-in name"),
        pytest.param(
            RULE.format("ONE", "peaks") + "RULE = [ONE, ONE]", "another rule is named peaks already", id="twice"
        ),
    ],
)
def test_a_broken_package_stops_the_start_with_one_sentence(install: Install, code: str, reason: str) -> None:
    install("alps", code)
    with pytest.raises(SettingsError) as raised:
        load_pair_rules()
    sentence = str(raised.value)
    assert sentence.startswith(
        f"the entry point rule of the installed package alps gives no usable pair rules ({reason}"
    )
    assert sentence.endswith("): update or uninstall that package")
    assert "\n" not in sentence


def test_of_two_packages_with_one_name_of_a_rule_the_later_is_named(install: Install) -> None:
    install("beach", RULE.format("RULE", "peaks"))
    install("alps", RULE.format("RULE", "peaks"))
    with pytest.raises(SettingsError, match=r"package beach .*another rule is named peaks already"):
        load_pair_rules()


def test_what_a_broken_uninstallation_left_behind_is_reported_as_such(install: Install, tmp_path: Path) -> None:
    install("alps", "import no_such_module")
    (tmp_path / "alps-1.0/alps-1.0.dist-info/METADATA").unlink()
    with pytest.raises(SettingsError, match="entry point rule of the installed package without a name gives no"):
        load_pair_rules()


DETECTOR = "from sidecar.duplicates.detector import Detector\nRULE = Detector({!r}, lambda new, known: ())\n"


def test_detectors_of_packages_are_found_beside_rules(install: Install) -> None:
    assert load_detectors() == Detectors()
    install("alps", DETECTOR.format("peaks"), group=DETECTORS)
    install("beach", DETECTOR.format("dunes"), group=DETECTORS, version="2.0")
    install("cave", RULE.format("RULE", "bats"))
    found = load_detectors()
    assert [each.name for each in found.brought] == ["peaks", "dunes"]
    assert found.fingerprint == "alps 1.0: peaks; beach 2.0: dunes"
    assert brought(load_pair_rules()) == ["bats"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(RULE.format("RULE", "peaks"), "it gives PairRule instead of a Detector", id="a rule"),
        pytest.param(DETECTOR.format("look"), "another detector is named look already", id="a built-in name"),
    ],
)
def test_a_broken_detector_stops_the_start_with_one_sentence(install: Install, code: str, reason: str) -> None:
    install("alps", code, group=DETECTORS)
    with pytest.raises(SettingsError) as raised:
        load_detectors()
    assert str(raised.value) == (
        "the entry point rule of the installed package alps gives no usable duplicate detectors "
        f"({reason}): update or uninstall that package"
    )


@pytest.mark.parametrize(
    ("title", "example"), [("Rules of your own", "known_cameras"), ("Detectors of your own", "one_moment")]
)
def test_the_readme_shows_the_example_package(title: str, example: str) -> None:
    (section,) = re.findall(rf"## {title}\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.DOTALL)
    shown = dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))
    folder = EXAMPLE.parent / example
    assert shown["toml"] in (folder / "pyproject.toml").read_text()
    assert shown["python"] == (folder / f"{example}.py").read_text()


PAIRING = """
from sidecar.grouping.engine import pair
from sidecar.plugins import load_pair_rules
from tests.builders import make_asset

pipeline = load_pair_rules()
raw, copy, jpeg = make_asset("1.CR3"), make_asset("1.JPG", make=None, model=None), make_asset("2.JPG")
found = pair([raw, copy, make_asset("2.CR3"), jpeg], pipeline=pipeline.rules)
print(len(found.proposals), *(left.reason for left in found.left_alone), sep="; ")
print(pipeline.fingerprint)
"""


DETECTING = """
from sidecar.duplicates.detector import Specimen, matches_of
from sidecar.duplicates.fingerprint import Fingerprint
from sidecar.plugins import load_detectors
from tests.builders import make_asset

found = load_detectors()
looks = Fingerprint(phash=1, margin=9.0, luma=bytes(1024), colours=bytes(192), width=3, height=2)
one, other = (Specimen(make_asset(name), looks) for name in ("1.JPG", "2.JPG"))
for detector in found.brought:
    print(*(f"{match.detector}: {match.kind}, {match.reason}" for match in matches_of(detector, [one], [other])))
print(found.fingerprint)
"""


def paired(*path: Path) -> list[str]:
    """What pairing comes to in a process that finds packages in these folders too."""
    return printed(PAIRING, *path)


def printed(code: str, *path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def installed(example: str, into: Path) -> Path:
    """The folder into which the example package was installed as people install one."""
    shutil.copytree(EXAMPLE.parent / example, into / "source")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install",
            "--no-index", "--no-deps", "--no-build-isolation",
            "--target", str(into / "installed"), str(into / "source"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return into / "installed"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_installed_package_changes_what_is_paired(tmp_path: Path) -> None:
    assert paired() == ["2", BUILT_IN]
    assert paired(installed("known_cameras", tmp_path)) == [
        "1; different cameras: Canon EOS R5 and an unknown one",
        f"{BUILT_IN}; sidecar-known-cameras 1.0: known_cameras",
    ]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_installed_package_finds_duplicates(tmp_path: Path) -> None:
    assert printed(DETECTING, installed("one_moment", tmp_path)) == [
        "one_moment: edited, taken within one second",
        "sidecar-one-moment 1.0: one_moment",
    ]
