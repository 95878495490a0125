from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sidecar.formats import EXTENSIONS, Format
from sidecar.media import sniff as sniff_module
from sidecar.media.sniff import HEAD_BYTES, UNKNOWN_MIME, head_of, mime_of, sniff

SHARED = Path(os.environ.get("SIDECAR_SHARED", Path(__file__).parents[2].parent / "shared"))


def picture(file_format: str) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (32, 24), (200, 30, 40)).save(stream, file_format)
    return stream.getvalue()


def iso_box(brand: str) -> bytes:
    return b"\0\0\0\x18ftyp" + brand.ljust(4).encode() + bytes(4) + b"mif1isom"


TIFF = b"II*\0\x08\0\0\0" + bytes(100)
TRANSPORT_PACKET = b"G@\0\x10" + bytes(184)
MATROSKA = bytes.fromhex("1a45dfa3")


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        pytest.param(TIFF, "a.NEF", Format.RAW, id="most RAW families are TIFF inside"),
        pytest.param(TIFF, "a.tif", Format.TIFF, id="a TIFF by both"),
        pytest.param(TIFF, "a", Format.TIFF, id="a TIFF whose name claims nothing"),
        pytest.param(TIFF, "a.jpg", Format.TIFF, id="a TIFF whose name lies"),
        pytest.param(b"II*\0\x10\0\0\0CR\x02\0" + bytes(100), "a.jpg", Format.RAW, id="CR2 needs no name"),
        pytest.param(iso_box("crx "), "a", Format.RAW, id="CR3"),
        pytest.param(b"FUJIFILMCCD-RAW 0201FF383501" + bytes(100), "a", Format.RAW, id="RAF"),
        pytest.param(b"IIRO\x08\0\0\0" + bytes(100), "a", Format.RAW, id="ORF"),
        pytest.param(b"IIU\0\x18\0\0\0" + bytes(100), "a", Format.RAW, id="RW2"),
        pytest.param(b"II\x1a\0\0\0HEAPCCDR" + bytes(100), "a", Format.RAW, id="CRW"),
        pytest.param(b"\0MRM" + bytes(100), "a", Format.RAW, id="MRW"),
        pytest.param(b"FOVb\0\0\2\0" + bytes(100), "a", Format.RAW, id="X3F"),
        pytest.param(b"IIII" + bytes(100), "a", Format.RAW, id="IIQ"),
        pytest.param(b"MMMM" + bytes(100), "a", Format.RAW, id="IIQ, big-endian"),
        pytest.param(b"ARRI" + bytes(100), "a", Format.RAW, id="ARI"),
        pytest.param(b"\x80\x2a\x5f\xd7" + bytes(100), "a", Format.RAW, id="Cineon, which libmagic calls text"),
        pytest.param(picture("JPEG"), "a.jpeg", Format.JPEG, id="JPEG"),
        pytest.param(picture("PNG"), "a.png", Format.PNG, id="PNG"),
        pytest.param(picture("WEBP"), "a.webp", Format.WEBP, id="WebP"),
        pytest.param(picture("AVIF"), "a.avif", Format.AVIF, id="AVIF"),
        pytest.param(picture("GIF"), "a.gif", Format.GIF, id="GIF"),
        pytest.param(picture("BMP"), "a.bmp", Format.BMP, id="BMP"),
        pytest.param(picture("JPEG2000"), "a.jp2", Format.JP2, id="JPEG 2000"),
        pytest.param(iso_box("heic"), "a.heic", Format.HEIC, id="HEIC"),
        pytest.param(iso_box("mif1"), "a.avif", Format.AVIF, id="a HEIF box named AVIF"),
        pytest.param(iso_box("mif1"), "a.jpg", Format.HEIC, id="a HEIF box is HEIC unless the name says AVIF"),
        pytest.param(b"\xff\x0a" + bytes(40), "a.jxl", Format.JXL, id="JPEG XL, bare"),
        pytest.param(iso_box("jxl "), "a.jxl", Format.JXL, id="JPEG XL in a box"),
        pytest.param(b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x10\0\0\0\x10\0\x08\0\3", "a.psb", Format.PSD, id="PSD"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg", Format.SVG, id="SVG"),
        pytest.param(iso_box("mp42"), "a.mov", Format.MOV, id="the video boxes are told apart by name"),
        pytest.param(iso_box("qt  "), "a", Format.MOV, id="QuickTime without a name"),
        pytest.param(iso_box("3gp4"), "a.3gp", Format.THREE_GP, id="3GP"),
        pytest.param(iso_box("MSNV"), "a.mp4", Format.MP4, id="Sony's films, which libmagic calls audio"),
        pytest.param(MATROSKA + b"\x42\x82\x88matroska" + bytes(50), "a.mkv", Format.MKV, id="MKV"),
        pytest.param(TRANSPORT_PACKET * 5, "a.mts", Format.MPEG, id="MPEG transport stream"),
        pytest.param((bytes(4) + TRANSPORT_PACKET) * 5, "a.m2ts", Format.MPEG, id="M2TS, which libmagic does not know"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST" + bytes(100), "a.avi", Format.AVI, id="AVI"),
    ],
)
def test_the_bytes_say_the_format_and_the_name_settles_what_they_leave_open(
    data: bytes, name: str, expected: Format
) -> None:
    assert sniff(data, name).format is expected


