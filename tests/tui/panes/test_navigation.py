from tests.tui.conftest import loaded, screen


async def enter(pilot, *names):
    table = pilot.app.pane.table
    for name in names:
        table.go(name)
        await pilot.press("enter")
        await loaded(pilot, "listing")


async def test_back_forward_bookmarks_and_a_place_by_name(opened):
    async with opened("2") as pilot:
        pane = pilot.app.pane
        await enter(pilot, "pix", "photos/")
        await pilot.press("B", "ctrl+o")
        await loaded(pilot, "listing")
        assert pane.table.listing.place == ("pix", "")
        await pilot.press("ctrl+n")
        await loaded(pilot, "listing")
        assert pane.table.listing.place == ("pix", "photos/")
        assert "bookmarked" in screen(pilot.app)
        await pilot.press("ctrl+g", *["backspace"] * 20, *"s3://logs/", "enter")
        await loaded(pilot, "listing")
        assert pane.table.listing.place == ("logs", "")
        await pilot.press("apostrophe", "a")
        await loaded(pilot, "listing")
        assert pane.table.listing.place == ("pix", "photos/")
        for _ in range(5):
            await pilot.press("ctrl+n")
        assert "there is no location after" in screen(pilot.app)
