import os

from s3d.tui.panes.folder_table import Entry, entries_of
from tests.tui.conftest import loaded, screen


def test_folders_come_first(tmp_path):
    (tmp_path / "b.txt").write_text("12345")
    (tmp_path / "z").mkdir()
    (tmp_path / "a-link").symlink_to("nowhere")
    found = entries_of(tmp_path)
    assert [entry.name for entry in found] == ["z", "a-link", "b.txt"]
    assert found[2] == Entry("b.txt", False, 5, (tmp_path / "b.txt").stat().st_mtime)


async def test_it_is_entered_left_and_followed(opened, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("hello")
    async with opened("2", size=(120, 30)) as pilot:
        pilot.app.pane.query_one("#second").open_folder(tmp_path)
        table = pilot.app.pane.query_one("#second-folder")
        await loaded(pilot, "folder")
        table.go("site/")
        table.action_open()
        await loaded(pilot, "folder")
        assert "index.html" in screen(pilot.app)
        assert table.paths() == [], "the row that leads up is no file"
        (tmp_path / "site/new.css").write_text("")
        os.utime(tmp_path / "site", (1, 1))
        table.refresh_if_outdated()
        await loaded(pilot, "folder")
        table.go("new.css")
        assert table.paths() == [str(tmp_path / "site/new.css")]
        table.go("..")
        table.action_open()
        await loaded(pilot, "folder")
        assert table.current.id == "site/"
        table.open(tmp_path / "missing")
        await loaded(pilot, "folder")
        assert "No such file or directory" in screen(pilot.app)


async def test_the_ages_of_files_grow_while_they_are_shown(opened, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    async with opened("2", size=(160, 30)) as pilot:
        app, passed = pilot.app, 5
        at = (tmp_path / "a.txt").stat().st_mtime
        app.clock = lambda: at + passed
        app.pane.query_one("#second").open_folder(tmp_path)
        await loaded(pilot, "folder")
        assert "5 s" in next(line for line in screen(app).splitlines() if "a.txt" in line)
        passed = 7200
        app.main.draw()
        await pilot.pause()
        assert "2 h" in next(line for line in screen(app).splitlines() if "a.txt" in line)
