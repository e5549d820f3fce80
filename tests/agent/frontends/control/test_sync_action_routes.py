"""The routes of one sync folder, as curl sees them: the real agent's socket."""

import pytest

from s3d.shared.errors import S3dError
from s3d.shared.syncing import FolderSpec


def spec(path, **more) -> FolderSpec:
    return FolderSpec(str(path), "home", **more)


def test_a_question_is_answered_only_when_it_is_asked(sync, tmp_path):
    sync.save("d", spec(tmp_path / "d"))
    for answer in (sync.approve, sync.restore):
        with pytest.raises(S3dError, match="has no decision pending"):
            answer("d")
    with pytest.raises(S3dError):
        sync.resolve("d", "x", "copy")
    with pytest.raises(S3dError):
        sync.resolve("d", "x", "neither")


def test_history_comes_newest_first(sync, tmp_path):
    sync.save("d", spec(tmp_path / "d"))
    (tmp_path / "d").mkdir(exist_ok=True)
    for name in ("a", "b"):
        (tmp_path / "d" / name).write_text(name)
        sync.now("d")
    assert [row.path for row in sync.history("d", 10)] == ["b", "a"]
    assert [row.path for row in sync.history("d", 10, "a")] == ["a"]
    assert len(sync.history("d", 1)) == 1
