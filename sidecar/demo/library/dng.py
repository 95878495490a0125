"""A photograph as the RAW file of a made-up sensor: a minimal uncompressed DNG that LibRaw develops.

Written from the DNG 1.4 specification; what it means to Immich or to pairing is no business of this file.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sidecar.demo.library.cameras import EXIF_IFD, Shot, Tags, exif_tags, main_tags
from sidecar.demo.library.tiff import Directory, FieldType, tiff_bytes

_SUB_IFDS = 330
_MAIN_PICTURE, _REDUCED_PICTURE = 0, 1
_CFA, _YCBCR = 32_803, 6
_UNCOMPRESSED, _JPEG = 1, 7
_D65 = 21
_BLACK_LEVEL, _WHITE_LEVEL = 512, 15_871  # a 14-bit sensor's usual floor and ceiling

# The made-up sensor sees exactly linear sRGB: IEC 61966-2-1, XYZ under D65 to linear RGB, in ten-thousandths.
_XYZ_TO_CAMERA = (32_406, -15_372, -4_986, -9_689, 18_758, 415, 557, -2_040, 10_570)


def dng_bytes(picture: Image.Image, shot: Shot, *, preview: bytes | None) -> bytes:
    """The picture as a DNG: a Bayer mosaic (RGGB), the camera's EXIF and the preview that is given.

    Shape:  picture is RGB with even width and height, not turned by the shot's orientation. preview is a JPEG of the
            picture in its size; it becomes the first directory, as file managers expect. Without one that is the
            mosaic.
    Source: DNG 1.4, chapters 3 and 4.
    """
    exif = {EXIF_IFD: [Directory(exif_tags(shot))]}
    about_camera = main_tags(shot) | {
        50706: (FieldType.BYTE, bytes((1, 4, 0, 0))),  # DNGVersion
        50708: (FieldType.ASCII, shot.camera.model),  # UniqueCameraModel
        50721: (FieldType.SRATIONAL, [Fraction(number, 10_000) for number in _XYZ_TO_CAMERA]),  # ColorMatrix1
        50728: (FieldType.RATIONAL, [Fraction(1)] * 3),  # AsShotNeutral
        50778: (FieldType.SHORT, _D65),  # CalibrationIlluminant1
    }
    mosaic = _mosaic_directory(picture)
    if preview is None:
        return tiff_bytes(Directory(about_camera | dict(mosaic.fields), mosaic.strip, exif))
    first = about_camera | _preview_tags(picture)
    return tiff_bytes(Directory(first, preview, {_SUB_IFDS: [mosaic], **exif}))


def _mosaic_directory(picture: Image.Image) -> Directory:
    return Directory(
        {
            254: (FieldType.LONG, _MAIN_PICTURE),
            256: (FieldType.LONG, picture.width),
            257: (FieldType.LONG, picture.height),
            258: (FieldType.SHORT, 16),
            259: (FieldType.SHORT, _UNCOMPRESSED),
            262: (FieldType.SHORT, _CFA),
            277: (FieldType.SHORT, 1),
            278: (FieldType.LONG, picture.height),
            284: (FieldType.SHORT, 1),
            33421: (FieldType.SHORT, [2, 2]),  # CFARepeatPatternDim
            33422: (FieldType.BYTE, bytes((0, 1, 1, 2))),  # CFAPattern
            50714: (FieldType.LONG, _BLACK_LEVEL),
            50717: (FieldType.LONG, _WHITE_LEVEL),
        },
        _mosaic(picture).tobytes(),
    )


def _preview_tags(picture: Image.Image) -> Tags:
    return {
        254: (FieldType.LONG, _REDUCED_PICTURE),
        256: (FieldType.LONG, picture.width),
        257: (FieldType.LONG, picture.height),
        258: (FieldType.SHORT, [8, 8, 8]),
        259: (FieldType.SHORT, _JPEG),
        262: (FieldType.SHORT, _YCBCR),
        277: (FieldType.SHORT, 3),
        278: (FieldType.LONG, picture.height),
        284: (FieldType.SHORT, 1),
    }


def _mosaic(picture: Image.Image) -> NDArray[np.uint16]:
    """What a sensor behind a Bayer filter counts: one linear colour for each pixel."""
    counts: NDArray[np.uint16] = _SENSOR_COUNTS[np.asarray(picture)]
    mosaic = counts[:, :, 1].copy()
    mosaic[0::2, 0::2] = counts[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = counts[1::2, 1::2, 2]
    return mosaic


def _linear_counts() -> NDArray[np.uint16]:
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004  # sRGB
    return (np.round(_BLACK_LEVEL + linear * (_WHITE_LEVEL - _BLACK_LEVEL))).astype("<u2")


_SENSOR_COUNTS = _linear_counts()
"""sRGB byte -> sensor count."""
