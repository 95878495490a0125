"""docs/install.md: what it names is there, and what it says about files can be done."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from sidecar.cli import _parser
from sidecar.media.paths import MediaPaths
from sidecar.settings import Settings
from tests.deploy.compose import ROOT, merge, read
from tests.deploy.test_compose import ENV, IMMICH, faults

GUIDE = (ROOT / "docs" / "install.md").read_text()
OVERRIDE = (ROOT / "compose.override.yml").read_text()
BLOCKS = re.findall(r"^ *```(sh|yaml)\n(.*?)^ *```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_every_variable_that_is_named_is_one_of_compose_or_of_the_settings() -> None:
    named = set(re.findall(r"\b(SIDECAR_[A-Z_]+)\b", GUIDE))
    assert named
    assert named <= set(re.findall(r"\$\{(SIDECAR_[A-Z_]+)", OVERRIDE))


def test_every_variable_of_compose_is_in_the_guide_or_a_setting() -> None:
    settings = {f"SIDECAR_{name.upper()}" for name in Settings.model_fields}
    ours = set(re.findall(r"\$\{(SIDECAR_[A-Z_]+)", OVERRIDE)) - settings
    assert ours - set(re.findall(r"\b(SIDECAR_[A-Z_]+)\b", GUIDE)) == {
        "SIDECAR_DATABASE_MEMORY", "SIDECAR_GATEWAY_MEMORY", "SIDECAR_CHECKOUT",
    }  # fmt: skip


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:deploy/|compose\.)[\w.]+)`", GUIDE)) - {"compose.libraries.yml"}
    assert named >= {"compose.override.yml", "compose.hardened.yml", "deploy/nginx.conf"}
    for name in named:
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml"])
def test_what_is_to_be_added_merges(text: str) -> None:
    whole: dict[str, Any] = merge(read(IMMICH, **ENV), read(ROOT / "compose.override.yml", **ENV))
    assert faults(merge(whole, yaml.safe_load(text))) == []


def test_the_media_paths_of_the_guide_can_be_read() -> None:
    paths = re.findall(r"SIDECAR_MEDIA_PATHS=([^\s`]+)", GUIDE)
    assert len(paths) == 2
    for each in paths:
        MediaPaths.parse(each)


def test_every_command_of_the_sidecar_is_one() -> None:
    found = re.findall(r"docker compose (?:exec (?:-T )?sidecar|run --rm (?:-T )?)\s*sidecar ([^`\n]+)", GUIDE)
    assert {shlex.split(command)[0] for command in found} >= {"backup", "restore", "migrate", "undo"}
    for command in found:
        words = shlex.split(re.sub(r"<[^<>\n]+>", "word", command), comments=True)
        _parser().parse_args([word for word in words if word not in {"<", ">", "sidecar-backup.tar.gz"}])


def test_compose_is_called_with_what_there_is() -> None:
    services = set(merge(read(IMMICH), read(ROOT / "compose.override.yml"))["services"])
    shell = "\n".join(text for kind, text in BLOCKS if kind == "sh")
    for service in re.findall(
        r"docker compose (?:pull|stop|start|restart|rm [\w -]+?) (\w[\w-]*)(?: |$)", shell, re.MULTILINE
    ):
        assert service in services
    for profile in re.findall(r"(?:--profile |COMPOSE_PROFILES=)(\w+)", GUIDE):
        assert f"      - {profile}\n" in OVERRIDE


def test_a_mount_of_the_guide_does_not_hide_behind_the_sidecars_own_folder() -> None:
    """A volume of the service wins over what `volumes_from` brings to the same place."""
    for each in re.findall(r"SIDECAR_MEDIA_PATHS=([^\s`]+)", GUIDE):
        for pair in each.split(","):
            assert pair.partition("=")[2] != "/data"
