from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.accounts.vault import Vault
from sidecar.errors import SettingsError

FIRST, SECOND = b"1" * 32, b"2" * 32


@given(st.text(), st.text())
def test_what_was_sealed_opens_for_its_own_row(secret: str, purpose: str) -> None:
    vault = Vault([FIRST])
    sealed = vault.seal(secret, purpose)
    assert vault.open(sealed, purpose) == secret
    assert vault.seal(secret, purpose) != sealed
    assert vault.is_current(sealed)


def test_a_secret_opens_in_no_other_row() -> None:
    vault = Vault([FIRST])
    with pytest.raises(SettingsError, match="damaged"):
        vault.open(vault.seal("s3cret", "ann"), "bob")


@pytest.mark.parametrize(
    ("keys", "sealed_by"),
    [
        pytest.param([FIRST], [SECOND], id="another secret"),
        pytest.param([FIRST], [SECOND, FIRST], id="the former one is not that which seals"),
    ],
)
def test_a_secret_opens_under_no_other_key(keys: list[bytes], sealed_by: list[bytes]) -> None:
    with pytest.raises(SettingsError, match="sealed under another secret"):
        Vault(keys).open(Vault(sealed_by).seal("s3cret", "ann"), "ann")


def test_a_former_key_opens_and_is_not_current() -> None:
    sealed = Vault([FIRST]).seal("s3cret", "ann")
    both = Vault([SECOND, FIRST])
    assert both.open(sealed, "ann") == "s3cret"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("s3cret", "ann"))


@given(st.data())
def test_a_damaged_secret_does_not_open_and_is_not_told(data: st.DataObject) -> None:
    vault = Vault([FIRST])
    sealed = vault.seal("s3cret-of-ann", "ann")
    # The last letters of base64 carry bits that mean nothing.
    at = data.draw(st.integers(0, len(sealed) - 5))
    other = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != sealed[at]))
    with pytest.raises(SettingsError) as caught:
        vault.open(sealed[:at] + other + sealed[at + 1 :], "ann")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("sealed", ["", "1", "1:", "2:x:y", "s3cret", "1:00000000:"])
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(SettingsError):
        Vault([FIRST]).open(sealed, "ann")


def test_a_vault_shows_no_key() -> None:
    assert repr(Vault([FIRST, SECOND])) == "Vault(2 keys)"
    assert repr(Vault([FIRST, FIRST])) == "Vault(1 keys)"
