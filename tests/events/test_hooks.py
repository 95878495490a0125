from __future__ import annotations

from urllib.parse import quote

import pytest

from sidecar.events.hooks import HOOKS_PATH, Hooks
from sidecar.model import OwnerId

ANN, BOB = OwnerId("ann"), OwnerId("bob")
HOOKS = Hooks(b"key", "http://sidecar:8080/sidecar", [ANN, BOB])


def token(owner_id: OwnerId, hooks: Hooks = HOOKS) -> str:
    return hooks.of(owner_id).marker.removeprefix(HOOKS_PATH)


def test_each_user_has_an_address_of_their_own() -> None:
    hook = HOOKS.of(ANN)
    assert hook.url == f"http://sidecar:8080/sidecar{hook.marker}"
    assert hook.url.endswith(hook.marker)
    assert quote(token(ANN), safe="") == token(ANN)
    assert HOOKS.owner_of(token(ANN)) == ANN
    assert HOOKS.owner_of(token(BOB)) == BOB
    assert HOOKS.owner_of("") is None


def test_the_same_key_gives_the_same_hooks_and_another_key_others() -> None:
    assert Hooks(b"key", "http://elsewhere", [ANN]).of(ANN).marker == HOOKS.of(ANN).marker
    other = Hooks(b"other", "http://sidecar:8080/sidecar", [ANN])
    assert other.of(ANN).marker != HOOKS.of(ANN).marker
    assert not other.admits(ANN, HOOKS.of(ANN).header_value)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(None, id="nothing"),
        pytest.param("", id="an empty one"),
        pytest.param("Bearer ", id="the scheme alone"),
        pytest.param(HOOKS.of(BOB).header_value, id="somebody else's"),
        pytest.param(HOOKS.of(ANN).header_value + " ", id="a blank more"),
        pytest.param("Bearer \udcff", id="bytes that are no text"),
    ],
)
def test_only_the_hooks_own_secret_is_admitted(shown: str | None) -> None:
    assert HOOKS.admits(ANN, HOOKS.of(ANN).header_value)
    assert not HOOKS.admits(ANN, shown)


def test_where_immich_is_not_to_call_nobody_has_an_address() -> None:
    silent = Hooks(b"key", None, [ANN])
    assert silent.of(ANN).url is None
    assert silent.of(ANN).marker == HOOKS.of(ANN).marker
    assert silent.owner_of(token(ANN)) is None


def test_an_address_is_known_after_the_sidecar_moved_or_got_another_key() -> None:
    hook = HOOKS.of(ANN)
    moved = Hooks(b"key", "https://elsewhere/side", [ANN]).of(ANN)
    with_another_key = Hooks(b"other", "http://sidecar:8080/sidecar", [ANN]).of(ANN)
    silent = Hooks(b"key", None, [ANN]).of(ANN)
    assert hook.url is not None
    assert with_another_key.url is not None
    assert moved.is_address(hook.url)
    assert with_another_key.is_address(hook.url)
    assert silent.is_address(hook.url)
    assert not hook.is_address("http://sidecar:8080/sidecar/hooks/another/a")
    assert not silent.is_address(with_another_key.url)


def test_secrets_show_nowhere() -> None:
    shown = f"{HOOKS!r} {HOOKS.of(ANN)!r}"
    assert HOOKS.of(ANN).header_value.removeprefix("Bearer ") not in shown
    assert HOOKS.of(ANN).marker not in shown
    assert "key" not in shown


def test_who_connects_is_known_and_who_leaves_is_not_any_more() -> None:
    connected = [ANN]
    hooks = Hooks(b"key", "http://sidecar:8080/sidecar", connected)
    assert hooks.owner_of(token(ANN)) == ANN
    assert hooks.owner_of(token(BOB)) is None
    connected[:] = [BOB]
    assert hooks.owner_of(token(BOB)) == BOB
    assert hooks.owner_of(token(ANN)) is None
    assert repr(hooks) == "Hooks('http://sidecar:8080/sidecar', of 1 users)"


def test_the_hook_of_somebody_who_leaves_has_no_address_and_is_still_known_as_theirs() -> None:
    left = HOOKS.without(ANN)
    assert left.url is None
    assert left.is_address(HOOKS.of(ANN).url or "")
