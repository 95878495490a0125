"""What a person decided in the apps stays decided, whatever becomes of the sidecar; what Immich did is no decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sidecar.storage import work
from tests.scenarios.life import Life

pytestmark = pytest.mark.timeout(60)

JPG, RAW, PNG, EDIT = "IMG_1.JPG", "IMG_1.NEF", "IMG_1.PNG", "IMG_1-Edit.tif"

both_versions = pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])


async def stacked(life: Life, *names: str) -> None:
    """The sidecar finds these pictures and puts them into one stack."""
    await life.app.upload(*names)
    assert await life.go_on() == ["POST /stacks"]
    assert [sorted(stack) for stack in await life.app.stacks()] == [sorted(names)]


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_what_was_taken_apart_stays_apart_for_a_hundred_scans(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.unstack(JPG)
    assert await life.go_on(100) == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == []


@both_versions
async def test_stacks_taken_apart_together_stay_apart(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.upload("IMG_2.NEF", "IMG_2.JPG", "IMG_3.NEF", "IMG_3.JPG", at_s=60)
    await life.go_on()
    await life.app.unstack_selected(JPG, "IMG_2.NEF")
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [["IMG_3.JPG", "IMG_3.NEF"]]


async def test_a_new_version_is_not_stacked_with_what_was_taken_apart(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.unstack(JPG)
    await life.go_on()
    await life.app.upload(EDIT)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_new_version_that_comes_before_the_next_scan_does_not_hide_the_decision(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.unstack(JPG)
    await life.app.upload(EDIT)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_cover_that_was_chosen_stays_also_when_the_stack_grows(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.set_cover(RAW)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[RAW, JPG]]
    await life.app.upload(EDIT)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[RAW, EDIT, JPG]]


async def test_a_cover_that_was_chosen_just_before_the_stack_grows_stays(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.set_cover(RAW)
    await life.app.upload(EDIT)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[RAW, EDIT, JPG]]


async def test_a_member_that_was_removed_stays_out_and_the_others_stay_in(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.remove_from_stack(PNG)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[JPG, RAW]]


async def test_a_new_version_joins_the_remaining_stack_without_the_removed_member(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.remove_from_stack(PNG)
    await life.go_on()
    await life.app.upload(EDIT)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[JPG, EDIT, RAW]]


async def test_a_member_removed_just_before_the_stack_grows_stays_out(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.remove_from_stack(PNG)
    await life.app.upload(EDIT)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[JPG, EDIT, RAW]]


async def test_a_former_cover_that_was_removed_stays_out(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.set_cover(RAW)
    await life.app.remove_from_stack(JPG)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[RAW, PNG]]


async def test_a_member_removed_from_a_stack_of_two_stays_out(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.remove_from_stack(RAW)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[JPG]]


async def test_what_was_taken_apart_while_a_member_was_in_the_trash_stays_apart_from_it_too(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.trash(RAW)
    assert await life.go_on() == []
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    await life.app.restore(RAW)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_stack_taken_apart_of_which_a_member_is_then_deleted_stays_apart(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.unstack(JPG)
    await life.app.delete_for_good(PNG)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_our_stack_put_together_otherwise_by_hand_stays_so(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.unstack(JPG)
    await life.app.stack(RAW, PNG)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[RAW, PNG]]


async def test_what_was_taken_apart_and_stacked_again_by_hand_stays_stacked_until_it_is_taken_apart(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.unstack(JPG)
    await life.go_on()
    await life.app.stack(RAW, JPG)
    assert await life.go_on() == []
    assert await life.app.stacks() == [[RAW, JPG]]
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == []


async def test_our_stacks_that_were_merged_by_hand_stay_merged(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.upload("IMG_2.NEF", "IMG_2.JPG", at_s=60)
    await life.go_on()
    await life.app.stack(JPG, "IMG_2.JPG")
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[JPG, RAW, "IMG_2.JPG", "IMG_2.NEF"]]


@pytest.mark.parametrize(
    "partners",
    [pytest.param((), id="and no versions"), pytest.param((RAW, PNG), id="and versions of one outside")],
)
async def test_a_stack_of_unrelated_pictures_made_by_hand_is_never_touched(
    life: Life, partners: tuple[str, ...]
) -> None:
    await life.app.upload(JPG)
    await life.app.upload("DOG.JPG", at_s=600)
    await life.app.stack("DOG.JPG", JPG)
    assert await life.go_on() == []
    await life.app.upload(*partners)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [["DOG.JPG", JPG]]


@both_versions
async def test_a_match_stacked_by_hand_is_left_and_stays_apart_once_it_is_taken_apart(life: Life) -> None:
    await life.app.upload(RAW, JPG)
    await life.app.stack(RAW, JPG)
    assert await life.go_on() == []
    assert await life.app.stacks() == [[RAW, JPG]]
    await life.app.unstack(RAW)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == []


async def test_a_match_taken_apart_by_hand_also_stays_apart_from_what_comes_later(life: Life) -> None:
    await life.app.upload(RAW, JPG)
    await life.app.stack(RAW, JPG)
    await life.go_on()
    await life.app.unstack(RAW)
    await life.go_on()
    await life.app.upload(EDIT)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_match_inside_a_larger_stack_made_by_hand_stays_apart_once_it_is_taken_apart(life: Life) -> None:
    await life.app.upload(RAW, JPG)
    await life.app.upload("DOG.JPG", at_s=600)
    await life.app.stack("DOG.JPG", JPG, RAW)
    assert await life.go_on() == []
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_member_removed_from_a_stack_made_by_hand_stays_out(life: Life) -> None:
    await life.app.upload(RAW, JPG, PNG)
    await life.app.stack(JPG, RAW, PNG)
    await life.go_on()
    await life.app.remove_from_stack(PNG)
    assert await life.go_on() == []
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


@both_versions
async def test_stacks_made_by_hand_over_parts_of_a_match_are_not_merged(life: Life) -> None:
    await life.app.upload(RAW, JPG, PNG, EDIT)
    await life.app.stack(JPG, PNG)
    await life.app.stack(RAW, EDIT)
    assert await life.go_on() == []
    assert await life.app.stacks() == [[JPG, PNG], [RAW, EDIT]]
    await life.app.unstack(RAW)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[JPG, PNG]]


@both_versions
@pytest.mark.parametrize("lost", [pytest.param(JPG, id="its cover"), pytest.param(RAW, id="not its cover")])
async def test_a_partner_that_was_deleted_and_uploaded_again_is_stacked_again(life: Life, lost: str) -> None:
    await stacked(life, RAW, JPG)
    await life.app.delete_for_good(lost)
    assert await life.go_on() == []
    await life.app.upload(lost)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[JPG, RAW]]


async def test_a_partner_that_left_by_way_of_the_trash_and_was_uploaded_again_is_stacked_again(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.trash(JPG)
    assert await life.go_on() == []
    await life.app.delete_for_good(JPG)
    assert await life.go_on() == []
    await life.app.upload(JPG)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[JPG, RAW]]


@both_versions
@pytest.mark.parametrize("lost", [pytest.param(JPG, id="its cover"), pytest.param(PNG, id="not its cover")])
async def test_a_stack_that_outlived_a_member_takes_it_back(life: Life, lost: str) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.delete_for_good(lost)
    assert await life.go_on() == []
    assert [sorted(stack) for stack in await life.app.stacks()] == [sorted({RAW, JPG, PNG} - {lost})]
    await life.app.upload(lost)
    assert await life.go_on() == ["POST /stacks"]
    assert [sorted(stack) for stack in await life.app.stacks()] == [sorted((RAW, JPG, PNG))]


@both_versions
async def test_a_partner_replaced_between_two_scans_is_stacked_again(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.delete_for_good(JPG)
    await life.app.upload(JPG)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[JPG, RAW]]


@both_versions
@pytest.mark.parametrize(
    "lost",
    [pytest.param((JPG,), id="the cover"), pytest.param((RAW,), id="another"), pytest.param((JPG, RAW), id="all")],
)
async def test_a_stack_is_as_before_when_its_members_come_back_from_the_trash(
    life: Life, lost: tuple[str, ...]
) -> None:
    await stacked(life, RAW, JPG)
    await life.app.trash(*lost)
    assert await life.go_on() == []
    await life.app.restore(*lost)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == [[JPG, RAW]]


@both_versions
@pytest.mark.parametrize(
    ("lost", "left"),
    [pytest.param(JPG, [PNG, RAW], id="its cover"), pytest.param(PNG, [JPG, RAW], id="not its cover")],
)
async def test_archived_members_whose_stack_ended_with_a_deletion_are_stacked_again(
    life: Life, lost: str, left: list[str]
) -> None:
    # Immich counts the members on the timeline only: with a third one deleted it dissolves a stack of two archived ones
    # (3.1.0 whichever it was, 2.7.5 if it was the cover).
    await stacked(life, RAW, JPG, PNG)
    await life.app.archive(RAW, JPG, PNG)
    assert await life.go_on() == []
    await life.app.delete_for_good(lost)
    await life.go_on()
    assert await life.app.stacks() == [left]


async def test_archived_members_taken_apart_by_hand_stay_apart(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.archive(RAW, JPG, PNG)
    await life.go_on()
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    await life.app.unarchive(RAW, JPG, PNG)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def favourite(life: Life) -> None:
    await life.app.favourite(JPG)


async def archive_the_cover(life: Life) -> None:
    await life.app.archive(JPG)
    assert await life.go_on() == []
    await life.app.unarchive(JPG)


async def archive_all(life: Life) -> None:
    await life.app.archive(JPG, RAW)
    assert await life.go_on() == []
    await life.app.unarchive(JPG, RAW)


@pytest.mark.parametrize("act", [favourite, archive_the_cover, archive_all])
async def test_everyday_acts_are_no_decisions_about_stacks(life: Life, act: Callable[[Life], Awaitable[None]]) -> None:
    await stacked(life, RAW, JPG)
    before = await life.memory()
    await act(life)
    assert await life.go_on() == []
    assert await life.app.stacks() == [[JPG, RAW]]
    assert await life.memory() == before


async def leave_it(_life: Life) -> None:
    """The stack is as the sidecar made it."""


async def take_it_apart(life: Life) -> None:
    await life.app.unstack(JPG)


async def choose_a_cover(life: Life) -> None:
    await life.app.set_cover(PNG)


async def remove_one(life: Life) -> None:
    await life.app.remove_from_stack(PNG)


@pytest.mark.parametrize("act", [leave_it, take_it_apart, choose_a_cover, remove_one])
async def test_work_that_is_done_again_and_again_writes_and_learns_nothing(
    life: Life, act: Callable[[Life], Awaitable[None]]
) -> None:
    await stacked(life, RAW, JPG, PNG)
    await act(life)
    await life.go_on()
    shown, known, library = await life.app.stacks(), await life.memory(), life.library
    written = library.writes()
    for _ in range(10):
        async with library.context.database.write() as connection:
            await work.mark(connection, library.owner_id, {"img_1"})
        await library.pair()
        await library.apply()
    assert library.writes() == written
    assert await life.memory() == known
    assert await life.app.stacks() == shown


@dataclass(frozen=True)
class Decided:
    """Something that a person did about the versions of one picture, and what Immich then shows for ever."""

    act: Callable[[Life], Awaitable[None]]
    shows: list[list[str]]


DECIDED = (
    pytest.param(Decided(take_it_apart, []), id="taken apart"),
    pytest.param(Decided(remove_one, [[JPG, RAW]]), id="a member removed"),
    pytest.param(Decided(choose_a_cover, [[PNG, JPG, RAW]]), id="a cover chosen"),
)


async def from_before_it_was_stacked(life: Life, decided: Decided) -> Path:
    await life.app.upload(JPG)
    await life.go_on()
    copy = life.back_up()
    await life.app.upload(RAW, PNG)
    await life.go_on()
    await decided.act(life)
    return copy


async def from_when_it_was_planned(life: Life, decided: Decided) -> Path:
    await life.app.upload(RAW, JPG, PNG)
    await life.library.sync()
    await life.library.pair()
    copy = life.back_up()
    await life.go_on()
    await decided.act(life)
    return copy


async def from_when_its_growth_was_planned(life: Life, decided: Decided) -> Path:
    await stacked(life, RAW, JPG)
    await life.app.upload(PNG)
    await life.library.sync()
    await life.library.pair()
    copy = life.back_up()
    await life.go_on()
    await decided.act(life)
    return copy


async def from_after_it_was_stacked(life: Life, decided: Decided) -> Path:
    await stacked(life, RAW, JPG, PNG)
    copy = life.back_up()
    await decided.act(life)
    return copy


async def from_after_the_decision(life: Life, decided: Decided) -> Path:
    await stacked(life, RAW, JPG, PNG)
    await decided.act(life)
    await life.go_on()
    return life.back_up()


async def nothing_left(life: Life, decided: Decided) -> None:
    await stacked(life, RAW, JPG, PNG)
    await decided.act(life)


@pytest.mark.parametrize("decided", DECIDED)
@pytest.mark.parametrize(
    "saved",
    [
        from_before_it_was_stacked,
        from_when_it_was_planned,
        from_when_its_growth_was_planned,
        from_after_it_was_stacked,
        from_after_the_decision,
        nothing_left,
    ],
)
async def test_a_decision_outlives_the_database(
    life: Life, decided: Decided, saved: Callable[[Life, Decided], Awaitable[Path | None]]
) -> None:
    copy = await saved(life, decided)
    assert await life.go_on() == []
    assert await life.app.stacks() == decided.shows
    await life.put_back(copy)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on(1) == []
    assert await life.app.stacks() == decided.shows


@both_versions
async def test_what_was_taken_apart_before_the_database_was_lost_is_not_stacked_with_a_new_version(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.unstack(JPG)
    await life.go_on()
    await life.put_back(None)
    await life.app.upload(EDIT)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


@pytest.mark.parametrize("decided", DECIDED[1:])
async def test_a_new_version_undoes_no_decision_that_only_immich_remembers(life: Life, decided: Decided) -> None:
    await nothing_left(life, decided)
    await life.go_on()
    await life.put_back(None)
    await life.app.upload(EDIT)
    await life.go_on()
    # Whether the new one may join a stack that we no longer know as ours is not the question here.
    [[cover, *others]] = await life.app.stacks()
    [[chosen, *kept]] = decided.shows
    assert cover == chosen
    assert sorted({*others} - {EDIT}) == sorted(kept)


@pytest.mark.parametrize("seen", [pytest.param(True, id="an older one"), pytest.param(False, id="none")])
async def test_a_stack_made_and_taken_apart_by_hand_stays_apart_with_another_database(
    life: Life, *, seen: bool
) -> None:
    await life.app.upload(RAW, JPG)
    await life.app.stack(RAW, JPG)
    await life.go_on()
    copy = life.back_up() if seen else None
    await life.app.unstack(RAW)
    await life.go_on()
    await life.put_back(copy)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_lost_database_costs_no_stack_and_new_versions_are_still_stacked(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.put_back(None)
    assert await life.go_on() == []
    assert await life.app.stacks() == [[JPG, RAW]]
    await life.app.upload("IMG_2.NEF", "IMG_2.JPG", at_s=60)
    assert await life.go_on() == ["POST /stacks"]
    assert await life.app.stacks() == [[JPG, RAW], ["IMG_2.JPG", "IMG_2.NEF"]]


async def test_what_others_stacked_while_the_sidecar_was_away_is_theirs(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.stop()
    await life.app.unstack(JPG)
    await life.app.upload(PNG, EDIT)
    await life.app.stack(EDIT, PNG)
    await life.start()
    assert await life.go_on() == []
    assert await life.app.stacks() == [[EDIT, PNG]]


@both_versions
@pytest.mark.parametrize("again", [pytest.param((RAW,), id="one"), pytest.param((RAW, JPG), id="both")])
async def test_what_was_taken_apart_stays_apart_when_it_is_deleted_and_uploaded_anew(
    life: Life, again: tuple[str, ...]
) -> None:
    await stacked(life, RAW, JPG)
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    await life.app.delete_for_good(*again)
    assert await life.go_on() == []
    await life.app.upload(*again)
    assert await life.go_on() == []
    await life.mark_everything()
    assert await life.go_on() == []
    # Under its new id too, Immich holds it for the day on which our database is lost.
    await life.put_back(None)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_file_uploaded_anew_is_known_by_its_partner_after_the_database_was_lost(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    await life.app.delete_for_good(JPG)
    await life.app.upload(JPG)
    await life.put_back(None)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_stack_taken_apart_of_which_all_but_one_went_to_the_trash_stays_apart(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.unstack(JPG)
    await life.app.trash(RAW, PNG)
    assert await life.go_on() == []
    await life.put_back(None)
    await life.app.restore(RAW, PNG)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_member_in_the_trash_is_no_reason_to_forget_its_stack_while_others_join(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.app.trash(RAW)
    assert await life.go_on() == []
    await life.app.upload(EDIT)
    await life.go_on()
    await life.app.restore(RAW)
    await life.go_on()
    [[cover, *others]] = await life.app.stacks()
    assert cover == JPG
    assert sorted(others) == sorted({RAW, EDIT})


@both_versions
async def test_a_stack_of_the_archive_that_lost_a_member_long_ago_and_is_taken_apart_stays_apart(life: Life) -> None:
    await stacked(life, RAW, JPG, PNG)
    await life.app.delete_for_good(PNG)
    assert await life.go_on() == []
    await life.app.archive(RAW, JPG)
    assert await life.go_on() == []
    await life.app.unstack(JPG)
    assert await life.go_on() == []
    assert await life.app.stacks() == []


async def test_a_cover_chosen_after_the_database_was_lost_is_remembered_too(life: Life) -> None:
    await stacked(life, RAW, JPG)
    await life.put_back(None)
    assert await life.go_on() == []
    await life.app.set_cover(RAW)
    assert await life.go_on() == []
    assert (await life.memory())["decisions"] == 2  # one, about two pictures
