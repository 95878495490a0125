from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ContractBroken
from sidecar.immich_client._generated import calls, models
from sidecar.immich_client.details import Details, SharedLink, Tag
from sidecar.immich_client.mapping import (
    AssetPage,
    BrokenAsset,
    as_json,
    duration_ms,
    moment_of,
    to_album,
    to_asset,
    to_details,
    to_ids,
    to_memo,
    to_memos,
    to_page,
    to_primary_ids,
    to_shared_link,
    to_stack,
    to_user,
    to_version,
)
from sidecar.model import (
    Asset,
    AssetId,
    AssetKind,
    Original,
    OwnerId,
    ServerVersion,
    Stack,
    StackId,
    User,
    Visibility,
)
from tests.immich_client.wire import ASSET_ID, OTHER_ID, OWNER_ID, STACK_ID, Json, wire_asset, wire_page, wire_stack

MORNING_MS = 1_714_550_400_120
"""2024-05-01T08:00:00.120Z."""
HOUR_MS = 3_600_000

_FLAT = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    _FLAT | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def mapped(**changes: Any) -> Asset:
    return to_asset(msgspec.json.decode(msgspec.json.encode(wire_asset(**changes)), type=models.Asset))


def page(*items: object, next_page: str | None = None) -> AssetPage:
    text = msgspec.json.encode(wire_page(*items, next_page=next_page))
    return to_page(msgspec.json.decode(text, type=models.SearchAnswer))


def test_an_asset_is_mapped_field_by_field() -> None:
    assert mapped() == Asset(
        id=AssetId(ASSET_ID),
        owner_id=OwnerId(OWNER_ID),
        name="IMG_0001.JPG",
        folder=None,
        kind=AssetKind.IMAGE,
        visibility=Visibility.TIMELINE,
        taken_at_ms=MORNING_MS,
        taken_local_ms=MORNING_MS + 2 * HOUR_MS,
        make="Canon",
        model="EOS R5",
        duration_ms=None,
        width=900,
        height=600,
        size_bytes=39410,
        live_photo_video_id=None,
        is_trashed=False,
        is_offline=False,
        is_extracted=True,
        updated_at_ms=1_795_354_960_913,
    )


def test_the_file_behind_an_asset_is_mapped_field_by_field() -> None:
    assert mapped().original == Original(
        path=f"/data/upload/{OWNER_ID}/c8/61/c861f9c8.JPG",
        library_id=None,
        checksum="2ADTX4AY2txiVw0o54FMTp0E3iU=",
        modified_at_ms=1_714_550_400_000,
        thumbhash="4BcCFYSGrKSDqaWNelZwlq4iAJX1",
        is_favorite=False,
        duplicate_id=None,
    )
    changed = mapped(
        libraryId=OTHER_ID,
        originalPath="/mnt/A.JPG",
        thumbhash=None,
        isFavorite=True,
        duplicateId=STACK_ID,
        fileModifiedAt="1969-12-31T23:59:59.999Z",
    ).original
    assert changed is not None
    assert (changed.path, changed.library_id, changed.content_sha1) == ("/mnt/A.JPG", OTHER_ID, None)
    assert (changed.thumbhash, changed.modified_at_ms) == (None, -1)
    assert (changed.is_favorite, changed.duplicate_id) == (True, STACK_ID)


def detailed(*, exif: Json | None = None, **changes: object) -> Details:
    text = msgspec.json.encode(wire_asset(exif=exif, **changes))
    return to_details(msgspec.json.decode(text, type=models.Asset))


def test_what_a_user_said_about_an_asset_is_mapped() -> None:
    exif: Json = {"rating": 4, "description": "the sea", "latitude": -1.5, "longitude": 0.0}
    tags = [{"id": OTHER_ID, "name": "sea", "value": "holiday/sea"}]
    details = detailed(exif=exif, isFavorite=True, isTrashed=True, visibility="archive", tags=tags)
    assert (details.rating, details.description, details.latitude, details.longitude) == (4, "the sea", -1.5, 0.0)
    assert details.tags == (Tag(OTHER_ID, "holiday/sea"),)
    assert details.tag_ids == frozenset({OTHER_ID})
    assert (details.is_favorite, details.is_trashed, details.visibility) == (True, True, Visibility.ARCHIVE)
    assert details.asset == mapped(isTrashed=True, visibility="archive")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"exifInfo": None}, (None, "", None, None), id="no exif"),
        pytest.param({"exif": {"rating": None, "description": None}}, (None, "", None, None), id="nulls"),
        pytest.param({"exif": {"rating": 0}}, (None, "", None, None), id="nought stars of 2.5"),
        pytest.param({"exif": {"rating": -1}}, (-1, "", None, None), id="rejected"),
        pytest.param({"exif": {"latitude": 1.0}}, (None, "", None, None), id="half a place"),
        pytest.param({"exif": {"longitude": 1.0}}, (None, "", None, None), id="the other half"),
    ],
)
def test_details_that_nobody_gave_are_none(changes: Json, expected: tuple[object, ...]) -> None:
    details = detailed(**changes, tags=None)
    assert (details.rating, details.description, details.latitude, details.longitude) == expected
    assert details.tags == ()


