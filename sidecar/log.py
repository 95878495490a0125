"""Logging set-up: where lines go and how they look. Secrets never get here; see immich_client/transport.py."""

from __future__ import annotations

import logging
import sys

# At info level these tell of every request or job; ours tell of decisions and counts.
_CHATTY = ("httpx", "httpcore", "arq", "aiohttp.access", "alembic", "PIL")


def set_up_logging(level: str) -> None:
    """Log lines go to standard error from this level on; chatty libraries only when we are debugging."""
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    if level != "debug":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
