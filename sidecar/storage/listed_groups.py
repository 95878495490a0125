"""All that is grouped or proposed, in one list: native stacks and what waits for a person, newest first, in pages."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import JSON, ColumnElement, cast, or_, select, tuple_, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.grouping.reasons import Reason, ReasonCode
from sidecar.model import AssetId, OwnerId, Stack
from sidecar.storage import assets as mirror
from sidecar.storage import findings as proposals
from sidecar.storage import shown_groups, stacks
from sidecar.storage.database import chunks
from sidecar.storage.findings import FOR_A_PERSON, Finding, FindingKind
from sidecar.storage.shown_groups import (
    LIVING,
    SOMEBODYS,
    ShownGroup,
    ShownMember,
    carriers,
    may_be_id,
    members_of,
    names_of,
    of_stacks,
    revision_of,
)
from sidecar.storage.tables import assets, findings, group_members, groups, stack_members

FEW = 2_000
"""So many stacks are sorted faster than they are looked for among all assets in the order of time."""


class Standing(StrEnum):
    """How far a group has come."""

    STACKED = "stacked"
    """A native stack."""
    PROPOSED = "proposed"
    """Pictures that could become one, if a person agrees."""
    REPAIR = "repair"
    """A stack that shows less than it should, and what would mend it."""


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A stack, or a proposal, and why.

    Shape:  id, type, members and revision are those of ShownGroup for what is stacked. A proposal's id is its
            finding's, its primary the cover to be. is_ours says that the sidecar made the stack, or the proposal.
    """

    id: str
    standing: Standing
    type: str
    revision: str
    primary_id: AssetId
    members: tuple[ShownMember, ...]
    reasons: tuple[Reason, ...]
    is_ours: bool


@dataclass(frozen=True, slots=True)
class After:
    """Where a page ended: the local time of the last primary, whether it was a proposal's, and what else orders."""

    taken_local_ms: int
    is_proposal: bool
    key: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some groups in order; after is where the next page begins, None if this is the last."""

    groups: tuple[ListedGroup, ...]
    after: After | None


_Placed = tuple[After, ListedGroup]
_Primary = tuple[int, AssetId]


async def page(
    connection: AsyncConnection,
    owner_id: OwnerId,
    *,
    types: Collection[str] = (),
    standings: Collection[Standing] = (),
    after: After | None = None,
    limit: int,
) -> Page:
    """At most `limit` of the owner's groups, those with the newest primary first.

    Shape:  types are GroupKinds or "stack"; without any, and without a standing, all are meant. What is proposed about
            a stack comes after the stack.
    """
    wanted = frozenset(standings or Standing)
    sources: list[list[_Placed]] = []
    if Standing.STACKED in wanted:
        sources.append(await _stacked(connection, owner_id, frozenset(types), after=after, limit=limit + 1))
    kinds = [kind for kind in FOR_A_PERSON if _STANDINGS[kind] in wanted]
    if kinds:
        sources.append(await _proposed(connection, owner_id, kinds, frozenset(types), after=after, limit=limit + 1))
    merged = list(heapq.merge(*sources, key=_newest_first))
    shown = merged[:limit]
    return Page(tuple(group for _, group in shown), shown[-1][0] if len(merged) > limit else None)


async def get(connection: AsyncConnection, owner_id: OwnerId, group_id: str) -> ListedGroup | None:
    """The owner's group or proposal of this id, None if there is none; any text may be asked for."""
    shown = await shown_groups.get(connection, owner_id, group_id)
    if shown is not None:
        return (await _with_reasons(connection, owner_id, [shown]))[0]
    return await _proposal(connection, owner_id, group_id)


async def get_to_decide(connection: AsyncConnection, owner_id: OwnerId, finding_id: str) -> ListedGroup | None:
    """The proposal of this id inside a write: whoever else decides about it waits until that has ended."""
    if may_be_id(finding_id):
        await connection.execute(
            select(findings.c.position)
            .where(findings.c.owner_id == owner_id, findings.c.finding_id == finding_id)
            .with_for_update()
        )
    return await _proposal(connection, owner_id, finding_id)


async def _proposal(connection: AsyncConnection, owner_id: OwnerId, finding_id: str) -> ListedGroup | None:
    named = await proposals.named(connection, owner_id, finding_id) if may_be_id(finding_id) else None
    return (await _told(connection, owner_id, [named[1]]))[0] if named is not None else None


_STANDINGS = {FindingKind.REVIEW: Standing.PROPOSED, FindingKind.REPAIR: Standing.REPAIR}


