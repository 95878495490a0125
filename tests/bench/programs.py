"""What programs, exports, downloads and people do to names and folders."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.formats import Format
from sidecar.model import Visibility
from tests.bench.photographer import GALAXY, IPHONE, PARTNER, PIXEL, R5, Library, stamp


def _jpeg_uploaded_twice(library: Library) -> None:
    """Rare, and a person's choice: which of two equal JPEGs goes with the RAW."""
    if not library.is_time_for():
        return
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.CR3", at_ms), library.shot(f"{base}.JPG", at_ms))
    library.shot(f"{base}.jpg", at_ms)


def _wedding(library: Library) -> None:
    at_ms = library.moment()
    for number in range(1, 13):
        library.shot(f"wedding ({number}).jpg", at_ms + number * 400)


def _wedding_in_two_formats(library: Library) -> None:
    at_ms = library.moment()
    for number in range(1, 7):
        name, moment_ms = f"Anna & Ben ({number})", at_ms + number * 700
        library.one_picture(library.shot(f"{name}.tif", moment_ms), library.shot(f"{name}.jpg", moment_ms))


def _edits(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    suffix = library.dice.choice(
        ("-Edit", "-Edit-2", "-Enhanced-NR", "-HDR", "_edited", "-edited", "-Enhanced-NR-Edit")
    )
    extension = library.dice.choice(("tif", "jpg", "psd"))
    camera = R5 if library.dice.random() < 0.7 else None
    library.one_picture(
        library.shot(f"{base}.CR3", at_ms),
        library.shot(f"{base}.JPG", at_ms),
        library.shot(f"{base}{suffix}.{extension}", at_ms // 1000 * 1000, camera),
    )


def _takeout(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    word = library.dice.choice(("edited", "bearbeitet", "modifié", "editado", "編集済み"))
    library.one_picture(library.shot(f"{base}.jpg", at_ms, PIXEL), library.shot(f"{base}-{word}.jpg", at_ms, PIXEL))
    later_ms = at_ms + 700
    library.one_picture(
        library.shot(f"{base}(1).jpg", later_ms, PIXEL), library.shot(f"{base}-{word}(1).jpg", later_ms, PIXEL)
    )


def _short_dos_names(library: Library) -> None:
    at_ms = library.moment()
    for number in range(1, 4):
        library.shot(f"IMG_20~{number}.JPG", at_ms + number * 300)


def _darktable(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(
        library.shot(f"{base}.CR2", at_ms),
        library.shot(f"{base}.JPG", at_ms),
        library.shot(f"{base}_01.jpg", at_ms // 1000 * 1000),
    )


def _virtual_copies(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    names = (f"{base}.CR3", f"{base}-2.jpg", f"{base}_bw.jpg")
    library.one_picture(*(library.shot(name, at_ms) for name in names))


def _numbered_by_hand(library: Library) -> None:
    at_ms = library.moment()
    for number in range(1, 5):
        base, moment_ms = f"holiday_{number:02d}", at_ms + number * 600
        library.one_picture(library.shot(f"{base}.cr2", moment_ms), library.shot(f"{base}.jpg", moment_ms))
    library.shot("holiday.jpg", at_ms + 500)


def _named_by_place(library: Library) -> None:
    at_ms = library.moment()
    for number, place in enumerate(("beach", "harbour", "old_town", "beach_bar")):
        library.shot(f"rome_{place}.jpg", at_ms + number * 300)


def _converted(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(
        library.shot(f"{base}.CR2", at_ms), library.shot(f"{base}.dng", at_ms), library.shot(f"{base}.jpg", at_ms)
    )


def _exported_with_raw_extension(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(
        library.shot(f"{base}.CR2", at_ms), library.shot(f"{base}.JPG", at_ms), library.shot(f"{base}.CR2.jpg", at_ms)
    )


def _half_out_of_sight(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    unseen = library.dice.choice(
        ({"is_trashed": True}, {"is_offline": True}, {"visibility": Visibility.LOCKED}, {"is_extracted": False})
    )
    library.shot(f"{base}.CR3", at_ms)
    library.shot(f"{base}.JPG", at_ms, **unseen)


def _both_archived(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    names = (f"{base}.CR3", f"{base}.JPG")
    library.one_picture(*(library.shot(name, at_ms, visibility=Visibility.ARCHIVE) for name in names))


def _half_archived(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shot(f"{base}.CR3", at_ms, visibility=Visibility.ARCHIVE)
    library.shot(f"{base}.JPG", at_ms)


def _raw_and_jpeg_folders(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(
        library.shot(f"{base}.CR3", at_ms, folder="/photos/2024/RAW"),
        library.shot(f"{base}.JPG", at_ms, folder="/photos/2024/JPEG"),
    )


def _backup_folder(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    for folder in ("/photos/2024", "/backup/photos/2024"):
        library.one_picture(
            library.shot(f"{base}.CR3", at_ms, folder=folder), library.shot(f"{base}.JPG", at_ms, folder=folder)
        )


def _same_file_twice(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shot(f"{base}.JPG", at_ms)
    library.shot(f"{base}.jpg", at_ms, folder="/photos")


def _screenshots_of_one_name(library: Library) -> None:
    at_ms = library.moment()
    for number in range(3):
        library.shot("image.jpg", at_ms + number * 700, None)


def _partners_half(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shot(f"{base}.CR3", at_ms)
    library.shot(f"{base}.JPG", at_ms, owner_id=PARTNER)


def _composed_unicode(library: Library) -> None:
    number, at_ms = library.number(), library.moment()
    library.one_picture(library.shot(f"Caf\u00e9 {number}.CR3", at_ms), library.shot(f"Cafe\u0301 {number}.jpg", at_ms))


def _several_jpegs_of_one_raw(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment() // 1000 * 1000
    tails = (".CR3", ".JPG", "-Edit.jpg", "-Edit-2.jpg", "_web.jpg", ".CR3.jpg")
    library.one_picture(*(library.shot(f"{base}{tail}", at_ms) for tail in tails))


def _a_long_series_of_one_name(library: Library) -> None:
    """name (1) to name (356): as many pictures, some of them in one second."""
    if library.is_time_for(every=50):
        at_ms = library.moment()
        for number in range(1, 357):
            library.shot(f"Anna & Ben ({number}).jpg", at_ms + number * 400)


def _copies_counted_by_the_browser(library: Library) -> None:
    """Downloads of other pictures that have the name of an earlier one."""
    at_ms = library.moment()
    for place, name in enumerate(("photo.jpg", "photo (1).jpg", "photo (2).png", "photo(1).heic")):
        library.shot(name, at_ms + place * 400, None)


def _takeout_counters(library: Library) -> None:
    """Google counts pictures of one name, whatever they are."""
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shots(base, "HEIC DNG", at_ms, IPHONE)
    library.shots(f"{base}(1)", "HEIC DNG", at_ms + 900, IPHONE)
    library.shot(f"{base}(2).jpg", at_ms + 1_500, IPHONE)


def _takeout_of_a_burst(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    library.shot(f"{stamp(at_ms)}.jpg", at_ms, GALAXY)
    for number in range(1, 4):
        library.shot(f"{stamp(at_ms)}({number}).jpg", at_ms + number * 250, GALAXY)


def _pattern_that_is_trusted(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment() // 1000 * 1000
    names = (f"{base}.CR3", f"{base}.JPG", f"{base} for print.jpg", f"{base}-Edit for print.tif")
    library.one_picture(*(library.shot(name, at_ms) for name in names))


def _pattern_that_is_tried_out(library: Library) -> None:
    """Taught, but not trusted yet: to be shown, not done."""
    if library.is_time_for():
        base, at_ms = f"IMG_{library.number():04d}", library.moment() // 1000 * 1000
        library.one_picture(library.shot(f"{base}.JPG", at_ms), library.shot(f"{base} proof 3.jpg", at_ms, None))


def _pattern_that_meets_another_time(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shot(f"{base}.CR3", at_ms)
    library.shot(f"{base} for print.jpg", at_ms + 3_000)


def _name_without_extension(library: Library) -> None:
    """Looked at: a JPEG."""
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.CR3", at_ms), library.shot(base, at_ms, content=Format.JPEG))


def _name_without_extension_unseen(library: Library) -> None:
    if library.is_time_for():
        base, at_ms = f"IMG_{library.number():04d}", library.moment()
        library.one_picture(library.shot(f"{base}.CR3", at_ms), library.shot(base, at_ms))


def _content_that_is_none(library: Library) -> None:
    """A web page that was saved under the picture's name."""
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shot(f"{base}.CR3", at_ms)
    library.shot(f"{base}.JPG", at_ms, None, width=None, height=None, content=Format.UNKNOWN)


def _content_of_another_name(library: Library) -> None:
    """Only a person can tell whether a HEIC that is called JPG is a version or a mistake."""
    if library.is_time_for():
        base, at_ms = f"IMG_{library.number():04d}", library.moment()
        library.one_picture(
            library.shot(f"{base}.DNG", at_ms, IPHONE), library.shot(f"{base}.JPG", at_ms, IPHONE, content=Format.HEIC)
        )


def _panasonic_raw(library: Library) -> None:
    library.shots(
        f"P{library.dice.randrange(1_010_001, 1_019_999)}", "RAW JPG", library.moment(), ("Panasonic", "DMC-LC1")
    )


def _exported_without_a_time(library: Library) -> None:
    """All that is left is when the export was made: as far as anybody can tell, another picture of that name."""
    if library.is_time_for():
        base, at_ms = f"IMG_{library.number():04d}", library.moment()
        library.one_picture(library.shot(f"{base}.CR3", at_ms), library.shot(f"{base}.JPG", library.moment(), None))


def _unzipped_at_once(library: Library) -> None:
    """Two pictures of the web, numbered alike, whose only time is that of unpacking: nothing tells them apart."""
    if library.is_time_for(every=50):
        number, at_ms = library.dice.randrange(1, 20), library.moment() // 1000 * 1000
        library.shot(f"{number}.jpg", at_ms, None, folder="/web/cats")
        library.shot(f"{number}.png", at_ms, None, folder="/web/dogs")


def _numbered_exports_of_a_jpeg(library: Library) -> None:
    """Without a RAW, a number behind a name may be another picture: left alone."""
    if library.is_time_for():
        base, at_ms = f"IMG_{library.number():04d}", library.moment()
        library.one_picture(library.shot(f"{base}.JPG", at_ms), library.shot(f"{base}-01.jpeg", at_ms))


PROGRAMS: tuple[Callable[[Library], None], ...] = (
    _jpeg_uploaded_twice,
    _wedding,
    _wedding_in_two_formats,
    _edits,
    _takeout,
    _short_dos_names,
    _darktable,
    _virtual_copies,
    _numbered_by_hand,
    _named_by_place,
    _converted,
    _exported_with_raw_extension,
    _half_out_of_sight,
    _both_archived,
    _half_archived,
    _raw_and_jpeg_folders,
    _backup_folder,
    _same_file_twice,
    _screenshots_of_one_name,
    _partners_half,
    _composed_unicode,
    _several_jpegs_of_one_raw,
    _a_long_series_of_one_name,
    _copies_counted_by_the_browser,
    _takeout_counters,
    _takeout_of_a_burst,
    _pattern_that_is_trusted,
    _pattern_that_is_tried_out,
    _pattern_that_meets_another_time,
    _name_without_extension,
    _name_without_extension_unseen,
    _content_that_is_none,
    _content_of_another_name,
    _panasonic_raw,
    _exported_without_a_time,
    _unzipped_at_once,
    _numbered_exports_of_a_jpeg,
)
TO_BE_ASKED = frozenset({_jpeg_uploaded_twice, _pattern_that_is_tried_out, _name_without_extension_unseen})
LEFT_ALONE = frozenset({_content_of_another_name, _exported_without_a_time, _numbered_exports_of_a_jpeg})
MISLEADING = frozenset({_unzipped_at_once})
