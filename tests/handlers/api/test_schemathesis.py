"""The served document and the running server agree, whatever is asked: schemathesis asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok

from tests.handlers.api.everything import IDS_OF, Known, fill
from tests.handlers.conftest import BASE, Household, Person

Case = schemathesis.Case[Any]

EXAMPLES = 6
"""For each operation, way of generating and id: the whole of it has to be done in a minute on two busy cores."""

CONFIG = {
    # What is shown as a credential is not guessed: other tests show every kind of it.
    "generation": {"with-security-parameters": False, "deterministic": True, "database": "none"},
    "checks": {"negative_data_rejection": {"expected-statuses": [400, 404, 413, 415]}},
}
ALWAYS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def ids_for(operation: Any, known: Known) -> Iterator[dict[str, str] | None]:
    """An id that is there, and whatever comes to mind."""
    yield None
    word = operation.path.split("/")[1]
    if "{" in operation.path and word in IDS_OF:
        yield {"id": known.ids[IDS_OF[word]][0]}


def disagreements(url: str, person: Person, known: Known) -> list[str]:
    """What was asked and answered otherwise than the document says; runs beside the event loop of the server."""
    load_all_checks()
    checks: dict[str, Any] = {name: CHECKS.get_one(name) for name in (*ALWAYS, "negative_data_rejection")}
    schema = schemathesis.openapi.from_url(
        f"{url}{BASE}/api/openapi.json", config=schemathesis.Config.from_dict(CONFIG)
    )
    schema.validate()
    found: list[str] = []
    asked: set[str] = set()
    with requests.Session() as session:

        def ask(case: Case, *, is_negative: bool) -> None:
            response = case.call(base_url=f"{url}{BASE}/api", session=session, headers=person.headers)
            wanted = [*ALWAYS, *(["negative_data_rejection"] if is_negative else [])]
            asked.add(case.operation.label)
            try:
                case.validate_response(response, checks=[checks[name] for name in wanted], headers=person.headers)
            except (Failure, FailureGroup) as error:
                reasons = [str(each) for each in getattr(error, "exceptions", [error])]
                found.append(
                    f"{case.as_curl_command()[:600]} -> {response.status_code} {response.text[:300]}: {reasons}"
                )

        def run(cases: SearchStrategy[Case], *, is_negative: bool) -> None:
            @SETTINGS
            @hypothesis.given(cases)
            def each(case: Case) -> None:
                ask(case, is_negative=is_negative)

            each()

        for result in schema.get_all_operations():
            assert isinstance(result, Ok), result
            operation = result.ok()
            for mode in schemathesis.GenerationMode:
                for ids in ids_for(operation, known):
                    if mode is schemathesis.GenerationMode.NEGATIVE and ids is not None:
                        continue
                    given: dict[str, Any] = {} if ids is None else {"path_parameters": ids}
                    try:
                        run(
                            operation.as_strategy(mode, **given),
                            is_negative=mode is schemathesis.GenerationMode.NEGATIVE,
                        )
                    except hypothesis.errors.Unsatisfiable:
                        # Nothing that is sent to an operation without parameters can be wrong.
                        assert mode is schemathesis.GenerationMode.NEGATIVE, operation.label
    assert len(asked) == schema.statistic.operations.total
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_document_and_server_agree_whatever_is_asked(household: Household, ann: Person) -> None:
    known = await fill(ann, "ANN")
    found = await asyncio.to_thread(disagreements, str(household.client.make_url("/")).rstrip("/"), ann, known)
    assert found == []
