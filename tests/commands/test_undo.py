from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.scan import ScanOptions, scan
from sidecar.commands.undo import UndoOptions, moment_ms, undo
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import AssetRow, UserRow
from sidecar.errors import SettingsError
from sidecar.settings import Settings
from sidecar.storage.database import open_database
from sidecar.wiring import open_services
from sidecar.worker import running_worker
from tests.jobs.household import NOON

pytestmark = pytest.mark.timeout(60)

NOW_MS = round(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp() * 1000)
HOUR_MS = 3_600_000


@pytest.fixture
def shot(immich: EmulatedImmich, ann: UserRow) -> list[AssetRow]:
    return shoot(immich, ann, "IMG_1.CR3", "IMG_1.JPG")


@pytest.fixture
def person() -> Iterator[tuple[int, TextIO]]:
    """A terminal: what to type into, and what the command reads from."""
    typing, reading = os.openpty()
    with os.fdopen(reading) as answers:
        yield typing, answers
    os.close(typing)


def shoot(immich: EmulatedImmich, user: UserRow, *names: str, minute: int = 0) -> list[AssetRow]:
    return [immich.add_asset(user, name, taken_at=NOON + timedelta(minutes=minute)) for name in names]


def with_key(settings: Settings, key: str) -> Settings:
    return settings.model_copy(update={"api_keys": (*settings.api_keys, SecretStr(key))})


async def scanned(settings: Settings) -> str:
    out = io.StringIO()
    assert await scan(settings, ScanOptions(), out=out, err=io.StringIO()) == ExitCode.DONE
    return out.getvalue()


