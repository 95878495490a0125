"""POST /search/metadata and /search/statistics: pages by offset over the caller's and their partners' assets."""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass

from aiohttp import web

from sidecar.demo.immich.albums import album_of
from sidecar.demo.immich.routing import Ask, Operation, json_bytes, reply
from sidecar.demo.immich.rows import AssetRow
from sidecar.demo.immich.search_filters import ORDERS, Filter, checks_of, read_filter
from sidecar.demo.immich.state import State
from sidecar.demo.immich.wire import asset_json

_MAX_SIZE = 1000
_DEFAULT_SIZE = 250
_KEPT_RESULTS = 8


@dataclass(frozen=True, slots=True)
class _Question:
    owner_ids: tuple[str, ...]
    asked: Filter
    order: str


class Searcher:
    """Answers questions from a few kept results, so that the pages of one search cost one pass over the library."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._kept: OrderedDict[_Question, tuple[int, list[AssetRow]]] = OrderedDict()

    def find(self, owner_ids: tuple[str, ...], asked: Filter, order: str) -> list[AssetRow]:
        """All matching assets by (fileCreatedAt, id) in the given direction; not to be changed."""
        question = _Question(owner_ids, asked, order)
        revision, rows = self._kept.get(question, (-1, []))
        if revision != self._state.revision:
            rows = self._matching(owner_ids, asked)
            if order == "desc":
                rows.reverse()
            self._kept[question] = (self._state.revision, rows)
        self._kept.move_to_end(question)
        if len(self._kept) > _KEPT_RESULTS:
            self._kept.popitem(last=False)
        return rows

    def _matching(self, owner_ids: tuple[str, ...], asked: Filter) -> list[AssetRow]:
        if len(owner_ids) == 1:
            candidates = self._state.ordered(owner_ids[0])
        else:
            everyone = (row for owner_id in owner_ids for row in self._state.ordered(owner_id))
            candidates = sorted(everyone, key=lambda row: (row.file_created_us, row.id))
        rows = list(candidates)
        for album_id in asked.album_ids:
            kept = self._state.albums[album_id].assets if album_id in self._state.albums else {}
            rows = [row for row in rows if row.id in kept]
        for check in checks_of(asked):
            rows = [row for row in rows if check(row)]
        return rows


def page_of(rows: list[AssetRow], *, page: int, size: int, state: State) -> tuple[list[AssetRow], bool]:
    """One page and whether there is another. Before 3.1.0 equal times are in another order on every page.

    Source: search.repository.ts:223 in 3.1.0 (orders by fileCreatedAt, then id; 2.7.5 by the first alone),
            whose shuffle here is UNVERIFIED tie-shuffle.
    """
    start = (page - 1) * size
    stop = start + size
    has_next = stop < len(rows)
    if state.behaviour.does("stable_order") or start >= len(rows):
        return rows[start:stop], has_next
    first, last = start, min(stop, len(rows))
    while first > 0 and rows[first - 1].file_created_us == rows[start].file_created_us:
        first -= 1
    while last < len(rows) and rows[last].file_created_us == rows[last - 1].file_created_us:
        last += 1
    shuffled = rows[first:last]
    random.Random(f"{state.seed}:{page}:{size}").shuffle(shuffled)  # noqa: S311  # a repeatable imitation of chance
    shuffled.sort(key=lambda row: row.file_created_us, reverse=rows[0].file_created_us > rows[-1].file_created_us)
    return shuffled[start - first : stop - first], has_next


def operations(state: State) -> tuple[Operation, ...]:
    """The two searches."""
    searcher = Searcher(state)

    async def search_assets(ask: Ask) -> web.StreamResponse:
        fields = await ask.body()
        asked = read_filter(fields, state.behaviour)
        page = fields.whole("page", at_least=1) or 1
        size = fields.whole("size", at_least=1, at_most=_MAX_SIZE) or _DEFAULT_SIZE
        order = fields.option("order", ORDERS) or "desc"
        fields.done()
        rows, has_next = page_of(searcher.find(_scope(ask, asked), asked, order), page=page, size=size, state=state)
        return json_bytes(_search_body(rows, asked, state, str(page + 1) if has_next else None))

    async def search_statistics(ask: Ask) -> web.StreamResponse:
        fields = await ask.body()
        asked = read_filter(fields, state.behaviour)
        fields.done()
        return reply({"total": len(searcher.find(_scope(ask, None), asked, "desc"))})

    return (
        Operation("POST", "/search/metadata", search_assets, "asset.read"),
        Operation("POST", "/search/statistics", search_statistics, "asset.statistics"),
    )


def _scope(ask: Ask, asked: Filter | None) -> tuple[str, ...]:
    """The caller and the partners shown in their timeline; for albums everyone, if the caller may read them.

    Source: searchMetadata and getUserIdsToSearch, search.service.ts 3.1.0 and 2.7.5; live 3.1.0.
    """
    user_id = ask.caller.user.id
    if asked is not None and asked.album_ids and ask.state.behaviour.does("album_search"):
        for album_id in asked.album_ids:
            album_of(ask, album_id, "album.read")
        return tuple(ask.state.users)
    return (user_id, *ask.state.partners_of(user_id))


def _search_body(rows: list[AssetRow], asked: Filter, state: State, next_page: str | None) -> bytes:
    """SearchResponseDto, in which total and count are the page's length.

    Source: recordings search-all, search-page2, search-since.
    """
    items = b",".join([asset_json(row, state.behaviour, with_exif=asked.with_exif) for row in rows])
    following = b"null" if next_page is None else b'"%s"' % next_page.encode()
    return b'{"albums":{"total":0,"count":0,"items":[],"facets":[]},"assets":{"total":%d,"count":%d,"items":[%s],' % (
        len(rows),
        len(rows),
        items,
    ) + (b'"facets":[],"nextPage":%s}}' % following)
