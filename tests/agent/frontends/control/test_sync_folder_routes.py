"""The routes of the sync folders, as curl sees them: the real agent's socket."""

import pytest

from s3d.cli.client.sync_client import SyncClient
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.syncing import FolderSpec


def spec(path, **more) -> FolderSpec:
    return FolderSpec(str(path), "home", **more)


def test_a_draft_is_validated_and_nothing_changes(sync, tmp_path):
    (tmp_path / "d").mkdir()
    for name in ("a.txt", "b.tmp"):
        (tmp_path / "d" / name).write_text("x")
    plan = sync.validate(spec(tmp_path / "d"))
    assert (plan.counts, plan.upload_size) == ({"upload": 2}, 2)
    plan = sync.validate(spec(tmp_path / "d", filter="!*/*.tmp"))
    assert [step.path for step in plan.steps] == ["a.txt"]
    assert sync.folders() == []
    for bad in (spec("/"), spec(tmp_path / "d", filter="["), spec(tmp_path / "d", mode="x")):
        with pytest.raises(S3dError):
            sync.validate(bad)


def test_a_folder_is_saved_changed_and_removed(agent, sync, tmp_path):
    assert sync.save("d", spec(tmp_path / "d", prefix="p")).prefix == "p/"
    assert sync.save("d", spec(tmp_path / "d", mode="backup")).mode == "backup"
    assert [folder.name for folder in sync.folders()] == ["d"]
    assert [folder.name for folder in agent.client.status().sync] == ["d"]
    sync.remove("d")
    for call in (sync.folder, sync.remove, sync.now, sync.plan, sync.pause, sync.conflicts):
        with pytest.raises(NotFoundError):
            call("d")
    assert "sync_folder" not in agent.places.config_file.read_text()


def test_what_was_saved_before_is_known_when_the_folders_have_caught_up(sync, tmp_path):
    assert sync.folders(caught_up=True) == []
    sync.save("d", spec(tmp_path / "d"))
    sync.now("d")
    while sync.folder("d").watch != "events" or sync.folder("d").pending:
        pass
    (tmp_path / "d" / "a").write_text("x")
    (caught_up,) = sync.folders(caught_up=True)
    assert caught_up.pending or caught_up.files == 1 or caught_up.state == "syncing"


def test_the_one_of_the_environment_cannot_be_changed(start_agent, tmp_path):
    env = {"S3D_SYNC_FOLDER": str(tmp_path / "d"), "S3D_SYNC_FOLDER_BUCKET": "home"}
    sync = SyncClient(start_agent(env=env).client)
    with pytest.raises(S3dError, match="environment"):
        sync.remove("d")
    with pytest.raises(S3dError, match="environment"):
        sync.save("d", spec(tmp_path / "d"))


def test_a_bad_name_is_refused(sync, tmp_path):
    with pytest.raises((UsageError, S3dError)):
        sync.save("a b", spec(tmp_path / "d"))
