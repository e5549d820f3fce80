"""The store of the files that are written, for threads: whole files, and changes of large ones."""

from __future__ import annotations

import errno
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Protocol

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.fuse.hand_over import ObjectName, ObjectWriter, Written, time_limit
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.object_patcher import ObjectPatcher
from s3d.agent.frontends.fuse.staged_file import FrozenFile
from s3d.agent.storage.adopted_file import AdoptableFile
from s3d.agent.storage.blobs import INLINE

_PATCH_LIMIT = 120.0
"""Seconds of one attempt to patch; the next one continues."""


class StoreLog(Protocol):
    """Where a store commits small writes: an Index."""

    @property
    def is_behind(self) -> bool:
        """Whether a power cut could undo a write that was answered."""

    async def sync(self) -> None:
        """Return when it cannot. Raises S3Error."""


class ThreadedWriter:
    """Called by several threads at once."""

    def __init__(
        self,
        bridge: LoopBridge,
        writer: ObjectWriter,
        patcher: ObjectPatcher,
        log: StoreLog | None = None,
    ) -> None:
        """log: None where every write is durable when it is answered."""
        self._log = log
        self._bridge = bridge
        self._writer = writer
        self._patcher = patcher
        self._patching: dict[ObjectName, Future[Written]] = {}
        self._is_stopping = False
        self._lock = threading.Lock()

    def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        """As ObjectPatcher.may_patch. Raises OSError."""
        return self._bridge.call(partial(self._patcher.may_patch, place, tags))

    def write_object(
        self,
        place: ObjectName,
        file: FrozenFile,
        attributes: ObjectAttributes,
        replaces: str,
        *,
        syncs_later: bool = False,
    ) -> Written:
        """As ObjectWriter.write_object. Raises OSError."""
        # Bytes that get into the index are read here, and not by visits of the loop to threads.
        data = file.read_bytes() if file.size <= INLINE else None
        body = AdoptableFile(file.path, file.size, data=data, hashed=file.hashed)
        work = partial(
            self._writer.write_object, place, body, attributes, replaces,
            syncs_later=syncs_later and data is not None and self._log is not None,
        )  # fmt: skip
        future = self._bridge.start(work)
        try:
            # It has a time limit of its own. The store may have taken the file even if this fails.
            return self._bridge.wait(future, time_limit(file.size) + 1)
        finally:
            future.cancel()

    def sync(self) -> None:
        """Return when a power cut can undo no write that was answered. Raises OSError."""
        if self._log is not None and self._log.is_behind:
            self._bridge.call(self._log.sync)

    def patch_object(
        self, place: ObjectName, file: FrozenFile, attributes: ObjectAttributes, replaces: str
    ) -> Written:
        """As ObjectPatcher.patch. Raises NotPatched, OSError."""
        work = partial(self._patcher.patch, place, file, attributes, replaces)
        with self._lock:  # or it might begin before abandon() and stop() know it
            if self._is_stopping:
                raise OSError(errno.ENOTCONN, "the mount has ended")
            future = self._patching[place] = self._bridge.start(work)
        try:
            return self._bridge.wait(future, _PATCH_LIMIT)
        finally:
            self._patching.pop(place, None)
            future.cancel()

    def abandon(self, place: ObjectName) -> None:
        """The object was removed: nobody needs the new version of which parts may be there."""
        with self._lock:
            future = self._patching.get(place)
        if future is not None:
            future.cancel()
        self._bridge.start(partial(self._patcher.abandon, place))

    def begin(self) -> None:
        """See to what earlier runs have left."""
        self._bridge.start(self._patcher.sweep)

    def stop(self) -> None:
        """Let nobody wait any more; the next start continues."""
        with self._lock:
            self._is_stopping = True
            waiting = list(self._patching.values())
        for future in waiting:
            future.cancel()
