import pytest

from tests.tui.conftest import screen


async def test_a_folder_that_asks_says_what_and_how_to_answer(opened):
    async with opened("5") as pilot:
        pilot.app.pane.query_one("#sync-folders").go("notes")
        await pilot.pause()
        shown = screen(pilot.app)
        for text in (
            "55 of 60 files would be deleted",
            "a approve deletions",
            "big.iso",
            "1 conflict: c resolves",
        ):
            assert text in shown


@pytest.mark.finding("tui-22")
async def test_rows_that_can_be_undone_are_marked(opened):
    async with opened("5") as pilot:
        lines = screen(pilot.app).splitlines()
        assert "z undo" in next(line for line in lines if "ideas.md" in line)
        assert "z undo" not in next(line for line in lines if "src/main.rs" in line)
        assert "In sync 2 min ago, watching for changes" in screen(pilot.app)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("photos", "photos: In sync"), ("notes", "notes: stopped, last in sync"),
     ("proj", "proj: syncing, last in sync")],
)  # fmt: skip
async def test_only_a_folder_that_is_synced_is_said_to_be_in_sync(opened, name, expected):
    async with opened("5") as pilot:
        pilot.app.pane.query_one("#sync-folders").go(name)
        await pilot.pause()
        assert expected in screen(pilot.app)
