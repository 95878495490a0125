"""Native stacks as people and programs are shown them: one name, who is in it, and a revision to decide on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.formats import Format, format_of
from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Stack, StackId, Visibility
from sidecar.storage import assets, stacks
from sidecar.storage.database import chunks
from sidecar.storage.groups import GroupState
from sidecar.storage.tables import actions, group_members, groups, stack_members

SOMEBODYS = "stack"
"""The type of a stack about which the rules say nothing: somebody made it, for reasons of their own."""

FEWEST = 2
LONGEST_ID = 36
LIVING = (GroupState.ACTIVE.value, GroupState.SEEN.value)
_REVISION_LENGTH = 16
_PLACES = {media_format: place for place, media_format in enumerate(Format)}


@dataclass(frozen=True, slots=True)
class ShownMember:
    """One asset of a group.

    Shape:  format is that of the first bytes where somebody looked, else what the name claims.
    Units:  taken_local_ms is the photo's wall clock read as if it were UTC, in ms since 1970; duration_ms is None for
            pictures; size_bytes, width and height are None until Immich has read the file.
    """

    asset_id: AssetId
    name: str
    kind: AssetKind
    format: Format
    width: int | None
    height: int | None
    size_bytes: int | None
    duration_ms: int | None
    taken_local_ms: int
    is_primary: bool
    visibility: Visibility
    is_trashed: bool


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A native stack of which two members or more are known.

    Shape:  id is our group's where one lives on in the stack (made by us, or found as we would make it), else Immich's
            stack id. type is that group's GroupKind, else "stack". members with the primary first, then by format and
            name; what is locked is not among them. revision is another one as soon as members or primary are others.
            is_ours says that the sidecar made it. stack holds everybody whom Immich told of, also who is not shown.
    """

    id: str
    type: str
    members: tuple[ShownMember, ...]
    revision: str
    is_ours: bool
    stack: Stack

    @property
    def primary_id(self) -> AssetId:
        """The cover, whether it is among the members or not."""
        return self.stack.primary_id


@dataclass(frozen=True, slots=True)
class Living:
    """A group of ours, or one that was seen, and how much of it is in the stack in which most of it is."""

    id: str
    kind: str
    is_ours: bool
    created_at_ms: int
    shared: int

    @property
    def rank(self) -> tuple[bool, int, int, str]:
        """The largest gives the stack its name."""
        return self.is_ours, self.shared, self.created_at_ms, self.id


async def of_assets(
    connection: AsyncConnection, owner_id: OwnerId, ids: Sequence[AssetId]
) -> dict[AssetId, ShownGroup]:
    """The group of each of these assets that is in a native stack with two known members or more."""
    present = await stacks.touching(connection, owner_id, ids)
    shown = await of_stacks(connection, owner_id, present)
    by_member = {member.asset_id: group for group in shown for member in group.members}
    return {asset_id: by_member[asset_id] for asset_id in ids if asset_id in by_member}


async def get(connection: AsyncConnection, owner_id: OwnerId, group_id: str) -> ShownGroup | None:
    """The owner's group of this id, None if there is none; Immich's id of its stack names it as well.

    Shape:  any text may be asked for.
    """
    if not may_be_id(group_id):
        return None
    first = await connection.scalar(
        select(stack_members.c.asset_id)
        .where(stack_members.c.owner_id == owner_id, stack_members.c.stack_id == group_id)
        .limit(1)
    )
    if first is None:
        stack_id = (await carriers(connection, owner_id, [group_id])).get(group_id, ("", 0))[0]
        shown = await get(connection, owner_id, stack_id)
        return shown if shown is not None and shown.id == group_id else None
    present = await stacks.touching(connection, owner_id, [AssetId(first)])
    return next(iter(await of_stacks(connection, owner_id, present)), None)


async def get_to_change(connection: AsyncConnection, owner_id: OwnerId, group_id: str) -> ShownGroup | None:
    """The same inside a write: whoever else wants to change the stack waits until it has ended."""
    found = await get(connection, owner_id, group_id)
    if found is None:
        return None
    await connection.execute(
        select(stack_members.c.asset_id)
        .where(stack_members.c.owner_id == owner_id, stack_members.c.stack_id == found.stack.id)
        .order_by(stack_members.c.asset_id)
        .with_for_update()
    )
    # Whoever was first may have changed it while we waited; SQLite has one writer, and nobody waits here.
    return await get(connection, owner_id, group_id)


async def is_being_changed(connection: AsyncConnection, owner_id: OwnerId, group: ShownGroup) -> bool:
    """Whether a write that concerns one of the group is in the journal and has not ended."""
    if await being_changed(connection, owner_id, group.stack.member_ids):
        return True
    replaces_it = (*_intended(owner_id), actions.c.before.contains(group.stack.id, autoescape=True))
    return await connection.scalar(select(actions.c.action_id).where(*replaces_it).limit(1)) is not None


async def being_changed(
    connection: AsyncConnection, owner_id: OwnerId, asset_ids: Collection[AssetId]
) -> frozenset[AssetId]:
    """Those of the assets about which a write is in the journal that has not ended."""
    inside = frozenset(asset_ids)
    stems = await assets.stems_of(connection, owner_id, sorted(inside))
    # A write about one frame of a burst stands under the name of its cover.
    stems |= await assets.stems_of_same_bursts(connection, owner_id, sorted(stems))
    found: set[AssetId] = set()
    for chunk in chunks(sorted(stems)):
        rows = await connection.scalars(
            select(actions.c.member_ids).where(*_intended(owner_id), actions.c.stem.in_(chunk))
        )
        for ids in rows:
            found |= inside.intersection(msgspec.json.decode(ids, type=list[AssetId]))
    return frozenset(found)


