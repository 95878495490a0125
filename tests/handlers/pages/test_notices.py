from __future__ import annotations

import pytest

from sidecar.handlers.pages.notices import Done, notice_of
from sidecar.ui.translations import language_for
from tests.handlers.conftest import BASE, Person

ENGLISH, GERMAN = language_for("en"), language_for("de")
ACTION = "0b6c2d1e-1111-4222-8333-444455556666"


@pytest.mark.parametrize("done", Done)
def test_what_was_done_is_told_in_both_languages(done: Done) -> None:
    english, german = notice_of(done, None, ENGLISH), notice_of(done, None, GERMAN)
    assert english is not None
    assert german is not None
    assert english.text != german.text
    assert (english.undo, german.undo) == (None, None)


@pytest.mark.parametrize("done", [None, "", "everything", "CONNECTED", "<b>", "trashing\0"])
def test_what_nobody_does_is_not_told(done: str | None) -> None:
    assert notice_of(done, ACTION, ENGLISH) is None


def test_it_offers_to_take_back_what_can_be() -> None:
    told = notice_of(Done.TRASHING, ACTION, ENGLISH)
    assert told is not None
    assert told.undo == f"/activity/{ACTION}/undo"
    told = notice_of(Done.DISMISSED, "5f" * 6, ENGLISH)
    assert told is not None
    assert told.undo == f"/duplicates/{'5f' * 6}/undismiss"


@pytest.mark.parametrize("action_id", ["", "x" * 65, "\u00e4", "\ud800"])
def test_what_can_be_no_id_is_not_offered(action_id: str) -> None:
    told = notice_of(Done.TRASHING, action_id, ENGLISH)
    assert told is not None
    assert told.undo is None


async def test_no_address_makes_a_button_that_leads_elsewhere(ann: Person) -> None:
    page = await ann.browse("/photos?done=trashing&action=../../connect%3Fx%22%3E%3Cb%3E")
    form, _ = page.button("Undo")
    assert form.action == f"{BASE}/activity/..%2F..%2Fconnect%3Fx%22%3E%3Cb%3E/undo"
    assert (await ann.press(page, "Undo")).status == 404
