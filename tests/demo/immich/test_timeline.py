from __future__ import annotations

from typing import Any

import pytest

from sidecar.model import Visibility
from tests.demo.immich.scene import Scene

_A_DAY_S = 86_400


async def _months(scene: Scene, **query: Any) -> dict[str, int]:
    response = await scene.api("GET", "/timeline/buckets", params=query)
    return {bucket["timeBucket"]: bucket["count"] for bucket in response.json()}


async def test_months_hide_children_only_where_asked(scene: Scene) -> None:
    scene.immich.stack(scene.ann, *scene.assets(3))
    scene.asset("june.jpg", at_s=40 * _A_DAY_S)
    assert await _months(scene) == {"2024-06-01": 1, "2024-05-01": 3}
    assert await _months(scene, withStacked="true") == {"2024-06-01": 1, "2024-05-01": 1}
    assert list(await _months(scene, order="asc")) == ["2024-05-01", "2024-06-01"]


async def test_a_trashed_primary_takes_its_children_out_of_the_timeline(scene: Scene) -> None:
    primary, child = scene.assets(2)
    scene.immich.stack(scene.ann, primary, child)
    scene.immich.trash(primary)
    assert await _months(scene, withStacked="true") == {}
    assert await _months(scene, withStacked="true", isTrashed="true") == {"2024-05-01": 1}
    scene.immich.restore(primary)
    assert await _months(scene, withStacked="true") == {"2024-05-01": 1}


async def test_a_month_is_told_column_by_column(scene: Scene) -> None:
    primary, child = scene.assets(2)
    single = scene.asset("single.jpg", at_s=_A_DAY_S, width=None)
    stack = scene.immich.stack(scene.ann, primary, child)
    query = {"timeBucket": "2024-05-01T00:00:00.000Z", "withStacked": "true"}
    columns = (await scene.api("GET", "/timeline/bucket", params=query)).json()
    assert columns["id"] == [single.id, primary.id]
    assert columns["stack"] == [None, [stack.id, "2"]]
    assert columns["ratio"] == [1, 1.5]
    assert columns["localOffsetHours"] == [0, 0]
    assert {len(column) for column in columns.values()} == {2}
    again = await scene.api("GET", "/timeline/bucket", params=query)
    assert again.json() == columns
    plain = (await scene.api("GET", "/timeline/bucket", params={"timeBucket": "2024-05-01"})).json()
    assert "stack" not in plain
    assert len(plain["id"]) == 3


async def test_a_stack_without_member_on_the_timeline_has_no_cell(scene: Scene) -> None:
    row = scene.asset(visibility=Visibility.ARCHIVE)
    scene.immich.stack(scene.ann, row, row)
    query = {"timeBucket": "2024-05-01", "withStacked": "true", "visibility": "archive"}
    assert (await scene.api("GET", "/timeline/bucket", params=query)).json()["stack"] == [None]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, 2, id="timeline and archive"),
        pytest.param({"visibility": "archive"}, 1, id="archive alone"),
        pytest.param({"visibility": "hidden"}, 1, id="hidden alone"),
        pytest.param({"isFavorite": "true"}, 1, id="favourites"),
        pytest.param({"isFavorite": "false"}, 1, id="all but favourites"),
        pytest.param({"isTrashed": "true"}, 1, id="trash without what is being deleted"),
    ],
)
async def test_filters_choose(scene: Scene, query: dict[str, str], expected: int) -> None:
    scene.immich.state.write(scene.asset("a.jpg"), is_favorite=True)
    scene.asset("b.jpg", visibility=Visibility.ARCHIVE)
    scene.asset("c.jpg", visibility=Visibility.HIDDEN)
    scene.immich.trash(scene.asset("d.jpg"))
    scene.immich.delete_for_good(scene.asset("e.jpg"))
    assert sum((await _months(scene, **query)).values()) == expected


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({}, 400, id="no month"),
        pytest.param({"timeBucket": "x"}, 500, id="no date"),
        pytest.param({"timeBucket": "2024-05-01", "withStacked": "yes"}, 400, id="no boolean"),
        pytest.param({"timeBucket": "2024-05-01", "visibility": "locked"}, 401, id="locked"),
        pytest.param({"timeBucket": "2024-05-01", "albumId": "x"}, 501, id="not emulated"),
        pytest.param(
            {"timeBucket": "2024-05-01", "userId": "00000000-0000-4000-8000-00000000000a"}, 400, id="a stranger's"
        ),
        pytest.param({"timeBucket": "2024-05-01", "withPartners": "true"}, 400, id="partners beside the archive"),
    ],
)
async def test_bad_questions_are_refused(scene: Scene, query: dict[str, str], status: int) -> None:
    assert (await scene.api("GET", "/timeline/bucket", params=query)).status_code == status


async def test_partners_timelines_are_shown_where_asked(scene: Scene) -> None:
    bob = scene.immich.add_user("Bob")
    scene.immich.share_timeline(bob, scene.ann)
    scene.asset("ann.jpg")
    scene.asset("bob.jpg", owner=bob)
    assert sum((await _months(scene)).values()) == 1
    assert sum((await _months(scene, withPartners="true", visibility="timeline")).values()) == 2
    assert sum((await _months(scene, userId=bob.id)).values()) == 1
