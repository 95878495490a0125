"""All stories in their order, and the library that they tell together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sidecar.demo.library import apart, together
from sidecar.demo.library.roll import DemoFile, Roll

_TOLD: tuple[tuple[str, Callable[[Roll], Iterator[DemoFile]], str], ...] = (
    ("canon-pairs", together.canon_pairs, "Each RAW is stacked with its JPEG, also across a full second."),
    ("nikon-library", together.nikon_library, "Pairs in an external library are stacked like uploads."),
    ("sony-upright", together.sony_upright, "A pair taken with the camera turned is one stack."),
    ("true-dng", together.true_dng, "DNG is RAW: each is stacked with its JPEG, with or without a preview inside."),
    ("phone-raw", together.phone_raw, "A phone's RAW and JPEG are stacked, whatever suffixes the phone gives them."),
    ("letter-case", together.letter_case, "Capitals in names make no difference: one stack."),
    ("two-seconds", together.two_seconds, "Exactly two seconds apart is still a pair."),
    ("no-offset", together.no_offset, "The same wall clock is a pair, although UTC differs by nine hours."),
    ("edits", together.edits, "Edited versions join the stack of their original."),
    ("formats", together.formats, "One picture in several formats is one stack."),
    ("odd-names", together.odd_names, "Accents and very long names pair; a file without an extension stays alone."),
    ("three-seconds", apart.three_seconds, "Three seconds apart is no pair."),
    ("rollover", apart.rollover, "Only the RAW and the JPEG of one moment are stacked, no namesake of other years."),
    ("two-cameras", apart.two_cameras, "Each camera's pair is a stack of its own."),
    ("burst", apart.burst, "A burst is left alone unless burst stacking is switched on."),
    ("wedding", apart.wedding, "Numbered deliveries are different pictures: nothing is stacked."),
    ("exact-copies", apart.exact_copies, "Equal bytes are duplicates to review, not versions to stack."),
    ("re-encoded", apart.re_encoded, "Re-encoded and resized copies are duplicates to review, not versions to stack."),
    ("photo-and-clip", apart.photo_and_clip, "A photo and a film of one name are left alone."),
    ("live-photo", apart.live_photo, "The two halves of a live photo are one asset: nothing to stack."),
    ("orphans", apart.orphans, "A RAW without its JPEG stays alone."),
    ("damaged", apart.damaged, "Broken and mislabelled files are left alone and stop nothing else."),
    ("bob", apart.bob, "Bob's files never meet Ann's; his own pair is his own stack."),
    ("ordinary", apart.ordinary, "Photographs that have nothing in common stay alone."),
    (
        "scattered",
        apart.scattered,
        "One photograph in three places and once smaller is one set of duplicates, no stack.",
    ),
    (
        "retouched",
        apart.retouched,
        "A brighter copy under another name is a duplicate to look at, not a version to stack.",
    ),
    (
        "lens-cap",
        apart.lens_cap,
        "Two black frames look alike and may be anything: shown apart, never decided in bulk.",
    ),
)

STORIES: dict[str, str] = {key: sentence for key, _, sentence in _TOLD}
"""Every situation in the library -> one sentence about what should happen, in the order of the files."""


def make_library(seed: int = 1, scale: int = 1) -> Iterable[DemoFile]:
    """The library's files one by one, story after story; the same bytes for the same seed and package versions.

    Shape:  owners are ann and bob; DemoFile.expected says which files belong in one stack. Above 1, scale tells all
            stories again with new pictures, under the same names and at later dates: counters that roll over.
    Units:  about 100 files, 30 MB and 3 seconds of one core for each step of scale.
    """
    for copy in range(scale):
        roll = Roll(seed, copy)
        for _, tell, _ in _TOLD:
            yield from tell(roll)