def wire_album(**changes: object) -> models.Album:
    fields: Json = {"albumName": "Trip", "id": STACK_ID, "albumUsers": [], "assetCount": 2}
    fields |= {"shared": False, "hasSharedLink": False, **changes}
    return msgspec.json.decode(msgspec.json.encode(fields), type=models.Album)


def album_user(user_id: str, role: str) -> Json:
    return {"user": {"id": user_id, "name": "Ann"}, "role": role}


@pytest.mark.parametrize(
    ("changes", "linked", "is_shared", "has_link", "writers"),
    [
        pytest.param({"ownerId": OWNER_ID}, (), False, False, {OWNER_ID}, id="one's own in 2.x"),
        pytest.param(
            {"albumUsers": [album_user(OWNER_ID, "owner")]}, (), False, False, {OWNER_ID}, id="one's own in 3.x"
        ),
        pytest.param(
            {"ownerId": OWNER_ID, "albumUsers": [album_user(OTHER_ID, "editor")], "shared": True},
            (),
            True,
            False,
            {OWNER_ID, OTHER_ID},
            id="with an editor in 2.x",
        ),
        pytest.param(
            {"albumUsers": [album_user(OTHER_ID, "viewer"), album_user(OWNER_ID, "owner")], "shared": True},
            (),
            True,
            False,
            {OWNER_ID},
            id="with a viewer in 3.x",
        ),
        pytest.param({"ownerId": OWNER_ID, "hasSharedLink": True}, (), True, True, {OWNER_ID}, id="a link told"),
        pytest.param({"ownerId": OWNER_ID}, (STACK_ID,), True, True, {OWNER_ID}, id="a link known besides"),
        pytest.param({"ownerId": OWNER_ID}, (OTHER_ID,), False, False, {OWNER_ID}, id="another album's link"),
    ],
)
def test_an_album_knows_who_sees_it_and_who_may_write_in_it(
    changes: Json, linked: tuple[str, ...], *, is_shared: bool, has_link: bool, writers: set[str]
) -> None:
    album = to_album(wire_album(**changes), linked_ids=linked)
    assert (album.id, album.name, album.owner_id, album.asset_count) == (STACK_ID, "Trip", OWNER_ID, 2)
    assert (album.is_shared, album.has_link) == (is_shared, has_link)
    assert sorted(album.writer_ids) == sorted(writers)


def test_an_album_that_nobody_owns_breaks_the_contract() -> None:
    with pytest.raises(ContractBroken, match="no owner"):
        to_album(wire_album(albumUsers=[album_user(OTHER_ID, "editor")]))


def test_a_link_is_to_assets_or_to_an_album() -> None:
    assets = [{"id": ASSET_ID}, {"id": OTHER_ID}]
    wire: Json = {"id": STACK_ID, "type": "INDIVIDUAL", "assets": assets}
    link = to_shared_link(msgspec.convert(wire, models.SharedLink))
    assert link == SharedLink(STACK_ID, frozenset({AssetId(ASSET_ID), AssetId(OTHER_ID)}), None)
    wire |= {"type": "ALBUM", "album": {"id": OWNER_ID}}
    assert to_shared_link(msgspec.convert(wire, models.SharedLink)) == SharedLink(STACK_ID, frozenset(), OWNER_ID)


def test_only_the_ids_of_a_page_are_read_where_only_they_matter() -> None:
    text = msgspec.json.encode(wire_page({"id": ASSET_ID, "type": 5}, {"id": OTHER_ID}, next_page="7"))
    answer = msgspec.json.decode(text, type=models.SearchAnswer)
    assert to_ids(answer) == (frozenset({AssetId(ASSET_ID), AssetId(OTHER_ID)}), 7)
    nameless = msgspec.json.decode(msgspec.json.encode(wire_page({"type": "IMAGE"})), type=models.SearchAnswer)
    with pytest.raises(ContractBroken, match="without an id"):
        to_ids(nameless)


