import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from s3d.tui.draw import (
    bar,
    cell,
    colored_gauge,
    colored_spark,
    elide,
    elide_start,
    fitting,
    frame_keys,
    fullness,
    gauge,
    spark,
)  # fmt: skip
from s3d.tui.themes import ASCII, COLORS, UNICODE


@given(st.text(max_size=60), st.integers(1, 40), st.booleans())
def test_a_cell_has_its_width_and_nothing_that_acts(text, width, right):
    drawn = cell(text, width, right=right)
    assert cell_len(drawn) == width
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in drawn)


def test_a_long_text_loses_its_middle():
    assert elide("a-very-long-name.parquet", 13) == "a-very…arquet"
    assert elide("short", 13) == "short"
    assert elide("abc", 1) == "…"
    assert elide_start("/home/me/notes", 7) == "…/notes"
    assert elide_start("notes", 5) == "notes"
    assert elide_start("abc", 1, "...") == "."


@given(st.floats(-1, 2), st.integers(0, 50))
def test_a_bar_is_as_long_as_it_is_told(share, width):
    assert len(bar(share, width)) == width
    assert len(gauge([share / 2, share / 4], width)) == width


def test_a_share_that_is_small_is_seen():
    assert gauge([0.001], 10) == "█" + "░" * 9


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_a_sparkline_shows_the_last_values(glyphs):
    drawn = spark([0, 5, 10], 5, glyphs)
    low, high = glyphs.levels[0], glyphs.levels[-1]
    assert len(drawn) == 5
    assert drawn.startswith(low * 3)
    assert drawn.endswith(high)
    assert spark([], 3, glyphs) == low * 3
    assert spark([1], 0, glyphs) == ""


def test_ascii_is_ascii():
    drawn = bar(0.5, 4, ASCII) + gauge([0.5], 4, ASCII) + spark([1, 2], 4, ASCII)
    assert drawn.isascii()


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_colours_change_nothing_of_what_is_drawn(glyphs):
    parts = [(0.5, "good"), (0.2, "waiting"), (0.001, "bad")]
    assert colored_gauge(parts, 20, glyphs).plain == gauge([0.5, 0.2, 0.001], 20, glyphs)
    assert colored_gauge([], 8, glyphs).plain == glyphs.empty * 8
    for values in ([], [1.0], [0, 5, 10.0] * 9):
        assert colored_spark(values, 12, glyphs).plain == spark(values, 12, glyphs)
    spans = colored_gauge(parts, 20, glyphs).spans
    assert [span.style for span in spans] == [COLORS[each] for each in
                                              ("good", "waiting", "bad", "stale")]  # fmt: skip


def test_what_is_nearly_full_is_not_good():
    assert [fullness(share) for share in (0.0, 0.79, 0.8, 0.95, 2)] == [
        "good", "good", "waiting", "bad", "bad",
    ]  # fmt: skip


def test_parts_are_whole_or_not_there():
    assert (
        fitting(["queue 7 writes", "43.5 GiB", "ETA 1 min"], 24, ", ") == "queue 7 writes, 43.5 GiB"
    )
    assert fitting(["queue 7 writes", "43.5 GiB"], 9) == "queu…ites"
    assert fitting([], 9) == ""


def test_the_frame_of_a_dialog_always_names_the_key_that_leaves_it():
    keys = ("ctrl+s save", "ctrl+t dry run", "tab next field", "esc cancel")
    assert frame_keys(keys, 80).plain == "   ".join(keys)
    assert frame_keys(keys, 60).plain == "ctrl+s save  ctrl+t dry run  esc cancel"
    assert frame_keys(["esc closes"], 60).plain == "esc closes"
