"""What cameras, their counters and their clocks do to a library."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench.photographer import GALAXY, HOUR_MS, R5, Z6, Library

SCANNER = ("EPSON", "Perfection V850")
SONY = ("SONY", "ILCE-7M4")
OLD = ("KONICA MINOLTA", "DiMAGE Z3")
NX1 = ("SAMSUNG", "NX1")


def _raw_and_jpeg(library: Library) -> None:
    camera, raw, name = library.dice.choice(((R5, "CR3", "IMG_"), (Z6, "NEF", "DSC_"), (R5, "CR2", "_MG_")))
    base, at_ms = f"{name}{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.{raw}", at_ms, camera), library.shot(f"{base}.JPG", at_ms, camera))


def _single(library: Library) -> None:
    library.shot(f"IMG_{library.number():04d}.JPG", library.moment())


def _letter_case(library: Library) -> None:
    base, at_ms = f"{library.number():04d}", library.moment()
    names = library.dice.choice(((f"IMG_{base}.CR2", f"img_{base}.jpg"), (f"Dsc_{base}.nef", f"DSC_{base}.Jpeg")))
    library.one_picture(*(library.shot(name, at_ms) for name in names))


def _across_the_second(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment() // 1000 * 1000
    library.one_picture(library.shot(f"{base}.CR3", at_ms - 83), library.shot(f"{base}.JPG", at_ms + 300))


def _fraction_on_one_side(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(
        library.shot(f"{base}.CR3", at_ms // 1000 * 1000), library.shot(f"{base}.JPG", at_ms // 1000 * 1000 + 947)
    )


def _exactly_two_seconds(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.DNG", at_ms), library.shot(f"{base}.JPG", at_ms + 2000))


def _rollover(library: Library) -> None:
    base = f"IMG_{library.number():04d}"
    for _ in range(4):
        at_ms = library.moment()
        library.one_picture(library.shot(f"{base}.CR2", at_ms), library.shot(f"{base}.JPG", at_ms))


def _rollover_of_lone_halves(library: Library) -> None:
    base = f"IMG_{library.number():04d}"
    library.shot(f"{base}.CR2", library.moment())
    library.shot(f"{base}.JPG", library.moment())


def _minute_precision(library: Library) -> None:
    """The JPEG lost its seconds: too far from its RAW to be told from another picture of that name."""
    base, minute_ms = f"IMG_{library.number():04d}", library.moment() // 60_000 * 60_000
    library.shot(f"{base}.CR2", minute_ms + library.dice.randrange(3, 60) * 1000)
    library.shot(f"{base}.JPG", minute_ms)


def _two_cameras(library: Library) -> None:
    base, at_ms = f"DSC_{library.number():04d}", library.moment()
    library.shot(f"{base}.NEF", at_ms, Z6)
    library.shot(f"{base}.JPG", at_ms + library.dice.randrange(0, 1500), R5)


def _two_cameras_with_raw(library: Library) -> None:
    base, at_ms = f"DSC_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.NEF", at_ms, Z6), library.shot(f"{base}.JPG", at_ms, Z6))
    later_ms = at_ms + library.dice.randrange(0, 1900)
    library.one_picture(library.shot(f"{base}.CR3", later_ms, R5), library.shot(f"{base}.JPG", later_ms, R5))


def _two_bodies_of_one_model(library: Library) -> None:
    base, at_ms = f"DSC_{library.number():04d}", library.moment()
    for moment_ms in (at_ms, at_ms + library.dice.randrange(1100, 1900)):
        library.one_picture(library.shot(f"{base}.NEF", moment_ms, Z6), library.shot(f"{base}.JPG", moment_ms, Z6))


def _two_bodies_in_one_second(library: Library) -> None:
    """Rare, and not to be told apart: a person has to be asked, which counts as missed."""
    if not library.is_time_for():
        return
    base, at_ms = f"DSC_{library.number():04d}", library.moment() // 1000 * 1000
    for _ in range(2):
        library.one_picture(library.shot(f"{base}.NEF", at_ms, Z6), library.shot(f"{base}.JPG", at_ms, Z6))


def _camera_spelled_otherwise(library: Library) -> None:
    base, at_ms = f"DSC_{library.number():04d}", library.moment()
    library.one_picture(
        library.shot(f"{base}.NEF", at_ms, ("NIKON CORPORATION", "NIKON Z 6")),
        library.shot(f"{base}.JPG", at_ms, ("Nikon", "Z6")),
    )


def _camera_lost(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.CR3", at_ms), library.shot(f"{base}.PNG", at_ms, None))


def _no_offset_in_raw(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    hours_ms = library.dice.choice((-8, -1, 1, 5, 9)) * HOUR_MS
    library.one_picture(
        library.shot(f"{base}.CR3", at_ms, taken_at_ms=at_ms - hours_ms), library.shot(f"{base}.JPG", at_ms)
    )


def _clocks_differ(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    raw = library.shot(f"{base}.DNG", at_ms, GALAXY)
    jpeg = library.shot(f"{base}.JPG", at_ms + 3 * HOUR_MS, GALAXY, taken_at_ms=raw.taken_at_ms)
    library.one_picture(raw, jpeg)


def _burst_with_raw(library: Library) -> None:
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    for frame in range(8):
        base, moment_ms = f"IMG_{first + frame:04d}", at_ms + frame * 100
        library.one_picture(library.shot(f"{base}.CR3", moment_ms), library.shot(f"{base}.JPG", moment_ms))


def _photo_and_clip(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shot(f"{base}.JPG", at_ms)
    library.clip(f"{base}.MOV", at_ms + 300, R5)


def _encodings_of_a_clip(library: Library) -> None:
    base, at_ms = f"MVI_{library.number():04d}", library.moment()
    library.one_picture(
        library.clip(f"{base}.MOV", at_ms), library.clip(f"{base}.mp4", at_ms, None, duration_ms=10_400)
    )


def _cut_clip(library: Library) -> None:
    base, at_ms = f"MVI_{library.number():04d}", library.moment()
    library.clip(f"{base}.MOV", at_ms)
    library.clip(f"{base}.mp4", at_ms, None, duration_ms=4_000)


def _orphaned_raws(library: Library) -> None:
    """RAWs whose JPEGs were deleted, and JPEGs whose RAWs were."""
    first = library.dice.randrange(1, 9_000)
    for place in range(6):
        library.shot(f"IMG_{first + place:04d}.{'CR3' if place % 2 else 'JPG'}", library.moment() // 1000 * 1000)


def _a_day_of_one_minute_precision(library: Library) -> None:
    """A program cut the seconds off all of them: one minute, many pictures, told apart by their numbers."""
    first, minute_ms = library.dice.randrange(1, 9_000), library.moment() // 60_000 * 60_000
    for place in range(6):
        library.shots(f"DSC_{first + place:04d}", "NEF JPG", minute_ms, Z6)


def _rollover_within_the_hour(library: Library) -> None:
    """A time-lapse counts through ten thousand names and begins again."""
    base, at_ms = f"DSC_{library.number():04d}", library.moment()
    for again in range(3):
        library.shots(base, "NEF JPG", at_ms + again * 2_400_000, Z6)


def _rollover_of_two_bodies(library: Library) -> None:
    """Two bodies of one model at one event: equal names, seconds apart."""
    base, at_ms = f"_MG_{library.number():04d}", library.moment()
    for place in range(3):
        library.shots(base, "CR2 JPG", at_ms + place * 5_000)


def _film_by_the_roll(library: Library) -> None:
    """Scans have the day that somebody remembers, at midnight, and every roll counts from one."""
    day_ms = library.dice.randrange(-7_000, 9_000) * 86_400_000 + 200_000_000
    for roll in range(2):
        for frame in range(1, 5):
            library.shots(f"{frame:03d}", "tif jpg", day_ms, SCANNER, folder=f"/film/{library.number()}/roll {roll}")


def _film_uploaded_without_folders(library: Library) -> None:
    """Two rolls, one day, one name: nothing tells which JPEG is of which TIFF."""
    if library.is_time_for():
        day_ms, frame = library.dice.randrange(-7_000, -2_000) * 86_400_000, f"{library.dice.randrange(1, 37):02d}"
        library.shots(f"scan {frame}", "tif jpg", day_ms, SCANNER)
        library.shots(f"scan {frame}", "tif jpg", day_ms, SCANNER)


def _clock_never_set(library: Library) -> None:
    """All begin at the start of 1970, each time the battery is changed."""
    if library.is_time_for():
        library.shots(f"P{library.dice.randrange(1_010_001, 1_019_999)}", "ORF JPG", library.dice.randrange(100) * 1000)


def _clock_of_the_far_future(library: Library) -> None:
    if library.is_time_for():
        library.shots(f"IMG_{library.number():04d}", "CR3 JPG", 7_258_118_400_000 + library.moment())


def _clock_set_to_2099(library: Library) -> None:
    library.shots(f"IMG_{library.number():04d}", "CR3 JPG", 4_070_908_800_000 + library.moment() // 100)


def _drone(library: Library) -> None:
    base, at_ms = f"DJI_{library.number():04d}", library.moment() // 1000 * 1000
    library.shots(base, "DNG JPG", at_ms, ("DJI", "FC3582"))
    library.clip(f"DJI_{library.number():04d}.MP4", at_ms + 9_000, ("DJI", "FC3582"))


def _encodings_by_name(library: Library) -> None:
    base, at_ms = f"MVI_{library.number():04d}", library.moment() // 1000 * 1000
    names = (f"{base}.MOV", f"{base}_1080p.mp4", f"{base}-proxy.mp4", f"{base}_4K_h265.mp4")
    lengths_ms = (10_000, 10_010, 9_600, 10_400)
    clips = zip(names, lengths_ms, strict=True)
    library.one_picture(*(library.clip(name, at_ms, None, duration_ms=length_ms) for name, length_ms in clips))


def _clips_counted_by_hand(library: Library) -> None:
    at_ms = library.moment()
    for number in range(1, 5):
        library.clip(f"ski_{number:02d}.mp4", at_ms + number * 300, None)


def _marked_burst_with_raw(library: Library) -> None:
    """The camera writes its burst's id into the JPEGs only."""
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    burst_id = f"{library.dice.getrandbits(64):016X}"
    frames = []
    for place in range(6):
        base, moment_ms = f"DSC{first + place:05d}", at_ms + place * 120
        frames.append(
            [
                library.shot(f"{base}.ARW", moment_ms, SONY),
                library.shot(f"{base}.JPG", moment_ms, SONY, auto_stack_id=burst_id),
            ]
        )
        library.one_picture(*frames[-1])
    library.one_burst(frames)


