import pytest
from msgspec.structs import replace

from s3d.shared.syncing import PathStatus
from s3d.tui.demo import DemoAgent
from s3d.tui.panes.folder_rows import folder_details, folder_line, folder_row, sides_text, sync_text
from s3d.tui.themes import ASCII, UNICODE


def folder(**more):
    return replace(DemoAgent().folders[0], conflicts=0, reason="", state="idle", **more)


def test_a_folder_in_sync_is_up_to_date():
    row = folder_row(folder(), 40, UNICODE)
    assert row.id == row.cells[0] == folder().name
    assert row.cells[4] == "● up to date"
    assert "up to date" in folder_line(folder(), 100, UNICODE)
    assert folder_line(folder(), 100, ASCII).isascii()


@pytest.mark.finding("tui-21")
def test_progress_conflicts_and_reasons_are_seen():
    syncing = replace(folder(todo=4, done=1), state="syncing")
    assert "1/4" in folder_row(syncing, 40, UNICODE).cells[4]
    assert "1 of 4" in folder_line(syncing, 100, UNICODE)
    with_conflict = replace(folder(), conflicts=2)
    assert folder_row(with_conflict, 40, UNICODE).cells[4] == "! 2 conflicts"
    assert folder_line(with_conflict, 100, UNICODE).startswith("!")
    assert folder_details(with_conflict)[-1] == "2 conflicts: c resolves them"
    stopped = replace(folder(), state="stopped", reason="why\x1b[2J", conflicts=1)
    assert folder_row(stopped, 40, UNICODE).cells[4] == "! stopped"
    assert "stopped: why" in folder_line(stopped, 100, UNICODE)
    assert folder_row(stopped, 40, UNICODE).style == "bad"
    assert "stopped: why␛[2J" in folder_details(stopped)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"last_pass": 40.0}, "In sync 1 min ago"),
        ({"last_pass": None}, "Not in sync since the start of the agent"),
        ({"last_pass": None, "files": 0}, "Not in sync yet"),
        ({"last_pass": None, "state": "stopped"},
         "stopped, not in sync since the start of the agent"),
        ({"last_pass": 40.0, "state": "stopped"}, "stopped, last in sync 1 min ago"),
    ],
)  # fmt: skip
def test_when_a_folder_was_in_sync(values, text):
    shown = replace(folder(), **{"watch": "", "files": 3, **values})
    assert sync_text(shown, 100.0) == text


def test_paths_that_should_be_in_sync_and_are_not_are_seen():
    troubles = [
        PathStatus("a", "kept", "the remote has another"), PathStatus("b", "blocked", "denied"),
        PathStatus("c", "left out", "a link"),
    ]  # fmt: skip
    failing = folder(
        troubles=troubles, trouble_count=9, blocked=8, left_as_is=1, left_out=1, last_pass=40.0
    )
    assert folder_row(failing, 40, UNICODE).cells[4] == "! 8 not in sync"
    assert "! " in folder_line(failing, 100, UNICODE)
    assert "8 paths not in sync, press 5" in folder_line(failing, 100, UNICODE)
    assert sync_text(failing, 100.0).startswith("8 paths not in sync, the others in sync 1 min ago")
    assert folder_details(failing)[1:] == [
        "blocked  b: denied",
        f"and 7 more not in sync: s3d sync status {failing.name}",
        f"1 path kept, as the mode {failing.mode} says   1 path left out: links and devices",
    ]


def test_what_a_mode_keeps_is_no_trouble():
    kept = folder(
        troubles=[PathStatus("a", "kept", "the remote has another")], trouble_count=1,
        left_as_is=1, mode="backup",
    )  # fmt: skip
    assert folder_row(kept, 40, UNICODE).cells[4] == "● up to date"
    assert folder_details(kept)[1:] == ["1 path kept, as the mode backup says"]


@pytest.mark.parametrize(
    ("width", "text"),
    [(31, "/home/me/Pictures ⇄ pix/photos/"), (24, "…/Pictures ⇄ pix/photos/"),
     (22, "…ictures ⇄ pix/photos/"), (14, "…res ⇄ pix…os/"), (0, "… ⇄ …")],
)  # fmt: skip
def test_both_sides_of_a_folder_are_seen_in_little_room(width, text):
    assert sides_text(folder(), width, UNICODE) == text
