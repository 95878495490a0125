"""Copies in the libraries of people who use the API, and what the tests ask about them."""

from __future__ import annotations

from typing import Any

from sidecar.demo.immich.rows import AssetRow
from sidecar.duplicates.classes import DuplicateClass
from tests.handlers.conftest import Person
from tests.jobs.duplicates.album import Shelf
from tests.jobs.household import Library


def shelf_of(person: Person) -> Shelf:
    household = person.household
    return Shelf(Library(household.immich, person.user, household.services.jobs, household.clock))


async def copies(person: Person, *named: tuple[str, bytes], **facts: Any) -> tuple[Shelf, list[AssetRow]]:
    """Files whose contents were read, in sets of the same bytes."""
    shelf = shelf_of(person)
    rows = [shelf.photo(name, data, **facts) for name, data in named]
    await shelf.library.sync()
    await shelf.read(*rows)
    await shelf.form()
    return shelf, rows


async def pair(person: Person, name: str = "A", data: bytes = b"a" * 100) -> tuple[Shelf, list[AssetRow], str]:
    """Two files of the same bytes, and the id of their set."""
    shelf, rows = await copies(person, (f"{name}1.jpg", data), (f"{name}2.jpg", data))
    return shelf, rows, await set_of(person, *rows)


async def alike(
    person: Person, *rows: AssetRow, kind: DuplicateClass = DuplicateClass.RE_ENCODED, similarity: float = 0.98
) -> None:
    """A detector has found that all of these look like the first."""
    shelf = shelf_of(person)
    first, *others = rows
    for other in others:
        await shelf.alike(first, other, kind, similarity)
    await shelf.form()


async def set_of(person: Person, *rows: AssetRow) -> str:
    """The id of the set that has exactly these members."""
    wanted = {row.id for row in rows}
    for each in await shelf_of(person).sets():
        if {member.asset_id for member in each.members} == wanted:
            return each.id
    raise AssertionError("no such set")


async def sets(person: Person, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get("/duplicates", params=query))["items"]
    return found


async def done(person: Person, method: str, path: str, body: object) -> Any:
    """The JSON of an answer of 202."""
    answer = await person.ask(method, path, json=body)
    assert answer.status == 202, await answer.text()
    return await answer.json()


async def problem(person: Person, method: str, path: str, body: object) -> tuple[int, str, str]:
    """(status, code, detail) of a problem."""
    answer = await person.ask(method, path, json=body)
    assert answer.content_type == "application/problem+json", answer.status
    told = await answer.json()
    return answer.status, told.get("code", ""), told.get("detail", "")
