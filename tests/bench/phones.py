"""What phones call their pictures, bursts and live photos."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from sidecar.model import Visibility
from tests.bench.photographer import GALAXY, IPHONE, PIXEL, XPERIA, Library, stamp

NEXUS = ("LGE", "Nexus 5X")
HUAWEI = ("HUAWEI", "ELE-L29")


def _apple_edit(library: Library) -> None:
    number, at_ms = library.number(), library.moment()
    edit = library.dice.choice(("JPG", "HEIC"))
    library.one_picture(
        library.shot(f"IMG_{number:04d}.HEIC", at_ms, IPHONE),
        library.shot(f"IMG_E{number:04d}.{edit}", at_ms, IPHONE),
    )


def _live_photo(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    clip = library.clip(f"{base}.MOV", at_ms, visibility=Visibility.HIDDEN)
    library.one_picture(
        library.shot(f"{base}.HEIC", at_ms, IPHONE, live_photo_video_id=clip.id),
        library.shot(f"{base}.DNG", at_ms, IPHONE),
    )


def _live_photo_beside_its_clip(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    clip = library.clip(f"{base}.MOV", at_ms)
    library.shot(f"{base}.HEIC", at_ms, IPHONE, live_photo_video_id=clip.id)
    library.clip(f"{base}.MP4", at_ms)


def _galaxy_burst(library: Library) -> None:
    at_ms = library.moment()
    for frame in range(6):
        tail = f"_{frame:02d}" if frame else ""
        library.shot(f"{stamp(at_ms)}{tail}.jpg", at_ms + frame * 90, GALAXY)


def _galaxy_raw_burst(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    for frame in range(4):
        tail = f"_{frame:02d}" if frame else ""
        base, moment_ms = f"{stamp(at_ms)}{tail}", at_ms + frame * 200
        library.one_picture(
            library.shot(f"{base}.dng", moment_ms, GALAXY), library.shot(f"{base}.jpg", moment_ms, GALAXY)
        )


def _pixel_raw(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{stamp(at_ms)}{at_ms % 1000:03d}"
    mode = library.dice.choice(("", ".NIGHT", ".MP"))
    library.one_picture(
        library.shot(f"{base}{mode}.RAW-01.COVER.jpg", at_ms, PIXEL),
        library.shot(f"{base}{mode}.RAW-02.ORIGINAL.dng", at_ms, PIXEL),
    )


def _pixel_portrait(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{stamp(at_ms)}{at_ms % 1000:03d}"
    library.one_picture(
        library.shot(f"{base}.PORTRAIT-01.COVER.jpg", at_ms, PIXEL),
        library.shot(f"{base}.PORTRAIT-02.ORIGINAL.jpg", at_ms, PIXEL),
    )


def _pixel_copy(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{stamp(at_ms)}{at_ms % 1000:03d}.MP"
    library.one_picture(library.shot(f"{base}.jpg", at_ms, PIXEL), library.shot(f"{base}~2.jpg", at_ms, PIXEL))


def _pixel_burst(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{stamp(at_ms)}{at_ms % 1000:03d}"
    names = (f"{base}.BURST-{frame + 1:02d}{'' if frame else '.COVER'}.jpg" for frame in range(4))
    library.one_burst([[library.shot(name, at_ms + frame * 80, PIXEL)] for frame, name in enumerate(names)])


def _heic_and_jpeg(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.HEIC", at_ms, IPHONE), library.shot(f"{base}.jpg", at_ms, IPHONE))


def _xperia_burst(library: Library) -> None:
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    mark = f"BURST{stamp(at_ms).replace('_', '')}{at_ms % 1000:03d}"
    frames = []
    for place in range(5):
        cover = "_COVER" if place == 2 else ""
        name = f"DSC_{first + place:04d}_{mark}{cover}.JPG"
        frames.append([library.shot(name, at_ms // 1000 * 1000 + place * 60, XPERIA)])
    library.one_burst(frames)


def _nexus_burst(library: Library) -> None:
    at_ms = library.moment()
    mark, frames = f"BURST{stamp(at_ms).replace('_', '')}", []
    for place in range(7):
        cover = "_COVER" if place == 3 else ""
        name = f"{place:05d}IMG_{place:05d}_{mark}{cover}.jpg"
        frames.append([library.shot(name, at_ms // 1000 * 1000 + place * 110, NEXUS)])
    library.one_burst(frames)


def _huawei_burst(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    frames = []
    for place in range(1, 9):
        cover = "_COVER" if place == 1 else ""
        name = f"IMG_{stamp(at_ms)}_BURST{place:03d}{cover}.jpg"
        frames.append([library.shot(name, at_ms + place // 4 * 1000, HUAWEI)])
    library.one_burst(frames)


def _huawei_burst_and_its_backup(library: Library) -> None:
    """Each is a burst, and no frame of one belongs to the other."""
    at_ms = library.moment() // 1000 * 1000
    for folder in ("/phone/2023", "/backup/phone/2023"):
        frames = []
        for place in range(1, 4):
            name = f"IMG_{stamp(at_ms)}_BURST{place:03d}.jpg"
            frames.append([library.shot(name, at_ms + place * 100, HUAWEI, folder=folder)])
        library.one_burst(frames)


def _huawei_burst_with_edit(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    cover = f"IMG_{stamp(at_ms)}_BURST001_COVER"
    first = [library.shot(f"{cover}.jpg", at_ms, HUAWEI), library.shot(f"{cover}-edited.jpg", at_ms, HUAWEI)]
    library.one_picture(*first)
    library.one_burst([first, [library.shot(f"IMG_{stamp(at_ms)}_BURST002.jpg", at_ms + 100, HUAWEI)]])


def _samsung_burst(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    names = (f"{stamp(at_ms)}_{place:03d}.jpg" for place in range(1, 10))
    library.one_burst([[library.shot(name, at_ms + place * 150, GALAXY)] for place, name in enumerate(names)])


def _samsung_pictures_of_one_second(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    library.shot(f"{stamp(at_ms)}.jpg", at_ms, GALAXY)
    library.shot(f"{stamp(at_ms)}(0).jpg", at_ms + 400, GALAXY)
    library.shot(f"{stamp(at_ms)}(1).jpg", at_ms + 800, GALAXY)


def _samsung_raw(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    library.shots(stamp(at_ms), "jpg dng", at_ms, GALAXY)


def _nexus_raw(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    library.shots(f"IMG_{stamp(at_ms)}", "jpg dng", at_ms, NEXUS)


def _huawei_raw_and_portrait(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    library.shots(f"IMG_{stamp(at_ms)}", "jpg dng", at_ms, HUAWEI)
    later_ms = at_ms + 5_000
    plain = library.shot(f"IMG_{stamp(later_ms)}.jpg", later_ms, HUAWEI)
    library.one_picture(plain, library.shot(f"IMG_{stamp(later_ms)}_Bokeh.jpg", later_ms, HUAWEI))


def _two_phones_at_one_moment(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    library.shot(f"IMG_{stamp(at_ms)}.jpg", at_ms, HUAWEI)
    library.shots(f"IMG_{stamp(at_ms)}", "jpg dng", at_ms + 300, NEXUS)


def _iphone_burst(library: Library) -> None:
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    burst_id = str(UUID(int=library.dice.getrandbits(128), version=4)).upper()
    frames = [
        [library.shot(f"IMG_{first + place:04d}.HEIC", at_ms + place * 100, IPHONE, auto_stack_id=burst_id)]
        for place in range(10)
    ]
    library.one_burst(frames)


def _iphone_pictures_in_a_row(library: Library) -> None:
    """As fast as a burst, but the camera does not call it one."""
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    for place in range(4):
        library.shots(f"IMG_{first + place:04d}", "HEIC DNG", at_ms + place * 300, IPHONE)


PHONES: tuple[Callable[[Library], None], ...] = (
    _apple_edit,
    _live_photo,
    _live_photo_beside_its_clip,
    _galaxy_burst,
    _galaxy_raw_burst,
    _pixel_raw,
    _pixel_portrait,
    _pixel_copy,
    _pixel_burst,
    _heic_and_jpeg,
    _xperia_burst,
    _nexus_burst,
    _huawei_burst,
    _huawei_burst_and_its_backup,
    _huawei_burst_with_edit,
    _samsung_burst,
    _samsung_pictures_of_one_second,
    _samsung_raw,
    _nexus_raw,
    _huawei_raw_and_portrait,
    _two_phones_at_one_moment,
    _iphone_burst,
    _iphone_pictures_in_a_row,
)
