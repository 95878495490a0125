from __future__ import annotations

import itertools
import unicodedata
from collections import defaultdict
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import rawpy
from PIL import Image

from sidecar.demo.library.cameras import EXIF_IFD
from sidecar.demo.library.catalogue import STORIES, make_library
from sidecar.demo.library.roll import DemoFile
from sidecar.formats import Format, format_of
from sidecar.media.decode import open_picture
from sidecar.media.errors import UndecodableMedia
from sidecar.media.sniff import sniff
from tests.demo.library.conftest import Made

VIDEOS = {Format.MP4, Format.MOV}

# The first test of all pays for painting the library, which a loaded machine does slowly.
pytestmark = pytest.mark.timeout(60)


def told(made: Made, story: str) -> list[DemoFile]:
    return [file for file in made.files if file.story == story]


def stacks(files: list[DemoFile]) -> dict[str, list[DemoFile]]:
    found = defaultdict(list)
    for file in files:
        if file.expected is not None:
            found[file.expected].append(file)
    return found


def exif_of(file: DemoFile) -> dict[int, Any]:
    """Every field of both directories; a RAW is a TIFF, which the EXIF reader takes whole."""
    exif = Image.Exif()
    if sniff(file.data, file.name).format is Format.RAW:
        exif.load(file.data)
        return dict(exif) | exif.get_ifd(EXIF_IFD)
    with Image.open(BytesIO(file.data)) as image:
        exif = image.getexif()
        return dict(exif) | exif.get_ifd(EXIF_IFD)


