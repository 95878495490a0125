"""Ann, who has connected the sidecar to an emulated Immich: what the tests of commands start from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.settings import Settings


@pytest.fixture
async def immich() -> AsyncIterator[EmulatedImmich]:
    async with EmulatedImmich() as running:
        yield running


@pytest.fixture
def ann(immich: EmulatedImmich) -> UserRow:
    return immich.add_user("Ann")


@pytest.fixture
def settings(immich: EmulatedImmich, ann: UserRow, tmp_path: Path, valkey_url: str) -> Settings:
    key = SecretStr(immich.add_key(ann))
    data_dir = tmp_path / "data"
    return Settings(immich_url=immich.url, api_keys=(key,), data_dir=data_dir, redis_url=SecretStr(valkey_url), port=0)
