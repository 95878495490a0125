from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from openapi.emit import annotation, emit, snake
from sidecar.immich_client.contract.terms import Call, Contract, Field, Shape

TEXT = Shape(kinds=("string",))


def a_contract(calls: dict[str, Call] | None = None, **fields: Field) -> Contract:
    return Contract(pins=("2.7.5", "3.1.0"), calls=calls or {}, models={"Thing": fields} if fields else {})


def body_of(text: str, start: str) -> str:
    """The text from a line that starts so up to the next blank one."""
    return text[text.index(start) :].split("\n\n\n", maxsplit=1)[0].rstrip()


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        pytest.param("id", "id", id="one word"),
        pytest.param("ownerId", "owner_id", id="two words"),
        pytest.param("createApiKey", "create_api_key", id="three words"),
        pytest.param("fileSizeInByte", "file_size_in_byte", id="short words"),
        pytest.param("ServerVersion", "server_version", id="a model"),
        pytest.param("from", "from_", id="a keyword"),
    ],
)
def test_names_are_spelled_as_python_spells_them(name: str, spelled: str) -> None:
    assert snake(name) == spelled


@pytest.mark.parametrize(
    ("shape", "reads", "expected"),
    [
        pytest.param(
            Shape(kinds=("integer", "string"), nullable=True), None, "int | str | None", id="two types or null"
        ),
        pytest.param(Shape(kinds=("date-time",)), None, "Moment", id="a time"),
        pytest.param(Shape(kinds=("date-time",), nullable=True), "text", "str | None", id="a time as text"),
        pytest.param(Shape(kinds=("object",)), "Exif", "Exif", id="a model"),
        pytest.param(Shape(kinds=("object",)), None, "dict[str, object]", id="any object"),
        pytest.param(Shape(kinds=("array",)), None, "list[object]", id="a list of anything"),
        pytest.param(
            Shape(kinds=("array",), items=Shape(kinds=("object",))), "raw Asset", "list[msgspec.Raw]", id="undecoded"
        ),
        pytest.param(
            Shape(kinds=("array",), items=Shape(kinds=("array",), nullable=True, items=TEXT)),
            None,
            "list[list[str] | None]",
            id="a list of lists or null",
        ),
    ],
)
def test_shapes_become_annotations(shape: Shape, reads: str | None, expected: str) -> None:
    assert annotation(shape, reads) == expected


def test_models_hold_the_fields_in_order_and_ignore_the_rest() -> None:
    contract = a_contract(
        ownerId=Field(shape=TEXT, since="2.7.5", required=True),
        name=Field(shape=TEXT, since="2.7.5"),
        id=Field(shape=TEXT, since="2.7.5", required=True),
    )
    assert body_of(emit(contract)["models.py"], "class Thing") == dedent("""\
        class Thing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
            owner_id: str = msgspec.field(name="ownerId")
            name: str | None = msgspec.field(default=None)
            id: str""")


def test_a_call_quotes_its_path_and_sends_only_what_is_set() -> None:
    call = Call(
        method="POST",
        path="/things/{id}/parts/{partId}",
        since="2.7.5",
        until="2.7.5",
        answer="Thing",
        answers_list=True,
        repeatable=True,
        query={"key": Field(shape=TEXT, since="2.7.5")},
        body={
            "after": Field(shape=Shape(kinds=("date-time",)), since="2.7.5"),
            "ids": Field(shape=Shape(kinds=("array",), items=TEXT), since="2.7.5", required=True),
        },
    )
    text = emit(a_contract({"findParts": call}))["calls.py"]
    assert "_thing_list = msgspec.json.Decoder(list[models.Thing])" in text
    assert "from collections.abc import Sequence\nfrom datetime import datetime\n" in text
    assert body_of(text, "def find_parts") == dedent('''\
        def find_parts(
            *,
            id: str,
            part_id: str,
            ids: Sequence[str],
            key: str | UnsetType = UNSET,
            after: datetime | UnsetType = UNSET,
        ) -> Call[list[models.Thing]]:
            """POST /things/{id}/parts/{partId}, Immich 2.7.5 to 2.7.5."""
            return Call(
                operation="findParts",
                method="POST",
                path=f"/things/{path_segment(id)}/parts/{path_segment(part_id)}",
                decode=_thing_list.decode,
                query=query_pairs({"key": key}),
                body=json_body({"after": after, "ids": ids}),
                is_repeatable=True,
            )''')


def test_a_call_without_an_answer_reads_nothing() -> None:
    call = Call(method="DELETE", path="/things", since="2.7.5")
    assert body_of(emit(a_contract({"dropThings": call}))["calls.py"], "def drop_things") == dedent('''\
        def drop_things() -> Call[None]:
            """DELETE /things, Immich 2.7.5."""
            return Call(
                operation="dropThings",
                method="DELETE",
                path="/things",
                decode=read_nothing,
                answers_json=False,
            )''')


def test_facts_list_permissions_and_versions_by_operation() -> None:
    calls = {
        "a": Call(method="GET", path="/a", since="3.1.0"),
        "b": Call(method="GET", path="/b", since="2.7.5", permissions=("b.read", "b.see")),
    }
    names: dict[str, object] = {}
    exec(emit(a_contract(calls))["facts.py"], names)  # noqa: S102 - the text is our own
    assert names["PINS"] == ("2.7.5", "3.1.0")
    assert names["PERMISSIONS"] == {"a": frozenset(), "b": frozenset({"b.read", "b.see"})}
    assert names["SINCE"] == {"a": "3.1.0", "b": "2.7.5"}


def test_every_file_says_that_it_is_generated_and_is_python() -> None:
    for text in emit(a_contract()).values():
        assert "Generated by `python -m openapi.generate`; do not edit." in (ast.get_docstring(ast.parse(text)) or "")
