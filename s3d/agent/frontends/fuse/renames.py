"""Renames of objects and folders, which S3 does not have.

1. What was written to the objects and is not in the store yet gets there first.
2. The rename is recorded in the journal with all its objects, so that a crash cannot leave half of
   a folder: the next start goes on with it.
3. Each object is moved by RenameObject, which the embedded store and the write queue carry out
   without copying a byte; the queue also while the remote is away, by what a listing has shown. A
   store that has no RenameObject copies the object, compares the copy, and deletes the object.
4. Open files go with their objects, and the record is removed.

All or nothing: when an object cannot be moved, those that were get their old keys again before the
program gets the error, and a crash in between does not keep the next start from going on with that.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from urllib.parse import quote

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import background_context
from s3d.agent.frontends.fuse.folder_contents import FolderContents, Objects, list_below
from s3d.agent.frontends.fuse.fs_ops import CALL_LIMIT
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.staging_journal import Rename
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import ListedObject, MountHints
from s3d.shared.control import ObjectInfo

logger = logging.getLogger(__name__)

MAX_COPIES = 200
"""Objects of a folder that is renamed where they have to be copied; with more, programs copy it."""
_AT_ONCE = 32
_CHUNK = 256
"""Objects between two notes in the journal of how far a rename has come."""
_UNDO_LIMIT = 20.0
"""Seconds in which an object gets its old key again: its push may have to end first."""
_RETRY = 30.0
"""Seconds between two attempts to go on with a rename that has failed half-way."""
_LIMIT = 120.0
"""Seconds that the rename of a large folder may take."""


OnMoved = Callable[[Sequence[tuple[str, str]]], None]
"""Called with the old and new keys of all objects of a rename, once they are moved."""


class _Moves:
    """The objects that one rename moves, and how far it has come."""

    def __init__(
        self, id: int, rename: Rename, objects: Objects, *, limit: float = CALL_LIMIT
    ) -> None:
        """id: of its record. objects: those that are to be moved. limit: seconds for one."""
        self.id = id
        self.rename = rename
        self.objects = objects
        self.limit = limit
        self.pairs = [(key, rename.new + key.removeprefix(rename.old)) for key in objects]
        self.done: list[tuple[str, str]] = []

    def left(self) -> _Moves:
        """Those that are not moved yet."""
        done = {old for old, _ in self.done}
        left = {key: shown for key, shown in self.objects.items() if key not in done}
        return _Moves(self.id, self.rename, left, limit=self.limit)


class Renames:
    """Called by threads; resume() by the one that starts the mount."""

    def __init__(
        self,
        client: S3Client,
        bridge: LoopBridge,
        written: WrittenFiles,
        contents: FolderContents | None = None,
    ) -> None:
        """contents: of the folders that are renamed; None: only resume() is called."""
        self._client = client
        self._bridge = bridge
        self._journal = written.journal
        self._written = written
        self._contents = contents

    def rename(
        self,
        rename: Rename,
        shown: ListedObject | None = None,
        *,
        on_moved: OnMoved = lambda moved: None,
    ) -> None:
        """Rename an object or a folder, and replace what has the new name; a folder there must be
        empty, which is not checked. shown: what is known of an object. on_moved: also called, by
        another thread, when the program was killed and the rename has ended nevertheless.

        Raises OSError: ENOENT, EXDEV for too large a folder, EIO for one that is not known while
        the remote is away."""
        objects = self._objects_of(rename, shown)
        for key in objects:
            file = self._written.find(ObjectName(rename.bucket, key))
            if file is not None:
                self._written.flush(file, may_defer=False)
        moves = _Moves(self._journal.begin_rename(rename, objects), rename, objects)
        future = self._bridge.start(lambda: self._move_all(moves))
        try:
            self._bridge.wait(future, _LIMIT)
        except OSError:
            if not future.done():  # it goes on, although the program was killed
                future.add_done_callback(partial(self._end_later, moves, on_moved))
                raise
        self._end(moves, future, on_moved)

    def resume(self) -> None:
        """Go on with the renames of an earlier run; what fails is logged and tried again."""
        for id, rename, recorded, is_undone in self._journal.renames():
            try:
                objects = self._unrecorded(rename) if recorded is None else recorded
            except OSError as error:
                _log_unfinished(rename, error)
                continue
            self._go_on(_Moves(id, rename, objects), is_undone=is_undone)

    def _go_on(self, moves: _Moves, *, is_undone: bool) -> None:
        """Move what a rename has left. What fails is tried again soon, since programs may use the
        keys for something else by the next start."""
        try:
            self._move(moves)
            if not is_undone:  # else the files have their places still
                self._move_files(moves)
        except FileNotFoundError:
            pass  # everything was moved already
        except OSError as error:
            _log_unfinished(moves.rename, error)
            with suppress(OSError):  # the mount has ended; the next start goes on
                self._bridge.start(partial(self._retry, moves, is_undone=is_undone))
            return
        self._journal.end_rename(moves.id)

    async def _retry(self, moves: _Moves, *, is_undone: bool) -> None:
        await asyncio.sleep(_RETRY)
        _in_thread(partial(self._go_on, moves.left(), is_undone=is_undone))

    def _objects_of(self, rename: Rename, shown: ListedObject | None) -> Objects:
        """What is to be moved. Raises OSError: ENOENT, EXDEV, EIO."""
        if not rename.is_folder:
            return {rename.old: shown}
        assert self._contents is not None
        written = {file.place.key for file in self._written.under(rename.bucket, rename.old)}
        objects = self._contents.objects((rename.bucket, rename.old), written)
        if not objects:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), rename.old)
        return objects

    def _unrecorded(self, rename: Rename) -> Objects:
        """What a rename is to move that an older s3d has begun."""
        if not rename.is_folder:
            return {rename.old: None}
        folder = rename.bucket, rename.old
        return self._bridge.call(lambda: list_below(self._client, folder))

    def _move(self, moves: _Moves) -> None:
        """Move the objects. Raises OSError."""
        try:
            self._bridge.wait(self._bridge.start(lambda: self._move_all(moves)), _LIMIT)
        except OSError:
            self._journal.note_moved(moves.id, [key for key, _ in moves.done])
            raise

    def _move_files(self, moves: _Moves) -> None:
        """Open files go with their objects. Raises OSError: ENOENT when no object was there."""
        bucket = moves.rename.bucket
        for old, new in moves.done:
            self._written.move(ObjectName(bucket, old), ObjectName(bucket, new))
        if moves.pairs and not moves.done:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), moves.rename.old)

    def _undo(self, moves: _Moves) -> None:
        """The program gets an error, so nothing must have changed."""
        rename, moved = moves.rename, {new: moves.objects[old] for old, new in moves.done}
        back = Rename(rename.bucket, rename.new, rename.old)
        if not moved:
            self._journal.end_rename(moves.id)
            return
        try:
            self._journal.turn_back(moves.id, moved)
        except OSError as error:
            _log_unfinished(rename, error)
            return
        self._go_on(_Moves(moves.id, back, moved, limit=_UNDO_LIMIT), is_undone=True)

    def _end(
        self, moves: _Moves, future: concurrent.futures.Future[None], on_moved: OnMoved
    ) -> None:
        """No object is being moved any more. Raises OSError, after all of them have their old keys
        again."""
        try:
            self._bridge.wait(future)
            self._move_files(moves)
        except OSError:
            self._undo(moves)
            raise
        self._journal.end_rename(moves.id)
        on_moved(moves.done)

    def _end_later(
        self, moves: _Moves, on_moved: OnMoved, future: concurrent.futures.Future[None]
    ) -> None:
        """Nobody has waited for the end. On the loop."""
        if future.cancelled():
            return  # the mount has ended; the next start goes on with the rename

        def end() -> None:
            with suppress(OSError):  # the program that would get the error has ended
                self._end(moves, future, on_moved)

        _in_thread(end)

    async def _move_all(self, moves: _Moves) -> None:
        """Move the objects, and skip those that are gone. The first error is raised when no request
        is under way any more, so that what was moved is known."""
        for start in range(0, len(moves.pairs), _CHUNK):
            if start:
                moved = [key for key, _ in moves.pairs[start - _CHUNK : start]]
                await asyncio.to_thread(self._journal.note_moved, moves.id, moved)
            await self._move_chunk(moves, moves.pairs[start : start + _CHUNK])

    async def _move_chunk(self, moves: _Moves, pairs: Sequence[tuple[str, str]]) -> None:
        left = iter(pairs)
        failures: list[Exception] = []

        async def work() -> None:
            for old, new in left:
                try:
                    await self._move_object(moves, old, new)
                    moves.done.append((old, new))
                except S3Error as error:
                    if error.code != "NoSuchKey":
                        failures.append(error)
                except (OSError, TimeoutError) as error:
                    failures.append(error)
                if failures:
                    return

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(_AT_ONCE, len(pairs))):
                tasks.create_task(work(), name="mount rename")
        if failures:
            raise failures[0]

    async def _move_object(self, moves: _Moves, old: str, new: str) -> None:
        bucket = moves.rename.bucket
        members = {"Bucket": bucket, "Key": new, "RenameSource": f"/{bucket}/{quote(old)}"}
        context = background_context(mount=MountHints(renames=moves.objects[old]))
        try:
            async with asyncio.timeout(moves.limit):
                await S3Client(self._client.target, context).output("RenameObject", members)
            return
        except S3Error as error:
            if error.status not in (405, 501):
                raise
        if len(moves.pairs) > MAX_COPIES:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        source = await self._client.head(bucket, old)
        if source is None:
            raise S3Error("NoSuchKey", Key=old)
        etag = await self._client.copy(bucket, old, new, if_match=source.etag, overwrite=True)
        copy = await self._client.head(bucket, new)
        if not _is_same(source, copy, etag):
            raise OSError(errno.EIO, f"the copy of {old} is not equal to it")
        await self._client.delete(bucket, old)


def _in_thread(work: Callable[[], None]) -> None:
    """It may wait for long, so it needs none of the agent's workers."""
    threading.Thread(target=work, name="s3d mount renames", daemon=True).start()


def _log_unfinished(rename: Rename, error: OSError) -> None:
    logger.warning(
        "cannot go on with a rename now, but later: %s bucket=%s key=%s",
        error, rename.bucket, rename.old,
    )  # fmt: skip


def _is_same(source: ObjectInfo, copy: ObjectInfo | None, etag: str) -> bool:
    """Whether this is the copy with that ETag. A copy of an object that was uploaded in parts has
    another ETag than the object."""
    return copy is not None and copy.size == source.size and same_etag(copy.etag, etag)