@pytest.mark.parametrize(
    ("moment", "instant_ms"),
    [
        pytest.param("2024-05-01T10:00:00.120Z", MORNING_MS + 2 * HOUR_MS, id="search"),
        pytest.param("2024-05-01T10:00:00.12+00:00", MORNING_MS + 2 * HOUR_MS, id="stacks"),
        pytest.param("2024-05-01T10:00:00.12+02:00", MORNING_MS, id="with an offset"),
        pytest.param("2024-05-01T10:00:00.120999Z", MORNING_MS + 2 * HOUR_MS, id="microseconds"),
        pytest.param("1969-12-31T23:59:59.999Z", -1, id="before 1970"),
        pytest.param("1969-12-31T23:59:59.9999Z", -1, id="microseconds before 1970"),
        pytest.param("0001-01-01T00:00:00Z", -62_135_596_800_000, id="the first year"),
        pytest.param("0001-01-01T00:00:00+14:00", -62_135_647_200_000, id="before the first year"),
        pytest.param("9999-12-31T23:59:59.999-12:00", 253_402_343_999_999, id="after the last year"),
    ],
)
def test_times_become_milliseconds_whatever_their_spelling(moment: str, instant_ms: int) -> None:
    asset = mapped(fileCreatedAt=moment, localDateTime=moment, updatedAt=moment)
    assert (asset.taken_at_ms, asset.taken_local_ms, asset.updated_at_ms) == (instant_ms,) * 3


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_survives_the_way_there_and_back(instant: datetime) -> None:
    to_the_ms = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert moment_of(mapped(fileCreatedAt=instant.isoformat()).taken_at_ms) == to_the_ms


@pytest.mark.parametrize(
    ("wire", "expected_ms"),
    [
        pytest.param("0:00:12.340000", 12_340, id="2.x"),
        pytest.param("0:00:12.3", 12_300, id="one digit"),
        pytest.param("0:00:12.3456789", 12_345, id="seven digits"),
        pytest.param("123:59:59", 446_399_000, id="long"),
        pytest.param("0:00:00.00000", None, id="zero as 2.x writes it for pictures"),
        pytest.param("0:00:00.0004", None, id="less than a millisecond"),
        pytest.param("", None, id="nothing"),
        pytest.param(None, None, id="null"),
        pytest.param(0, None, id="zero"),
        pytest.param(12_340, 12_340, id="3.x"),
    ],
)
def test_durations_of_both_versions_become_milliseconds(wire: int | str | None, expected_ms: int | None) -> None:
    assert duration_ms(wire) == expected_ms


@pytest.mark.parametrize("wire", ["12.34", "0:0:1", "-1:00:00", "nan", "inf:00:00", "0:00:1e9", "٣:00:00", "9" * 5000])
def test_a_duration_that_is_none_is_refused(wire: str) -> None:
    with pytest.raises(ContractBroken, match="duration"):
        duration_ms(wire)


@pytest.mark.parametrize(
    ("library_id", "path", "folder"),
    [
        pytest.param(STACK_ID, "/mnt/photos/2024/Mai/IMG_1.CR2", "/mnt/photos/2024/Mai", id="library"),
        pytest.param(STACK_ID, "/IMG_1.CR2", "/", id="library at the root"),
        pytest.param(None, "/data/upload/x/IMG_1.CR2", None, id="upload"),
    ],
)
def test_only_a_library_has_folders(library_id: str | None, path: str, folder: str | None) -> None:
    assert mapped(libraryId=library_id, originalPath=path).folder == folder


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"exifInfo": None}, (None, None, None, 900, 600, False), id="no exif"),
        pytest.param({"exif": {"modifyDate": None}}, ("Canon", "EOS R5", 39410, 900, 600, False), id="not extracted"),
        pytest.param(
            {"exif": {"modifyDate": "+010000-01-01"}}, ("Canon", "EOS R5", 39410, 900, 600, True), id="odd date"
        ),
        pytest.param(
            {"exif": {"make": "  NIKON CORPORATION ", "model": " "}},
            ("NIKON CORPORATION", None, 39410, 900, 600, True),
            id="blanks",
        ),
        pytest.param(
            {"width": None, "height": None}, ("Canon", "EOS R5", 39410, 900, 600, True), id="size only in exif"
        ),
        pytest.param({"width": 600.0, "height": 900.0}, ("Canon", "EOS R5", 39410, 600, 900, True), id="size as shown"),
        pytest.param(
            {
                "width": None,
                "height": 0,
                "exif": {"exifImageWidth": None, "exifImageHeight": 0, "fileSizeInByte": None},
            },
            ("Canon", "EOS R5", None, None, None, True),
            id="size unknown",
        ),
    ],
)
def test_what_extraction_fills_may_be_missing(changes: Json, expected: tuple[object, ...]) -> None:
    asset = mapped(**changes)
    found = (asset.make, asset.model, asset.size_bytes, asset.width, asset.height, asset.is_extracted)
    assert found == expected


