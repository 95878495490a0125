"""One page of every kind, with everything on it that it can show; names are hostile where they are strangers'."""

from __future__ import annotations

from sidecar.ui.contexts.activity import ActivityPage, Deed, Taken
from sidecar.ui.contexts.duplicates import (
    Agreement,
    ComparePage,
    ConfirmPage,
    Copy,
    Counted,
    Dismissed,
    DismissedPage,
    DuplicatesPage,
    File,
    IdenticalGroup,
    IdenticalPage,
    ListedSet,
    Row,
    Sort,
    Thumb,
)
from sidecar.ui.contexts.duplicates import Tab as ClassTab
from sidecar.ui.contexts.error import ErrorPage
from sidecar.ui.contexts.frame import Frame, Notice, Page
from sidecar.ui.contexts.home import HomePage, Numbers
from sidecar.ui.contexts.photos import Card, Day, Filter, PhotosPage
from sidecar.ui.contexts.settings import (
    Choice,
    Control,
    Example,
    Option,
    PatternRow,
    Picture,
    Preview,
    Section,
    SettingsPage,
)
from sidecar.ui.contexts.status import Failure, Server, StatusPage, Work
from sidecar.ui.contexts.suggestions import Candidate, LoneRaw, Proposal, SuggestionsPage, Tab
from sidecar.ui.contexts.versions import Version, VersionsPage

BASE = "/sidecar"
ODD = "<b>\"IMG' & 1.JPG"
NOON_MS = 1_700_049_600_000
FRAME = Frame(
    "0.1.0", BASE, here="/photos", name=ODD, is_connected=True, csrf="c5f", duplicates=1234, suggestions=2,
    notice=Notice("It is done.", "/activity/a1/undo"),
)  # fmt: skip
STRANGER = Frame("0.1.0", BASE, "https://photos.example.org")

NUMBERS = Numbers(assets=123_456, stacks=41_800, duplicate_sets=2, pending=0, review=0, is_scanning=False)
HOME = HomePage(FRAME, "/auth/login", numbers=NUMBERS, can_connect=True)
NEWCOMER = HomePage(
    Frame("0.1.0", BASE, name="Ann", csrf="c5f"), "/auth/login", can_connect=True, permissions=("asset.read",)
)
SIGN_IN = HomePage(STRANGER, "https://photos.example.org/auth/login?continue=%2Fsidecar/")

PHOTOS = PhotosPage(
    FRAME,
    (
        Day(NOON_MS, (
            Card("a1", ODD, 3, f"{BASE}/groups/g1", "RAW + JPEG", f"{BASE}/duplicates/d1", "Identical"),
            Card("a2", "CLIP.MP4", duration_ms=61_000, is_video=True),
            Card("a3", "THEIRS.JPG", owner_name=ODD),
        )),
        Day(NOON_MS - 86_400_000, (Card("a4", "B.JPG", owner_name=""), Card("a5", "C.MP4", is_video=True))),
    ),
    (("Stacks", (Filter("group_type", "burst", "Burst", is_on=True), Filter("kind", "VIDEO", "Videos", is_on=False))),),
    ODD, "2023-11", f"{BASE}/photos?cursor=x", f"{BASE}/photos", is_filtered=True,
)  # fmt: skip


def _version(
    asset_id: str, *, is_cover: bool, is_shown: bool, is_trashed: bool = False, is_hidden: bool = False
) -> Version:
    return Version(
        asset_id, ODD, "RAW", 25_000_000, 6000, 4000, 1000, NOON_MS, is_cover=is_cover, is_shown=is_shown,
        is_video=is_hidden, is_trashed=is_trashed, is_hidden=is_hidden, select=f"{BASE}/groups/g1?version={asset_id}",
    )  # fmt: skip


