"""What a page says after something was done: one of these sentences, named in the address that follows the deed."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote

from sidecar.ui.contexts.frame import Notice
from sidecar.ui.translations import Language

DONE = "done"
ACTION = "action"
LONGEST_ID = 64


class Done(StrEnum):
    """What was done."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    COVER = "cover"
    UNSTACKED = "unstacked"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SEVERAL = "several"
    TRASHING = "trashing"
    STACKING = "stacking"
    DISMISSED = "dismissed"
    LISTED_AGAIN = "listed-again"
    UNDONE = "undone"
    SAVED = "saved"
    RETRIED = "retried"
    SCANNING = "scanning"
    SEARCHING = "searching"


_UNDO = {Done.DISMISSED: "/duplicates/{}/undismiss"}
"""What is not in the journal is taken back elsewhere."""


def N_(message: str) -> str:  # noqa: N802  # the name by which texts to translate are found
    """The message as it is, marked for translation."""
    return message


_SENTENCES = {
    Done.CONNECTED: N_("The sidecar works for you now. It begins by looking through your library."),
    Done.DISCONNECTED: N_("The sidecar does not work for you any more. What is stacked stays so."),
    Done.COVER: N_("The stack gets its new cover in Immich."),
    Done.UNSTACKED: N_("The stack is taken apart in Immich, and is not made again."),
    Done.ACCEPTED: N_("These photos become a stack in Immich."),
    Done.REJECTED: N_("These photos stay apart; nobody asks about them again."),
    Done.SEVERAL: N_("Your decisions are being carried out."),
    Done.TRASHING: N_("The other copies go to Immich's trash, where they can be restored."),
    Done.STACKING: N_("All copies are kept, as one stack in Immich."),
    Done.DISMISSED: N_("These are no duplicates; they are not shown again."),
    Done.LISTED_AGAIN: N_("The next search may show them as duplicates again."),
    Done.UNDONE: N_("This is being taken back."),
    Done.SAVED: N_("Your settings are saved."),
    Done.RETRIED: N_("This is tried again."),
    Done.SCANNING: N_("The sidecar looks through your library again."),
    Done.SEARCHING: N_("The sidecar searches for duplicates again."),
}


def notice_of(done: str | None, action_id: str | None, language: Language) -> Notice | None:
    """The sentence for what an address names; None for what names nothing that we do."""
    if done is None or done not in Done.__members__.values():
        return None
    undo = None
    if action_id is not None and action_id.isascii() and 0 < len(action_id) <= LONGEST_ID:
        undo = _UNDO.get(Done(done), "/activity/{}/undo").format(quote(action_id, safe=""))
    return Notice(language.text(_SENTENCES[Done(done)]), undo)
