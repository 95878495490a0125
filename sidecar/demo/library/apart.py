"""Stories in which files look as if they belonged together, and do not."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.demo.library.cameras import CANON_5D, CANON_IXUS, CANON_R6, IPHONE, LEICA_Q2, NIKON_D750
from sidecar.demo.library.roll import DemoFile, Roll

_A_DAY_S = 86_400


def three_seconds(roll: Roll) -> Iterator[DemoFile]:
    """One name, one subject, a second too far apart."""
    take = roll.take(CANON_5D, "2021-06-02T08:00:00.25")
    slow = take.later(3)
    yield roll.file("three-seconds", "IMG_0261.CR2", take.raw(), take.shot)
    yield roll.file("three-seconds", "IMG_0261.JPG", slow.jpeg(), slow.shot)


def rollover(roll: Roll) -> Iterator[DemoFile]:
    """The counter came round: one name on other days, in other years, from another camera."""
    first = roll.take(CANON_5D, "2016-08-14T12:00:00.00")
    yield roll.file("rollover", "IMG_0001.CR2", first.raw(), first.shot, stack=0)
    yield roll.file("rollover", "IMG_0001.JPG", first.jpeg(), first.shot, stack=0)
    again = roll.take(CANON_5D, "2019-02-03T12:00:00.00")
    yield roll.file("rollover", "IMG_0001.JPG", again.jpeg(), again.shot)
    other = roll.take(CANON_IXUS, "2004-02-03T12:00:00.00")
    yield roll.file("rollover", "IMG_0001.JPG", other.jpeg(), other.shot)


def two_cameras(roll: Roll) -> Iterator[DemoFile]:
    """Two bodies on one strap fire in the same second, and their counters agree."""
    for stack, camera in enumerate((CANON_5D, CANON_R6)):
        take = roll.take(camera, "2021-09-18T15:22:07.00")
        yield roll.file("two-cameras", "IMG_2044.CR2", take.raw(), take.shot, stack=stack)
        yield roll.file("two-cameras", "IMG_2044.JPG", take.jpeg(), take.shot, stack=stack)


def burst(roll: Roll) -> Iterator[DemoFile]:
    """Five frames within one second, each with a counter of its own."""
    first = roll.take(NIKON_D750, "2019-07-13T11:11:11.00")
    for frame in range(5):
        take = first.swayed(6 * frame).later(frame * 0.2)
        yield roll.file("burst", f"DSC_600{frame + 1}.JPG", take.jpeg(), take.shot)


def wedding(roll: Roll) -> Iterator[DemoFile]:
    """A photographer's delivery: one name with numbers, no EXIF, all files written in the same second."""
    for number in range(1, 7):
        take = roll.take(CANON_R6, "2021-09-25T18:00:00.00")
        yield roll.file("wedding", f"Anna & Tom ({number}).jpg", take.jpeg(has_exif=False), take.shot)


def exact_copies(roll: Roll) -> Iterator[DemoFile]:
    """The same bytes uploaded and in an external library, once under the same name and once under another."""
    for number, (name, in_library, folder) in enumerate(
        (
            ("DSC_4800.JPG", "DSC_4800.JPG", "/mnt/nas/photos/2019/Norway"),
            ("IMG_0410.JPG", "Lofoten at night.jpg", "/mnt/nas/backup/phone"),
        )
    ):
        take = roll.take(NIKON_D750, "2019-07-14T22:30:00.00" if name == in_library else "2019-07-15T23:10:00.00")
        data = take.jpeg()
        yield roll.file("exact-copies", name, data, take.shot, copies=number)
        yield roll.file("exact-copies", in_library, data, take.shot, folder=folder, copies=number)


def re_encoded(roll: Roll) -> Iterator[DemoFile]:
    """An original and what a messenger and a web page made of it, stripped and re-dated."""
    take = roll.take(IPHONE, "2020-08-12T19:00:00.00", zone_h=2)
    day = f"{take.shot.wall_clock:%Y%m%d}"
    messenger = take.smaller(480).jpeg(quality=70, has_exif=False)
    yield roll.file("re-encoded", "IMG_3030.JPG", take.jpeg(), take.shot, copies=0)
    yield roll.file("re-encoded", f"IMG-{day}-WA0007.jpg", messenger, take.shot, modified_after_s=_A_DAY_S, copies=0)
    web = take.webp(has_exif=False)
    yield roll.file("re-encoded", "download.webp", web, take.shot, modified_after_s=2 * _A_DAY_S, copies=0)


def photo_and_clip(roll: Roll) -> Iterator[DemoFile]:
    """A photograph and a film that share a name because the camera numbers both."""
    take = roll.take(CANON_R6, "2021-06-05T10:00:00.00", zone_h=2)
    film = take.later(1)
    yield roll.file("photo-and-clip", "IMG_0150.JPG", take.jpeg(), take.shot)
    yield roll.file("photo-and-clip", "IMG_0150.MP4", film.film(brand=b"mp42"), film.shot)


