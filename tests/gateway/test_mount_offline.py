"""A mount while the remote does not answer at all: neither an error nor a closed connection."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3d.agent.frontends.fuse.folder_memory import TTL
from s3d.agent.frontends.fuse.fs_ops import CALL_LIMIT
from tests.agent.frontends.fuse.kernel.mounts import child, clear, fails, needs_fuse
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.known_load import wait_until
from tests.peers.proxy import Partition

pytestmark = needs_fuse

DATA = bytes(300_000)
SLACK = 20.0
"""Seconds that a busy machine may add."""


@pytest.fixture
def folder(gateway: Gateway, remote: Any, new_bucket: str, tmp_path: Path) -> Iterator[Path]:
    """A mount of a bucket with two objects, of which one is cached."""
    for key in ("cached", "other"):
        remote.put_object(Bucket=new_bucket, Key=key, Body=DATA, Metadata={"of": key})
    gateway.start(S3D_FUSE_MOUNT="true", S3D_FUSE_MOUNT_DIR=str(tmp_path / "S3"))
    folder = tmp_path / "S3" / new_bucket
    assert (folder / "cached").read_bytes() == DATA
    yield folder
    gateway.agent.kill()
    clear(tmp_path / "S3")


@pytest.mark.rule("MOUNT-3")
def test_what_is_cached_is_read_and_nothing_blocks_for_ever(folder: Path, network: Network) -> None:
    network.go_away(Partition.SILENT)
    assert (folder / "cached").read_bytes() == DATA
    started = time.monotonic()
    with fails(errno.EIO):
        (folder / "other").read_bytes()
    assert time.monotonic() - started < CALL_LIMIT + SLACK
    with child("import sys; open(sys.argv[1], 'rb').read()", folder / "unknown") as process:
        wchan = Path(f"/proc/{process.pid}/wchan")
        while wchan.read_text() != "request_wait_answer":
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(CALL_LIMIT + SLACK) == -signal.SIGTERM
    network.come_back()
    assert (folder / "other").read_bytes() == DATA


@pytest.mark.finding("mount-rename-of-unopened-while-away")
@pytest.mark.rule("MOUNT-10")
def test_files_of_a_known_folder_get_other_names(
    gateway: Gateway, folder: Path, network: Network, remote: Any, new_bucket: str
) -> None:
    assert sorted(os.listdir(folder)) == ["cached", "other"]
    expires = time.monotonic() + TTL + 0.1
    network.go_away()
    wait_until(lambda: time.monotonic() > expires)
    (folder / "cached").rename(folder / "moved")
    (folder / "other").rename(folder / "another")  # nobody here knows its metadata
    assert (folder / "another").stat().st_size == len(DATA)
    with fails(errno.ENOENT):
        (folder / "other").stat()
    with fails(errno.EIO):  # its metadata must not be lost
        (folder / "another").chmod(0o600)
    (folder / "new").write_bytes(b"written")
    (folder / "new").rename(folder / "cached")
    assert sorted(os.listdir(folder)) == ["another", "cached", "moved"]
    with pytest.raises(ClientError, match="404"):
        gateway.agent.s3().head_object(Bucket=new_bucket, Key="other")
    network.come_back()
    gateway.drain()
    assert remote.get_object(Bucket=new_bucket, Key="moved")["Body"].read() == DATA
    assert remote.get_object(Bucket=new_bucket, Key="cached")["Body"].read() == b"written"
    listed = remote.list_objects_v2(Bucket=new_bucket)["Contents"]
    assert [row["Key"] for row in listed] == ["another", "cached", "moved"]
    renamed = remote.get_object(Bucket=new_bucket, Key="another")
    assert (renamed["Body"].read(), renamed["Metadata"]) == (DATA, {"of": "other"})
