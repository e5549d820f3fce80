"""A mount whose threads are those of the test, for what needs no process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from s3d.agent.frontends.fuse.fs_ops import FsOps
from s3d.agent.frontends.fuse.mount import Mount
from s3d.shared.config.mount_settings import MountConfig


class ThreadMount:
    """A RunningMount."""

    def __init__(self, config: MountConfig, operations: FsOps) -> None:
        self.mount = Mount(config, operations)

    @property
    def folder(self) -> Path:
        return self.mount.folder

    @property
    def is_mounted(self) -> bool:
        return self.mount.is_mounted

    @property
    def open_files(self) -> int:
        return len(self.mount.open_paths())

    @property
    def io_errors(self) -> int:
        return self.mount.io_errors

    def counts(self) -> Mapping[str, int]:
        return self.mount.counts()

    async def refresh(self) -> None:
        """Nothing is ever outdated."""

    async def start(self) -> None:
        try:
            await asyncio.to_thread(self.mount.start)
        except BaseException:
            await asyncio.to_thread(self.mount.abandon)
            raise

    async def unmount(self) -> None:
        await asyncio.to_thread(self.mount.unmount)

    async def stop(self, grace: float) -> None:
        await asyncio.to_thread(self.mount.stop, grace)


def new_mount(make_file_system: Callable[[], FsOps]) -> Callable[[MountConfig], ThreadMount]:
    """What Mounts makes its mounts with."""
    return lambda config: ThreadMount(config, make_file_system())
