"""What the caller decides about sets of duplicates: which copies stay, or that they are none. Nothing is sent here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec

from sidecar.duplicates.merging import PartKind
from sidecar.duplicates.verdict import CONCERNS, SENTENCES, Agreement, Concern, Objection, Refusal
from sidecar.errors import StaleDecision
from sidecar.handlers.api.duplicates import MOST_LISTED, not_found, set_of
from sidecar.handlers.api.operation import Asked, Nothing, Operation
from sidecar.handlers.middleware import Refused
from sidecar.jobs.duplicates.decide import (
    BulkPreview,
    KeepRefused,
    Preview,
    keep,
    keep_identical,
    preview,
    preview_identical,
)
from sidecar.jobs.duplicates.dismissals import dismiss
from sidecar.jobs.duplicates.former import take_back_dismissal, was_there
from sidecar.jobs.duplicates.stacking import StackRefused, stack_all
from sidecar.model import AssetId, OwnerId
from sidecar.storage import originals
from sidecar.storage.duplicate_sets import StoredSet
from sidecar.storage.originals import Present
from sidecar.wiring import Services

MOST_GROUPS = 50
"""So many groups of identical files are shown; the others are counted."""

_MOST_IDS = 20_000
"""More than any body of the largest size can hold."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=36, pattern="^[0-9A-Za-z-]+$")]
Ids = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=_MOST_IDS)]
AgreementName = Literal["external", "little_to_see", "lost_albums"]

_SETTLED_BY: dict[Refusal, AgreementName] = {Refusal.EXTERNAL: "external", Refusal.SAYS_LITTLE: "little_to_see"}


class KeepAgreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the caller knows and agrees to.

    external: files of external libraries may go, which Immich deletes from their disk when it empties the trash.
    little_to_see: they have looked at featureless or similar pictures themselves. lost_albums: an album into which
    they may put nothing may lose the picture.
    """

    external: bool = False
    little_to_see: bool = False
    lost_albums: bool = False


class SetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said about a set as a whole.

    member_ids may name all members that the caller was shown: then a set that has changed meanwhile is told (409) from
    one that never was (404).
    """

    member_ids: Ids | None = None


class UndismissBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class KeepBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which members stay; all others go to the trash.

    member_ids may name all members that the caller was shown: then a set that has changed meanwhile is told (409) from
    one that never was (404).
    """

    keep_ids: Ids
    agreement: KeepAgreement = KeepAgreement()
    member_ids: Ids | None = None


class TrashBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which members go to the trash; all others stay, and at least one has to.

    member_ids may name all members that the caller was shown: then a set that has changed meanwhile is told (409) from
    one that never was (404).
    """

    asset_ids: Ids
    agreement: KeepAgreement = KeepAgreement()
    member_ids: Ids | None = None


class IdenticalQuery(msgspec.Struct, frozen=True):
    """Whether files of external libraries are meant too."""

    external: bool = False


class IdenticalBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of what was shown, and what is agreed to: `external` as it was when it was shown."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    agreement: KeepAgreement = KeepAgreement()


class ConcernedFile(msgspec.Struct, frozen=True):
    """A picture that would stay or go; name is null where people do not see it any more.

    is_member is false of whoever goes with a stack without being a copy itself.
    """

    asset_id: str
    name: str | None
    size_bytes: int | None
    is_member: bool


class KeeperGains(msgspec.Struct, frozen=True):
    """What the first picture that stays gets from those that go; rating is null where its own stays."""

    albums: list[str]
    tag_count: int
    link_count: int
    favorite: bool
    rating: int | None
    description: bool
    place: bool


class KeepObjection(msgspec.Struct, frozen=True):
    """An objection: why it is not carried out, and about whom; agreement is what would settle it, if anything does."""

    code: Refusal
    sentence: str
    asset_ids: list[str]
    agreement: AgreementName | None


class KeepCaution(msgspec.Struct, frozen=True):
    """What to know before; album_names are of the albums concerned, agreement is what it takes, if anything."""

    code: Concern
    sentence: str
    asset_ids: list[str]
    album_names: list[str]
    agreement: AgreementName | None


