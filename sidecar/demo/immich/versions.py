"""What differs between Immich versions: one row each, so that no handler compares version numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sidecar.model import ServerVersion

# rule -> (the first release that behaves so, where that was seen)
SINCE: dict[str, tuple[tuple[int, int, int], str]] = {
    "bare_errors": (
        (3, 0, 0),
        "errors are {message} or {message, errors[]}; recordings login-wrong-password, asset-bad-id",
    ),
    "every_visibility": ((3, 0, 0), "search without visibility finds all but locked; search.service.ts, live 3.1.0"),
    "integer_duration": ((3, 0, 0), "duration is ms or null, before a string; recordings asset"),
    "hidden_devices": ((3, 0, 0), "no deviceAssetId, deviceId, unassignedFaces; recordings asset"),
    "optional_devices": ((3, 0, 0), "an upload needs no deviceAssetId and deviceId; live 3.1.0"),
    "prerelease": ((3, 0, 0), "server/version has prerelease; recordings server-server-version"),
    "transcoding_feature": ((3, 0, 0), "server/features has realtimeTranscoding; recordings server-server-features"),
    "min_faces": ((3, 0, 0), "server/config has minFaces; recordings server-server-config"),
    "empty_metadata_key": ((3, 0, 0), "an empty metadata key is taken; asset.dto.ts 3.0.3 and 3.1.0, live 3.1.0"),
    "files_not_found": (
        (3, 0, 0),
        "whatever keeps an original from being sent is 404; file.ts 3.0.3 and 3.1.0, live 3.1.0",
    ),
    "multi_picture": ((3, 0, 0), "mpo is an image; recordings server-server-media-types"),
    "no_replace": ((3, 0, 0), "asset.replace is no permission any more; published descriptions"),
    "timeline_created": (
        (3, 0, 0),
        "timeline/bucket has createdAt; published descriptions, recordings timeline-bucket",
    ),
    "workflow_steps": (
        (3, 0, 0),
        "workflows have one trigger and steps of plugins' methods; recordings workflow-triggers, list-workflows",
    ),
    "integrity_queue": ((3, 0, 0), "there is a queue integrityCheck; recordings queues, jobs-legacy"),
    "plain_version_event": ((3, 0, 0), "on_server_version is what server/version answers; websocket of the recordings"),
    "ready_v2": ((3, 0, 0), "a finished upload is AssetUploadReadyV2, with createdAt; websocket of the recordings"),
    "stable_order": ((3, 1, 0), "equal times are ordered by id; search.repository.ts, live 3.1.0"),
    "no_lonely_stack": (
        (3, 1, 0),
        "deleting a child dissolves a stack of two; asset.service.ts 2.5.6 to 3.1.0, live 2.7.5 and 3.1.0",
    ),
    "owner_in_album": (
        (3, 0, 0),
        "an album's owner is one of its users, and it lists no assets; recordings album-create, albums-of-asset",
    ),
    "all_albums": ((3, 0, 0), "GET /albums answers with own and shared ones; album.service.ts 2.7.5 and 3.1.0"),
    "album_search": (
        (3, 0, 0),
        "a search by albums is not bound to owners, but to albums that one may read; search.service.ts 2.7.5, 3.1.0",
    ),
    "vague_user": ((3, 0, 0), "an unknown user of a new album is only invalid; live 2.7.5 and 3.1.0"),
    "link_add_permission": (
        (3, 0, 0),
        "adding to a link needs sharedLink.update, before it needed all; live 2.7.5 and 3.1.0",
    ),
    "no_zero_rating": ((3, 0, 0), "a rating of 0 is refused; asset.dto.ts 2.7.5 and 3.1.0"),
    "null_rating": ((2, 6, 0), "a rating may be null, and 0 becomes null; published descriptions, asset.dto.ts 2.7.5"),
    "link_remove_permission": (
        (2, 7, 0),
        "removing from a link needs sharedLink.update, before it needed all; shared-link.controller.ts, descriptions",
    ),
    "short_link_list": ((2, 7, 0), "the list of links shows one asset of each; live 2.7.5 and 3.1.0"),
    "edits_in_sync": ((2, 7, 0), "the feed knows edits; published descriptions 2.5.6 and 2.7.5"),
    "second_sync": ((3, 0, 0), "the feed's assets are AssetV2, AssetsV1 is refused; recordings sync-stream"),
    "json_sync_errors": ((3, 0, 0), "what the feed refuses is JSON by its header, too; recordings sync-with-key"),
    "resolving": ((2, 7, 0), "POST /duplicates/resolve; published descriptions 2.5.6 and 2.7.5"),
    "sidebar_recent": ((3, 0, 0), "preferences have recentlyAdded and minimumFaces; recordings preferences"),
    "keeper_suggestion": ((2, 7, 0), "GET /duplicates suggests a keeper; recordings duplicates"),
    "foreign_dismissal": (
        (3, 0, 0),
        "dismissing a set that one has not is refused; duplicate.service.ts 2.7.5 and 3.0.3, live 2.7.5 and 3.1.0",
    ),
    "lone_keeper": ((3, 0, 0), "only a single keeper is handed on to; duplicate.service.ts 2.7.5, 3.0.3 and 3.1.0"),
    "singleton_cleanup": ((2, 7, 0), "GET /duplicates clears groups of one; duplicate.service.ts, live 3.1.0"),
}

# Older servers are not supported, and until 2.5.4 a deleted primary took its stack along by other rules.
_OLDEST = (2, 5, 6)
_NEXT_MAJOR = (4, 0, 0)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One server version as answers to the rules of SINCE.

    Source: SINCE names the evidence of each rule.
    """

    version: ServerVersion
    rules: frozenset[str]

    def does(self, rule: str) -> bool:
        """Whether this version follows the rule; KeyError for a rule that SINCE does not list."""
        _ = SINCE[rule]
        return rule in self.rules


def behaviour_of(version: str) -> Behaviour:
    """How the given release behaves ("3.1.0").

    Errors: ValueError for anything but three numbers, and outside 2.5.6 up to but not including 4.0.0.
    """
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", version)
    if not found:
        raise ValueError(f"An Immich version has three numbers, as 3.1.0 has; got {version!r}")
    numbers = (int(found[1]), int(found[2]), int(found[3]))
    if not _OLDEST <= numbers < _NEXT_MAJOR:
        raise ValueError(f"Immich 2.5.6 up to 3.x can be emulated, not {version}")
    return Behaviour(
        version=ServerVersion(*numbers),
        rules=frozenset(rule for rule, (since, _) in SINCE.items() if numbers >= since),
    )
