"""Different pictures that look alike: pages, screens, calendars, one studio, one horizon; and frames with nothing in.

Each family is a painter that makes another picture of the same layout for every number.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Dice = np.random.Generator
Box = tuple[int, int, int, int]
Painter = Callable[[Dice], Image.Image]

_PAGE = (900, 1272)
_PHONE = (720, 1480)
_SCREEN = (1440, 900)
_PHOTO = (1200, 800)
_CONSONANTS, _VOWELS = "bcdfghklmnprstvw", "aeiou"


def _word(dice: Dice) -> str:
    syllables = int(dice.integers(1, 5))
    return "".join(str(dice.choice(list(_CONSONANTS))) + str(dice.choice(list(_VOWELS))) for _ in range(syllables))


def _words(dice: Dice, count: int) -> str:
    return " ".join(_word(dice) for _ in range(count))


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _write(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: float, fill: object = "black") -> None:
    draw.text(at, text, fill=fill, font=_font(size))  # type: ignore[arg-type]


def _line_of(dice: Dice, draw: ImageDraw.ImageDraw, size: float, width: float) -> str:
    """Words that fill the width, as justified text does."""
    font, line = _font(size), _word(dice)
    while True:
        longer = f"{line} {_word(dice)}"
        if draw.textlength(longer, font=font) > width:
            return line
        line = longer


def page_of_text(dice: Dice) -> Image.Image:
    """A page that is full of text, as of a novel: one block, no heading."""
    page = Image.new("RGB", _PAGE, "white")
    draw = ImageDraw.Draw(page)
    for row in range(40):
        _write(draw, (110, 110 + row * 26), _line_of(dice, draw, 19, 680), 19)
    return page


def page_with_paragraphs(dice: Dice) -> Image.Image:
    """A page with a heading and paragraphs of different lengths."""
    page = Image.new("RGB", _PAGE, "white")
    draw = ImageDraw.Draw(page)
    _write(draw, (100, 90), _words(dice, 3).title(), 38)
    row = 170.0
    while row < 1130:
        for _ in range(int(dice.integers(2, 8))):
            _write(draw, (100, row), _line_of(dice, draw, 19, 700), 19)
            row += 27
        _write(draw, (100, row), _words(dice, int(dice.integers(1, 6))), 19)
        row += 60
    return page


def photographed_page(dice: Dice) -> Image.Image:
    """A page on a table under a lamp, as a phone takes it; the phone on a stand, page after page."""
    page = page_of_text(dice)
    pixels = np.asarray(page.resize((780, 1102)), dtype=np.float32)
    scene = np.full((1280, 960, 3), (96, 70, 52), dtype=np.float32)
    scene[90:1192, 90:870] = pixels * 0.86 + 18
    rows, columns = np.mgrid[0:1280, 0:960]
    lamp = 1.12 - 0.4 * np.hypot((columns - 300) / 960, (rows - 350) / 1280)
    scene = scene * lamp[:, :, None] + dice.normal(0, 2.5, scene.shape)
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))


def filled_form(dice: Dice) -> Image.Image:
    """One printed form, filled in anew."""
    page = Image.new("RGB", _PAGE, "white")
    draw = ImageDraw.Draw(page)
    _write(draw, (90, 70), "APPLICATION FOR A RESIDENT'S PERMIT", 30)
    labels = ("Name", "Given names", "Born", "Street", "Town", "Country", "Telephone", "Vehicle", "Since", "Remarks")
    for row, label in enumerate((*labels, *labels)):
        top = 160 + row * 50
        _write(draw, (90, top), label, 18, (60, 60, 60))
        draw.rectangle((300, top - 6, 810, top + 30), outline=(120, 120, 120), width=2)
        _write(draw, (312, top), _words(dice, int(dice.integers(1, 4))).title(), 20, (20, 30, 120))
    return page


def receipt(dice: Dice) -> Image.Image:
    """A till roll of one shop with what was bought that day."""
    page = Image.new("RGB", (600, 1200), (250, 249, 245))
    draw = ImageDraw.Draw(page)
    _write(draw, (170, 60), "CORNER SHOP", 36)
    _write(draw, (150, 110), "12 Harbour Street, open daily", 18)
    for row in range(24):
        top = 180 + row * 34
        _write(draw, (60, top), _words(dice, 2), 22)
        _write(draw, (460, top), f"{dice.uniform(0.5, 40):6.2f}", 22)
    _write(draw, (60, 1040), "TOTAL", 34)
    _write(draw, (430, 1040), f"{dice.uniform(50, 300):.2f}", 34)
    return page


def sheet_of_numbers(dice: Dice) -> Image.Image:
    """A spreadsheet's window: the same grid, other figures."""
    page = Image.new("RGB", _SCREEN, "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1440, 110), fill=(33, 115, 70))
    for row in range(32):
        top = 110 + row * 25
        draw.line((0, top, 1440, top), fill=(210, 210, 210))
        for column in range(12):
            _write(draw, (30 + column * 118, top + 5), f"{dice.uniform(0, 9999):.1f}", 14, (40, 40, 40))
    for column in range(13):
        draw.line((column * 118, 110, column * 118, 900), fill=(210, 210, 210))
    return page


def chat(dice: Dice) -> Image.Image:
    """A messenger's screen: bubbles left and right in one layout."""
    page = Image.new("RGB", _PHONE, (236, 229, 221))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 720, 130), fill=(7, 94, 84))
    _write(draw, (110, 55), _words(dice, 2).title(), 32, "white")
    top = 160.0
    while top < 1290:
        lines = int(dice.integers(1, 4))
        is_mine = bool(dice.random() < 0.5)
        width = float(dice.uniform(240, 520))
        left = 700 - width if is_mine else 20
        draw.rounded_rectangle(
            (left, top, left + width, top + 26 + lines * 34), 16, fill=(220, 248, 198) if is_mine else "white"
        )
        for line in range(lines):
            _write(draw, (left + 16, top + 12 + line * 34), _line_of(dice, draw, 25, width - 40), 25)
        top += 50 + lines * 34
    draw.rounded_rectangle((20, 1390, 600, 1460), 34, fill="white")
    draw.ellipse((630, 1390, 700, 1460), fill=(7, 94, 84))
    return page


