from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.commands.duplicates.files import File, decision_line, line_of, told_apart
from sidecar.model import AssetId
from sidecar.storage.resolutions import Resolution
from tests.builders import OWNER

ONE, OTHER, THIRD = AssetId("3f9a01c2-aaaa"), AssetId("77b0c4d5-bbbb"), AssetId("91e2f3a4-cccc")


def of_names(*names: str) -> dict[AssetId, File]:
    return {asset_id: File(name, None, 1_200_000) for asset_id, name in zip((ONE, OTHER, THIRD), names, strict=False)}


@pytest.mark.parametrize(
    ("files", "line"),
    [
        pytest.param(of_names("A.JPG", "B.JPG"), "A.JPG + B.JPG", id="two names"),
        pytest.param(
            of_names("A.JPG", "A.JPG", "B.JPG"),
            "A.JPG (upload, 1.2 MB, 3f9a01c2) + A.JPG (upload, 1.2 MB, 77b0c4d5) + B.JPG",
            id="one name of two",
        ),
        pytest.param(
            of_names("IMG.JPG", "img.jpg"),
            "IMG.JPG (upload, 1.2 MB, 3f9a01c2) + img.jpg (upload, 1.2 MB, 77b0c4d5)",
            id="one name in two cases",
        ),
        pytest.param(
            {ONE: File("A.JPG", "/mnt/sea", 5), OTHER: File("A.JPG", None, None)},
            "A.JPG (/mnt/sea, 5 bytes, 3f9a01c2) + A.JPG (upload, 77b0c4d5)",
            id="in a library, and of no known size",
        ),
        pytest.param(
            {ONE: File("A\x1b.JPG", "/mnt/\x1b", 5), OTHER: File("A\x07.JPG", "/" + "x" * 99, 5)},
            f"A\ufffd.JPG (/mnt/\ufffd, 5 bytes, 3f9a01c2) + A\ufffd.JPG (/{'x' * 38}…{'x' * 20}, 5 bytes, 77b0c4d5)",
            id="as a terminal shows them",
        ),
    ],
)  # fmt: skip
def test_files_of_one_name_are_told_apart(files: dict[AssetId, File], line: str) -> None:
    assert line_of(list(files), files) == line


def test_whoever_is_known_no_more_is_an_id() -> None:
    assert line_of([ONE, OTHER], of_names("A.JPG")) == f"A.JPG + {OTHER}"


def test_ids_are_as_long_as_tells_them_apart() -> None:
    near = {AssetId(f"3f9a01c2-{end}"): File("A.JPG", None, 5) for end in ("1aa", "2aa")}
    assert line_of(list(near), near) == "A.JPG (upload, 5 bytes, 3f9a01c2-1) + A.JPG (upload, 5 bytes, 3f9a01c2-2)"


def test_names_repeat_also_with_those_who_are_shown_elsewhere_in_the_line() -> None:
    files = of_names("A.JPG", "A.JPG", "B.JPG")
    assert line_of([ONE], files) == "A.JPG"
    assert line_of([ONE], files, among=[OTHER]) == "A.JPG (upload, 1.2 MB, 3f9a01c2)"
    assert decision_line(Resolution("r", OWNER, "0" * 12, (ONE,), (OTHER, THIRD)), files) == (
        "kept: A.JPG (upload, 1.2 MB, 3f9a01c2); to the trash: A.JPG (upload, 1.2 MB, 77b0c4d5) + B.JPG"
    )


NAMES = st.sampled_from(["A.JPG", "a.jpg", "B.JPG", "x" * 70, "y" + "x" * 69, "A\x1b.JPG", "A\x07.JPG"])
IDS = st.text(string.hexdigits.lower(), min_size=36, max_size=36).map(AssetId)


@given(st.dictionaries(IDS, st.builds(File, NAMES, st.none() | st.just("/mnt/sea"), st.none() | st.just(5))))
def test_no_two_files_read_the_same(files: dict[AssetId, File]) -> None:
    called = told_apart(files, files)
    assert called.keys() == files.keys()
    assert len(set(called.values())) == len(files)
