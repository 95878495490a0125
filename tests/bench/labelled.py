"""A library whose truth is known: what a photographer would call one picture, situation by situation, with noise.

The truth is written down where the pictures are made, not derived from names or rules.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from uuid import UUID

from sidecar.grouping.engine import Confidence, PairingRules, pair
from sidecar.model import Asset, AssetId, AssetKind, OwnerId, Visibility

_OWNER = OwnerId("00000000-0000-4000-8000-00000000000a")
_PARTNER = OwnerId("00000000-0000-4000-8000-00000000000b")
_START_MS = 1_500_000_000_000
_HOUR_MS = 3_600_000
_RARELY = 0.1
_R5 = ("Canon", "Canon EOS R5")
_Z6 = ("NIKON CORPORATION", "NIKON Z 6")
_IPHONE = ("Apple", "iPhone 12")
_PIXEL = ("Google", "Pixel 8 Pro")
_GALAXY = ("samsung", "SM-S918B")
_XPERIA = ("Sony", "XQ-BC52")

Pair = frozenset[AssetId]


@dataclass
class Library:
    """Assets under construction, and which of them are one picture."""

    dice: random.Random
    assets: list[Asset] = field(default_factory=list)
    truth: set[Pair] = field(default_factory=set)
    situation_of: dict[AssetId, str] = field(default_factory=dict)
    situation: str = ""
    _clock_ms: int = _START_MS

    def moment(self) -> int:
        """A capture time of its own: minutes after everything before it, with a fraction of a second."""
        self._clock_ms += self.dice.randrange(120_000, 900_000)
        return self._clock_ms

    def number(self) -> int:
        """A counter of four digits, as cameras count."""
        return self.dice.randrange(1, 9_999)

    def shot(self, name: str, at_ms: int, camera: tuple[str, str] | None = _R5, **changes: object) -> Asset:
        """One file, of an extracted upload unless changes say otherwise."""
        make, model = camera or (None, None)
        plain = Asset(
            id=AssetId(str(UUID(int=self.dice.getrandbits(128), version=4))),
            owner_id=_OWNER,
            name=name,
            folder=None,
            kind=AssetKind.IMAGE,
            visibility=Visibility.TIMELINE,
            taken_at_ms=at_ms - 2 * _HOUR_MS,
            taken_local_ms=at_ms,
            make=make,
            model=model,
            duration_ms=None,
            width=6000,
            height=4000,
            size_bytes=self.dice.randrange(1_000_000, 40_000_000),
            live_photo_video_id=None,
            is_trashed=False,
            is_offline=False,
            is_extracted=True,
            updated_at_ms=at_ms,
        )
        asset = replace(plain, **changes)  # type: ignore[arg-type]  # names are checked by dataclasses.replace itself
        self.assets.append(asset)
        self.situation_of[asset.id] = self.situation
        return asset

    def clip(self, name: str, at_ms: int, camera: tuple[str, str] | None = _IPHONE, **changes: object) -> Asset:
        """One video file of ten seconds, unless changes say otherwise."""
        return self.shot(name, at_ms, camera, **({"kind": AssetKind.VIDEO, "duration_ms": 10_000} | changes))

    def one_picture(self, *versions: Asset) -> None:
        """Write down that these are versions of one picture."""
        self.truth.update(frozenset({one.id, other.id}) for one, other in combinations(versions, 2))


def _raw_and_jpeg(library: Library) -> None:
    camera, raw, name = library.dice.choice(((_R5, "CR3", "IMG_"), (_Z6, "NEF", "DSC_"), (_R5, "CR2", "_MG_")))
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
    library.shot(f"{base}.NEF", at_ms, _Z6)
    library.shot(f"{base}.JPG", at_ms + library.dice.randrange(0, 1500), _R5)


def _two_cameras_with_raw(library: Library) -> None:
    base, at_ms = f"DSC_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.NEF", at_ms, _Z6), library.shot(f"{base}.JPG", at_ms, _Z6))
    later_ms = at_ms + library.dice.randrange(0, 1900)
    library.one_picture(library.shot(f"{base}.CR3", later_ms, _R5), library.shot(f"{base}.JPG", later_ms, _R5))


def _two_bodies_of_one_model(library: Library) -> None:
    base, at_ms = f"DSC_{library.number():04d}", library.moment()
    for moment_ms in (at_ms, at_ms + library.dice.randrange(1100, 1900)):
        library.one_picture(library.shot(f"{base}.NEF", moment_ms, _Z6), library.shot(f"{base}.JPG", moment_ms, _Z6))


def _two_bodies_in_one_second(library: Library) -> None:
    """Rare, and not to be told apart: a person has to be asked, which counts as missed."""
    if library.dice.random() > _RARELY:
        return
    base, at_ms = f"DSC_{library.number():04d}", library.moment() // 1000 * 1000
    for _ in range(2):
        library.one_picture(library.shot(f"{base}.NEF", at_ms, _Z6), library.shot(f"{base}.JPG", at_ms, _Z6))


def _jpeg_uploaded_twice(library: Library) -> None:
    """Rare, and a person's choice: which of two equal JPEGs goes with the RAW."""
    if library.dice.random() > _RARELY:
        return
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.CR3", at_ms), library.shot(f"{base}.JPG", at_ms))
    library.shot(f"{base}.jpg", at_ms)


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
    hours_ms = library.dice.choice((-8, -1, 1, 5, 9)) * _HOUR_MS
    library.one_picture(
        library.shot(f"{base}.CR3", at_ms, taken_at_ms=at_ms - hours_ms), library.shot(f"{base}.JPG", at_ms)
    )