def settings_screen(dice: Dice) -> Image.Image:
    """A phone's list of switches; only which are on differs, and a word or two."""
    page = Image.new("RGB", _PHONE, (242, 242, 247))
    draw = ImageDraw.Draw(page)
    _write(draw, (40, 90), "Settings", 52)
    names = np.random.default_rng(5)
    for row in range(12):
        top = 190 + row * 104
        draw.rounded_rectangle((24, top, 696, top + 92), 20, fill="white")
        _write(draw, (60, top + 28), _words(names, 2).title(), 30)
        is_on = bool(dice.random() < 0.5)
        draw.rounded_rectangle((580, top + 20, 670, top + 72), 26, fill=(52, 199, 89) if is_on else (220, 220, 224))
        knob = 618 if is_on else 582
        draw.ellipse((knob, top + 22, knob + 48, top + 70), fill="white")
    return page


def lock_screen(dice: Dice) -> Image.Image:
    """One wallpaper with another time on it."""
    rows = np.linspace(0, 1, 1480)[:, None, None]
    wallpaper = (1 - rows) * np.array([70, 40, 120]) + rows * np.array([240, 140, 90])
    page = Image.fromarray(np.broadcast_to(wallpaper, (1480, 720, 3)).astype(np.uint8).copy())
    draw = ImageDraw.Draw(page)
    draw.ellipse((380, 700, 900, 1220), fill=(255, 205, 120))
    draw.polygon(((0, 1480), (0, 1100), (260, 860), (520, 1180), (720, 1000), (720, 1480)), fill=(40, 26, 66))
    _write(draw, (180, 220), f"{int(dice.integers(10, 24))}:{int(dice.integers(10, 60))}", 140, "white")
    return page


def dark_terminal(dice: Dice) -> Image.Image:
    """Lines of a program on a black screen."""
    page = Image.new("RGB", _SCREEN, (14, 16, 20))
    draw = ImageDraw.Draw(page)
    for row in range(40):
        _write(draw, (20, 16 + row * 22), _words(dice, int(dice.integers(1, 18))), 16, (170, 220, 170))
    return page