async def take_back(
    settings: Settings, answers: TextIO | None = None, **options: Any
) -> tuple[ExitCode, list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    code = await undo(settings, UndoOptions(**options), out=out, err=err, answers=answers or io.StringIO("y\n"))
    return code, out.getvalue().splitlines(), err.getvalue()


async def listed(settings: Settings) -> list[tuple[str, str]]:
    """(id, what it says) of each write that can be taken back."""
    _, lines, _ = await take_back(settings)
    return [(line.split()[0], line.split("  ")[-1]) for line in lines if line.startswith("  ")]


def shown(immich: EmulatedImmich, user: UserRow) -> list[list[str]]:
    assets = immich.state.assets.values()
    return sorted(
        [
            immich.state.assets[stack.primary_id].name,
            *sorted(row.name for row in assets if row.stack_id == stack.id and row.id != stack.primary_id),
        ]
        for stack in immich.stacks_of(user)
    )


async def rewrite(settings: Settings, statement: str, **values: object) -> None:
    url = f"sqlite+aiosqlite:///{settings.data_dir / 'sidecar.db'}"
    async with open_database(url) as database, database.write() as connection:
        await connection.execute(text(statement), values)


async def test_what_was_written_is_listed_and_nothing_is_changed(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    assert await take_back(settings) == (ExitCode.DONE, ["Ann: 0 writes can be taken back"], "")
    await scanned(settings)
    code, (title, line, advice), err = await take_back(settings)
    assert (code, title, err) == (ExitCode.DONE, "Ann: 1 write can be taken back", "")
    name, date, _, what = line.split(maxsplit=3)
    assert len(name) == 8
    assert abs(datetime.fromisoformat(date) - datetime.now()) < timedelta(days=2)  # noqa: DTZ005  # as it is printed
    assert what == "stacked: IMG_1.JPG + IMG_1.CR3"
    assert advice == f"Take back with: sidecar undo --action {name}, or --since 2h, or --all"
    assert shot[0].stack_id is not None
    shoot(immich, ann, "IMG_1-Edit.tif")
    await scanned(settings)
    assert [what for _, what in await listed(settings)] == [
        "put into one stack: IMG_1.JPG + IMG_1.CR3 + IMG_1-Edit.tif",
        "stacked: IMG_1.JPG + IMG_1.CR3",
    ]
    _, (title, *_), _ = await take_back(settings)
    assert title == "Ann: 2 writes can be taken back, the latest first"


async def test_names_cannot_move_the_cursor(immich: EmulatedImmich, ann: UserRow, settings: Settings) -> None:
    ann.name = "Ann\x1b[2J"
    shoot(immich, ann, "A\x9b2J.CR3", "A\x9b2J.JPG")
    await scanned(settings)
    every: list[dict[str, Any]] = [{}, {"everything": True}, {"everything": True, "yes": True}]
    for options in every:
        _, lines, _ = await take_back(settings, **options)
        assert all(line.isprintable() for line in lines)
        assert any("A�2J.JPG" in line for line in lines)


async def test_without_a_person_and_without_yes_nothing_is_taken_back(
    shot: list[AssetRow], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scanned(settings)
    code, lines, err = await take_back(settings, everything=True)
    assert code == ExitCode.BAD_USE
    assert lines == [
        "Ann: would take back 1 write",
        "  IMG_1.JPG + IMG_1.CR3  (will be single again, and stay so)",
    ]
    assert err == "sidecar: nobody is here to say yes; look at the list above and add --yes\n"
    assert shot[0].stack_id is not None
    # Whoever closes standard input has no person there either.
    monkeypatch.setattr(sys, "stdin", None)
    code = await undo(settings, UndoOptions(everything=True), out=io.StringIO(), err=io.StringIO())
    assert code == ExitCode.BAD_USE
    assert shot[0].stack_id is not None


@pytest.mark.parametrize(
    ("typed", "is_yes"),
    [
        pytest.param("y\n", True, id="y"),
        pytest.param(" YES \n", True, id="yes"),
        pytest.param("n\n", False, id="n"),
        pytest.param("\n", False, id="only enter"),
        pytest.param("yep, all\n", False, id="something else"),
        pytest.param("\x04", False, id="the end of the input"),
    ],
)
async def test_a_person_is_asked_and_only_yes_is_yes(
    shot: list[AssetRow], settings: Settings, person: tuple[int, TextIO], *, typed: str, is_yes: bool
) -> None:
    await scanned(settings)
    typing, answers = person
    os.write(typing, typed.encode())
    code, lines, err = await take_back(settings, answers, everything=True)
    assert err.startswith("Take this back? [y/N] ")
    assert code == (ExitCode.DONE if is_yes else ExitCode.PARTLY_FAILED)
    assert lines[2] == ("  taken back: IMG_1.JPG + IMG_1.CR3" if is_yes else "Nothing was changed.")
    assert (shot[0].stack_id is None) is is_yes


async def test_whoever_is_interrupted_in_the_question_has_changed_nothing(
    shot: list[AssetRow], settings: Settings, person: tuple[int, TextIO]
) -> None:
    await scanned(settings)
    err = io.StringIO()
    options = UndoOptions(everything=True)
    asking = asyncio.create_task(undo(settings, options, out=io.StringIO(), err=err, answers=person[1]))
    while "Take this back" not in err.getvalue():
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert err.getvalue().endswith("\nNothing was changed.\n")
    assert shot[0].stack_id is not None


async def test_what_is_taken_back_stays_so_until_the_taking_back_is_taken_back(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    code, lines, err = await take_back(settings, everything=True, yes=True)
    assert (code, lines[-1], err) == (ExitCode.DONE, "  taken back: IMG_1.JPG + IMG_1.CR3", "")
    assert shown(immich, ann) == []
    memo = immich.memo_of(shot[0])
    assert memo is not None
    assert memo["apart"] == [[shot[1].id]]
    assert "Left as you decided: 1" in await scanned(settings)
    assert shown(immich, ann) == []
    # All that stands is a taking-back; only by its name is it taken back.
    code, lines, _ = await take_back(settings, everything=True, yes=True)
    assert (code, lines) == (ExitCode.DONE, ["Nothing is taken back."])
    _, lines, _ = await take_back(settings)
    ((name, what),) = await listed(settings)
    assert what == "taken back: IMG_1.JPG + IMG_1.CR3"
    assert lines[-1] == f"Take back with: sidecar undo --action {name}"
    code, lines, _ = await take_back(settings, actions=(name[:6].upper(),), yes=True)
    assert code == ExitCode.DONE
    assert lines[1:] == ["  IMG_1.JPG + IMG_1.CR3  (will be stacked again)", "  taken back: IMG_1.JPG + IMG_1.CR3"]
    assert shown(immich, ann) == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert "1 already right" in await scanned(settings)
    assert immich.memo_of(shot[0]) is None


async def test_an_extension_is_taken_back_to_what_was_there_before(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    assert shot
    await scanned(settings)
    shoot(immich, ann, "IMG_1-Edit.tif")
    await scanned(settings)
    (latest, _), (first, _) = await listed(settings)
    code, lines, _ = await take_back(settings, actions=(first,), yes=True)
    assert code == ExitCode.PARTLY_FAILED
    assert lines[0] == "Ann: 1 write cannot be taken back"
    assert "a later write builds upon it" in lines[1]
    assert lines[2] == "Nothing is taken back."
    code, lines, _ = await take_back(settings, actions=(latest,), yes=True)
    assert code == ExitCode.DONE
    assert lines[1].endswith("(will be stacked as before, and whoever joined will be single again, and stay so)")
    assert shown(immich, ann) == [["IMG_1.JPG", "IMG_1.CR3"]]
    # One stays, another is taken back: the number says that not all was done.
    code, lines, _ = await take_back(settings, actions=(latest, first), yes=True)
    assert code == ExitCode.PARTLY_FAILED
    assert [line for line in lines if "taken back already" in line]
    assert lines[-1] == "  taken back: IMG_1.JPG + IMG_1.CR3"
    assert shown(immich, ann) == []


async def test_a_cover_that_was_changed_comes_back(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    raw, jpeg = shot
    ((name, _),) = await listed(settings)
    # As when the cover of a stack was mended: the same members, the raw first.
    stack = '[{"id":"s","primary_id":"%s","member_ids":["%s","%s"]}]'
    one, other = (stack % (first.id, *sorted((raw.id, jpeg.id))) for first in (raw, jpeg))
    await rewrite(
        settings, "UPDATE actions SET kind = 'set_cover', before = :one, \"after\" = :other", one=one, other=other
    )
    code, lines, _ = await take_back(settings, actions=(name,), yes=True)
    assert code == ExitCode.DONE
    assert lines[1].endswith("(the former cover comes back)")
    assert shown(immich, ann) == [["IMG_1.CR3", "IMG_1.JPG"]]


async def test_each_user_has_a_list_and_one_can_be_chosen(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    bob = immich.add_user("Bob")
    bobs, _ = shoot(immich, bob, "B.CR3", "B.JPG")
    both = with_key(settings, immich.add_key(bob))
    await scanned(both)
    (anns_name, _), (bobs_name, _) = await listed(both)
    with pytest.raises(SettingsError, match="no write is called that"):
        await take_back(both, user="bob", actions=(anns_name,), yes=True)
    with pytest.raises(SettingsError, match="'eve'"):
        await take_back(both, user="eve")
    _, lines, _ = await take_back(both, user="Bob", everything=True, yes=True)
    assert not any("IMG_1" in line for line in lines)
    assert bobs.stack_id is None
    assert shot[0].stack_id is not None
    bob.name = "ann"
    _, lines, _ = await take_back(both)
    assert [line.partition(":")[0] for line in lines[:3:2]] == [f"Ann ({ann.id})", f"ann ({bob.id})"]
    code, lines, _ = await take_back(both, actions=(anns_name, bobs_name), yes=True)
    assert code == ExitCode.PARTLY_FAILED
    assert shot[0].stack_id is None


async def test_a_user_whose_key_is_refused_is_not_forgotten(settings: Settings) -> None:
    one_refused = with_key(settings, "wrong")
    every: list[dict[str, Any]] = [{}, {"everything": True, "yes": True}]
    for options in every:
        code, lines, err = await take_back(one_refused, **options)
        assert code == ExitCode.REFUSED
        assert lines
        assert err.startswith("sidecar: API key 2 of 2")
    code, _, _ = await take_back(one_refused, user="ann")
    assert code == ExitCode.DONE


async def test_what_changed_in_immich_since_stays_as_it_is_and_the_rest_is_taken_back(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    stack = next(stack for stack in immich.stacks_of(ann) if stack.id == shot[0].stack_id)
    immich.state.write_primary(stack, shot[0].id)
    code, lines, _ = await take_back(settings, since="1h", yes=True)
    assert code == ExitCode.PARTLY_FAILED
    assert lines[-2:] == [
        "  taken back: IMG_2.JPG + IMG_2.CR3",
        "  not done: IMG_1.JPG + IMG_1.CR3  (changed in Immich since)",
    ]
    assert shown(immich, ann) == [["IMG_1.CR3", "IMG_1.JPG"]]


async def test_only_what_ended_since_then_is_taken_back(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    await scanned(settings)
    await rewrite(settings, "UPDATE actions SET ended_at_ms = ended_at_ms - :span", span=2 * HOUR_MS)
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    code, lines, _ = await take_back(settings, since="0s", yes=True)
    assert (code, lines) == (ExitCode.DONE, ["Nothing is taken back."])
    assert (await take_back(settings, since="1h", yes=True))[0] == ExitCode.DONE
    assert shown(immich, ann) == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert (await take_back(settings, since="3h", yes=True))[0] == ExitCode.DONE
    assert shot[0].stack_id is None


async def test_long_lists_are_cut_and_counted_unless_all_is_wanted(
    immich: EmulatedImmich, ann: UserRow, settings: Settings
) -> None:
    for number in range(3):
        shoot(immich, ann, f"IMG_{number}.CR3", f"IMG_{number}.JPG", minute=number)
    await scanned(settings)
    rest = "  … and 2 more (--full lists them)"
    _, lines, _ = await take_back(settings, most=1)
    assert lines[2] == rest
    _, lines, _ = await take_back(settings, most=None)
    assert len(lines) == 5
    names = tuple(name for name, _ in await listed(settings))
    _, lines, _ = await take_back(settings, everything=True, yes=True, most=1)
    assert lines[0] == "Ann: would take back 3 writes"
    assert lines[2] == rest
    code, lines, _ = await take_back(settings, actions=names, yes=True, most=1)
    assert code == ExitCode.PARTLY_FAILED
    assert [lines[0], *lines[2:]] == ["Ann: 3 writes cannot be taken back", rest, "Nothing is taken back."]


async def test_as_much_of_an_id_is_listed_as_tells_it_from_the_others(
    immich: EmulatedImmich, ann: UserRow, shot: list[AssetRow], settings: Settings
) -> None:
    shoot(immich, ann, "IMG_2.CR3", "IMG_2.JPG", minute=1)
    await scanned(settings)
    alike = "0123456789-abc"
    await rewrite(
        settings,
        "UPDATE actions SET action_id = CASE WHEN stem LIKE '%1%' THEN :one ELSE :other END",
        one=f"{alike}-1",
        other=f"{alike}-2",
    )
    assert {name for name, _ in await listed(settings)} == {f"{alike}-1", f"{alike}-2"}
    with pytest.raises(SettingsError, match="'0123456789': 2 writes begin with that; give more of it"):
        await take_back(settings, actions=("0123456789",), yes=True)
    assert shot[0].stack_id is not None
    assert (await take_back(settings, actions=(f"{alike}-1",), yes=True))[0] == ExitCode.DONE
    assert shown(immich, ann) == [["IMG_2.JPG", "IMG_2.CR3"]]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"everything": True, "actions": ("abcdef",)}, "give one of them", id="all and one"),
        pytest.param({"everything": True, "since": "1h"}, "give one of them", id="all and some"),
        pytest.param({"since": "1h", "actions": ("abcdef",)}, "give one of them", id="some and one"),
        pytest.param({"yes": True}, "--yes to what", id="yes to nothing"),
        pytest.param({"actions": ("abcdef01",)}, "no write is called that", id="no such write"),
        pytest.param({"actions": ("abc",)}, "give at least 6 characters", id="too short"),
        pytest.param({"actions": ("",)}, "give at least 6 characters", id="nothing"),
        pytest.param({"since": "yesterday"}, "give a span such as", id="no time"),
    ],
)
async def test_words_that_cannot_be_meant_take_nothing_back(
    shot: list[AssetRow], settings: Settings, *, options: dict[str, Any], says: str
) -> None:
    await scanned(settings)
    with pytest.raises(SettingsError, match=says) as caught:
        await take_back(settings, **{"yes": True, **options})
    assert str(caught.value).isprintable()
    assert shot[0].stack_id is not None


@pytest.mark.parametrize(
    ("state", "error", "says"),
    [
        pytest.param("failed", "no stacks\x1b[2J on Sundays", r"never done, .* \(no stacks�\[2J on Sundays\)", id="f"),
        pytest.param("withdrawn", None, r"never done, .* \(withdrawn\)", id="withdrawn"),
        pytest.param("intended", None, "still waits", id="waiting"),
    ],
)
async def test_what_was_never_done_cannot_be_taken_back(
    shot: list[AssetRow], settings: Settings, *, state: str, error: str | None, says: str
) -> None:
    assert shot
    await scanned(settings)
    ((name, _),) = await listed(settings)
    await rewrite(settings, "UPDATE actions SET state = :state, error = :error", state=state, error=error)
    with pytest.raises(SettingsError, match=says):
        await take_back(settings, actions=(name,), yes=True)
    assert await listed(settings) == []


async def test_beside_a_running_sidecar_that_one_does_the_work(shot: list[AssetRow], settings: Settings) -> None:
    await scanned(settings)
    async with open_services(settings) as services, running_worker(services.jobs):
        code, lines, _ = await take_back(settings, everything=True, yes=True)
    assert (code, lines[-1]) == (ExitCode.DONE, "  taken back: IMG_1.JPG + IMG_1.CR3")
    assert shot[0].stack_id is None


@pytest.mark.parametrize(
    ("words", "ago_ms"),
    [
        ("30s", 30_000),
        ("90 m", 90 * 60_000),
        ("2h", 2 * HOUR_MS),
        (" 3D ", 72 * HOUR_MS),
        ("1w", 168 * HOUR_MS),
        ("999999w", 999_999 * 168 * HOUR_MS),
        ("2026-05-01T11:00+00:00", HOUR_MS),
        ("2026-05-01T12:00:00Z", 0),
        ("2026-05-01 14:00:00+03:00", HOUR_MS),
    ],
)
def test_a_moment_is_a_span_or_a_time(words: str, ago_ms: int) -> None:
    assert moment_ms(words, now_ms=NOW_MS) == NOW_MS - ago_ms


def test_a_time_without_a_zone_is_meant_where_the_person_is() -> None:
    local = datetime(2026, 4, 30, 18, 30).astimezone()
    assert moment_ms("2026-04-30T18:30", now_ms=NOW_MS) == round(local.timestamp() * 1000)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "2",
        "h",
        "2 hours",
        "-2h",
        "1.5h",
        "1000000h",
        "٣h",
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "0001-01-01\x00",
    ],
)
def test_what_is_no_moment_is_answered_with_examples(words: str) -> None:
    with pytest.raises(SettingsError, match="give a span such as 30m, 2h or 3d") as caught:
        moment_ms(words, now_ms=NOW_MS)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("words", ["2026-05-01T12:00:01Z", "9999-12-31"])
def test_a_moment_to_come_is_a_mistake(words: str) -> None:
    with pytest.raises(SettingsError, match="is still to come"):
        moment_ms(words, now_ms=NOW_MS)