def _clocks_differ(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    raw = library.shot(f"{base}.DNG", at_ms, _GALAXY)
    jpeg = library.shot(f"{base}.JPG", at_ms + 3 * _HOUR_MS, _GALAXY, taken_at_ms=raw.taken_at_ms)
    library.one_picture(raw, jpeg)


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
    camera = _R5 if library.dice.random() < 0.7 else None
    library.one_picture(
        library.shot(f"{base}.CR3", at_ms),
        library.shot(f"{base}.JPG", at_ms),
        library.shot(f"{base}{suffix}.{extension}", at_ms // 1000 * 1000, camera),
    )


def _takeout(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    word = library.dice.choice(("edited", "bearbeitet", "modifié", "editado", "編集済み"))
    library.one_picture(library.shot(f"{base}.jpg", at_ms, _PIXEL), library.shot(f"{base}-{word}.jpg", at_ms, _PIXEL))
    later_ms = at_ms + 700
    library.one_picture(
        library.shot(f"{base}(1).jpg", later_ms, _PIXEL), library.shot(f"{base}-{word}(1).jpg", later_ms, _PIXEL)
    )


def _apple_edit(library: Library) -> None:
    number, at_ms = library.number(), library.moment()
    edit = library.dice.choice(("JPG", "HEIC"))
    library.one_picture(
        library.shot(f"IMG_{number:04d}.HEIC", at_ms, _IPHONE),
        library.shot(f"IMG_E{number:04d}.{edit}", at_ms, _IPHONE),
    )


def _photo_and_clip(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.shot(f"{base}.JPG", at_ms)
    library.clip(f"{base}.MOV", at_ms + 300, _R5)


def _live_photo(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    clip = library.clip(f"{base}.MOV", at_ms, visibility=Visibility.HIDDEN)
    library.one_picture(
        library.shot(f"{base}.HEIC", at_ms, _IPHONE, live_photo_video_id=clip.id),
        library.shot(f"{base}.DNG", at_ms, _IPHONE),
    )


def _live_photo_beside_its_clip(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    clip = library.clip(f"{base}.MOV", at_ms)
    library.shot(f"{base}.HEIC", at_ms, _IPHONE, live_photo_video_id=clip.id)
    library.clip(f"{base}.MP4", at_ms)


def _stamp(at_ms: int) -> str:
    seconds = at_ms // 1000
    return f"20240501_{seconds // 3600 % 24:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def _galaxy_burst(library: Library) -> None:
    at_ms = library.moment()
    for frame in range(6):
        tail = f"_{frame:02d}" if frame else ""
        library.shot(f"{_stamp(at_ms)}{tail}.jpg", at_ms + frame * 90, _GALAXY)


def _galaxy_raw_burst(library: Library) -> None:
    at_ms = library.moment() // 1000 * 1000
    for frame in range(4):
        tail = f"_{frame:02d}" if frame else ""
        base, moment_ms = f"{_stamp(at_ms)}{tail}", at_ms + frame * 200
        library.one_picture(
            library.shot(f"{base}.dng", moment_ms, _GALAXY), library.shot(f"{base}.jpg", moment_ms, _GALAXY)
        )


def _xperia_burst(library: Library) -> None:
    base, at_ms = f"DSC_{library.number():04d}_BURST{_stamp(library.moment())}", library.moment()
    for frame in range(5):
        cover = "_COVER" if frame == 2 else ""
        library.shot(f"{base}{frame:03d}{cover}.JPG", at_ms + frame * 60, _XPERIA)


def _pixel_burst(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{_stamp(at_ms)}{at_ms % 1000:03d}"
    for frame in range(4):
        cover = ".COVER" if frame == 0 else ""
        library.shot(f"{base}.BURST-{frame + 1:02d}{cover}.jpg", at_ms + frame * 80, _PIXEL)


def _burst_with_raw(library: Library) -> None:
    at_ms, first = library.moment(), library.dice.randrange(1, 9_900)
    for frame in range(8):
        base, moment_ms = f"IMG_{first + frame:04d}", at_ms + frame * 100
        library.one_picture(library.shot(f"{base}.CR3", moment_ms), library.shot(f"{base}.JPG", moment_ms))


def _pixel_raw(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{_stamp(at_ms)}{at_ms % 1000:03d}"
    mode = library.dice.choice(("", ".NIGHT", ".MP"))
    library.one_picture(
        library.shot(f"{base}{mode}.RAW-01.COVER.jpg", at_ms, _PIXEL),
        library.shot(f"{base}{mode}.RAW-02.ORIGINAL.dng", at_ms, _PIXEL),
    )


def _pixel_portrait(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{_stamp(at_ms)}{at_ms % 1000:03d}"
    library.one_picture(
        library.shot(f"{base}.PORTRAIT-01.COVER.jpg", at_ms, _PIXEL),
        library.shot(f"{base}.PORTRAIT-02.ORIGINAL.jpg", at_ms, _PIXEL),
    )


def _pixel_copy(library: Library) -> None:
    at_ms = library.moment()
    base = f"PXL_{_stamp(at_ms)}{at_ms % 1000:03d}.MP"
    library.one_picture(library.shot(f"{base}.jpg", at_ms, _PIXEL), library.shot(f"{base}~2.jpg", at_ms, _PIXEL))


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


def _heic_and_jpeg(library: Library) -> None:
    base, at_ms = f"IMG_{library.number():04d}", library.moment()
    library.one_picture(library.shot(f"{base}.HEIC", at_ms, _IPHONE), library.shot(f"{base}.jpg", at_ms, _IPHONE))


def _encodings_of_a_clip(library: Library) -> None:
    base, at_ms = f"MVI_{library.number():04d}", library.moment()
    library.one_picture(
        library.clip(f"{base}.MOV", at_ms), library.clip(f"{base}.mp4", at_ms, None, duration_ms=10_400)
    )


def _cut_clip(library: Library) -> None:
    base, at_ms = f"MVI_{library.number():04d}", library.moment()
    library.clip(f"{base}.MOV", at_ms)
    library.clip(f"{base}.mp4", at_ms, None, duration_ms=4_000)


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
    library.shot(f"{base}.JPG", at_ms, owner_id=_PARTNER)


def _composed_unicode(library: Library) -> None:
    number, at_ms = library.number(), library.moment()
    library.one_picture(library.shot(f"Caf\u00e9 {number}.CR3", at_ms), library.shot(f"Cafe\u0301 {number}.jpg", at_ms))


SITUATIONS: tuple[Callable[[Library], None], ...] = (
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
    _jpeg_uploaded_twice,
    _camera_spelled_otherwise,
    _camera_lost,
    _no_offset_in_raw,
    _clocks_differ,
    _wedding,
    _wedding_in_two_formats,
    _edits,
    _takeout,
    _apple_edit,
    _photo_and_clip,
    _live_photo,
    _live_photo_beside_its_clip,
    _galaxy_burst,
    _galaxy_raw_burst,
    _xperia_burst,
    _pixel_burst,
    _burst_with_raw,
    _pixel_raw,
    _pixel_portrait,
    _pixel_copy,
    _short_dos_names,
    _darktable,
    _virtual_copies,
    _numbered_by_hand,
    _named_by_place,
    _converted,
    _exported_with_raw_extension,
    _heic_and_jpeg,
    _encodings_of_a_clip,
    _cut_clip,
    _half_out_of_sight,
    _both_archived,
    _half_archived,
    _raw_and_jpeg_folders,
    _backup_folder,
    _same_file_twice,
    _screenshots_of_one_name,
    _partners_half,
    _composed_unicode,
)


def labelled_library(*, size: int, seed: int) -> Library:
    """At least `size` assets, every situation about equally often in a shuffled order, the same for the same seed."""
    library = Library(random.Random(seed))
    while len(library.assets) < size:
        for make in SITUATIONS:
            library.situation = make.__name__.strip("_").replace("_", " ")
            make(library)
    library.dice.shuffle(library.assets)
    return library


@dataclass(frozen=True, slots=True)
class Score:
    """Pairs of assets counted: rightly stacked, wrongly stacked, missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """The share of what was stacked that belongs together."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of what belongs together that was stacked."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def certain_pairs(assets: Iterable[Asset], rules: PairingRules) -> set[Pair]:
    """Every two assets that would be stacked without asking anybody, owner by owner."""
    owned: dict[OwnerId, list[Asset]] = defaultdict(list)
    for asset in assets:
        owned[asset.owner_id].append(asset)
    return {frozenset(couple) for mine in owned.values() for couple in _couples(mine, rules)}


def _couples(assets: list[Asset], rules: PairingRules) -> Iterator[tuple[AssetId, AssetId]]:
    for proposal in pair(assets, rules).proposals:
        if proposal.confidence is Confidence.CERTAIN:
            yield from combinations(proposal.member_ids, 2)


def score(library: Library, rules: PairingRules) -> dict[str, Score]:
    """The score of each situation, and of all together under the name "all"."""
    stacked = certain_pairs(library.assets, rules)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for couple in stacked | library.truth:
        outcome = "missed" if couple not in stacked else "right" if couple in library.truth else "wrong"
        counts[library.situation_of[min(couple)]][outcome] += 1
        counts["all"][outcome] += 1
    return {name: Score(each["right"], each["wrong"], each["missed"]) for name, each in sorted(counts.items())}
