import pytest
from rich.style import Style

from s3d.tui.preview.drawing import STYLES, Pixels
from s3d.tui.preview.strips import picture_strips, shaded_strips, styles_of, text_strip
from s3d.tui.preview.view_rows import Piece
from s3d.tui.themes import THEMES


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_each_style_looks_different_with_and_without_colours(theme):
    colored = styles_of(theme)
    plain = styles_of(theme, has_color=False)
    assert colored.keys() == plain.keys() == set(STYLES)
    assert colored["string"].color is not None
    assert all(style.color is None for style in plain.values())
    assert plain["keyword"].bold


def test_a_row_is_cut_to_its_place():
    strip = text_strip([Piece("abcdef", "text")], styles_of(THEMES[0]), Style(), 3, 2)
    assert strip.text == "cde"
    assert text_strip([Piece("a", "text")], styles_of(THEMES[0]), Style(), 3, 0).text == "a  "


def test_what_comes_from_the_decoders_is_made_safe_once_more():
    strip = text_strip([Piece("\x1b[2J", "text")], styles_of(THEMES[0]), Style(), 9, 0)
    assert strip.text == "␛[2J     "


def test_two_pixels_are_in_a_cell():
    pixels = Pixels(2, 3, bytes((255, 0, 0)) * 2 + bytes((0, 0, 255)) * 2 + bytes((0, 255, 0)) * 2)
    upper, lower = picture_strips(pixels, is_ascii=False)
    (segment,) = upper
    assert segment.text == "▀▀"
    assert segment.style.color.triplet == (255, 0, 0)
    assert segment.style.bgcolor.triplet == (0, 0, 255)
    assert next(iter(lower)).style.bgcolor is None  # not a black line below the picture


def test_in_ascii_a_cell_is_a_space():
    (strip,) = picture_strips(Pixels(1, 2, bytes((9, 8, 7)) * 2), is_ascii=True)
    (segment,) = strip
    assert (segment.text, segment.style.bgcolor.triplet) == (" ", (9, 8, 7))


def test_a_picture_that_is_shorter_than_it_says_is_black():
    (strip,) = picture_strips(Pixels(2, 1, b"\x01\x02\x03"), is_ascii=True)
    assert strip.cell_length == 2


def test_without_colours_it_is_shaded():
    pixels = Pixels(3, 2, bytes((0,) * 3 + (128,) * 3 + (255,) * 3) * 2)
    (strip,) = shaded_strips(pixels, is_ascii=False)
    assert strip.text == " ▒█"
    (strip,) = shaded_strips(pixels, is_ascii=True)
    assert strip.text == " +@"
