import pytest

from s3d.shared.control import ObjectInfo
from s3d.tui.directory_listing import SortOrder
from s3d.tui.panes.listing_columns import ago, layout_for, sign_of
from s3d.tui.themes import ASCII


@pytest.mark.finding("tui-12")
@pytest.mark.parametrize(
    ("width", "fields", "names"),
    [
        (30, ("sign",), 25), (50, ("size", "sign"), 34), (60, ("size", "modified", "sign"), 33),
        (80, ("size", "modified", "word"), 45), (120, ("size", "modified", "class", "word"), 72),
    ],
)  # fmt: skip
def test_columns_are_those_that_there_is_room_for(width, fields, names):
    assert layout_for(width, 10) == (fields, names)


@pytest.mark.finding("tui-12")
def test_names_get_room_first():
    assert layout_for(120, 200) == (("size", "modified", "sign"), 93)
    assert layout_for(80, 60).fields == ("size", "modified", "sign")
    assert layout_for(56, 60).fields == ("size", "modified", "sign")
    assert layout_for(45, 60).fields == ("size", "sign")


def test_the_order_is_in_its_title():
    layout = layout_for(80, 10)
    titles = [column.title for column in layout.columns(SortOrder("size", True))]
    assert titles == ["Name", "Size v", "Modified", "State"]
    assert [layout.order_of(n) for n in range(4)] == ["name", "size", "modified", ""]


def test_cells_are_those_of_the_columns():
    info = ObjectInfo("b", "k", 5, '"e"', 100.0)
    cells = layout_for(120, 10).cells(info, "held", now=160.0, glyphs=ASCII)
    assert cells == ("5 B", "1 min", "STANDARD", "| held")
    assert layout_for(30, 9).cells("p/", "", now=160.0, glyphs=ASCII) == ("",)
    assert (ago(0.0, 9.0), sign_of("", ASCII)) == ("", "")
