from tests.tui.conftest import screen


async def test_a_folder_that_asks_says_what_and_how_to_answer(opened):
    async with opened("5") as pilot:
        pilot.app.pane.query_one("#sync-folders").go("notes")
        await pilot.pause()
        shown = screen(pilot.app)
        for text in (
            "55 of 60 files would be deleted",
            "a: approve",
            "big.iso",
            "1 conflict: c resolves",
        ):
            assert text in shown