def _newest_first(placed: _Placed) -> tuple[int, bool]:
    return -placed[0].taken_local_ms, placed[0].is_proposal


async def _stacked(
    connection: AsyncConnection, owner_id: OwnerId, types: frozenset[str], *, after: After | None, limit: int
) -> list[_Placed]:
    found: list[_Placed] = []
    last = _last_of(after)
    few = await _few_primaries(connection, owner_id, types)
    while len(found) < limit:
        if few is not None:
            primaries = [each for each in few if last is None or each < last][:limit]
        else:
            primaries = await _next_primaries(connection, owner_id, types, last=last, limit=limit)
        ids = [asset_id for _, asset_id in primaries]
        at_ms = {asset_id: taken_local_ms for taken_local_ms, asset_id in primaries}
        present = {stack.primary_id: stack for stack in await stacks.touching(connection, owner_id, ids)}
        shown = await of_stacks(connection, owner_id, [present[each] for each in ids if each in present])
        fitting = [group for group in shown if not types or group.type in types]
        found += [
            (After(at_ms[group.primary_id], is_proposal=False, key=group.primary_id), told)
            for group, told in zip(fitting, await _with_reasons(connection, owner_id, fitting), strict=True)
        ]
        if len(primaries) < limit:
            break
        last = primaries[-1]
    return found[:limit]


async def _next_primaries(
    connection: AsyncConnection, owner_id: OwnerId, types: frozenset[str], *, last: _Primary | None, limit: int
) -> list[_Primary]:
    """The newest primaries after the last one, of stacks that may fit; read in the order of time."""
    beyond = () if last is None else (tuple_(assets.c.taken_local_ms, assets.c.asset_id) < tuple_(*last),)
    rows = await connection.execute(
        select(assets.c.taken_local_ms, assets.c.asset_id)
        .where(assets.c.owner_id == owner_id, _is_cover(), *_may_be(types), *beyond)
        .order_by(assets.c.taken_local_ms.desc(), assets.c.asset_id.desc())
        .limit(limit)
    )
    return [(row.taken_local_ms, AssetId(row.asset_id)) for row in rows]


async def _few_primaries(
    connection: AsyncConnection, owner_id: OwnerId, types: frozenset[str]
) -> list[_Primary] | None:
    """All primaries of stacks that may fit, newest first; None if they are many."""
    stack_ids = await _few_stacks(connection, owner_id, types)
    if stack_ids is None:
        return None
    found: list[_Primary] = []
    for chunk in chunks(stack_ids):
        rows = await connection.execute(
            select(assets.c.taken_local_ms, assets.c.asset_id)
            .join(stack_members, _IS_OF_ASSET)
            .where(
                stack_members.c.owner_id == owner_id,
                stack_members.c.stack_id.in_(chunk),
                stack_members.c.is_primary.is_(True),
            )
        )
        found += [(row.taken_local_ms, AssetId(row.asset_id)) for row in rows]
    return sorted(found, reverse=True)


async def _few_stacks(connection: AsyncConnection, owner_id: OwnerId, types: frozenset[str]) -> list[str] | None:
    """The ids of all stacks that may fit, None if they are many or cannot be told without a look at each."""
    if SOMEBODYS in types:
        return None
    if types:
        ids = await connection.scalars(
            select(groups.c.group_id)
            .where(groups.c.owner_id == owner_id, groups.c.kind.in_(sorted(types)), groups.c.state.in_(LIVING))
            .limit(FEW + 1)
        )
        living = list(ids)
        if len(living) > FEW:
            return None
        return sorted({stack_id for stack_id, _ in (await carriers(connection, owner_id, living)).values()})
    present = await connection.scalars(
        select(stack_members.c.stack_id)
        .where(stack_members.c.owner_id == owner_id, stack_members.c.is_primary.is_(True))
        .limit(FEW + 1)
    )
    found = list(present)
    return sorted(found) if len(found) <= FEW else None


def _last_of(after: After | None) -> _Primary | None:
    """The last stack of a page; one that ended with a proposal has shown every stack of that moment."""
    if after is None:
        return None
    return after.taken_local_ms, AssetId("" if after.is_proposal else after.key)


_IS_OF_ASSET = (stack_members.c.owner_id == assets.c.owner_id) & (stack_members.c.asset_id == assets.c.asset_id)


def _is_cover() -> ColumnElement[bool]:
    return select(stack_members.c.stack_id).where(_IS_OF_ASSET, stack_members.c.is_primary.is_(True)).exists()


