"""What Immich keeps for us beside each asset, so that decisions outlive our own database: written, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.model import AssetId

VERSION = 1

_LEFT = (DecisionKind.LEAVE_LONELY, DecisionKind.LEAVE_COVER)


def memo_of(
    asset_id: AssetId, decisions: Iterable[Decision], identities: Mapping[AssetId, str]
) -> dict[str, object] | None:
    """All that was decided about this asset, as a JSON object; None if nothing was.

    Shape:  {"version", "apartFrom": [ids], "cover": id, "coverAmong": [ids], "leave": [kinds], "files": {id: identity}}
            with each part only where it holds something, every list sorted. The latest choice of a cover counts. files
            says what the others are, should they come back under another id.
    """
    mine = [decision for decision in decisions if asset_id in decision.asset_ids]
    apart = {other for each in mine if each.kind is DecisionKind.KEEP_APART for other in each.asset_ids} - {asset_id}
    covers = [decision for decision in mine if decision.kind is DecisionKind.COVER]
    among = sorted(covers[-1].asset_ids) if covers else []
    others = sorted(apart.union(among) - {asset_id})
    parts: dict[str, object] = {
        "apartFrom": sorted(apart),
        "cover": covers[-1].chosen if covers else None,
        "coverAmong": among,
        "leave": sorted({each.kind.value for each in mine if each.kind in _LEFT and each.chosen == asset_id}),
        "files": {other: identities[other] for other in others if other in identities},
    }
    memo = {name: part for name, part in parts.items() if part}
    return {"version": VERSION, **memo} if memo else None


def decisions_in(memo: Mapping[str, object], asset_id: AssetId) -> Iterator[Decision]:
    """What the memo of this asset says was decided; whatever it says in words that we do not know is passed over.

    Shape:  "apart from" comes as one decision for each of the others: what those keep apart from each other, their own
            memos say.
    """
    for other in _ids(memo.get("apartFrom")):
        if other != asset_id:
            yield Decision(frozenset({asset_id, other}), source=DecisionSource.RECALLED)
    cover, among = memo.get("cover"), frozenset(_ids(memo.get("coverAmong")))
    if isinstance(cover, str) and cover in among:
        yield Decision(among, DecisionKind.COVER, AssetId(cover), DecisionSource.RECALLED)
    left = memo.get("leave")
    for kind in _LEFT:
        if isinstance(left, list) and kind.value in left:
            yield Decision(frozenset({asset_id}), kind, asset_id, DecisionSource.RECALLED)


def identities_in(memo: Mapping[str, object]) -> dict[AssetId, str]:
    """What the assets that the memo names are, whatever their ids."""
    files = memo.get("files")
    if not isinstance(files, dict):
        return {}
    return {AssetId(each): identity for each, identity in files.items() if isinstance(identity, str)}


def _ids(value: object) -> list[AssetId]:
    return [AssetId(each) for each in value if isinstance(each, str)] if isinstance(value, list) else []
