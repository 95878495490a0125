"""The drop-in: what Docker Compose makes of Immich's file and ours."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest

from sidecar import __version__
from sidecar.settings import Settings
from tests.deploy.compose import ROOT, merge, read

IMMICH = Path(__file__).parent / "immich-compose.yml"
ENV = {
    "UPLOAD_LOCATION": "/srv/immich",
    "DB_DATA_LOCATION": "/srv/postgres",
    "DB_PASSWORD": "secret",
    "DB_USERNAME": "postgres",
    "DB_DATABASE_NAME": "immich",
}
OURS = ("sidecar", "sidecar-worker", "sidecar-database", "sidecar-gateway")


def merged(*names: str, **variables: str) -> dict[str, Any]:
    whole: dict[str, Any] = read(IMMICH, **ENV, **variables)
    for name in names or ("compose.override.yml",):
        whole = merge(whole, read(ROOT / name, **ENV, **variables))
    return whole


def faults(document: dict[str, Any]) -> list[str]:
    schema = json.loads((files(check_jsonschema) / "builtin_schemas/vendor/compose-spec.json").read_text())
    return [error.message for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(document)]


@pytest.mark.parametrize(
    "names", [("compose.override.yml",), ("compose.override.yml", "compose.hardened.yml")], ids=["drop-in", "hardened"]
)
def test_what_comes_of_the_merge_is_a_compose_file(names: tuple[str, ...]) -> None:
    assert faults(merged(*names)) == []


def test_the_schema_would_notice() -> None:
    document = merged()
    document["services"]["sidecar"]["mem_limits"] = "1g"
    assert faults(document) != []


def test_immichs_own_services_stay_as_they_are() -> None:
    whole = merged()
    for name, service in read(IMMICH, **ENV)["services"].items():
        assert whole["services"][name] == service
    assert set(whole["services"]) == {*read(IMMICH)["services"], *OURS}
    assert whole["volumes"] == {"model-cache": None, "sidecar-data": None, "sidecar-database": None}


@pytest.mark.parametrize("name", ["sidecar", "sidecar-worker"])
def test_the_sidecar_may_do_no_more_than_it_needs(name: str) -> None:
    service = merged()["services"][name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["volumes"] == ["sidecar-data:/data", "/srv/immich:/media/upload:ro"]
    assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & service.keys()
    assert not any("docker.sock" in volume for volume in service["volumes"])


def test_it_talks_to_immich_and_shares_its_redis_but_no_database_of_it() -> None:
    environment = merged()["services"]["sidecar"]["environment"]
    assert environment["IMMICH_URL"] == "http://immich-server:2283"
    assert environment["SIDECAR_REDIS_URL"] == "redis://redis:6379/5"
    assert environment["SIDECAR_WEBHOOK_URL"] == "http://sidecar:8080"
    needed = {name for name, how in merged()["services"]["sidecar"]["depends_on"].items() if how.get("required", True)}
    assert needed == {"immich-server", "redis"}


def test_workers_start_when_the_database_is_up_to_date() -> None:
    """Several processes that migrate one PostgreSQL at once get into each other's way."""
    services = merged()["services"]
    assert services["sidecar-worker"]["depends_on"] == {"sidecar": {"condition": "service_healthy"}}
    assert services["sidecar"]["depends_on"]["sidecar-database"]["condition"] == "service_healthy"


def test_the_image_is_that_of_this_version() -> None:
    assert merged()["services"]["sidecar"]["image"].endswith(f":{__version__}")


def test_nothing_is_put_into_a_container_that_is_read_only() -> None:
    """A config or secret with its text in the file is copied in by Compose, which read-only containers refuse.

    Source: docker/compose issue 12031, and pkg/compose/secrets.go since 2.33.1.
    """
    whole = merged()
    for service in whole["services"].values():
        for kind in ("configs", "secrets"):
            for used in service.get(kind, []) if service.get("read_only") else []:
                assert "file" in whole[kind][used["source"]]


