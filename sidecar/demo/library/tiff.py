"""A small TIFF writer: directories of tagged values, one below the other, with uncompressed strips.

Little-endian, enough for a DNG. It knows no camera and no picture.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction


class FieldType(IntEnum):
    """TIFF 6.0, section 2: how the values of a field are stored."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    UNDEFINED = 7
    SRATIONAL = 10


Value = str | bytes | int | Fraction | Sequence[int] | Sequence[Fraction]
"""Text becomes ASCII; one number or several are stored alike."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory.

    Shape:  fields maps a tag to its type and value; strip is the picture's bytes, None for a directory without one.
            children are directories that a field points to (330 SubIFDs, 34665 Exif): tag -> directories in order.
    """

    fields: Mapping[int, tuple[FieldType, Value]]
    strip: bytes | None = None
    children: Mapping[int, Sequence[Directory]] = field(default_factory=dict)


_STRIP_OFFSETS, _STRIP_BYTE_COUNTS = 273, 279
_HEADER_BYTES = 8
_INLINE_BYTES = 4
_NUMBER_CODE = {FieldType.SHORT: "H", FieldType.LONG: "I", FieldType.RATIONAL: "I", FieldType.SRATIONAL: "i"}


def tiff_bytes(root: Directory) -> bytes:
    """The whole file: header, then each directory behind everything that it points to.

    Errors: struct.error if a number is out of its field type's range, UnicodeEncodeError if text is not ASCII.
    Source: TIFF 6.0, sections 2 and 3; DNG 1.4 wants no more of the container.
    """
    body = bytearray(_HEADER_BYTES)
    struct.pack_into("<2sHI", body, 0, b"II", 42, _append_directory(body, root))
    return bytes(body)


def _append_directory(body: bytearray, directory: Directory) -> int:
    fields = dict(directory.fields)
    for tag, children in directory.children.items():
        fields[tag] = (FieldType.LONG, [_append_directory(body, child) for child in children])
    if directory.strip is not None:
        fields[_STRIP_OFFSETS] = (FieldType.LONG, _append(body, directory.strip))
        fields[_STRIP_BYTE_COUNTS] = (FieldType.LONG, len(directory.strip))
    entries = bytearray(struct.pack("<H", len(fields)))
    for tag, (field_type, value) in sorted(fields.items()):
        count, packed = _packed(field_type, value)
        if len(packed) > _INLINE_BYTES:
            packed = struct.pack("<I", _append(body, packed))
        entries += struct.pack("<HHI4s", tag, field_type, count, packed)
    return _append(body, bytes(entries) + bytes(4))


def _append(body: bytearray, part: bytes) -> int:
    body += bytes(len(body) % 2)  # offsets are even
    offset = len(body)
    body += part
    return offset


def _packed(field_type: FieldType, value: Value) -> tuple[int, bytes]:
    """(count, bytes) of one field's value."""
    if isinstance(value, str):
        value = value.encode("ascii") + b"\0"
    if isinstance(value, bytes):
        return len(value), value
    values = [value] if isinstance(value, int | Fraction) else value
    if field_type in {FieldType.RATIONAL, FieldType.SRATIONAL}:
        numbers = [part for number in values for part in Fraction(number).as_integer_ratio()]
    else:
        numbers = [int(number) for number in values]
    return len(values), struct.pack(f"<{len(numbers)}{_NUMBER_CODE[field_type]}", *numbers)
