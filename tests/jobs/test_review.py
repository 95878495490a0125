from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.errors import ParameterError, StaleDecision
from sidecar.grouping.memory import Decision, DecisionKind, DecisionSource
from sidecar.grouping.reasons import ReasonCode
from sidecar.jobs.review import Answer, accept, reject
from sidecar.model import AssetId, OwnerId, Visibility
from sidecar.preferences import Matching
from sidecar.storage import decisions, findings, journal, work
from sidecar.storage.findings import FOR_A_PERSON, Finding, FindingKind
from sidecar.storage.journal import ActionState
from tests.jobs.household import Library, open_library

ASKS_FIRST = Matching(ask_first=True)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def waiting(library: Library) -> list[Finding]:
    async with library.context.database.read() as connection:
        return await findings.of_kinds(connection, library.owner_id, FOR_A_PERSON, limit=99)


async def only_waiting(library: Library) -> Finding:
    (finding,) = await waiting(library)
    return finding


async def decided(library: Library) -> list[Decision]:
    async with library.context.database.read() as connection:
        return [decision for _, decision in await decisions.everything(connection, library.owner_id)]


async def look_again(library: Library, *, scans: int = 2) -> None:
    """As often as it takes to find out whether something is proposed or done again."""
    for _ in range(scans):
        async with library.context.database.write() as connection:
            await work.mark_all(connection, library.owner_id)
        await library.scan()


async def test_an_accepted_proposal_becomes_a_stack_and_waits_no_more(library: Library) -> None:
    library.context = replace(library.context, matching=ASKS_FIRST)
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    assert library.stacks() == []
    finding = await only_waiting(library)
    assert finding.reasons[0].code is ReasonCode.ASK_FIRST
    await accept(library.context, library.owner_id, finding.id)
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await waiting(library) == []
    # It is ours now: it grows with what is accepted, and taking it apart is a decision.
    library.immich.unstack(library.only_stack())
    await look_again(library)
    assert library.stacks() == []
    assert await waiting(library) == []


async def test_a_rejected_proposal_is_not_made_again(library: Library) -> None:
    library.context = replace(library.context, matching=ASKS_FIRST)
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    await reject(library.context, library.owner_id, (await only_waiting(library)).id)
    library.context = replace(library.context, matching=Matching())
    await look_again(library)
    assert library.stacks() == []
    assert await waiting(library) == []
    assert await decided(library) == [
        Decision(frozenset({AssetId(raw.id), AssetId(jpeg.id)}), source=DecisionSource.REJECTED)
    ]


async def test_of_an_ambiguous_match_only_a_part_can_be_accepted(library: Library) -> None:
    one, other, jpeg = library.shoot("IMG_1.CR3", "IMG_1.NEF", "IMG_1.JPG", make=None, model=None)
    (third,) = library.shoot("IMG_1.JPG", make=None, model=None)
    await library.scan()
    finding = next(each for each in await waiting(library) if AssetId(jpeg.id) in each.asset_ids)
    chosen = frozenset({AssetId(one.id), AssetId(jpeg.id)})
    await accept(library.context, library.owner_id, finding.id, Answer(chosen, AssetId(one.id)))
    await look_again(library)
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]
    assert await waiting(library) == []
    assert {row.stack_id for row in (other, third)} == {None}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(lambda raw: Answer(frozenset({raw})), "two members", id="one member"),
        pytest.param(lambda raw: Answer(frozenset({raw, AssetId("x")})), "was proposed", id="a stranger"),
        pytest.param(lambda _raw: Answer(cover=AssetId("x")), "cover", id="a cover from elsewhere"),
    ],
)
async def test_an_answer_that_does_not_fit_changes_nothing(library: Library, answer: object, says: str) -> None:
    library.context = replace(library.context, matching=ASKS_FIRST)
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    finding = await only_waiting(library)
    assert callable(answer)
    with pytest.raises(ParameterError, match=says):
        await accept(library.context, library.owner_id, finding.id, answer(AssetId(raw.id)))
    assert await decided(library) == []
    assert await only_waiting(library) == finding


async def test_a_proposal_that_is_not_open_any_more_is_stale(library: Library) -> None:
    library.context = replace(library.context, matching=ASKS_FIRST)
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    finding = await only_waiting(library)
    for name in ("", "nothing", "' OR 1=1"):
        with pytest.raises(StaleDecision):
            await accept(library.context, library.owner_id, name)
    with pytest.raises(StaleDecision):
        await accept(library.context, OwnerId("00000000-0000-4000-8000-0000000000bb"), finding.id)
    await accept(library.context, library.owner_id, finding.id)
    with pytest.raises(StaleDecision):  # the first write is on its way
        await accept(library.context, library.owner_id, finding.id)
    await library.scan()
    with pytest.raises(StaleDecision):
        await reject(library.context, library.owner_id, finding.id)
    # Known to the mirror, but not paired yet: the list still shows what does not hold any more.
    library.shoot("IMG_2.CR3", "IMG_2.JPG", at_s=60)
    await library.scan()
    other = await only_waiting(library)
    gone = next(row for row in library.immich.state.assets.values() if row.name == "IMG_2.JPG")
    library.immich.set_visibility(gone, Visibility.ARCHIVE)
    await library.sync()
    with pytest.raises(StaleDecision):
        await accept(library.context, library.owner_id, other.id)
    assert raw.stack_id is not None


