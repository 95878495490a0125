from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sidecar.commands.doctor import doctor
from sidecar.commands.exit_codes import ExitCode
from sidecar.demo.immich import EmulatedImmich
from sidecar.demo.immich.versions import behaviour_of
from sidecar.errors import ImmichUnavailable, SettingsError, UnsupportedImmich
from sidecar.model import ServerVersion
from sidecar.settings import Settings
from tests.immich_client.contract.changed import Json, described, needs_a_kind, schema


def upgrade(immich: EmulatedImmich, version: str, description: bytes | None) -> None:
    immich.state.behaviour = behaviour_of(version)
    immich.state.description = description


async def said(settings: Settings, **options: bool) -> tuple[ExitCode, str]:
    out = io.StringIO()
    code = await doctor(settings, every=options.get("every", False), as_json=options.get("as_json", False), out=out)
    return code, out.getvalue()


async def test_a_known_server_is_well(settings: Settings) -> None:
    code, text = await said(settings)
    assert code is ExitCode.DONE
    assert text.startswith("ok     data folder: ")
    assert text.endswith(
        "\nImmich 3.1.0: one of the versions that this sidecar is tested with.\n48 operations in use: 48 unchanged\n"
    )
    _, text = await said(settings, every=True)
    assert "  createStack  unchanged\n" in text


async def test_what_a_newer_server_changed_is_named_with_what_is_switched_off(
    immich: EmulatedImmich, settings: Settings
) -> None:
    def change(document: Json) -> None:
        needs_a_kind(document)
        del schema(document, "PartnerResponseDto")["properties"]["inTimeline"]

    upgrade(immich, "3.2.0", described(change, version="3.2.0"))
    code, text = await said(settings)
    assert code is ExitCode.CHANGED
    lines = text[text.index("Immich 3.2.0") :].splitlines()
    assert lines[0] == "Immich 3.2.0: newer than 3.1.0, the newest this sidecar is tested with."
    assert "2 changed in a way that matters" in lines[1]
    assert "  createStack  changed in a way that matters: it needs kind, which we do not send" in lines
    assert "Switched off: making, changing and undoing stacks because of createStack" in lines
    assert "May be misread: getPartners" in lines
    assert lines[-1].startswith("Nothing is lost")
    code, text = await said(settings, as_json=True)
    told = json.loads(text)
    assert (code, told["version"], told["is_sound"]) == (ExitCode.CHANGED, "3.2.0", False)
    assert told["held_back"] == [{"capability": "stacks", "operations": ["createStack"]}]
    assert {each["operation"] for each in told["verdicts"] if each["change"] == "matters"} == {
        "createStack",
        "getPartners",
    }


@pytest.mark.parametrize(
    ("version", "description", "says", "code"),
    [
        ("3.2.0", None, "could not be fetched", ExitCode.CHANGED),
        ("3.2.0", described()[:9000], "not JSON", ExitCode.CHANGED),
        ("3.2.0", described(), "It describes Immich 3.1.0, and the server says that it is 3.2.0", ExitCode.CHANGED),
        ("3.1.0", b"<html>", "not JSON", ExitCode.DONE),
        ("3.0.5", None, "between the versions", ExitCode.DONE),
    ],
)
async def test_a_description_that_cannot_be_used_is_told_as_what_it_is(  # noqa: PLR0917
    immich: EmulatedImmich, settings: Settings, version: str, description: bytes | None, says: str, code: ExitCode
) -> None:
    upgrade(immich, version, description)
    ended, text = await said(settings)
    assert says in text
    assert ended is code
    assert ("Switched off" in text) is (code is ExitCode.CHANGED)


async def test_a_server_that_is_too_old_or_does_not_answer(
    settings: Settings, tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.immich_client.server.to_version", lambda _: ServerVersion(2, 4, 0))
    with pytest.raises(UnsupportedImmich):
        await said(settings)
    with pytest.raises(SettingsError):
        await said(Settings(immich_url="", data_dir=tmp_path))
    with pytest.raises(ImmichUnavailable):
        await said(Settings(immich_url=f"http://127.0.0.1:{unused_tcp_port}", data_dir=tmp_path))


async def test_what_has_to_be_mended_is_told_with_what_to_do_and_ends_with_1(
    immich: EmulatedImmich, settings: Settings
) -> None:
    immich.state.has_trash = False
    code, text = await said(settings)
    assert code is ExitCode.PARTLY_FAILED
    told = text.splitlines()
    at = told.index("WRONG  trash: Immich's trash is switched off: no duplicate is trashed")
    assert told[at + 1] == "       switch it on in Immich"
    code, text = await said(settings, as_json=True)
    assert {"level": "wrong", "about": "trash"}.items() <= next(
        each for each in json.loads(text)["checks"] if each["about"] == "trash"
    ).items()