def test_an_asset_without_optional_fields_is_mapped() -> None:
    wire = wire_asset()
    for field in ("exifInfo", "libraryId", "livePhotoVideoId"):
        del wire[field]
    asset = to_asset(msgspec.json.decode(msgspec.json.encode(wire), type=models.Asset))
    assert (asset.folder, asset.make, asset.live_photo_video_id, asset.is_extracted) == (None, None, None, False)


def test_the_clip_of_a_live_photo_is_known() -> None:
    assert mapped(livePhotoVideoId=OTHER_ID).live_photo_video_id == OTHER_ID


def test_states_are_kept() -> None:
    asset = mapped(isTrashed=True, isOffline=True, visibility="archive", type="VIDEO", duration=1500)
    assert (asset.is_trashed, asset.is_offline, asset.visibility) == (True, True, Visibility.ARCHIVE)
    assert (asset.kind, asset.duration_ms) == (AssetKind.VIDEO, 1500)


def test_an_unknown_kind_is_nothing_that_we_pair() -> None:
    assert mapped(type="HOLOGRAM").kind is AssetKind.OTHER


def test_words_that_repeat_are_held_once() -> None:
    first, second = (mapped(libraryId=STACK_ID, originalPath=f"/mnt/a/{n}.CR2") for n in (1, 2))
    assert first.owner_id is second.owner_id
    assert first.folder is second.folder
    assert first.make is second.make
    assert first.model is second.model


def test_a_page_keeps_immichs_order_and_names_the_next() -> None:
    found = page(wire_asset(), wire_asset(id=OTHER_ID), next_page="3")
    assert [asset.id for asset in found.assets] == [ASSET_ID, OTHER_ID]
    assert found.next_page == 3
    assert found.broken == ()


def test_a_page_may_be_empty() -> None:
    assert page() == AssetPage(assets=(), broken=(), next_page=None)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        pytest.param(wire_asset(fileCreatedAt="yesterday"), "$.fileCreatedAt", id="no time"),
        pytest.param(wire_asset(fileCreatedAt="+010000-01-01T00:00:00.000Z"), "$.fileCreatedAt", id="year 10000"),
        pytest.param(wire_asset(localDateTime="2024-05-01T10:00:00"), "$.localDateTime", id="time without offset"),
        pytest.param(wire_asset(visibility="secret"), "visibility", id="unknown visibility"),
        pytest.param(wire_asset(duration="long"), "duration", id="no duration"),
        pytest.param(wire_asset(originalFileName=None), "$.originalFileName", id="no name"),
        pytest.param({"id": ASSET_ID}, "`ownerId`", id="only an id"),
    ],
)
def test_a_broken_asset_is_reported_and_costs_no_other(item: object, reason: str) -> None:
    found = page(item, wire_asset(id=OTHER_ID))
    assert [asset.id for asset in found.assets] == [OTHER_ID]
    (broken,) = found.broken
    assert broken.id == ASSET_ID
    assert reason in broken.reason


@pytest.mark.parametrize("item", [{}, {"id": 7}, [], None, "... 2 more"])
def test_an_asset_without_a_readable_id_is_reported_all_the_same(item: object) -> None:
    (broken,) = page(item).broken
    assert broken.id is None
    assert broken.reason


def test_a_name_that_is_no_text_breaks_one_asset_only() -> None:
    text = msgspec.json.encode(wire_page(wire_asset(), wire_asset(id=OTHER_ID)))
    found = to_page(msgspec.json.decode(text.replace(b"IMG_0001", b"\xff", 1), type=models.SearchAnswer))
    assert [asset.id for asset in found.assets] == [OTHER_ID]
    assert [broken.id for broken in found.broken] == [ASSET_ID]


