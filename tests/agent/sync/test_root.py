import os
from pathlib import Path

import pytest

from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.interfaces import RootGone
from s3d.agent.sync.path_state import BaselineEntry, Signature
from s3d.agent.sync.root import adopt_root, open_root, why_no_root


@pytest.fixture
def baseline(tmp_path):
    found = Baseline(tmp_path / "b.sqlite")
    yield found
    found.close()


def agree(baseline):
    baseline.agree(BaselineEntry("p", Signature(1, 1, 1, 1), 0, "s", '"e"', 1))


def opened(path, baseline, remote="r"):
    tree, is_first = open_root(path, baseline, remote, 0o022)
    tree.close()
    return is_first


def test_only_the_first_time_is_the_first(tmp_path, baseline):
    root = tmp_path / "a/b"
    assert opened(root, baseline)
    assert not opened(root, baseline)
    assert root.stat().st_mode & 0o777 == 0o755


def test_another_bucket_begins_anew_and_deletes_nothing(tmp_path, baseline):
    root = tmp_path / "root"
    opened(root, baseline)
    agree(baseline)
    assert opened(root, baseline, "another")
    assert baseline.count() == (0, 0)


@pytest.mark.parametrize("change", ["gone", "marker", "other", "copied"])
def test_another_root_is_not_taken_for_the_one(tmp_path, baseline, change):
    root = tmp_path / "root"
    opened(root, baseline)
    agree(baseline)
    marker = (root / ".s3d/marker").read_text()
    if change == "marker":
        (root / ".s3d/marker").unlink()
    else:
        root.rename(tmp_path / "aside")
        if change != "gone":
            (root / ".s3d").mkdir(parents=True)
        if change == "copied":
            (root / ".s3d/marker").write_text(marker)
    with pytest.raises(RootGone):
        opened(root, baseline)
    assert baseline.count() == (1, 1)
    if change == "gone":
        assert not root.exists()
        return
    adopt_root(root, baseline, "r")
    assert not opened(root, baseline)
    assert baseline.count() == (0, 0)


@pytest.mark.parametrize(
    ("path", "why"),
    [("/", "root of the file system"), ("home", "home folder"), ("own", "its own"),
     ("own/x", "its own"), (".", "its own"), ("link", "home folder"),
     ("home/notes", "")],
)  # fmt: skip
def test_some_folders_cannot_be_synced(tmp_path, path, why):
    for name in ("home", "own"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    found = why_no_root(
        Path(os.path.normpath(tmp_path / path)),
        home=tmp_path / "home",
        own=[tmp_path / "own"],
    )
    assert (why in found) if why else found == ""


def test_a_folder_that_the_user_makes_at_the_same_moment_is_the_one(
    tmp_path, baseline, monkeypatch
):
    path = tmp_path / "made"
    look = Path.is_dir
    seen = []

    def is_dir(self: Path) -> bool:
        found = look(self)
        if self == path and not seen:
            seen.append(found)
            path.mkdir(0o700)
        return found

    monkeypatch.setattr(Path, "is_dir", is_dir)
    tree, is_first = open_root(path, baseline, "remote", 0o022)
    tree.close()
    assert (seen, is_first) == ([False], True)
    assert path.stat().st_mode & 0o777 == 0o700
