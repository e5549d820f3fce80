"""A gateway with a bit of everything: pending, parked and conflicting writes, a cache with pins,
sync folders in several states. Its remote is another s3d, behind a network that can be cut."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

from s3d.cli.client.cache_client import CacheClient
from s3d.cli.client.mount_client import MountClient
from s3d.cli.client.queue_client import QueueClient
from s3d.cli.client.sync_client import SyncClient
from s3d.cli.client.transfer_client import TransferClient
from s3d.shared.caching import CachePlace
from s3d.shared.control import ObjectStatus
from s3d.shared.errors import S3dError
from s3d.shared.mounting import MountSpec
from s3d.shared.syncing import FolderSpec
from s3d.shared.transfers import TransferRequest
from tests.agent_process import AgentProcess, launch
from tests.gateway.network import Network
from tests.peers.servers import Peer

PATIENCE = 30.0
"""Seconds within which the agent reaches a state."""
LARGE = 6 << 20
CAN_MOUNT = which("fusermount3") is not None and os.access("/dev/fuse", os.W_OK)


class World:
    """agent: the gateway. store: its remote. there: a boto3 client of that, past the network."""

    def __init__(
        self, agent: AgentProcess, store: AgentProcess, there: Any, network: Network, folder: Path
    ) -> None:
        self.agent, self.store, self.there = agent, store, there
        self.network, self.folder = network, folder
        self.queue, self.cache = QueueClient(agent.client), CacheClient(agent.client)
        self.sync, self.transfers = SyncClient(agent.client), TransferClient(agent.client)
        self.mounts, self._opened = MountClient(agent.client), ExitStack()
        self.here = agent.s3()

    def until(self, test: Callable[[], bool], what: str) -> None:
        """Wait until a test of the agent's state passes."""
        end, pulse = time.monotonic() + PATIENCE, threading.Event()
        while not test():
            assert time.monotonic() < end, (what, self.agent.client.status())
            pulse.wait(0.02)

    def drain(self) -> None:
        """Have everything pushed that can be."""
        status = self.queue.drain(PATIENCE, hurry=True)
        assert status.moving.files == 0, status

    def until_folder(self, name: str, test: Callable[[Any], bool]) -> None:
        """Wait for a state of a sync folder."""
        self.until(lambda: test(self.sync.folder(name)), f"the folder {name}")

    def add_folder(self, name: str, bucket: str, prefix: str, **options: str) -> Path:
        """A sync folder with two files of its own."""
        path = self.folder / name
        path.mkdir()
        (path / "one.md").write_text("# One\n")
        (path / "two.txt").write_text("two" * 500)
        self.sync.save(name, FolderSpec(str(path), bucket, prefix, **options))
        return path

    # The states, each of which stays until the next is asked for

    def fill(self) -> None:
        """Buckets and objects at the remote; some are cached, one in part, and a prefix pinned."""
        for bucket in ("photos", "website", "backup"):
            self.there.create_bucket(Bucket=bucket)
        self.there.put_bucket_versioning(
            Bucket="photos", VersioningConfiguration={"Status": "Enabled"}
        )
        for number in range(4):
            self.there.put_object(
                Bucket="photos", Key=f"2024/day-{number}.jpg", Body=b"x" * (900 + 1000 * number)
            )
        for text in (b"a day at the lake\n", b"two days at the lake\n"):
            self.there.put_object(
                Bucket="photos", Key="notes.txt", Body=text, ContentType="text/plain",
                Metadata={"author": "me"}, Tagging="place=lake",
            )  # fmt: skip
        self.there.put_object(Bucket="photos", Key="large.bin", Body=bytes(LARGE))
        self.there.put_object(Bucket="website", Key="index.html", Body=b"<html></html>")
        self.here.get_object(Bucket="photos", Key="notes.txt")["Body"].read()
        self.here.get_object(Bucket="photos", Key="notes.txt")["Body"].read()
        self.here.get_object(Bucket="photos", Key="large.bin", Range="bytes=0-99")["Body"].read()
        self.here.put_object(Bucket="website", Key="sent.html", Body=b"<p>sent</p>")
        self.drain()
        self.until(lambda: self.receipts("website", "sent.html"), "a receipt")
        self.cache.pin(CachePlace("photos", prefix="2024/"))
        self.until(lambda: self.cache.pins()[0].cached.files == 4, "the pinned objects")

    def add_folders(self) -> None:
        """One that is up to date, one that is paused, one with a conflict, one that stopped."""
        self.add_folder("notes", "backup", "notes/", filter="!*.tmp")
        self.add_folder("paused", "backup", "paused/", mode="backup")
        self.there.put_object(Bucket="backup", Key="both/one.md", Body=b"# Another\n")
        self.add_folder("both", "backup", "both/")
        emptied = self.add_folder("emptied", "backup", "emptied/")
        for number in range(60):
            (emptied / f"file-{number}").write_text(f"{number}")
        self.sync.now("emptied")
        self.until_folder("emptied", lambda each: each.state == "idle" and each.files == 62)
        for file in emptied.glob("file-*"):
            file.unlink()
        with suppress(S3dError):  # it asks first
            self.sync.now("emptied")
        self.until_folder("paused", lambda each: each.state == "idle")
        self.sync.pause("paused")
        self.until_folder("notes", lambda each: each.state == "idle" and each.files == 2)
        self.until_folder("both", lambda each: each.conflicts == 1)
        self.until_folder("paused", lambda each: each.state == "paused")
        self.until_folder("emptied", lambda each: each.state == "stopped")
        self.drain()

    def park_writes(self) -> None:
        """Writes in every state in which they stay: failed, in conflict, waiting and held."""
        self.fail_write("gone", "lost.txt")
        self.queue.pause()
        self.here.put_object(Bucket="website", Key="index.html", Body=b"<html>mine</html>")
        self.there.put_object(Bucket="website", Key="index.html", Body=b"<html>theirs</html>")
        self.queue.resume()
        self.queue.drain(PATIENCE, hurry=True)
        self.until(lambda: self.queue.status().conflict.files == 1, "a conflict")
        self.here.put_object(Bucket="website", Key="draft.tmp", Body=b"not yet")
        self.until(lambda: self.queue.status().held.files == 1, "a write that the filter holds")
        self.queue.pause()
        for number in range(3):
            self.here.put_object(Bucket="website", Key=f"page-{number}.html", Body=b"p" * 1500)
        waiting = [each for each in self.queue.transfers() if each.state == "waiting"]
        self.queue.hold(waiting[-1].id)
        self.until(lambda: self.queue.status().held.files == 2, "two held writes")

    def fail_write(self, bucket: str, key: str) -> None:
        """A write that the remote refuses: its bucket is gone there."""
        self.there.create_bucket(Bucket=bucket)
        self.here.head_bucket(Bucket=bucket)
        self.queue.pause()
        self.here.put_object(Bucket=bucket, Key=key, Body=b"nowhere to go")
        self.there.delete_bucket(Bucket=bucket)
        self.queue.resume()
        self.queue.drain(PATIENCE, hurry=True)
        self.until(lambda: self.queue.status().failed.files == 1, "a failed write")

    def upload_slowly(self) -> None:
        """An upload of several parts that runs, and a download that has ended."""
        self.queue.set_bandwidth("64KiB")
        self.here.put_object(Bucket="backup", Key="video.mov", Body=bytes(24 << 20))
        self.queue.resume()
        self.transfers.start(TransferRequest(
            "download", "photos", prefixes=["2024/"], base="2024/",
            to_path=str(self.folder / "down"),
        ))  # fmt: skip
        self.until(lambda: self.queue.status().running.files > 0, "a running upload")
        self.until(lambda: all(each.state == "done" for each in self.transfers.all("download")),
                   "the download")  # fmt: skip

    def receipts(self, bucket: str, key: str) -> list[Any]:
        path = f"/v1/status?bucket={bucket}&key={key}"
        return self.agent.client.request("GET", path, ObjectStatus).receipts

    def mount(self) -> None:
        """One of all buckets, and one of a bucket with an open file; none without FUSE."""
        if not CAN_MOUNT:
            return
        for name, bucket in (("photos", "photos"), ("all", "")):
            self.mounts.mount(MountSpec(str(self.folder / name), bucket))
        self._opened.enter_context((self.folder / "photos" / "notes.txt").open("rb"))
        self.until(lambda: any(each.open_files for each in self.mounts.list()), "an open file")

    def unmount(self) -> None:
        self._opened.close()
        self.mounts.unmount(force=True)
        self.until(lambda: not self.status.mounts, "no mounts")

    def cut(self) -> None:
        """The remote is unreachable, and the agent knows it."""
        self.network.go_away()
        self.until(lambda: self.status.remote.ok is False, "an unreachable remote")
        self.until(lambda: self.queue.status().next_check is not None, "the next check")

    @property
    def status(self) -> Any:
        return self.agent.client.status()


@contextmanager
def world() -> Iterator[World]:
    """The gateway and its remote, before anything is in them. Their paths are short, so that the
    app need not elide them."""
    with TemporaryDirectory(prefix="s3d-", dir="/tmp") as folder:
        yield from _world(Path(folder))


def _world(folder: Path) -> Iterator[World]:
    remote = launch(folder / "remote")
    peer = Peer("s3d", remote.endpoint, *remote.key)
    agents = [remote]
    try:
        with Network(peer) as network, closing(remote.s3()) as there:
            env = {
                "S3D_WRITE_QUEUE_FILTER": "!*/*.tmp", "S3D_RECEIPTS": "true",
                "S3D_REMOTE": network.peer.endpoint, "AWS_ACCESS_KEY_ID": peer.access_key,
                "AWS_SECRET_ACCESS_KEY": peer.secret_key, "AWS_REGION": peer.region,
            }  # fmt: skip
            agent = launch(folder / "home", env=env)
            agents.append(agent)
            made = World(agent, remote, there, network, folder)
            try:
                yield made
            finally:
                with suppress(S3dError):
                    made.unmount()
    finally:
        for each in agents:
            each.kill()
            assert each.process.stdout is not None
            each.process.stdout.close()
