from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.errors import SettingsError
from sidecar.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMMICH_URL", "SIDECAR_API_KEYS", "SIDECAR_DATA_DIR", "SIDECAR_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_the_defaults_are_the_embedded_ones() -> None:
    settings = read_settings()
    assert settings.data_dir == Path("data")
    assert (settings.host, settings.port, settings.base_path) == ("127.0.0.1", 8080, "/sidecar")
    assert settings.redis_url is None
    assert settings.database_url is None


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMICH_URL", "http://immich:2283")
    monkeypatch.setenv("SIDECAR_API_KEYS", " one , two,,")
    monkeypatch.setenv("SIDECAR_PORT", "9000")
    settings = read_settings()
    settings.require_immich()
    assert settings.immich_url == "http://immich:2283"
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert settings.port == 9000


def test_keyword_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_PORT", "9000")
    assert read_settings(port=9001, immich_url="http://here", api_keys=("key",)).port == 9001


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        pytest.param("SIDECAR_PORT", "eighty", "SIDECAR_PORT: must be a valid integer", id="no number"),
        pytest.param("SIDECAR_PORT", "70000", "SIDECAR_PORT: must be less than or equal to 65535", id="out of range"),
        pytest.param("SIDECAR_BASE_PATH", "/", "SIDECAR_BASE_PATH: a path such as /sidecar", id="Immich's own path"),
        pytest.param("SIDECAR_BASE_PATH", "/a?b", "SIDECAR_BASE_PATH: a path such as", id="no path"),
        pytest.param("SIDECAR_LOG_LEVEL", "loud", "SIDECAR_LOG_LEVEL: expected debug", id="unknown level"),
        pytest.param("SIDECAR_CONCURRENT_WRITES", "0", "SIDECAR_CONCURRENT_WRITES: must be greater than", id="too few"),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", ["sidecar", "/sidecar", "/sidecar/", "//sidecar"])
def test_the_base_path_has_one_leading_slash(given: str) -> None:
    assert read_settings(base_path=given).base_path == "/sidecar"


def test_log_levels_may_be_written_in_capitals() -> None:
    assert read_settings(log_level="INFO").log_level == "info"


def test_keys_are_never_shown() -> None:
    settings = read_settings(
        api_keys=("s3cret",), database_url="postgresql://u:s3cret@h/d", redis_url="redis://:s3cret@h"
    )
    assert "s3cret" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        pytest.param(Settings(immich_url="", api_keys=()), "IMMICH_URL is not set", id="no address"),
        pytest.param(Settings(immich_url="http://x", api_keys=()), "SIDECAR_API_KEYS is not set", id="no key"),
    ],
)
def test_what_is_missing_for_work_is_named(settings: Settings, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        settings.require_immich()


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
