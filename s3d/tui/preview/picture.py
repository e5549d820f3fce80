"""A picture, decoded and made as small as it is shown. Needs Pillow.

The first bytes of the object are enough: missing rows stay grey, and for a photo the thumbnail in
its EXIF data is used.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from s3d.tui.preview.drawing import Drawing, Pixels, Range, Unreadable
from s3d.tui.preview.object_parts import DecodeRequest

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded."""


def draw_picture(request: DecodeRequest) -> Drawing:
    """Two pixels in each cell of the request's size. Raises Unreadable."""
    data = request.head
    try:
        description, picture = _decode(data, request.width, request.height)
    except ImportError as error:
        raise Unreadable("pictures need Pillow: pip install 's3d-agent[images]'") from error
    pixels = Pixels(*picture.size, picture.tobytes())
    missing = [Range(len(data), request.size - len(data))] if len(data) < request.size else []
    return Drawing(description, pixels=pixels, missing=missing)


def _decode(data: bytes, width: int, height: int) -> tuple[str, Image]:
    """A description, and an RGB picture of at most width by twice height pixels."""
    from PIL import Image, ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        description = f"{picture.format} {picture.width} x {picture.height}"
        if picture.width * picture.height > MAX_PIXELS:
            raise Unreadable(f"{description} is too large to display")
        small = _thumbnail(picture) or picture
        small.draft("RGB", (2 * width, 4 * height))
        scaled = small.convert("RGBA")
        scaled.thumbnail((width, 2 * height))
        scaled = Image.alpha_composite(Image.new("RGBA", scaled.size, "black"), scaled)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise Unreadable(f"cannot decode the image: {error}") from error
    return description, scaled.convert("RGB")


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
