"""A picture in cells: two pixels each, the upper half of a block before the lower. Needs Pillow.

It is decoded from the first bytes of the object only: what is missing stays grey, and of a photo
the small picture that cameras put in front is taken instead.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
MOST_PIXELS = 50_000_000
"""Of a picture that is decoded."""
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
_HALF = "▀"
_BLACK = Color.from_rgb(0, 0, 0)


class NoPicture(Exception):
    """str(): why it is not shown."""


def is_picture(data: bytes) -> bool:
    """By the first bytes."""
    return data.startswith(_STARTS) and (data[:4] != b"RIFF" or data[8:12] == b"WEBP")


def draw(data: bytes, width: int, height: int) -> tuple[str, list[Strip]]:
    """What it is in words, and its lines, at most width by height cells. Raises NoPicture."""
    try:
        from PIL import Image, ImageFile
    except ImportError as error:
        raise NoPicture("pictures need Pillow: pip install 's3d-agent[images]'") from error
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        picture = Image.open(io.BytesIO(data), formats=KINDS)
        about = f"{picture.format} {picture.width} x {picture.height} {picture.mode}"
        if picture.width * picture.height > MOST_PIXELS:
            raise NoPicture(f"{about} is too large to be drawn")
        small = _thumbnail(picture) or picture
        small.draft("RGB", (2 * width, 4 * height))
        found = small.convert("RGBA")
        found.thumbnail((width, 2 * height))
        found = Image.alpha_composite(Image.new("RGBA", found.size, "black"), found)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise NoPicture(f"the picture cannot be decoded: {error}") from error
    return about, _lines(found.tobytes(), *found.size)


def _thumbnail(picture: Image) -> Image | None:
    """The small one inside the EXIF data, if there is one."""
    from PIL import ExifTags, Image

    raw = picture.info.get("exif", b"")
    place = picture.getexif().get_ifd(ExifTags.IFD.IFD1) if raw else {}
    start, size = place.get(513, 0), place.get(514, 0)
    if not start or not size:
        return None
    try:
        return Image.open(io.BytesIO(raw[6 + start : 6 + start + size]), formats=("JPEG",))
    except (OSError, ValueError):
        return None


def _lines(pixels: bytes, width: int, height: int) -> list[Strip]:
    """pixels: four bytes each, line by line."""

    def color(x: int, y: int) -> Color:
        at = 4 * (y * width + x)
        return Color.from_rgb(*pixels[at : at + 3]) if y < height else _BLACK

    lines = []
    for top in range(0, height, 2):
        segments = [
            Segment(_HALF, Style(color=color(x, top), bgcolor=color(x, top + 1)))
            for x in range(width)
        ]
        lines.append(Strip(segments).simplify())
    return lines
