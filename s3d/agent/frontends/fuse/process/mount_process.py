"""The agent's side of the process of the mounts: it is started with the first mount, and restarted
when it has died.

1. start() makes a socket pair, starts mount_main.py with one end, and calls "open".
2. mount() has it mount a folder. ProcessMount is that mount, for Mounts (mounts.py).
3. The calls of the file systems to the stores are answered by StoreService, those about the agent
   by agent_calls.handlers(). note_change() tells them what has changed in the stores.
4. When the process dies, programs get errors. It is started again, takes up the files that they had
   synced, and what was mounted is mounted again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from s3d.agent.core.backoff import Backoff
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.mount_folder import detach, remove_dead
from s3d.agent.frontends.fuse.process import running_process
from s3d.agent.frontends.fuse.process.agent_calls import (
    MountReport,
    MountRequest,
    MountServices,
    MountSettings,
)
from s3d.agent.frontends.fuse.process.frame_socket import ChannelClosed
from s3d.agent.frontends.fuse.process.running_process import FAILURES, RunningProcess
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.errors import S3dError

logger = logging.getLogger(__name__)

_PATIENCE = 30.0
"""Seconds for what the process is told to do."""
_REPORT_LIMIT = 2.0
_HANGS_AFTER = 10.0
"""Seconds without an answer after which the process is not waited for when a mount is to go."""
_REMEDY = "look into the log with s3d logs, and try again"
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 60.0
"""Seconds before the process is started again after it has died."""
_CALM = 10.0
"""A process that has lived for so many times the last delay has not died of its start."""


class MountProcess:
    """Belongs to the loop."""

    def __init__(
        self, store: ObjectStore, services: MountServices, settings: MountSettings
    ) -> None:
        """store: the top of the stack."""
        self._store = store
        self._services = services
        self._settings = settings
        self._starting = asyncio.Lock()
        self._running: RunningProcess | None = None
        self._mounts: dict[str, ProcessMount] = {}
        self._left: set[Path] = set()
        """Folders that the process was to unmount, and may not have."""
        self._restarting: asyncio.Task[None] | None = None
        self._backoff = Backoff(_FIRST_DELAY, _LONGEST_DELAY)
        self._is_closing = False

    @property
    def pid(self) -> int | None:
        """None: it does not run."""
        return None if self._running is None else self._running.process.pid

    async def start(self) -> None:
        """Start the process, unless it runs. Raises S3dError: UsageError for files of a newer
        s3d."""
        await self._started()

    async def _started(self) -> RunningProcess:
        async with self._starting:
            if self._running is None:
                running = RunningProcess(
                    self._store, self._services, self._note_report, self._note_end
                )
                try:
                    await running.start(self._settings)
                except FAILURES as error:
                    why = (
                        _reason(error)
                        or f"no answer within {running_process.START_TIMEOUT:.0f} seconds"
                    )
                    raise S3dError(
                        "the process of the mounts cannot be started", why, _REMEDY
                    ) from error
                self._running = running
            return self._running

    async def call(self, name: str, value: Any = None, limit: float = _PATIENCE) -> Any:
        """Have the process do something, within so many seconds. Raises S3dError: what the process
        raises, or it has died, or does not answer."""
        running = await self._started()
        try:
            async with asyncio.timeout(limit) as patience:
                answer = await running.channel.call(name, value)
            running.hangs = False
            return answer.value
        except ChannelClosed as error:
            raise S3dError("the process of the mounts has ended", "", _REMEDY) from error
        except FAILURES as error:
            if patience.expired():
                running.hangs = True
                why = f"no answer to {name} within {limit:.0f} seconds"
                remedy = f"end it with kill -9 {running.process.pid}; it is started again at once"
                raise S3dError("the process of the mounts hangs", why, remedy) from error
            title = f"{name} has failed in the process of the mounts"
            raise S3dError(title, _reason(error), _REMEDY) from error

    async def mount(self, mount: ProcessMount) -> None:
        """Return when programs can use it. Raises MountFailed, with the fix."""
        report = await self.call("mount", msgspec.to_builtins(mount.request))
        mount.report = msgspec.convert(report, MountReport)
        self._mounts[mount.request.folder] = mount

    async def unmount(self, mount: ProcessMount) -> None:
        """Unmount what nobody uses. Raises MountFailed."""
        await self.call("unmount", mount.request.folder)
        self._mounts.pop(mount.request.folder, None)

    async def stop(self, mount: ProcessMount, grace: float) -> None:
        """Unmount in any case, and do not mount it again."""
        self._mounts.pop(mount.request.folder, None)
        self._left.add(mount.folder)
        if self._running is not None:
            try:
                await self.call("report", limit=_HANGS_AFTER)
                await self.call("stop", [mount.request.folder, grace], grace + _PATIENCE)
                self._left.discard(mount.folder)
                return
            except S3dError as error:
                logger.warning("unmounting failed folder=%s reason=%s", mount.folder, error)
        await self._unmount_left(mount.folder)

    async def _unmount_left(self, *folders: Path) -> None:
        """Unmount what a process has left that has died or hangs."""
        unmount = remove_dead if self._running is None else detach
        threads = ThreadPoolExecutor(1, thread_name_prefix="dead mounts")
        try:
            for folder in folders:
                with suppress(MountFailed, OSError):
                    await asyncio.get_running_loop().run_in_executor(threads, unmount, folder)
                    self._left.discard(folder)
        finally:
            threads.shutdown(wait=False)

    def note_change(self, bucket: str, key: str, *, is_removal: bool) -> None:
        """Something has changed at this key, or (key "") anywhere in the bucket."""
        if self._running is not None:
            self._running.note_change(bucket, key, is_removal=is_removal)

    async def refresh(self) -> None:
        """Have the reports of all mounts as they are now."""
        if self._running is None or not self._mounts:
            return
        with suppress(S3dError):
            self._note_report(await self.call("report", limit=_REPORT_LIMIT))

    async def close(self) -> None:
        """Hand over what is not in the stores yet, and end the process."""
        self._is_closing = True
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.wait([self._restarting])
        async with self._starting:
            running, self._running = self._running, None
            if running is not None:
                await running.end()
            await self._unmount_left(*self._left)

    def _note_report(self, shown: Mapping[str, Any]) -> None:
        for folder, report in shown.items():
            if folder in self._mounts:
                self._mounts[folder].report = msgspec.convert(report, MountReport)

    def _note_end(self) -> None:
        """The process has ended, or the channel was closed."""
        if self._is_closing or self._running is None:
            return
        running, self._running = self._running, None
        for mount in self._mounts.values():
            mount.report = MountReport(folder=mount.report.folder)
        self._restarting = asyncio.get_running_loop().create_task(
            self._restart(running), name="restart the mounts"
        )

    async def _restart(self, ended: RunningProcess) -> None:
        if time.monotonic() - ended.started > _CALM * self._backoff.current:
            self._backoff.reset()
        await ended.end()
        why = f"it has ended with {ended.process.returncode}"
        while True:
            delay = self._backoff.advance()
            logger.error(
                "the process of the mounts is started again reason=%s seconds=%.1f", why, delay
            )
            await asyncio.sleep(delay)
            try:
                await self.start()
            except S3dError as error:
                why = str(error)
            else:
                await self._mount_again()
                return

    async def _mount_again(self) -> None:
        """Mount what was mounted."""
        for mount in [each for each in self._mounts.values() if not each.is_mounted]:
            if self._running is None:  # it has died once more, and is started again after a delay
                return
            try:
                await self.mount(mount)
                logger.info("mounted again folder=%s", mount.request.folder)
            except S3dError as error:
                logger.error(
                    "mounting again failed folder=%s reason=%s remedy=%s",
                    mount.request.folder, error, error.remedy,
                )  # fmt: skip


class ProcessMount:
    """One mount of the process."""

    def __init__(self, process: MountProcess, config: MountConfig) -> None:
        assert config.dir is not None
        self._process = process
        self.request = MountRequest(
            str(config.dir), config.bucket, config.prefix, config.read_only, config.allow_other
        )
        self.report = MountReport(folder=str(config.dir))

    @property
    def folder(self) -> Path:
        """Once it is started, without symbolic links."""
        return Path(self.report.folder)

    @property
    def is_mounted(self) -> bool:
        return self.report.is_mounted

    @property
    def open_files(self) -> int:
        """Files that programs have open."""
        return self.report.open_files

    @property
    def io_errors(self) -> int:
        """How many operations ended with EIO."""
        return self.report.io_errors

    def counts(self) -> Mapping[str, int]:
        """How often the kernel has called each operation."""
        return self.report.counts

    async def refresh(self) -> None:
        """Have the properties as they are now."""
        await self._process.refresh()

    async def start(self) -> None:
        """Return when programs can use it. Raises MountFailed, with the fix."""
        await self._process.mount(self)

    async def unmount(self) -> None:
        """Unmount what nobody uses. Raises MountFailed."""
        if self.is_mounted:
            await self._process.unmount(self)
        else:
            await self._process.stop(self, 0.0)
        self._note_unmounted()

    async def stop(self, grace: float) -> None:
        """Unmount in any case. Programs that write get some seconds to close their files."""
        await self._process.stop(self, grace)
        self._note_unmounted()

    def _note_unmounted(self) -> None:
        self.report = msgspec.structs.replace(self.report, is_mounted=False, open_files=0)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
