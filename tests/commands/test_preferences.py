from __future__ import annotations

import io
import os
import re
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.preferences import Change, show_or_change
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.rows import UserRow
from sidecar.errors import SettingsError
from sidecar.jobs.context import wall_clock_ms
from sidecar.jobs.queue import QUEUE_NAME
from sidecar.model import OwnerId
from sidecar.preferences import NAMES, Detection, Matching, StackKinds
from sidecar.settings import Settings
from sidecar.storage import preferences
from sidecar.storage.database import open_database
from sidecar.wiring import open_services

pytestmark = pytest.mark.timeout(60)

WEB = "{base}-web.{ext}"
EVERY_KEY = ", ".join(NAMES)
FINDS_EXACT = "Files of the same bytes are found, in uploads and libraries alike; one changed byte makes another file."
FINDS_ALIKE = (
    "Pictures that are alike by 0.95 or more are found: compressed, resized or converted anew, toned or marked. Larger "
    "crops and other frames of a burst are not; mirrored and turned copies are not found."
)
BUILT_IN = f"""\
  timestamp_tolerance_seconds 2 built-in
  filename_patterns ['{{base}}.{{ext}}', '{{base}}_{{suffix}}.{{ext}}'] built-in
  auto_primary_preference [edited, jpeg, heic, png, tiff, rest, raw] built-in
  stack.raw_jpeg true built-in
  stack.edited true built-in
  stack.formats true built-in
  stack.versions true built-in
  stack.video true built-in
  stack.burst false built-in
  extend_users_stacks false built-in
  ask_first false built-in
  notify false built-in
  detection.phash_threshold 0.95 built-in
  detection.enable_exact_match true built-in
  detection.enable_perceptual_match true built-in
  detection.batch_size 500 built-in
  detection.turned_copies false built-in
  detection.record_in_immich [identical, re-encoded, edited] built-in
  detection.keep_order [favorite, albums, stack, library, format, resolution, original, size, earliest] built-in
  detection.prefer_paths [] built-in
  {FINDS_EXACT}
  {FINDS_ALIKE}
"""


@pytest.fixture
def settings(immich: EmulatedImmich, ann: UserRow, tmp_path: Path) -> Settings:
    return Settings(
        immich_url=immich.url, api_keys=(SecretStr(immich.add_key(ann)),), data_dir=tmp_path / "data", port=0
    )


@pytest.fixture
def both(immich: EmulatedImmich, settings: Settings) -> Settings:
    """The same with another user, Bob, connected."""
    return with_key(settings, immich.add_key(immich.add_user("Bob")))


def with_key(settings: Settings, key: str) -> Settings:
    return settings.model_copy(update={"api_keys": (*settings.api_keys, SecretStr(key))})