class KeepPreview(msgspec.Struct, frozen=True):
    """What would happen.

    freed_bytes are free once Immich empties the trash. With objections nothing would happen, and neither without the
    agreement that is needed and was not given. can_keep says that nothing stands in the way.
    """

    set_id: str
    keep: list[ConcernedFile]
    trash: list[ConcernedFile]
    gained: KeeperGains
    freed_bytes: int
    objections: list[KeepObjection]
    cautions: list[KeepCaution]
    agreement_needed: list[AgreementName]
    can_keep: bool


class RefusalCount(msgspec.Struct, frozen=True):
    """How many groups of identical files are left alone, and why."""

    code: Refusal
    sentence: str
    groups: int


class ConcernCount(msgspec.Struct, frozen=True):
    """Of how many groups of identical files this should be known before."""

    code: Concern
    sentence: str
    groups: int


class IdenticalGroup(msgspec.Struct, frozen=True):
    """A file that would stay, and those of the same bytes that would go: the first 20 of trash_count."""

    keep: ConcernedFile
    trash: list[ConcernedFile]
    trash_count: int


class IdenticalPreview(msgspec.Struct, frozen=True):
    """What keeping one of each identical file would do: the first 50 of group_count groups, and all in numbers.

    token stands for exactly this: whoever agrees hands it back. external_count is how many of the files that would go
    are of external libraries.
    """

    token: str
    set_count: int
    group_count: int
    file_count: int
    external_count: int
    freed_bytes: int
    groups: list[IdenticalGroup]
    left_alone: list[RefusalCount]
    cautions: list[ConcernCount]


class DuplicatesDecided(msgspec.Struct, frozen=True):
    """Under which id the actions tell what becomes of it."""

    action_id: str


class IdenticalDecided(msgspec.Struct, frozen=True):
    """Under which ids the actions tell what becomes of each; none if there was nothing to do."""

    action_ids: list[str]


async def previewed(asked: Asked[Nothing, KeepBody]) -> KeepPreview:
    """What keeping these and trashing the others would do; nothing is changed."""
    stored = await _set_to_decide(asked, asked.body.member_ids)
    agreement = _agreement(asked.body.agreement)
    shown = await preview(asked.jobs, asked.owner_id, stored.id, _ids(asked.body.keep_ids), agreement=agreement)
    return await _told(asked, shown, agreement)


async def kept(asked: Asked[Nothing, KeepBody]) -> DuplicatesDecided:
    """These stay, the others go to the trash."""
    stored = await _set_to_decide(asked, asked.body.member_ids)
    return await _keep(asked, stored, _ids(asked.body.keep_ids), _agreement(asked.body.agreement))


async def trashed(asked: Asked[Nothing, TrashBody]) -> DuplicatesDecided:
    """These go to the trash, the others stay."""
    stored = await _set_to_decide(asked, asked.body.member_ids)
    members = [member.asset_id for member in stored.members]
    going = set(_ids(asked.body.asset_ids))
    if not going <= set(members):
        raise _refused("not_in_set: What is to go is not in the set.")
    keep_ids = [each for each in members if each not in going]
    return await _keep(asked, stored, keep_ids, _agreement(asked.body.agreement))


async def dismissed(asked: Asked[Nothing, SetBody]) -> None:
    """The members are no duplicates of each other."""
    stored = await _set_to_decide(asked, asked.body.member_ids)
    await dismiss(asked.jobs, asked.owner_id, stored.id)


async def undismissed(asked: Asked[Nothing, UndismissBody]) -> None:
    """The members may be duplicates after all."""
    if not await take_back_dismissal(asked.jobs, asked.owner_id, asked.path["id"]):
        raise not_found()


async def stacked(asked: Asked[Nothing, SetBody]) -> DuplicatesDecided:
    """All members stay, as one stack."""
    stored = await _set_to_decide(asked, asked.body.member_ids)
    try:
        action = await stack_all(asked.jobs, asked.owner_id, stored.id)
    except StackRefused as error:
        title = "These cannot be stacked as they are now."
        raise Refused(HTTPStatus.CONFLICT, title, code=error.code, detail=str(error)) from error
    return DuplicatesDecided(action.id)


async def previewed_identical(asked: Asked[IdenticalQuery, Nothing]) -> IdenticalPreview:
    """What keeping one of each identical file would do; nothing is changed."""
    shown = await preview_identical(asked.jobs, asked.owner_id, agreement=Agreement(external=asked.query.external))
    groups = [(best, going[:MOST_LISTED], len(going)) for best, going in shown.decisions[:MOST_GROUPS]]
    concerned = {each for best, going, _ in groups for each in (best, *going)}
    files = await _files(asked.services, asked.owner_id, concerned)
    return _told_identical(
        shown,
        [
            IdenticalGroup(_file(best, files), [_file(each, files) for each in going], count)
            for best, going, count in groups
        ],
    )


