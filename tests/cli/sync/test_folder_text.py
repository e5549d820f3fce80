import os
from pathlib import Path

import pytest

from s3d.cli.sync.folder_text import evicted_path, folder_fields, folder_row, show_plan
from s3d.shared.syncing import FolderStatus, PlannedStep, SyncPlan


def folder(**more):
    return FolderStatus("notes", "/home/notes", "home", "n/", "two-way", "idle", **more)


def test_a_row_has_the_place_the_mode_and_the_state():
    row = folder_row(folder(files=2, size=2048))
    assert row.split() == [
        "notes", "/home/notes", "=", "home/n/", "two-way,", "2", "files,", "2", "KiB,", "idle"
    ]  # fmt: skip


def test_the_fields_name_what_the_user_has_to_decide():
    shown = dict(folder_fields(folder(question="deletions", trouble_count=1, left_out=2)))
    assert "s3d sync approve notes" in shown["decide"]
    assert shown["not in sync"] == "1 path"
    assert shown["left out"] == "2 paths: links and devices"
    assert shown["in sync"] == "not yet"


def test_a_plan_shows_its_totals_and_its_first_paths(capsys):
    steps = [PlannedStep("a", "upload"), PlannedStep("b", "upload", reason="why")]
    show_plan(SyncPlan(steps, {"upload": 2}, upload_size=5, doubt="many deletions"), 1)
    assert capsys.readouterr().out.splitlines() == [
        "  2 paths, 5 B to upload",
        "    upload        a",
        "    and 1 other",
        "  s3d would stop and ask first: many deletions",
    ]


class Folders:
    """The client of an agent with one folder."""

    def __init__(self, path: Path) -> None:
        self.status = FolderStatus("cams", str(path), "b", "", "backup", "idle", evicted=2)

    def folders(self) -> list[FolderStatus]:
        return [self.status]

    def folder(self, name: str) -> FolderStatus:
        return self.status


def test_what_has_failed_is_separate_from_what_is_skipped_or_kept():
    shown = dict(folder_fields(folder(trouble_count=7, blocked=1, skipped=2, left_as_is=3)))
    assert shown["not in sync"] == "4 paths: 1 failed, 2 skipped: no room"
    assert shown["kept"] == "3 paths: differ, as the mode allows"
    assert "not in sync" not in dict(folder_fields(folder(trouble_count=3, left_as_is=3)))


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        (None, ""),
        ("cams", ""),
        ("{root}", ""),
        ("{root}/a.jpg", "a.jpg"),
        ("{root}/sub", "sub/"),
        ("{root}/gone/", "gone/"),
        ("{root}/sub/b.jpg", "sub/b.jpg"),
    ],
)
def test_an_argument_names_an_evicted_file_or_a_folder(tmp_path, argument, path):
    (tmp_path / "sub").mkdir()
    given = None if argument is None else argument.format(root=tmp_path)
    assert evicted_path(Folders(tmp_path), given) == ("cams", path)


def test_a_path_is_relative_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evicted_path(Folders(tmp_path), f".{os.sep}a.jpg") == ("cams", "a.jpg")


def test_evicted_files_are_counted():
    assert dict(folder_fields(folder(evicted=2)))["evicted"].startswith("2 files")