@pytest.mark.parametrize(
    "name", ["", "Ünïcödé 写真.jpg", "no extension", "a" * 255, "line\nbreak.jpg", "👩‍👩‍👧.HEIC", "nul\x00.jpg"]
)
def test_odd_names_pass_unchanged(name: str) -> None:
    assert mapped(originalFileName=name).name == name


@pytest.mark.parametrize("next_page", ["", "next", "-1", "٣", "2.0"])
def test_a_next_page_that_is_no_number_breaks_the_contract(next_page: str) -> None:
    with pytest.raises(ContractBroken, match="next page"):
        page(next_page=next_page)


def test_broken_assets_say_what_is_broken() -> None:
    (broken,) = page(wire_asset(updatedAt=5)).broken
    assert broken == BrokenAsset(AssetId(ASSET_ID), "Expected `datetime`, got `int` - at `$.updatedAt`")


def test_a_stack_lists_its_members_sorted_and_once() -> None:
    wire = msgspec.json.decode(msgspec.json.encode(wire_stack(OTHER_ID, ASSET_ID, OTHER_ID)), type=models.Stack)
    assert to_stack(wire) == Stack(StackId(STACK_ID), AssetId(ASSET_ID), (AssetId(ASSET_ID), AssetId(OTHER_ID)))


def test_a_stack_may_hide_its_primary() -> None:
    wire = msgspec.json.decode(msgspec.json.encode(wire_stack(OTHER_ID)), type=models.Stack)
    assert to_stack(wire).member_ids == (OTHER_ID,)


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        pytest.param([["s", "2"], None, ["t", "3"]], ("a", "c"), id="primaries and others"),
        pytest.param([None, None, None], (), id="no stack"),
        pytest.param(None, (), id="no column"),
    ],
)
def test_a_timeline_bucket_shows_the_primaries(stack: list[list[str] | None] | None, expected: tuple[str, ...]) -> None:
    assert to_primary_ids(models.TimeBucketAssets(id=["a", "b", "c"], stack=stack)) == expected


def test_columns_of_different_lengths_break_the_contract() -> None:
    with pytest.raises(ContractBroken, match="columns of different lengths"):
        to_primary_ids(models.TimeBucketAssets(id=["a"], stack=[]))


def test_users_and_versions_are_mapped() -> None:
    assert to_user(models.User(id=OWNER_ID, name="Ann", is_admin=True)) == User(OwnerId(OWNER_ID), "Ann", is_admin=True)
    assert to_version(models.ServerVersion(major=3, minor=1, patch=0)) == ServerVersion(3, 1, 0)


def test_a_full_page_costs_little() -> None:
    text = msgspec.json.encode(wire_page(*[wire_asset()] * 1000))
    spent_s = []
    for _ in range(3):
        started_s = time.process_time()
        to_page(calls.search_assets().decode(text))
        spent_s.append(time.process_time() - started_s)
    # 17 ms on two shared cores; first syncs of 100,000 assets read a hundred such pages.
    assert min(spent_s) < 0.15


def _entry(key: str, value: dict[str, object]) -> models.Metadata:
    return models.Metadata(key=key, value=value)


def test_a_memo_is_found_among_what_others_keep() -> None:
    entries = [_entry("mobile-app", {"n": 1}), _entry("ours", {"n": 2}), _entry("theirs", {"n": 3})]
    assert to_memo(entries, "ours") == {"n": 2}
    assert to_memo(entries, "nobody's") is None
    assert to_memo([], "ours") is None
    assert to_memo([_entry("ours", {})], "ours") == {}


def test_memos_of_many_assets_are_told_by_asset() -> None:
    answers = [
        models.MetadataOfAsset(asset_id=asset_id, key=key, value={"n": number})
        for number, (asset_id, key) in enumerate([(ASSET_ID, "ours"), (OTHER_ID, "theirs"), (OTHER_ID, "ours")])
    ]
    assert to_memos(answers, "ours") == {ASSET_ID: {"n": 0}, OTHER_ID: {"n": 2}}


@given(JSON_VALUES)
def test_json_comes_back_as_it_is(value: Any) -> None:
    assert as_json(value) == value
    assert as_json({"nested": (value, [value])}) == {"nested": [value, [value]]}
