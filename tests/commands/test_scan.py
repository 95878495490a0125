from __future__ import annotations

import asyncio
import io
from datetime import timedelta

import pytest
from pydantic import SecretStr

from sidecar.commands import scan as scan_module
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.scan import ScanOptions, scan
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.errors import ImmichRefused, ImmichUnavailable, SettingsError
from sidecar.grouping.memory import Decision, DecisionKind
from sidecar.jobs import context as context_module
from sidecar.model import AssetId, OwnerId
from sidecar.settings import Settings
from sidecar.storage import decisions
from sidecar.storage.database import open_database
from sidecar.wiring import open_services
from sidecar.worker import running_worker
from tests.jobs.household import NOON

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def ann(immich: EmulatedImmich) -> UserRow:
    ann = immich.add_user("Ann")
    for name in ("IMG_1.CR3", "IMG_1.JPG"):
        immich.add_asset(ann, name, taken_at=NOON)
    immich.add_asset(ann, "IMG_2.CR3", taken_at=NOON)
    immich.add_asset(ann, "IMG_2.JPG", taken_at=NOON + timedelta(minutes=3))
    return ann


async def run(settings: Settings, options: ScanOptions | None = None) -> tuple[ExitCode, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = await scan(settings, options or ScanOptions(), out=out, err=err)
    return code, out.getvalue(), err.getvalue()


def shown(immich: EmulatedImmich, user: UserRow) -> int:
    return len(immich.stacks_of(user))


async def test_a_scan_stacks_reports_and_ends(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    code, out, err = await run(settings)
    assert code == ExitCode.DONE
    assert out.splitlines() == [
        "Ann: 4 assets looked at",
        "  Stacked: 1",
        "    IMG_1.JPG + IMG_1.CR3  (one name: img_1; taken at the same second; one camera: Canon EOS R5)",
        "  Left alone: 1",
        "    IMG_2.CR3 + IMG_2.JPG  (the name is the same, but they were taken 3 min apart)",
        "Ann: 1 stack made, 0 extended, 0 already right, 0 for you to decide, 1 left alone",
    ]
    assert "Ann: done: 4 assets" in err
    assert shown(immich, ann) == 1
    _, out, _ = await run(settings)
    assert out.splitlines()[-1] == (
        "Ann: 0 stacks made, 0 extended, 1 already right, 0 for you to decide, 1 left alone"
    )


async def test_a_dry_run_shows_the_same_and_writes_nothing_anywhere(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    code, out, _ = await run(settings, ScanOptions(dry_run=True))
    assert code == ExitCode.DONE
    assert "  Would stack: 1\n    IMG_1.JPG + IMG_1.CR3" in out
    assert out.splitlines()[-1].startswith("Ann: 1 stack would be made, 0 would be extended, 0 already right")
    assert shown(immich, ann) == 0
    assert not settings.data_dir.exists()
    assert {call.method for call in immich.calls if not call.path.startswith("/search/")} == {"GET"}


async def test_a_dry_run_knows_what_the_user_took_apart(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    await run(settings)
    immich.unstack(immich.stacks_of(ann)[0])
    _, out, _ = await run(settings, ScanOptions(dry_run=True))
    assert "Left as you decided: 1" in out
    await run(settings)
    before = (settings.data_dir / "sidecar.db").read_bytes()
    _, out, _ = await run(settings, ScanOptions(dry_run=True))
    assert "Left as you decided: 1" in out
    assert (settings.data_dir / "sidecar.db").read_bytes() == before


async def test_a_dry_run_knows_a_file_that_came_back_under_another_id(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    await run(settings)
    immich.unstack(immich.stacks_of(ann)[0])
    raw, jpeg = (row for row in immich.state.assets.values() if row.name.startswith("IMG_1."))
    apart = Decision(frozenset({AssetId(raw.id), AssetId(jpeg.id)}))
    async with open_services(settings) as services, services.database.write() as connection:
        await decisions.add(connection, OwnerId(ann.id), [("d", apart)], now_ms=1, is_told=True)
    immich.delete_for_good(raw)
    await immich.settle()
    immich.add_asset(ann, raw.name, taken_at=NOON)
    _, out, _ = await run(settings, ScanOptions(dry_run=True))
    assert "Left as you decided: 1" in out
    assert "Would stack" not in out


async def test_a_dry_run_shows_the_cover_that_was_chosen_last(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    both = [row for row in immich.state.assets.values() if row.name.startswith("IMG_1.")]
    ids = {row.name: AssetId(row.id) for row in both}
    async with open_services(settings) as services:
        for now_ms, (decision_id, name) in enumerate([("9", "IMG_1.JPG"), ("1", "IMG_1.CR3")]):
            chosen = Decision(frozenset(ids.values()), DecisionKind.COVER, ids[name])
            async with services.database.write() as connection:
                await decisions.add(connection, OwnerId(ann.id), [(decision_id, chosen)], now_ms=now_ms, is_told=True)
    _, out, _ = await run(settings, ScanOptions(dry_run=True))
    assert "IMG_1.CR3 + IMG_1.JPG" in out


async def test_a_dry_run_that_may_not_ask_what_was_decided_ends_with_the_reason(
    immich: EmulatedImmich, settings: Settings
) -> None:
    immich.fail("GET", "/assets/*/metadata", status=401, body='{"message": "Invalid API key"}', times=9)
    with pytest.raises(ImmichRefused):
        await run(settings, ScanOptions(dry_run=True))


async def test_a_dry_run_with_immich_away_says_so(immich: EmulatedImmich, settings: Settings) -> None:
    immich.fail("POST", "/search/metadata", status=400, body='{"message": "no"}', times=9)
    code, out, _ = await run(settings, ScanOptions(dry_run=True))
    assert code == ExitCode.TRY_LATER
    assert "the scan did not finish" in out


async def test_only_the_chosen_user_is_scanned(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    bob = immich.add_user("Bob")
    for name in ("B.CR3", "B.JPG"):
        immich.add_asset(bob, name, taken_at=NOON)
    both = settings.model_copy(update={"api_keys": (*settings.api_keys, SecretStr(immich.add_key(bob)))})
    _, out, _ = await run(both, ScanOptions(user="bob"))
    assert "Ann" not in out
    assert (shown(immich, ann), shown(immich, bob)) == (0, 1)
    with pytest.raises(SettingsError, match="'eve'"):
        await run(both, ScanOptions(user="eve", dry_run=True))


@pytest.mark.parametrize("dry_run", [False, True])
async def test_one_users_bad_key_shows_in_the_exit_code_and_stops_nobody(
    immich: EmulatedImmich, ann: UserRow, settings: Settings, *, dry_run: bool
) -> None:
    both = settings.model_copy(update={"api_keys": (SecretStr("wrong"), *settings.api_keys)})
    code, out, err = await run(both, ScanOptions(dry_run=dry_run))
    assert code == ExitCode.REFUSED
    assert "API key 1 of 2" in out + err
    assert "1 stack" in out
    assert shown(immich, ann) == (0 if dry_run else 1)


async def test_a_write_that_fails_for_good_is_reported(immich: EmulatedImmich, settings: Settings) -> None:
    immich.fail("POST", "/stacks", status=400, body='{"message": "No stacks on Sundays"}')
    code, out, _ = await run(settings)
    assert code == ExitCode.PARTLY_FAILED
    assert "  Not written: 1\n" in out
    assert "Sundays" in out
    assert out.splitlines()[-1].endswith("1 not written")


async def test_an_immich_that_stays_away_ends_the_scan_with_the_reason(
    immich: EmulatedImmich, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "FIRST_RETRY_MS", 1)
    monkeypatch.setattr(context_module, "LAST_RETRY_MS", 1)
    monkeypatch.setattr(scan_module, "GIVE_UP_AFTER_ATTEMPTS", 2)
    monkeypatch.setattr("sidecar.jobs.registry.SWEEP_EVERY_S", 1)
    immich.fail("POST", "/search/*", status=500, times=1000)
    monkeypatch.setattr("sidecar.immich_client.transport.Retries.pause_s", lambda *_args, **_kwargs: 0)
    code, out, _ = await run(settings)
    assert code == ExitCode.TRY_LATER
    assert "the scan did not finish" in out


async def test_writes_that_stay_impossible_are_left_for_later(
    immich: EmulatedImmich, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "FIRST_RETRY_MS", 1)
    monkeypatch.setattr(context_module, "LAST_RETRY_MS", 1)
    monkeypatch.setattr(scan_module, "GIVE_UP_AFTER_ATTEMPTS", 1)
    immich.fail("POST", "/stacks", status=500, times=1000)
    code, out, _ = await run(settings)
    assert code == ExitCode.PARTLY_FAILED
    assert "some writes wait" in out


async def test_a_scan_joins_the_sidecar_that_runs(settings: Settings) -> None:
    async with open_services(settings) as services, running_worker(services.jobs):
        code, out, err = await run(settings)
        assert code == ExitCode.DONE
        assert "another sidecar works on this data folder" in err
        assert "1 stack made" in out


async def test_a_running_sidecar_that_does_not_know_the_user_is_noticed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "GUEST_PATIENCE_S", 0.5)
    async with open_services(settings), asyncio.timeout(20):
        with pytest.raises(ImmichUnavailable, match="API key"):
            await run(settings)


async def test_names_that_could_not_be_compared_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sidecar.jobs.deciding.pair", broken)
    monkeypatch.setattr("sidecar.storage.work.MAX_ATTEMPTS", 1)
    code, out, _ = await run(settings)
    assert code == ExitCode.PARTLY_FAILED
    assert "2 names could not be compared" in out


async def test_a_data_folder_of_an_older_schema_is_not_touched_by_a_dry_run(settings: Settings) -> None:
    settings.data_dir.mkdir()
    url = f"sqlite+aiosqlite:///{settings.data_dir / 'sidecar.db'}"
    async with open_database(url) as database, database.write() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(SettingsError, match="another version"):
        await run(settings, ScanOptions(dry_run=True))


async def test_a_scan_does_not_wait_for_ever_for_what_has_to_be_asked_before_comparing(
    immich: EmulatedImmich, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.commands.scan.PATIENCE_S", 0.5)
    immich.fail("GET", "/assets/*/metadata", status=401, body='{"message": "Invalid API key"}', times=99)
    code, out, _ = await run(settings)
    assert code == ExitCode.TRY_LATER
    assert "2 names wait to be compared: Immich refuses the API key" in out
