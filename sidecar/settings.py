"""All settings, read once at start: the environment, which no other module reads, and the file that it names."""

from __future__ import annotations

from datetime import time
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from sidecar.config_file import read_config_file
from sidecar.errors import SettingsError
from sidecar.log import LogFormat
from sidecar.preferences import Detection, Matching

IPNetwork = IPv4Network | IPv6Network

CONFIG_FILE = "config.yml"
"""What the server's file is called in the data folder."""

# People believe in what they have set: nothing of it may stand there and do nothing.
_MOVED = {
    "SIDECAR_TIMESTAMP_TOLERANCE_S": "is read no more: write timestamp_tolerance_seconds under matching in config.yml "
    "in the data folder (or the file that SIDECAR_CONFIG_FILE names), and take the variable away",
    "SIDECAR_MATCHING": "is no variable: matching stands in config.yml in the data folder, or in the file that "
    "SIDECAR_CONFIG_FILE names",
    "SIDECAR_DETECTION": "is no variable: detection stands in config.yml in the data folder, or in the file that "
    "SIDECAR_CONFIG_FILE names",
}


class Settings(BaseSettings):
    """Every setting with its default; the field's description is the sentence that people read."""

    model_config = SettingsConfigDict(env_prefix="SIDECAR_", frozen=True, extra="ignore", env_ignore_empty=True)

    immich_url: str = Field(
        default="",
        validation_alias=AliasChoices("IMMICH_URL", "immich_url"),
        description="Where Immich answers, as seen from the sidecar; with or without /api.",
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Immich API keys, one a user, separated by commas, for those who do not connect on the page.",
    )
    api_keys_file: Path | None = Field(
        default=None, description="File of such keys, one a line; lines that begin with # are left out."
    )
    data_dir: Path = Field(
        default=Path("data"), description="Folder for the database and the queue; one sidecar at a time owns it."
    )
    host: str = Field(default="127.0.0.1", description="Address that the web part listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the web part; 0 takes a free one.")
    worker_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port on which `sidecar worker` answers health, ready and metrics; without it, it answers nothing.",
    )
    base_path: str = Field(default="/sidecar", description="Path under which pages and API are served.")
    redis_url: SecretStr | None = Field(
        default=None, description="Redis or Valkey for the queue; without it one is started in the data folder."
    )
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL for the database; without it SQLite in the data folder."
    )
    log_level: str = Field(default="info", description="How much is logged: debug, info, warning or error.")
    log_format: LogFormat = Field(
        default=LogFormat.TEXT,
        description="How log lines look: text for people, or json, one object a line, for programs.",
    )
    config_file: Path | None = Field(
        default=None,
        description="YAML file of choices for everybody; if not set, config.yml in the data folder, if it is there.",
    )
    matching: Matching = Field(default=Matching(), description="What that file chooses about stacking.")
    detection: Detection = Field(default=Detection(), description="What that file chooses about finding duplicates.")
    scan_at: time = Field(
        default=time(3, 30),
        description="Time of day at which a running sidecar looks at each whole library, in its own time zone.",
    )
    scan_interval_s: int | None = Field(
        default=None, ge=60, description="How often it looks at whole libraries besides, in seconds."
    )
    poll_interval_s: int = Field(
        default=60, ge=5, le=3600, description="How often Immich is asked what has changed, in seconds."
    )
    debounce_ms: int = Field(
        default=1500,
        ge=0,
        le=60_000,
        description="How long the pictures of one name are to have rested before they are stacked, in milliseconds.",
    )
    webhook_url: str = Field(
        default="",
        description="Where Immich's server reaches the sidecar, such as http://sidecar:8080: from Immich 3.0 on it "
        "then tells of each new photo itself.",
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="From which the sidecar's own secrets are made, 16 characters or more; without it a file in the "
        "data folder.",
    )
    former_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="What SIDECAR_SECRET was before: keys that were stored under it are sealed anew at the next start.",
    )
    public_immich_url: str = Field(
        default="",
        description="Address of Immich as browsers reach it, where it is another than that of the sidecar's pages.",
    )
    trusted_proxies: Annotated[tuple[IPNetwork, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of the proxies before the sidecar, separated by commas: only what they "
        "forward about a client is believed.",
    )
    concurrent_writes: int = Field(default=8, ge=1, le=64, description="How many stacks are written to Immich at once.")
    concurrent_reads: int = Field(
        default=4, ge=1, le=32, description="How many pages of assets are read from Immich at once."
    )
    media_paths: str = Field(
        default="",
        description="Where Immich's folders are mounted here, read-only: `/mnt/photos=/photos`, several separated by "
        "commas. Files are then compared without a download.",
    )
    decode_workers: int = Field(
        default=2, ge=1, le=32, description="How many processes look at thumbnails at once; each is bounded in memory."
    )

    @field_validator("api_keys", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("base_path")
    @classmethod
    def _clean_base_path(cls, value: str) -> str:
        path = "/" + value.strip("/")
        if path == "/" or any(character in path for character in "?#% \\{}"):
            raise ValueError("a path such as /sidecar is needed; Immich itself lives at /")
        return path

    @field_validator("webhook_url", "public_immich_url")
    @classmethod
    def _clean_address(cls, value: str) -> str:
        address = urlsplit(value.strip())
        is_plain = not (address.query or address.fragment or address.username or address.password)
        if value and not (address.scheme in {"http", "https"} and address.hostname and is_plain):
            raise ValueError("an address such as http://sidecar:8080 or https://photos.example.com is needed")
        return value.strip().rstrip("/")

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        level = value.lower()
        if level not in {"debug", "info", "warning", "error"}:
            raise ValueError("expected debug, info, warning or error")
        return level

    @property
    def hook_base_url(self) -> str | None:
        """The sidecar's address as Immich's server sees it, path and all; None where it is not to be called."""
        if not self.webhook_url:
            return None
        has_path = urlsplit(self.webhook_url).path != ""
        return self.webhook_url if has_path else self.webhook_url + self.base_path

    def require_immich(self) -> None:
        """Nothing if Immich's address is set.

        Errors: SettingsError that says how to set it.
        """
        if not self.immich_url:
            raise SettingsError(
                "IMMICH_URL is not set: give the address of your Immich, such as http://immich-server:2283"
            )

    def all_api_keys(self) -> tuple[SecretStr, ...]:
        """The API keys of the setting and of the file, in this order.

        Errors: SettingsError if there is no such file, or it cannot be read.
        """
        if self.api_keys_file is None:
            return self.api_keys
        try:
            lines = self.api_keys_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"SIDECAR_API_KEYS_FILE: {self.api_keys_file} cannot be read") from error
        written = (line.strip() for line in lines)
        return (*self.api_keys, *(SecretStr(line) for line in written if line and not line.startswith("#")))


def read_settings(**overrides: Any) -> Settings:
    """The settings of this environment and of the file that goes with it; keyword arguments win over both.

    Shape:  config_file is the file that was read, None if there is none; none is read where matching or detection is
            given.
    Errors: SettingsError with one line for each bad variable: its name, what was expected; never a value. Or with one
            for each problem of the file.
    """
    set_here = EnvSettingsSource(Settings).env_vars
    for name, sentence in _MOVED.items():
        if name.lower() in set_here:
            raise SettingsError(f"{name} {sentence}")
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        problems = (f"{_variable(problem['loc'])}: {_sentence(problem['msg'])}" for problem in error.errors())
        raise SettingsError("; ".join(dict.fromkeys(problems))) from None
    return settings if overrides.keys() & {"matching", "detection"} else _with_file(settings)


def _with_file(settings: Settings) -> Settings:
    path = settings.config_file or settings.data_dir / CONFIG_FILE
    chosen = read_config_file(path)
    if chosen is not None:
        return settings.model_copy(update={"config_file": path, **chosen._asdict()})
    if settings.config_file is not None:
        raise SettingsError(f"SIDECAR_CONFIG_FILE: there is no file {path}")
    if path.is_symlink():
        raise SettingsError(f"{path}: points to a file that is not there")
    if path.with_suffix(".yaml").exists():
        raise SettingsError(f"{path.with_suffix('.yaml')}: is not read; call it {CONFIG_FILE}")
    return settings


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0]).upper()
    return name if name.startswith(("IMMICH_", "SIDECAR_")) else f"SIDECAR_{name}"


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be ", "must be ", 1)
