"""What people read is what there is: settings, permissions and exit codes in README.md, and what the wheel holds."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from sidecar.cli import _parser
from sidecar.commands.exit_codes import ExitCode
from sidecar.config_file import read_config_file
from sidecar.immich_client._generated.facts import PINS
from sidecar.immich_client.client import required_permissions
from sidecar.immich_client.permissions import Feature, feature_permissions
from sidecar.preferences import BUILT_IN, KEYS
from sidecar.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def documented() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `((?:SIDECAR|IMMICH)_\w+)` \| (?:`(.*?)`)? ?\| (.*) \|$", README, re.MULTILINE)
    return {name: (default, sentence) for name, default, sentence in rows}


def test_every_setting_is_in_the_readme_and_back() -> None:
    settings = {
        "IMMICH_URL" if name == "immich_url" else f"SIDECAR_{name.upper()}": field
        for name, field in Settings.model_fields.items()
        if name not in {"matching", "detection"}
    }
    assert documented().keys() == settings.keys()
    for name, field in settings.items():
        default, sentence = documented()[name]
        assert sentence == field.description, name
        assert default == ("" if field.default in {None, "", ()} else str(field.default)), name


def test_every_key_of_the_file_is_in_the_readme_and_back() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \| (.*) \|$", README, re.MULTILINE)
    assert {key: sentence for key, _, sentence in rows} == KEYS
    assert {key: yaml.safe_load(default) for key, default, _ in rows} == BUILT_IN.by_key()


def test_the_file_in_the_readme_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    path = tmp_path / "config.yml"
    path.write_text(example)
    choices = read_config_file(path)
    assert choices is not None
    assert [pattern.is_trusted for pattern in choices.matching.rules().patterns] == [False, True]
    assert choices.detection.rules().prefer_paths == ("/mnt/photos", "upload")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    known = {f"SIDECAR_{name.upper()}" for name in Settings.model_fields}
    known |= set(re.findall(r"\$\{(SIDECAR_[A-Z_]+)", (ROOT / "compose.override.yml").read_text()))
    assert set(re.findall(r"\bSIDECAR_[A-Z_]+\b", text)) <= known
    commands = {each.dest: each.choices for each in _parser()._actions}["command"]
    assert commands is not None
    assert set(re.findall(r"`sidecar ([a-z-]+)", text)) <= set(commands)
    for name in re.findall(r"`((?:deploy/|docs/|compose\.)[\w.]+)`", text):
        assert (ROOT / name).is_file() or name == "compose.libraries.yml", name


PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(ROOT.glob("docs/*.md")), ROOT / "openapi" / "README.md"]


def anchors(page: Path) -> set[str]:
    """What a link may name on this page: its headings, as GitHub spells them (github-slugger)."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_what_a_page_tells_to_write_into_the_file_can_be_read(page: Path, tmp_path: Path) -> None:
    for number, example in enumerate(re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)):
        if not yaml.safe_load(example).keys() - {"matching", "detection"}:
            path = tmp_path / f"{number}.yml"
            path.write_text(example)
            assert read_config_file(path) is not None


def test_the_permissions_in_the_readme_are_those_that_the_client_needs() -> None:
    (listed,) = re.findall(r"with these permissions:\n\s+(.*)\n", README)
    assert set(re.findall(r"`([\w.]+)`", listed)) == required_permissions()


@pytest.mark.parametrize("feature", list(Feature))
def test_what_more_a_key_may_hold_is_in_the_readme(feature: Feature) -> None:
    (section,) = re.findall(r"## How it hears of new photos\n(.*?)\n## ", README, re.DOTALL)
    assert feature_permissions(feature) <= set(re.findall(r"`([\w.]+)`", section))


def test_the_pinned_versions_are_named() -> None:
    assert f"pinned for {', '.join(PINS[:-1])} and {PINS[-1]}" in README


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_is_explained(code: ExitCode) -> None:
    assert re.search(rf"\b{code.value} (when|if|for|after)\b", README)


def test_the_architecture_fits_on_a_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 70


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_wheel_holds_templates_static_files_and_migrations(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "sidecar").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(ROOT)) in held
    assert not any(name.startswith(("tests/", "openapi/")) for name in held)
