import io
import random
import sys

import pytest
from PIL import ExifTags, Image

from s3d.tui.preview.drawing import Unreadable
from s3d.tui.preview.object_parts import DecodeRequest, Part
from s3d.tui.preview.picture import draw_picture
from s3d.tui.preview.recognise import recognise


def picture(kind, size=(64, 48), colour=(200, 30, 40), **options):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()


def drawn(data, width=20, height=10, size=None):
    size = len(data) if size is None else size
    return draw_picture(DecodeRequest("a", size, [Part(0, data)], width, height))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_it_is_recognised_and_made_small(kind):
    data = picture(kind)
    assert recognise("a", data, is_whole=True).kind == "picture"
    drawing = drawn(data)
    assert drawing.kind == f"{kind} 64 x 48"
    pixels = drawing.pixels
    assert (pixels.width, pixels.height) == (20, 15)
    red, green, _ = pixels.data[:3]
    assert red > 150 > green
    assert len(pixels.data) == 20 * 15 * 3
    assert drawing.missing == []


def test_the_beginning_of_one_is_enough():
    noise = random.Random(1).randbytes(300 * 300 * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), noise).save(out, "PNG")
    data = out.getvalue()
    drawing = drawn(data[: 64 << 10], 40, 20, size=len(data))
    assert drawing.kind == "PNG 300 x 300"
    assert drawing.pixels.width == 40
    assert [each.start for each in drawing.missing] == [64 << 10]


def test_a_photo_has_a_small_one_in_front():
    small = picture("JPEG", (16, 12), (0, 200, 0))
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.IFD1)[513] = 0
    data = picture("JPEG", (640, 480), exif=_with_thumbnail(small))
    red, green, _ = drawn(data).pixels.data[:3]
    assert green > 150 > red


def _with_thumbnail(small):
    """EXIF of two IFDs by hand: an empty one, and one that has the place of the thumbnail."""
    start = 8 + 6 + 2 + 2 * 12 + 4
    head = b"Exif\0\0II*\0" + (8).to_bytes(4, "little")
    first = (0).to_bytes(2, "little") + (14).to_bytes(4, "little")
    entries = b"".join(
        tag.to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little")
        + value.to_bytes(4, "little")
        for tag, value in ((513, start), (514, len(small)))
    )  # fmt: skip
    return head + first + (2).to_bytes(2, "little") + entries + bytes(4) + small


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + b"x" * 50, b"\xff\xd8\xff" + b"y" * 50,
                                  b"BM" + bytes(60)])  # fmt: skip
def test_a_broken_one_says_why(data):
    with pytest.raises(Unreadable, match="cannot decode the image"):
        drawn(data)


def test_one_of_too_many_pixels_is_not_decoded():
    data = bytearray(picture("PNG", (10, 10)))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(Unreadable):
        drawn(bytes(data))


def test_without_pillow_it_says_what_to_install(monkeypatch):
    data = picture("PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(Unreadable, match=r"pip install 's3d-agent\[images\]'"):
        drawn(data)


@pytest.mark.parametrize("data", [b"", b"RIFF1234WAVE", b"hello", b"{}"])
def test_all_else_is_none(data):
    assert recognise("a", data, is_whole=True).kind != "picture"
