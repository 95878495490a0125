"""A person of whom the sidecar knows something of every kind, what of it has an id, and what each operation is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.handlers.api.operation import Nothing, Operation
from sidecar.storage.tables import metadata
from tests.handlers.conftest import Household, Person
from tests.handlers.shelves import copies, set_of

NO_STACK = '{"message": "No stacks today"}'
IDS_OF = {
    "groups": "groups",
    "duplicates": "duplicates",
    "actions": "actions",
    "failures": "failures",
}
"""First word of a path -> whose ids stand in the path behind it."""


@dataclass
class Known:
    """What has an id: ids by what they are of, the revisions of groups, and the names of files.

    Shape:  members are the assets of what has members; the cover comes first.
    """

    ids: dict[str, list[str]] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def everything(self) -> set[str]:
        """Every id and every name."""
        return {each for ids in self.ids.values() for each in ids} | set(self.names)

    def nobodys(self) -> Known:
        """The same, with ids that nobody has."""
        return Known(
            {kind: list(map(nobodys, ids)) for kind, ids in self.ids.items()},
            {nobodys(each): revision for each, revision in self.revisions.items()},
            {nobodys(each): list(map(nobodys, ids)) for each, ids in self.members.items()},
        )


def nobodys(own: str) -> str:
    """An id of the same shape that nobody has."""
    return own.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))


async def fill(person: Person, mark: str) -> Known:
    """The person has stacks, proposals, sets of every standing, decisions, failures; names begin with the mark."""
    person.shoot(f"{mark}_1.CR3", f"{mark}_1.JPG")
    person.shoot(f"{mark}_2.CR3", f"{mark}_2", at_s=60)
    person.shoot(f"{mark}_3.CR3", at_s=180)
    await person.scan()
    person.shoot(f"{mark}_4.CR3", f"{mark}_4.JPG", at_s=120)
    person.household.immich.fail("POST", "/stacks", status=400, body=NO_STACK)
    await person.scan()
    named = [(f"{mark}{letter}{number}.jpg", letter * 100) for letter in "abcd" for number in (1, 2)]
    _, rows = await copies(person, *((name, (mark + data).encode()) for name, data in named))
    sets = [await set_of(person, *rows[place : place + 2]) for place in range(0, 8, 2)]
    answer = await person.ask("POST", f"/duplicates/{sets[1]}/dismiss", json={})
    assert answer.status == 204, await answer.text()
    answer = await person.ask("POST", f"/duplicates/{sets[2]}/keep", json={"keep_ids": [rows[4].id]})
    assert answer.status == 202, await answer.text()
    return await known_of(person, mark)


async def known_of(person: Person, mark: str) -> Known:
    """What of this person has an id now."""
    state = person.household.immich.state
    known = Known()
    known.ids["assets"] = [row.id for row in state.assets.values() if row.owner_id == person.user.id]
    known.names = [row.name for row in state.assets.values() if row.owner_id == person.user.id]
    assert all(name.startswith(mark) for name in known.names)
    stacks = {stack.id: list(stack.members) for stack in state.stacks.values() if stack.owner_id == person.user.id}
    groups = (await person.get("/groups"))["items"]
    known.ids["groups"] = [*(each["id"] for each in groups), *stacks]
    known.revisions = {each["id"]: each["revision"] for each in groups}
    known.members = stacks | {each["id"]: [one["asset_id"] for one in each["members"]] for each in groups}
    for stack_id, members in stacks.items():
        (shown,) = (each for each in groups if set(known.members[each["id"]]) == set(members))
        known.revisions[stack_id] = shown["revision"]
    listed = [*(await person.get("/duplicates"))["items"], *(await person.get("/duplicates/dismissed"))["items"]]
    known.ids["duplicates"] = [each["id"] for each in listed]
    known.members |= {each["id"]: [one["asset_id"] for one in each["members"]] for each in listed}
    for kind in ("actions", "failures"):
        known.ids[kind] = [each["id"] for each in (await person.get(f"/{kind}"))["items"]]
    assert all(known.ids.values()), known.ids
    assert {each["state"] for each in groups} == {"stacked", "proposed"}
    return known


Body = dict[str, Any]

BODIES: dict[str, Callable[[str, list[str], str], Body]] = {
    "connect": lambda _id, _members, _revision: {},
    "requestScan": lambda _id, _members, _revision: {"kind": "library"},
    "decideGroups": lambda id_, _members, revision: {
        "verdict": "reject", "items": [{"id": id_, "revision": revision}],
    },
    "setGroupPrimary": lambda _id, members, revision: {"asset_id": members[-1], "revision": revision},
    "unstackGroup": lambda _id, _members, revision: {"revision": revision},
    "acceptGroup": lambda _id, members, revision: {"revision": revision, "member_ids": members, "cover": members[0]},
    "rejectGroup": lambda _id, _members, revision: {"revision": revision},
    "keepIdenticalDuplicates": lambda _id, _members, _revision: {"token": "token"},
    "previewKeepingDuplicates": lambda _id, members, _revision: {"keep_ids": members[:1], "member_ids": members},
    "keepDuplicates": lambda _id, members, _revision: {"keep_ids": members[:1], "member_ids": members},
    "trashDuplicateFiles": lambda _id, members, _revision: {"asset_ids": members[:1], "member_ids": members},
    "dismissDuplicates": lambda _id, members, _revision: {"member_ids": members},
    "undismissDuplicates": lambda _id, _members, _revision: {},
    "stackDuplicates": lambda _id, members, _revision: {"member_ids": members},
    "undoAction": lambda _id, _members, _revision: {},
    "retryFailures": lambda _id, _members, _revision: {},
    "retryFailure": lambda _id, _members, _revision: {},
    "previewPreferences": lambda _id, _members, _revision: {"values": {"ask_first": True}},
    "changePreferences": lambda _id, _members, revision: {"revision": revision, "values": {"ask_first": True}},
}  # fmt: skip
"""What each operation with a body is told, of (id, members, revision)."""


@dataclass(frozen=True)
class Question:
    """One request that an operation understands, about things of one person."""

    operation: Operation[Any, Any]
    path: str
    body: Body | None
    about: str

    @property
    def request(self) -> dict[str, Any]:
        return {} if self.body is None else {"json": self.body}


def questions(operation: Operation[Any, Any], known: Known) -> Iterator[Question]:
    """Everything that the operation may be asked about what is known.

    Errors: AssertionError for an operation of which nobody said here what to ask it: add its ids to IDS_OF and Known,
            and its body to BODIES.
    """
    word = operation.path.split("/")[1]
    if "{" not in operation.path:
        # Whoever takes no id in its path may take one in its body.
        about = known.ids[IDS_OF[word]] if word in IDS_OF and operation.body is not Nothing else [""]
    else:
        assert word in IDS_OF, f"{operation.id}: nobody said which ids stand in its path"
        assert operation.path.count("{") == 1, f"{operation.id}: nobody said which ids stand in its path"
        about = known.ids[IDS_OF[word]]
    for id_ in about:
        path = (
            operation.path.partition("{")[0] + id_ + operation.path.partition("}")[2]
            if "{" in operation.path
            else operation.path
        )
        members = known.members.get(id_) or known.ids["assets"][:2]
        body = None
        if operation.body is not Nothing:
            assert operation.id in BODIES, f"{operation.id}: nobody said what it may be told"
            body = BODIES[operation.id](id_, members, known.revisions.get(id_, "revision"))
        yield Question(operation, path, body, id_)


async def state_of(household: Household, *, but: Person | None = None) -> dict[str, Any]:
    """All that the database and Immich hold, but what is of one person."""
    kept: dict[str, Any] = {}
    async with household.services.database.read() as connection:
        for table in metadata.sorted_tables:
            rows = await connection.execute(table.select())
            without = "" if but is None else but.owner_id
            kept[table.name] = sorted(
                repr(row) for row in rows.mappings() if not without or row.get("owner_id") != without
            )
    state = household.immich.state
    for name in ("assets", "stacks", "albums", "tags", "links", "metadata", "workflows", "api_keys", "partners"):
        rows_of: Mapping[Any, Any] = getattr(state, name)
        kept[f"immich {name}"] = {key: repr(row) for key, row in rows_of.items()}
    return kept
