"""A picture in cells of the terminal, two pixels in each. Needs Pillow.

Only the first bytes of the object are decoded: missing rows stay grey, and for a photo the
thumbnail in its EXIF data is used.
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
"""Pixels of the largest picture that is decoded."""
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
_HALF = "▀"
_BLACK = Color.from_rgb(0, 0, 0)


class NoPicture(Exception):
    """The picture cannot be shown. str(): why."""


def is_picture(data: bytes) -> bool:
    """Whether the first bytes are those of a picture format."""
    return data.startswith(_STARTS) and (data[:4] != b"RIFF" or data[8:12] == b"WEBP")


def draw(data: bytes, width: int, height: int) -> tuple[str, list[Strip]]:
    """A description, and the lines, at most width by height cells. Raises NoPicture."""
    try:
        from PIL import Image, ImageFile
    except ImportError as error:
        raise NoPicture("images need Pillow: pip install 's3d-agent[images]'") from error
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        picture = Image.open(io.BytesIO(data), formats=KINDS)
        description = f"{picture.format} {picture.width} x {picture.height} {picture.mode}"
        if picture.width * picture.height > MOST_PIXELS:
            raise NoPicture(f"{description} is too large to display")
        small = _thumbnail(picture) or picture
        small.draft("RGB", (2 * width, 4 * height))
        scaled = small.convert("RGBA")
        scaled.thumbnail((width, 2 * height))
        scaled = Image.alpha_composite(Image.new("RGBA", scaled.size, "black"), scaled)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise NoPicture(f"cannot decode the image: {error}") from error
    return description, _lines(scaled.tobytes(), *scaled.size)


def _thumbnail(picture: Image) -> Image | None:
    """The thumbnail of the EXIF data, if there is one."""
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
    """pixels: four bytes each, row by row."""

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
