from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sidecar.commands import waiting, writes
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.groups import GroupsOptions, Listed, show_or_decide
from sidecar.commands.scan import ScanOptions, scan
from sidecar.commands.verdicts import Verdict, Wish
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.errors import SettingsError
from sidecar.grouping.memory import DecisionSource
from sidecar.jobs.wishes import keep_apart
from sidecar.model import AssetId, OwnerId
from sidecar.preferences import Matching
from sidecar.settings import Settings
from sidecar.wiring import open_services
from sidecar.worker import running_worker
from tests.jobs.household import NOON

pytestmark = pytest.mark.timeout(60)

ACCEPT, REJECT = Verdict.ACCEPT, Verdict.REJECT


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def settings(immich: EmulatedImmich, ann: UserRow, tmp_path: Path) -> Settings:
    """Of a library in which everything is asked first."""
    return Settings(
        immich_url=immich.url,
        api_keys=(SecretStr(immich.add_key(ann)),),
        data_dir=tmp_path / "data",
        port=0,
        matching=Matching(ask_first=True),
    )


@pytest.fixture
def shot(immich: EmulatedImmich, ann: UserRow) -> list[AssetRow]:
    return shoot(immich, ann, "IMG_1.CR3", "IMG_1.JPG")


def shoot(immich: EmulatedImmich, user: UserRow, *names: str, minute: int = 0, **facts: Any) -> list[AssetRow]:
    return [immich.add_asset(user, name, taken_at=NOON + timedelta(minutes=minute), **facts) for name in names]


def with_key(settings: Settings, key: str) -> Settings:
    return settings.model_copy(update={"api_keys": (*settings.api_keys, SecretStr(key))})


def acting(settings: Settings) -> Settings:
    return settings.model_copy(update={"matching": Matching()})


async def scanned(settings: Settings) -> None:
    assert await scan(settings, ScanOptions(), out=io.StringIO(), err=io.StringIO()) == ExitCode.DONE


async def groups(settings: Settings, **options: Any) -> tuple[ExitCode, str, str]:
    out, err = io.StringIO(), io.StringIO()
    wish = Wish(**{word: options.pop(word) for word in ("ids", "only", "cover") if word in options})
    code = await show_or_decide(settings, GroupsOptions(wish=wish, **options), out=out, err=err)
    return code, out.getvalue(), err.getvalue()


async def proposals(settings: Settings) -> list[dict[str, Any]]:
    code, out, _ = await groups(settings, as_json=True)
    assert code == ExitCode.DONE
    found: list[dict[str, Any]] = json.loads(out)
    return found


async def only_id(settings: Settings) -> str:
    (proposal,) = await proposals(settings)
    return str(proposal["id"])


def shown(immich: EmulatedImmich, user: UserRow) -> list[list[str]]:
    assets = immich.state.assets.values()
    return sorted(
        [
            immich.state.assets[stack.primary_id].name,
            *sorted(row.name for row in assets if row.stack_id == stack.id and row.id != stack.primary_id),
        ]
        for stack in immich.stacks_of(user)
    )


def writes_to(immich: EmulatedImmich) -> list[str]:
    return [call.path for call in immich.calls if call.method != "GET" and not call.path.startswith("/search/")]


async def test_what_waits_is_listed_with_its_reasons_and_nothing_is_changed(
    immich: EmulatedImmich, shot: list[AssetRow], settings: Settings
) -> None:
    assert len(shot) == 2
    await scanned(settings)
    name = await only_id(settings)
    code, out, err = await groups(settings)
    assert (code, err) == (ExitCode.DONE, "")
    assert out.splitlines() == [
        "Ann: 1 proposal for you to decide",
        f"  {name}  IMG_1.JPG + IMG_1.CR3  (RAW and picture: to be stacked)",
        f"  {'':10}    you want to be asked first",
        f"  {'':10}    one name: img_1",
        f"  {'':10}    taken at the same second",
        f"  {'':10}    one camera: Canon EOS R5",
        f"Decide with: sidecar groups accept {name}, or: sidecar groups reject {name}",
    ]
    assert writes_to(immich) == []


async def test_before_the_first_scan_nothing_is_known_and_that_is_told(settings: Settings) -> None:
    _, out, _ = await groups(settings)
    assert out.splitlines() == [
        "Ann: 0 proposals for you to decide",
        "  this library was not scanned to its end yet: `sidecar scan` does that",
    ]
    assert await proposals(settings) == []
    await scanned(settings)
    _, out, _ = await groups(settings)
    assert out == "Ann: 0 proposals for you to decide\n"