def _may_be(types: frozenset[str]) -> tuple[ColumnElement[bool], ...]:
    """What can be said of a cover's stack without reading it; the rest is looked at then.

    Shape:  one condition within the other, each found by its key: in a join, a database without statistics may begin
            with all groups for every single asset.
    """
    if not types:
        return ()
    may_be: list[ColumnElement[bool]] = []
    if kinds := sorted(types - {SOMEBODYS}):
        may_be.append(_in_group(groups.c.kind.in_(kinds)))
    if SOMEBODYS in types:
        # Whoever is in a group of which nobody is elsewhere is in that group's stack.
        may_be.append(~_in_group(~_is_partly_elsewhere()))
    return (or_(*may_be),)


def _in_group(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the asset is in a living group of which this is true."""
    of_group = select(groups.c.group_id).where(
        groups.c.owner_id == group_members.c.owner_id,
        groups.c.group_id == group_members.c.group_id,
        groups.c.state.in_(LIVING),
        condition,
    )
    is_member = select(group_members.c.group_id).where(
        group_members.c.owner_id == assets.c.owner_id, group_members.c.asset_id == assets.c.asset_id, of_group.exists()
    )
    return is_member.exists()


def _is_partly_elsewhere() -> ColumnElement[bool]:
    """Whether a member of the group is not in the stack of the asset."""
    member, inside, cover = group_members.alias(), stack_members.alias(), stack_members.alias()
    same_stack = select(cover.c.stack_id).where(
        cover.c.owner_id == assets.c.owner_id, cover.c.asset_id == assets.c.asset_id
    )
    is_inside = select(inside.c.asset_id).where(
        inside.c.owner_id == member.c.owner_id,
        inside.c.asset_id == member.c.asset_id,
        inside.c.stack_id == same_stack.correlate(assets).scalar_subquery(),
    )
    elsewhere = select(member.c.asset_id).where(
        member.c.owner_id == groups.c.owner_id,
        member.c.group_id == groups.c.group_id,
        ~is_inside.correlate(member, assets).exists(),
    )
    return elsewhere.correlate(groups, assets).exists()


async def _with_reasons(
    connection: AsyncConnection, owner_id: OwnerId, shown: Sequence[ShownGroup]
) -> list[ListedGroup]:
    """The stacks with what pairing says about them now, or said when they were made; a stranger's has no reasons."""
    ids = sorted({member for group in shown for member in group.stack.member_ids})
    said: dict[AssetId, list[Finding]] = {}
    stems = sorted(await mirror.stems_of(connection, owner_id, ids))
    for finding in await _stack_findings(connection, owner_id, stems):
        for asset_id in finding.asset_ids:
            said.setdefault(asset_id, []).append(finding)
    made = await _made_because(connection, owner_id, [group.id for group in shown])
    return [
        ListedGroup(
            group.id,
            Standing.STACKED,
            group.type,
            group.revision,
            group.primary_id,
            group.members,
            _why(group.stack, said) or made.get(group.id, ()),
            group.is_ours,
        )
        for group in shown
    ]


def _why(stack: Stack, said: dict[AssetId, list[Finding]]) -> tuple[Reason, ...]:
    """The reasons of the match that explains most of the stack."""
    inside = set(stack.member_ids)
    about = [finding for each in stack.member_ids for finding in said.get(each, ()) if inside >= {*finding.asset_ids}]
    return max(about, key=_size_of).reasons if about else ()


def _size_of(finding: Finding) -> int:
    return len(finding.asset_ids)


async def _stack_findings(connection: AsyncConnection, owner_id: OwnerId, stems: Sequence[str]) -> list[Finding]:
    found: list[Finding] = []
    for chunk in chunks(stems):
        rows = await connection.execute(
            select(findings.c.asset_ids, findings.c.reasons)
            .where(
                findings.c.owner_id == owner_id,
                findings.c.stem.in_(chunk),
                findings.c.kind == FindingKind.STACK.value,
            )
            .order_by(findings.c.stem, findings.c.position)
        )
        found += [Finding(FindingKind.STACK, _ids_in(row.asset_ids), _reasons_in(row.reasons)) for row in rows]
    return found


async def _made_because(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[str]
) -> dict[str, tuple[Reason, ...]]:
    found = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(groups.c.group_id, groups.c.reasons).where(
                groups.c.owner_id == owner_id, groups.c.group_id.in_(chunk)
            )
        )
        for row in rows:
            sentences = msgspec.json.decode(row.reasons, type=list[str])
            found[row.group_id] = tuple(Reason(ReasonCode.OTHER, sentence) for sentence in sentences)
    return found


