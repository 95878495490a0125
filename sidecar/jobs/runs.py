"""Long runs for one owner, a scan or a search for duplicates: whatever ends them early, their row says how and why."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.errors import SidecarError, TryLater
from sidecar.jobs.context import JobContext
from sidecar.redaction import OwnWords

log = logging.getLogger(__name__)


class Interrupted(TryLater):
    """The run is left here: another worker goes on with it, or the process is to stop."""

    code = "interrupted"


class HasAttempts(Protocol):
    """A row that counts how often it was begun."""

    @property
    def attempts(self) -> int:
        """How often, this time included."""


Row = TypeVar("Row", bound=HasAttempts)
RowIn_contra = TypeVar("RowIn_contra", contravariant=True)


class Postpone(Protocol[RowIn_contra]):
    """Makes a row due again later; without an error it was no attempt."""

    async def __call__(
        self, connection: AsyncConnection, row: RowIn_contra, /, *, lease: str, error: str | None, not_before_ms: int
    ) -> None:
        """Nothing, and nothing happens if the lease is another's."""


class End(Protocol[RowIn_contra]):
    """Ends a row in a state for good."""

    async def __call__(
        self,
        connection: AsyncConnection,
        row: RowIn_contra,
        state: Any,
        /,
        *,
        lease: str,
        now_ms: int,
        error: str | None = None,
    ) -> None:
        """Nothing, and nothing happens if the lease is another's."""


@dataclass(frozen=True, slots=True)
class Run(Generic[Row]):
    """One claimed row, what it is called in logs, and the ways in which it may end early."""

    context: JobContext
    row: Row
    lease: str
    called: str
    postpone: Postpone[Row]
    end: End[Row]
    failed: Any

    async def carry_out(self, body: Awaitable[None]) -> None:
        """Runs the body, which ends the row itself if all goes well.

        Errors: none of the product's own. Of a defect the row tells, too, and then it is raised.
        """
        try:
            await body
        except Interrupted:
            await self._postpone(None, not_before_ms=0)
        except TryLater as error:
            await self._postpone(str(error), not_before_ms=self.context.retry_at_ms(self.row.attempts))
            log.warning("%s waits: %s", OwnWords(self.called), error)
        except SidecarError as error:
            async with self.context.database.write() as connection:
                now_ms = self.context.now_ms()
                await self.end(connection, self.row, self.failed, lease=self.lease, now_ms=now_ms, error=str(error))
            log.error("%s failed: %s", OwnWords(self.called), error)  # noqa: TRY400  # a person reads it; nothing is to be traced
        except Exception as error:
            message = f"{type(error).__name__} in the sidecar; its log says more"
            await self._postpone(message, not_before_ms=self.context.retry_at_ms(self.row.attempts))
            raise

    async def _postpone(self, error: str | None, *, not_before_ms: int) -> None:
        async with self.context.database.write() as connection:
            await self.postpone(connection, self.row, lease=self.lease, error=error, not_before_ms=not_before_ms)
