import pytest
from msgspec.structs import replace

from s3d.tui.demo import DemoAgent
from s3d.tui.panes.folder_rows import folder_details, folder_line, folder_row
from s3d.tui.themes import ASCII, UNICODE


def folder(**more):
    return replace(DemoAgent().folders[0], conflicts=0, reason="", state="idle", **more)


def test_a_folder_in_sync_is_up_to_date():
    row = folder_row(folder(), UNICODE)
    assert row.id == row.cells[0] == folder().name
    assert row.cells[4] == "● up to date"
    assert "up to date" in folder_line(folder(), 100, UNICODE)
    assert folder_line(folder(), 100, ASCII).isascii()


@pytest.mark.finding("tui-21")
def test_progress_conflicts_and_reasons_are_seen():
    syncing = replace(folder(todo=4, done=1), state="syncing")
    assert "1/4" in folder_row(syncing, UNICODE).cells[4]
    assert "1 of 4" in folder_line(syncing, 100, UNICODE)
    with_conflict = replace(folder(), conflicts=2)
    assert folder_row(with_conflict, UNICODE).cells[4] == "! 2 conflicts"
    assert folder_line(with_conflict, 100, UNICODE).startswith("!")
    assert folder_details(with_conflict)[-1] == "2 conflicts: c resolves them"
    stopped = replace(folder(), state="stopped", reason="why\x1b[2J", conflicts=1)
    assert folder_row(stopped, UNICODE).cells[4] == "! stopped"
    assert "stopped: why" in folder_line(stopped, 100, UNICODE)
    assert folder_row(stopped, UNICODE).style == "bad"
    assert "stopped: why␛[2J" in folder_details(stopped)
