"""Saying yes or no to what `sidecar groups` lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from sidecar.accounts.connected import Account
from sidecar.commands.exit_codes import ExitCode
from sidecar.commands.naming import file_called
from sidecar.commands.report import files_of
from sidecar.commands.waiting import at_work
from sidecar.commands.writes import carried_out, tell
from sidecar.errors import SettingsError, StaleDecision
from sidecar.jobs.review import FEWEST, Answer, accept, reject
from sidecar.model import AssetId, OwnerId
from sidecar.storage import assets, findings
from sidecar.storage.findings import Finding, FindingKind
from sidecar.storage.journal import Action
from sidecar.wiring import Services


class Verdict(StrEnum):
    """What a person says to a proposal."""

    ACCEPT = "accept"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Wish:
    """The words behind a verdict: the names of proposals, and which of their files are meant.

    Shape:  only and cover are file names or asset ids within the proposal.
    """

    ids: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    cover: str | None = None

    @property
    def each(self) -> tuple[str, ...]:
        """The names of proposals, each once."""
        return tuple({each.lower(): each for each in self.ids}.values())

    @property
    def names_files(self) -> bool:
        """Whether it means a part of what is proposed."""
        return bool(self.only) or self.cover is not None


@dataclass(frozen=True, slots=True)
class _Named:
    """A proposal that was named, how it is answered, and the names of its files."""

    owner_id: OwnerId
    finding: Finding
    names: Mapping[AssetId, str]
    answer: Answer

    @property
    def files(self) -> str:
        """Its files as people read them."""
        return files_of(self.finding.asset_ids, self.names)


async def decide(
    services: Services, accounts: Sequence[Account], verdict: Verdict, wish: Wish, *, out: TextIO, err: TextIO
) -> ExitCode:
    """DONE if all of it was decided and done.

    Shape:  every word is understood before anything is decided; what went stale since is told and stops nothing else.
    Errors: SettingsError for a word that means nothing.
    """
    named = [await _find(services, accounts, word, wish) for word in wish.each]
    code = ExitCode.DONE
    intended: list[Action] = []
    rejected: list[_Named] = []
    for each in named:
        try:
            if verdict is Verdict.ACCEPT:
                intended.append(await accept(services.jobs, each.owner_id, each.finding.id, each.answer))
            else:
                await reject(services.jobs, each.owner_id, each.finding.id)
                rejected.append(each)
        except StaleDecision as error:
            print(f"  not decided: {each.files}  ({error})", file=out)
            code = ExitCode.PARTLY_FAILED
    if rejected:
        async with at_work(services, {each.owner_id for each in rejected}):
            for each in rejected:
                print(f"  will not be proposed again: {each.files}", file=out)
    if intended:
        return await tell(services, await carried_out(services, intended, err), out) or code
    return code


async def _find(services: Services, accounts: Sequence[Account], word: str, wish: Wish) -> _Named:
    async with services.database.read() as connection:
        for account in accounts:
            owner_id = account.user.id
            found = await findings.named(connection, owner_id, word.lower())
            if found is not None:
                names = await assets.names(connection, owner_id, found[1].asset_ids)
                return _Named(owner_id, found[1], names, _answer(wish, found[1], names))
    raise SettingsError(f"no open proposal is called {word!r}; `sidecar groups` lists those that are")


def _answer(wish: Wish, finding: Finding, names: Mapping[AssetId, str]) -> Answer:
    if finding.kind is FindingKind.REPAIR and wish.names_files:
        raise SettingsError("--only and --cover choose what to stack; this proposal mends a stack: accept it as it is")
    only = frozenset(_file(word, finding, names) for word in wish.only) or None
    cover = _file(wish.cover, finding, names) if wish.cover is not None else None
    if only is not None and len(only) < FEWEST:
        raise SettingsError("--only: a stack needs two files or more; repeat --only for each")
    if cover is not None and only is not None and cover not in only:
        raise SettingsError("--cover: the cover must be one of the files that --only names")
    return Answer(only, cover)


def _file(word: str, finding: Finding, names: Mapping[AssetId, str]) -> AssetId:
    return file_called(word, finding.asset_ids, names, whole="proposal")
