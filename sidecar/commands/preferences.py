"""`sidecar settings`: what holds for each user and which layer says so; and changing what one user chose."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

import yaml

from sidecar.accounts.connected import Account, Accounts
from sidecar.commands.exit_codes import ExitCode, exit_code_of
from sidecar.config_file import load_yaml
from sidecar.errors import SettingsError
from sidecar.grouping.settings import PairingRules
from sidecar.jobs.queue import JobName
from sidecar.model import OwnerId
from sidecar.preferences import BUILT_IN, KEYS, Matching, no_setting, understand
from sidecar.settings import CONFIG_FILE, Settings
from sidecar.storage import preferences
from sidecar.wiring import Services, open_services

_STACK, _PATTERNS = "stack", "filename_patterns"
_IN_A_SHELL = """a pattern is written '["{base}-web.{ext}"]', with both kinds of quotes"""
_WIDEST_VALUE = 48
_ONE_LINE = 1_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """The words behind `sidecar settings set` and `unset`: a key, and the value in YAML; None takes the choice back."""

    key: str
    value: str | None = None


class InForce(NamedTuple):
    """The value that holds, as people write it, and the layer that it comes from."""

    value: str
    layer: str


async def show_or_change(
    settings: Settings,
    change: Change | None = None,
    *,
    user: str | None = None,
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
) -> ExitCode:
    """DONE, after what holds was printed, or what was changed and what comes of it.

    Errors: SettingsError for a key, a value or a user that cannot be meant; whatever keeps services from opening.
    """
    chosen = None if change is None or change.value is None else _read(change.key, change.value)
    async with open_services(settings, may_be_guest=True) as services:
        accounts = services.accounts
        for refused in accounts.refused:
            print(f"sidecar: {refused}", file=err)
        if change is not None:
            await _change(services, _only(accounts, user), change.key, chosen, out)
            return ExitCode.DONE
        for account in [accounts.named(user)] if user is not None else accounts.connected.values():
            await _show(services, account, out)
    return exit_code_of(accounts.refused[0]) if accounts.refused and user is None else ExitCode.DONE


def _read(key: str, text: str) -> Any:
    """The value for the key, as it is stored.

    Errors: SettingsError that opens with the key.
    """
    value = load_yaml(text, called=key, on_braces=_IN_A_SHELL)
    of_stack = key.removeprefix(f"{_STACK}.")
    understood = understand({key: value} if of_stack == key else {_STACK: {of_stack: value}})
    if understood.dropped:
        raise SettingsError("; ".join(map(str, understood.dropped)))
    chosen = understood.matching.chosen()
    if not chosen:
        raise SettingsError(f"{key}: has no value; `sidecar settings unset {key}` takes a choice back")
    (value,) = chosen.values()
    return value if of_stack == key else value[of_stack]  # type: ignore[index]  # what `stack` holds is a mapping


def _only(accounts: Accounts, user: str | None) -> Account:
    """The user whose choice is changed; nobody's by chance, also while another user's key does not work."""
    if user is not None:
        return accounts.named(user)
    if len(accounts.connected) + len(accounts.refused) > 1:
        names = ", ".join(sorted(account.user.name for account in accounts.connected.values()))
        raise SettingsError(f"there is more than one user: say whose choice it is with --user; connected: {names}")
    (account,) = accounts.connected.values()
    return account


async def _show(services: Services, account: Account, out: TextIO) -> None:
    stored = await _stored(services, account.user.id)
    names = [each.user.name.casefold() for each in services.accounts.connected.values()]
    is_alone = names.count(account.user.name.casefold()) == 1
    print(account.user.name if is_alone else f"{account.user.name} ({account.user.id})", file=out)
    found = _in_force(services.settings, stored)
    key_width = max(map(len, found))
    value_width = min(_WIDEST_VALUE, max(len(value) for value, _ in found.values()))
    for key, (value, layer) in found.items():
        print(f"  {key:{key_width}}  {value:{value_width}}  {layer}", file=out)
    for problem in understand(stored).dropped:
        print(f"  passed over, as this version does not understand it: {problem}", file=out)


async def _change(services: Services, account: Account, key: str, chosen: object, out: TextIO) -> None:
    owner_id = account.user.id
    async with services.database.write() as connection:
        before = await preferences.get(connection, owner_id)
        after = _without(before, key) if chosen is None else _with(before, key, chosen)
        if after:
            await preferences.put(connection, owner_id, after, now_ms=services.jobs.now_ms())
        else:
            await preferences.clear(connection, owner_id)
    print(f"{account.user.name}: {' '.join(_sentences(services.settings, key, before, after))}", file=out)
    if after != before:
        await services.jobs.wake(JobName.PAIR, owner_id)


def _with(stored: Mapping[str, object], key: str, value: object) -> dict[str, object]:
    name = key.removeprefix(f"{_STACK}.")
    if name == key:
        return {**stored, key: value}
    kinds = stored.get(_STACK)
    return {**stored, _STACK: {**(kinds if isinstance(kinds, dict) else {}), name: value}}


def _without(stored: Mapping[str, object], key: str) -> dict[str, object]:
    """The rest of the choices; also one that no version knows any more can be taken back by its key.

    Errors: SettingsError if there is no such key, stored or known.
    """
    left = dict(stored)
    name = key.removeprefix(f"{_STACK}.")
    kinds = left.get(_STACK)
    if key in left:
        del left[key]
    elif name != key and isinstance(kinds, dict) and name in kinds:
        left[_STACK] = {other: value for other, value in kinds.items() if other != name}
        if not left[_STACK]:
            del left[_STACK]
    elif key not in KEYS and key != _STACK:
        raise SettingsError(f"{key}: {no_setting(key)}")
    return left


def _sentences(
    settings: Settings, key: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterator[str]:
    """What the change means, and what happens next."""
    found = _in_force(settings, after)
    holding = [f"{each} is {value} ({layer})" for each, (value, layer) in found.items() if _is_of(each, key)]
    if after == before:
        yield f"nothing changes: {', '.join(holding)}."
        return
    if holding:
        yield f"now {', '.join(holding)}; the next look at the library uses it."
    else:
        yield f"{key} is forgotten."
    if key == _PATTERNS:
        yield from _about_patterns(understand(after).matching.over(settings.matching).rules())


def _about_patterns(rules: PairingRules) -> Iterator[str]:
    if not rules.joins_suffixes:
        yield "Names such as IMG_1_web.jpg do not join IMG_1.CR3, as '{base}_{suffix}.{ext}' is not in the list."
    if not all(pattern.is_trusted for pattern in rules.patterns):
        yield (
            "What a pattern finds waits in `sidecar groups` until you trust it: "
            "set it again as {pattern: '...', trusted: true}."
        )


def _is_of(key: str, asked: str) -> bool:
    return key == asked or key.startswith(f"{asked}.")


def _in_force(settings: Settings, stored: Mapping[str, object]) -> dict[str, InForce]:
    """For each key what holds, and the layer that says so."""
    file_name = settings.config_file.name if settings.config_file is not None else CONFIG_FILE
    layers: list[tuple[str, Matching]] = [
        ("built-in", BUILT_IN),
        (file_name, settings.matching),
        ("this user", understand(stored).matching),
    ]
    found: dict[str, InForce] = {}
    for layer, matching in layers:
        found |= {key: InForce(_written(value), layer) for key, value in matching.by_key().items()}
    return found


def _written(value: object) -> str:
    """The value in YAML on one line, as `set` takes it."""
    plain = int(value) if isinstance(value, float) and value.is_integer() else value
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, sort_keys=False, width=_ONE_LINE)
    return text.removesuffix("\n").removesuffix("\n...")


async def _stored(services: Services, owner_id: OwnerId) -> dict[str, object]:
    async with services.database.read() as connection:
        return await preferences.get(connection, owner_id)
