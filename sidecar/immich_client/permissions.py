"""What the API key may do, what it has to, and what more it needs for what the sidecar does without as well."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sidecar.errors import ImmichRefused
from sidecar.immich_client._generated import calls, facts
from sidecar.immich_client.conversation import Conversation

EVERYTHING = "all"
"""The permission that stands for all others, and the only one that opens the websocket."""


class Feature(StrEnum):
    """What is done only if the key allows it; keys that people have today go on working without."""

    WEBHOOK = "webhook"
    REDO = "redo"
    QUEUES = "queues"
    BELL = "bell"
    """Telling users something at Immich's bell. Immich names no permission for that: only everything suffices."""


_OPERATIONS = {
    Feature.WEBHOOK: frozenset(
        {
            "createWorkflow",
            "deleteWorkflow",
            "getWorkflow",
            "searchPluginMethods",
            "searchWorkflows",
            "updateWorkflow",
        }
    ),
    Feature.REDO: frozenset({"runAssetJobs"}),
    Feature.QUEUES: frozenset({"getQueues"}),
    Feature.BELL: frozenset({"createNotification"}),
}


# What is asked with the credential of a person who is there, and never with a key of the sidecar's own.
_OF_PEOPLE = frozenset({"createApiKey", "deleteApiKey", "getApiKeys"})


class Permissions(Conversation):
    """The key with which the conversation is held."""

    async def permissions(self) -> frozenset[str]:
        """What the key may do, in Immich's names; "all" stands for everything."""
        key = await self._transport.send(calls.get_my_api_key())
        return frozenset(key.permissions)

    async def check_permissions(self) -> None:
        """Nothing, if the key holds all that the sidecar cannot do without.

        Errors: ImmichRefused naming every permission that is missing.
        """
        missing = sorted(missing_permissions(await self.permissions()))
        if missing:
            raise ImmichRefused(f"The API key lacks: {', '.join(missing)}.", permission=missing[0])


def required_permissions() -> frozenset[str]:
    """What an API key must hold for everything that the sidecar cannot do without."""
    return _of(facts.PERMISSIONS.keys() - _OF_PEOPLE.union(*_OPERATIONS.values()))


def feature_permissions(feature: Feature) -> frozenset[str]:
    """What an API key must hold for the feature, beyond what it has to hold anyway."""
    if feature is Feature.BELL:
        return frozenset({EVERYTHING})
    return _of(_OPERATIONS[feature]) - required_permissions()


def missing_permissions(held: Iterable[str]) -> frozenset[str]:
    """The required permissions that are not among those held; none if "all" is."""
    return _missing(required_permissions(), held)


def missing_for(feature: Feature, held: Iterable[str]) -> frozenset[str]:
    """The feature's permissions that are not among those held; none if "all" is."""
    return _missing(feature_permissions(feature), held)


def _of(operations: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*(facts.PERMISSIONS[operation] for operation in operations))


def _missing(wanted: frozenset[str], held: Iterable[str]) -> frozenset[str]:
    held = frozenset(held)
    return frozenset() if EVERYTHING in held else wanted - held