async def run(
    settings: Settings, change: Change | None = None, *, user: str | None = None
) -> tuple[ExitCode, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = await show_or_change(settings, change, user=user, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


async def said(settings: Settings, change: Change) -> str:
    code, out, err = await run(settings, change)
    assert (code, err) == (ExitCode.DONE, "")
    assert out.count("\n") == 1
    return out.removesuffix("\n")


async def stored(settings: Settings, user: UserRow) -> dict[str, object]:
    url = f"sqlite+aiosqlite:///{settings.data_dir / 'sidecar.db'}"
    async with open_database(url) as database, database.read() as connection:
        return await preferences.get(connection, OwnerId(user.id))


async def store(settings: Settings, user: UserRow, chosen: dict[str, object]) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    url = f"sqlite+aiosqlite:///{settings.data_dir / 'sidecar.db'}"
    async with open_database(url) as database, database.write() as connection:
        await preferences.put(connection, OwnerId(user.id), chosen, now_ms=wall_clock_ms())


def squeezed(text: str) -> str:
    """The text without what only lines its columns up."""
    return "".join(re.sub(r"(?<=\S)  +", " ", f"{line}\n") for line in text.splitlines())


async def test_everything_is_shown_with_where_it_comes_from(settings: Settings, ann: UserRow) -> None:
    code, out, err = await run(settings)
    assert (code, squeezed(out), err) == (ExitCode.DONE, f"Ann\n{BUILT_IN}", "")
    columns = [line.rindex("built-in") for line in out.splitlines() if line.endswith("built-in") and len(line) < 100]
    assert len(set(columns)) == 1
    chosen_by_all = settings.model_copy(
        update={
            "config_file": Path("somewhere/server.yml"),
            "matching": Matching(timestamp_tolerance_seconds=2.5, stack=StackKinds(burst=True, video=False)),
            "detection": Detection(batch_size=100, enable_exact_match=False, turned_copies=True),
        }
    )
    mine = {"phash_threshold": 0.97, "enable_exact_match": True}
    await store(settings, ann, {"stack": {"burst": False}, "filename_patterns": [WEB], "detection": mine})
    _, out, _ = await run(chosen_by_all)
    lines = [line.strip() for line in squeezed(out).splitlines()]
    assert len(lines) == 23
    assert "detection.batch_size 100 server.yml" in lines
    assert "detection.phash_threshold 0.97 this user" in lines
    assert "detection.enable_exact_match true this user" in lines
    assert lines[-2] == FINDS_EXACT
    assert lines[-1].startswith("Pictures that are alike by 0.97 or more are found")
    assert lines[-1].endswith("mirrored and turned copies are found too.")
    assert "timestamp_tolerance_seconds 2.5 server.yml" in lines
    assert f"filename_patterns ['{WEB}'] this user" in lines
    assert "stack.video false server.yml" in lines
    assert "stack.burst false this user" in lines
    assert "stack.edited true built-in" in lines


async def test_all_users_are_shown_or_the_one_that_is_asked_for(both: Settings, ann: UserRow) -> None:
    await store(both, ann, {"ask_first": True})
    _, out, _ = await run(both)
    assert [line for line in out.splitlines() if line[0] != " "] == ["Ann", "Bob"]
    _, out, _ = await run(both, user="bob")
    assert squeezed(out) == f"Bob\n{BUILT_IN}"
    with pytest.raises(SettingsError, match="no connected user is called 'eve'; connected: Ann, Bob"):
        await run(both, user="eve")


async def test_users_of_one_name_are_told_apart(immich: EmulatedImmich, settings: Settings, ann: UserRow) -> None:
    other = immich.add_user("Bob")
    other.name = "ann"
    _, out, _ = await run(with_key(settings, immich.add_key(other)))
    assert [line for line in out.splitlines() if line[0] != " "] == [f"Ann ({ann.id})", f"ann ({other.id})"]


async def test_what_another_version_stored_is_shown_and_can_be_taken_back(settings: Settings, ann: UserRow) -> None:
    await store(settings, ann, {"colour": "red", "stack": {"moon": 1, "burst": True}, "ask_first": 3})
    _, out, _ = await run(settings)
    assert [line.strip() for line in out.splitlines() if "passed over" in line] == [
        f"passed over, as this version does not understand it: {problem}"
        for problem in (
            f"stack.moon: is no setting; there are {EVERY_KEY}",
            "ask_first: must be true or false",
            f"colour: is no setting; there are {EVERY_KEY}",
        )
    ]
    assert await said(settings, Change("colour")) == "Ann: colour is forgotten."
    assert await said(settings, Change("stack.moon")) == "Ann: stack.moon is forgotten."
    assert await stored(settings, ann) == {"stack": {"burst": True}, "ask_first": 3}


async def test_setting_keeps_what_it_does_not_understand(settings: Settings, ann: UserRow) -> None:
    await store(settings, ann, {"colour": "red", "stack": "many", "ask_first": 3})
    await said(settings, Change("ask_first", "on"))
    await said(settings, Change("stack.burst", "on"))
    assert await stored(settings, ann) == {"colour": "red", "stack": {"burst": True}, "ask_first": True}


@pytest.mark.parametrize(
    ("change", "says", "kept"),
    [
        pytest.param(
            Change("timestamp_tolerance_seconds", "2.5"),
            "now timestamp_tolerance_seconds is 2.5 (this user); the next look at the library uses it.",
            {"timestamp_tolerance_seconds": 2.5, "stack": {"video": False}},
            id="a number",
        ),
        pytest.param(
            Change("stack.burst", "on"),
            "now stack.burst is true (this user); the next look at the library uses it.",
            {"stack": {"video": False, "burst": True}},
            id="one kind",
        ),
        pytest.param(
            Change("stack", "{burst: true, formats: false}"),
            "now stack.raw_jpeg is true (built-in), stack.edited is true (built-in), stack.formats is false (this "
            "user), stack.versions is true (built-in), stack.video is true (built-in), stack.burst is true (this "
            "user); the next look at the library uses it.",
            {"stack": {"burst": True, "formats": False}},
            id="all kinds",
        ),
        pytest.param(
            Change("auto_primary_preference", "[edited, JPG, jpeg, raw]"),
            "now auto_primary_preference is [edited, jpg, jpeg, raw] (this user); the next look at the library uses "
            "it.",
            {"stack": {"video": False}, "auto_primary_preference": ["edited", "jpg", "jpeg", "raw"]},
            id="a list",
        ),
        pytest.param(
            Change("filename_patterns", f"[{{pattern: '{WEB}', trusted: true}}, '{{base}}_{{suffix}}.{{ext}}']"),
            f"now filename_patterns is [{{pattern: '{WEB}', trusted: true}}, '{{base}}_{{suffix}}.{{ext}}'] (this "
            "user); the next look at the library uses it.",
            {
                "stack": {"video": False},
                "filename_patterns": [{"pattern": WEB, "trusted": True}, "{base}_{suffix}.{ext}"],
            },
            id="trusted patterns",
        ),
        pytest.param(
            Change("filename_patterns", f"['{WEB}']"),
            f"now filename_patterns is ['{WEB}'] (this user); the next look at the library uses it. Names such as "
            "IMG_1_web.jpg do not join IMG_1.CR3, as '{base}_{suffix}.{ext}' is not in the list. What a pattern "
            "finds waits in `sidecar groups` until you trust it: set it again as {pattern: '...', trusted: true}.",
            {"stack": {"video": False}, "filename_patterns": [WEB]},
            id="a pattern alone, not trusted",
        ),
        pytest.param(
            Change("stack.video", "no"),
            "nothing changes: stack.video is false (this user).",
            {"stack": {"video": False}},
            id="what is chosen already",
        ),
        pytest.param(
            Change("stack.video"),
            "now stack.video is true (built-in); the next look at the library uses it.",
            {},
            id="the last choice taken back",
        ),
        pytest.param(
            Change("detection.phash_threshold", "0.97"),
            "now detection.phash_threshold is 0.97 (this user); the next look at the library uses it. "
            f"{FINDS_EXACT} {FINDS_ALIKE.replace('0.95', '0.97')}",
            {"stack": {"video": False}, "detection": {"phash_threshold": 0.97}},
            id="a similarity",
        ),
        pytest.param(
            Change("detection", "{enable_exact_match: no, enable_perceptual_match: no}"),
            "now detection.phash_threshold is 0.95 (built-in), detection.enable_exact_match is false (this user), "
            "detection.enable_perceptual_match is false (this user), detection.batch_size is 500 (built-in), "
            "detection.turned_copies is false (built-in), detection.record_in_immich is [identical, re-encoded, "
            "edited] (built-in), detection.keep_order is [favorite, albums, stack, library, format, resolution, "
            "original, size, earliest] (built-in), detection.prefer_paths is [] (built-in); the next look at the "
            "library uses it. Duplicate search is off.",
            {
                "stack": {"video": False},
                "detection": {"enable_exact_match": False, "enable_perceptual_match": False},
            },
            id="duplicate search off",
        ),
        pytest.param(
            Change("detection.enable_perceptual_match", "off"),
            "now detection.enable_perceptual_match is false (this user); the next look at the library uses it. "
            f"{FINDS_EXACT} Pictures are not compared by their looks.",
            {"stack": {"video": False}, "detection": {"enable_perceptual_match": False}},
            id="bytes only",
        ),
        pytest.param(
            Change("detection.enable_exact_match", "off"),
            "now detection.enable_exact_match is false (this user); the next look at the library uses it. "
            f"Files are not read to find the same bytes. {FINDS_ALIKE}",
            {"stack": {"video": False}, "detection": {"enable_exact_match": False}},
            id="looks only",
        ),
        pytest.param(
            Change("detection.record_in_immich", "no"),
            "now detection.record_in_immich is [] (this user); the next look at the library uses it. "
            f"{FINDS_EXACT} {FINDS_ALIKE}",
            {"stack": {"video": False}, "detection": {"record_in_immich": []}},
            id="an empty list is a choice",
        ),
        pytest.param(
            Change("ask_first"),
            "nothing changes: ask_first is false (built-in).",
            {"stack": {"video": False}},
            id="what was never chosen",
        ),
        pytest.param(
            Change("stack.burst"),
            "nothing changes: stack.burst is false (built-in).",
            {"stack": {"video": False}},
            id="a kind that was never chosen",
        ),
    ],
)
async def test_a_change_is_kept_and_said_in_one_line(
    settings: Settings, ann: UserRow, change: Change, says: str, kept: dict[str, object]
) -> None:
    await store(settings, ann, {"stack": {"video": False}})
    assert await said(settings, change) == f"Ann: {says}"
    assert await stored(settings, ann) == kept


async def test_all_kinds_can_be_taken_back_at_once_and_twice(settings: Settings, ann: UserRow) -> None:
    await store(settings, ann, {"stack": {"video": False, "burst": True}, "ask_first": True})
    assert "stack.video is true (built-in)" in await said(settings, Change("stack"))
    assert await stored(settings, ann) == {"ask_first": True}
    assert (await said(settings, Change("stack"))).startswith("Ann: nothing changes: stack.raw_jpeg is true")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(Change("burst", "on"), "burst: is no setting; did you mean stack.burst?", id="no key"),
        pytest.param(Change("phash_threshold", "1"), "did you mean detection.phash_threshold?", id="no heading"),
        pytest.param(
            Change("detection.phash_threshold", "95"),
            "detection.phash_threshold: must be from 0.9 to 1: it is the similarity that the second look computes, not",
            id="a percentage",
        ),
        pytest.param(
            Change("detection.batch_size", "100"),
            "detection.batch_size: holds for everybody: write it under detection in config.yml",
            id="what no user chooses",
        ),
        pytest.param(Change("detection.hue"), "detection.hue: is no setting; there are", id="no key of detection"),
        pytest.param(Change("detection", "off"), "detection: must be a mapping, such as {phash", id="all of it"),
        pytest.param(Change("colour"), "colour: is no setting; there are timestamp_tolerance", id="no key to unset"),
        pytest.param(Change("stack.moon"), "stack.moon: is no setting; there are ", id="no kind to unset"),
        pytest.param(Change("stack.", "on"), "stack.: is no setting; there are", id="half a key"),
        pytest.param(Change("ask_first", "maybe"), "ask_first: must be true or false", id="no value for it"),
        pytest.param(Change("ask_first", ""), "ask_first: has no value", id="no value"),
        pytest.param(
            Change("stack", "{}"), "stack: has no value; `sidecar settings unset stack` takes a", id="no kind at all"
        ),
        pytest.param(
            Change("stack", "{moon: 1, burst: 2}"),
            "must be true or false; stack.moon: is no setting",
            id="two mistakes",
        ),
        pytest.param(Change("ask_first", "[on"), "ask_first: line 1, column 4: expected ',' or ']'", id="no YAML"),
        pytest.param(
            Change("filename_patterns", WEB),
            """a pattern is written '["{base}-web.{ext}"]', with both kinds of quotes""",
            id="quotes that the shell took",
        ),
    ],
)
async def test_what_cannot_be_meant_changes_nothing(
    settings: Settings, ann: UserRow, change: Change, says: str
) -> None:
    await store(settings, ann, {"ask_first": True})
    with pytest.raises(SettingsError) as caught:
        await run(settings, change)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert await stored(settings, ann) == {"ask_first": True}


