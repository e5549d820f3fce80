"""One run of the process of the mounts, for the agent: its start, its channel, and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from s3d import __version__
from s3d.agent.core import failpoint
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.loop_bridge import is_own_call
from s3d.agent.frontends.fuse.process import agent_calls
from s3d.agent.frontends.fuse.process.agent_calls import MountServices, MountSettings
from s3d.agent.frontends.fuse.process.agent_store import StoreService
from s3d.agent.frontends.fuse.process.bodies import OfferedBodies
from s3d.agent.frontends.fuse.process.change_barrier import ChangeCounter, create_shared_number
from s3d.agent.frontends.fuse.process.channel import Channel
from s3d.shared.errors import S3dError
from s3d.shared.logs import LogEntry

logger = logging.getLogger(__name__)

MODULE = "s3d.agent.frontends.fuse.process.mount_main"
FAILURES = (OSError, EOFError, RuntimeError)
"""What a call raises beside S3dError: see decode_error(). TimeoutError is an OSError."""
START_TIMEOUT = 30.0
_CLOSE_TIMEOUT = 60.0
"""Seconds in which what programs have written gets into the stores at the end; the rest stays for
the next start."""
_END_TIMEOUT = 10.0
"""Seconds for the process to end after that, and for one that hangs to hand over anything."""

_STANDARD_ERROR, _ERRORS = 2, 1 << 16
"""A descriptor, and bytes that are copied to it at once."""
_LAST_WORDS = 1.0
"""Seconds in which what the process has written there is copied after its end."""


class RunningProcess:
    """Belongs to the loop."""

    process: asyncio.subprocess.Process
    channel: Channel

    def __init__(
        self,
        store: ObjectStore,
        services: MountServices,
        note_report: Callable[[Mapping[str, Any]], None],
        note_end: Callable[[], None],
    ) -> None:
        """note_report: is told what the process reports of its mounts, by folder. note_end: called
        when it has ended."""
        self._bodies = OfferedBodies()
        self._stores = StoreService(store, self._bodies)
        self._services = services
        self._note_report = note_report
        self._note_end = note_end
        self._changes: ChangeCounter | None = None
        self._is_open = False
        self.hangs = False
        """Whether it has not answered the last call."""
        self.started = time.monotonic()

    async def start(self, settings: MountSettings) -> None:
        """Return when mounts can be made. Raises S3dError, and what else of FAILURES."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.process = await _new_process(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self._copying = asyncio.get_running_loop().create_task(
            self._copy_errors(), name="errors of the mounts"
        )
        self.channel = self._stores.channel = Channel(
            ours,
            handlers={
                **self._stores.handlers(),
                **self._bodies.handlers(),
                **agent_calls.handlers(self._services),
            },
            listeners={
                "log": write_line,
                "report": self._note_report,
            },
            on_close=self._note_end,
        )
        number = create_shared_number()
        try:
            self._changes = ChangeCounter(number)
            async with asyncio.timeout(START_TIMEOUT):
                value = [__version__, msgspec.to_builtins(settings)]
                await self.channel.call("open", value, [number])
            self._is_open = True
        except BaseException:
            await self.end()
            raise
        finally:
            os.close(number)

    async def _copy_errors(self) -> None:
        """Write what the process writes to its standard error to that of the agent. The process
        does not inherit it: a terminal or a pipe that the agent was started from would stay open,
        although the agent has another one by then."""
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(_ERRORS):
            with suppress(OSError):  # nobody reads it
                os.write(_STANDARD_ERROR, data)

    def note_change(self, bucket: str, key: str, *, is_removal: bool) -> None:
        """Something has changed at this key, or (key "") anywhere in the bucket."""
        if self._changes is not None:
            number = self._changes.add()
            self.channel.notify("changed", [number, bucket, key, is_removal, is_own_call.get()])

    async def end(self) -> None:
        """Have it hand over everything, if it can, and end."""
        if self._is_open and not self.channel.is_closed:
            try:
                async with asyncio.timeout(_END_TIMEOUT if self.hangs else _CLOSE_TIMEOUT):
                    await self.channel.call("close")
            except (S3dError, *FAILURES) as error:
                logger.warning("the process of the mounts did not end as it should: %s", error)
        self.channel.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_TIMEOUT):
                    await self.process.wait()
        finally:  # also when the wait was cancelled
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
        await asyncio.wait([self._copying], timeout=_LAST_WORDS)
        self._copying.cancel()
        await self._bodies.close()
        if self._changes is not None:
            self._changes.close()
            self._changes = None


async def _new_process(end: int) -> asyncio.subprocess.Process:
    """end: a descriptor that it gets."""
    # -P: a folder called s3d where the agent was started must not be imported.
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", MODULE, str(end),
        pass_fds=(end,), env=_environment(os.environ),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def _environment(own: Mapping[str, str]) -> Mapping[str, str]:
    """That of the process, without the settings and the credentials of the agent."""
    return {
        name: value
        for name, value in own.items()
        if not name.startswith(("AWS_", "S3D_")) or name == failpoint.VARIABLE
    }


def write_line(value: Any) -> None:
    """Write a line of the process of the mounts into the log, if the agent logs such lines."""
    name, level, created, fields = value
    own = logging.getLogger(name)
    if not own.isEnabledFor(level):
        return
    entry = msgspec.convert(fields, LogEntry)
    record = own.makeRecord(name, level, "", 0, entry.message, (), None)
    record.created = created
    record.entry = entry
    own.handle(record)
