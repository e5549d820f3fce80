import pytest

from s3d.tui.columns import Column, column_at, place_columns, row_text

COLUMNS = [
    Column("Name"),
    Column("Size", 10, right=True),
    Column("Class", 12, shown_from=60),
    Column("To"),
]


@pytest.mark.parametrize(
    ("width", "cells"),
    [
        (100, [36, 10, 12, 36]),
        (60, [16, 10, 12, 16]),
        (59, [22, 10, None, 22]),
        (10, [4, 10, None, 4]),
    ],
)
def test_columns_share_the_width_and_some_need_a_wide_table(width, cells):
    placed = {each.number: each.cells for each in place_columns(COLUMNS, width)}
    assert [placed.get(number) for number in range(len(COLUMNS))] == cells


def test_a_click_on_the_header_finds_the_column_by_its_number_among_all():
    placed = place_columns(COLUMNS, 59)
    assert [column_at(placed, x) for x in (0, 24, 25, 35, 36, 58)] == [0, 0, 1, 1, 3, 3]


def test_a_row_has_the_cells_of_the_columns_that_are_shown():
    cells = ("photo.jpg", "1 KiB", "STANDARD", "there")
    assert "STANDARD" in row_text(COLUMNS, cells, 60, more="…")
    assert "STANDARD" not in row_text(COLUMNS, cells, 40, more="…")
    assert row_text(COLUMNS, cells[:2], 24, more="~") == "p~pg      1 KiB"
