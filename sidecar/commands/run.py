"""`sidecar run`, `serve` and `worker`: web, background work, or both, until somebody stops the process."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TextIO

from sidecar.app import serving, serving_probes
from sidecar.commands.exit_codes import ExitCode
from sidecar.errors import TryLater
from sidecar.events.listening import listening
from sidecar.jobs.schedule import Schedule
from sidecar.settings import Settings
from sidecar.wiring import Services, open_services
from sidecar.worker import running_worker

WAIT_FOR_IMMICH_S = 10.0


@dataclass(frozen=True, slots=True)
class Parts:
    """Which halves this process has."""

    web: bool
    worker: bool


async def run(settings: Settings, parts: Parts, *, err: TextIO = sys.stderr) -> ExitCode:
    """DONE, after SIGTERM or SIGINT asked the process to stop and it has stopped in order.

    Errors: what keeps services from opening for good; what may pass is waited for.
    """
    stopped = stop_signal()

    def tell(sentence: str) -> None:
        print(f"sidecar: {sentence}", file=err, flush=True)

    async with AsyncExitStack() as stack:
        services = await _opened(stack, settings, stopped, err)
        if services is None:
            return ExitCode.DONE
        tell(f"what is remembered lies in {settings.data_dir.resolve()}")
        if parts.worker:
            await stack.enter_async_context(running_worker(services.jobs, schedule=schedule_of(settings)))
        if parts.web:
            address = await stack.enter_async_context(serving(services))
            tell(f"open {address}")
        elif settings.worker_port is not None:
            address = await stack.enter_async_context(serving_probes(services, settings.worker_port))
            tell(f"monitoring asks at {address}metrics")
        if parts.worker:
            await stack.enter_async_context(listening(services.jobs, services.intake, services.hooks, tell=tell))
        names = ", ".join(sorted(account.user.name for account in services.accounts.connected.values()))
        tell(f"working for {names or 'nobody yet'}; Ctrl-C stops")
        for refused in services.accounts.refused:
            tell(str(refused))
        await stopped.wait()
    return ExitCode.DONE


async def _opened(stack: AsyncExitStack, settings: Settings, stopped: asyncio.Event, err: TextIO) -> Services | None:
    """The services, as soon as everything they need answers: after a reboot Immich takes its time. None if stopped."""
    while not stopped.is_set():
        try:
            return await stack.enter_async_context(open_services(settings, detects=True))
        except TryLater as error:
            print(f"sidecar: {error} Trying again every {WAIT_FOR_IMMICH_S:g} s.", file=err, flush=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), WAIT_FOR_IMMICH_S)
    return None


def schedule_of(settings: Settings) -> Schedule:
    """What happens by the clock under these settings."""
    often_s = settings.scan_interval_s
    return Schedule(at=settings.scan_at, interval_ms=None if often_s is None else often_s * 1000)


def stop_signal() -> asyncio.Event:
    """Set once SIGTERM or SIGINT asks this process to stop."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
