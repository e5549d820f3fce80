"""Renames of objects and folders, which S3 does not have.

1. What was written to the objects and is not in the store yet gets there first.
2. The rename is recorded in the journal, so that a crash cannot leave half of a folder: the next
   start goes on with it.
3. Each object is moved by RenameObject, which the embedded store and the write queue carry out
   without copying a byte; the queue also while the remote is away, by what a listing has shown. A
   store that has no RenameObject copies the object, compares the copy, and deletes the object.
4. Open files go with their objects, and the record is removed.

A rename that fails before anything was moved has no record either: the program got an error,
so the rename must not happen at the next start.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Sequence
from urllib.parse import quote

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import background_context
from s3d.agent.frontends.fuse.fs_ops import CALL_LIMIT
from s3d.agent.frontends.fuse.hand_over import Place
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.staging_journal import Rename
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import ListedObject, MountHints
from s3d.shared.control import ObjectInfo

logger = logging.getLogger(__name__)

MAX_CHILDREN = 10_000
"""Objects of a folder that is renamed; with more, programs copy it (EXDEV)."""
MAX_COPIES = 200
"""The same, where the objects have to be copied."""
_AT_ONCE = 32
_LIMIT = 120.0
"""Seconds that the rename of a large folder may take."""


class _Moves:
    """The objects that one rename moves, and how far it has come."""

    def __init__(
        self, rename: Rename, keys: Sequence[str], shown: ListedObject | None = None
    ) -> None:
        self.shown = shown
        """What a listing shows of the object, if it is one."""
        self.bucket = rename.bucket
        self.pairs = [(key, rename.new + key.removeprefix(rename.old)) for key in keys]
        self.done = 0
        self.is_running = False

    @property
    def have_done_nothing(self) -> bool:
        """Whether nothing was moved, nor will be."""
        return not (self.done or self.is_running)


class Renames:
    """Called by threads; resume() by the one that starts the mount."""

    def __init__(self, client: S3Client, bridge: LoopBridge, written: WrittenFiles) -> None:
        self._client = client
        self._bridge = bridge
        self._journal = written.journal
        self._written = written

    def rename(
        self, rename: Rename, shown: ListedObject | None = None
    ) -> Sequence[tuple[str, str]]:
        """Rename an object or a folder, and replace what has the new name; a folder there must be
        empty, which is not checked. shown: what is known of an object. The old and new keys. Raises
        OSError: ENOENT, EXDEV for too large a folder."""
        keys = self._keys_of(rename)
        for key in keys:
            file = self._written.find(Place(rename.bucket, key))
            if file is not None:
                self._written.flush(file, may_defer=False)
        id = self._journal.begin_rename(rename)
        moves = _Moves(rename, keys, shown)
        try:
            self._carry_out(moves)
        except OSError as error:
            if isinstance(error, FileNotFoundError) or moves.have_done_nothing:
                self._journal.end_rename(id)
            raise
        self._journal.end_rename(id)
        return moves.pairs

    def resume(self) -> None:
        """Go on with the renames of an earlier run; what fails is logged and tried again at the
        next start."""
        for id, rename in self._journal.renames():
            try:
                self._carry_out(_Moves(rename, self._keys_of(rename)))
            except FileNotFoundError:
                pass  # everything was moved already
            except OSError as error:
                logger.warning(
                    "cannot go on with a rename: %s bucket=%s key=%s",
                    error, rename.bucket, rename.old,
                )  # fmt: skip
                continue
            self._journal.end_rename(id)

    def _keys_of(self, rename: Rename) -> list[str]:
        """The keys to move. Raises OSError: ENOENT, EXDEV."""
        if not rename.is_folder:
            return [rename.old]
        written = {file.place.key for file in self._written.under(rename.bucket, rename.old)}
        stored = self._bridge.call(lambda: self._list(rename.bucket, rename.old))
        keys = sorted(written | set(stored))
        if not keys:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), rename.old)
        if len(keys) > MAX_CHILDREN:
            raise OSError(errno.EXDEV, f"a folder of more than {MAX_CHILDREN:,} objects")
        return keys

    async def _list(self, bucket: str, prefix: str) -> list[str]:
        """The keys below a prefix, or as many as are too many."""
        keys: list[str] = []
        cursor = ""
        while len(keys) <= MAX_CHILDREN:
            page = await self._client.page(bucket, prefix, cursor=cursor, limit=1_000)
            keys += [info.key for info in page.objects]
            cursor = page.cursor
            if not cursor:
                break
        return keys

    def _carry_out(self, moves: _Moves) -> None:
        moves.is_running = True
        future = self._bridge.start(lambda: self._move_all(moves))
        self._bridge.wait(future, _LIMIT)
        for old, new in moves.pairs:
            self._written.move(Place(moves.bucket, old), Place(moves.bucket, new))

    async def _move_all(self, moves: _Moves) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)

        async def move(old: str, new: str) -> None:
            async with slots:
                await self._move(moves, old, new)
                moves.done += 1

        try:
            async with asyncio.TaskGroup() as tasks:
                for old, new in moves.pairs:
                    tasks.create_task(move(old, new), name="mount rename")
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            moves.is_running = False

    async def _move(self, moves: _Moves, old: str, new: str) -> None:
        bucket = moves.bucket
        members = {"Bucket": bucket, "Key": new, "RenameSource": f"/{bucket}/{quote(old)}"}
        context = background_context().derive(mount=MountHints(renames=moves.shown))
        try:
            async with asyncio.timeout(CALL_LIMIT):
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


def _is_same(source: ObjectInfo, copy: ObjectInfo | None, etag: str) -> bool:
    """Whether this is the copy with that ETag. A copy of an object that was uploaded in parts has
    another ETag than the object."""
    return copy is not None and copy.size == source.size and same_etag(copy.etag, etag)