async def kept_identical(asked: Asked[Nothing, IdenticalBody]) -> IdenticalDecided:
    """Of each group of identical files that was shown one stays, and the others go to the trash."""
    agreement = _agreement(asked.body.agreement)
    try:
        decided = await keep_identical(asked.jobs, asked.owner_id, confirm=asked.body.token, agreement=agreement)
    except KeepRefused as error:
        raise _refused(_sentences(error.objections)) from error
    return IdenticalDecided([each.id for each in decided])


async def _set_to_decide(asked: Asked[Any, Any], member_ids: Collection[str] | None) -> StoredSet:
    """The caller's set that the path names.

    Errors: StaleDecision if it is gone, Refused (404) if it never was theirs.
    """
    stored = await set_of(asked)
    if stored is not None:
        return stored
    async with asked.jobs.database.read() as connection:
        is_former = await was_there(connection, asked.owner_id, asked.path["id"], member_ids=_ids(member_ids or ()))
    if is_former:
        raise StaleDecision("The set has changed since it was shown: look at it again.")
    raise not_found()


async def _keep(
    asked: Asked[Any, Any], stored: StoredSet, keep_ids: Collection[AssetId], agreement: Agreement
) -> DuplicatesDecided:
    jobs, owner_id = asked.jobs, asked.owner_id
    try:
        # The resolve job would go as far as this album, and then take everything back.
        if not agreement.lost_albums:
            shown = await preview(jobs, owner_id, stored.id, keep_ids, agreement=agreement)
            refused = [each for each in shown.cautions if each.concern is Concern.ALBUM_REFUSES]
            if refused and not shown.objections:
                raise _refused(f"{Concern.ALBUM_REFUSES.value}: {refused[0].sentence}")
        decided = await keep(jobs, owner_id, stored.id, keep_ids, agreement=agreement)
    except KeepRefused as error:
        raise _refused(_sentences(error.objections)) from error
    return DuplicatesDecided(decided.id)


def _refused(detail: str) -> Refused:
    title = "This is not carried out; the detail says why."
    return Refused(HTTPStatus.CONFLICT, title, code="keep_refused", detail=detail)


def _sentences(objections: Iterable[Objection]) -> str:
    return " ".join(dict.fromkeys(f"{each.refusal.value}: {each.sentence}" for each in objections))


def _ids(ids: Iterable[str]) -> tuple[AssetId, ...]:
    return tuple(map(AssetId, ids))


def _agreement(given: KeepAgreement) -> Agreement:
    return Agreement(external=given.external, little_to_see=given.little_to_see, lost_albums=given.lost_albums)


async def _files(services: Services, owner_id: OwnerId, ids: Collection[AssetId]) -> Mapping[AssetId, Present]:
    """What people see of these; who is hidden or locked is not named."""
    async with services.database.read() as connection:
        return await originals.copies(connection, owner_id, sorted(ids))


def _file(asset_id: AssetId, files: Mapping[AssetId, Present], *, is_member: bool = True) -> ConcernedFile:
    present = files.get(asset_id)
    if present is None:
        return ConcernedFile(asset_id, None, None, is_member)
    return ConcernedFile(asset_id, present.asset.name, present.asset.size_bytes, is_member)


async def _told(asked: Asked[Any, Any], shown: Preview, agreement: Agreement) -> KeepPreview:
    verdict, gain = shown.verdict, shown.gain
    files = await _files(asked.services, asked.owner_id, {*verdict.keep, *verdict.trash})
    members = {member.asset_id for member in shown.set.members}
    given = Counter(part.kind for part in gain.parts)
    objections = [
        KeepObjection(each.refusal, each.sentence, list(each.asset_ids), _SETTLED_BY.get(each.refusal))
        for each in shown.objections
    ]
    cautions = [
        KeepCaution(
            each.concern, each.sentence, list(each.asset_ids), list(each.names), _asks_for(each.concern, agreement)
        )
        for each in shown.cautions
    ]
    asked_for = [*(each.agreement for each in objections), *(each.agreement for each in cautions)]
    needed = {each for each in asked_for if each is not None}
    return KeepPreview(
        shown.set.id,
        [_file(each, files) for each in verdict.keep],
        [_file(each, files, is_member=each in members) for each in verdict.trash],
        KeeperGains(
            albums=sorted(shown.albums.values()),
            tag_count=given[PartKind.TAG],
            link_count=given[PartKind.LINK],
            favorite=PartKind.FAVORITE in given,
            rating=gain.rating,
            description=gain.description is not None,
            place=gain.place is not None,
        ),
        verdict.freed_bytes,
        objections,
        cautions,
        sorted(needed),
        not objections and not needed,
    )


