from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openapi.pin import pin_text, read_pin, read_pins
from openapi.trim import trim
from sidecar.immich_client.contract.description import DescriptionError, version_numbers
from tests.openapi.descriptions import Json, ref, thing_description


@pytest.mark.parametrize("version", ["", "3", "v3.1.0", "3.1.x", "3..0", "3.1.-1", "٣.1.0"])
def test_only_numbers_between_dots_are_a_version(version: str) -> None:
    if version == "3":
        assert version_numbers(version) == (3,)
    else:
        with pytest.raises(DescriptionError, match="not an Immich version"):
            version_numbers(version)


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3)))
def test_versions_sort_as_their_numbers_do(numbers: list[tuple[int, int, int]]) -> None:
    texts = [".".join(map(str, version)) for version in numbers]
    assert [version_numbers(text) for text in sorted(texts, key=version_numbers)] == sorted(numbers)


def test_a_pin_is_read_as_it_was_written(tmp_path: Path) -> None:
    pin = trim(thing_description(), ["getThing"], origin="a test")
    path = tmp_path / "3.1.0.json"
    path.write_text(pin_text(pin))
    assert read_pin(path) == pin


def test_pins_come_oldest_first(tmp_path: Path) -> None:
    for version in ("10.0.0", "2.10.0", "2.9.0"):
        pin = trim(thing_description(version), ["getThing"], origin="a test")
        (tmp_path / f"{version}.json").write_text(pin_text(pin))
    assert [pin.immich for pin in read_pins(tmp_path)] == ["2.9.0", "2.10.0", "10.0.0"]


def test_a_file_that_is_no_pin_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "3.1.0.json").write_text("{}")
    with pytest.raises(DescriptionError, match=r"3\.1\.0\.json is not a pin: Object missing required field `immich`"):
        read_pins(tmp_path)


@pytest.mark.parametrize(
    ("schema", "resolved"),
    [
        pytest.param({"$ref": "#/schemas/Word"}, {"type": "string"}, id="a reference"),
        pytest.param({"allOf": [{"$ref": "#/schemas/Word"}]}, {"type": "string"}, id="a wrapped reference"),
        pytest.param(
            {"allOf": [{"$ref": "#/schemas/Word"}], "nullable": True},
            {"type": "string", "nullable": True},
            id="a wrapped reference that may be null",
        ),
        pytest.param({"allOf": [{}, {}]}, {"allOf": [{}, {}]}, id="two schemas at once"),
    ],
)
def test_a_reference_resolves_to_the_schema_itself(schema: Json, resolved: Json) -> None:
    text = thing_description(thing={"word": ref("Word")}).replace(
        b'"Thing": {', b'"Word": {"type": "string"}, "Thing": {'
    )
    assert trim(text, ["getThing"], origin="a test").resolve(schema) == resolved
