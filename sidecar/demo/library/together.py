"""Stories in which files belong together: pairs by many makers, edits, other formats, awkward names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from sidecar.demo.library.cameras import (
    CANON_5D,
    CANON_R6,
    GALAXY,
    IPHONE,
    LEICA_Q2,
    NIKON_D750,
    PENTAX_K3,
    PIXEL,
    RICOH_GR,
    SONY_A7,
    Camera,
)
from sidecar.demo.library.roll import DemoFile, Roll
from sidecar.demo.library.take import Take

_AN_HOUR_S = 3600


def canon_pairs(roll: Roll) -> Iterator[DemoFile]:
    """Two uploaded pairs; the JPEG of the second was written 380 ms later, across a full second."""
    story = "canon-pairs"
    for stack, (counter, later_s) in enumerate(((231, 0), (232, 0.38))):
        take = roll.take(CANON_5D, f"2021-05-08T10:{counter - 200}:00.90")
        yield roll.file(story, f"IMG_0{counter}.CR2", take.raw(), take.shot, stack=stack)
        jpeg = take.later(later_s)
        yield roll.file(story, f"IMG_0{counter}.JPG", jpeg.jpeg(), jpeg.shot, stack=stack)


def nikon_library(roll: Roll) -> Iterator[DemoFile]:
    """Two pairs in a folder of an external library."""
    story, folder = "nikon-library", "/mnt/nas/photos/2019/Norway"
    for stack, counter in enumerate((4711, 4712)):
        take = roll.take(NIKON_D750, f"2019-07-12T14:03:{counter - 4700}.25")
        yield roll.file(story, f"DSC_{counter}.NEF", take.raw(), take.shot, folder=folder, stack=stack)
        yield roll.file(story, f"DSC_{counter}.JPG", take.jpeg(), take.shot, folder=folder, stack=stack)


def sony_upright(roll: Roll) -> Iterator[DemoFile]:
    """A pair taken with the camera turned."""
    take = roll.take(SONY_A7, "2020-03-01T09:15:30.50", orientation=6)
    yield roll.file("sony-upright", "DSC01234.ARW", take.raw(), take.shot, stack=0)
    yield roll.file("sony-upright", "DSC01234.JPG", take.jpeg(), take.shot, stack=0)


def true_dng(roll: Roll) -> Iterator[DemoFile]:
    """Pairs of makers whose RAW files really are DNG; one of them holds no preview."""
    makers: tuple[tuple[Camera, str, bool], ...] = (
        (LEICA_Q2, "L1020345", True),
        (PENTAX_K3, "IMGP2201", False),
        (RICOH_GR, "R0001234", True),
    )
    for stack, (camera, stem, has_preview) in enumerate(makers):
        take = roll.take(camera, f"2022-09-1{stack}T17:20:05.10", zone_h=2)
        yield roll.file("true-dng", f"{stem}.DNG", take.raw(has_preview=has_preview), take.shot, stack=stack)
        yield roll.file("true-dng", f"{stem}.JPG", take.jpeg(), take.shot, stack=stack)


def phone_raw(roll: Roll) -> Iterator[DemoFile]:
    """Phones that save RAW beside JPEG, each with names of its own fashion."""
    take = roll.take(PIXEL, "2023-05-14T10:30:15.12", zone_h=2)
    pixel = f"PXL_{take.shot.instant:%Y%m%d_%H%M%S}123"
    yield roll.file("phone-raw", f"{pixel}.RAW-01.COVER.jpg", take.jpeg(), take.shot, stack=0)
    yield roll.file("phone-raw", f"{pixel}.RAW-02.ORIGINAL.dng", take.raw(), take.shot, stack=0)
    take = roll.take(GALAXY, "2023-01-01T12:00:00.40", zone_h=1)
    galaxy = f"{take.shot.wall_clock:%Y%m%d_%H%M%S}"
    yield roll.file("phone-raw", f"{galaxy}.jpg", take.jpeg(), take.shot, stack=1)
    yield roll.file("phone-raw", f"{galaxy}.dng", take.raw(), take.shot, stack=1)


def letter_case(roll: Roll) -> Iterator[DemoFile]:
    """One name in capitals, the other not, as some card readers leave them."""
    take = roll.take(SONY_A7, "2020-03-02T11:00:00.00")
    yield roll.file("letter-case", "DSC02001.ARW", take.raw(), take.shot, stack=0)
    yield roll.file("letter-case", "dsc02001.jpg", take.jpeg(), take.shot, stack=0)


def two_seconds(roll: Roll) -> Iterator[DemoFile]:
    """A pair exactly at the edge of the tolerance."""
    take = roll.take(CANON_5D, "2021-06-01T08:00:00.25")
    slow = take.later(2)
    yield roll.file("two-seconds", "IMG_0260.CR2", take.raw(), take.shot, stack=0)
    yield roll.file("two-seconds", "IMG_0260.JPG", slow.jpeg(), slow.shot, stack=0)


def no_offset(roll: Roll) -> Iterator[DemoFile]:
    """Nine hours apart in UTC, the same second on the camera's display."""
    jpeg = roll.take(CANON_R6, "2022-04-04T06:45:10.00", zone_h=9)
    raw = jpeg.in_zone(None)
    yield roll.file("no-offset", "IMG_0270.CR2", raw.raw(), raw.shot, stack=0)
    yield roll.file("no-offset", "IMG_0270.JPG", jpeg.jpeg(), jpeg.shot, stack=0)