async def test_an_accepted_version_joins_the_users_own_stack_under_its_cover(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.immich.stack(library.user, raw, jpeg)
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    finding = await only_waiting(library)
    assert finding.reasons[0].code is ReasonCode.USERS_STACK
    await accept(library.context, library.owner_id, finding.id)
    await look_again(library)
    assert library.stacks() == [["IMG_1.CR3", "IMG_1-Edit.tif", "IMG_1.JPG"]]
    assert await waiting(library) == []


async def test_a_rejected_version_stays_out_of_the_users_stack_which_is_not_touched(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.immich.stack(library.user, raw, jpeg)
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    await reject(library.context, library.owner_id, (await only_waiting(library)).id)
    await look_again(library)
    assert library.stacks() == [["IMG_1.CR3", "IMG_1.JPG"]]
    assert await waiting(library) == []
    assert len(await decided(library)) == 2  # the edit apart from each, and those two not apart from each other


async def test_two_stacks_become_one_when_that_is_accepted(library: Library) -> None:
    raw, jpeg, edit, png = library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.PNG")
    library.immich.stack(library.user, raw, jpeg)
    library.immich.stack(library.user, edit, png)
    await library.scan()
    finding = await only_waiting(library)
    assert finding.reasons[0].code is ReasonCode.TWO_STACKS
    await accept(library.context, library.owner_id, finding.id, Answer(cover=AssetId(jpeg.id)))
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.CR3", "IMG_1.PNG"]]
    assert await waiting(library) == []


async def test_what_was_kept_apart_comes_together_when_the_user_says_so(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.unstack(library.only_stack())
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    finding = await only_waiting(library)
    assert finding.reasons[0].code is ReasonCode.PARTLY_KEPT_APART
    await accept(library.context, library.owner_id, finding.id)
    await look_again(library)
    assert library.stacks() == [["IMG_1-Edit.tif", "IMG_1.CR3", "IMG_1.JPG"]]
    assert await decided(library) == []
    assert library.immich.memo_of(next(iter(library.immich.state.assets.values()))) is None


async def test_a_third_one_stays_apart_when_two_are_brought_together(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG", "IMG_1.PNG")
    await library.scan()
    library.immich.unstack(library.only_stack())
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    finding = await only_waiting(library)
    names = {row.id: row.name for row in library.immich.state.assets.values()}
    two = frozenset(each for each in finding.asset_ids if names[each] in {"IMG_1.CR3", "IMG_1.JPG"})
    await accept(library.context, library.owner_id, finding.id, Answer(two))
    await look_again(library)
    assert library.stacks() == [["IMG_1.JPG", "IMG_1.CR3"]]
    assert await waiting(library) == []


async def test_an_accepted_write_that_no_longer_fits_is_withdrawn_and_proposed_anew(library: Library) -> None:
    library.context = replace(library.context, matching=ASKS_FIRST)
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    (other,) = library.shoot("OTHER.JPG")
    await library.scan()
    await accept(library.context, library.owner_id, (await only_waiting(library)).id)
    library.immich.stack(library.user, raw, other)
    await library.apply()
    assert library.stacks() == [["IMG_1.CR3", "OTHER.JPG"]]
    assert await library.journal() == [(ActionState.WITHDRAWN, "changed in Immich meanwhile")]
    await look_again(library)
    assert jpeg.stack_id is None
    assert (await only_waiting(library)).reasons[0].code is ReasonCode.USERS_STACK


async def test_a_hidden_cover_is_replaced_when_that_is_accepted(library: Library) -> None:
    _raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_1.PNG")
    await library.scan()
    library.immich.trash(jpeg)
    await library.scan()
    finding = await only_waiting(library)
    assert (finding.kind, finding.subject) == (FindingKind.REPAIR, "hidden_cover")
    await accept(library.context, library.owner_id, finding.id)
    await library.apply()
    assert library.stacks() == [["IMG_1.PNG", "IMG_1.CR3", "IMG_1.JPG"]]
    library.immich.restore(jpeg)
    await look_again(library)
    assert library.stacks() == [["IMG_1.PNG", "IMG_1.CR3", "IMG_1.JPG"]]
    assert await waiting(library) == []


@pytest.mark.parametrize("says_yes", [True, False], ids=["accepted", "rejected"])
async def test_a_repair_of_a_cover_that_came_back_meanwhile_is_stale_or_forgotten(
    library: Library, *, says_yes: bool
) -> None:
    _raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.trash(jpeg)
    await library.scan()
    finding = await only_waiting(library)
    if says_yes:
        await accept(library.context, library.owner_id, finding.id)
        library.immich.state.write_primary(library.only_stack(), next(iter(library.immich.state.assets)))
    else:
        await reject(library.context, library.owner_id, finding.id)
        assert (await decided(library))[0].kind is DecisionKind.LEAVE_COVER
    await look_again(library)
    assert await waiting(library) == []
    assert len(library.writes()) <= 3


async def test_a_lonely_stack_of_ours_goes_when_that_is_accepted(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.state.write(raw, stack_id=None)
    await library.scan()
    finding = await only_waiting(library)
    assert finding.subject == "lonely_stack"
    await accept(library.context, library.owner_id, finding.id)
    await look_again(library)
    assert library.stacks() == []
    assert jpeg.stack_id is None
    assert await waiting(library) == []
    async with library.context.database.read() as connection:
        states = [entry.state for entry in await journal.since(connection, library.owner_id, since_ms=0)]
    assert states == [ActionState.DONE, ActionState.DONE]


async def test_a_lonely_stack_may_stay(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.state.write(raw, stack_id=None)
    await library.scan()
    await reject(library.context, library.owner_id, (await only_waiting(library)).id)
    await look_again(library)
    assert await waiting(library) == []
    assert len(library.immich.stacks_of(library.user)) == 1


async def test_nothing_joins_a_stack_whose_cover_is_hidden_even_if_accepted(library: Library) -> None:
    _raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_1.PNG")
    await library.scan()
    library.immich.trash(jpeg)
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    review = next(each for each in await waiting(library) if each.kind is FindingKind.REVIEW)
    with pytest.raises(StaleDecision, match="cover"):
        await accept(library.context, library.owner_id, review.id)


async def test_who_is_left_out_but_stacked_already_stays_where_they_are(library: Library) -> None:
    raw, jpeg = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.immich.stack(library.user, raw, jpeg)
    (edit,) = library.shoot("IMG_1-Edit.tif")
    await library.scan()
    chosen = frozenset({AssetId(edit.id), AssetId(jpeg.id)})
    await accept(library.context, library.owner_id, (await only_waiting(library)).id, Answer(chosen))
    await look_again(library)
    assert library.stacks() == [["IMG_1.CR3", "IMG_1-Edit.tif", "IMG_1.JPG"]]
    assert await decided(library) == []


async def test_what_was_only_planned_is_not_done_after_the_user_wants_to_be_asked(library: Library) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.sync()
    await library.pair()
    library.context = replace(library.context, matching=ASKS_FIRST)
    await library.pair()
    await library.apply()
    assert library.stacks() == []
    assert await library.journal() == [(ActionState.WITHDRAWN, "the rules have changed")]
    assert (await only_waiting(library)).reasons[0].code is ReasonCode.ASK_FIRST


@pytest.mark.parametrize("says_yes", [True, False], ids=["accepted", "rejected"])
async def test_what_immich_could_not_be_asked_about_can_be_decided(library: Library, *, says_yes: bool) -> None:
    library.shoot("IMG_1.CR3", "IMG_1.JPG")
    library.shoot("IMG_2.CR3", "IMG_2.JPG", at_s=60)
    first = next(row for row in library.immich.state.assets.values() if row.name == "IMG_1.CR3")
    library.immich.fail("GET", f"/assets/{first.id}/metadata", status=500, times=99)
    await library.scan()
    assert library.stacks() == [["IMG_2.JPG", "IMG_2.CR3"]]  # one that cannot be asked about stops no other
    finding = await only_waiting(library)
    assert finding.reasons[0].code is ReasonCode.NOT_LOOKED_AT
    if says_yes:
        await accept(library.context, library.owner_id, finding.id)
    else:
        await reject(library.context, library.owner_id, finding.id)
    await library.apply()
    assert (["IMG_1.JPG", "IMG_1.CR3"] in library.stacks()) is says_yes


async def test_nothing_joins_a_stack_of_which_one_is_in_the_trash(library: Library) -> None:
    raw, _ = library.shoot("IMG_1.CR3", "IMG_1.JPG")
    await library.scan()
    library.immich.trash(raw)
    library.shoot("IMG_1-Edit.tif")
    await library.scan()
    assert (await only_waiting(library)).reasons[0].code is ReasonCode.TRASHED_MEMBER
    library.immich.restore(raw)
    await library.scan()
    assert library.stacks() == [["IMG_1.JPG", "IMG_1-Edit.tif", "IMG_1.CR3"]]
