"""Stacks by Immich's rules. The functions on State serve the API and the tests' hands alike."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web

from sidecar.demo.immich.credentials import own_assets
from sidecar.demo.immich.occasions import OccasionKind
from sidecar.demo.immich.refusals import Refusal, bad_request, no_access
from sidecar.demo.immich.routing import Ask, Operation, no_content, reply
from sidecar.demo.immich.rows import AssetRow, StackRow
from sidecar.demo.immich.state import State
from sidecar.demo.immich.wire import stack_fields, stack_members

_MIN_MEMBERS = 2


def create_stack(state: State, owner_id: str, asset_ids: list[str]) -> StackRow:
    """A new stack whose primary is the first id.

    A listed primary brings its old stack's untrashed members along and that stack ends; a listed child is moved and
    its old stack stays, even alone; an id given twice counts once.
    Source: stack.repository.ts:63-125 (3.1.0, same in 2.7.5); recordings stack-create, stack-create-same-twice,
            stack-create-takes-primary-of-other, stack-create-takes-child-of-other, stack-other-after; live 3.1.0:
            trashed and stacked members.
    """
    joining = dict.fromkeys(asset_ids)
    for asset_id in asset_ids:
        stack_id = state.stack_of_primary.get(asset_id)
        if stack_id is not None:
            old = state.stacks[stack_id]
            joining |= dict.fromkeys(row.id for row in state.rows(old.members) if row.deleted_us is None)
            state.remove_stack(old)
    stack = state.insert_stack(owner_id, asset_ids[0])
    for row in state.rows(joining):
        state.write(row, stack_id=stack.id)
    state.announce(OccasionKind.STACKED, owner_id)
    return stack


def dissolve(state: State, owner_id: str, stacks: Iterable[StackRow]) -> None:
    """Unlink all members of the owner's stacks; clients hear of it once.

    Source: recordings stack-delete, stack-delete-many, recorded websockets.
    """
    for stack in stacks:
        state.remove_stack(stack)
    state.announce(OccasionKind.STACKED, owner_id)


def leave_stack(state: State, row: AssetRow | None, stack_id: str) -> None:
    """Take one member that is not the primary out of the stack, which stays whatever remains.

    Errors: Refusal 400.
    Source: recordings stack-remove-asset, stack-remove-primary, stack-with-one; live 3.1.0 for a stranger.
    """
    if row is None or row.stack_id != stack_id:
        raise bad_request("Asset not in stack")
    if state.stacks[stack_id].primary_id == row.id:
        raise bad_request("Cannot remove stack's primary asset")
    state.write(row, stack_id=None)
    state.announce(OccasionKind.STACKED, row.owner_id)


def own_stacks(ask: Ask, stack_ids: Iterable[str], permission: str) -> list[StackRow]:
    """The caller's stacks of these ids; one that is unknown or foreign refuses all.

    Source: recordings stack-old-is-gone, stack-delete-again; live 3.1.0 for the other operations.
    """
    found = [ask.state.stacks.get(stack_id) for stack_id in stack_ids]
    own = [stack for stack in found if stack is not None and stack.owner_id == ask.caller.user.id]
    if len(own) != len(found):
        raise no_access(permission)
    return own


async def _list(ask: Ask) -> web.StreamResponse:
    """All the caller's stacks without pages, or the one with this primary.

    Source: recordings stack-list, stack-by-primary; live 3.1.0 for an unknown primary.
    """
    fields = ask.query
    primary_id = fields.uuid("primaryAssetId")
    fields.done()
    state = ask.state
    if primary_id:
        candidates = [state.stacks[stack_id] for stack_id in [state.stack_of_primary.get(primary_id)] if stack_id]
    else:
        candidates = list(state.stacks.values())
    own = (stack for stack in candidates if stack.owner_id == ask.caller.user.id)
    return reply([stack_fields(stack, state, with_tags=False) for stack in own])


async def _create(ask: Ask) -> web.StreamResponse:
    fields = await ask.body()
    asset_ids = fields.uuids("assetIds", at_least=_MIN_MEMBERS)
    fields.done()
    own_assets(ask.caller, asset_ids, ask.state, "asset.update")
    stack = create_stack(ask.state, ask.caller.user.id, asset_ids)
    return reply(stack_fields(stack, ask.state, with_tags=False), HTTPStatus.CREATED)


async def _get(ask: Ask) -> web.StreamResponse:
    [stack] = own_stacks(ask, [ask.path_id()], "stack.read")
    return reply(stack_fields(stack, ask.state, with_tags=True))


async def _update(ask: Ask) -> web.StreamResponse:
    """The primary must be a member that shows.

    Source: recordings stack-update, stack-update-not-member; live 3.1.0 for a hidden member and an empty body.
    """
    stack_id = ask.path_id()
    fields = await ask.body()
    primary_id = fields.uuid("primaryAssetId")
    fields.done()
    [stack] = own_stacks(ask, [stack_id], "stack.update")
    if primary_id:
        if all(row.id != primary_id for row in stack_members(stack, ask.state)):
            raise bad_request("Primary asset must be in the stack")
        ask.state.write_primary(stack, primary_id)
    ask.state.announce(OccasionKind.STACKED, stack.owner_id)
    return reply(stack_fields(stack, ask.state, with_tags=True))


async def _delete(ask: Ask) -> web.StreamResponse:
    dissolve(ask.state, ask.caller.user.id, own_stacks(ask, [ask.path_id()], "stack.delete"))
    return no_content()


async def _delete_many(ask: Ask) -> web.StreamResponse:
    """One bad id refuses all; no id at all breaks the server.

    Source: recording stack-delete-many; live 3.1.0 for bad and missing ids.
    """
    fields = await ask.body()
    stack_ids = fields.uuids("ids")
    fields.done()
    if not stack_ids:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Failed to delete stacks")
    dissolve(ask.state, ask.caller.user.id, own_stacks(ask, dict.fromkeys(stack_ids), "stack.delete"))
    return no_content()


async def _remove_asset(ask: Ask) -> web.StreamResponse:
    stack_id, asset_id = ask.path_id(), ask.path_id("assetId")
    [stack] = own_stacks(ask, [stack_id], "stack.update")
    leave_stack(ask.state, ask.state.assets.get(asset_id), stack.id)
    return no_content()


OPERATIONS = (
    Operation("GET", "/stacks", _list, "stack.read"),
    Operation("POST", "/stacks", _create, "stack.create"),
    Operation("DELETE", "/stacks", _delete_many, "stack.delete"),
    Operation("GET", "/stacks/{id}", _get, "stack.read"),
    Operation("PUT", "/stacks/{id}", _update, "stack.update"),
    Operation("DELETE", "/stacks/{id}", _delete, "stack.delete"),
    Operation("DELETE", "/stacks/{id}/assets/{assetId}", _remove_asset, "stack.update"),
)