async def test_json_has_the_same_keys_for_everything_and_no_character_that_a_terminal_obeys(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    odd = shoot(immich, ann, "A\x1b[2J\x9b\u202eü.CR3", "A\x1b[2J\x9b\u202eü.JPG")
    await scanned(settings)
    _, out, _ = await groups(settings, as_json=True, most=None)
    assert out.replace("\n", "").isascii()
    assert out.replace("\n", "").isprintable()
    (proposal,) = json.loads(out)
    assert proposal.pop("id").isalnum()
    assert proposal.pop("reasons")[0] == "you want to be asked first"
    assert proposal == {
        "user": "Ann",
        "user_id": ann.id,
        "subject": "raw_jpeg",
        "source": None,
        "assets": [{"id": row.id, "name": row.name} for row in reversed(odd)],
    }
    _, out, _ = await groups(settings, listed=Listed.RAWS, as_json=True)
    (raw,) = json.loads(out)
    assert raw.keys() == {"user", "user_id", "id", "subject", "source", "assets", "reasons"}
    assert raw["id"] is None


async def test_names_cannot_move_the_cursor(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    ann.name = "Ann\x1b[2J"
    shoot(immich, ann, "A\x1b[2J\n.CR3", "A\x1b[2J\n.JPG")
    await scanned(settings)
    _, out, _ = await groups(settings)
    assert all(line.isprintable() for line in out.splitlines())
    assert out.startswith("Ann�[2J: 1 proposal")
    assert "A�[2J�.JPG + A�[2J�.CR3" in out
    with pytest.raises(SettingsError) as caught:
        await groups(settings, verdict=ACCEPT, ids=(await only_id(settings),), only=("\x1b[2J",))
    assert str(caught.value).isprintable()


async def test_each_user_has_a_list_and_one_can_be_chosen(
    immich: EmulatedImmich, shot: list[AssetRow], settings: Settings
) -> None:
    assert shot
    bob = immich.add_user("Bob")
    shoot(immich, bob, "B.CR3", "B.JPG")
    both = with_key(settings, immich.add_key(bob))
    await scanned(both)
    found = await proposals(both)
    assert [each["user"] for each in found] == ["Ann", "Bob"]
    _, out, _ = await groups(both)
    assert out.count("1 proposal for you to decide") == 2
    assert out.count("Decide with") == 1
    _, out, _ = await groups(both, user="bob")
    assert "B.CR3" in out
    assert "IMG_1" not in out
    with pytest.raises(SettingsError, match="'eve'"):
        await groups(both, user="eve")
    # What is another user's cannot be decided with --user, and without it both can be at once.
    with pytest.raises(SettingsError, match="no open proposal is called"):
        await groups(both, user="bob", verdict=ACCEPT, ids=(found[0]["id"],))
    code, out, _ = await groups(both, verdict=ACCEPT, ids=tuple(each["id"] for each in found))
    assert (code, out) == (ExitCode.DONE, "  stacked: IMG_1.JPG + IMG_1.CR3\n  stacked: B.JPG + B.CR3\n")
    assert shown(immich, bob) == [["B.JPG", "B.CR3"]]
    assert await proposals(both) == []


async def test_users_of_one_name_are_told_apart(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    other = immich.add_user("Bob")
    other.name = "ann"
    _, out, _ = await groups(with_key(settings, immich.add_key(other)))
    assert f"Ann ({ann.id}): 0 proposals" in out
    assert f"ann ({other.id}): 0 proposals" in out


async def test_a_user_whose_key_is_refused_is_not_forgotten(settings: Settings) -> None:
    one_refused = with_key(settings, "wrong")
    code, out, err = await groups(one_refused)
    assert code == ExitCode.REFUSED
    assert out.startswith("Ann: 0 proposals")
    assert err.startswith("sidecar: API key 2 of 2")
    code, _, _ = await groups(one_refused, user="ann")
    assert code == ExitCode.DONE


async def test_stacks_look_alikes_single_raws_and_decisions_have_lists_of_their_own(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    raw, jpeg = shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG")
    immich.stack(ann, jpeg, raw)
    shoot(immich, ann, "IMG_1.CR3", "IMG_1.JPG", minute=1)
    late, _ = [*shoot(immich, ann, "IMG_3.CR3", minute=2), *shoot(immich, ann, "IMG_3.JPG", minute=5)]
    (lone,) = shoot(immich, ann, "IMG_0.NEF", minute=9)
    act = acting(settings)
    await scanned(act)
    _, out, _ = await groups(act, listed=Listed.MADE)
    assert out.splitlines() == [
        "Ann: 2 stacks that the sidecar made, or found as it would make them",
        "  IMG_1.JPG + IMG_1.CR3  (made by the sidecar)",
        "  IMG_2.JPG + IMG_2.CR3  (made by you)",
    ]
    _, out, _ = await groups(act, listed=Listed.ALONE)
    assert out.splitlines() == [
        "Ann: 1 look-alike left alone",
        "  IMG_3.CR3 + IMG_3.JPG",
        "    the name is the same, but they were taken 3 min apart",
    ]
    _, out, _ = await groups(act, listed=Listed.RAWS)
    assert out.splitlines() == ["Ann: 2 RAW files in no stack", "  IMG_0.NEF", "  IMG_3.CR3"]
    assert late.stack_id is lone.stack_id is None
    _, out, _ = await groups(act, listed=Listed.DECIDED)
    assert out == "Ann: 0 decisions of yours\n"
    immich.unstack(next(stack for stack in immich.stacks_of(ann) if stack.primary_id != jpeg.id))
    await scanned(act)
    _, out, _ = await groups(act, listed=Listed.DECIDED)
    assert out.splitlines()[0] == "Ann: 1 decision of yours"
    assert "(kept apart: you took their stack apart in Immich)" in out


async def test_long_lists_are_cut_and_counted(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    shoot(immich, ann, "A.CR3", "B.CR3", "C.CR3")
    await scanned(settings)
    _, out, _ = await groups(settings, listed=Listed.RAWS, most=1)
    assert out.splitlines()[1:] == ["  A.CR3", "  … and 2 more (--all lists them)"]
    _, out, _ = await groups(settings, listed=Listed.RAWS, most=None)
    assert len(out.splitlines()) == 4


async def test_what_is_accepted_is_stacked_and_told_to_immich_before_the_command_ends(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    name = await only_id(settings)
    # As names are copied: in capitals, and twice.
    code, out, _ = await groups(settings, verdict=ACCEPT, ids=(name.upper(), name), cover="img_1.cr3")
    assert (code, out) == (ExitCode.DONE, "  stacked: IMG_1.CR3 + IMG_1.JPG\n")
    assert shown(immich, ann) == [["IMG_1.CR3", "IMG_1.JPG"]]
    assert await proposals(settings) == []
    assert immich.memo_of(shot[0]) is not None
    _, out, _ = await groups(settings, listed=Listed.DECIDED)
    assert "IMG_1.CR3 + IMG_1.JPG  (the first is the cover: you chose it here)" in out


async def test_what_is_rejected_waits_no_more_and_is_told_to_immich_before_the_command_ends(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    code, out, _ = await groups(settings, verdict=REJECT, ids=(await only_id(settings),))
    assert (code, out) == (ExitCode.DONE, "  will not be proposed again: IMG_1.JPG + IMG_1.CR3\n")
    assert await proposals(settings) == []
    memo = immich.memo_of(shot[0])
    assert memo is not None
    assert memo["apart"] == [[shot[1].id]]
    await scanned(acting(settings))
    assert shown(immich, ann) == []


async def test_of_an_ambiguous_match_a_part_is_accepted_by_name_and_by_id(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    composed, decomposed = "\u00dcber", "u\u0308ber"
    unknown: dict[str, Any] = {"make": None, "model": None}
    shoot(immich, ann, f"{composed}.CR3", f"{composed}.NEF", f"{composed}.JPG", **unknown)
    (second,) = shoot(immich, ann, f"{composed}.JPG", **unknown)
    await scanned(settings)
    name = await only_id(settings)
    with pytest.raises(SettingsError, match="several files of the proposal are called") as caught:
        await groups(settings, verdict=ACCEPT, ids=(name,), only=(f"{composed}.CR3", f"{composed}.JPG"))
    assert second.id in str(caught.value)
    code, out, _ = await groups(settings, verdict=ACCEPT, ids=(name,), only=(f"{decomposed}.cr3", second.id))
    assert (code, out.count(composed)) == (ExitCode.DONE, 2)
    assert second.stack_id is not None
    assert shown(immich, ann) == [[f"{composed}.JPG", f"{composed}.CR3"]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param({"ids": ("abcdef0123",)}, "no open proposal is called 'abcdef0123'", id="a wrong name"),
        pytest.param({"ids": ("",)}, "no open proposal is called ''", id="no name"),
        pytest.param({"only": ("IMG_1.JPG", "IMG_9.JPG")}, "no file of the proposal is called 'IMG_9.JPG'", id="file"),
        pytest.param({"cover": "IMG_9.JPG"}, "no file of the proposal is called 'IMG_9.JPG'", id="a wrong cover"),
        pytest.param({"only": ("IMG_1.JPG",)}, "a stack needs two files or more", id="one file"),
        pytest.param({"only": ("IMG_1.JPG", "img_1.jpg")}, "a stack needs two files or more", id="one file twice"),
        pytest.param(
            {"only": ("IMG_1.JPG", "IMG_1.PNG"), "cover": "IMG_1.CR3"}, "one of the files that --only", id="left out"
        ),
        pytest.param({"ids": ("a", "b"), "only": ("x",)}, "accept one at a time", id="parts of several"),
        pytest.param({"ids": ("a", "b"), "cover": "x"}, "accept one at a time", id="cover of several"),
        pytest.param({"listed": Listed.OPEN}, "accept decides: give one of them", id="listing and deciding"),
        pytest.param({"as_json": True}, "accept decides: give one of them", id="JSON and deciding"),
        pytest.param({"most": None}, "accept decides: give one of them", id="all and deciding"),
    ],
)
async def test_words_that_cannot_be_meant_decide_nothing(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings, *, words: dict[str, Any], says: str
) -> None:
    shoot(immich, ann, "IMG_1.PNG")
    await scanned(settings)
    name = await only_id(settings)
    with pytest.raises(SettingsError, match=says) as caught:
        await groups(settings, **{"verdict": ACCEPT, "ids": (name,), **words})
    assert "\n" not in str(caught.value)
    assert await only_id(settings) == name
    assert shot[0].stack_id is None
    assert writes_to(immich) == []


async def test_a_wrong_name_among_others_decides_nothing(
    immich: EmulatedImmich, shot: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    name = await only_id(settings)
    for verdict in Verdict:
        with pytest.raises(SettingsError, match="no open proposal"):
            await groups(settings, verdict=verdict, ids=(name, "abcdef0123"))
    assert await only_id(settings) == name
    assert shot[0].stack_id is None
    assert writes_to(immich) == []


async def test_a_stack_is_mended_as_proposed_and_in_no_other_way(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    act = acting(settings)
    await scanned(act)
    immich.state.write(shot[0], stack_id=None)
    await scanned(act)
    name = await only_id(act)
    _, out, _ = await groups(act)
    assert "IMG_1.JPG  (its stack is to be taken apart)\n" in out
    for words in ({"only": ("IMG_1.JPG",)}, {"cover": "IMG_1.JPG"}):
        with pytest.raises(SettingsError, match="mends a stack"):
            await groups(act, verdict=ACCEPT, ids=(name,), **words)
    code, out, _ = await groups(act, verdict=ACCEPT, ids=(name,))
    assert (code, out) == (ExitCode.DONE, "  taken apart: IMG_1.JPG\n")
    assert shown(immich, ann) == []


async def test_what_the_user_did_in_immich_meanwhile_withdraws_an_accepted_write(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    (other,) = shoot(immich, ann, "OTHER.JPG", minute=1)
    await scanned(settings)
    immich.stack(ann, shot[0], other)
    code, out, _ = await groups(settings, verdict=ACCEPT, ids=(await only_id(settings),))
    assert code == ExitCode.PARTLY_FAILED
    assert out == "  not done: IMG_1.JPG + IMG_1.CR3  (changed in Immich meanwhile)\n"
    assert shown(immich, ann) == [["IMG_1.CR3", "OTHER.JPG"]]


async def test_one_write_that_fails_hides_no_other(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    assert shot
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    immich.fail("POST", "/stacks", status=400, body='{"message": "No stacks\\u001b[2J on Sundays"}', times=1)
    ids = tuple(each["id"] for each in await proposals(settings))
    code, out, _ = await groups(settings, verdict=ACCEPT, ids=ids)
    assert code == ExitCode.PARTLY_FAILED
    stacked, failed = out.splitlines()
    assert stacked.startswith("  stacked: IMG_")
    assert failed.startswith("  not done: IMG_")
    assert "on Sundays" in failed
    assert failed.isprintable()
    assert len(shown(immich, ann)) == 1


@pytest.mark.parametrize("limit", ["PATIENCE_S", "GIVE_UP_AFTER_ATTEMPTS"])
async def test_while_immich_is_down_the_decision_stays_noted_and_the_proposal_is_not_open(
    immich: EmulatedImmich,
    ann: UserRow,
    shot: list[AssetRow],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *,
    limit: str,
) -> None:
    monkeypatch.setattr(waiting, limit, 1)
    monkeypatch.setattr("sidecar.immich_client.transport.Retries.pause_s", lambda *_args, **_kwargs: 0)
    assert shot
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    first, second = (each["id"] for each in await proposals(settings))
    immich.fail("POST", "/stacks", status=500, times=1000)
    code, out, _ = await groups(settings, verdict=ACCEPT, ids=(first,))
    assert code == ExitCode.PARTLY_FAILED
    assert out.startswith("  not yet, the sidecar tries it again: IMG_1.JPG + IMG_1.CR3  (")
    immich.traffic.failures.clear()
    # The first is decided already; that keeps nobody from deciding the second.
    code, out, _ = await groups(settings, verdict=REJECT, ids=(first, second))
    assert code == ExitCode.PARTLY_FAILED
    assert [line.partition(":")[0] for line in out.splitlines()] == ["  not decided", "  will not be proposed again"]
    await scanned(settings)
    assert shown(immich, ann) == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_a_proposal_that_went_stale_keeps_nobody_from_accepting_another(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    stale, fresh = (each["id"] for each in await proposals(settings))
    async with open_services(settings) as services, services.database.write() as connection:
        # Decided elsewhere, and the list does not know it yet.
        apart = [frozenset(AssetId(row.id) for row in shot)]
        await keep_apart(services.jobs, connection, OwnerId(ann.id), apart, source=DecisionSource.REMOVED)
    code, out, _ = await groups(settings, verdict=ACCEPT, ids=(stale,))
    assert code == ExitCode.PARTLY_FAILED
    assert out.startswith("  not decided: IMG_1.JPG + IMG_1.CR3  (no open proposal")
    code, out, _ = await groups(settings, verdict=ACCEPT, ids=(stale, fresh))
    assert code == ExitCode.PARTLY_FAILED
    assert out.splitlines()[1:] == ["  stacked: IMG_2.JPG + IMG_2.CR3"]
    assert shown(immich, ann) == [["IMG_2.JPG", "IMG_2.CR3"]]


async def test_beside_a_running_sidecar_that_one_does_the_work(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    first, second = (each["id"] for each in await proposals(settings))
    async with open_services(settings) as services, running_worker(services.jobs):
        assert (await groups(settings, verdict=ACCEPT, ids=(first,)))[0] == ExitCode.DONE
        assert shot[0].stack_id is not None
        assert (await groups(settings, verdict=REJECT, ids=(second,)))[0] == ExitCode.DONE
        assert await proposals(settings) == []
    assert shown(immich, ann) == [["IMG_1.JPG", "IMG_1.CR3"]]


async def test_beside_a_sidecar_that_does_nothing_nobody_waits_for_ever(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.3)
    monkeypatch.setattr(waiting, "SETTLE_WITHIN_S", 0.3)
    assert shot
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    first, second = (each["id"] for each in await proposals(settings))
    async with open_services(settings):
        code, out, _ = await groups(settings, verdict=ACCEPT, ids=(first,))
        assert code == ExitCode.PARTLY_FAILED
        assert out.endswith("(no answer yet)\n")
        code, _, _ = await groups(settings, verdict=REJECT, ids=(second,))
        assert code == ExitCode.DONE
    await scanned(settings)
    assert shown(immich, ann) == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await proposals(settings) == []


async def test_whoever_ends_the_work_has_told_immich_what_was_decided(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    owner_id = OwnerId(ann.id)
    async with open_services(settings) as services:
        async with services.database.write() as connection:
            apart = [frozenset(AssetId(row.id) for row in shot)]
            await keep_apart(services.jobs, connection, owner_id, apart, source=DecisionSource.REMOVED)
        async with waiting.at_work(services, {owner_id}):
            assert immich.memo_of(shot[0]) is None
        assert immich.memo_of(shot[0]) is not None


async def test_many_writes_are_counted_on_a_terminal_and_told_in_few_lines(
    immich: EmulatedImmich, ann: UserRow, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "MOST_TOLD", 1)
    for number in range(3):
        shoot(immich, ann, f"IMG_{number}.CR3", f"IMG_{number}.JPG", minute=number)
    await scanned(settings)
    ids = tuple(each["id"] for each in await proposals(settings))
    out, err = io.StringIO(), Terminal()
    options = GroupsOptions(verdict=ACCEPT, wish=Wish(ids=ids))
    assert await show_or_decide(settings, options, out=out, err=err) == ExitCode.DONE
    assert err.getvalue().endswith("\r3 of 3 written\n")
    first, rest = out.getvalue().splitlines()
    assert first.startswith("  stacked: IMG_")
    assert rest == "  … and 2 more writes done"
