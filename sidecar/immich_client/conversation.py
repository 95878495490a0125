"""What every subject of Immich's has in common: one user's key, over one transport."""

from __future__ import annotations

from sidecar.immich_client.call import AnswerT, Call
from sidecar.immich_client.transport import Transport

# 41,800 stacks answer with 130 MB, because every member comes whole; duplicates do the same. Where such a list grows
# past Immich's own strength it fails for good, and the caller's other way should not wait for many attempts.
_WHOLE_LIST_LIMIT_BYTES = 512 * 1024 * 1024
_WHOLE_LIST_ATTEMPTS = 2


class Conversation:
    """What a subject's questions and changes are sent with; each subject is a class upon it, and Immich all of them.

    Errors: every method of every subject raises ImmichUnavailable, ImmichRefused, NotImmich or ContractBroken where
            they apply; others are named with the method.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _whole_list(self, call: Call[AnswerT]) -> AnswerT:
        """The answer that lists all of the user's at once, however many."""
        return await self._transport.send(
            call, attempts=_WHOLE_LIST_ATTEMPTS, answer_limit_bytes=_WHOLE_LIST_LIMIT_BYTES
        )
