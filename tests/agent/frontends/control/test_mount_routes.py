"""The routes of mounts, as curl sees them: the real agent's socket, and its configuration file."""

from __future__ import annotations

import os
import subprocess

import pytest

from s3d.cli.client.mount_client import MountClient
from s3d.shared.config.load import load_config
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.mounting import MountSpec, ObjectPlace
from tests.agent.frontends.fuse.kernel.mounts import needs_fuse
from tests.agent_process import launch


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    agent = launch(tmp_path_factory.mktemp("agent") / "home", env={"S3D_BUCKETS": "bkt"})
    yield agent
    agent.kill()


@pytest.fixture
def mounts(agent):
    client = MountClient(agent.client)
    yield client
    client.unmount(force=True)


@needs_fuse
def test_a_mount_is_in_the_file_as_long_as_it_is_mounted(agent, mounts, tmp_path):
    file = agent.places.config_file
    spec = MountSpec(str(tmp_path / "m"), "bkt", "p", read_only=True)
    assert mounts.mount(spec).from_file
    (config,) = load_config(file, {}, {}).mounts
    assert (config.dir, config.bucket, config.prefix) == (tmp_path / "m", "bkt", "p/")
    assert [each.from_file for each in agent.client.status().mounts] == [True]
    assert [each.from_file for each in mounts.list()] == [True]
    mounts.unmount(spec.dir)
    assert load_config(file, {}, {}).mounts == ()


@needs_fuse
def test_paths_are_located_without_a_look_at_them(mounts, tmp_path):
    mounts.mount(MountSpec(str(tmp_path / "all")))
    mounts.mount(MountSpec(str(tmp_path / "part"), "bkt", "p"))
    (tmp_path / "link").symlink_to("part")
    paths = ["all", "all/bkt/none", "part/x/y", "link/x", "other"]
    assert mounts.locate([str(tmp_path / path) for path in paths]) == [
        ObjectPlace("", ""),
        ObjectPlace("bkt", "none"),
        ObjectPlace("bkt", "p/x/y"),
        ObjectPlace("bkt", "p/x"),
        None,
    ]


def test_a_bucket_that_does_not_exist_is_refused(mounts, tmp_path):
    with pytest.raises(NotFoundError, match="bucket does not exist"):
        mounts.mount(MountSpec(str(tmp_path / "m"), "none"))
    assert mounts.list() == []


@pytest.mark.parametrize("path", ["relative", ""])
def test_a_relative_path_is_refused(mounts, path):
    with pytest.raises(S3dError, match="not an absolute path"):
        mounts.locate([path])


@needs_fuse
def test_a_mount_that_others_have_unmounted_is_shown(mounts, tmp_path):
    mounts.mount(MountSpec(str(tmp_path / "m")))
    subprocess.run(["fusermount3", "-u", tmp_path / "m"], check=True)
    while mounts.list()[0].state == "mounted":
        pass
    assert mounts.list()[0].state == "unmounted"
    assert mounts.mount(MountSpec(str(tmp_path / "m"))).state == "mounted"


@needs_fuse
def test_df_shows_the_disk_of_the_embedded_store(agent, mounts, tmp_path):
    mounts.mount(MountSpec(str(tmp_path / "m")))
    shown, disk = (os.statvfs(path) for path in (tmp_path / "m", agent.places.store_dir))
    assert shown.f_blocks * shown.f_frsize == pytest.approx(disk.f_blocks * disk.f_frsize, abs=8192)
    used, of_disk = (1 - each.f_bavail / each.f_blocks for each in (shown, disk))
    assert used == pytest.approx(of_disk, abs=0.02)


@needs_fuse
def test_the_mount_of_the_settings_gets_no_table_which_would_refuse_the_next_start(tmp_path):
    folder = tmp_path / "S3"
    env = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(folder)}
    agent = launch(tmp_path / "home", env=env)
    try:
        mounts = MountClient(agent.client)
        mounts.unmount(str(folder))
        assert mounts.mount(MountSpec(str(folder))).from_file
        (config,) = load_config(agent.places.config_file, env, {}).mounts
        assert config.dir == folder
        mounts.unmount(str(folder))
    finally:
        agent.stop()
