from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sidecar.demo.library.cameras import LEICA_Q2
from sidecar.demo.library.roll import Roll
from sidecar.demo.library.scenes import SIZE


def test_every_take_is_a_new_picture_and_every_roll_begins_alike() -> None:
    roll = Roll(1, 0)
    first, second = (roll.take(LEICA_Q2, "2023-07-01T20:10:00") for _ in range(2))
    assert first.picture.tobytes() != second.picture.tobytes()
    assert Roll(1, 0).take(LEICA_Q2, "2023-07-01T20:10:00").picture.tobytes() == first.picture.tobytes()
    assert Roll(1, 1).take(LEICA_Q2, "2023-07-01T20:10:00").picture.tobytes() != first.picture.tobytes()


@pytest.mark.usefixtures("unpainted")
def test_further_copies_are_taken_later_and_filed_elsewhere() -> None:
    roll = Roll(1, 2)
    take = roll.take(LEICA_Q2, "2023-07-01T20:10:00.25", zone_h=2)
    file = roll.file("story", "a.jpg", b"", take.shot, folder="/mnt/nas", stack=3, modified_after_s=60)
    assert file.modified_at == datetime(2023, 7, 3, 18, 25, 0, tzinfo=UTC)
    assert (file.folder, file.expected) == ("/mnt/nas 3", "story/3/3")
    assert Roll(1, 0).folder("/mnt/nas") == "/mnt/nas"


@pytest.mark.usefixtures("unpainted")
def test_what_is_not_said_about_a_file_is_ordinary() -> None:
    roll = Roll(1, 0)
    file = roll.file("story", "a.jpg", b"x", roll.take(LEICA_Q2, "2023-07-01T20:10:00").shot)
    assert (file.owner, file.folder, file.live_photo_video_of, file.expected) == ("ann", None, None, None)


@pytest.mark.parametrize("orientation", [6, 8])
def test_a_turned_camera_takes_tall_pictures(orientation: int) -> None:
    take = Roll(1, 0).take(LEICA_Q2, "2023-07-01T20:10:00", orientation=orientation)
    assert take.picture.size == SIZE[::-1]
