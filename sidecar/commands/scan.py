"""`sidecar scan`: looks at whole libraries now; alone, or by asking the sidecar that runs on the data folder."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sidecar.accounts.connected import Account, open_accounts
from sidecar.commands import searching
from sidecar.commands.duplicates.listing import lines_of_sets
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.commands.naming import code_with_refused
from sidecar.commands.progress import Display, Standing, display_on, standing_of
from sidecar.commands.report import Report, lines, report_on
from sidecar.data_folder import DataFolder
from sidecar.errors import ImmichUnavailable
from sidecar.jobs.context import JobContext
from sidecar.jobs.pair import pair
from sidecar.jobs.queue import JobName
from sidecar.jobs.sync import sync
from sidecar.settings import Settings
from sidecar.storage import decisions, groups, preferences, scans
from sidecar.storage.database import Database, open_database
from sidecar.storage.journal import ActionState
from sidecar.storage.scans import ScanState
from sidecar.wiring import Services, database_url, job_context, open_services, vault_of
from sidecar.worker import running_worker

FIRST_LOOK_S, LAST_LOOK_S = 0.05, 1.0
"""Small libraries are done at once; for large ones, counting what is left should not cost more than doing it."""

GIVE_UP_AFTER_ATTEMPTS = 4
"""A scan or a write that failed so often is left to the running sidecar, or to the next scan."""

GUEST_PATIENCE_S = 30.0
PATIENCE_S = 30.0
"""With an Immich that does not answer what has to be asked before names are compared."""

MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """The words behind `sidecar scan`.

    Shape:  duplicates says that they are searched for afterwards, to the end. most lists that many lines in each part
            of the report; None lists all.
    """

    user: str | None = None
    dry_run: bool = False
    duplicates: bool = False
    most: int | None = MOST_LISTED


async def scan(
    settings: Settings, options: ScanOptions, *, out: TextIO = sys.stdout, err: TextIO = sys.stderr
) -> ExitCode:
    """How the scan went, after everything about it was printed.

    Errors: whatever keeps services from opening; what goes wrong later is printed and becomes the exit code.
    """
    if options.dry_run:
        return await _dry_run(settings, options, out=out, err=err)
    async with open_services(settings, may_be_guest=True) as services:
        return await scan_with(services, options, out=out, err=err)


async def scan_with(services: Services, options: ScanOptions, *, out: TextIO, err: TextIO) -> ExitCode:
    """The same with services that are already open; starts a worker unless another process has one."""
    accounts = services.accounts.chosen(options.user)
    async with AsyncExitStack() as stack:
        asked: list[tuple[Account, int]] = []
        for account in accounts:
            async with services.database.write() as connection:
                requested = await scans.request(connection, account.user.id, now_ms=services.jobs.now_ms())
            asked.append((account, requested.id))
            await services.jobs.wake(JobName.SYNC, account.user.id)
        if services.is_guest:
            print("another sidecar works on this data folder; it does the scan", file=err)
        else:
            await stack.enter_async_context(running_worker(services.jobs))
        with display_on(err) as display:
            standings = [await _follow(services, account, scan_id, display) for account, scan_id in asked]
        reports = [await report_on(services.database, account.user, scan_id) for account, scan_id in asked]
        for report, standing in zip(reports, standings, strict=True):
            _print_report(report, standing, options, out)
        code = _exit_code(reports, standings)
        if options.duplicates:
            scanned = [
                account
                for account, standing in zip(accounts, standings, strict=True)
                if standing.scan.state is ScanState.DONE
            ]
            # A search takes its time; whoever waits has something to read.
            out.flush()
            code = await _search(services, scanned, out=out, err=err) or code
        for refused in services.accounts.refused:
            print(f"sidecar: {refused}", file=err)
        return code_with_refused(code, services.accounts, None)


async def _search(services: Services, accounts: Sequence[Account], *, out: TextIO, err: TextIO) -> ExitCode:
    found = await searching.search_for_duplicates(services, accounts, err)
    for account, search in zip(accounts, found, strict=True):
        for line in searching.lines(await searching.findings_of(services.jobs, account.user, search)):
            print(line, file=out)
    return searching.code_of(found)


async def _follow(services: Services, account: Account, scan_id: int, display: Display) -> Standing:
    loop = asyncio.get_running_loop()
    begun_s = waiting_since_s = loop.time()
    while True:
        standing = await standing_of(services.database, account.user.id, scan_id)
        display.show(account.user.name, standing)
        if standing.is_over or _is_hopeless(standing):
            return standing
        if standing.pending_error is None or not standing.pending:
            waiting_since_s = loop.time()
        elif loop.time() - waiting_since_s > PATIENCE_S:
            return standing
        waits = services.is_guest and standing.scan.state is ScanState.REQUESTED
        if waits and loop.time() - begun_s > GUEST_PATIENCE_S:
            raise ImmichUnavailable(
                f"the running sidecar does not take up the scan for {account.user.name}: "
                "is this user's API key among its settings?"
            )
        await asyncio.sleep(min(LAST_LOOK_S, FIRST_LOOK_S + (loop.time() - begun_s) / 20))


def _is_hopeless(standing: Standing) -> bool:
    scan_fails = standing.scan.error is not None and standing.scan.attempts >= GIVE_UP_AFTER_ATTEMPTS
    return scan_fails or (not standing.pending and standing.write_attempts >= GIVE_UP_AFTER_ATTEMPTS)


def _print_report(report: Report, standing: Standing, options: ScanOptions, out: TextIO) -> None:
    for line in lines(report, most=options.most):
        print(line, file=out)
    if standing.scan.error is not None:
        print(f"{report.user.name}: the scan did not finish: {standing.scan.error}", file=out)
    if standing.pending:
        reason = standing.pending_error or "somebody else looks at them"
        print(f"{report.user.name}: {standing.pending} names wait to be compared: {reason}", file=out)
    if standing.write_error is not None:
        print(f"{report.user.name}: some writes wait, they are tried again: {standing.write_error}", file=out)
    if standing.failed_stems:
        print(f"{report.user.name}: {standing.failed_stems} names could not be compared; see the log", file=out)


def _exit_code(reports: Sequence[Report], standings: Sequence[Standing]) -> ExitCode:
    if any(standing.scan.state is not ScanState.DONE for standing in standings):
        return ExitCode.TRY_LATER if any(not each.scan.state.is_over for each in standings) else ExitCode.PARTLY_FAILED
    if any(standing.pending for standing in standings):
        return ExitCode.TRY_LATER
    if any(standing.intended or standing.failed_stems for standing in standings):
        return ExitCode.PARTLY_FAILED
    if any(report.count(ActionState.FAILED) for report in reports):
        return ExitCode.PARTLY_FAILED
    return ExitCode.DONE


async def _dry_run(settings: Settings, options: ScanOptions, *, out: TextIO, err: TextIO) -> ExitCode:
    """The same jobs on a database of their own that is thrown away, and without the job that writes to Immich."""
    async with AsyncExitStack() as stack:
        accounts = await stack.enter_async_context(open_accounts(settings))
        folder = DataFolder(settings.data_dir.resolve())
        if _is_begun(settings, folder):
            async with open_database(database_url(settings, folder), migrate=False) as real:
                await accounts.look(real, vault_of(settings, folder))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecar-dry-run-")))
        database = await stack.enter_async_context(open_database(DataFolder(scratch).database_url))
        context = job_context(settings, database, accounts, None)
        failed = ExitCode.DONE
        for account in accounts.chosen(options.user):
            await _remember(settings, account, context)
            report = await _plan_for(context, account, err)
            for line in lines(report, most=options.most, is_dry_run=True):
                print(line, file=out)
            if report.scan.error is not None:
                print(f"{report.user.name}: the scan did not finish: {report.scan.error}", file=out)
                failed = ExitCode.TRY_LATER
            elif options.duplicates:
                failed = await _dry_search(context, account, options, out=out, err=err) or failed
        for refused in accounts.refused:
            print(f"sidecar: {refused}", file=err)
            failed = failed or exit_code_of(refused)
        return failed


async def _dry_search(
    context: JobContext, account: Account, options: ScanOptions, *, out: TextIO, err: TextIO
) -> ExitCode:
    search = await searching.search_once(context, account.user, err)
    for line in searching.lines(await searching.findings_of(context, account.user, search)):
        print(line, file=out)
    async with context.database.read() as connection:
        for line in await lines_of_sets(connection, account.user.id, most=options.most):
            print(line, file=out)
    return searching.code_of([search])


async def _plan_for(context: JobContext, account: Account, err: TextIO) -> Report:
    owner_id = account.user.id
    async with context.database.write() as connection:
        requested = await scans.request(connection, owner_id, now_ms=context.now_ms())

    async def look_and_plan() -> None:
        await sync(context, owner_id)
        await pair(context, owner_id)

    planning = asyncio.create_task(look_and_plan())
    try:
        with display_on(err) as display:
            while not planning.done():
                display.show(account.user.name, await standing_of(context.database, owner_id, requested.id))
                await asyncio.wait([planning], timeout=LAST_LOOK_S)
        await planning
    finally:
        planning.cancel()
    return await report_on(context.database, account.user, requested.id)


async def _remember(settings: Settings, account: Account, context: JobContext) -> None:
    """Gives the throw-away database what the real one knows of our stacks and the user's decisions."""
    folder = DataFolder(settings.data_dir.resolve())
    if _is_begun(settings, folder):
        async with open_database(database_url(settings, folder), migrate=False) as real:
            await _copy_memory(real, account, context)


def _is_begun(settings: Settings, folder: DataFolder) -> bool:
    """Whether there is a database already: a dry run makes none."""
    return settings.database_url is not None or (folder.path / "sidecar.db").exists()


async def _copy_memory(real: Database, account: Account, context: JobContext) -> None:
    owner_id = account.user.id
    async with real.read() as source, context.database.write() as target:
        known = await groups.living(source, owner_id)
        await groups.add(target, owner_id, [(group, "", ()) for group in known], now_ms=0)
        ours = [group.id for group in known if group.is_ours]
        await groups.set_state(target, owner_id, ours, groups.GroupState.ACTIVE)
        await decisions.copy(source, target, owner_id)
        await preferences.put(target, owner_id, await preferences.get(source, owner_id), now_ms=0)