def _id_of_every_picture(library: Library) -> None:
    """A camera that writes the same id into all of its pictures."""
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    for place in range(3):
        library.shot(f"PICT{first + place:04d}.JPG", at_ms + place * 900, OLD, auto_stack_id="00000000")


def _ids_of_their_own(library: Library) -> None:
    """A camera that gives every picture an id of its own."""
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    for place in range(3):
        unique = f"{library.dice.getrandbits(64):016x}"
        library.shots(f"SAM_{first + place:04d}", "SRW JPG", at_ms + place * 300, NX1, auto_stack_id=unique)


CAMERAS: tuple[Callable[[Library], None], ...] = (
    _raw_and_jpeg,
    _single,
    _letter_case,
    _across_the_second,
    _fraction_on_one_side,
    _exactly_two_seconds,
    _rollover,
    _rollover_of_lone_halves,
    _minute_precision,
    _two_cameras,
    _two_cameras_with_raw,
    _two_bodies_of_one_model,
    _two_bodies_in_one_second,
    _camera_spelled_otherwise,
    _camera_lost,
    _no_offset_in_raw,
    _clocks_differ,
    _burst_with_raw,
    _photo_and_clip,
    _encodings_of_a_clip,
    _cut_clip,
    _orphaned_raws,
    _a_day_of_one_minute_precision,
    _rollover_within_the_hour,
    _rollover_of_two_bodies,
    _film_by_the_roll,
    _film_uploaded_without_folders,
    _clock_never_set,
    _clock_of_the_far_future,
    _clock_set_to_2099,
    _drone,
    _encodings_by_name,
    _clips_counted_by_hand,
    _marked_burst_with_raw,
    _id_of_every_picture,
    _ids_of_their_own,
)
TO_BE_ASKED = frozenset(
    {_two_bodies_in_one_second, _film_uploaded_without_folders, _clock_never_set, _clock_of_the_far_future}
)
