"""The keys between two panes: test_two_panes.py."""

from pathlib import Path

from s3d.tui.panes.side_transfers import Side
from tests.tui.conftest import loaded, screen


async def test_it_shows_a_folder_or_a_bucket(opened, tmp_path):
    async with opened("2", size=(120, 30)) as pilot:
        second = pilot.app.pane.query_one("#second")
        second.open_folder(tmp_path)
        await loaded(pilot, "folder")
        assert second.side == Side(str(tmp_path), paths=[])
        assert str(tmp_path)[:40] in screen(pilot.app)
        second.open_place(("pix", "photos/"), "photos/IMG_0003.jpg")
        await loaded(pilot, "listing")
        side = second.side
        assert (side.folder, side.bucket, side.prefix) == ("", "pix", "photos/")
        assert side.selection.keys == ["photos/IMG_0003.jpg"]
        second.up()
        await loaded(pilot, "listing")
        assert second.objects.current.id == "photos/"
        second.open_folder(Path("/"))
        second.up()
        await loaded(pilot, "folder")
        assert second.folder.folder == Path("/")
        second.draw()
