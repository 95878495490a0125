"""One photograph before it is a file: the picture, the shot's data, and every format it can be written in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO

import numpy as np
from PIL import Image, ImageEnhance

from sidecar.demo.library.cameras import Shot, exif_block
from sidecar.demo.library.clip import clip_bytes
from sidecar.demo.library.dng import dng_bytes

_NOISE_LEVELS = 4
_FILM_SIZE = (192, 128)
_FILM_FRAMES, _FILM_FRAME_MS = 12, 125

# How the sensor lay when the upright picture was taken: the opposite of what EXIF's orientation asks a viewer to do.
_SENSOR_TURN = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Take:
    """A photograph as seen (upright, RGB) and as noted by the camera."""

    picture: Image.Image
    shot: Shot

    def later(self, seconds: float) -> Take:
        """The same subject and settings, taken that much later (or earlier, if negative)."""
        moved = self.shot.wall_clock + timedelta(seconds=seconds)
        return replace(self, shot=replace(self.shot, wall_clock=moved))

    def in_zone(self, zone_h: int | None) -> Take:
        """The same wall clock with another offset noted, or none."""
        return replace(self, shot=replace(self.shot, zone_h=zone_h))

    def swayed(self, pixels: int) -> Take:
        """What the next frame of a burst sees: the view moved a little."""
        width, height = self.picture.size
        moved = self.picture.transform(self.picture.size, Image.Transform.AFFINE, (1, 0, pixels, 0, 1, pixels / 2))
        frame = moved.crop((0, 0, width - pixels, height - pixels)) if pixels else moved
        return replace(self, picture=frame.resize((width, height)))

    def edited(self) -> Take:
        """The picture as somebody improved it: warmer, lighter, stronger."""
        lighter = ImageEnhance.Brightness(self.picture).enhance(1.08)
        return replace(self, picture=ImageEnhance.Color(lighter).enhance(1.3))

    def capped(self, frame: int) -> Take:
        """What the sensor sees with the cap on the lens: black, with a little noise of its own in each frame."""
        width, height = self.picture.size
        noise = np.random.default_rng(frame).integers(0, _NOISE_LEVELS, (height, width, 1), dtype=np.uint8)
        return replace(self, picture=Image.fromarray(np.repeat(noise, 3, axis=2)))

    def smaller(self, width: int) -> Take:
        """The picture reduced to that width."""
        height = round(self.picture.height * width / self.picture.width)
        return replace(self, picture=self.picture.resize((width, height), Image.Resampling.LANCZOS))

    def jpeg(self, *, quality: int = 88, has_exif: bool = True) -> bytes:
        """A camera's JPEG: stored as the sensor lay, with EXIF unless it was stripped on the way."""
        if not has_exif:
            return self._saved("JPEG", quality=quality)
        exif = exif_block(self.shot)
        return _saved(self._as_the_sensor_lay(), "JPEG", quality=quality, exif=exif)

    def raw(self, *, has_preview: bool = True) -> bytes:
        """A RAW file: our own DNG, which LibRaw opens whatever its name ends with."""
        picture = self._as_the_sensor_lay()
        preview = _saved(picture, "JPEG", quality=85) if has_preview else None
        return dng_bytes(picture, self.shot, preview=preview)

    def png(self) -> bytes:
        """An upright PNG with EXIF."""
        return self._saved("PNG", exif=exif_block(self.shot, is_upright=True), compress_level=1)

    def tiff(self) -> bytes:
        """An upright uncompressed TIFF with EXIF, as editors write it."""
        return self._saved("TIFF", exif=exif_block(self.shot, is_upright=True))

    def webp(self, *, has_exif: bool = True) -> bytes:
        """An upright WebP."""
        exif = exif_block(self.shot, is_upright=True) if has_exif else b""
        return self._saved("WEBP", quality=80, method=1, exif=exif)

    def avif(self) -> bytes:
        """An upright AVIF with EXIF."""
        # One thread: the encoder's bytes must not depend on the number of cores.
        exif = exif_block(self.shot, is_upright=True)
        return self._saved("AVIF", quality=75, speed=10, max_threads=1, exif=exif)

    def film(self, *, brand: bytes = b"qt  ") -> bytes:
        """A film of a second and a half that begins with this picture."""
        small = self.picture.resize(_FILM_SIZE)
        frames = [Take(small, self.shot).swayed(2 * frame).picture for frame in range(_FILM_FRAMES)]
        return clip_bytes(frames, frame_ms=_FILM_FRAME_MS, taken_at=self.shot.instant, brand=brand)

    def _as_the_sensor_lay(self) -> Image.Image:
        turn = _SENSOR_TURN.get(self.shot.orientation)
        return self.picture if turn is None else self.picture.transpose(turn)

    def _saved(self, file_format: str, **options: object) -> bytes:
        return _saved(self.picture, file_format, **options)


def _saved(picture: Image.Image, file_format: str, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()
