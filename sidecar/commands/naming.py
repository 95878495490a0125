"""What people call things: users, files by name or id, and long ids by their beginning."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TextIO
from unicodedata import normalize

from sidecar.accounts.connected import Account, Accounts
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.commands.report import called, printable
from sidecar.errors import SettingsError
from sidecar.model import AssetId

SHORTEST_SHOWN = 8


def chosen_accounts(accounts: Accounts, user: str | None, err: TextIO) -> list[Account]:
    """The one user who was asked for, or all of them; keys that do not work are told.

    Errors: SettingsError if no connected user is called that, or nobody is connected.
    """
    for refused in accounts.refused:
        print(f"sidecar: {refused}", file=err)
    return accounts.chosen(user)


def code_with_refused(code: ExitCode, accounts: Accounts, user: str | None) -> ExitCode:
    """The number to end with: a key that does not work shows in it where everybody was meant and all else went well."""
    return code or (exit_code_of(accounts.refused[0]) if accounts.refused and user is None else code)


def title_of(account: Account, accounts: Accounts) -> str:
    """What the user is called among the others."""
    return called(account.user, (each.user for each in accounts.connected.values()))


def telling_length(ids: Iterable[str], *, at_least: int = SHORTEST_SHOWN) -> int:
    """How much of an id tells it from all others."""
    ordered = sorted(set(ids))
    length = at_least
    for one, other in pairwise(ordered):
        while one[:length] == other[:length]:
            length += 1
    return length


def file_called(word: str, ids: Sequence[AssetId], names: Mapping[AssetId, str], *, whole: str) -> AssetId:
    """The file that the word means, by its name or id, of which the beginning will do.

    Shape:  whole is what the files make up, as people call it ("proposal").
    Errors: SettingsError that lists the files if it means none of them or several.
    """
    found = [each for each in ids if word.lower() == each or folded(word) == folded(names.get(each, each))]
    if not found and len(word) >= SHORTEST_SHOWN:
        found = [each for each in ids if each.startswith(word.lower())]
    if len(found) != 1:
        problem = f"several files of the {whole} are" if found else f"no file of the {whole} is"
        known = ", ".join(f"{printable(names.get(each, '?'))} ({each})" for each in ids)
        raise SettingsError(f"{problem} called {word!r}; it has {known}")
    return found[0]


def begun_with(word: str, ids: Collection[str]) -> list[str]:
    """All of the ids that begin so; the one that is the word itself alone, where there is one."""
    folded = word.lower()
    return [folded] if folded in ids else sorted(each for each in ids if each.startswith(folded))


def folded(name: str) -> str:
    """The name as it is compared: macOS types letters with accents as two characters where a camera writes one."""
    return normalize("NFC", name).casefold()
