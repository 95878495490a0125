"""Logging set-up: where lines go and how they look. Secrets never get here; see immich_client/transport.py."""

from __future__ import annotations

import logging
import sys

# At info level these tell of every request or job; ours tell of decisions and counts.
_CHATTY = ("httpx", "httpcore", "arq", "aiohttp.access", "alembic", "PIL")


class WithoutStrangersBytes(logging.Filter):
    """Lets nothing through that repeats what a stranger sent: a broken request may hold anybody's secret.

    Source: aiohttp logs the offending line of a request that it cannot read (web_protocol.py, 3.14).
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is of something else."""
        kinds = type(record.exc_info[1]).__mro__ if record.exc_info else ()
        return all(kind.__name__ != "HttpProcessingError" for kind in kinds)  # by name, as the commands load no aiohttp


def set_up_logging(level: str) -> None:
    """Log lines go to standard error from this level on; chatty libraries only when we are debugging."""
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    server = logging.getLogger("aiohttp.server")
    if not any(isinstance(each, WithoutStrangersBytes) for each in server.filters):
        server.addFilter(WithoutStrangersBytes())
    if level != "debug":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
