from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from sidecar.errors import (
    ContractBroken,
    ImmichMissing,
    ImmichRefused,
    ImmichUnavailable,
    SidecarError,
    StaleDecision,
)
from sidecar.immich_client._generated import models
from sidecar.immich_client.failures import failure_of_answer
from sidecar.immich_client.mapping import (
    to_album,
    to_asset,
    to_details,
    to_memo,
    to_page,
    to_primary_ids,
    to_stack,
    to_user,
    to_version,
)

SHARED = Path(os.environ.get("SIDECAR_SHARED", Path(__file__).parents[3] / "shared"))

pytestmark = pytest.mark.parametrize("version", ["2.7.5", "3.1.0"])


def steps(version: str) -> list[dict[str, Any]]:
    recording = SHARED / "recordings" / f"immich-{version}.json"
    if not recording.is_file():
        pytest.skip("the recorded exchanges with a real Immich are not beside the project")
    found: list[dict[str, Any]] = json.loads(recording.read_bytes())["steps"]
    return found


def answers(version: str, method: str, path: str) -> list[Any]:
    """The JSON of every success recorded for this request; path may end in * for any id."""
    folder, is_open, _ = path.partition("*")
    return [
        step["response"]["json"]
        for step in steps(version)
        if step["request"]["method"] == method
        and step["response"]["status"] < 300
        and "json" in step["response"]
        and (step["request"]["path"].startswith(folder) if is_open else step["request"]["path"] == path)
    ]


def decoded(answer: object, kind: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(answer), type=kind)


def test_every_recorded_page_is_mapped(version: str) -> None:
    pages = [to_page(decoded(answer, models.SearchAnswer)) for answer in answers(version, "POST", "/search/metadata")]
    assets = [asset for page in pages for asset in page.assets]
    assert len(pages) >= 10
    assert {asset.name for asset in assets} >= {"IMG_0001.JPG", "IMG_0001.CR2", "IMG_0003.JPG"}
    # The recorder wrote "... 2 more" for the rest of a long list.
    assert {broken.reason for page in pages for broken in page.broken} <= {"Expected `object`, got `str`"}
    assert any(page.next_page == 2 for page in pages)


def test_every_recorded_asset_is_mapped(version: str) -> None:
    infos = [answer for answer in answers(version, "GET", "/assets/*") if "originalFileName" in answer]
    assets = [to_asset(decoded(answer, models.Asset)) for answer in infos]
    taken_ms = {asset.name: asset.taken_at_ms for asset in assets}
    assert len(assets) >= 4
    assert taken_ms["IMG_0001.JPG"] == 1_714_557_600_120
    assert {asset.make for asset in assets} == {"Canon", None}
    assert all(asset.duration_ms is None and asset.folder is None for asset in assets)


def test_every_recorded_stack_is_mapped(version: str) -> None:
    made = [
        answer for method in ("POST", "GET", "PUT") for answer in answers(version, method, "/stacks*") if "id" in answer
    ]
    listed = [stack for answer in answers(version, "GET", "/stacks") for stack in answer]
    stacks = [to_stack(decoded(answer, models.Stack)) for answer in made + listed]
    assert len(stacks) >= 8
    sizes = {len(stack.member_ids) for stack in stacks}
    assert {1, 2} <= sizes
    hidden = [stack for stack in stacks if stack.primary_id not in stack.member_ids]
    assert len(hidden) == 1  # the step whose primary was trashed


def test_recorded_metadata_is_mapped(version: str) -> None:
    listed = [answer for answer in answers(version, "GET", "/assets/*") if isinstance(answer, list)]
    assert [to_memo(decoded(answer, list[models.Metadata]), "sidecar") for answer in listed] == [{"group": "g1"}]
    assert to_memo(decoded(listed[0], list[models.Metadata]), "another key") is None


