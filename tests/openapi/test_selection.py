from __future__ import annotations

from pathlib import Path

import pytest

from openapi.selection import load_selection
from sidecar.immich_client.contract.description import DescriptionError
from sidecar.immich_client.contract.terms import model_inside


@pytest.mark.parametrize(
    ("how", "model"),
    [
        pytest.param(None, None, id="plainly"),
        pytest.param("text", None, id="as text"),
        pytest.param("raw", None, id="undecoded"),
        pytest.param("raw Asset", "Asset", id="undecoded, but known"),
        pytest.param("Exif", "Exif", id="as a model"),
    ],
)
def test_a_way_of_reading_may_name_a_model(how: str | None, model: str | None) -> None:
    assert model_inside(how) == model


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("calls = 1", "Expected `object`", id="wrong type"),
        pytest.param("[calls.a]\nanswers = 'A'\n[models]", "unknown field `answers`", id="misspelt key"),
        pytest.param("[calls", "operations.toml cannot be read", id="no TOML"),
    ],
)
def test_a_list_of_operations_that_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "operations.toml"
    path.write_text(text)
    with pytest.raises(DescriptionError, match=says):
        load_selection(path)


def test_called_and_emulated_operations_are_pinned_once_each(tmp_path: Path) -> None:
    path = tmp_path / "operations.toml"
    path.write_text('emulated = ["b", "a"]\n[calls.c]\nanswer = "C"\n[calls.a]\nanswer = "C"\n[models]\nC = ["id"]\n')
    assert load_selection(path).operations == ("a", "b", "c")


def test_an_operation_may_be_wanted_of_newer_pins_alone_called_or_emulated(tmp_path: Path) -> None:
    path = tmp_path / "operations.toml"
    path.write_text(
        'emulated = ["a", { b = "2.7.5" }, { c = "2.7.5" }]\n[calls.c]\nsince = "3.0.3"\n[calls.d]\n[models]\n'
    )
    selection = load_selection(path)
    assert selection.operations == ("a", "b", "c", "d")
    assert selection.since == {"b": "2.7.5", "c": "3.0.3"}


def test_fields_keep_the_order_in_which_they_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "operations.toml"
    path.write_text('[calls]\n[models]\nC = ["z", { m = "raw" }, "a"]\n')
    assert list(load_selection(path).reads("C").items()) == [("z", None), ("m", "raw"), ("a", None)]