def edits(roll: Roll) -> Iterator[DemoFile]:
    """Versions saved by editors and phones under their own suffixes, an hour after the photograph."""
    take = roll.take(CANON_5D, "2021-07-03T19:40:00.60")
    yield roll.file("edits", "IMG_0310.CR2", take.raw(), take.shot, stack=0)
    yield roll.file("edits", "IMG_0310.JPG", take.jpeg(), take.shot, stack=0)
    yield _edit(roll, "IMG_0310-Edit.tif", take, take.edited().tiff(), stack=0)
    take = roll.take(GALAXY, "2021-07-04T15:30:12.00", zone_h=2)
    galaxy = f"{take.shot.wall_clock:%Y%m%d_%H%M%S}"
    yield roll.file("edits", f"{galaxy}.jpg", take.jpeg(), take.shot, stack=1)
    yield _edit(roll, f"{galaxy}_edited.jpg", take, take.edited().jpeg(), stack=1)
    take = roll.take(PIXEL, "2022-06-01T10:15:00.12", zone_h=2)
    pixel = f"PXL_{take.shot.instant:%Y%m%d_%H%M%S}123"
    yield roll.file("edits", f"{pixel}.jpg", take.jpeg(), take.shot, stack=2)
    yield _edit(roll, f"{pixel}~2.jpg", take, take.edited().jpeg(), stack=2)
    take = roll.take(IPHONE, "2022-08-20T13:05:44.30", zone_h=2, orientation=6)
    yield roll.file("edits", "IMG_0005.JPG", take.jpeg(), take.shot, stack=3)
    yield _edit(roll, "IMG_E0005.JPG", take, take.edited().jpeg(), stack=3)


def _edit(roll: Roll, name: str, take: Take, data: bytes, *, stack: int) -> DemoFile:
    return roll.file("edits", name, data, take.shot, stack=stack, modified_after_s=_AN_HOUR_S)


def formats(roll: Roll) -> Iterator[DemoFile]:
    """One picture exported in several formats."""
    take = roll.take(NIKON_D750, "2018-10-10T16:00:00.00")
    yield roll.file("formats", "harbour.jpg", take.jpeg(), take.shot, stack=0)
    yield roll.file("formats", "harbour.png", take.png(), take.shot, stack=0)
    take = roll.take(NIKON_D750, "2018-10-11T12:30:00.00")
    yield roll.file("formats", "fjord.jpg", take.jpeg(), take.shot, stack=1)
    yield roll.file("formats", "fjord.avif", take.avif(), take.shot, stack=1)
    yield roll.file("formats", "fjord.webp", take.webp(), take.shot, stack=1)


def odd_names(roll: Roll) -> Iterator[DemoFile]:
    """Accents composed and decomposed, names as long as a file system allows, no extension at all."""
    take = roll.take(LEICA_Q2, "2023-07-01T20:10:00.00", zone_h=1)
    accents = "Tórshavn, kvøld 🌄"
    yield roll.file("odd-names", unicodedata.normalize("NFC", f"{accents}.DNG"), take.raw(), take.shot, stack=0)
    yield roll.file("odd-names", unicodedata.normalize("NFD", f"{accents}.JPG"), take.jpeg(), take.shot, stack=0)
    take = roll.take(LEICA_Q2, "2023-07-02T09:00:00.00", zone_h=1)
    longest = "Vågan-" * 35 + "sommer"  # 251 bytes in UTF-8, and four more for the extension
    yield roll.file("odd-names", f"{longest}.DNG", take.raw(), take.shot, stack=1)
    yield roll.file("odd-names", f"{longest}.JPG", take.jpeg(), take.shot, stack=1)
    take = roll.take(IPHONE, "2023-07-03T09:00:00.00", zone_h=1)
    yield roll.file("odd-names", "IMG_8000", take.jpeg(), take.shot)
