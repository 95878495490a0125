from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from sidecar.errors import SettingsError
from sidecar.preferences import Detection, Matching
from sidecar.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("IMMICH_URL", "SIDECAR_API_KEYS", "SIDECAR_DATA_DIR", "SIDECAR_PORT", "SIDECAR_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    return data


def test_the_defaults_are_the_embedded_ones() -> None:
    settings = read_settings()
    assert settings.data_dir == Path("data")
    assert (settings.host, settings.port, settings.base_path) == ("127.0.0.1", 8080, "/sidecar")
    assert settings.redis_url is None
    assert settings.database_url is None
    assert settings.config_file is None
    assert settings.matching == Matching()
    assert settings.detection == Detection()
    assert (settings.media_paths, settings.decode_workers) == ("", 2)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMICH_URL", "http://immich:2283")
    monkeypatch.setenv("SIDECAR_API_KEYS", " one , two,,")
    monkeypatch.setenv("SIDECAR_PORT", "9000")
    monkeypatch.setenv("SIDECAR_MEDIA_PATHS", "/mnt/photos=/photos")
    monkeypatch.setenv("SIDECAR_DECODE_WORKERS", "4")
    settings = read_settings()
    settings.require_immich()
    assert settings.immich_url == "http://immich:2283"
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert settings.port == 9000
    assert (settings.media_paths, settings.decode_workers) == ("/mnt/photos=/photos", 4)


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
        pytest.param("SIDECAR_DECODE_WORKERS", "0", "SIDECAR_DECODE_WORKERS: must be greater", id="nobody to decode"),
        pytest.param("SIDECAR_DECODE_WORKERS", "33", "SIDECAR_DECODE_WORKERS: must be less", id="too many to decode"),
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
    ],
)
def test_what_is_missing_for_work_is_named(settings: Settings, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        settings.require_immich()


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_file_in_the_data_folder_is_read(data: Path) -> None:
    (data / "config.yml").write_text("matching: {ask_first: true}\ndetection: {batch_size: 100}")
    settings = read_settings()
    assert settings.matching == Matching(ask_first=True)
    assert settings.detection == Detection(batch_size=100)
    assert settings.config_file == Path("data/config.yml")


def test_a_file_elsewhere_is_read_instead(monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path) -> None:
    (data / "config.yml").write_text("matching: {ask_first: true}")
    elsewhere = tmp_path / "server.yaml"
    elsewhere.write_text("matching: {timestamp_tolerance_seconds: 5}")
    monkeypatch.setenv("SIDECAR_CONFIG_FILE", str(elsewhere))
    settings = read_settings()
    assert settings.matching == Matching(timestamp_tolerance_seconds=5)
    assert settings.config_file == elsewhere


def test_an_argument_wins_over_the_file(data: Path) -> None:
    (data / "config.yml").write_text("matching: broken")
    assert read_settings(matching=Matching(ask_first=False)).matching == Matching(ask_first=False)
    chosen = Detection(batch_size=100)
    assert read_settings(detection=chosen).detection == chosen


def test_without_a_file_a_data_folder_need_not_exist(tmp_path: Path) -> None:
    assert read_settings(data_dir=tmp_path / "none" / "yet").config_file is None
    assert not (tmp_path / "none").exists()


def test_a_data_folder_that_is_a_file_is_not_our_business(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert read_settings().config_file is None


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    (data / "config.yml").write_text("matching: {ask_first: true}")
    monkeypatch.setenv("SIDECAR_CONFIG_FILE", "elsewhere.yml")
    with pytest.raises(SettingsError, match=r"^SIDECAR_CONFIG_FILE: there is no file elsewhere\.yml$"):
        read_settings()


def test_a_file_with_another_ending_is_not_passed_over(data: Path) -> None:
    (data / "config.yaml").touch()
    with pytest.raises(SettingsError, match=r"data/config\.yaml: is not read; call it config\.yml$"):
        read_settings()


def test_a_link_to_nowhere_is_not_passed_over(data: Path) -> None:
    (data / "config.yml").symlink_to("gone.yml")
    with pytest.raises(SettingsError, match=r"data/config\.yml: points to a file that is not there$"):
        read_settings()


def test_the_file_is_named_with_what_is_wrong(data: Path) -> None:
    (data / "config.yml").write_text("matching: {stack: {burst: maybe}}")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert str(caught.value) == "data/config.yml: matching.stack.burst: must be true or false"


@pytest.mark.parametrize(
    "name", ["SIDECAR_TIMESTAMP_TOLERANCE_S", "SIDECAR_MATCHING", "sidecar_matching", "SIDECAR_DETECTION"]
)
def test_what_moved_into_the_file_is_refused_where_it_was(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "2")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert str(caught.value).startswith(f"{name.upper()} is ")
    assert "config.yml" in str(caught.value)
    monkeypatch.setenv(name, "")
    assert read_settings().matching == Matching()


@pytest.mark.parametrize(
    ("given", "base_path", "expected"),
    [
        pytest.param("", "/sidecar", None, id="nobody calls"),
        pytest.param("http://sidecar:8080", "/sidecar", "http://sidecar:8080/sidecar", id="an address"),
        pytest.param(" http://sidecar:8080/ ", "/side", "http://sidecar:8080/side", id="with a slash and blanks"),
        pytest.param("https://a.example/p/q/", "/sidecar", "https://a.example/p/q", id="with a path of its own"),
    ],
)
def test_where_immich_calls_has_a_path(given: str, base_path: str, expected: str | None) -> None:
    assert Settings(webhook_url=given, base_path=base_path).hook_base_url == expected


@pytest.mark.parametrize(
    "given", ["sidecar:8080", "ftp://sidecar", "http://", "http://a?b=c", "http://a#b", "http://me:secret@a"]
)
def test_an_address_that_immich_cannot_call_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="SIDECAR_WEBHOOK_URL: an address such as") as told:
        read_settings(webhook_url=given)
    assert "secret" not in str(told.value)


def test_a_secret_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(SettingsError, match="SIDECAR_SECRET") as told:
        read_settings(secret="short")
    assert "short" not in str(told.value).replace("SIDECAR_SECRET", "")


@pytest.mark.parametrize(("given", "expected"), [("04:15", time(4, 15)), ("23:59:30", time(23, 59, 30))])
def test_the_time_of_the_nightly_look_is_a_time_of_day(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, expected: time
) -> None:
    monkeypatch.setenv("SIDECAR_SCAN_AT", given)
    assert read_settings(data_dir=tmp_path).scan_at == expected
    monkeypatch.setenv("SIDECAR_SCAN_AT", "at night")
    with pytest.raises(SettingsError, match="SIDECAR_SCAN_AT"):
        read_settings(data_dir=tmp_path)


def test_keys_may_stand_in_a_file(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# Ann's\n two \n\nthree\n")
    settings = read_settings(immich_url="http://here", api_keys=("one",), api_keys_file=keys)
    assert [key.get_secret_value() for key in settings.all_api_keys()] == ["one", "two", "three"]
    assert read_settings(immich_url="http://here").all_api_keys() == ()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["there is none", "it is no text"])
def test_a_file_of_keys_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_bytes(content)
    with pytest.raises(SettingsError, match="SIDECAR_API_KEYS_FILE"):
        read_settings(immich_url="http://here", api_keys_file=keys).all_api_keys()


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_TRUSTED_PROXIES", "10.0.0.7, 172.16.0.0/12,fd00::/8")
    assert [str(each) for each in read_settings().trusted_proxies] == ["10.0.0.7/32", "172.16.0.0/12", "fd00::/8"]
    monkeypatch.setenv("SIDECAR_TRUSTED_PROXIES", "everybody")
    with pytest.raises(SettingsError, match="SIDECAR_TRUSTED_PROXIES"):
        read_settings()
