"""What the two jobs that read from Immich have in common: whom to blame when one fails, and when to try again."""

from __future__ import annotations

from sidecar.immich_client.client import Immich
from sidecar.jobs.context import JobContext

FIRST_RETRY_MS = 600_000
LAST_RETRY_MS = 7 * 86_400_000
"""Between these a failure of one file waits, twice as long each time."""

_MOST_DOUBLINGS = 20


async def require_answers(immich: Immich) -> None:
    """Nothing, if Immich answers at all: what it did not give is then the fault of that one file.

    Errors: ImmichUnavailable.
    """
    await immich.server_version()


def retry_at_ms(context: JobContext, failures: int) -> int:
    """When to try a file again that failed so many times: after minutes at first, after days in the end."""
    doubled_ms = FIRST_RETRY_MS << min(failures - 1, _MOST_DOUBLINGS)
    return context.now_ms() + min(LAST_RETRY_MS, doubled_ms)
