"""The mounts, in their own process: what the agent has it do, and what is reported to the agent.

A process of its own, because in one process the threads of a mount and the event loop of the agent
wait for each other: Python runs one thread at a time (the global interpreter lock).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from s3d import __version__
from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.loop_bridge import is_own_call
from s3d.agent.frontends.fuse.mount import Mount
from s3d.agent.frontends.fuse.process.agent_calls import (
    AgentCalls,
    MountReport,
    MountRequest,
    MountSettings,
)
from s3d.agent.frontends.fuse.process.agent_store import AgentStore
from s3d.agent.frontends.fuse.process.bodies import OfferedBodies
from s3d.agent.frontends.fuse.process.change_barrier import ChangeBarrier
from s3d.agent.frontends.fuse.process.channel import Channel, Handler, Listener, Message
from s3d.agent.frontends.fuse.process.file_systems import FileSystems
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.errors import UsageError

T = TypeVar("T")

REPORT = "report"
_REPORT_AFTER = 1.0
"""Seconds after a request of the kernel in which what has changed is reported to the agent."""
_THREADS = 8
"""Mounts that are stopped at once; threads are made when they are needed."""


class MountHost:
    """Belongs to the loop of the process. connect() comes first, then the call "open"."""

    def __init__(self, bodies: OfferedBodies) -> None:
        """bodies: of requests."""
        self._bodies = bodies
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="mounts")
        self._mounts: dict[str, Mount] = {}
        self._is_report_due = False
        self.closed = asyncio.Event()
        """Everything was handed over."""

    def connect(self, channel: Channel) -> None:
        self._channel = channel
        self._agent = AgentCalls(channel)
        self._store = AgentStore(channel, self._bodies)

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "open": self._open,
            "mount": self._mount,
            "unmount": self._unmount,
            "stop": self._stop,
            "report": self._report_now,
            "close": self._close,
        }

    def listeners(self) -> Mapping[str, Listener]:
        return {"changed": self._note_change}

    async def _open(self, message: Message) -> None:
        """Take up the files that an earlier run has left, and hand them over. Raises UsageError for
        files of a newer s3d, and for an agent of another version."""
        version, encoded = message.value
        if version != __version__:
            raise UsageError(
                "cannot start the process of the mounts",
                f"s3d {__version__} is installed, and the agent is s3d {version}",
                "restart the agent",
            )
        settings = msgspec.convert(encoded, MountSettings)
        (descriptor,) = message.descriptors
        self._barrier = ChangeBarrier(descriptor)
        os.close(descriptor)
        self._systems = FileSystems(self._store, self._agent, settings)

    async def _mount(self, message: Message) -> MountReport:
        """Return when programs can use it. Raises MountFailed, with the fix."""
        request = msgspec.convert(message.value, MountRequest)
        system, operations = self._systems.make(request.bucket, request.prefix)
        config = MountConfig(
            dir=Path(request.folder),
            read_only=request.read_only,
            allow_other=request.allow_other,
        )
        mount = Mount(config, operations, before_request=self._before_request)
        starting = self._loop.run_in_executor(self._threads, mount.start)
        try:
            await asyncio.shield(starting)
        except BaseException:
            self._systems.forget(system)
            await asyncio.wait([starting])  # nobody waits for it, and it is not to stay mounted
            await self._in_thread(mount.abandon)
            raise
        self._mounts[request.folder] = mount
        threading.Thread(target=self._watch, args=(mount, system), daemon=True).start()
        return _report_of(mount)

    async def _unmount(self, message: Message) -> None:
        """Unmount what nobody uses. Raises MountFailed."""
        mount = self._mounts[message.value]
        await self._in_thread(mount.unmount)
        self._mounts.pop(message.value, None)

    async def _stop(self, message: Message) -> None:
        """Unmount in any case, when programs have closed what they write or their time is over."""
        folder, grace = message.value
        mount = self._mounts.get(folder)
        if mount is not None:
            await self._in_thread(partial(mount.stop, grace))
            self._mounts.pop(folder, None)

    async def _close(self, message: Message) -> None:
        """Hand over what is not in the stores yet. Mounts are stopped before."""
        await self._in_thread(self._systems.close)
        self._threads.shutdown(wait=False)
        self.closed.set()

    async def _report_now(self, message: Message) -> Mapping[str, MountReport]:
        return {folder: _report_of(mount) for folder, mount in self._mounts.items()}

    def _note_change(self, value: tuple[int, str, str, bool, bool]) -> None:
        """Another client, or a mount itself, has changed something through the agent."""
        number, bucket, key, is_removal, is_own = value
        token = is_own_call.set(is_own)
        try:
            self._systems.changed(bucket, key, is_removal=is_removal)
        finally:
            is_own_call.reset(token)
            self._barrier.note(number)

    def _before_request(self) -> None:
        """In a thread of a mount, before each request of the kernel."""
        self._barrier.wait()
        if not self._is_report_due:
            self._is_report_due = True
            self._loop.call_soon_threadsafe(self._loop.call_later, _REPORT_AFTER, self._report)

    def _report(self) -> None:
        self._is_report_due = False
        reports = {folder: _report_of(mount) for folder, mount in self._mounts.items()}
        self._channel.notify(REPORT, msgspec.to_builtins(reports))

    def _watch(self, mount: Mount, system: FileSystem) -> None:
        """In a thread: tell the agent when a mount has ended, whoever has unmounted it."""
        mount.wait_for_end()

        def note() -> None:
            self._systems.forget(system)
            self._report()

        self._loop.call_soon_threadsafe(note)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._threads, work)


def _report_of(mount: Mount) -> MountReport:
    return MountReport(
        is_mounted=mount.is_mounted,
        folder=str(mount.folder),
        open_files=len(mount.open_paths()),
        io_errors=mount.io_errors,
        counts=mount.counts(),
    )