def test_the_primaries_of_the_recorded_timeline_are_found(version: str) -> None:
    buckets = [decoded(answer, models.TimeBucketAssets) for answer in answers(version, "GET", "/timeline/bucket")]
    assert [len(to_primary_ids(bucket)) for bucket in buckets] == [0, 1]
    listed = answers(version, "GET", "/timeline/buckets")
    assert decoded(listed[0], list[models.TimeBucket]) == [models.TimeBucket(time_bucket="2024-05-01", count=5)]


def test_recorded_user_key_version_and_count_are_mapped(version: str) -> None:
    assert {to_user(decoded(answer, models.User)).name for answer in answers(version, "GET", "/users/me")} == {"Ann"}
    (server,) = answers(version, "GET", "/server/version")
    assert str(to_version(decoded(server, models.ServerVersion))) == version
    (key, *_) = answers(version, "GET", "/api-keys/me")
    assert decoded(key, models.ApiKey).permissions == ["asset.read", "stack.read"]
    (count,) = answers(version, "POST", "/search/statistics")
    assert decoded(count, models.SearchStatistics).total == 5


def test_recorded_albums_are_mapped_and_their_answers_read(version: str) -> None:
    [[wire]] = [answer for answer in answers(version, "GET", "/albums") if answer]
    album = to_album(decoded(wire, models.Album))
    assert (album.name, album.asset_count, album.is_shared, album.has_link) == ("Trip", 2, False, False)
    assert album.writer_ids == frozenset({album.owner_id})
    [added] = [decoded(answer, list[models.IdAnswer]) for answer in answers(version, "PUT", "/albums/*")]
    assert [(each.success, each.error) for each in added] == [(True, None), (False, "duplicate")]


def test_the_recorded_details_of_a_resolved_keeper_are_mapped(version: str) -> None:
    [tagged] = [
        answer for answer in answers(version, "GET", "/assets/*") if isinstance(answer, dict) and answer.get("tags")
    ]
    details = to_details(decoded(tagged, models.Asset))
    assert [tag.value for tag in details.tags] == ["holiday/sea"]
    assert (details.rating, details.latitude, details.asset.original is None) == (None, None, False)


def failure_of(version: str, name: str) -> SidecarError:
    (step,) = [step for step in steps(version) if step["step"] == name]
    answer = step["response"]
    body = json.dumps(answer["json"]).encode()
    failure = failure_of_answer(
        answer["status"], httpx.Headers(answer["headers"]), body, operation=name, address="http://immich"
    )
    assert failure is not None
    return failure.error


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("me-nobody", ImmichRefused),
        ("me-wrong-key", ImmichRefused),
        ("me-with-narrow-key", ImmichRefused),
        ("stack-create-narrow-key", ImmichRefused),
        ("api-key-me-with-session", ImmichRefused),
        ("queues-not-admin", ImmichRefused),
        ("asset-unknown", ImmichMissing),
        ("asset-other-user", ImmichMissing),
        ("stack-create-unknown", ImmichMissing),
        ("stack-create-foreign", ImmichMissing),
        ("stack-old-is-gone", ImmichMissing),
        ("stack-delete-again", ImmichMissing),
        ("stack-update-not-member", StaleDecision),
        ("stack-remove-primary", StaleDecision),
        ("asset-bad-id", ContractBroken),
        ("stack-create-one", ContractBroken),
        ("search-toolarge", ContractBroken),
        ("search-badtime", ContractBroken),
        ("unknown-route", ContractBroken),
        ("duplicate-record-bad-id", ImmichUnavailable),
    ],
)
def test_recorded_refusals_become_ours(version: str, name: str, kind: type[SidecarError]) -> None:
    assert type(failure_of(version, name)) is kind


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("me-with-narrow-key", "user.read"),
        ("stack-create-narrow-key", "stack.create"),
        ("original-narrow-key", "asset.download"),
        ("me-wrong-key", None),
        ("queues-not-admin", None),
    ],
)
def test_recorded_refusals_name_the_missing_permission(version: str, name: str, permission: str | None) -> None:
    error = failure_of(version, name)
    assert isinstance(error, ImmichRefused)
    assert error.permission == permission
