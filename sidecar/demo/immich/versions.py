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
    "stable_order": ((3, 1, 0), "equal times are ordered by id; search.repository.ts, live 3.1.0"),
    "no_lonely_stack": (
        (3, 1, 0),
        "deleting a child dissolves a stack of two; asset.service.ts 2.5.6 to 3.1.0, live 2.7.5 and 3.1.0",
    ),
    "keeper_suggestion": ((2, 7, 0), "GET /duplicates suggests a keeper; recordings duplicates"),
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