async def _proposed(
    connection: AsyncConnection,
    owner_id: OwnerId,
    kinds: Sequence[FindingKind],
    types: frozenset[str],
    *,
    after: After | None,
    limit: int,
) -> list[_Placed]:
    found: list[_Placed] = []
    first = _first_of(connection)
    # Not the column itself: SQLite would begin with the assets in order, and read all proposals for each of them.
    at_ms = assets.c.taken_local_ms + 0
    place = tuple_(at_ms, findings.c.finding_id)
    beyond: tuple[ColumnElement[bool], ...] = ()
    if after is not None and after.is_proposal:
        beyond = (place < tuple_(after.taken_local_ms, after.key),)
    elif after is not None:
        # A page that ended with a stack has shown nothing of that moment that is proposed.
        beyond = (at_ms <= after.taken_local_ms,)
    while len(found) < limit:
        rows = (
            await connection.execute(
                select(
                    assets.c.taken_local_ms,
                    findings.c.finding_id,
                    findings.c.kind,
                    findings.c.subject,
                    findings.c.asset_ids,
                    findings.c.reasons,
                )
                .join(assets, (assets.c.owner_id == findings.c.owner_id) & (assets.c.asset_id == first))
                .where(
                    findings.c.owner_id == owner_id,
                    findings.c.kind.in_([kind.value for kind in kinds]),
                    *_of_types(types),
                    *beyond,
                )
                .order_by(at_ms.desc(), findings.c.finding_id.desc())
                .limit(limit)
            )
        ).all()
        told = await _told(
            connection,
            owner_id,
            [
                Finding(FindingKind(row.kind), _ids_in(row.asset_ids), _reasons_in(row.reasons), row.subject)
                for row in rows
            ],
        )
        found += [
            (After(row.taken_local_ms, is_proposal=True, key=row.finding_id), group)
            for row, group in zip(rows, told, strict=True)
            if not types or group.type in types
        ]
        if len(rows) < limit:
            break
        beyond = (place < tuple_(rows[-1].taken_local_ms, rows[-1].finding_id),)
    return found[:limit]


def _of_types(types: frozenset[str]) -> tuple[ColumnElement[bool], ...]:
    """A repair says what is wrong with a stack, not what is in it: that is looked at when it is told."""
    if not types:
        return ()
    return (or_(findings.c.kind == FindingKind.REPAIR.value, findings.c.subject.in_(sorted(types))),)


def _first_of(connection: AsyncConnection) -> ColumnElement[str]:
    """The first of a finding's assets: the cover to be."""
    ids = findings.c.asset_ids
    # SQLite takes text for JSON, and a cast would make a number of it; PostgreSQL wants to be told.
    told = type_coerce(ids, JSON) if connection.dialect.name == "sqlite" else cast(ids, JSON)
    first: ColumnElement[str] = told[0].as_string()
    return first


async def _told(connection: AsyncConnection, owner_id: OwnerId, found: Sequence[Finding]) -> list[ListedGroup]:
    """The proposals as people are told of them; a repair with all that is in its stack."""
    firsts = [finding.asset_ids[0] for finding in found if finding.kind is FindingKind.REPAIR]
    present = await stacks.touching(connection, owner_id, firsts)
    names = await names_of(connection, owner_id, present)
    stack_of = {member: stack for stack in present for member in stack.member_ids}
    concerned = {each for finding in found for each in finding.asset_ids} | stack_of.keys()
    known = await mirror.by_ids(connection, owner_id, sorted(concerned))
    told = []
    for finding in found:
        primary_id, ids, is_ours, kind = finding.asset_ids[0], finding.asset_ids, True, finding.subject
        if finding.kind is FindingKind.REPAIR:
            stack = stack_of.get(primary_id)
            name = names.get(stack.id) if stack is not None else None
            kind, is_ours = (name.kind, name.is_ours) if name is not None else (SOMEBODYS, False)
            ids = tuple(dict.fromkeys((*ids, *(stack.member_ids if stack is not None else ()))))
        told.append(
            ListedGroup(
                finding.id,
                _STANDINGS[finding.kind],
                kind,
                revision_of(finding.kind, finding.subject, primary_id, *sorted(ids), *map(str, finding.reasons)),
                primary_id,
                members_of(ids, known, primary_id=primary_id),
                finding.reasons,
                is_ours,
            )
        )
    return told


def _ids_in(text: str) -> tuple[AssetId, ...]:
    return msgspec.json.decode(text, type=tuple[AssetId, ...])


def _reasons_in(text: str) -> tuple[Reason, ...]:
    return msgspec.json.decode(text, type=tuple[Reason, ...])