async def test_nobodys_choice_is_changed_by_chance(both: Settings, ann: UserRow) -> None:
    change = Change("ask_first", "true")
    with pytest.raises(
        SettingsError, match="more than one user: say whose choice it is with --user; connected: Ann, Bob"
    ):
        await run(both, change)
    code, out, _ = await run(both, change, user="ANN")
    assert code == ExitCode.DONE
    assert out.startswith("Ann: now ask_first is true")
    assert await stored(both, ann) == {"ask_first": True}
    _, out, _ = await run(both, user="Bob")
    assert squeezed(out) == f"Bob\n{BUILT_IN}"


async def test_a_user_whose_key_is_refused_is_not_forgotten(settings: Settings) -> None:
    one_refused = with_key(settings, "wrong")
    code, out, err = await run(one_refused)
    assert code == ExitCode.REFUSED
    assert squeezed(out) == f"Ann\n{BUILT_IN}"
    assert err.startswith("sidecar: API key 2 of 2")
    code, out, err = await run(one_refused, user="ann")
    assert code == ExitCode.DONE
    with pytest.raises(SettingsError, match="more than one user"):
        await run(one_refused, Change("ask_first", "true"))
    code, _, _ = await run(one_refused, Change("ask_first", "true"), user="ann")
    assert code == ExitCode.DONE


