import pytest
from rich.cells import cell_len

from s3d.tui.name_elision import difference, shorten

UUID = "9f1c2b7e-77aa-4c12-8a3e-0123456789ab"


def test_a_name_that_fits_stays():
    assert shorten("short", 5, 0).text == "short"


@pytest.mark.finding("tui-12")
@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        (f"part-00000-{UUID}.gz", f"part-00001-{UUID}.gz", f"part-00002-{UUID}.gz"),
        (f"{UUID}-part-00000.gz", f"{UUID}-part-00001.gz", f"{UUID}-part-00002.gz"),
        (f"{UUID}-00000-{UUID}", f"{UUID}-00001-{UUID}", f"{UUID}-00002-{UUID}"),
    ],
)
@pytest.mark.parametrize("width", [14, 22, 40])
def test_the_place_where_it_differs_is_seen(before, name, after, width):
    shown = shorten(name, width, difference(name, before, after))
    assert cell_len(shown.text) <= width
    assert "00001" in shown.text or "1" in shown.text[-width:]
    beside = [shorten(each, width, difference(each, name)).text for each in (before, after)]
    assert shown.text not in beside


def test_wide_letters_count_twice():
    assert cell_len(shorten("日本語" * 9, 11, 20).text) <= 11


def test_the_difference_is_the_last_of_those_to_the_neighbours():
    assert difference("abcd", "abxx", "abcx") == 3
    assert difference("abc", "abc") == difference("abc") == 0


def test_a_part_of_the_name_is_found_in_what_is_shown():
    shown = shorten("abcdefghijklmnop", 9, 14)
    assert "nop" in shown.text
    ((start, end),) = shown.place_of((13, 16))
    assert shown.text[start:end] == "nop"
    assert shown.place_of((8, 9)) == []
