import pytest

from s3d.tui.preview.drawing import Line, styled_line
from s3d.tui.preview.view_rows import (
    Piece,
    Row,
    hiding_lines,
    matches_in,
    next_match,
    pieces_of,
    rows_of,
    visible_lines,
    widest,
)

LINES = [Line("{", fold=4), Line("  a [", fold=2), Line("    1"), Line("  ]"), Line("}")]


@pytest.mark.parametrize(
    ("folded", "visible"),
    [(set(), [0, 1, 2, 3, 4]), ({1}, [0, 1, 4]), ({0}, [0]), ({0, 1}, [0]), ({2}, [0, 1, 2, 3, 4])],
)
def test_what_a_fold_hides(folded, visible):
    assert visible_lines(LINES, folded) == visible


def test_which_folds_hide_a_line():
    assert hiding_lines(LINES, {0, 1}, 2) == {0, 1}
    assert hiding_lines(LINES, {0, 1}, 1) == {0}
    assert hiding_lines(LINES, {0, 1}, 0) == set()


def test_a_long_line_is_wrapped():
    lines = [Line("abcdefg"), Line(""), Line("日本語x")]
    assert rows_of(lines, [0, 1, 2], 0) == [Row(0, 0, 7), Row(1, 0, 0), Row(2, 0, 4)]
    assert rows_of(lines, [0, 1, 2], 3) == [
        Row(0, 0, 3), Row(0, 3, 6), Row(0, 6, 7), Row(1, 0, 0),
        Row(2, 0, 1), Row(2, 1, 2), Row(2, 2, 4),
    ]  # fmt: skip
    assert rows_of([Line("日")], [0], 1) == [Row(0, 0, 1)]
    assert widest(lines) == 7


@pytest.mark.parametrize(
    ("text", "needle", "places"),
    [
        ("abcabc", "bc", [(1, 3), (4, 6)]),
        ("aaa", "aa", [(0, 2)]),
        ("ABC", "b", [(1, 2)]),
        ("abc", "B", []),
        ("abc", "", []),
        ("\u0130x", "x", [(1, 2)]),
    ],
)
def test_where_a_text_matches(text, needle, places):
    assert matches_in(text, needle) == places


def test_the_next_match_is_around_the_end():
    lines = [Line("x"), Line("y"), Line("x")]
    assert next_match(lines, "x", 0, 1) == 2
    assert next_match(lines, "x", 2, 1) == 0
    assert next_match(lines, "x", 0, -1) == 2
    assert next_match(lines, "y", 1, 1) == 1
    assert next_match(lines, "z", 0, 1) is None
    assert next_match([], "x", -1, 1) is None


def test_a_row_has_the_styles_and_matches_of_its_part():
    line = styled_line(("key", "key"), (": ", "punctuation"), ("value", "string"))
    assert list(pieces_of(line, Row(0, 0, 10), "val")) == [
        Piece("key", "key"), Piece(": ", "punctuation"), Piece("val", "string", True),
        Piece("ue", "string"),
    ]  # fmt: skip
    assert list(pieces_of(line, Row(0, 2, 4))) == [Piece("y", "key"), Piece(":", "punctuation")]
    assert list(pieces_of(Line("plain"), Row(0, 0, 5))) == [Piece("plain", "text")]
