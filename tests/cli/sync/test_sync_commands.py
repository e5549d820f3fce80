"""s3d sync, typed as a user does, before the embedded store."""

import json
import os
import time

import pytest

from s3d.shared.config.load import load_config


@pytest.fixture
def notes(s3d, bucket, tmp_path):
    """A folder of a file, synced; its name is that of the bucket."""
    folder = tmp_path / bucket
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    result = s3d("sync", "add", str(folder), f"{bucket}/n", "--yes")
    assert (result.code, "syncing" in result.out) == (0, True), result.err
    s3d("sync", "now", bucket)
    yield folder
    s3d("sync", "rm", bucket, "--yes")


def settled(s3d, bucket):
    """The status of the folder once no pass runs: the watcher begins one of its own for a change
    that a pass which was asked for has seen already."""
    end = time.monotonic() + 30
    while (result := s3d("sync", "status", bucket)).code != 0 and time.monotonic() < end:
        s3d("sync", "now", bucket)
    return result


def test_adding_shows_asks_and_writes_the_file(s3d, serving, bucket, tmp_path):
    folder = tmp_path / "docs"
    shown = s3d("sync", "add", str(folder), bucket, "--dry-run")
    assert (shown.code, f"{folder} does not exist; s3d will create it" in shown.out) == (0, True)
    assert not folder.exists()
    asked = s3d("sync", "add", str(folder), bucket)
    assert (asked.code, "--yes" in asked.err) == (2, True)
    answered = s3d.on_terminal("sync", "add", "docs", bucket, "--mode", "backup", answer="y\n")
    assert answered.code == 0, answered.out
    config = load_config(serving.places.config_file, {}, {})
    (found,) = [each for each in config.sync_folders if each.path == folder]
    assert (found.bucket, found.mode, found.name) == (bucket, "backup", "docs")
    assert s3d("sync", "rm", "docs", "--yes").code == 0
    assert folder.is_dir()
    assert not load_config(serving.places.config_file, {}, {}).sync_folders


def test_a_folder_is_named_by_name_or_path_or_not_at_all(s3d, notes, bucket):
    (notes / "sub").mkdir()
    for name in ([bucket], [str(notes)], [str(notes / "sub")], []):
        status = json.loads(s3d("sync", "status", *name, "--json").out)
        assert status["name"] == bucket
    missing = s3d("sync", "status", "nothing")
    assert (missing.code, "s3d sync ls" in missing.err) == (3, True)


def test_status_says_what_is_not_in_sync(s3d, notes, bucket):
    assert s3d("sync", "status", bucket).code == 0
    os.mkfifo(notes / "fifo")
    s3d("sync", "now", bucket)
    result = settled(s3d, bucket)
    assert (result.code, "left out fifo: not a regular file" in result.out) == (0, True)
    assert s3d("sync").out.startswith(bucket)


def test_what_is_in_order_is_said_too(s3d, notes, bucket):
    s3d("sync", "now", bucket)
    s3d("sync", "pause", bucket)
    (row,) = [row for row in s3d("status").out.splitlines() if bucket in row]
    assert row.split(None, 1) == ["sync", f"{bucket}: paused, 1 file"]
    assert (listed := s3d("sync", "conflicts", bucket)).err == "no conflicts\n", listed
    undone = s3d("sync", "undo", str(notes / "a.txt"))
    assert (undone.code, "the trash has no file for it" in undone.err) == (1, True)
    s3d("sync", "resume", bucket)


@pytest.mark.finding("D24")
def test_a_link_is_no_failure(s3d, notes, bucket):
    (notes / "link").symlink_to("/etc/passwd")
    s3d("sync", "now", bucket)
    result = settled(s3d, bucket)
    assert (result.code, "left out link: a symbolic link" in result.out) == (0, True)
    assert "left out  1 path" in result.out


@pytest.mark.finding("D5")
def test_a_folder_that_has_stopped_is_told_by_s3d_status(s3d, notes, bucket):
    assert s3d("drain").code == 0
    assert s3d("status", "-q").code == 0
    (notes / "b.txt").write_text("b")
    s3d("sync", "now", bucket)
    for name in ("a.txt", "b.txt"):
        (notes / name).unlink()
    s3d("sync", "now", bucket)
    loud = s3d("status")
    assert (loud.code, f"SYNC STOPPED  {bucket}: the folder is empty" in loud.out) == (0, True)
    brief = s3d("status", "-q")
    assert (brief.code, f"sync stopped: {bucket}: the folder is empty" in brief.out) == (6, True)
    s3d("sync", "restore", bucket)
    s3d("sync", "now", bucket)
    assert s3d("drain").code == 0
    assert s3d("status", "-q").code == 0


def test_drain_knows_what_was_saved_just_before(s3d, notes, bucket):
    """The system reports a change a moment after it; s3d drain && systemctl suspend must not be
    quicker."""
    while json.loads(s3d("sync", "status", bucket, "--json").out)["watch"] != "events":
        pass
    for number in range(3):
        (notes / f"{number}.txt").write_text("saved")
        assert s3d("drain").code == 0
        assert f"n/{number}.txt" in s3d("ls", f"{bucket}/n/").out


