from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
import respx

from openapi.generate import Layout, Source, expected, main, read_file, read_server, stale
from sidecar.immich_client.contract.description import DescriptionError
from tests.openapi.descriptions import thing_description

SELECTION = '[calls.getThing]\nanswer = "Thing"\n[models]\nThing = ["id"]\n'
SHARED = Path(os.environ.get("SIDECAR_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A project with a list of operations and nothing generated yet."""
    made = Layout(tmp_path)
    made.pins.mkdir(parents=True)
    made.selection.write_text(SELECTION)
    return made


def written(path: Path, text: bytes) -> str:
    path.write_bytes(text)
    return str(path)


def test_the_committed_contract_and_code_follow_from_the_committed_pins() -> None:
    assert stale(expected(Layout())) == []


def test_the_committed_pins_follow_from_the_full_descriptions() -> None:
    descriptions = sorted((SHARED / "openapi").glob("immich-v*.json"))
    if not descriptions:
        pytest.skip("the full descriptions of Immich are not beside the project")
    assert stale(expected(Layout(), [read_file(path) for path in descriptions])) == []


def test_a_description_becomes_a_pin_a_contract_and_code(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(tmp_path / "full.json", thing_description())], layout=layout) == 0
    names = [Path(line.removeprefix("written: ")).name for line in capsys.readouterr().out.splitlines()]
    assert names == [
        "3.1.0.json",
        "described.json",
        "__init__.py",
        "calls.py",
        "contract.json",
        "facts.py",
        "models.py",
    ]
    assert main(["--check"], layout=layout) == 0


def test_pins_alone_suffice_to_write_the_rest_again(layout: Layout, tmp_path: Path) -> None:
    main([written(tmp_path / "full.json", thing_description())], layout=layout)
    before = layout.contract.read_text()
    layout.contract.unlink()
    (layout.generated / "models.py").write_text("edited by hand")
    assert main([], layout=layout) == 0
    assert layout.contract.read_text() == before
    assert stale(expected(layout)) == []


def test_a_check_names_what_is_stale_and_writes_nothing(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([written(tmp_path / "full.json", thing_description())], layout=layout)
    models = layout.generated / "models.py"
    models.write_text("edited by hand")
    capsys.readouterr()
    assert main(["--check"], layout=layout) == 1
    assert capsys.readouterr().out == f"stale: {models}\n"
    assert models.read_text() == "edited by hand"


def test_a_changed_description_makes_its_pin_stale(layout: Layout, tmp_path: Path) -> None:
    main([written(tmp_path / "full.json", thing_description())], layout=layout)
    changed = thing_description(thing={"id": {"type": "string"}, "name": {"type": "string"}})
    assert main(["--check", written(tmp_path / "full.json", changed)], layout=layout) == 1


def test_another_version_is_pinned_beside_the_others(layout: Layout, tmp_path: Path) -> None:
    main([written(tmp_path / "full.json", thing_description("2.7.5"))], layout=layout)
    main([written(tmp_path / "full.json", thing_description("3.1.0"))], layout=layout)
    assert sorted(path.name for path in layout.pins.iterdir()) == ["2.7.5.json", "3.1.0.json"]
    assert '"2.7.5", "3.1.0"' in (layout.generated / "facts.py").read_text()


def test_a_running_server_is_asked_for_its_description(layout: Layout, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get("http://immich:2283/api/spec.json").respond(content=thing_description())
    assert main(["--from-url", "http://immich:2283/api/"], layout=layout) == 0
    assert "x-api-key" not in route.calls.last.request.headers
    assert '"origin": "/api/spec.json of a server"' in (layout.pins / "3.1.0.json").read_text()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(httpx.Response(404), id="no such page"),
        pytest.param(httpx.ConnectError("refused"), id="nobody there"),
    ],
)
def test_a_server_that_does_not_answer_is_named(
    reply: httpx.Response | httpx.ConnectError, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get("http://immich:2283/api/spec.json")
    route.side_effect = [reply]
    with pytest.raises(DescriptionError, match=r"http://immich:2283/api/spec\.json cannot be read"):
        read_server("http://immich:2283")


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(DescriptionError, match="cannot be read"):
        read_server("http://immich:port")


def test_a_file_that_cannot_be_read_ends_the_command_with_one_line(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nowhere.json")], layout=layout) == 2
    error = capsys.readouterr().err
    assert error.endswith("nowhere.json cannot be read: No such file or directory.\n")
    assert error.count("\n") == 1


def test_an_older_version_is_pinned_without_what_it_need_not_have(layout: Layout, tmp_path: Path) -> None:
    layout.selection.write_text('emulated = [{ getOther = "3.1.0" }]\n' + SELECTION)
    assert main([written(tmp_path / "old.json", thing_description("2.7.5"))], layout=layout) == 0
    assert main([written(tmp_path / "new.json", thing_description("3.1.0"))], layout=layout) == 2


def test_without_any_pin_there_is_nothing_to_generate(layout: Layout) -> None:
    with pytest.raises(DescriptionError, match="no pin yet"):
        expected(layout)


def test_an_operation_that_older_pins_lack_is_known_since_the_first_that_has_it(layout: Layout) -> None:
    older = Source(thing_description("2.5.6"), "a test")
    for path, text in expected(layout, [older]).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    newer = Source(thing_description("3.1.0", thing={"id": {"type": "integer"}}), "a test")
    models = expected(layout, [newer])[layout.generated / "models.py"]
    assert "id: int | str" in models
