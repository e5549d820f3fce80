from s3d.shared.control import ObjectInfo
from s3d.tui.panes.object_selection import Selection, selection_of
from tests.tui.conftest import go_to_row


def info(key, size=1024):
    return ObjectInfo("b", key, size, '"e"', 0.0)


def test_it_is_described_with_number_and_size():
    assert str(Selection("b", "", [info("k")], [])) == "k, 1 KiB"
    assert str(Selection("b", "", [info("k"), info("l")], [])) == "2 objects, 2 KiB"
    chosen = Selection("b", "", [info("k")], ["a/", "b/", "c/", "d/"])
    assert str(chosen) == "1 object, 1 KiB and all below a/, b/, c/, ..."
    assert chosen.names == ["a/", "b/", "c/", "d/", "k"]


async def test_it_is_what_is_marked_or_under_the_cursor(opened):
    async with opened("2") as pilot:
        table = pilot.app.pane.table
        assert selection_of(table) is None, "buckets are no objects"
        await go_to_row(pilot, "pix", "..")
        assert selection_of(table) is None, "the row that leads up is nothing"
        table.go("photos/")
        assert selection_of(table).prefixes == ["photos/"]
        table.go("index.json")
        await pilot.press("space", "space")
        assert selection_of(table).keys == ["index.json", "readme.txt"]
