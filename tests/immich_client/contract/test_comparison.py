"""Rules of the comparison, one change each; contract-tests/test_changes.py tries hundreds of others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sidecar.immich_client.batch import ASSETS_AT_ONCE
from sidecar.immich_client.contract.comparison import HURTS, MOST_IN_A_LIST, Change, Verdict, compare
from sidecar.immich_client.contract.description import Description
from sidecar.immich_client.contract.terms import load_contract
from tests.immich_client.contract.changed import Json, described, operation, schema


def verdicts(change: Callable[[Json], object], *, version: str = "3.1.0") -> dict[str, Verdict]:
    """Those that are not as pinned."""
    found = compare(load_contract(), Description(described(change, version=version)))
    return {each.operation: each for each in found if each.change is not Change.UNCHANGED}


ONE_OF_SEVERAL = {"oneOf": [{"type": "string"}, {"type": "integer"}]}


def replies(schema: Json) -> Json:
    """What an operation answers."""
    return {"200": {"content": {"application/json": {"schema": schema}}}}


def take(document: Json, parameter: Json) -> None:
    """The list of stacks takes one parameter more."""
    operation(document, "get", "/stacks")["parameters"].append(parameter)


def parameter(name: str, place: str, **facts: object) -> Json:
    return {"name": name, "in": place, "schema": {"type": "string"}, **facts}


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        pytest.param(
            lambda d: take(d, parameter("x-tenant", "header", required=True)),
            "searchStacks",
            "it needs x-tenant, which we do not send",
            id="a header",
        ),
        pytest.param(
            lambda d: operation(d, "get", "/stacks/{id}")["parameters"][0].update(schema={"type": "integer"}),
            "getStack",
            "id is no string any more",
            id="numbers for ids",
        ),
        pytest.param(
            lambda d: operation(d, "get", "/stacks").update(
                requestBody={"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
            ),
            "searchStacks",
            "it needs a body",
            id="a body where none was",
        ),
        pytest.param(
            lambda d: operation(d, "post", "/stacks").pop("requestBody"),
            "createStack",
            "it takes no JSON",
            id="no body",
        ),
        pytest.param(
            lambda d: schema(d, "StackCreateDto").update(type="array"),
            "createStack",
            "its body is no object",
            id="a list as body",
        ),
        pytest.param(
            lambda d: schema(d, "StackCreateDto")["properties"].update(assetIds=ONE_OF_SEVERAL),
            "createStack",
            "assetIds is described in a way that cannot be judged",
            id="one of several types",
        ),
        pytest.param(
            lambda d: schema(d, "StackCreateDto")["properties"]["assetIds"].update(minItems=3),
            "createStack",
            "assetIds must hold at least 3 now",
            id="three at least",
        ),
        pytest.param(
            lambda d: schema(d, "StackCreateDto")["properties"]["assetIds"].update(uniqueItems=True),
            "createStack",
            "assetIds has a new limit: uniqueItems",
            id="a limit that was none",
        ),
        pytest.param(
            lambda d: schema(d, "StackCreateDto")["properties"]["assetIds"]["items"].update(pattern="^[a-z]$"),
            "createStack",
            "each of assetIds has a new limit: pattern",
            id="other ids",
        ),
        pytest.param(
            lambda d: schema(d, "ApiKeyCreateDto")["properties"]["name"].update(enum=["one"]),
            "createApiKey",
            "name takes only certain words now",
            id="certain names",
        ),
        pytest.param(
            lambda d: schema(d, "UpdateAssetDto")["properties"]["latitude"].update(minimum=0),
            "updateAsset",
            "latitude must be at least 0 now",
            id="the northern half",
        ),
        pytest.param(
            lambda d: schema(d, "WorkflowStepDto")["properties"].pop("enabled"),
            "createWorkflow",
            "each of steps does not take enabled any more",
            id="less inside",
        ),
        pytest.param(
            lambda d: schema(d, "WorkflowStepDto").update(
                required=["method", "config", "order"],
                properties={**schema(d, "WorkflowStepDto")["properties"], "order": {"type": "integer"}},
            ),
            "createWorkflow",
            "each of steps needs order, which we do not send",
            id="more inside",
        ),
        pytest.param(
            lambda d: schema(d, "WorkflowStepDto")["properties"]["config"].update(additionalProperties=False),
            "createWorkflow",
            "each of steps.config takes only certain fields now",
            id="certain settings",
        ),
        pytest.param(
            lambda d: operation(d, "get", "/stacks")["responses"].update(
                {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/StackResponseDto"}}}
                    }
                }
            ),
            "searchStacks",
            "it does not answer a list any more",
            id="one instead of many",
        ),
        pytest.param(
            lambda d: operation(d, "get", "/stacks/{id}")["responses"].update(
                replies({"type": "array", "items": {"type": "string"}})
            ),
            "getStack",
            "it answers a list now",
            id="many instead of one",
        ),
        pytest.param(
            lambda d: operation(d, "get", "/stacks")["responses"].update(
                replies({"type": "array", "items": {"type": "string"}})
            ),
            "searchStacks",
            "Stack is string now",
            id="words instead of stacks",
        ),
        pytest.param(
            lambda d: schema(d, "StackResponseDto")["properties"].update(primaryAssetId=ONE_OF_SEVERAL),
            "getStack",
            "Stack.primaryAssetId is described in a way that cannot be judged",
            id="a field of several types",
        ),
        pytest.param(
            lambda d: schema(d, "AssetTypeEnum")["enum"].remove("IMAGE"),
            "getAssetInfo",
            "Asset.type does not say IMAGE any more",
            id="a word by which we go",
        ),
    ],
)
def test_what_matters_is_named(change: Callable[[Json], object], name: str, reason: str) -> None:
    found = verdicts(change)
    assert (found[name].change, found[name].reasons[0]) == (Change.MATTERS, reason)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda d: take(d, parameter("sort", "query")),
            id="another choice",
        ),
        pytest.param(lambda d: operation(d, "get", "/stacks").update(operationId="listStacks"), id="another name"),
        pytest.param(lambda d: schema(d, "AssetTypeEnum")["enum"].append("MODEL"), id="another word"),
        pytest.param(lambda d: schema(d, "AssetResponseDto")["properties"].pop("people"), id="less than we read"),
        pytest.param(
            lambda d: schema(d, "StackCreateDto")["properties"]["assetIds"].update(maxItems=5000),
            id="long lists",
        ),
        pytest.param(
            lambda d: schema(d, "ExifResponseDto")["properties"]["modifyDate"].pop("format"), id="a time read as text"
        ),
    ],
)
def test_what_does_not_matter_is_said_to_be_harmless(change: Callable[[Json], object]) -> None:
    found = verdicts(change)
    assert found
    assert {(each.change, each.reasons) for each in found.values()} == {(Change.HARMLESS, ())}


def test_what_has_moved_is_told_with_its_new_place() -> None:
    def move(document: Json) -> None:
        document["paths"]["/v2/stacks"] = {"post": document["paths"]["/stacks"].pop("post")}

    found = verdicts(move)
    assert found["createStack"] == Verdict("createStack", Change.GONE, ("it has moved to POST /v2/stacks",))
    found = verdicts(lambda document: document["paths"].pop("/stacks/{id}"))
    assert found["deleteStack"].reasons == ("the server does not describe it any more",)
    assert found.keys() == {"getStack", "updateStack", "deleteStack"}


def test_what_only_later_versions_have_is_not_missed() -> None:
    found = verdicts(lambda document: document["paths"].pop("/workflows"), version="2.7.5")
    assert found["createWorkflow"].change is Change.NOT_YET
    assert not {each.change for each in found.values()} & HURTS


def test_no_list_of_ours_is_longer_than_the_comparison_assumes() -> None:
    assert ASSETS_AT_ONCE <= MOST_IN_A_LIST
