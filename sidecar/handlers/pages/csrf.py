"""What our own forms carry, so that no other page can send them in a visitor's name."""

from __future__ import annotations

import hmac
from hashlib import sha256

from sidecar.accounts.visitors import Visitor

FIELD = "csrf"


def token_for(visitor: Visitor, key: bytes) -> str:
    """What this visitor's forms carry as long as they show the same credential."""
    shown = f"{visitor.user.id}\n{visitor.credential.kind}\n{visitor.credential.secret}"
    return hmac.new(key, shown.encode(), sha256).hexdigest()


def is_token_of(visitor: Visitor, sent: object, key: bytes) -> bool:
    """Whether a form that carries this was made for this visitor; compared in constant time."""
    return isinstance(sent, str) and hmac.compare_digest(token_for(visitor, key).encode(), sent.encode())
