from pathlib import Path

import pytest

from s3d.shared.config.load import load_config, mount_of
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.config.rules import ConfigError
from s3d.shared.mounting import MountSpec


def load(tmp_path, text="", **env):
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load_config(file, {f"S3D_{name}": value for name, value in env.items()}, {})


def test_nothing_is_mounted_by_default(tmp_path):
    assert load(tmp_path).mounts == ()


def test_the_environment_mounts_all_buckets(tmp_path):
    assert load(tmp_path, FUSE_MOUNT="true").mounts == (MountConfig(dir=Path.home() / "S3"),)
    config = load(tmp_path, FUSE_MOUNT="true", FUSE_MOUNT_DIR="/x")
    assert config.mounts == (MountConfig(dir=Path("/x")),)
    assert load(tmp_path, FUSE_MOUNT="false", FUSE_MOUNT_DIR="/x").mounts == ()


def test_the_file_has_several(tmp_path):
    text = """
[fuse]
mount = true
mount_dir = "/all"

[[mount]]
dir = "/photos"
bucket = "photos"
prefix = "2026"
read_only = true
"""
    assert load(tmp_path, text).mounts == (
        MountConfig(dir=Path("/all")),
        MountConfig(dir=Path("/photos"), bucket="photos", prefix="2026/", read_only=True),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[mount]]\nbucket = "photos"', "dir is not set"),
        ('[[mount]]\ndir = "/a"\nprefix = "p"', "a prefix needs a bucket"),
        ('[[mount]]\ndir = "/a"\n[[mount]]\ndir = "/a/b"', "/a is a mount too"),
        ('[[mount]]\ndir = "/a"\n[[sync_folder]]\npath = "/a/b"\nbucket = "photos"',
         "/a/b is a sync folder too"),
        ('[[mount]]\ndir = "/a/b"\n[[sync_folder]]\npath = "/a"\nbucket = "photos"',
         "/a is a sync folder too"),
        ('[[mount]]\ndirr = "/a"', "did you mean mount.dir"),
    ],
)  # fmt: skip
def test_a_wrong_mount_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, text)


def test_a_spec_of_the_control_api_is_read_as_the_file_is():
    spec = MountSpec("/a", "photos", "2026", read_only=True)
    expected = MountConfig(dir=Path("/a"), bucket="photos", prefix="2026/", read_only=True)
    assert mount_of(spec) == expected
    with pytest.raises(ConfigError):
        mount_of(MountSpec("/a", "UPPER"))
