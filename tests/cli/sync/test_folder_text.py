from s3d.cli.sync.folder_text import folder_fields, folder_row, show_plan
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
