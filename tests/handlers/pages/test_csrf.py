from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sidecar.accounts.visitors import Visitor
from sidecar.handlers.pages.csrf import is_token_of, token_for
from sidecar.immich_client.credential import Credential, CredentialKind
from sidecar.model import OwnerId, User

KEY = b"k" * 32
ANN = Visitor(User(OwnerId("ann"), "Ann"), Credential(CredentialKind.SESSION, "secret"))


def test_a_form_is_its_visitors_alone() -> None:
    token = token_for(ANN, KEY)
    assert is_token_of(ANN, token, KEY)
    others = [
        replace(ANN, user=replace(ANN.user, id=OwnerId("bob"))),
        replace(ANN, credential=Credential(CredentialKind.SESSION, "another")),
        replace(ANN, credential=Credential(CredentialKind.KEY, "secret")),
    ]
    for other in others:
        assert not is_token_of(other, token, KEY)
    assert not is_token_of(ANN, token, b"l" * 32)
    assert "secret" not in token


@given(st.none() | st.text() | st.binary() | st.integers())
def test_nothing_else_is_one(sent: object) -> None:
    assert not is_token_of(ANN, sent, KEY)
