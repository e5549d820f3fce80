"""More of it is in test_buckets_pane.py, where keys show it."""

from tests.tui.conftest import go_to_row, loaded


async def test_the_place_of_the_tree_counts_while_it_has_the_focus(opened):
    async with opened("2", size=(160, 48)) as pilot:
        await go_to_row(pilot, "pix", "photos/")
        side, tree = pilot.app.pane.side_views, pilot.app.pane.query_one("#tree")
        assert side.focused_place() is None
        side.run("tree")
        tree.focus()
        await pilot.press("j", "j")
        assert side.focused_place() == ("pix", "photos/")
        side.run("tree")
        await loaded(pilot)
        assert pilot.app.focused is pilot.app.pane.table
        assert side.focused_place() is None