@pytest.mark.finding("D9")
def test_a_folder_does_not_take_the_place_of_another(s3d, notes, bucket, tmp_path):
    for path, prefix in ((notes, "other"), (tmp_path / "x" / bucket, "n")):
        refused = s3d("sync", "add", str(path), f"{bucket}/{prefix}", "--yes")
        assert refused.code == 2
        assert f"the name exists: {notes} with {bucket}/n/" in refused.err
        assert f"s3d sync rm {bucket}" in refused.err
    again = s3d("sync", "add", str(notes), f"{bucket}/n", "--mode", "backup", "--yes")
    assert (again.code, "s3d changes its settings" in again.out) == (0, True)
    status = json.loads(s3d("sync", "status", bucket, "--json").out)
    assert (status["prefix"], status["mode"]) == ("n/", "backup")


@pytest.mark.finding("D9")
def test_a_folder_that_is_made_is_told(s3d, bucket, tmp_path):
    typo = tmp_path / f"typo-{bucket}"
    result = s3d("sync", "add", str(typo), bucket, "--yes")
    assert f"{typo} does not exist; s3d will create it" in result.out
    assert "in sync" not in result.out
    assert f"created and syncing {typo}" in result.out
    assert s3d("sync", "rm", typo.name, "--yes").code == 0


def test_plan_and_now(s3d, notes, bucket):
    s3d("sync", "pause", bucket)
    (notes / "b.txt").write_text("two")
    plan = json.loads(s3d("sync", "plan", bucket, "--json").out)
    assert plan["counts"] == {"upload": 1}
    assert "upload        b.txt" in s3d("sync", "plan", bucket).out
    paused = s3d("sync", "now", bucket)
    assert (paused.code, "s3d sync resume" in paused.err) == (1, True)
    s3d("sync", "resume", bucket)
    s3d("sync", "now", bucket)
    assert "n/b.txt" in s3d("ls", f"{bucket}/n/").out


def test_history_and_undo(s3d, notes, bucket):
    s3d("put", f"{bucket}/n/a.txt", "-", stdin=b"two")
    s3d("sync", "now", bucket)
    assert (notes / "a.txt").read_text() == "two"
    assert "downloaded" in s3d("sync", "history", bucket).out
    assert s3d("sync", "undo", str(notes / "a.txt")).code == 0
    assert (notes / "a.txt").read_text() == "one"
    nothing = s3d("sync", "undo", str(notes / "b.txt"))
    assert (nothing.code, "trash has no file" in nothing.err) == (1, True)
    elsewhere = s3d("sync", "undo", "/etc/passwd")
    assert (elsewhere.code, "in no sync folder" in elsewhere.err) == (3, True)


def test_a_doubtful_pass_is_approved(s3d, notes, bucket):
    (notes / "b.txt").write_text("b")
    s3d("sync", "now", bucket)
    for name in ("a.txt", "b.txt"):
        (notes / name).unlink()
    stopped = s3d("sync", "now", bucket)
    assert (stopped.code, "s3d sync approve" in stopped.err) == (1, True)
    assert "the folder is empty" in s3d("sync", "status", bucket).out
    assert s3d("sync", "restore", bucket).out == "restoring 2 files\n"
    s3d("sync", "now", bucket)
    assert (notes / "a.txt").exists()
    assert s3d("sync", "approve", bucket, "--yes").code == 1
    for name in ("a.txt", "b.txt"):
        (notes / name).unlink()
    assert s3d("sync", "now", bucket).code == 1
    approved = s3d("sync", "approve", bucket, "--yes")
    assert approved.code == 0
    assert approved.out.startswith(f"approved for {bucket}: the folder is empty: all 2 files")


def test_conflicts_are_listed_and_resolved(s3d, notes, bucket):
    s3d("sync", "pause", bucket)
    (notes / "a.txt").write_text("mine, longer")
    s3d("put", f"{bucket}/n/a.txt", "-", stdin=b"theirs")
    s3d("sync", "resume", bucket)
    s3d("sync", "now", bucket)
    copy = json.loads(s3d("sync", "conflicts", bucket, "--json").out)["copy"]
    assert "(conflict " in copy
    assert s3d("sync", "resolve", str(notes / copy), "--keep", "copy").code == 0
    assert (notes / "a.txt").read_text() == "mine, longer"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "/", "home"], 1, "root of the file system"),
        (["add", "x", "no-such-bucket-here"], 3, "does not exist: no-such-bucket-here\n"),
        (["add", "x", "home", "--filter", "["], 2, "filter"),
        (["add", "x", "home", "--mode", "both"], 2, "two-way"),
        (["add", "x"], 2, "missing argument"),
        (["status", "nothing"], 3, "there is no such sync folder: nothing"),
        (["undo"], 2, "no file named"),
    ],
)
def test_mistakes_are_told(s3d, arguments, code, said):
    result = s3d("sync", *arguments)
    assert (result.code, said in result.err) == (code, True), result.err