def month_of_a_calendar(dice: Dice) -> Image.Image:
    """A month's grid: the numbers stand elsewhere, and a few entries."""
    page = Image.new("RGB", _SCREEN, "white")
    draw = ImageDraw.Draw(page)
    _write(draw, (40, 24), _word(dice).title() + " 2026", 44)
    starts = int(dice.integers(0, 7))
    for cell in range(35):
        left, top = 20 + (cell % 7) * 200, 110 + (cell // 7) * 155
        draw.rectangle((left, top, left + 200, top + 155), outline=(190, 190, 190))
        if 0 <= cell - starts < 30:
            _write(draw, (left + 12, top + 8), str(cell - starts + 1), 22)
            if dice.random() < 0.3:
                colour = tuple(int(value) for value in dice.integers(90, 220, 3))
                draw.rounded_rectangle((left + 8, top + 50, left + 190, top + 78), 6, fill=colour)
                _write(draw, (left + 14, top + 53), _word(dice), 18, "white")
    return page


def slide(dice: Dice) -> Image.Image:
    """One template of a talk, another slide of bullets."""
    page = Image.new("RGB", _SCREEN, "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1440, 150), fill=(20, 50, 110))
    draw.rectangle((0, 850, 1440, 900), fill=(230, 140, 30))
    _write(draw, (60, 45), _words(dice, 4).capitalize(), 56, "white")
    for row in range(6):
        _write(draw, (120, 220 + row * 98), "• " + _words(dice, int(dice.integers(3, 8))), 40, (40, 40, 40))
    return page


def sheet_of_music(dice: Dice) -> Image.Image:
    """Ten staves with other notes."""
    page = Image.new("RGB", _PAGE, (253, 251, 244))
    draw = ImageDraw.Draw(page)
    for staff in range(10):
        top = 130 + staff * 110
        for line in range(5):
            draw.line((80, top + line * 12, 820, top + line * 12), fill="black")
        for note in range(24):
            x, y = 130 + note * 28, top + int(dice.integers(-1, 9)) * 6
            draw.ellipse((x, y - 6, x + 15, y + 6), fill="black")
            draw.line((x + 14, y, x + 14, y - 36), fill="black", width=2)
    return page


def label_with_code(dice: Dice) -> Image.Image:
    """A parcel label: one layout, another square code, other bars, another address."""
    page = Image.new("RGB", (800, 1100), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((30, 30, 770, 1070), outline="black", width=5)
    for row in range(4):
        _write(draw, (70, 80 + row * 44), _words(dice, 3).title(), 32)
    cells = dice.random((33, 33)) < 0.5
    code = Image.fromarray(np.where(cells, 0, 255).astype(np.uint8)).resize((396, 396), Image.Resampling.NEAREST)
    page.paste(code.convert("RGB"), (70, 300))
    left = 70.0
    while left < 720:
        width = float(dice.choice([3, 6, 9]))
        draw.rectangle((left, 760, left + width, 960), fill="black")
        left += width + float(dice.choice([3, 6, 9]))
    return page


def studio_portrait(dice: Dice) -> Image.Image:
    """School photographs: one backdrop, one light, one pose, another child."""
    rows, columns = np.mgrid[0:800, 0:640]
    backdrop = 150 - 70 * np.hypot((columns - 320) / 640, (rows - 320) / 800)
    pixels = backdrop[:, :, None] * np.array([0.9, 1.0, 1.15])
    page = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(page)
    shirt = tuple(int(value) for value in dice.integers(50, 110, 3))
    draw.ellipse((90, 560, 550, 1100), fill=shirt)
    skin = np.array([224, 180, 150]) * dice.uniform(0.75, 1.05)
    hair = tuple(int(value) for value in np.array([90, 60, 40]) * dice.uniform(0.3, 1.8))
    wide, tall = (int(value) for value in dice.integers([112, 150], [130, 172]))
    centre = 320 + int(dice.integers(-8, 9))
    long_hair = int(dice.integers(0, 160))
    draw.ellipse((centre - wide - 22, 190, centre + wide + 22, 470 + long_hair), fill=hair)
    draw.rectangle((centre - 45, 480, centre + 45, 620), fill=tuple(int(value) for value in skin * 0.85))
    draw.ellipse((centre - wide, 380 - tall, centre + wide, 380 + tall), fill=tuple(int(value) for value in skin))
    draw.pieslice((centre - wide - 8, 190, centre + wide + 8, 430), 180, 360, fill=hair)
    for side in (-1, 1):
        x = centre + side * 48
        draw.ellipse((x - 16, 350, x + 16, 370), fill="white")
        draw.ellipse((x - 7, 352, x + 7, 368), fill=hair)
        draw.line((x - 24, 330, x + 24, 330 + side * int(dice.integers(-4, 5))), fill=hair, width=6)
    draw.arc((centre - 40, 430, centre + 40, 450 + int(dice.integers(0, 30))), 10, 170, fill=(150, 60, 60), width=6)
    return _developed(page.filter(ImageFilter.GaussianBlur(2)), dice, 2.5)


def horizon(dice: Dice) -> Image.Image:
    """Sea and sky of one afternoon with the horizon in the middle; waves and a few clouds differ."""
    rows = np.linspace(0, 1, _PHOTO[1])[:, None, None]
    line = 0.5 + float(dice.normal(0, 0.004))
    sky = np.array([120, 165, 215]) * (1 - rows) + np.array([215, 225, 235]) * rows * 2
    sea = np.array([60, 105, 130]) * np.ones_like(rows) - 40 * (rows - 0.5)
    pixels = np.where(rows < line, sky, sea) * np.ones((1, _PHOTO[0], 1))
    waves = _grain(dice, (160, 30)) * 14 * (rows[:, :, 0] >= line)
    clouds = np.clip(_grain(dice, (10, 12)) - 0.3, 0, 1) * 18 * (rows[:, :, 0] < line)
    return _developed(Image.fromarray(_bytes(pixels + (waves + clouds)[:, :, None])), dice, 2.5)


def moon(dice: Dice) -> Image.Image:
    """The full moon through a long lens on a black sky, another night: where it stands and how it is lit differ."""
    page = Image.new("RGB", _PHOTO, (6, 6, 9))
    draw = ImageDraw.Draw(page)
    x, y = 600 + int(dice.integers(-40, 41)), 400 + int(dice.integers(-40, 41))
    draw.ellipse((x - 150, y - 150, x + 150, y + 150), fill=(225, 222, 205))
    shadow = int(dice.integers(0, 80))
    draw.ellipse((x - 150 - shadow, y - 150, x + 150 - 2 * shadow, y + 150), fill=(205, 202, 188))
    return _developed(page.filter(ImageFilter.GaussianBlur(1.5)), dice, 2.0)


def stars(dice: Dice) -> Image.Image:
    """A clear night with other stars over one dark hill."""
    rows = np.linspace(0, 1, _PHOTO[1])[:, None, None]
    pixels = np.array([14, 18, 34]) + rows * np.array([24, 26, 30]) * np.ones((1, _PHOTO[0], 1))
    columns = np.arange(_PHOTO[0])
    hill = 0.82 - 0.08 * np.sin(columns / 190)
    pixels = np.where(rows > hill[None, :, None], np.array([5, 6, 8]), pixels)
    page = Image.fromarray(_bytes(pixels))
    draw = ImageDraw.Draw(page)
    for _ in range(250):
        x, y, light = dice.uniform(0, 1200), dice.uniform(0, 560), int(dice.integers(90, 256))
        size = float(dice.uniform(0.5, 2.2))
        draw.ellipse((x - size, y - size, x + size, y + size), fill=(light, light, light))
    return _developed(page, dice, 2.0)


def fireworks(dice: Dice) -> Image.Image:
    """A burst of sparks in the middle of a black sky."""
    page = Image.new("RGB", _PHOTO, (4, 4, 8))
    draw = ImageDraw.Draw(page)
    x, y = 600 + dice.uniform(-120, 120), 380 + dice.uniform(-80, 80)
    colour = tuple(int(value) for value in dice.integers(120, 256, 3))
    for angle in np.linspace(0, 2 * np.pi, int(dice.integers(40, 80))):
        long = float(dice.uniform(120, 260))
        draw.line((x, y, x + long * np.cos(angle), y + long * np.sin(angle)), fill=colour, width=3)
    return _developed(page.filter(ImageFilter.GaussianBlur(1.5)), dice, 2.0)


def product_in_another_colour(dice: Dice) -> Image.Image:
    """A shop's mug on white; body, handle and rim in one of eight colours each, all of them equally light."""
    page = Image.new("RGB", (1000, 1000), (250, 250, 250))
    draw = ImageDraw.Draw(page)
    body, handle, rim = (_of_one_luma(int(step)) for step in dice.integers(0, 8, 3))
    draw.rounded_rectangle((300, 300, 640, 740), 30, fill=body)
    draw.arc((580, 400, 800, 640), -90, 90, fill=handle, width=44)
    draw.ellipse((300, 270, 640, 340), fill=rim)
    return _developed(page.filter(ImageFilter.GaussianBlur(1.2)), dice, 1.5)


def _of_one_luma(step: int) -> tuple[int, int, int]:
    """One of eight hues that a grey picture shows alike: ITU-R BT.601 with the same luma."""
    hue = step * np.pi / 4
    red, blue = 45 * np.cos(hue), 45 * np.sin(hue)
    return round(130 + 1.402 * red), round(130 - 0.714 * red - 0.344 * blue), round(130 + 1.772 * blue)


def watched_door(dice: Dice) -> Image.Image:
    """A fixed camera's frame: the scene never changes, the time does, and at times someone stands there."""
    fixed = np.random.default_rng(77)
    pixels = np.full((720, 1280, 3), 120.0) + np.repeat(np.repeat(fixed.normal(0, 30, (18, 32, 3)), 40, 0), 40, 1)
    page = Image.fromarray(_bytes(pixels)).filter(ImageFilter.GaussianBlur(6))
    draw = ImageDraw.Draw(page)
    draw.rectangle((520, 180, 760, 640), fill=(70, 50, 40))
    if dice.random() < 0.7:
        x, tall = dice.uniform(100, 1100), dice.uniform(150, 300)
        shade = int(dice.integers(20, 90))
        draw.ellipse((x, 650 - tall, x + tall * 0.3, 650), fill=(shade, shade, shade + 10))
    digits = dice.integers(10, 60, 3)
    _write(
        draw, (30, 20), f"2026-11-{digits[0] % 28 + 1:02d} {digits[1] % 24:02d}:{digits[1]}:{digits[2]}", 36, "white"
    )
    return _developed(page, dice, 3.0)


def _grain(dice: Dice, cells: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Smooth noise around nought, about one high, as large as a photograph; cells are down and across."""
    small = Image.fromarray(dice.normal(0, 1, cells).astype(np.float32))
    return np.asarray(small.resize(_PHOTO, Image.Resampling.BICUBIC), dtype=np.float64)


def _bytes(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def _developed(picture: Image.Image, dice: Dice, noise: float) -> Image.Image:
    pixels = np.asarray(picture, dtype=np.float64)
    return Image.fromarray(_bytes(pixels + dice.normal(0, noise, pixels.shape)))


LOOKALIKES: dict[str, Painter] = {
    "pages of text": page_of_text,
    "pages, paragraphs": page_with_paragraphs,
    "pages, photographed": photographed_page,
    "forms": filled_form,
    "receipts": receipt,
    "spreadsheets": sheet_of_numbers,
    "chats": chat,
    "settings screens": settings_screen,
    "lock screens": lock_screen,
    "terminals": dark_terminal,
    "calendars": month_of_a_calendar,
    "slides": slide,
    "sheets of music": sheet_of_music,
    "parcel labels": label_with_code,
    "studio portraits": studio_portrait,
    "sea horizons": horizon,
    "full moons": moon,
    "night skies": stars,
    "fireworks": fireworks,
    "product colours": product_in_another_colour,
    "fixed camera": watched_door,
}
"""Families of pictures that are all different; what is found among one family is found wrongly."""


def _plain(shade: tuple[float, float, float], spread: float) -> Painter:
    def paint(dice: Dice) -> Image.Image:
        tint = np.array(shade) + dice.normal(0, spread, 3)
        return _developed(Image.fromarray(_bytes(tint * np.ones((_PHOTO[1], _PHOTO[0], 1)))), dice, 2.0)

    return paint


def _veil(dice: Dice) -> Image.Image:
    """Fog: light, with a hint of something in it."""
    level = float(dice.uniform(165, 215))
    return _developed(Image.fromarray(_bytes((level + _grain(dice, (3, 4)) * 3)[:, :, None] * np.ones(3))), dice, 1.5)


def _clear_sky(dice: Dice) -> Image.Image:
    rows = np.linspace(0, 1, _PHOTO[1])[:, None, None]
    upper = np.array([70, 120, 200]) + dice.normal(0, 12, 3)
    pixels = upper + rows * dice.uniform(15, 60) * np.ones((1, _PHOTO[0], 3))
    return _developed(Image.fromarray(_bytes(pixels)), dice, 2.0)


def _deep_night(dice: Dice) -> Image.Image:
    rows = np.linspace(0, 1, _PHOTO[1])[:, None, None]
    pixels = np.array([7, 8, 13]) + rows * dice.uniform(0, 6) * np.ones((1, _PHOTO[0], 3))
    return _developed(Image.fromarray(_bytes(pixels + _grain(dice, (4, 6))[:, :, None])), dice, 3.0)


FLAT: dict[str, Painter] = {
    "black": _plain((5, 5, 6), 1.5),
    "white": _plain((249, 249, 248), 1.5),
    "one colour": _plain((128, 118, 124), 40),
    "fog": _veil,
    "clear sky": _clear_sky,
    "deep night": _deep_night,
}
"""Families of frames with nothing in them; each frame has copies of its own, and no frame is another's copy."""
