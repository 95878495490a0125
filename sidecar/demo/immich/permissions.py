"""Immich's API key permissions. Knows names, not who asks."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.demo.immich.versions import Behaviour

ALL = "all"

# In Immich's own order, which its refusals show.
# Source: the Permission enum of the published descriptions 2.5.6, 2.7.5, 3.0.3 and 3.1.0.
_ACTIONS: dict[str, str] = {
    "activity": "create read update delete statistics",
    "apiKey": "create read update delete",
    "asset": (
        "read update delete statistics share view download upload replace copy derive edit.get edit.create edit.delete"
    ),
    "album": "create read update delete statistics share download",
    "albumAsset": "create delete",
    "albumUser": "create update delete",
    "auth": "changePassword",
    "authDevice": "delete",
    "archive": "read",
    "backup": "list download upload delete",
    "duplicate": "read delete",
    "face": "create read update delete",
    "folder": "read",
    "job": "create read",
    "library": "create read update delete statistics",
    "timeline": "read download",
    "maintenance": "",
    "map": "read search",
    "memory": "create read update delete statistics",
    "memoryAsset": "create delete",
    "notification": "create read update delete",
    "partner": "create read update delete",
    "person": "create read update delete statistics merge reassign",
    "pinCode": "create update delete",
    "plugin": "create read update delete",
    "server": "about apkLinks storage statistics versionCheck",
    "serverLicense": "read update delete",
    "session": "create read update delete lock",
    "sharedLink": "create read update delete",
    "stack": "create read update delete",
    "sync": "stream",
    "syncCheckpoint": "read update delete",
    "systemConfig": "read update",
    "systemMetadata": "read update",
    "tag": "create read update delete asset",
    "user": "read update",
    "userLicense": "create read update delete",
    "userOnboarding": "read update delete",
    "userPreference": "read update",
    "userProfileImage": "create read update delete",
    "queue": "read update",
    "queueJob": "create read update delete",
    "workflow": "create read update delete",
    "adminUser": "create read update delete",
    "adminSession": "read",
    "adminAuth": "unlinkAll",
}
_REPLACE = "asset.replace"


def permission_names(behaviour: Behaviour) -> tuple[str, ...]:
    """Every name that createApiKey of this version accepts."""
    named = [ALL]
    for subject, actions in _ACTIONS.items():
        named += [f"{subject}.{action}" for action in actions.split()] or [subject]
    if behaviour.does("no_replace"):
        named.remove(_REPLACE)
    return tuple(named)


def is_granted(*, wanted: Iterable[str], held: Iterable[str]) -> bool:
    """Whether a key with the held permissions may do everything wanted; `all` contains the others."""
    had = frozenset(held)
    return ALL in had or had.issuperset(wanted)
