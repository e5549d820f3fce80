"""A mount while the remote does not answer at all: neither an error nor a closed connection."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator, Sequence
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


TREE = ("d/", "d/a", "d/empty", "d/sub/b", "d/sub/deep/c")


def fill(remote: Any, bucket: str, keys: Sequence[str] = TREE) -> None:
    for key in keys:
        body = b"" if key.endswith(("/", "empty")) else DATA
        remote.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"of": key})


def go_away(network: Network, folder: Path, kind: Partition = Partition.REFUSED) -> None:
    """The mount has listed everything, but long ago."""
    for _ in os.walk(folder):
        pass
    expires = time.monotonic() + 2 * TTL
    network.go_away(kind)
    wait_until(lambda: time.monotonic() > expires)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def keys_of(remote: Any, bucket: str) -> list[str]:
    rows = remote.list_objects_v2(Bucket=bucket)["Contents"]
    return [row["Key"] for row in rows if row["Key"] not in ("cached", "other")]


@pytest.mark.rule("MOUNT-12")
@pytest.mark.parametrize(
    ("kind", "is_killed"), [(Partition.REFUSED, False), (Partition.SILENT, True)]
)
def test_a_known_folder_gets_another_name_and_keeps_it_over_a_kill(
    gateway: Gateway,
    folder: Path,
    network: Network,
    remote: Any,
    new_bucket: str,
    kind: Partition,
    is_killed: bool,
) -> None:
    # After a kill, the marker of the old folder is deleted 15 minutes later.
    fill(remote, new_bucket, TREE[1:] if is_killed else TREE)
    go_away(network, folder, kind)
    (folder / "d" / "new").write_bytes(b"written")
    (folder / "d" / "made").mkdir()
    started = time.monotonic()
    (folder / "d").rename(folder / "e")
    assert time.monotonic() - started < CALL_LIMIT + SLACK
    here = ["a", "empty", "made", "new", "sub", "sub/b", "sub/deep", "sub/deep/c"]
    assert files_below(folder / "e") == here
    assert (folder / "e" / "new").read_bytes() == b"written"
    assert sorted(os.listdir(folder)) == ["cached", "e", "other"]
    with fails(errno.ENOENT):
        (folder / "d").stat()
    (folder / "e" / "sub").rename(folder / "e" / "moved")  # what was just moved is known
    assert (folder / "e" / "moved" / "b").stat().st_size == len(DATA)
    with pytest.raises(ClientError, match="404"):
        gateway.agent.s3().head_object(Bucket=new_bucket, Key="d/sub/b")
    remote.put_object(Bucket=new_bucket, Key="d/foreign", Body=b"of another client")
    if is_killed:
        gateway.agent.kill()
        gateway.start(S3D_FUSE_MOUNT="true", S3D_FUSE_MOUNT_DIR=str(folder.parent))
    with pytest.raises(ClientError, match="404"):
        gateway.agent.s3().head_object(Bucket=new_bucket, Key="d/sub/b")
    network.come_back()
    gateway.drain()
    gateway.check_no_conflicts()
    moved = ["e/a", "e/empty", "e/made/", "e/moved/b", "e/moved/deep/c", "e/new"]
    assert keys_of(remote, new_bucket) == ["d/foreign", *([] if is_killed else ["e/"]), *moved]
    for old, new in (("d/a", "e/a"), ("d/empty", "e/empty"), ("d/sub/b", "e/moved/b")):
        assert remote.head_object(Bucket=new_bucket, Key=new)["Metadata"] == {"of": old}, new
    wait_until(lambda: sorted(os.listdir(folder)) == ["cached", "d", "e", "other"])
    assert (folder / "d" / "foreign").read_bytes() == b"of another client"


@pytest.mark.rule("MOUNT-12")
def test_a_rename_that_a_kill_has_interrupted_goes_on_while_the_remote_is_away(
    gateway: Gateway, folder: Path, network: Network, remote: Any, new_bucket: str
) -> None:
    names = [f"{number:02}" for number in range(50)]
    for name in names:
        remote.put_object(Bucket=new_bucket, Key=f"d/{name}", Body=name.encode())
    settings = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(folder.parent)}
    gateway.agent.kill()
    gateway.start(**settings, S3D_FAILPOINT="queue.accepted:kill")
    go_away(network, folder)
    with fails(errno.ECONNABORTED):
        (folder / "d").rename(folder / "e")
    gateway.agent.kill()
    gateway.start(**settings)
    wait_until(lambda: gateway.queue.status().left.files == 2 * len(names))
    with pytest.raises(ClientError, match="404"):
        gateway.agent.s3().head_object(Bucket=new_bucket, Key=f"d/{names[-1]}")
    network.come_back()
    gateway.drain()
    gateway.check_no_conflicts()
    assert keys_of(remote, new_bucket) == [f"e/{name}" for name in names]
    assert remote.get_object(Bucket=new_bucket, Key="e/49")["Body"].read() == b"49"


@pytest.mark.rule("MOUNT-12")
def test_a_folder_of_which_not_everything_is_known_keeps_its_name(
    gateway: Gateway, folder: Path, network: Network, remote: Any, new_bucket: str
) -> None:
    fill(remote, new_bucket)
    for name in ("", "d"):  # but not the folder in it
        os.listdir(folder / name)
    expires = time.monotonic() + 2 * TTL
    network.go_away()
    wait_until(lambda: time.monotonic() > expires)
    with fails(errno.EIO):
        (folder / "d").rename(folder / "e")
    wait_until(lambda: "unknown=d/sub/" in gateway.agent.stderr)
    assert sorted(os.listdir(folder)) == ["cached", "d", "other"]
    assert gateway.queue.status().left.files == 0
    network.come_back()
    assert keys_of(remote, new_bucket) == list(TREE)


@pytest.mark.rule("MOUNT-12")
def test_a_folder_gets_its_name_back(
    gateway: Gateway, folder: Path, network: Network, remote: Any, new_bucket: str
) -> None:
    fill(remote, new_bucket)
    go_away(network, folder)
    before = files_below(folder)
    for _ in range(2):
        (folder / "d").rename(folder / "e")
        (folder / "e").rename(folder / "d")
    assert files_below(folder) == before
    network.come_back()
    gateway.drain()
    gateway.check_no_conflicts()
    assert keys_of(remote, new_bucket) == list(TREE)


@pytest.mark.rule("MOUNT-9")
def test_an_object_of_a_renamed_folder_that_another_client_has_changed_is_not_lost(
    gateway: Gateway, folder: Path, network: Network, remote: Any, new_bucket: str
) -> None:
    """Nor is one that has the new key by now."""
    fill(remote, new_bucket)
    go_away(network, folder)
    (folder / "d").rename(folder / "e")
    theirs = {"d/a": b"changed", "d/empty": b"not empty any more", "e/sub/b": b"in the way"}
    for key, body in theirs.items():
        remote.put_object(Bucket=new_bucket, Key=key, Body=body)
    network.come_back()

    def stuck() -> int:
        status = gateway.queue.status()
        return status.failed.files + status.conflict.files

    wait_until(lambda: stuck() >= 2)  # those whose source has changed
    # The third gets a name of its own, and then its old key is deleted.
    wait_until(lambda: "d/sub/b" not in keys_of(remote, new_bucket))
    for key, body in theirs.items():
        assert remote.get_object(Bucket=new_bucket, Key=key)["Body"].read() == body
    bodies = {
        remote.get_object(Bucket=new_bucket, Key=key)["Body"].read()
        for key in keys_of(remote, new_bucket)
    }
    assert DATA in bodies  # of d/sub/b, wherever it is now