def _intended(owner_id: OwnerId) -> tuple[ColumnElement[bool], ...]:
    return (actions.c.owner_id == owner_id, actions.c.state == literal_column("'intended'"))


async def of_stacks(connection: AsyncConnection, owner_id: OwnerId, present: Sequence[Stack]) -> list[ShownGroup]:
    """These stacks as they are shown, in their order; without those of which fewer than two members are known."""
    ids = [asset_id for stack in present for asset_id in stack.member_ids]
    known = await assets.by_ids(connection, owner_id, ids)
    living = await names_of(connection, owner_id, present)
    shown = []
    for stack in present:
        members = members_of(stack.member_ids, known, primary_id=stack.primary_id)
        if len(members) >= FEWEST:
            group = living.get(stack.id)
            shown.append(
                ShownGroup(
                    group.id if group is not None else stack.id,
                    group.kind if group is not None else SOMEBODYS,
                    members,
                    revision_of("stacked", stack.id, stack.primary_id, *sorted(stack.member_ids)),
                    group is not None and group.is_ours,
                    stack,
                )
            )
    return shown


def members_of(
    ids: Collection[AssetId], known: Mapping[AssetId, Asset], *, primary_id: AssetId
) -> tuple[ShownMember, ...]:
    """Those of them that are known and not locked, the primary first, then by format and name."""
    shown = [
        ShownMember(
            asset.id,
            asset.name,
            asset.kind,
            asset.content if asset.content not in {None, Format.UNKNOWN} else format_of(asset.name),
            asset.width,
            asset.height,
            asset.size_bytes,
            asset.duration_ms,
            asset.taken_local_ms,
            asset.id == primary_id,
            asset.visibility,
            asset.is_trashed,
        )
        for asset in map(known.get, ids)
        # What is locked is not even named: Immich asks for a PIN before it does.
        if asset is not None and asset.visibility is not Visibility.LOCKED
    ]
    return tuple(sorted(shown, key=_order))


def _order(member: ShownMember) -> tuple[bool, int, str, str]:
    return not member.is_primary, _PLACES[member.format], member.name, member.asset_id


def revision_of(*parts: str) -> str:
    """A short word that is the same only for the same parts."""
    return sha256("\n".join(parts).encode()).hexdigest()[:_REVISION_LENGTH]


def may_be_id(text: str) -> bool:
    """Whether it could be an id at all; nothing else is asked of a database, which may refuse it in its own words."""
    return 0 < len(text) <= LONGEST_ID and text.isascii() and text.isprintable()


async def names_of(connection: AsyncConnection, owner_id: OwnerId, present: Sequence[Stack]) -> dict[str, Living]:
    """By stack, the group that lives on in it; strangers' stacks are not among them."""
    ids = [asset_id for stack in present for asset_id in stack.member_ids]
    touching = {}
    for chunk in chunks(ids):
        rows = await connection.execute(
            select(groups.c.group_id, groups.c.kind, groups.c.state, groups.c.created_at_ms)
            .join(group_members, IS_OF_GROUP)
            .where(
                group_members.c.owner_id == owner_id,
                group_members.c.asset_id.in_(chunk),
                groups.c.state.in_(LIVING),
            )
        )
        touching.update({row.group_id: row for row in rows})
    living: dict[str, Living] = {}
    for group_id, (stack_id, shared) in (await carriers(connection, owner_id, sorted(touching))).items():
        row = touching[group_id]
        is_ours = row.state == GroupState.ACTIVE.value
        group = Living(group_id, row.kind, is_ours, row.created_at_ms, shared)
        if stack_id not in living or living[stack_id].rank < group.rank:
            living[stack_id] = group
    return living


async def carriers(
    connection: AsyncConnection, owner_id: OwnerId, group_ids: Sequence[str]
) -> dict[str, tuple[StackId, int]]:
    """By group, the one stack in which most of its members are, two at least, and how many; of equals the first by id.

    Shape:  the same that pairing takes a group to live on in.
    """
    found: dict[str, tuple[StackId, int]] = {}
    shared = func.count()
    for chunk in chunks(group_ids):
        rows = await connection.execute(
            select(group_members.c.group_id, stack_members.c.stack_id, shared)
            .join(groups, IS_OF_GROUP)
            .join(
                stack_members,
                (stack_members.c.owner_id == group_members.c.owner_id)
                & (stack_members.c.asset_id == group_members.c.asset_id),
            )
            .where(
                group_members.c.owner_id == owner_id,
                group_members.c.group_id.in_(chunk),
                groups.c.state.in_(LIVING),
            )
            .group_by(group_members.c.group_id, stack_members.c.stack_id)
            .having(shared >= FEWEST)
        )
        for group_id, stack_id, count in sorted(rows, key=_most_shared):
            found.setdefault(group_id, (StackId(stack_id), count))
    return found


def _most_shared(row: Sequence[object]) -> tuple[int, str]:
    _, stack_id, count = row
    assert isinstance(count, int)  # noqa: S101  # it was counted
    return -count, str(stack_id)


IS_OF_GROUP = (groups.c.owner_id == group_members.c.owner_id) & (groups.c.group_id == group_members.c.group_id)