def wall_clock(file: DemoFile) -> datetime:
    fields = exif_of(file)
    taken = datetime.strptime(fields[36867], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  # a camera's clock
    return taken + timedelta(milliseconds=10 * int(fields[37521]))


def test_every_story_is_told_in_order_and_explained(made: Made) -> None:
    in_order = [story for story, _ in itertools.groupby(file.story for file in made.files)]
    assert in_order == list(STORIES)
    assert all(sentence.endswith(".") for sentence in STORIES.values())
    assert 60 <= len(made.files) <= 105


def test_every_expected_stack_has_two_or_more_files_of_one_owner(made: Made) -> None:
    for label, members in stacks(made.files).items():
        assert len(members) >= 2, label
        assert len({(file.owner, file.folder, file.story) for file in members}) == 1, label
        formats_and_names = {(format_of(file.name), file.name) for file in members}
        assert len(formats_and_names) == len(members), label


def test_every_set_of_duplicates_has_two_or_more_files_of_one_owner_and_story(made: Made) -> None:
    found: dict[str, list[DemoFile]] = {}
    for file in made.files:
        if file.duplicates is not None:
            found.setdefault(file.duplicates, []).append(file)
    assert len(found) >= 6
    for files in found.values():
        assert len(files) >= 2
        assert len({(file.owner, file.story) for file in files}) == 1


def test_every_expected_stack_is_one_camera_within_two_seconds(made: Made) -> None:
    for label, members in stacks(made.files).items():
        assert len({(exif_of(file)[271], exif_of(file)[272]) for file in members}) == 1, label
        times = [wall_clock(file) for file in members]
        assert max(times) - min(times) <= timedelta(seconds=2), label


def test_the_bytes_are_true_to_their_names_but_for_the_damaged(made: Made) -> None:
    liars = [file for file in made.files if not sniff(file.data, file.name).agrees]
    assert [file.name for file in liars] == ["IMG_4041.CR2", "IMG_4042.CR2"]


def test_every_picture_opens_but_for_the_damaged(made: Made) -> None:
    broken = []
    for file in made.files:
        if format_of(file.name) in VIDEOS:
            continue
        try:
            open_picture(file.data, file.name)
        except UndecodableMedia:
            broken.append(file.name)
    assert broken == ["IMG_4040.JPG", "IMG_4041.CR2"]


def test_every_raw_opens_in_libraw_whoever_named_it(made: Made) -> None:
    raws = [file for file in made.files if sniff(file.data, file.name).format is Format.RAW]
    assert {file.name.rpartition(".")[2].upper() for file in raws} == {"CR2", "NEF", "ARW", "DNG"}
    for file in raws:
        with rawpy.imread(BytesIO(file.data)) as raw:
            assert raw.sizes.raw_width * raw.sizes.raw_height > 300_000


@pytest.mark.parametrize(
    ("story", "apart_s"),
    [("two-seconds", 2), ("three-seconds", 3), ("no-offset", 0), ("sony-upright", 0), ("letter-case", 0)],
)
def test_pairs_are_exactly_as_far_apart_as_their_story_says(made: Made, story: str, apart_s: int) -> None:
    raw, jpeg = told(made, story)
    assert wall_clock(jpeg) - wall_clock(raw) == timedelta(seconds=apart_s)
    assert exif_of(raw)[272] == exif_of(jpeg)[272]


def test_the_raw_without_an_offset_is_hours_away_in_utc(made: Made) -> None:
    raw, jpeg = told(made, "no-offset")
    assert 36881 not in exif_of(raw)
    assert raw.modified_at - jpeg.modified_at == timedelta(hours=9)


def test_the_burst_lies_within_a_second(made: Made) -> None:
    frames = [wall_clock(file) for file in told(made, "burst")]
    assert len(set(frames)) == 5
    assert max(frames) - min(frames) < timedelta(seconds=1)


def test_the_wedding_tells_numbers_and_one_date(made: Made) -> None:
    delivered = told(made, "wedding")
    assert [file.name for file in delivered] == [f"Anna & Tom ({number}).jpg" for number in range(1, 7)]
    assert len({file.modified_at for file in delivered}) == 1
    assert all(not exif_of(file) for file in delivered)


def test_exact_copies_are_equal_bytes_here_and_there(made: Made) -> None:
    first, in_library, second, renamed = told(made, "exact-copies")
    assert first.data == in_library.data
    assert first.name == in_library.name
    assert second.data == renamed.data
    assert second.name != renamed.name
    assert [file.folder is None for file in (first, in_library, second, renamed)] == [True, False, True, False]


def test_a_scattered_photograph_is_three_times_the_same_and_once_smaller(made: Made) -> None:
    uploaded, *in_library, mailed = told(made, "scattered")
    assert [file.data == uploaded.data for file in in_library] == [True, True]
    assert [file.folder is None for file in (uploaded, *in_library, mailed)] == [True, False, False, True]
    assert open_picture(mailed.data, mailed.name).width < open_picture(uploaded.data, uploaded.name).width


def test_the_retouched_copy_is_brighter_and_tells_nothing_of_its_origin(made: Made) -> None:
    original, printed = told(made, "retouched")
    means = [np.asarray(open_picture(file.data, file.name)).mean() for file in (original, printed)]
    assert means[1] > means[0] * 1.03
    assert exif_of(printed) == {}


def test_the_frames_behind_the_lens_cap_are_black_and_not_the_same(made: Made) -> None:
    first, second = (open_picture(file.data, file.name) for file in told(made, "lens-cap"))
    assert max(np.asarray(first).max(), np.asarray(second).max()) < 10
    assert first.tobytes() != second.tobytes()


def test_no_other_files_are_equal(made: Made) -> None:
    others = [file.data for file in made.files if file.story not in {"exact-copies", "scattered"}]
    assert len(set(others)) == len(others)


def test_two_cameras_agree_in_name_and_second(made: Made) -> None:
    shots = told(made, "two-cameras")
    assert len({wall_clock(file) for file in shots}) == 1
    assert len({exif_of(file)[272] for file in shots}) == 2
    assert len(stacks(shots)) == 2


def test_bob_has_anns_name_camera_and_second(made: Made) -> None:
    (anns,) = [file for file in told(made, "canon-pairs") if file.name == "IMG_0231.JPG"]
    bobs = told(made, "bob")[0]
    assert (bobs.owner, anns.owner) == ("bob", "ann")
    assert (bobs.name, wall_clock(bobs), exif_of(bobs)[272]) == (anns.name, wall_clock(anns), exif_of(anns)[272])


def test_names_are_as_odd_as_promised(made: Made) -> None:
    composed, decomposed, *longest, bare = told(made, "odd-names")
    assert composed.name.rpartition(".")[0] != decomposed.name.rpartition(".")[0]
    assert unicodedata.normalize("NFC", decomposed.name[:-4]) == composed.name[:-4]
    assert [len(file.name.encode()) for file in longest] == [255, 255]
    assert format_of(bare.name) is Format.UNKNOWN


def test_a_live_photos_film_names_the_photo_before_it(made: Made) -> None:
    halves = [(file.name, file.live_photo_video_of) for file in made.files if file.live_photo_video_of]
    assert halves == [("IMG_0777.MOV", "IMG_0777.JPG")]
    still, film = told(made, "live-photo")
    assert still.name == film.live_photo_video_of


def test_no_path_is_used_twice_and_no_upload_repeats_another(made: Made) -> None:
    paths = [(file.folder, file.name) for file in made.files if file.folder]
    assert len(set(paths)) == len(paths)
    uploads = [(file.owner, file.data) for file in made.files if not file.folder]
    assert len(set(uploads)) == len(uploads)  # Immich would refuse the second as a duplicate


def test_the_same_seed_gives_the_same_bytes(made: Made) -> None:
    again = list(itertools.islice(make_library(seed=1), 12))
    assert again == made.files[:12]
    assert next(iter(make_library(seed=2))).data != made.files[0].data


@pytest.mark.usefixtures("unpainted")
def test_a_larger_scale_repeats_the_names_at_other_times_without_mixing_stacks() -> None:
    files = list(make_library(scale=3))
    once = list(make_library())
    assert len(files) == 3 * len(once)
    assert len(stacks(files)) == 3 * len(stacks(once))
    together = defaultdict(set)
    for file in files:
        if file.folder:
            together[file.folder].add(file.name)
    assert sum(map(len, together.values())) == sum(1 for file in files if file.folder)
    rolled = [file for file in files if file.name == "IMG_0231.JPG" and file.owner == "ann"]
    times = sorted(file.modified_at for file in rolled)
    assert all(later - earlier > timedelta(days=1) for earlier, later in itertools.pairwise(times))