async def test_a_change_reaches_the_sidecar_that_runs_and_wakes_it_for_that_user(
    settings: Settings, ann: UserRow
) -> None:
    async with open_services(settings) as running:
        for change in (Change("ask_first"), Change("ask_first", "true")):
            assert await running.queue.pool.zcard(QUEUE_NAME) == 0
            await said(settings, change)
        (job_id,) = await running.queue.pool.zrange(QUEUE_NAME, 0, -1)
        assert job_id.decode() == f"pair:{ann.id}"
        async with running.database.read() as connection:
            assert await preferences.get(connection, OwnerId(ann.id)) == {"ask_first": True}


@pytest.mark.slow
@pytest.mark.timeout(90)
async def test_the_words_of_the_command_line_reach_the_command(both: Settings, tmp_path: Path, ann: UserRow) -> None:
    (tmp_path / "config.yml").write_text("matching: {stack: {burst: true}}")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SIDECAR_", "IMMICH_"))},
        "IMMICH_URL": both.immich_url,
        "SIDECAR_API_KEYS": ",".join(key.get_secret_value() for key in both.api_keys),
        "SIDECAR_DATA_DIR": str(both.data_dir),
        "SIDECAR_CONFIG_FILE": str(tmp_path / "config.yml"),
    }

    async def sidecar(*words: str) -> tuple[int | None, str, str]:
        command = (sys.executable, "-m", "sidecar", "settings", *words)
        process = await create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    # A list whose quotes were forgotten, and --user before and behind the word.
    code, out, err = await sidecar("--user", "ann", "set", "auto_primary_preference", "[edited,", "jpg]")
    assert (code, err) == (0, "")
    assert out.startswith("Ann: now auto_primary_preference is [edited, jpg] (this user)")
    assert await stored(both, ann) == {"auto_primary_preference": ["edited", "jpg"]}
    code, out, _ = await sidecar("unset", "auto_primary_preference", "--user", "Ann")
    assert code == 0
    assert await stored(both, ann) == {}
    code, out, _ = await sidecar()
    assert code == 0
    assert squeezed(out).count("  stack.burst true config.yml") == 2
    (tmp_path / "config.yml").write_text("colour: red\nmatching: {stack: {burst: 3}}")
    code, out, err = await sidecar()
    assert (code, out) == (2, "")
    assert [line.partition("config.yml")[0] for line in err.splitlines()] == [f"sidecar: {tmp_path}/"] * 2
