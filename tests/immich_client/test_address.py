from __future__ import annotations

import pytest

from sidecar.errors import SettingsError
from sidecar.immich_client.address import api_root, usable_key


@pytest.mark.parametrize(
    ("url", "root"),
    [
        pytest.param("http://immich-server:2283", "http://immich-server:2283/api/", id="plain"),
        pytest.param("http://immich-server:2283/", "http://immich-server:2283/api/", id="slash"),
        pytest.param("http://immich-server:2283/api", "http://immich-server:2283/api/", id="api"),
        pytest.param("  https://photos.example/api/\n", "https://photos.example/api/", id="api, slash and blanks"),
        pytest.param("HTTPS://photos.example", "https://photos.example/api/", id="loud scheme"),
        pytest.param("https://example/photos/api", "https://example/photos/api/", id="below a folder"),
        pytest.param("http://[::1]:2283", "http://[::1]:2283/api/", id="IPv6"),
    ],
)
def test_the_address_leads_to_the_root_of_the_api(url: str, root: str) -> None:
    assert str(api_root(url)) == root


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("immich-server:2283", id="no scheme"),
        pytest.param("//immich-server", id="no scheme, but slashes"),
        pytest.param("ftp://immich-server", id="other scheme"),
        pytest.param("http://", id="no host"),
        pytest.param("http://immich:port", id="port in words"),
        pytest.param("http://immich:65536", id="port beyond the last"),
        pytest.param("http://[::1", id="open bracket"),
        pytest.param("http://" + "a" * 64, id="host name longer than names can be"),
        pytest.param("http://me:geheim@immich", id="password"),
        pytest.param("http://me:geheim@immich:port", id="password and a wrong port"),
        pytest.param("http://immich/?key=geheim", id="query"),
        pytest.param("http://immich/#geheim", id="fragment"),
        pytest.param("http://immich/\x00", id="control character"),
    ],
)
def test_an_unusable_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^IMMICH_URL must be") as caught:
        api_root(url)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_loses_the_blanks_around_it() -> None:
    assert usable_key(" abc\n") == "abc"


@pytest.mark.parametrize("key", ["", "  ", "ge heim", "ge\nheim", "geheim\u00e4", "ge\x7fheim"])
def test_a_key_that_no_header_could_carry_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(SettingsError, match="SIDECAR_API_KEYS") as caught:
        usable_key(key)
    assert "heim" not in str(caught.value)