VERSIONS = VersionsPage(
    FRAME, f"{BASE}/groups/g1", "RAW + JPEG", "r1",
    (
        _version("a1", is_cover=True, is_shown=False),
        _version("a2", is_cover=False, is_shown=True, is_hidden=True),
        _version("a3", is_cover=False, is_shown=False, is_trashed=True),
        Version("a4", "B", "JPEG", None, None, None, None, 0, is_cover=False, is_shown=False, is_video=False,
                is_trashed=False, is_hidden=False, select=f"{BASE}/groups/g1?version=a4"),
    ),
    ("They share the name <b>.",), f"{BASE}/photos?q=1", is_stack=True, is_ours=True, is_pending=False,
)  # fmt: skip

DUPLICATES = DuplicatesPage(
    FRAME,
    (ClassTab(f"{BASE}/duplicates?class=identical", "Identical", is_here=True, sets=1200, savings_bytes=1),),
    (Sort(f"{BASE}/duplicates?sort=newest", "Newest", is_here=True), Sort(f"{BASE}/duplicates", "Size", is_here=False)),
    (
        ListedSet(f"{BASE}/duplicates/d1", "Identical", 1.0, 5_000_000,
                  (Thumb("a1", ODD, is_suggested=True), Thumb("a2", "", is_suggested=False)), 3),
        ListedSet(f"{BASE}/duplicates/d2", "Identical", 0.98, 0, (Thumb("a3", "C", is_suggested=True),), 0),
    ),
    f"{BASE}/duplicates?cursor=x", f"{BASE}/duplicates/identical", "The same file.", f"{BASE}/duplicates/dismissed",
)  # fmt: skip


def _copy(asset_id: str, *, is_left: bool = False, is_right: bool = False, is_gone: bool = False) -> Copy:
    return Copy(
        asset_id, "" if is_gone else ODD, is_suggested=is_left, is_gone=is_gone, reason="Re-encoded",
        similarity=None if is_left else 0.98, select_left=f"{BASE}/duplicates/d1?left={asset_id}",
        select_right=f"{BASE}/duplicates/d1?right={asset_id}", is_left=is_left, is_right=is_right,
    )  # fmt: skip


COMPARE = ComparePage(
    FRAME, f"{BASE}/duplicates/d1", "Re-encoded", "The same picture.", 0.98, 5_000_000,
    (_copy("a1", is_left=True), _copy("a2", is_right=True), _copy("a3", is_gone=True)),
    (Row("Name", (ODD, ODD, ""), differs=True), Row("Size", ("1", "1", "1"), differs=False)),
    "it has more pixels", ("A partner has it, too.",), f"{BASE}/duplicates?class=re-encoded",
    f"{BASE}/duplicates/d1/next",
    (("class", "re-encoded"),),
)  # fmt: skip
CONFIRM = ConfirmPage(
    FRAME, f"{BASE}/duplicates/d1", (File("a1", ODD, 5),),
    (File("a2", "", None), File("a3", "B.CR3", 7, is_member=False)),
    ("Albums: <b>",), 5_000_000, (), ("Something goes.",), (Agreement("external", "They may go."),), ("a1", "a2"),
    (("class", "identical"),),
)  # fmt: skip
REFUSED = ConfirmPage(FRAME, f"{BASE}/duplicates/d1", (), (), (), 0, ("It is locked.",), (), (), (), ())
IDENTICAL = IdenticalPage(
    FRAME, "t1", 1200, 2400, 5_000_000, (IdenticalGroup(File("a1", ODD, 5), (File("a2", "", 5),), 20),),
    (Counted("One of them is locked.", 3),), (Counted("They are deleted.", 1),), with_external=True,
)  # fmt: skip
NOTHING_IDENTICAL = IdenticalPage(FRAME, "t1", 0, 0, 0, (), (), (), with_external=False)
DISMISSED = DismissedPage(
    FRAME, (Dismissed("e1", "by you", NOON_MS, (File("a1", ODD, None), File("a2", "", None)), 5),), f"{BASE}/x?cursor=1"
)

