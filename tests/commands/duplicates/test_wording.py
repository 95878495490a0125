"""What people read, where a whole run would need a library for each sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.commands.duplicates.deciding import _bulk_lines, _gained, _objection
from sidecar.commands.duplicates.details import MOST_SHOWN, SetDetails, _Shown, _why
from sidecar.commands.duplicates.files import File
from sidecar.commands.duplicates.resolved import _told
from sidecar.commands.duplicates.undoing import Restoring, check_named
from sidecar.commands.report import size_of
from sidecar.duplicates.classes import DuplicateClass
from sidecar.duplicates.keeper import Preference
from sidecar.duplicates.merging import Gain, Part, PartKind
from sidecar.duplicates.verdict import CONCERNS, SENTENCES, Concern, Objection, Refusal
from sidecar.errors import SettingsError
from sidecar.immich_client.details import Album
from sidecar.jobs.duplicates.decide import BulkPreview
from sidecar.jobs.duplicates.restore import UndoPreview
from sidecar.model import Original, StackId
from sidecar.storage.duplicate_sets import SetMember, StoredSet
from sidecar.storage.originals import Present
from sidecar.storage.resolutions import Resolution, ResolutionState
from tests.builders import OWNER, asset_id, make_asset

A, B = asset_id(901), asset_id(902)
FILES = {A: File("A.JPG", None, 5), B: File("B.JPG", None, 5)}
ORIGINAL = Original("/up/x", None, "c", 1, None, is_favorite=True, duplicate_id=None)
DONE = Resolution("r1", OWNER, "0" * 12, (A,), (B,), state=ResolutionState.DONE, ended_at_ms=1)


def member(number: int, kind: DuplicateClass = DuplicateClass.EDITED, **changes: object) -> SetMember:
    found = SetMember(asset_id(number), asset_id(number), kind, 0.961, "alike", False, None, "seen")
    return replace(found, **changes)  # type: ignore[arg-type]  # names are checked by dataclasses.replace itself


def details(*copies: _Shown, kind: DuplicateClass = DuplicateClass.EDITED) -> SetDetails:
    found = StoredSet("0" * 12, kind, A, 5, 0.9, tuple(each.member for each in copies), 1, len(copies))
    return SetDetails(None, found, copies, None)  # type: ignore[arg-type]  # texts need no account


def test_a_copy_is_described_with_what_is_known_of_it() -> None:
    asset = make_asset("B\x1b.xyz", id=B, size_bytes=None, width=None, make=None, model=None, original=ORIGINAL)
    present = Present(asset, StackId("s"), is_primary=True, stack_size=3, sha256=None, sha1=None)
    album = Album("1", "Us", OWNER, is_shared=True, has_link=False, asset_count=1, writer_ids=frozenset())
    lines = list(details(_Shown(member(902), present, [album], 2)).texts())
    assert lines == [
        "000000000000  edited, 1 copies; keeping one frees 5 bytes",
        f"  B�.xyz  {B}",
        "      edited, alike by 0.961: alike",
        "      uploaded",
        "      size not known yet, format not known, 2024-05-01 12:00:00",
        "      a favourite, in a stack of 3, in 'Us' (shared), 2 partners have the same file",
        "  Note: these are nearly the same picture, not the same; look at them before you decide",
    ]


def test_what_is_gone_and_what_says_little_is_told() -> None:
    gone = details(_Shown(member(901), None, None, 0), kind=DuplicateClass.FEATURELESS)
    assert list(gone.texts())[1:] == [
        f"  {A}  (no longer there as it was)",
        "  Note: these pictures have hardly any content; that they are alike says little",
        "  Note: 1 file of the set changed or went since; the next search for duplicates finds out",
        "  Note: Immich was not asked which albums the copies are in",
    ]
    suggested = Present(
        make_asset(id=A, original=ORIGINAL), None, is_primary=False, stack_size=0, sha256=None, sha1=None
    )
    lines = list(details(_Shown(member(901, is_suggested=True), suggested, (), 1)).texts())
    assert "      why: it was the best when the set was found" in lines
    assert "      a favourite, a partner of yours has the same file" in lines
    assert _why(gone.found, {}, {}, Preference()) is None


def test_of_large_sets_the_first_copies_are_shown() -> None:
    lines = list(details(*(_Shown(member(number), None, (), 0) for number in range(MOST_SHOWN + 2))).texts())
    assert sum("no longer there" in line for line in lines) == MOST_SHOWN
    assert "  … and 2 more (--json lists them)" in lines


def test_what_the_kept_copy_gains_is_said_in_words() -> None:
    kinds = (PartKind.FAVORITE, PartKind.TAG, PartKind.ALBUM, PartKind.ALBUM, PartKind.LINK)
    parts = tuple(Part(kind, str(number)) for number, kind in enumerate(kinds))
    gain = Gain(parts, rating=4, description="sea", place=(1.0, 2.0))
    assert list(_gained(gain, {"2": "Sea"})) == [
        "the heart of a favourite", "the rating 4", "their description", "their place", "1 tag",
        "into the albums 'Sea', '3'", "into 1 public link",
    ]  # fmt: skip
    assert list(_gained(Gain(), {})) == []


def test_decisions_are_told_with_what_went_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.commands.duplicates.resolved.MOST_TOLD", 1)
    undone = replace(DONE, state=ResolutionState.UNDONE, error="1 files were deleted for good meanwhile.")
    failed = replace(DONE, state=ResolutionState.FAILED, error="no\x1b")
    waits = replace(DONE, state=ResolutionState.MERGING)
    assert list(_told([undone, DONE], [failed, waits], FILES)) == [
        "  back from the trash: B.JPG  (1 files were deleted for good meanwhile.)",
        "  … and 1 more decision carried out",
        "  not done: kept: A.JPG; to the trash: B.JPG  (no�)",
        "  not yet, the sidecar goes on with it: kept: A.JPG; to the trash: B.JPG  (no answer yet)",
    ]


def test_what_cannot_come_back_is_said_before() -> None:
    previews = [
        UndoPreview(DONE, gone=(B,)),
        UndoPreview(DONE),
        UndoPreview(DONE, why_not="taken back already"),
        UndoPreview(DONE, why_not="taken back already"),
    ]
    back = Restoring(None, "Ann", previews, FILES)  # type: ignore[arg-type]  # lines need no account
    assert list(back.lines(None))[:3] == [
        "Ann: would take back 2 decisions about duplicates",
        "  deleted for good meanwhile, and does not come back: B.JPG  (beside A.JPG)",
        "  nothing is in the trash any more  (beside A.JPG)",
    ]
    assert [line for line in back.lines(1) if "more" in line] == ["  … and 1 more (--full lists them)"] * 2


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param(ResolutionState.INTENDED, "still being carried out", id="it waits"),
        pytest.param(ResolutionState.TRASHING, "still being carried out", id="it is under way"),
        pytest.param(ResolutionState.WITHDRAWN, r"never carried out, so nothing is to be done \(withdrawn\)", id="not"),
    ],
)
def test_only_what_was_carried_out_can_be_named(state: ResolutionState, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        check_named("r1", replace(DONE, state=state))
    for over in (ResolutionState.DONE, ResolutionState.FAILED, ResolutionState.UNDONE, ResolutionState.UNDOING):
        check_named("r1", replace(DONE, state=over))


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"),
     (5_000_000_000_000, "5.0 TB")],
)  # fmt: skip
def test_sizes_are_short(size_bytes: int, text: str) -> None:
    assert size_of(size_bytes) == text


def test_an_objection_names_whom_it_is_about_and_the_word_that_allows_it() -> None:
    assert _objection(Objection(Refusal.EXTERNAL), "A.JPG").endswith(" --external-ok says so.  (A.JPG)")
    assert _objection(Objection(Refusal.KEEPS_NOTHING), "") == SENTENCES[Refusal.KEEPS_NOTHING]


@pytest.mark.parametrize(
    ("most", "groups"),
    [
        pytest.param(None, 3, id="all of them"),
        pytest.param(3, 3, id="as many as there are"),
        pytest.param(1, 1, id="the first"),
    ],
)
def test_identical_files_are_shown_one_by_one_before_the_question(most: int | None, groups: int) -> None:
    twins = {A: File("IMG.JPG", "/mnt/a", 5), B: File("IMG.JPG", None, 5)}
    seen = BulkPreview(
        sets=3,
        groups=3,
        files=3,
        freed_bytes=15,
        external=1,
        left_alone={Refusal.EXTERNAL: 2, Refusal.LOSES_MOTION: 1},
        cautions={Concern.EXTERNAL: 1, Concern.FEWER_PIXELS: 1, Concern.SHARED_ALBUM: 2},
        decisions=((A, (B,)),) * 3,
        token="t",  # no secret
    )
    _, *lines = _bulk_lines("Ann", seen, twins, most)
    pair = f"  keeps: IMG.JPG (/mnt/a, 5 bytes, {A}); to the trash: IMG.JPG (upload, 5 bytes, {B})"
    assert lines[:groups] == [pair] * groups
    rest = lines[groups:]
    if groups < len(seen.decisions):
        assert rest.pop(0) == "  … and 2 more groups (--all lists them)"
    assert rest[1:] == [
        f"  Note: of 1 group: {CONCERNS[Concern.FEWER_PIXELS]}",
        f"  Note: of 2 groups: {CONCERNS[Concern.SHARED_ALBUM]}",
        f"  left alone: 2 groups  ({SENTENCES[Refusal.EXTERNAL]} --external-ok says so.)",
        f"  left alone: 1 group  ({SENTENCES[Refusal.LOSES_MOTION]})",
    ]
    assert rest[0].startswith("  Note: 1 of them of external libraries")
