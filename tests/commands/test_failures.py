from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from sidecar.cli import main
from sidecar.commands import failures as failures_module
from sidecar.commands import waiting
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.failures import FailuresOptions, RetryOptions, _Going, show_failures, try_again
from sidecar.commands.groups import GroupsOptions, show_or_decide
from sidecar.commands.progress import Stage
from sidecar.commands.scan import ScanOptions, scan
from sidecar.commands.verdicts import Verdict, Wish
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.errors import SettingsError
from sidecar.jobs.failures import FailureKind
from sidecar.jobs.status import Activity, Pairing, Scanning, Searching, Status, Waiting, Writing
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import Matching
from sidecar.settings import Settings
from sidecar.storage import changes, detections, work
from sidecar.storage.changes import Change, Source
from sidecar.storage.database import open_database
from sidecar.wiring import open_services
from sidecar.worker import running_worker
from tests.commands.duplicates.drawer import put_sets
from tests.jobs.household import NOON

pytestmark = pytest.mark.timeout(60)

SUNDAYS = '{"message": "No stacks\\u001b[2J on Sundays"}'
SAID = "Immich rejects createStack with 400: No stacks�[2J on Sundays."


def shoot(immich: EmulatedImmich, user: UserRow, *names: str, minute: int = 0) -> None:
    for name in names:
        immich.add_asset(user, name, taken_at=NOON + timedelta(minutes=minute))


def with_key(settings: Settings, key: str) -> Settings:
    return settings.model_copy(update={"api_keys": (*settings.api_keys, SecretStr(key))})


async def scanned(settings: Settings) -> ExitCode:
    return await scan(settings, ScanOptions(), out=io.StringIO(), err=io.StringIO())