SUGGESTIONS = SuggestionsPage(
    FRAME, (Tab(f"{BASE}/suggestions?kind=proposed", "Uncertain", is_here=True),),
    (
        Proposal("g1", "r1", "Edited", is_repair=False, is_pending=False, reasons=("They share <b>.",), members=tuple(
            Candidate(f"a{place}", ODD, "JPEG", 5 if place else None, is_cover=not place) for place in range(3)
        )),
        Proposal("g2", "r2", "Stack", is_repair=True, is_pending=True, reasons=(),
                 members=(Candidate("a9", "B", "RAW", 1, is_cover=False),)),
    ),
    (LoneRaw("a8", ODD, None, (), None), LoneRaw("a7", "C.CR3", 5, ("No clock.",), f"{BASE}/groups/g1")),
    f"{BASE}/suggestions?cursor=x", "proposed", 2,
)  # fmt: skip
ACTIVITY = ActivityPage(
    FRAME,
    (
        Deed("j1", "Stacked", "by the rules", "done", is_done=True, is_trouble=False, problem=None, at_ms=NOON_MS,
             pictures=(Taken("a1", ODD, is_trashed=False), Taken("a2", "", is_trashed=True)), more=12, can_undo=True),
        Deed("j2", "Taken back", "by you", "failed", is_done=False, is_trouble=True, problem="It was given up.",
             at_ms=NOON_MS, pictures=(), more=0, can_undo=False),
    ),
    f"{BASE}/activity?cursor=x",
)  # fmt: skip
STATUS = StatusPage(
    FRAME, "Work is under way",
    (Work("Reading", "5 / 10", 5, 10, "about 2 min left", 1200), Work("Comparing", "up to date", 0, 0, None, 0)),
    problems=("Immich does not answer.",),
    failures=(
        Failure("f1", "A file could not be read", ODD, "It is broken <b>.", NOON_MS, can_be_retried=True),
        Failure("f2", "Your decision was not carried out", "", "refused", None, can_be_retried=False),
    ),
    older=f"{BASE}/status?cursor=x",
    server=Server("3.2.0", "Newer than any version.", ("making stacks", "webhooks"), may_be_misread=True),
)  # fmt: skip
SETTINGS = SettingsPage(
    FRAME, "r1", '{"a":"b"}',
    (
        Section("How", (
            Choice("ask_first", Control.SWITCH, "Ask", "First.", "user", is_on=True, wants_default=True),
            Choice("notify", Control.SWITCH, "Tell", "Me.", "built_in"),
            Choice("timestamp_tolerance_seconds", Control.NUMBER, "Most", "Seconds.", "server",
                   text=ODD, problem="No.", meanwhile=ODD),
            Choice("record", Control.SEVERAL, "Show", "Too.", "built_in",
                   options=(Option("edited", "Edited", is_on=True), Option("identical", "Same", is_on=False))),
            Choice("order", Control.ORDER, "Order", "First.", "built_in",
                   options=(Option("raw", "RAW", is_on=True), Option("jpeg", "JPEG", is_on=False))),
            Choice("paths", Control.LINES, "Paths", "One a line.", "built_in", text="/a\n/b"),
            Choice("patterns", Control.PATTERNS, "Names", "Patterns.", "built_in", is_on=True,
                   patterns=(PatternRow(ODD, is_trusted=True), PatternRow())),
        )),
    ),
    ("old_key",), is_bell_there=False,
    preview=Preview(50, 100, 50, "{}", ("One group.",), (Example("Stacked", (Picture("a1", ODD),), 3),), 2,
                    needs_search=True),
    is_changed=True,
)  # fmt: skip
ERROR = ErrorPage(FRAME, "Nothing is here", "It is gone.", f"{BASE}/", "Back")

PAGES: dict[str, Page] = {
    "home": HOME,
    "connect": NEWCOMER,
    "sign-in": SIGN_IN,
    "photos": PHOTOS,
    "versions": VERSIONS,
    "duplicates": DUPLICATES,
    "compare": COMPARE,
    "confirm": CONFIRM,
    "refused": REFUSED,
    "identical": IDENTICAL,
    "nothing-identical": NOTHING_IDENTICAL,
    "dismissed": DISMISSED,
    "suggestions": SUGGESTIONS,
    "activity": ACTIVITY,
    "status": STATUS,
    "settings": SETTINGS,
    "error": ERROR,
}
