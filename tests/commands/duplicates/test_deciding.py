"""Decisions that meet a library which has changed meanwhile, and words that mean several things."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from sidecar.commands.duplicates import details
from sidecar.commands.duplicates.command import Verb
from sidecar.commands.duplicates.deciding import Decide
from sidecar.commands.duplicates.listing import ListOptions
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.undo import UndoOptions, undo
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.duplicates.classes import DuplicateClass
from sidecar.errors import SettingsError, StaleDecision
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.jobs.context import JobContext
from sidecar.jobs.duplicates.dismissals import dismiss
from sidecar.model import AssetId, OwnerId
from sidecar.settings import Settings
from sidecar.storage import decisions, duplicate_sets
from sidecar.storage.database import open_database
from sidecar.wiring import open_services
from tests.commands.duplicates.drawer import duplicates, put_sets, scanned
from tests.jobs.household import NOON

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def pair(immich: EmulatedImmich, ann: UserRow) -> list[AssetRow]:
    return [immich.add_asset(ann, name, taken_at=NOON, size_bytes=5) for name in ("A.JPG", "B.JPG")]


async def test_a_set_that_changed_while_a_person_thought_is_not_decided(
    ann: UserRow, pair: list[AssetRow], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scanned(settings)
    (found,) = await put_sets(settings, ann, pair)

    async def changes_meanwhile(_question: str, **_streams: object) -> ExitCode:
        url = f"sqlite+aiosqlite:///{settings.data_dir / 'sidecar.db'}"
        async with open_database(url) as database, database.write() as connection:
            await duplicate_sets.remove(connection, OwnerId(ann.id), [found.id])
        return ExitCode.DONE

    monkeypatch.setattr("sidecar.commands.duplicates.deciding.consent", changes_meanwhile)
    said = await duplicates(settings, verb=Verb.KEEP, ids=(found.id,))
    assert said.code == ExitCode.PARTLY_FAILED
    assert said.lines[-1].startswith("  not decided: A.JPG + B.JPG  (There is no set")
    assert {row.deleted_us for row in pair} == {None}


async def test_a_set_that_goes_stale_stops_no_other(
    immich: EmulatedImmich, ann: UserRow, pair: list[AssetRow], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [immich.add_asset(ann, name, taken_at=NOON, size_bytes=5) for name in ("C.JPG", "D.JPG")]
    await scanned(settings)
    first, second = await put_sets(settings, ann, pair, others)

    async def stale_first(context: JobContext, owner_id: OwnerId, set_id: str) -> None:
        if set_id == first.id:
            raise StaleDecision("There is no such set any more.")
        await dismiss(context, owner_id, set_id)

    monkeypatch.setattr("sidecar.commands.duplicates.deciding.dismiss", stale_first)
    said = await duplicates(settings, verb=Verb.DISMISS, ids=(first.id, second.id))
    assert said.code == ExitCode.PARTLY_FAILED
    assert said.lines == [
        "  not decided: A.JPG + B.JPG  (There is no such set any more.)",
        "  no duplicates, and not listed again: C.JPG + D.JPG",
    ]


async def test_a_beginning_of_several_names_is_too_short(
    ann: UserRow, pair: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    (found,) = await put_sets(settings, ann, pair)
    owner_id = OwnerId(ann.id)
    async with open_services(settings) as services, services.database.write() as connection:
        twins = [replace(found, id="abcd00000001"), replace(found, id="abcd00000002")]
        await duplicate_sets.replace(connection, owner_id, twins, now_ms=1)
        made = Decision(
            frozenset(AssetId(row.id) for row in pair), DecisionKind.DISTINCT, source=DecisionSource.RECALLED
        )
        await decisions.add(connection, owner_id, [("dddd1", made), ("dddd2", made)], now_ms=1, is_told=True)
    with pytest.raises(SettingsError, match="several sets begin with that"):
        await duplicates(settings, verb=Verb.SHOW, ids=("abcd",))
    with pytest.raises(SettingsError, match="2 dismissals begin with that"):
        await duplicates(settings, verb=Verb.UNDISMISS, ids=("dddd",))


async def test_a_set_is_shown_also_where_albums_are_not_known(
    immich: EmulatedImmich, ann: UserRow, pair: list[AssetRow], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.immich_client.transport.Retries.pause_s", lambda *_args, **_kwargs: 0)
    await scanned(settings)
    (found,) = await put_sets(settings, ann, pair)
    immich.fail("GET", "/albums*", status=503, times=99)
    said = await duplicates(settings, verb=Verb.SHOW, ids=(found.id,))
    assert said.code == ExitCode.DONE
    assert said.lines[-1] == "  Note: Immich was not asked which albums the copies are in"
    monkeypatch.setattr(details, "_MOST_RANKED", 1)
    assert (await duplicates(settings, verb=Verb.SHOW, ids=(found.id,))).lines == said.lines


async def test_what_a_partner_has_too_and_what_has_gone_is_shown(
    immich: EmulatedImmich, ann: UserRow, pair: list[AssetRow], settings: Settings
) -> None:
    bob = immich.add_user("Bob")
    immich.share_timeline(bob, ann)
    for owner in (ann, bob):
        immich.upload(owner, "same.jpg", b"\xff\xd8 the same", at=NOON)
    await immich.settle()
    await scanned(settings)
    same = next(row for row in immich.state.assets.values() if row.name == "same.jpg" and row.owner_id == ann.id)
    (found,) = await put_sets(settings, ann, [same, *pair])
    said = await duplicates(settings, verb=Verb.SHOW, ids=(found.id,))
    assert "      a partner of yours has the same file" in said.lines
    immich.fail("GET", "/albums*", status=400, body='{"message": "Not found or no album.read access"}', times=99)
    immich.trash(pair[0])
    await scanned(settings)
    said = await duplicates(settings, verb=Verb.SHOW, ids=(found.id,))
    assert f"  {pair[0].id}  (no longer there as it was)" in said.lines
    said = await duplicates(settings, verb=Verb.SHOW, ids=(found.id,), listing=ListOptions(as_json=True))
    (told,) = json.loads(said.text)
    assert [each["is_there"] for each in told["assets"]] == [True, False, True]
    assert [each["partner_count"] for each in told["assets"]] == [1, 0, 0]


async def taken_back(settings: Settings, **options: object) -> list[str]:
    out = io.StringIO()
    await undo(settings, UndoOptions(**options), out=out, err=io.StringIO(), answers=io.StringIO())  # type: ignore[arg-type]
    return out.getvalue().splitlines()


async def test_files_of_one_name_are_told_apart_from_the_list_to_the_undoing(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    ours = immich.upload(ann, "IMG_1.JPG", b"\xff\xd8 one", at=NOON)
    theirs = immich.import_file(ann, "/mnt/photos/sea/IMG_1.JPG", b"\xff\xd8 another one", at=NOON)
    await immich.settle()
    await scanned(settings)
    (found,) = await put_sets(settings, ann, [ours, theirs], kind=DuplicateClass.EDITED, similarity=0.96)
    upload = f"IMG_1.JPG (upload, 6 bytes, {ours.id[:8]})"
    external = f"IMG_1.JPG (/mnt/photos/sea, 14 bytes, {theirs.id[:8]})"
    assert f"  {found.id}  {upload} + {external}  (edited" in (await duplicates(settings)).text
    said = await duplicates(settings, verb=Verb.KEEP, ids=(found.id, ours.id[:8].upper()))
    assert said.lines[1] == f"  keeps: {upload}"
    assert said.lines[2].startswith(f"  to the trash: {external}  (frees ")
    assert said.lines[-1].endswith(f"--external-ok says so.  ({external})")
    with pytest.raises(SettingsError, match=r"several files of the set are called 'IMG_1.JPG'"):
        await duplicates(settings, verb=Verb.KEEP, ids=(found.id, "IMG_1.JPG"))
    decide = Decide(yes=True, external_ok=True)
    said = await duplicates(settings, verb=Verb.KEEP, ids=(found.id, ours.id[:8]), decide=decide)
    assert (said.code, said.lines[-1]) == (ExitCode.DONE, f"  kept: {upload}; to the trash: {external}")
    assert [row.deleted_us is None for row in (ours, theirs)] == [True, False]
    assert (await taken_back(settings))[1].endswith(f"  kept: {upload}; to the trash: {external}")
    lines = await taken_back(settings, everything=True, yes=True)
    assert lines[1] == f"  back from the trash: {external}  (beside {upload})"
    assert lines[-1] == f"  back from the trash: {external}"
    assert theirs.deleted_us is None


async def test_an_objection_to_the_whole_is_about_nobody(
    immich: EmulatedImmich, ann: UserRow, pair: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    (found,) = await put_sets(settings, ann, pair)
    immich.set_trash(is_on=False)
    said = await duplicates(settings, verb=Verb.KEEP, ids=(found.id,))
    assert said.code == ExitCode.PARTLY_FAILED
    assert said.lines[-1].startswith("  not possible: Immich's trash is switched off")
    assert said.lines[-1].endswith("can switch it on.")


async def test_what_was_dismissed_is_taken_back_once(ann: UserRow, pair: list[AssetRow], settings: Settings) -> None:
    await scanned(settings)
    (found,) = await put_sets(settings, ann, pair)
    await duplicates(settings, verb=Verb.DISMISS, ids=(found.id,))
    said = await duplicates(settings, listing=ListOptions(dismissed=True, as_json=True))
    (dismissal,) = json.loads(said.text)
    said = await duplicates(settings, verb=Verb.UNDISMISS, ids=(dismissal["id"],))
    assert said.code == ExitCode.DONE
    (line,) = said.lines
    assert line.startswith("  the next search may list them again: ")
    assert set(line.partition(": ")[2].split(" + ")) == {"A.JPG", "B.JPG"}
    with pytest.raises(SettingsError, match="nothing was dismissed as"):
        await duplicates(settings, verb=Verb.UNDISMISS, ids=(dismissal["id"],))


async def test_an_album_that_takes_nothing_is_said_before_anybody_agrees(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    kept, copy = (immich.upload(ann, name, name.encode(), at=NOON) for name in ("A.JPG", "B.JPG"))
    album = immich.album(immich.add_user("Bob"), "Theirs", copy, viewers=(ann,))
    await immich.settle()
    await scanned(settings)
    (found,) = await put_sets(settings, ann, [kept, copy], kind=DuplicateClass.EDITED, similarity=0.96)
    said = await duplicates(settings, verb=Verb.KEEP, ids=(found.id,), decide=Decide(yes=True))
    assert said.code == ExitCode.PARTLY_FAILED
    (refused,) = [line for line in said.lines if "into which you may put nothing" in line]
    assert refused.startswith("  not possible: ")
    assert refused.endswith("--albums-ok says so.  ('Theirs')")
    assert {row.deleted_us for row in (kept, copy)} == {None}
    said = await duplicates(settings, verb=Verb.KEEP, ids=(found.id,), decide=Decide(yes=True, albums_ok=True))
    assert (said.code, said.lines[-1].partition("  (")[0]) == (ExitCode.DONE, "  kept: A.JPG; to the trash: B.JPG")
    assert any(line.startswith("  Note: ") and "into which you may put nothing" in line for line in said.lines)
    assert [row.deleted_us is None for row in (kept, copy)] == [True, False]
    assert kept.id not in album.assets