async def listed(settings: Settings, **options: Any) -> tuple[ExitCode, list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    code = await show_failures(settings, FailuresOptions(**options), out=out, err=err)
    return code, out.getvalue().splitlines(), err.getvalue()


async def objects(settings: Settings, **options: Any) -> list[dict[str, Any]]:
    _, lines, _ = await listed(settings, as_json=True, **options)
    found: list[dict[str, Any]] = json.loads("\n".join(lines))
    return found


async def retried(settings: Settings, *ids: str, **options: Any) -> tuple[ExitCode, list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    options.setdefault("everything", not ids)
    code = await try_again(settings, RetryOptions(ids, **options), out=out, err=err)
    return code, out.getvalue().splitlines(), err.getvalue()


async def rewrite(settings: Settings, statement: str, **values: object) -> None:
    url = f"sqlite+aiosqlite:///{settings.data_dir / 'sidecar.db'}"
    async with open_database(url) as database, database.write() as connection:
        await connection.execute(text(statement), values)


async def write_that_fails(immich: EmulatedImmich, user: UserRow, settings: Settings, *, number: int = 1) -> None:
    shoot(immich, user, f"IMG_{number}.CR3", f"IMG_{number}.JPG", minute=number)
    immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
    assert await scanned(settings) == ExitCode.PARTLY_FAILED


def stacks(immich: EmulatedImmich, user: UserRow) -> list[str]:
    return sorted(immich.state.assets[stack.primary_id].name for stack in immich.stacks_of(user))


async def test_where_nothing_failed_it_says_so(settings: Settings) -> None:
    assert await listed(settings) == (ExitCode.DONE, ["Ann: nothing failed"], "")
    assert await listed(settings, as_json=True) == (ExitCode.DONE, ["[]"], "")
    assert await retried(settings) == (ExitCode.DONE, ["Nothing failed."], "")


async def test_what_failed_is_listed_by_kind_with_its_reason_and_nothing_is_changed(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    await write_that_fails(immich, ann, settings)
    await write_that_fails(immich, ann, settings, number=2)
    async with open_services(settings) as services, services.database.write() as connection:
        await work.mark(connection, OwnerId(ann.id), ["img_1"])
    await rewrite(settings, "UPDATE work SET attempts = 5, error = 'ValueError while pairing'")
    immich.calls.clear()
    (name, *writes) = await objects(settings)
    since = datetime.fromisoformat(writes[0]["since"])
    assert since.tzinfo is UTC
    at = f"{since.astimezone():%Y-%m-%d %H:%M}"
    code, lines, err = await listed(settings)
    assert (code, err) == (ExitCode.PARTLY_FAILED, "")
    assert lines == [
        "Ann: 3 failures",
        "  1 file name that could not be compared",
        f"    {name['id']}  IMG_1.CR3 + IMG_1.JPG  (ValueError while pairing)",
        "  2 stacks that were not written",
        f"    {writes[0]['id']}  IMG_1.JPG + IMG_1.CR3  ({SAID}; {at})",
        f"    {writes[1]['id']}  IMG_2.JPG + IMG_2.CR3  ({SAID}; {at})",
        f"Try again with: sidecar retry {name['id']}, or: sidecar retry --all",
    ]
    assert name == {
        "user": "Ann", "user_id": ann.id, "id": name["id"], "kind": "name", "what": "IMG_1.CR3 + IMG_1.JPG",
        "reason": "ValueError while pairing", "since": None, "can_be_retried": True,
    }  # fmt: skip
    assert {call.method for call in immich.calls} == {"GET"}


async def test_a_long_list_is_cut_unless_all_of_it_is_wanted(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    for number in (1, 2):
        await write_that_fails(immich, ann, settings, number=number)
    _, lines, _ = await listed(settings, most=1)
    assert [line.split("  ")[1] for line in lines[1:-1]] == [
        "2 stacks that were not written",
        "",
        "… and 1 more (--all lists them)",
    ]
    assert len(await objects(settings, most=1)) == 2
    _, lines, _ = await listed(settings, most=None)
    assert len(lines) == 5


async def test_names_of_files_cannot_move_the_cursor(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    ann.name = "Ann\x1b[2J"
    shoot(immich, ann, "A\x9b2J.CR3", "A\x9b2J.JPG")
    immich.fail("POST", "/stacks", status=400, body=SUNDAYS, times=2)
    await scanned(settings)
    _, lines, _ = await listed(settings)
    _, more, _ = await retried(settings)
    assert all(line.isprintable() for line in (*lines, *more))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(RetryOptions(), id="no word"),
        pytest.param(RetryOptions(("abc",), everything=True), id="two"),
    ],
)
async def test_it_has_to_be_said_what_to_try_again(settings: Settings, options: RetryOptions) -> None:
    with pytest.raises(SettingsError, match="either names that `sidecar failures` lists, or --all"):
        await try_again(settings, options)


async def test_a_name_that_means_nothing_stops_before_anything_is_tried(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    await write_that_fails(immich, ann, settings)
    (failure,) = await objects(settings)
    with pytest.raises(SettingsError, match="no failure is called 'nonsense'; `sidecar failures` lists"):
        await retried(settings, failure["id"], "nonsense")
    assert await objects(settings) == [failure]


async def test_what_is_named_is_tried_again_and_told(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    for number in (1, 2):
        await write_that_fails(immich, ann, settings, number=number)
    first, second = await objects(settings)
    code, lines, err = await retried(settings, first["id"].upper(), first["id"])
    assert (code, lines) == (ExitCode.DONE, ["  done: IMG_1.JPG + IMG_1.CR3"])
    assert err.startswith("Ann: ")
    assert stacks(immich, ann) == ["IMG_1.JPG"]
    assert await objects(settings) == [second]
    immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
    code, lines, _ = await retried(settings)
    assert code == ExitCode.PARTLY_FAILED
    assert [line.partition("; ")[0] for line in lines] == [f"  failed again: IMG_2.JPG + IMG_2.CR3  ({SAID}"]
    code, lines, _ = await retried(settings)
    assert (code, lines) == (ExitCode.DONE, ["  done: IMG_2.JPG + IMG_2.CR3"])


async def test_a_yes_is_not_said_for_the_person_again(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    asking = settings.model_copy(update={"matching": Matching(ask_first=True)})
    shoot(immich, ann, "IMG_1.CR3", "IMG_1.JPG")
    await scanned(asking)
    out = io.StringIO()
    await show_or_decide(asking, GroupsOptions(as_json=True), out=out)
    (proposal,) = json.loads(out.getvalue())
    immich.fail("POST", "/stacks", status=400, body=SUNDAYS)
    accepting = GroupsOptions(verdict=Verdict.ACCEPT, wish=Wish(ids=(proposal["id"],)))
    assert await show_or_decide(asking, accepting, out=io.StringIO()) == ExitCode.PARTLY_FAILED
    _, lines, _ = await listed(asking)
    assert lines[1] == "  1 wish of yours about a stack that was not carried out"
    code, lines, _ = await retried(asking)
    assert (code, lines) == (
        ExitCode.DONE,
        [f"  IMG_1.JPG + IMG_1.CR3  ({failures_module._NOT_REPEATED})"],
    )
    assert stacks(immich, ann) == []


async def test_a_decision_about_duplicates_is_left_to_the_person(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    rows = [immich.add_asset(ann, f"{name}.JPG", taken_at=NOON) for name in "AB"]
    await scanned(settings)
    await put_sets(settings, ann, rows)
    await rewrite(
        settings,
        "INSERT INTO resolutions (owner_id, resolution_id, set_id, state, keep_ids, trash_ids, origin, lease_until_ms, "
        "attempts, not_before_ms, error, decided_at_ms, ended_at_ms) "
        "VALUES (:owner, 'r', 's', 'failed', :keep, :trash, 'user', 0, 0, 0, 'The trash is off.', 1, 2)",
        owner=ann.id, keep=json.dumps([rows[0].id]), trash=json.dumps([rows[1].id]),
    )  # fmt: skip
    code, lines, _ = await listed(settings)
    assert code == ExitCode.PARTLY_FAILED
    (failure,) = await objects(settings)
    assert not failure["can_be_retried"]
    assert lines[1] == "  1 decision about duplicates that was not carried out"
    assert lines[3:] == ["    decide again: `sidecar duplicates` lists the set"]
    for ids in ((), (failure["id"],)):
        assert await retried(settings, *ids) == (
            ExitCode.PARTLY_FAILED,
            ["  not tried again: A.JPG + B.JPG  (decide again: `sidecar duplicates` lists the set)"],
            "",
        )
    assert immich.state.assets[rows[1].id].deleted_us is None
    # What can be tried is tried all the same.
    await write_that_fails(immich, ann, settings)
    code, lines, _ = await retried(settings)
    assert code == ExitCode.PARTLY_FAILED
    assert lines[1:] == ["  done: IMG_1.JPG + IMG_1.CR3"]


async def test_scans_changes_and_searches_are_done_again(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    shoot(immich, ann, "IMG_1.CR3", "IMG_1.JPG")
    await scanned(settings)
    async with open_services(settings) as services, services.database.write() as connection:
        asset_id = AssetId(next(iter(immich.state.assets)))
        await changes.add(connection, [Change(OwnerId(ann.id), Source.WEBHOOK, asset_id)], now_ms=1)
        await detections.request(connection, OwnerId(ann.id), now_ms=1)
    await rewrite(settings, "UPDATE changes SET attempts = 5, error = 'unknown words'")
    await rewrite(settings, "UPDATE detections SET state = 'failed', error = 'refused', ended_at_ms = 5")
    await rewrite(settings, "UPDATE scans SET state = 'failed', error = 'refused', ended_at_ms = 5")
    assert [each["kind"] for each in await objects(settings)] == ["scan", "change", "search"]
    code, lines, err = await retried(settings)
    assert (code, lines) == (
        ExitCode.DONE,
        ["  done: the latest scan", "  done: IMG_1.CR3", "  done: the latest search for duplicates"],
    )
    assert "Ann: done" in err
    # The search could not see them: they are no pictures.
    found = await objects(settings)
    assert [each["kind"] for each in found] == ["picture", "picture"]
    code, lines, _ = await retried(settings, found[1]["id"])
    assert code == ExitCode.PARTLY_FAILED
    assert lines == [f"  failed again: {found[1]['what']}  ({found[1]['reason']})"]


async def test_while_immich_is_down_it_goes_on_later(
    immich: EmulatedImmich, ann: UserRow, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.5)
    monkeypatch.setattr("sidecar.immich_client.transport.Retries.pause_s", lambda *_args, **_kwargs: 0)
    await write_that_fails(immich, ann, settings)
    immich.fail("POST", "/stacks", status=500, times=1000)
    code, lines, _ = await retried(settings)
    assert (code, lines) == (
        ExitCode.TRY_LATER, ["  not yet, the sidecar goes on with it: IMG_1.JPG + IMG_1.CR3"],
    )  # fmt: skip
    assert await objects(settings) == []
    immich.traffic.failures.clear()
    await rewrite(settings, "UPDATE actions SET not_before_ms = 0")
    assert await scanned(settings) == ExitCode.DONE
    assert stacks(immich, ann) == ["IMG_1.JPG"]


async def test_beside_a_running_sidecar_that_one_does_it(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    await write_that_fails(immich, ann, settings)
    async with open_services(settings) as services, running_worker(services.jobs):
        code, lines, err = await retried(settings)
    assert (code, lines) == (ExitCode.DONE, ["  done: IMG_1.JPG + IMG_1.CR3"])
    assert err.startswith("another sidecar works on this data folder; it does this\n")
    assert stacks(immich, ann) == ["IMG_1.JPG"]


async def test_users_are_told_apart_and_can_be_chosen(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    bob = immich.add_user("Bob")
    both = with_key(settings, immich.add_key(bob))
    await write_that_fails(immich, bob, both)
    assert await listed(both, user="Ann") == (ExitCode.DONE, ["Ann: nothing failed"], "")
    _, lines, _ = await listed(both)
    assert lines[:2] == ["Ann: nothing failed", "Bob: 1 failure"]
    assert await retried(both, user="Ann") == (ExitCode.DONE, ["Nothing failed."], "")
    (failure,) = await objects(both)
    with pytest.raises(SettingsError, match="no failure is called"):
        await retried(both, failure["id"], user="Ann")
    with pytest.raises(SettingsError, match="no connected user is called"):
        await listed(both, user="Eve")
    assert stacks(immich, bob) == []
    code, lines, err = await retried(both)
    assert (code, lines) == (ExitCode.DONE, ["  done: IMG_1.JPG + IMG_1.CR3"])
    assert "Ann" not in err
    assert stacks(immich, bob) == ["IMG_1.JPG"]
    assert stacks(immich, ann) == []


async def test_a_key_that_does_not_work_shows_in_the_number(settings: Settings) -> None:
    code, lines, err = await listed(with_key(settings, "wrong"))
    assert (code, lines) == (ExitCode.REFUSED, ["Ann: nothing failed"])
    assert "API key 2 of 2" in err
    code, lines, _ = await retried(with_key(settings, "wrong"))
    assert (code, lines) == (ExitCode.REFUSED, ["Nothing failed."])


async def test_of_very_many_outcomes_the_first_are_told(
    immich: EmulatedImmich, ann: UserRow, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures_module, "MOST_LISTED", 2)
    for number in (1, 2, 3):
        await write_that_fails(immich, ann, settings, number=number)
    code, lines, _ = await retried(settings)
    assert code == ExitCode.DONE
    assert lines == ["  done: IMG_1.JPG + IMG_1.CR3", "  done: IMG_2.JPG + IMG_2.CR3", "  … and 1 more"]


STILL = Status(
    first_scan_done=True,
    scan=Scanning(Activity.DONE, 9, 9, 0, None, 0),
    pairing=Pairing(0, 0, None, 0),
    stacks=Writing(0, 0, 0, None, 0),
    duplicates=Searching(Activity.DONE, None, 0, 0, 0, None, 0),
    decisions=Waiting(0, 0),
    events=Waiting(0, 0),
    errors=(),
)
SCANNING = replace(STILL, scan=Scanning(Activity.RUNNING, 4, 9, 0, None, None))
PAIRING = replace(STILL, pairing=Pairing(3, 0, None, None))
WRITING = replace(STILL, stacks=Writing(2, 0, 0, None, None))
SEARCHING = replace(STILL, duplicates=Searching(Activity.RUNNING, None, 10, 30, 0, None, None))
ALL = frozenset(FailureKind)


@pytest.mark.parametrize(
    ("status", "kinds", "stage", "sentence"),
    [
        pytest.param(STILL, ALL, Stage("done"), "done", id="nothing is left"),
        pytest.param(SCANNING, ALL, Stage("reading assets", 5, 9), "reading assets: 5 left", id="a scan"),
        pytest.param(PAIRING, ALL, Stage("comparing names", 3), "comparing names: 3 left", id="names"),
        pytest.param(WRITING, ALL, Stage("writing stacks", 2), "writing stacks: 2 left", id="stacks"),
        pytest.param(
            SEARCHING, ALL, Stage("looking for duplicates", 20, 30), "looking for duplicates: 20 left", id="a search"
        ),
        pytest.param(
            replace(STILL, duplicates=replace(SEARCHING.duplicates, looked=31)),
            frozenset({FailureKind.FILE}),
            Stage("looking for duplicates", 0, 30),
            "looking for duplicates",
            id="more than was expected",
        ),
        pytest.param(
            replace(STILL, scan=Scanning(Activity.REQUESTED, 0, 0, 0, None, None)),
            frozenset({FailureKind.SCAN}),
            Stage("reading assets", 0, 0),
            "reading assets",
            id="a scan that waits",
        ),
        pytest.param(
            SEARCHING, frozenset({FailureKind.CHANGE}), Stage("done"), "done", id="a search that nobody waits for"
        ),
        pytest.param(PAIRING, frozenset({FailureKind.PICTURE}), Stage("done"), "done", id="names of others"),
        pytest.param(
            replace(STILL, events=Waiting(5, 0)), ALL, Stage("done"), "done", id="changes of which nobody was told"
        ),
        pytest.param(SCANNING, frozenset({FailureKind.NAME}), Stage("done"), "done", id="a scan of others"),
        pytest.param(WRITING, frozenset({FailureKind.CHANGE}), Stage("writing stacks", 2), "writing stacks: 2 left",
                     id="what follows from a change"),
    ],
)  # fmt: skip
def test_what_is_waited_for_is_told(status: Status, kinds: frozenset[FailureKind], stage: Stage, sentence: str) -> None:
    going = _Going(status, kinds)
    assert (going.stage, going.sentence, going.is_over) == (stage, sentence, stage.name == "done")


def test_changes_come_first_and_only_those_that_were_tried() -> None:
    going = _Going(SCANNING, ALL, frozenset({"x", "y"}))
    assert (going.stage, going.sentence, going.is_over) == (
        Stage("looking at changes", 2), "looking at changes: 2 left", False,
    )  # fmt: skip


def test_the_words_are_checked_before_anything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IMMICH_URL", raising=False)
    for words in (("retry",), ("retry", "abc", "--all")):
        assert main(words) == ExitCode.BAD_USE
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("sidecar: say what to try again")
        assert said.err.count("\n") == 1


async def sidecar(settings: Settings, *words: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SIDECAR_", "IMMICH_"))}
    keys = ",".join(key.get_secret_value() for key in settings.api_keys)
    environment = {
        **clean,
        "SIDECAR_DATA_DIR": str(settings.data_dir),
        "IMMICH_URL": settings.immich_url,
        "SIDECAR_API_KEYS": keys,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", *words, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


@pytest.mark.slow
async def test_a_person_sees_what_failed_and_tries_it_again(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    await write_that_fails(immich, ann, settings)
    code, out = await sidecar(settings, "failures", "--user", "ann", "--json")
    assert code == ExitCode.PARTLY_FAILED
    (failure,) = json.loads(out)
    assert await sidecar(settings, "retry", failure["id"]) == (0, "  done: IMG_1.JPG + IMG_1.CR3\n")
    assert await sidecar(settings, "failures", "--all") == (0, "Ann: nothing failed\n")
    assert await sidecar(settings, "retry", "--all", "--user", "Ann") == (0, "Nothing failed.\n")
