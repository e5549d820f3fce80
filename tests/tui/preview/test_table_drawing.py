import pytest
from rich.cells import cell_len

from s3d.tui.preview.drawing import MAX_LINES, STYLES, Unreadable
from s3d.tui.preview.table_drawing import MAX_COLUMNS, MAX_FIELD, MAX_WIDTH, draw_table


def table(text, key="a.csv", *, is_whole=True):
    drawing = draw_table(key, text, is_whole=is_whole)
    return [line.text.rstrip() for line in [*drawing.header, *drawing.lines]], drawing


def test_numbers_are_on_the_right():
    shown, drawing = table("name,size\na,1\nlonger,22\n")
    assert shown == ["name    size", "a          1", "longer    22"]
    assert [STYLES[n] for n in drawing.lines[0].marks[::2]] == ["text", "number"]
    assert drawing.notes == ["2 rows, 2 columns"]


@pytest.mark.finding("tui-26")
def test_wide_letters_are_aligned():
    shown, _ = table("place,n\n日本,1\nZürich,2\nx,3\n")
    assert {cell_len(line) for line in shown} == {cell_len("Zürich  1")}


@pytest.mark.finding("tui-26")
def test_the_header_is_apart_so_that_it_stays():
    _, drawing = table("a,b\n1,2\n")
    assert [line.text.rstrip() for line in drawing.header] == ["a  b"]
    assert STYLES[drawing.header[0].marks[0]] == "header"


def test_without_names_the_columns_are_numbered():
    shown, drawing = table("1,2\n3,4\n")
    assert shown == ["1  2", "1  2", "3  4"]
    assert len(drawing.lines) == 2


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a.csv", "a;b;c\n1;2;3\n"),
        ("a.csv", "a\tb\tc\n1\t2\t3\n"),
        ("a.tsv", "a\tb\tc\n1\t2\t3\n"),
        ("a.psv", "a|b|c\n1|2|3\n"),
        ("a.csv", 'a,b,c\n"1",2,3\n\n\n'),
    ],
)
def test_the_delimiter_is_recognised(key, text):
    assert table(text, key)[0] == ["a  b  c", "1  2  3"]


def test_the_last_row_of_a_beginning_may_be_cut():
    shown, drawing = table("a,b\n1,2\n3,", is_whole=False)
    assert shown == ["a  b", "1  2"]
    assert drawing.notes == ["at least 1 row, 2 columns"]


def test_a_value_is_one_line_and_is_cut():
    shown, _ = table(f'a,b\n"x\ny",{"w" * 900}\n')
    assert shown[1] == "x␊y  " + "w" * (MAX_WIDTH - 1) + "…"


def test_rows_without_end_and_columns_without_end():
    wide, drawing = table(",".join(["n"] * 20_000) + "\n" + ",".join(["1"] * 20_000))
    assert len(wide[1].split()) == MAX_COLUMNS
    assert drawing.notes == ["1 row, 20,000 columns"]
    long, _ = table("a,b\n" + "1,2\n" * (MAX_LINES + 50))
    assert len(long) <= MAX_LINES + 1


def test_a_huge_value_is_no_table():
    with pytest.raises(Unreadable, match="no table"):
        table('a,b\n"' + "x" * (MAX_FIELD + 1))