async def test_the_gateway_takes_its_file_as_the_drop_in_hands_it_over(tmp_path: Path) -> None:
    """The entry point of the container, run here: nothing but /tmp is written, and Caddy understands what it reads."""
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not installed: what the gateway reads is not checked")
    gateway = merged(SIDECAR_BASE_PATH="/stacks")["services"]["sidecar-gateway"]
    shell, option, script = gateway["entrypoint"]
    script = script.replace("/tmp/", f"{tmp_path}/").replace("exec caddy run", "exec caddy validate")  # noqa: S108
    process = await asyncio.create_subprocess_exec(
        shell, option, script,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CADDYFILE": gateway["environment"]["CADDYFILE"]},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert "@sidecar path /stacks /stacks/*" in (tmp_path / "Caddyfile").read_text()


def test_every_setting_can_be_set_and_nothing_else_is() -> None:
    """Empty variables count as not set, so that one list serves everybody."""
    known = {
        "IMMICH_URL" if name == "immich_url" else f"SIDECAR_{name.upper()}"
        for name in Settings.model_fields
        if name not in {"matching", "detection"}
    }
    for name in ("sidecar", "sidecar-worker"):
        assert set(merged()["services"][name]["environment"]) - {"TZ"} == known


@pytest.mark.parametrize("name", ["sidecar", "sidecar-worker"])
def test_what_compose_sets_is_understood(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for key, value in merged(SIDECAR_SCAN_AT="04:00", TZ="Europe/Berlin")["services"][name]["environment"].items():
        monkeypatch.setenv(key, str(value))
    settings = Settings()
    assert (settings.host, settings.port, str(settings.data_dir)) == ("0.0.0.0", 8080, "/data")
    assert settings.api_keys == ()
    assert settings.secret is None
    assert settings.media_paths == "/data=/media/upload"
    assert settings.scan_at.hour == 4
    assert settings.hook_base_url == "http://sidecar:8080/sidecar"


def test_profiles_add_what_is_asked_for_and_the_rest_starts_by_itself() -> None:
    services = merged()["services"]
    assert {name: services[name].get("profiles") for name in OURS} == {
        "sidecar": None,
        "sidecar-worker": ["scale"],
        "sidecar-database": ["scale"],
        "sidecar-gateway": ["gateway"],
    }


def test_every_service_of_ours_says_how_it_is_and_how_much_it_may_take() -> None:
    for name in OURS:
        service = merged()["services"][name]
        assert service["mem_limit"], name
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service, name
        assert re.search(r":[\w.]+", service["image"]), "a version, not whatever is newest"
        assert not service["image"].endswith(":latest")


def test_the_hardened_file_leaves_one_entrance() -> None:
    whole = merged("compose.override.yml", "compose.hardened.yml")
    published = {name: service["ports"] for name, service in whole["services"].items() if service.get("ports")}
    assert published == {"sidecar-gateway": ["2380:2380"]}


def test_the_gateway_in_the_drop_in_is_the_one_that_lies_beside_it() -> None:
    def without_noise(text: str, **values: str) -> list[str]:
        text = re.sub(r"\{\$(\w+):([^}]+)\}", lambda found: values.get(found[1], found[2]), text)
        lines = (line.strip() for line in text.splitlines())
        return [line for line in lines if line and not line.startswith("#") and line != "auto_https off"]

    inline = merged()["services"]["sidecar-gateway"]["environment"]["CADDYFILE"]
    assert without_noise(inline) == without_noise((ROOT / "deploy" / "Caddyfile").read_text())


def test_another_base_path_reaches_everything() -> None:
    whole = merged(SIDECAR_BASE_PATH="/stacks")
    assert whole["services"]["sidecar"]["environment"]["SIDECAR_BASE_PATH"] == "/stacks"
    assert "/stacks/health" in whole["services"]["sidecar-gateway"]["healthcheck"]["test"][-1]
    assert "@sidecar path /stacks /stacks/*" in whole["services"]["sidecar-gateway"]["environment"]["CADDYFILE"]
