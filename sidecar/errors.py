"""The one tree of errors, split by what the caller can do about them.

SidecarError
├── TryLater                 wait and repeat
│   ├── ImmichUnavailable    no connection, timeout, 5xx, 429, maintenance
│   ├── QueueUnavailable     Valkey or Redis does not answer
│   └── StorageUnavailable   the database does not answer or is locked
├── AskPerson                somebody has to change something
│   ├── SettingsError        a setting is missing or unreadable
│   ├── NotImmich            something answers, but it is not Immich's API
│   ├── UnsupportedImmich    an Immich older than the oldest pinned version
│   ├── ImmichChanged        an Immich whose own description says that it would not take what we send
│   ├── ImmichRefused        401 or 403; names the missing permission where Immich says it
│   ├── NotSignedIn          whoever asks us shows nothing that Immich knows
│   ├── NotAllowed           whoever asks may not do this, or another site asks in their name
│   └── DataFolderBusy       another sidecar owns the data folder
├── ImmichMissing            accept it: the asset or stack is gone, or was never ours
├── StaleDecision            reload and redo: the present is not what the decision was made on
├── ContractBroken           fix us: Immich rejected our request, or its answer lacks what the contract promises
└── ParameterError           fix us: one of our own functions was given what its docstring rules out
"""

from __future__ import annotations

from typing import ClassVar


class SidecarError(Exception):
    """Root of all our errors. `code` is stable and safe to show; str() is one sentence without secrets."""

    code: ClassVar[str] = "sidecar"


class TryLater(SidecarError):
    """Something outside is down for now; repeating later may work."""

    code = "try_later"


class ImmichUnavailable(TryLater):
    """Immich cannot be reached, answers 5xx or 429, or takes too long."""

    code = "immich_unavailable"


class QueueUnavailable(TryLater):
    """The queue's server does not answer."""

    code = "queue_unavailable"


class StorageUnavailable(TryLater):
    """The database does not answer in time."""

    code = "storage_unavailable"


class AskPerson(SidecarError):
    """Only a person can mend this."""

    code = "ask_person"


class SettingsError(AskPerson):
    """A setting is missing, unreadable or contradicts another."""

    code = "settings"


class NotImmich(AskPerson):
    """Something answers at the address, but not as Immich's API does."""

    code = "not_immich"


class UnsupportedImmich(AskPerson):
    """The server is older than the oldest version whose contract is pinned."""

    code = "unsupported_immich"


class ImmichChanged(AskPerson):
    """The server changed what an operation rests on, or does not say what it changed: it is not called."""

    code = "immich_changed"


class ImmichRefused(AskPerson):
    """Immich refused the credential, or the credential lacks a permission.

    Shape:  permission is Immich's own name of what is missing ("stack.create"), None if the key itself is refused.
    """

    code = "immich_refused"

    def __init__(self, message: str, *, permission: str | None = None) -> None:
        super().__init__(message)
        self.permission = permission


class NotSignedIn(AskPerson):
    """Whoever asks shows no credential, or one that Immich does not know any more."""

    code = "not_signed_in"


class NotAllowed(AskPerson):
    """Who asks is known, and may not do this."""

    code = "not_allowed"


class DataFolderBusy(AskPerson):
    """Another sidecar process owns this data folder."""

    code = "data_folder_busy"


class ImmichMissing(SidecarError):
    """The asset or stack is gone or not this user's; Immich answers both alike (400 "Not found or no … access")."""

    code = "immich_missing"


class StaleDecision(SidecarError):
    """What the decision was made on has changed meanwhile."""

    code = "stale_decision"


class ContractBroken(SidecarError):
    """Immich and the pinned contract disagree: a rejected request or an answer without a promised field."""

    code = "contract_broken"


class ParameterError(SidecarError):
    """One of our own functions was given what its docstring rules out."""

    code = "parameter"
