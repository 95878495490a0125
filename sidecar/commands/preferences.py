"""`sidecar settings`: what holds for each user and which layer says so; and changing what one user chose."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

import yaml

from sidecar.accounts.connected import Account, Accounts
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import chosen_accounts, code_with_refused, title_of
from sidecar.config_file import load_yaml
from sidecar.errors import SettingsError
from sidecar.grouping.settings import PairingRules
from sidecar.jobs.queue import JobName
from sidecar.model import OwnerId
from sidecar.preferences import (
    BUILT_IN,
    DETECTION,
    NAMES,
    Choices,
    DetectionRules,
    no_setting,
    understand_stored,
)
from sidecar.settings import CONFIG_FILE, Settings
from sidecar.storage import preferences
from sidecar.wiring import Services, open_services

_PATTERNS = "filename_patterns"
_GROUPS = ("stack", DETECTION)
"""Keys whose choices are kept together, under their own names."""

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
        found = chosen_accounts(accounts, user, err)
        if change is not None:
            await _change(services, _only(accounts, user), change.key, chosen, out)
            return ExitCode.DONE
        for account in found:
            await _show(services, account, out)
    return code_with_refused(ExitCode.DONE, accounts, user)


def _read(key: str, text: str) -> Any:
    """The value for the key, as it is stored.

    Errors: SettingsError that opens with the key.
    """
    value = load_yaml(text, called=key, on_braces=_IN_A_SHELL)
    group, name = _place(key)
    understood = understand_stored({name: value} if group is None else {group: {name: value}})
    if understood.dropped:
        raise SettingsError("; ".join(map(str, understood.dropped)))
    chosen: Any = understood.choices.stored()
    if not chosen:
        raise SettingsError(f"{key}: has no value; `sidecar settings unset {key}` takes a choice back")
    return chosen[name] if group is None else chosen[group][name]


def _place(key: str) -> tuple[str | None, str]:
    """Under which name a choice is kept, and under that of which group."""
    group, dot, name = key.partition(".")
    return (group, name) if dot and group in _GROUPS else (None, key)


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
    print(title_of(account, services.accounts), file=out)
    found = _in_force(services.settings, stored)
    key_width = max(map(len, found))
    value_width = min(_WIDEST_VALUE, max(len(value) for value, _ in found.values()))
    for key, (value, layer) in found.items():
        print(f"  {key:{key_width}}  {value:{value_width}}  {layer}", file=out)
    understood = understand_stored(stored)
    for sentence in about_duplicates(understood.choices.detection.over(services.settings.detection).rules()):
        print(f"  {sentence}", file=out)
    for problem in understood.dropped:
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
    group, name = _place(key)
    if group is None:
        return {**stored, key: value}
    others = stored.get(group)
    return {**stored, group: {**(others if isinstance(others, dict) else {}), name: value}}


def _without(stored: Mapping[str, object], key: str) -> dict[str, object]:
    """The rest of the choices; also one that no version knows any more can be taken back by its key.

    Errors: SettingsError if there is no such key, stored or known.
    """
    left = dict(stored)
    group, name = _place(key)
    others = None if group is None else left.get(group)
    if key in left:
        del left[key]
    elif group is not None and isinstance(others, dict) and name in others:
        left[group] = {other: value for other, value in others.items() if other != name}
        if not left[group]:
            del left[group]
    elif key not in NAMES:
        raise SettingsError(f"{key}: {no_setting(key, NAMES)}")
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
    choices = understand_stored(after).choices
    if key == _PATTERNS:
        yield from _about_patterns(choices.matching.over(settings.matching).rules())
    if _is_of(key, DETECTION):
        yield from about_duplicates(choices.detection.over(settings.detection).rules())


def about_duplicates(rules: DetectionRules) -> Iterator[str]:
    """What the search for duplicates finds by these rules, and what it does not."""
    if not rules.is_on:
        yield "Duplicate search is off."
        return
    if rules.finds_exact:
        yield "Files of the same bytes are found, in uploads and libraries alike; one changed byte makes another file."
    else:
        yield "Files are not read to find the same bytes."
    if rules.finds_alike:
        turned = "are found too" if rules.finds_turned else "are not found"
        yield (
            f"Pictures that are alike by {rules.threshold:g} or more are found: compressed, resized or converted anew, "
            "toned or marked. Larger crops and other frames of a burst are not; mirrored and turned copies "
            f"{turned}."
        )
    else:
        yield "Pictures are not compared by their looks."


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
    layers: list[tuple[str, Choices]] = [
        ("built-in", BUILT_IN),
        (file_name, Choices(settings.matching, settings.detection)),
        ("this user", understand_stored(stored).choices),
    ]
    found: dict[str, InForce] = {}
    for layer, choices in layers:
        found |= {key: InForce(_written(value), layer) for key, value in choices.by_key().items()}
    return found


def _written(value: object) -> str:
    """The value in YAML on one line, as `set` takes it."""
    plain = int(value) if isinstance(value, float) and value.is_integer() else value
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, sort_keys=False, width=_ONE_LINE)
    return text.removesuffix("\n").removesuffix("\n...")


async def _stored(services: Services, owner_id: OwnerId) -> dict[str, object]:
    async with services.database.read() as connection:
        return await preferences.get(connection, owner_id)
