from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3d.agent.app.mounted_buckets import STAGING, MountedBuckets, why_no_mount
from s3d.agent.core.events import Events
from s3d.agent.frontends.fuse.staging_journal import JOURNAL
from s3d.agent.stores.write_queue.journal.pending_index import PendingIndex
from s3d.agent.stores.write_queue.journal.pending_write import Kind, new_write
from s3d.cli.client.mount_client import MountClient
from s3d.shared.config.mount_settings import FuseConfig
from s3d.shared.errors import S3dError
from s3d.shared.mounting import MountSpec
from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.agent_process import launch

FOLDERS = SimpleNamespace(by_name={"s": SimpleNamespace(path=Path("/synced"))})


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/free", ""),
        ("/state/x", "its own files in /state"),
        ("/", "its own files in /state"),
        ("/synced", "/synced is a sync folder"),
        ("/synced/x", "/synced is a sync folder"),
    ],
)
def test_some_folders_cannot_be_mounts(folder, why):
    text = why_no_mount(Path(folder), own_folders=(Path("/state"),), folders=FOLDERS)
    assert why in text
    assert bool(why) == bool(text)


async def test_of_a_million_pending_writes_only_as_many_are_told_as_the_mount_can_use(tmp_path):
    pending = PendingIndex()
    for number in range(5_000):
        kind = Kind.DELETE if number % 2 else Kind.PUT
        pending.add(new_write(number, kind, "bkt", f"d/{number:04}", 1, 1.0))
    queue = SimpleNamespace(journal=SimpleNamespace(pending=pending))
    gateway = SimpleNamespace(queue=queue, staging=None)
    stack = SimpleNamespace(gateway=gateway, places=lambda places: places)
    places = SimpleNamespace(write_queue_dir=tmp_path, mount_metadata_file=tmp_path / "metadata")
    buckets = MountedBuckets(stack, places, Events(), FuseConfig())
    assert len(await buckets.pending_below("bkt", "d/", 5_000)) == 5_000
    assert (await buckets.pending_below("bkt", "d/0", 5_000))["d/0001"] is False
    assert 2_000 < len(await buckets.pending_below("bkt", "d/", 2_000)) <= 3_000


@needs_fuse
def test_writes_below_a_mount_are_counted(tmp_path):
    """A remote that nobody answers for: what is written stays pending."""
    env = {"S3D_REMOTE": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "k"}
    agent = launch(tmp_path / "home", env={**env, "AWS_SECRET_ACCESS_KEY": "s"})
    mounts = MountClient(agent.client)
    try:
        mounts.mount(MountSpec(str(tmp_path / "all")))
        mounts.mount(MountSpec(str(tmp_path / "part"), "bkt", "p"))
        s3 = agent.s3()
        for key in ("p/1", "p/2", "q/1"):
            s3.put_object(Bucket="bkt", Key=key, Body=b"x")
        assert [each.pending for each in mounts.list()] == [3, 2]
        mounts.unmount(force=True)
    finally:
        agent.kill()
        for name in ("all", "part"):
            clear(tmp_path / name)


@needs_fuse
def test_what_is_written_survives_a_kill_and_is_handed_over_without_a_mount(tmp_path):
    agent = launch(tmp_path / "home", env={"S3D_BUCKETS": "bkt"})
    MountClient(agent.client).mount(MountSpec(str(tmp_path / "m")))
    file = open(tmp_path / "m" / "bkt" / "a", "wb", buffering=0)  # noqa: SIM115
    file.write(b"durable")
    os.fsync(file.fileno())
    agent.kill()
    closing = threading.Thread(target=_close, args=(file,))
    closing.start()
    closing.join(10)
    config = agent.places.config_file
    config.write_text(config.read_text().replace("[[mount]]", "").replace("dir = ", "# "))
    again = launch(tmp_path / "home")
    waiter = again.s3().get_waiter("object_exists")
    waiter.wait(Bucket="bkt", Key="a", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert again.s3().get_object(Bucket="bkt", Key="a")["Body"].read() == b"durable"
    again.stop()
    clear(tmp_path / "m")


@needs_fuse
def test_a_damaged_journal_keeps_mounts_away_and_not_the_agent(tmp_path):
    agent = launch(tmp_path / "home", env={"S3D_BUCKETS": "bkt"})
    agent.stop()
    staging = agent.places.store_dir / STAGING
    staging.mkdir(exist_ok=True)
    (staging / "7").write_bytes(b"of a program")
    (staging / JOURNAL).write_bytes(b"no database" * 1_000)
    again = launch(tmp_path / "home")
    again.s3().put_object(Bucket="bkt", Key="k", Body=b"works")
    with pytest.raises(S3dError, match="file is not a database") as refused:
        MountClient(again.client).mount(MountSpec(str(tmp_path / "m")))
    assert f"move the folder {staging} away" in refused.value.remedy
    assert (staging / "7").read_bytes() == b"of a program"
    again.stop()


def _close(file) -> None:
    try:
        file.close()
    except OSError:
        return
