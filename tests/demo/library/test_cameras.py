from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PIL import Image

from sidecar.demo.library.cameras import EXIF_IFD, LEICA_Q2, Shot, exif_block

NOON = datetime(2024, 5, 1, 12, 0, 7, 380_000)  # noqa: DTZ001  # a camera's clock knows no zone
OFFSETS = (36880, 36881, 36882)


def read_back(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


@pytest.mark.parametrize(
    ("zone_h", "hour", "written"),
    [
        pytest.param(None, 12, None, id="no offset: the wall clock counts as UTC"),
        pytest.param(0, 12, "+00:00", id="Greenwich is an offset too"),
        pytest.param(9, 3, "+09:00", id="east"),
        pytest.param(-5, 17, "-05:00", id="west"),
        pytest.param(12, 0, "+12:00", id="two digits"),
    ],
)
def test_the_offset_moves_the_instant_and_never_the_wall_clock(
    zone_h: int | None, hour: int, written: str | None
) -> None:
    shot = Shot(LEICA_Q2, NOON, zone_h)
    exif = read_back(exif_block(shot)).get_ifd(EXIF_IFD)
    assert shot.instant == datetime(2024, 5, 1, hour, 0, 7, 380_000, tzinfo=UTC)
    assert exif[36867] == "2024:05:01 12:00:07"
    assert [exif.get(tag) for tag in OFFSETS] == [written] * 3


def test_exif_survives_being_written_and_read() -> None:
    exif = read_back(exif_block(Shot(LEICA_Q2, NOON, 2, orientation=6)))
    assert (exif[271], exif[272], exif[274]) == ("LEICA CAMERA AG", "LEICA Q2", 6)
    fine = exif.get_ifd(EXIF_IFD)
    assert (fine[37521], fine[42036], fine[34855]) == ("38", LEICA_Q2.lens, 100)
    assert float(fine[33437]) == pytest.approx(5.6)
    assert float(fine[33434]) == pytest.approx(1 / 250)


def test_an_upright_copy_says_so() -> None:
    assert read_back(exif_block(Shot(LEICA_Q2, NOON, orientation=6), is_upright=True))[274] == 1
