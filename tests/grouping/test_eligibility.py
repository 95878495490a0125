from __future__ import annotations

from typing import Any

import pytest

from sidecar.grouping.eligibility import may_pair
from sidecar.model import AssetKind, Visibility
from tests.builders import make_asset


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        pytest.param({"kind": AssetKind.AUDIO}, False, id="audio"),
        pytest.param({"kind": AssetKind.OTHER}, False, id="something else"),
        pytest.param({"visibility": Visibility.HIDDEN}, False, id="hidden"),
        pytest.param({"visibility": Visibility.LOCKED}, False, id="locked"),
        pytest.param({"is_trashed": True}, False, id="trashed"),
        pytest.param({"is_offline": True}, False, id="offline"),
        pytest.param({"is_extracted": False}, True, id="not extracted yet"),
        pytest.param({"visibility": Visibility.ARCHIVE}, True, id="archived"),
        pytest.param({"kind": AssetKind.VIDEO}, True, id="a clip"),
        pytest.param({}, True, id="a photo"),
    ],
)
def test_only_what_its_owner_sees_may_pair(changes: dict[str, Any], *, may: bool) -> None:
    assert may_pair(make_asset(**changes)) is may
