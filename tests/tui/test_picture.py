import io
import random
import sys

import pytest

from s3d.tui.picture import NoPicture, draw, is_picture

Image = pytest.importorskip("PIL.Image")


def picture(kind, size=(64, 48), colour=(200, 30, 40), **options):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_it_is_drawn_in_half_blocks(kind):
    data = picture(kind)
    assert is_picture(data)
    about, lines = draw(data, 20, 10)
    assert about.startswith(f"{kind} 64 x 48")
    assert 1 <= len(lines) <= 10
    assert all(line.cell_length <= 20 for line in lines)
    segment = next(iter(lines[0]))
    red, green, _ = segment.style.color.triplet
    assert red > 150 > green
    assert segment.text[0] == "▀"


def test_the_beginning_of_one_is_enough():
    noise = random.Random(1).randbytes(300 * 300 * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), noise).save(out, "PNG")
    about, lines = draw(out.getvalue()[: 64 << 10], 40, 20)
    assert "300 x 300" in about
    assert lines


def test_a_photo_has_a_small_one_in_front():
    from PIL import ExifTags

    small = picture("JPEG", (16, 12), (0, 200, 0))
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.IFD1)[513] = 0
    data = picture("JPEG", (640, 480), exif=_with_thumbnail(small))
    _, lines = draw(data, 20, 10)
    red, green, _ = next(iter(lines[0])).style.color.triplet
    assert green > 150 > red


def _with_thumbnail(small):
    """EXIF of two IFDs by hand: an empty one, and one that tells where the thumbnail is."""
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
def test_a_broken_one_is_told(data):
    with pytest.raises(NoPicture):
        draw(data, 10, 10)


def test_one_that_is_too_large_is_not_drawn():
    data = bytearray(picture("PNG", (10, 10)))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(NoPicture):
        draw(bytes(data), 10, 10)


def test_without_pillow_it_is_said_what_to_do(monkeypatch):
    data = picture("PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(NoPicture, match="pip install"):
        draw(data, 10, 10)


@pytest.mark.parametrize("data", [b"", b"RIFF1234WAVE", b"hello", b"{}"])
def test_all_else_is_none(data):
    assert not is_picture(data)
