from __future__ import annotations

from sidecar.commands.report import MOST_FILES, Report, called, files_of, lines, plural, summary
from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import AssetId, GroupId, OwnerId, Stack, StackId, User
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.journal import Action, ActionKind, ActionState, Entry
from sidecar.storage.scans import Scan, ScanState
from tests.builders import OWNER

SCAN = Scan(
    id=1, owner_id=OWNER, state=ScanState.DONE, expected=9, found=1, missing=0, broken=2, gone=3, stacks=0,
    attempts=1, error=None, requested_at_ms=0, began_at_ms=None, ended_at_ms=None,
)  # fmt: skip


def ids(*names: str) -> tuple[AssetId, ...]:
    return tuple(map(AssetId, names))


def action(kind: ActionKind, *names: str) -> Action:
    before = (Stack(StackId("s"), AssetId(names[0]), ids(*names)),) if kind is ActionKind.EXTEND_STACK else ()
    return Action(names[0], OWNER, GroupId(names[0]), "stem", kind, ids(*names), before, known_at_ms=0, members_at_ms=0)


def entry(of: Action, state: ActionState, error: str | None) -> Entry:
    return Entry(of, state, error, intended_at_ms=0, ended_at_ms=None)


def why(text: str) -> Reason:
    return Reason(ReasonCode.OTHER, text)


REVIEW = Finding(FindingKind.REVIEW, ids("j", "k"), (why("another fits as well"),))
REPAIR = Finding(FindingKind.REPAIR, ids("r"), (Reason(ReasonCode.LONELY_STACK),), "lonely_stack")


def report(
    actions: list[Entry],
    *findings: Finding,
) -> Report:
    of = {kind: [each for each in findings if each.kind is kind] for kind in FindingKind}
    shown = {asset_id for each in actions for asset_id in each.action.member_ids}
    shown |= {asset_id for each in findings for asset_id in each.asset_ids}
    return Report(
        user=User(OWNER, "Ann"),
        scan=SCAN,
        actions=actions,
        stacked=of[FindingKind.STACK],
        review=[*of[FindingKind.REVIEW], *of[FindingKind.REPAIR]],
        respected=of[FindingKind.RESPECTED],
        left_alone=of[FindingKind.LEFT_ALONE],
        names={asset_id: f"{asset_id}.jpg" for asset_id in shown},
    )


FULL = report(
    [
        entry(action(ActionKind.CREATE_STACK, "a", "b"), ActionState.DONE, None),
        entry(action(ActionKind.EXTEND_STACK, "c", "d", "e"), ActionState.DONE, None),
        entry(action(ActionKind.CREATE_STACK, "f", "g"), ActionState.FAILED, "no stacks on Sundays"),
        entry(action(ActionKind.CREATE_STACK, "h", "i"), ActionState.INTENDED, None),
    ],
    Finding(FindingKind.STACK, ids("a", "b"), (why("one name"),)),
    Finding(FindingKind.STACK, ids("c", "d", "e"), (why("one camera"),)),
    Finding(FindingKind.STACK, ids("h", "i"), ()),
    Finding(FindingKind.STACK, ids("x", "y"), (why("one name"),)),
    REVIEW,
    REPAIR,
    Finding(FindingKind.RESPECTED, ids("l", "m"), (why("you keep these apart"),)),
    Finding(FindingKind.LEFT_ALONE, ids("q", "p"), (why("a photo and a clip"),)),
    Finding(FindingKind.LEFT_ALONE, ids("n", "o"), (why("taken 3 s apart"),)),
)


def test_everything_is_listed_with_its_reason() -> None:
    assert list(lines(FULL)) == [
        "Ann: 1 asset looked at",
        "  Stacked: 1",
        "    a.jpg + b.jpg  (one name)",
        "  Added to a stack: 1",
        "    c.jpg + d.jpg + e.jpg  (one camera)",
        "  For you to decide (sidecar groups): 2",
        f"    {REVIEW.id}  j.jpg + k.jpg  (another fits as well)",
        f"    {REPAIR.id}  r.jpg  (only this one is left in its stack, which can be dissolved)",
        "  Left as you decided: 1",
        "    l.jpg + m.jpg  (you keep these apart)",
        "  Left alone: 2",
        "    n.jpg + o.jpg  (taken 3 s apart)",
        "    p.jpg + q.jpg  (a photo and a clip)",
        "  Not written: 2",
        "    f.jpg + g.jpg  (no stacks on Sundays)",
        "    h.jpg + i.jpg  (no reason given)",
        summary(FULL),
    ]
    assert summary(FULL) == (
        "Ann: 1 stack made, 1 extended, 1 already right, 2 for you to decide, 2 left alone, 1 left as you decided, "
        "2 unreadable, 3 gone from Immich, 1 not written"
    )


def test_a_dry_run_says_what_would_be() -> None:
    planned = report([entry(action(ActionKind.EXTEND_STACK, "a", "b", "c"), ActionState.INTENDED, None)])
    shown = list(lines(planned, is_dry_run=True))
    assert shown[1:3] == ["  Would add to a stack: 1", "    a.jpg + b.jpg + c.jpg"]
    assert "1 would be extended" in shown[-1]
    assert not any("Not written" in line for line in shown)


def test_long_lists_are_cut_and_counted() -> None:
    many = report([], *(Finding(FindingKind.LEFT_ALONE, ids(f"{n:02}"), (why("why"),)) for n in range(5)))
    assert list(lines(many, most=2))[1:5] == [
        "  Left alone: 5",
        "    00.jpg  (why)",
        "    01.jpg  (why)",
        "    … and 3 more (--all lists them)",
    ]
    assert sum("(why)" in line for line in lines(many, most=None)) == 5


def test_names_cannot_move_the_cursor_and_long_ones_lose_their_middle() -> None:
    odd = report([], Finding(FindingKind.REVIEW, ids("\x1b[2J\n" + "x" * 200), (why("\x07"),)))
    line = list(lines(odd))[2]
    assert line.isprintable()
    assert len(line) < 100
    assert line.strip().endswith(".jpg  (�)")
    assert "�[2J�xxx" in line


def test_of_very_many_files_most_are_only_counted() -> None:
    every = ids(*(str(number) for number in range(MOST_FILES + 1)))
    assert files_of(every[:-1], {}).count(" + ") == MOST_FILES - 1
    assert files_of(every, {}).endswith(" + 10 and 2 more")
    assert files_of((), {}) == ""


def test_users_of_one_name_have_their_id_beside_it() -> None:
    ann, other, bob = (User(OwnerId(name), name) for name in ("Ann", "aNN", "B\x1bob"))
    every = [ann, other, bob]
    assert [called(each, every) for each in every] == ["Ann (Ann)", "aNN (aNN)", "B\ufffdob"]


def test_the_name_of_a_user_cannot_move_the_cursor() -> None:
    odd = Report(User(OWNER, "A\x1b[2J"), SCAN, [], [], [], [], [], {})
    assert all(line.isprintable() for line in lines(odd))


def test_a_count_has_its_noun_in_its_form() -> None:
    assert [plural(count, "write") for count in (0, 1, 2)] == ["0 writes", "1 write", "2 writes"]
