"""A real process of the mounts, before an embedded store on the loop of the test."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.process import mount_process
from s3d.agent.frontends.fuse.process.agent_calls import MountSettings
from s3d.agent.frontends.fuse.process.mount_process import MountProcess, ProcessMount
from s3d.agent.frontends.fuse.xattrs import AgentState
from s3d.agent.s3 import checksums
from s3d.agent.storage.index import Index
from s3d.agent.stores.write_observers import ChangeEvents
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.control import Event
from tests.agent.frontends.fuse.kernel.mounts import clear
from tests.known_load import wait_until

T = TypeVar("T")
BUCKET = "bkt"


class Services:
    """A MountServices: every object is here, and what is pinned is noted."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.pinned: set[tuple[str, str]] = set()

    def is_local(self, bucket: str, key: str, size: int) -> bool:
        return True

    def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        return True

    def state_of(self, bucket: str, key: str) -> AgentState:
        return AgentState("clean", "cached", is_pinned=(bucket, key) in self.pinned)

    async def set_pinned(self, bucket: str, key: str, *, pinned: bool) -> None:
        (self.pinned.add if pinned else self.pinned.discard)((bucket, key))

    async def pending_below(self, bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
        return {}

    async def sync_store(self) -> None:
        await self._index.sync()


class World:
    """The store, the process, and one mount of all buckets."""

    def __init__(self, client: S3Client, process: MountProcess, folder: Path, root: Path) -> None:
        self.client = client
        self.process = process
        self.folder = folder / BUCKET
        self.root = root
        self.mount = ProcessMount(process, MountConfig(dir=folder))

    async def read(self, key: str) -> bytes:
        """What the store has."""
        _, body = await self.client.get(BUCKET, key)
        try:
            return b"".join([chunk async for chunk in body])
        finally:
            await body.aclose()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process. What it causes comes later: see dead()."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    @asynccontextmanager
    async def dead(self) -> AsyncIterator[None]:
        """Kill the process. In the block it is dead, which the agent has noticed; after the block
        it is started again."""
        ended = self.process.pid
        async with self.process._starting:
            self.kill()
            await eventually(lambda: not (self.process.pid or Path(f"/proc/{ended}").exists()))
            assert not self.mount.is_mounted
            yield

    async def restarted(self) -> None:
        """Kill the process, and wait until the mount is mounted again."""
        async with self.dead():
            pass
        await eventually(lambda: self.mount.is_mounted)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    await asyncio.to_thread(wait_until, condition)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """The process, which starts with the first call, and a mount that is not started yet."""
    monkeypatch.setattr(mount_process, "_FIRST_DELAY", 0.05)
    monkeypatch.setattr(mount_process, "_REPORT_LIMIT", 30.0)
    embedded = open_embedded(tmp_path / "store")
    events = Events()
    store = ChangeEvents(embedded.local, events)
    settings = MountSettings(
        staging_folder=str(tmp_path / "store" / "mount"),
        metadata_file=str(tmp_path / "metadata.sqlite"),
        symlinks=False,
        local_names=("*.local",),
        listing_ttl=60.0,
        checksum=checksums.DEFAULT,
        syncs_later=True,
        has_size=True,
    )
    process = MountProcess(store, Services(embedded.index), settings)

    def note(event: Event) -> None:
        if event.kind == "store.changed":
            bucket, _, key = event.subject.partition("/")
            is_removal = str(event.data["operation"]).startswith("Delete")
            process.note_change(bucket, key, is_removal=is_removal)

    events.taps.append(note)
    world = World(S3Client(store), process, tmp_path / "mnt", tmp_path)
    await world.client.create_bucket(BUCKET)
    yield world
    await world.mount.stop(0.0)
    await process.close()
    await asyncio.to_thread(clear, tmp_path / "mnt")
    embedded.close()
