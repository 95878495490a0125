from __future__ import annotations

import pytest

from sidecar.model import Visibility
from tests.demo.immich.scene import Picture, Scene

_GROUP = "aaaaaaaa-0000-4000-8000-00000000000a"


async def test_groups_list_visible_unstacked_members_by_wall_clock(scene: Scene) -> None:
    late, early, hidden, trashed = (scene.asset(f"{n}.jpg", at_s=5 - n, size_bytes=n) for n in range(4))
    ids = [row.id for row in (late, early, hidden, trashed)]
    await scene.api("PUT", "/assets", {"ids": ids, "duplicateId": _GROUP})
    scene.immich.set_visibility(hidden, Visibility.HIDDEN)
    scene.immich.trash(trashed)
    [group] = (await scene.api("GET", "/duplicates")).json()
    assert [asset["id"] for asset in group["assets"]] == [early.id, late.id]
    assert (group["duplicateId"], group["suggestedKeepAssetIds"]) == (_GROUP, [early.id])


async def test_the_keeper_of_equal_sizes_has_most_exif(scene: Scene) -> None:
    poor, rich = scene.asset("poor.jpg", make=None, model=None), scene.asset("rich.jpg")
    unread = scene.asset("unread.jpg", size_bytes=0, is_extracted=False)
    await scene.api("PUT", "/assets", {"ids": [poor.id, rich.id, unread.id], "duplicateId": _GROUP})
    [group] = (await scene.api("GET", "/duplicates")).json()
    assert group["suggestedKeepAssetIds"] == [rich.id]


async def test_reading_clears_groups_of_one_stacked_members_included(scene: Scene) -> None:
    rows = scene.assets(3)
    scene.immich.stack(scene.ann, rows[0], rows[2])
    await scene.api("PUT", "/assets", {"ids": [row.id for row in rows[:2]], "duplicateId": _GROUP})
    assert (await scene.api("GET", "/duplicates")).json() == []
    assert [row.duplicate_id for row in rows] == [None, None, None]


@pytest.mark.parametrize("version", ["2.5.6"])
async def test_old_servers_neither_clear_nor_suggest(scene: Scene) -> None:
    rows = scene.assets(3)
    await scene.api("PUT", "/assets", {"ids": [rows[0].id, rows[1].id], "duplicateId": _GROUP})
    await scene.api("PUT", "/assets", {"ids": [rows[2].id], "duplicateId": _GROUP.replace("a", "b")})
    [group] = (await scene.api("GET", "/duplicates")).json()
    assert group.keys() == {"duplicateId", "assets"}
    assert rows[2].duplicate_id is not None


async def test_dismissed_groups_are_gone(scene: Scene) -> None:
    rows = scene.assets(2)
    body = {"ids": [row.id for row in rows], "duplicateId": _GROUP}
    await scene.api("PUT", "/assets", body)
    assert (await scene.api("DELETE", f"/duplicates/{_GROUP}")).status_code == 204
    assert (await scene.api("DELETE", f"/duplicates/{_GROUP}")).status_code == 400
    await scene.api("PUT", "/assets", body)
    assert (await scene.api("DELETE", "/duplicates", {"ids": [_GROUP]})).status_code == 204
    assert {row.duplicate_id for row in rows} == {None}


async def test_near_equal_pictures_are_found_but_never_stacked_ones(scene: Scene, picture: Picture) -> None:
    immich = scene.immich
    rows = [
        immich.upload(scene.ann, "original.jpg", picture(1)),
        immich.upload(scene.ann, "smaller.png", picture(1, size=(280, 210), file_format="PNG")),
        immich.upload(scene.ann, "again.webp", picture(1, file_format="WEBP")),
        immich.upload(scene.ann, "other.jpg", picture(2)),
        immich.upload(scene.ann, "stacked.jpg", picture(1, size=(300, 225))),
        immich.upload(scene.ann, "broken.jpg", b"broken"),
    ]
    await immich.run_jobs()
    immich.stack(scene.ann, rows[4], rows[3])
    immich.unstack(immich.stack(scene.ann, rows[3], rows[3]))
    assert await immich.detect_duplicates(scene.ann) == 3
    assert [row.duplicate_id is not None for row in rows] == [True, True, True, False, False, False]
    assert len({row.duplicate_id for row in rows[:3]}) == 1
    assert await immich.detect_duplicates(scene.ann) == 0


@pytest.mark.parametrize("force", [True, False])
async def test_the_detector_takes_ids_away_and_merges_groups_whoever_made_them(
    scene: Scene, picture: Picture, *, force: bool
) -> None:
    immich = scene.immich
    first, second = (immich.upload(scene.ann, f"{edge}.jpg", picture(1, size=(edge, edge))) for edge in (320, 280))
    alone, mate = immich.upload(scene.ann, "alone.jpg", picture(2)), scene.asset("mate.jpg")
    await immich.run_jobs()
    other = _GROUP.replace("a", "b")
    for rows, group in (([first, alone], _GROUP), ([second, mate], other)):
        for row in rows:
            immich.state.write(row, duplicate_id=group)
    assert await immich.detect_duplicates(scene.ann, force=force) > 0
    assert alone.duplicate_id is None
    assert first.duplicate_id == second.duplicate_id == mate.duplicate_id
    assert first.duplicate_id in {_GROUP, other}
    immich.state.write(alone, duplicate_id=_GROUP)
    assert await immich.detect_duplicates(scene.ann, force=force) == (1 if force else 0)
    assert (alone.duplicate_id is None) is force


async def test_reading_clears_the_id_of_a_trashed_member_too(scene: Scene) -> None:
    kept, trashed = scene.assets(2)
    await scene.api("PUT", "/assets", {"ids": [kept.id, trashed.id], "duplicateId": _GROUP})
    scene.immich.trash(trashed)
    assert trashed.duplicate_id == _GROUP
    await scene.api("GET", "/duplicates")
    assert [row.duplicate_id for row in (kept, trashed)] == [None, None]
