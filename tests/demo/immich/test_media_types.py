from __future__ import annotations

import pytest

from sidecar.demo.immich.media_types import content_type_of, is_web_image, kind_of, media_types
from sidecar.demo.immich.versions import behaviour_of
from sidecar.model import AssetKind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("noext", None, id="no extension"),
        pytest.param(".jpg", None, id="nothing but an extension"),
        pytest.param("a.txt", None, id="no picture"),
        pytest.param("a.JPG", AssetKind.IMAGE, id="upper case"),
        pytest.param("a.b.cr3", AssetKind.IMAGE, id="two dots"),
        pytest.param("a.mov", AssetKind.VIDEO, id="video"),
    ],
)
def test_the_extension_decides_what_a_file_is(name: str, kind: AssetKind | None) -> None:
    assert kind_of(name, behaviour_of("3.1.0")) == kind


def test_multi_picture_files_came_with_3_0() -> None:
    assert ".mpo" in media_types(behaviour_of("3.0.3"))["image"]
    assert ".mpo" not in media_types(behaviour_of("2.7.5"))["image"]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.JPG", "image/jpeg"),
        ("a.CR2", "image/cr2"),
        ("a.tif", "image/tiff"),
        ("a.MOV", "video/quicktime"),
        ("a.mp4", "video/mp4"),
    ],
)
def test_files_have_immichs_content_types(name: str, content_type: str) -> None:
    assert content_type_of(name) == content_type


def test_browsers_show_jpeg_but_no_raw() -> None:
    assert is_web_image("a.JPEG")
    assert not is_web_image("a.dng")