def _asks_for(concern: Concern, agreement: Agreement) -> AgreementName | None:
    """What has to be agreed to, and was not, before the resolve job goes past this."""
    return "lost_albums" if concern is Concern.ALBUM_REFUSES and not agreement.lost_albums else None


def _told_identical(shown: BulkPreview, groups: list[IdenticalGroup]) -> IdenticalPreview:
    return IdenticalPreview(
        token=shown.token,
        set_count=shown.sets,
        group_count=shown.groups,
        file_count=shown.files,
        external_count=shown.external,
        freed_bytes=shown.freed_bytes,
        groups=groups,
        left_alone=[RefusalCount(each, SENTENCES[each], count) for each, count in sorted(shown.left_alone.items())],
        cautions=[ConcernCount(each, CONCERNS[each], count) for each, count in sorted(shown.cautions.items())],
    )


_NOT_FOUND = ((HTTPStatus.NOT_FOUND, "There is no such set, or it is not the caller's."),)

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        id="previewIdenticalDuplicates",
        method="GET",
        path="/duplicates/identical",
        summary="What keeping one of each identical file would do",
        handler=previewed_identical,
        answer=IdenticalPreview,
        query=IdenticalQuery,
        tag="duplicates",
    ),
    Operation(
        id="keepIdenticalDuplicates",
        method="POST",
        path="/duplicates/identical/keep",
        summary="Keep one of each identical file, as it was shown",
        handler=kept_identical,
        answer=IdenticalDecided,
        body=IdenticalBody,
        status=HTTPStatus.ACCEPTED,
        tag="duplicates",
    ),
    Operation(
        id="previewKeepingDuplicates",
        method="POST",
        path="/duplicates/{id}/preview",
        summary="What keeping some copies of a set, and trashing the others, would do",
        handler=previewed,
        answer=KeepPreview,
        body=KeepBody,
        problems=_NOT_FOUND,
        tag="duplicates",
    ),
    Operation(
        id="keepDuplicates",
        method="POST",
        path="/duplicates/{id}/keep",
        summary="Keep some copies of a set; the others go to Immich's trash",
        handler=kept,
        answer=DuplicatesDecided,
        body=KeepBody,
        problems=_NOT_FOUND,
        status=HTTPStatus.ACCEPTED,
        tag="duplicates",
    ),
    Operation(
        id="trashDuplicateFiles",
        method="DELETE",
        path="/duplicates/{id}/files",
        summary="Send some copies of a set to Immich's trash; the others stay",
        handler=trashed,
        answer=DuplicatesDecided,
        body=TrashBody,
        problems=_NOT_FOUND,
        status=HTTPStatus.ACCEPTED,
        tag="duplicates",
    ),
    Operation(
        id="dismissDuplicates",
        method="POST",
        path="/duplicates/{id}/dismiss",
        summary="Say that the members of a set are no duplicates of each other",
        handler=dismissed,
        body=SetBody,
        problems=_NOT_FOUND,
        tag="duplicates",
    ),
    Operation(
        id="undismissDuplicates",
        method="POST",
        path="/duplicates/{id}/undismiss",
        summary="Take back that these are no duplicates; the search that follows may list them again",
        handler=undismissed,
        body=UndismissBody,
        problems=_NOT_FOUND,
        tag="duplicates",
    ),
    Operation(
        id="stackDuplicates",
        method="POST",
        path="/duplicates/{id}/stack",
        summary="Keep all members of a set, as one stack",
        handler=stacked,
        answer=DuplicatesDecided,
        body=SetBody,
        problems=_NOT_FOUND,
        status=HTTPStatus.ACCEPTED,
        tag="duplicates",
    ),
)
