"""From a scan to a decision and back, with files that are really the same."""

from __future__ import annotations

import io
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
from PIL import Image

from sidecar.commands.duplicates.command import Verb
from sidecar.commands.duplicates.deciding import Decide
from sidecar.commands.duplicates.listing import ListOptions
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.scan import ScanOptions, scan
from sidecar.commands.undo import UndoOptions, undo
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.errors import ImmichUnavailable, SettingsError
from sidecar.preferences import Detection
from sidecar.settings import Settings
from sidecar.storage.database import open_database
from sidecar.wiring import open_services
from sidecar.worker import running_worker
from tests.commands.duplicates.drawer import Said, duplicates
from tests.jobs.household import NOON

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

KEEP, SHOW, DISMISS, UNDISMISS = Verb.KEEP, Verb.SHOW, Verb.DISMISS, Verb.UNDISMISS


def picture(seed: int, *, size: int = 400, quality: int = 92) -> bytes:
    """A picture with large and small features, the same for the same seed at any size."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.fixture
async def copies(immich: EmulatedImmich, ann: UserRow) -> list[AssetRow]:
    """An upload, the same file in an external library, and a picture of its own."""
    rows = [
        immich.upload(ann, "IMG_1.jpg", picture(1), at=NOON),
        immich.import_file(ann, "/mnt/photos/holiday/copy.jpg", picture(1), at=NOON + timedelta(days=1)),
        immich.upload(ann, "IMG_2.jpg", picture(2), at=NOON + timedelta(days=2)),
    ]
    await immich.settle()
    return rows


async def searched(settings: Settings, **options: object) -> Said:
    out, err = io.StringIO(), io.StringIO()
    code = await scan(settings, ScanOptions(duplicates=True, **options), out=out, err=err)  # type: ignore[arg-type]
    return Said(code, out.getvalue().splitlines(), err.getvalue())


async def taken_back(settings: Settings, **options: object) -> Said:
    out, err = io.StringIO(), io.StringIO()
    code = await undo(settings, UndoOptions(**options), out=out, err=err, answers=io.StringIO())  # type: ignore[arg-type]
    return Said(code, out.getvalue().splitlines(), err.getvalue())


async def only_set(settings: Settings) -> str:
    said = await duplicates(settings, listing=ListOptions(as_json=True))
    (found,) = json.loads(said.text)
    return str(found["id"])


async def keep(settings: Settings, *words: str, answers: TextIO | None = None, **options: bool) -> Said:
    return await duplicates(settings, answers=answers, verb=KEEP, ids=words, decide=Decide(**options))


async def test_a_scan_without_the_word_searches_for_nothing(copies: list[AssetRow], settings: Settings) -> None:
    assert len(copies) == 3
    out = io.StringIO()
    assert await scan(settings, ScanOptions(), out=out, err=io.StringIO()) == ExitCode.DONE
    assert "duplicates" not in out.getvalue()
    assert "not searched for duplicates yet" in (await duplicates(settings)).text


async def test_a_search_is_followed_to_its_end_and_summed_up_by_class(
    copies: list[AssetRow], settings: Settings
) -> None:
    assert len(copies) == 3
    said = await searched(settings)
    assert said.code == ExitCode.DONE
    assert "Ann: 1 set of duplicates" in said.lines
    assert [line.partition(";")[0] for line in said.lines if line.startswith("  identical")] == [
        "  identical: 1 set of 2 files"
    ]
    assert any("3 pictures looked at" in line and "files compared" in line for line in said.lines)
    assert "Ann: done: 1 set of duplicates" in said.err
    # What is known is not read again.
    again = await searched(settings)
    assert any("0 pictures looked at, 0 files compared, 0 bytes read" in line for line in again.lines)


async def test_a_dry_run_finds_and_writes_nothing(
    immich: EmulatedImmich, copies: list[AssetRow], settings: Settings
) -> None:
    said = await searched(settings, dry_run=True)
    assert said.code == ExitCode.DONE
    assert "Ann: 1 set of duplicates" in said.lines
    assert any("copy.jpg" in line and "IMG_1.jpg" in line and "(identical" in line for line in said.lines)
    assert not settings.data_dir.exists()
    assert all(row.duplicate_id is None for row in copies)
    assert not immich.traffic.calls_of("PUT", "*")


async def test_a_search_that_is_off_says_so(copies: list[AssetRow], settings: Settings) -> None:
    assert len(copies) == 3
    off = settings.model_copy(update={"detection": Detection(enable_exact_match=False, enable_perceptual_match=False)})
    said = await searched(off)
    assert said.code == ExitCode.DONE
    assert said.lines[-1] == "Ann: duplicate search is off; `sidecar settings` shows which layer says so"


async def test_a_search_joins_the_sidecar_that_runs(copies: list[AssetRow], settings: Settings) -> None:
    assert len(copies) == 3
    async with open_services(settings) as services, running_worker(services.jobs):
        said = await searched(settings)
        assert said.code == ExitCode.DONE
        assert "another sidecar works on this data folder" in said.err
        assert "Ann: 1 set of duplicates" in said.lines


async def test_a_running_sidecar_that_does_not_search_is_noticed(
    copies: list[AssetRow], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(copies) == 3
    monkeypatch.setattr("sidecar.commands.searching.GUEST_PATIENCE_S", 0.3)
    await scan(settings, ScanOptions(), out=io.StringIO(), err=io.StringIO())
    from sidecar.commands import searching  # noqa: PLC0415

    async with open_services(settings), open_services(settings, may_be_guest=True) as guest:
        (account,) = guest.accounts.connected.values()
        with pytest.raises(ImmichUnavailable, match="does not take up the search for Ann"):
            await searching.search_for_duplicates(guest, [account], io.StringIO())


async def test_a_set_is_shown_with_all_that_tells_its_copies_apart(
    immich: EmulatedImmich, ann: UserRow, copies: list[AssetRow], settings: Settings
) -> None:
    upload, external, _ = copies
    immich.album(ann, "Holiday\x1b", external)
    await searched(settings)
    set_id = await only_set(settings)
    said = await duplicates(settings, verb=SHOW, ids=(set_id[:6].upper(), set_id))
    assert said.code == ExitCode.DONE
    head, *lines = said.lines
    assert head.startswith(f"{set_id}  identical, 2 copies; keeping one frees ")
    assert lines[0] == f"  copy.jpg  {external.id} (suggested to be kept)"
    assert lines[1] == "      why: it is in more albums"
    assert lines[2] == "      external library: /mnt/photos/holiday/copy.jpg"
    assert "400 x 400, jpeg" in lines[3]
    assert lines[4] == "      in 'Holiday�'"
    assert lines[5] == f"  IMG_1.jpg  {upload.id}"
    assert lines[6] == "      identical: the same bytes"
    assert lines[7] == "      uploaded"
    assert lines[-1].startswith("  Note: a file of an external library that goes to the trash is deleted")
    said = await duplicates(settings, verb=SHOW, ids=(set_id,), listing=ListOptions(as_json=True))
    (found,) = json.loads(said.text)
    assert found["suggested_because"] == "it is in more albums"
    assert found["assets"][0]["path"] == "/mnt/photos/holiday/copy.jpg"
    assert found["assets"][0]["albums"] == [{"name": "Holiday\x1b", "is_shared": False}]
    assert found["assets"][0]["sha256"] == found["assets"][1]["sha256"]


async def test_what_is_decided_is_shown_before_done_after_and_can_be_taken_back(
    immich: EmulatedImmich, ann: UserRow, copies: list[AssetRow], settings: Settings
) -> None:
    upload, external, other = copies
    album = immich.album(ann, "Holiday", upload)
    immich.state.write(upload, is_favorite=True)
    await searched(settings)
    set_id = await only_set(settings)
    # Nobody is here to say yes.
    said = await keep(settings, set_id, "COPY.jpg")
    assert said.code == ExitCode.BAD_USE
    assert "nobody is here to say yes" in said.err
    assert said.lines[0] == f"{set_id}  identical"
    assert said.lines[1] == "  keeps: copy.jpg"
    assert said.lines[2].startswith("  to the trash: IMG_1.jpg  (frees ")
    assert said.lines[3] == "  copy.jpg gets the heart of a favourite, into the album 'Holiday'"
    assert upload.deleted_us is None
    said = await keep(settings, set_id, external.id, yes=True)
    assert (said.code, said.err) == (ExitCode.DONE, "")
    assert said.lines[-1] == "  kept: copy.jpg; to the trash: IMG_1.jpg"
    assert (upload.deleted_us is None, external.is_favorite) == (False, True)
    assert external.id in album.assets
    assert (await duplicates(settings)).lines[0] == "Ann: 0 sets of duplicates"
    with pytest.raises(SettingsError, match="it was decided, or its files have changed since"):
        await keep(settings, set_id, yes=True)
    listed = await taken_back(settings)
    assert listed.lines[0] == "Ann: 1 write can be taken back"
    name, *_ = listed.lines[1].split()
    assert listed.lines[1].endswith("kept: copy.jpg; to the trash: IMG_1.jpg")
    said = await taken_back(settings, actions=(name,), yes=True)
    assert said.code == ExitCode.DONE
    assert said.lines[:2] == [
        "Ann: would take back 1 decision about duplicates",
        "  back from the trash: IMG_1.jpg  (beside copy.jpg)",
    ]
    assert said.lines[-1] == "  back from the trash: IMG_1.jpg"
    assert (upload.deleted_us, external.is_favorite) == (None, False)
    assert external.id not in album.assets
    assert other.deleted_us is None
    said = await taken_back(settings, actions=(name,), yes=True)
    assert said.code == ExitCode.PARTLY_FAILED
    assert said.lines[-3:] == [
        "Ann: 1 decision about duplicates cannot be taken back",
        "  IMG_1.jpg  (taken back already)",
        "Nothing is taken back.",
    ]
    assert (await taken_back(settings)).lines == ["Ann: 0 writes can be taken back"]


async def test_a_person_is_asked(copies: list[AssetRow], settings: Settings, person: tuple[int, TextIO]) -> None:
    typing, answers = person
    upload, external, _ = copies
    await searched(settings)
    set_id = await only_set(settings)
    os.write(typing, b"n\n")
    said = await keep(settings, set_id, upload.id, answers=answers, external_ok=True)
    assert (said.code, said.lines[-1]) == (ExitCode.PARTLY_FAILED, "Nothing was changed.")
    assert said.err == "Keep and trash so? [y/N] "
    assert external.deleted_us is None
    os.write(typing, b"y\n")
    said = await keep(settings, set_id[:5], upload.id, answers=answers, external_ok=True)
    assert (said.code, said.lines[-1]) == (ExitCode.DONE, "  kept: IMG_1.jpg; to the trash: copy.jpg")
    assert any(line.startswith("  Note: Immich deletes files of an external library") for line in said.lines)
    assert external.deleted_us is not None


async def test_what_cannot_be_done_says_why_and_changes_nothing(
    immich: EmulatedImmich, copies: list[AssetRow], settings: Settings
) -> None:
    upload, external, _ = copies
    await searched(settings)
    set_id = await only_set(settings)
    said = await keep(settings, set_id, upload.id, yes=True)
    assert said.code == ExitCode.PARTLY_FAILED
    assert said.lines[-1].startswith("  not possible: A file of an external library would go.")
    assert said.lines[-1].endswith("--external-ok says so.  (copy.jpg)")
    said = await keep(settings, set_id, upload.id, external.id, yes=True)
    assert any("Everything would be kept" in line for line in said.lines)
    immich.set_trash(is_on=False)
    said = await keep(settings, set_id, external.id, yes=True)
    assert said.code == ExitCode.PARTLY_FAILED
    assert "Immich's trash is switched off" in said.lines[-1]
    assert {row.deleted_us for row in copies} == {None}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["xyz"], "'xyz' is no name of a set; `sidecar duplicates` lists them", id="no hex digits"),
        pytest.param(["abc"], "give at least 4 characters", id="too short"),
        pytest.param(["0123456789ab"], "it was decided, or its files have changed since", id="unknown"),
    ],
)
async def test_words_that_name_no_set_say_what_would(
    ann: UserRow, settings: Settings, words: list[str], says: str
) -> None:
    assert ann.name == "Ann"
    for verb in (SHOW, KEEP, DISMISS):
        with pytest.raises(SettingsError) as caught:
            await duplicates(settings, verb=verb, ids=tuple(words))
        assert says in str(caught.value)


async def test_a_file_that_is_not_in_the_set_is_not_kept(copies: list[AssetRow], settings: Settings) -> None:
    await searched(settings)
    set_id = await only_set(settings)
    with pytest.raises(SettingsError, match=r"no file of the set is called 'IMG_9.jpg'; it has "):
        await keep(settings, set_id, "IMG_9.jpg", yes=True)
    assert {row.deleted_us for row in copies} == {None}


async def test_identical_files_are_kept_once_in_one_go(
    immich: EmulatedImmich, ann: UserRow, copies: list[AssetRow], settings: Settings
) -> None:
    twin = immich.import_file(ann, "/mnt/photos/twin.jpg", picture(2), at=NOON + timedelta(days=3))
    await immich.settle()
    immich.state.write(copies[1], is_favorite=True)
    await searched(settings)
    said = await keep(settings, identical=True)
    assert said.code == ExitCode.BAD_USE
    assert said.lines[0].startswith(
        "Ann: would keep one of each in 1 group of identical files in 1 set; 1 file would go"
    )
    assert any("left alone: 1 group  (A file of an external library would go." in line for line in said.lines)
    said = await keep(settings, identical=True, yes=True, external_ok=True)
    assert said.code == ExitCode.DONE
    assert any("Note: 1 of them of external libraries" in line for line in said.lines)
    assert [line for line in said.lines if line.startswith("  kept")] != []
    assert copies[0].deleted_us is not None
    assert [copies[1].deleted_us, copies[2].deleted_us] == [None, None]
    assert twin.deleted_us is not None
    said = await keep(settings, identical=True, yes=True)
    assert (said.code, said.lines[-1]) == (ExitCode.DONE, "Nothing is to be done.")
    said = await taken_back(settings, everything=True, yes=True)
    assert said.code == ExitCode.DONE
    assert {row.deleted_us for row in (*copies, twin)} == {None}


async def test_a_bulk_that_changed_while_a_person_thought_is_not_decided(
    copies: list[AssetRow], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    immich_has = {row.deleted_us for row in copies}
    await searched(settings)

    async def changes_meanwhile(_question: str, **_streams: object) -> ExitCode:
        url = f"sqlite+aiosqlite:///{settings.data_dir / 'sidecar.db'}"
        async with open_database(url) as database, database.write() as connection:
            await connection.exec_driver_sql("DELETE FROM duplicate_sets")
            await connection.exec_driver_sql("DELETE FROM duplicate_set_members")
        return ExitCode.DONE

    monkeypatch.setattr("sidecar.commands.duplicates.deciding.consent", changes_meanwhile)
    said = await keep(settings, identical=True, external_ok=True)
    assert said.code == ExitCode.PARTLY_FAILED
    assert said.lines[-1].startswith("  not decided: Ann  (The identical files have changed")
    assert {row.deleted_us for row in copies} == immich_has


async def test_the_bulk_is_refused_while_the_trash_is_off(
    immich: EmulatedImmich, copies: list[AssetRow], settings: Settings
) -> None:
    await searched(settings)
    immich.set_trash(is_on=False)
    said = await keep(settings, identical=True, yes=True, external_ok=True)
    assert said.code == ExitCode.PARTLY_FAILED
    assert "trash is switched off" in said.text
    assert {row.deleted_us for row in copies} == {None}


async def test_what_is_dismissed_is_listed_no_more_until_that_is_taken_back(
    copies: list[AssetRow], settings: Settings
) -> None:
    assert len(copies) == 3
    await searched(settings)
    set_id = await only_set(settings)
    said = await duplicates(settings, verb=DISMISS, ids=(set_id, set_id[:6]))
    assert said.code == ExitCode.DONE
    assert len(said.lines) == 1
    assert said.lines[0].startswith("  no duplicates, and not listed again: ")
    assert "Ann: 0 sets of duplicates" in (await searched(settings)).lines
    listed = await duplicates(settings, listing=ListOptions(dismissed=True))
    assert listed.lines[0] == "Ann: 1 decision that files are no duplicates"
    name, files = listed.lines[1].split(maxsplit=1)
    assert files == "IMG_1.jpg + copy.jpg  (you dismissed them)"
    said = await duplicates(settings, listing=ListOptions(dismissed=True, as_json=True))
    (found,) = json.loads(said.text)
    assert (found["id"].startswith(name), found["source"]) == (True, "dismissed")
    for word, says in ((name[:3], "at least 4"), ("ffffffff-", "nothing was dismissed as")):
        with pytest.raises(SettingsError, match=says):
            await duplicates(settings, verb=UNDISMISS, ids=(word,))
    said = await duplicates(settings, verb=UNDISMISS, ids=(name,))
    assert said.lines == ["  the next search may list them again: " + said.lines[0].partition(": ")[2]]
    assert "Ann: 1 set of duplicates" in (await searched(settings)).lines


async def test_the_folder_of_a_dry_run_is_gone(copies: list[AssetRow], settings: Settings, tmp_path: Path) -> None:
    assert len(copies) == 3
    await searched(settings, dry_run=True)
    assert not list(tmp_path.iterdir())