def live_photo(roll: Roll) -> Iterator[DemoFile]:
    """A live photo: the still and its moving half."""
    take = roll.take(IPHONE, "2022-08-21T08:30:00.00", zone_h=2)
    yield roll.file("live-photo", "IMG_0777.JPG", take.jpeg(), take.shot)
    yield roll.file("live-photo", "IMG_0777.MOV", take.film(), take.shot, live_photo_video_of="IMG_0777.JPG")


def orphans(roll: Roll) -> Iterator[DemoFile]:
    """RAW files without a JPEG: one never had one, the other meets only a namesake of the next year."""
    alone = roll.take(NIKON_D750, "2022-02-02T09:09:09.00")
    yield roll.file("orphans", "DSC_9001.NEF", alone.raw(has_preview=False), alone.shot)
    widowed = roll.take(NIKON_D750, "2022-02-03T09:09:09.00")
    yield roll.file("orphans", "DSC_9002.NEF", widowed.raw(), widowed.shot)
    namesake = roll.take(NIKON_D750, "2023-02-03T09:09:09.00")
    yield roll.file("orphans", "DSC_9002.JPG", namesake.jpeg(), namesake.shot)


def damaged(roll: Roll) -> Iterator[DemoFile]:
    """A JPEG cut off half-way, a RAW that is a letter, a RAW that is a JPEG."""
    cut = roll.take(CANON_R6, "2021-11-01T12:00:00.00", zone_h=1)
    whole = cut.jpeg()
    yield roll.file("damaged", "IMG_4040.JPG", whole[: len(whole) // 2], cut.shot)
    text = b"Dear Ann,\nthe card was full, so I wrote this instead of a picture.\n"
    yield roll.file("damaged", "IMG_4041.CR2", text, cut.later(60).shot)
    mislabelled = roll.take(CANON_R6, "2021-11-01T12:05:00.00", zone_h=1)
    yield roll.file("damaged", "IMG_4042.CR2", mislabelled.jpeg(), mislabelled.shot)


def bob(roll: Roll) -> Iterator[DemoFile]:
    """Bob has Ann's camera model and, that second, her counter; and a pair of his own."""
    beside_ann = roll.take(CANON_5D, "2021-05-08T10:31:00.90")
    yield roll.file("bob", "IMG_0231.JPG", beside_ann.jpeg(), beside_ann.shot, owner="bob")
    own = roll.take(LEICA_Q2, "2023-03-03T13:00:00.00", zone_h=1)
    yield roll.file("bob", "L1000042.DNG", own.raw(), own.shot, owner="bob", stack=0)
    yield roll.file("bob", "L1000042.JPG", own.jpeg(), own.shot, owner="bob", stack=0)


def scattered(roll: Roll) -> Iterator[DemoFile]:
    """One photograph uploaded, twice in an external library, and once more as somebody mailed it."""
    take = roll.take(NIKON_D750, "2019-07-16T20:15:00.00")
    data = take.jpeg()
    yield roll.file("scattered", "DSC_4950.JPG", data, take.shot, copies=0)
    for folder in ("/mnt/nas/photos/2019/Norway", "/mnt/nas/backup/laptop"):
        yield roll.file("scattered", "DSC_4950.JPG", data, take.shot, folder=folder, copies=0)
    mailed = take.smaller(640).jpeg(quality=80, has_exif=False)
    yield roll.file("scattered", "the fjord.jpg", mailed, take.shot, modified_after_s=3 * _A_DAY_S, copies=0)


def retouched(roll: Roll) -> Iterator[DemoFile]:
    """A photograph and what the calendar's printer made of it."""
    take = roll.take(CANON_R6, "2021-08-02T19:20:00.00", zone_h=2)
    yield roll.file("retouched", "IMG_4160.JPG", take.jpeg(), take.shot, copies=0)
    printed = take.edited().jpeg(quality=92, has_exif=False)
    yield roll.file("retouched", "Calendar August.jpg", printed, take.shot, modified_after_s=7 * _A_DAY_S, copies=0)


def lens_cap(roll: Roll) -> Iterator[DemoFile]:
    """Two exposures with the cap on the lens, minutes apart."""
    take = roll.take(CANON_R6, "2021-08-03T21:00:00.00", zone_h=2)
    for frame in range(2):
        dark = take.capped(frame).later(180 * frame)
        yield roll.file("lens-cap", f"IMG_417{frame}.JPG", dark.jpeg(), dark.shot, copies=0)


def ordinary(roll: Roll) -> Iterator[DemoFile]:
    """Photographs that have nothing to do with each other."""
    for counter, (wall_clock, orientation) in enumerate(
        (
            ("2022-08-22T07:10:00", 1),
            ("2022-08-22T12:40:00", 6),
            ("2022-08-23T18:20:00", 8),
            ("2022-08-24T21:00:00", 1),
        ),
        start=790,
    ):
        take = roll.take(IPHONE, wall_clock, zone_h=2, orientation=orientation)
        yield roll.file("ordinary", f"IMG_0{counter}.JPG", take.jpeg(), take.shot)