@pytest.mark.parametrize(
    ("data", "name", "complaint"),
    [
        pytest.param(b"", "IMG_1.CR2", "the file is empty", id="empty"),
        pytest.param(b"", "IMG_1", "the file is empty", id="empty without an extension"),
        pytest.param(b"Dear Ann,\n", "IMG_1.CR2", "(text/plain)", id="text named RAW"),
        pytest.param(b"<html><body>502</body></html>", "IMG_1.JPG", "(text/html)", id="an error page saved as a photo"),
        pytest.param(bytes(1000), "IMG_1.NEF", "(application/octet-stream)", id="zeros named RAW"),
        pytest.param(picture("JPEG"), "IMG_1.CR2", "the name says raw, the content is jpeg", id="JPEG named RAW"),
        pytest.param(TIFF, "IMG_1.jpg", "the name says jpeg, the content is tiff", id="TIFF named JPEG"),
        pytest.param(b"hello", "IMG_1", "(text/plain)", id="no claim, no media"),
        pytest.param(picture("JPEG"), "IMG_1", None, id="a name that claims nothing contradicts nothing"),
        pytest.param(picture("JPEG"), "IMG_1.JPG", None, id="as it should be"),
        pytest.param(TIFF, "IMG_1.ARW", None, id="a RAW that is TIFF inside"),
    ],
)
def test_a_name_that_disagrees_with_the_bytes_is_complained_about(
    data: bytes, name: str, complaint: str | None
) -> None:
    sniffed = sniff(data, name)
    assert sniffed.agrees is (complaint is None)
    assert sniffed.is_empty is (not data)
    if complaint is None:
        assert sniffed.complaint is None
    else:
        assert sniffed.complaint is not None
        assert complaint in sniffed.complaint
        assert "IMG_1" not in sniffed.complaint


@given(st.binary(max_size=300), st.sampled_from(["", *EXTENSIONS]))
def test_any_bytes_get_an_answer_that_agrees_or_complains(data: bytes, extension: str) -> None:
    sniffed = sniff(data, f"a.{extension}")
    assert sniffed.agrees is (sniffed.complaint is None)


def test_a_path_gives_the_same_answer_as_its_bytes_and_only_its_head_is_read(tmp_path: Path) -> None:
    file = tmp_path / "long.bin"
    file.write_bytes(picture("PNG") + bytes(2 * HEAD_BYTES))
    assert sniff(file, "a.png") == sniff(file.read_bytes(), "a.png")
    assert len(head_of(file)) == len(head_of(file.read_bytes())) == HEAD_BYTES


def test_a_missing_path_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sniff(tmp_path / "gone.jpg", "gone.jpg")


def test_many_threads_share_one_libmagic() -> None:
    samples = {picture("JPEG"): "image/jpeg", picture("PNG"): "image/png", b"hello\n": "text/plain"}
    asked = list(samples) * 100
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(mime_of, asked)) == [samples[data] for data in asked]


def test_bytes_beyond_libmagics_own_limits_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    mime_of(b"")  # our module must be the first to import python-magic
    import magic  # noqa: PLC0415

    def refuse(_: magic.Magic, __: bytes) -> str:
        raise magic.MagicException("recursion limit (50) exceeded")

    monkeypatch.setattr(magic.Magic, "from_buffer", refuse)
    assert mime_of(b"anything") == UNKNOWN_MIME


def test_libmagic_comes_from_the_wheel_and_leaves_the_environment_as_it_was() -> None:
    program = (
        "import os; before = dict(os.environ)\n"
        "from sidecar.media.sniff import mime_of\n"
        "print(mime_of(b'GIF89a' + bytes(20)))\n"
        "import magic; print('pylibmagic' in magic.libmagic._name, dict(os.environ) == before)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["image/gif", "True", "True"]


def test_a_variable_that_was_set_before_keeps_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGIC", "/somewhere/else.mgc")
    sniff_module._identify.cache_clear()
    assert mime_of(picture("GIF")) == "image/gif"
    assert os.environ["MAGIC"] == "/somewhere/else.mgc"


def test_real_photographs_are_what_their_names_say() -> None:
    photos = sorted((SHARED / "photos").glob("*.jpg"))
    if not photos:
        pytest.skip("the folder of real photographs is not here")
    assert [photo.name for photo in photos if not sniff(photo, photo.name).agrees] == []
