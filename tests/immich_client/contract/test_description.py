from __future__ import annotations

import pytest

from sidecar.immich_client.contract.description import (
    Description,
    DescriptionError,
    fingerprint,
    place_of,
    released_version,
)
from sidecar.immich_client.contract.terms import load_contract
from tests.immich_client.contract.changed import NEWEST, described


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(described()[:5000], "not JSON", id="a part"),
        pytest.param(b"\xff\xfe", "not JSON", id="bytes"),
        pytest.param(b"[" * 100_000, "not JSON", id="a bottomless list"),
        pytest.param(b"<!doctype html>", "not JSON", id="a page"),
        pytest.param(b"{}", "not an OpenAPI description", id="an empty object"),
        pytest.param(b'{"info": [], "paths": {}, "components": {}}', "not an OpenAPI description", id="lists"),
    ],
)
def test_what_is_no_description_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(DescriptionError, match=says):
        Description(text)


def test_what_is_no_operation_is_passed_over() -> None:
    text = b'{"info": {}, "paths": {"/a": [], "/b": {"get": 5, "summary": {}}}, "components": {}}'
    found = Description(text)
    assert (found.version, found.name_at("GET /b"), found.place_of("getB")) == ("", None, None)
    assert "getB" not in found


@pytest.mark.parametrize(
    ("said", "released"), [("v3.2.0-rc.1", "3.2.0"), ("3.1.0", "3.1.0"), ("3.1.0+build.5", "3.1.0"), ("next", "next")]
)
def test_the_release_behind_a_version(said: str, released: str) -> None:
    assert released_version(said) == released


def test_the_names_of_a_paths_parameters_do_not_matter() -> None:
    assert place_of("get", "/stacks/{id}/assets/{assetId}") == place_of("GET", "/stacks/{stackId}/assets/{id}")


def test_the_contract_knows_its_pins_by_their_fingerprints() -> None:
    found = Description(described())
    operation = found.operation("createStack")
    schemas = {name: NEWEST.schemas[name] for name in found.reached({"$ref": "#/schemas/StackCreateDto"})}
    assert schemas.keys() == {"StackCreateDto"}
    whole = found.reached([{"$ref": f"#/schemas/{name}"} for name in ("StackCreateDto", "StackResponseDto")])
    assert fingerprint("createStack", operation, whole) in load_contract().calls["createStack"].fingerprints
    assert fingerprint("makeStack", operation, whole) not in load_contract().calls["createStack"].fingerprints
