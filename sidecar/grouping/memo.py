"""What Immich keeps for us beside each asset, so that decisions outlive our own database: written, and read back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.model import AssetId

VERSION = 1
MOST = 2_000
"""Entries that are read of any list, whoever wrote it."""

FEW_OTHERS = 20
"""Of so many distinct assets each memo says what the others are; of more only that they are distinct."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDENTITY = re.compile(r"[0-9a-f]{32}")
_LEFT = (DecisionKind.LEAVE_LONELY, DecisionKind.LEAVE_COVER)


def memo_of(
    asset_id: AssetId, decisions: Iterable[Decision], identities: Mapping[AssetId, str]
) -> dict[str, object] | None:
    """All that was decided about this asset, as a JSON object; None if nothing was.

    Shape:  {"version", "apart": [[ids]], "distinct": [{"name", "others": [ids]}], "cover": id, "coverAmong": [ids],
            "leave": [kinds], "files": {id: identity}} with each part only where it holds something, every list sorted.
            apart holds the others of each decision to keep apart, as it was taken; distinct the name of each decision
            that no two are duplicates, which everybody in it carries, and the others where they are few: so ten
            thousand that were dismissed together have small memos. The latest choice of a cover counts. files says
            what the others are, should they come back under another id.
    """
    mine = [decision for decision in decisions if asset_id in decision.asset_ids]
    apart = {each.asset_ids - {asset_id} for each in mine if each.kind is DecisionKind.KEEP_APART}
    covers = [decision for decision in mine if decision.kind is DecisionKind.COVER]
    among = sorted(covers[-1].asset_ids) if covers else []
    distinct = {
        each.name: each.asset_ids - {asset_id} if len(each.asset_ids) <= FEW_OTHERS else frozenset[AssetId]()
        for each in mine
        if each.kind is DecisionKind.DISTINCT and each.name is not None
    }
    others = sorted(frozenset(among).union(*apart, *distinct.values()) - {asset_id})
    parts: dict[str, object] = {
        "apart": sorted(map(sorted, apart)),
        "distinct": [
            {"name": name, **({"others": sorted(distinct[name])} if distinct[name] else {})}
            for name in sorted(distinct)
        ],
        "cover": covers[-1].chosen if covers else None,
        "coverAmong": among,
        "leave": sorted({each.kind.value for each in mine if each.kind in _LEFT and each.chosen == asset_id}),
        "files": {other: identities[other] for other in others if other in identities},
    }
    memo = {name: part for name, part in parts.items() if part}
    return {"version": VERSION, **memo} if memo else None


def decisions_in(memo: Mapping[str, object], asset_id: AssetId) -> Iterator[Decision]:
    """What the memo of this asset says was decided; whatever it says in words that we do not know is passed over.

    Shape:  a decision to keep apart comes whole, the same from the memo of everybody in it. One that assets are
            distinct comes with its name and whom the memo names, perhaps this asset alone: the memos of the others
            complete it. Anyone who may change the asset may have written the memo: ids are well formed, and of each
            list no more than MOST entries count.
    """
    for others in _entries(memo.get("apart")):
        apart = frozenset({asset_id, *_ids(others)})
        if apart != {asset_id}:
            yield Decision(apart, source=DecisionSource.RECALLED)
    for entry in _entries(memo.get("distinct")):
        if isinstance(entry, dict) and _is(_ID, entry.get("name")):
            distinct = frozenset({asset_id, *_ids(entry.get("others"))})
            yield Decision(distinct, DecisionKind.DISTINCT, source=DecisionSource.RECALLED, name=str(entry["name"]))
    cover, among = memo.get("cover"), frozenset(_ids(memo.get("coverAmong")))
    if isinstance(cover, str) and cover in among:
        yield Decision(among, DecisionKind.COVER, AssetId(cover), DecisionSource.RECALLED)
    left = _entries(memo.get("leave"))
    for kind in _LEFT:
        if kind.value in left:
            yield Decision(frozenset({asset_id}), kind, asset_id, DecisionSource.RECALLED)


def identities_in(memo: Mapping[str, object]) -> dict[AssetId, str]:
    """What the assets that the memo names are, whatever their ids; well formed, and no more than MOST."""
    files = memo.get("files")
    if not isinstance(files, dict):
        return {}
    return {
        AssetId(each): identity
        for each, identity in islice(files.items(), MOST)
        if _is(_ID, each) and _is(_IDENTITY, identity)
    }


def _entries(value: object) -> list[object]:
    return value[:MOST] if isinstance(value, list) else []


def _ids(value: object) -> list[AssetId]:
    return [AssetId(str(each)) for each in _entries(value) if _is(_ID, each)]


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
