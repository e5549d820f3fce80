"""Blobs in files: written once, named by increasing numbers, never changed.

So an open file is a snapshot, and nothing here takes a lock. The index decides what a blob means
and whether it is still needed; a file that the index does not reference is removed at the start. A
small body gets no file: its bytes go into the index with the row that names them, since a file and
its sync cost ten times the CPU of a row in a group commit.

    FOLDER/NNN/ID            NNN = ID / 1000, so that no folder grows without bound
    FOLDER/../lost+found/ID  what an index that is in doubt (generation.py) did not name
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from s3d.agent.s3.messages import Body, at_once
from s3d.agent.storage.adopted_file import AdoptableFile, Hash, adopt
from s3d.agent.storage.blob_body import BlobBody
from s3d.agent.storage.blocks import BlockSums, VerifiedBlocks, sums_of
from s3d.agent.storage.disk import LOST, Disk
from s3d.agent.storage.encrypted_blocks import BlobEncryptor
from s3d.agent.storage.records import Extent
from s3d.shared.atomic_file import sync_file, sync_folder

logger = logging.getLogger(__name__)

INLINE = 64 << 10
"""Bodies up to this size (bytes) get no file, and are hashed on the loop: below 0.1 ms."""
_BUFFER = 1 << 20
"""Bytes that are hashed and written in one visit to a thread; two such buffers for each upload."""
_BUFFERS = 64 << 20
"""Bytes that all uploads together may hold in such buffers; with many, each gets a smaller one."""
_PER_FOLDER = 1_000
_DAMAGE = 1_000
"""Damaged objects that are remembered."""


class Draft:
    """A body that was received completely, and that no index references yet."""

    __slots__ = ("_blobs", "data", "extent")

    def __init__(self, blobs: Blobs, extent: Extent, data: bytes | None) -> None:
        self._blobs = blobs
        self.extent = extent
        """The whole of it, with its checksums."""
        self.data = data
        """The bytes as they are stored, when they are to be kept in the index; None: they lie in a
        file."""

    @property
    def blob(self) -> int:
        return self.extent.blob

    @property
    def size(self) -> int:
        return self.extent.size

    def discard(self) -> None:
        """Remove its file: no row will name it."""
        if self.data is None:
            self._blobs.remove([self.blob])


class Blobs:
    """A folder of blobs. Belongs to one event loop."""

    def __init__(self, folder: Path, *, ephemeral: bool = False) -> None:
        """ephemeral: for a store that is deleted with the process; nothing is synced to the
        disk."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.lost = folder.parent / LOST
        self.disk = Disk(folder)
        self._ephemeral = ephemeral
        self._next = self.first_id = max(_highest(folder), _highest_lost(self.lost)) + 1
        """Blobs below this number are of earlier runs."""
        self._made: set[Path] = set()
        self._receiving = 0
        self._leases: Counter[int] = Counter()
        self._doomed: set[int] = set()
        self.verified = VerifiedBlocks()
        self.damage: dict[str, str] = {}
        """Objects whose bytes were found lost or wrong since the start, and how."""

    def reserve_ids_above(self, blob: int) -> None:
        """Allocate only numbers greater than this one, which is in the index."""
        self._next = self.first_id = max(self._next, blob + 1)

    def new_id(self) -> int:
        """A number that no blob has or will ever have."""
        blob = self._next
        self._next += 1
        return blob

    async def receive(
        self,
        body: Body,
        hashes: Sequence[Hash],
        *,
        inline: int = INLINE,
        encryptor: BlobEncryptor | None = None,
    ) -> Draft:
        """Receive a body and update the hashes; the file is durable when this returns.

        Up to inline bytes stay in memory, as the data of the draft. encryptor: encrypts what is
        stored; the hashes are those of the body. Raises what the body raises, and SlowDown when the
        disk cannot take it; nothing is left behind then.
        """
        if isinstance(body, AdoptableFile) and encryptor is None and body.size > inline:
            blob = self.new_id()
            sums = await adopt(self, blob, body, hashes)
            if sums is not None:
                return Draft(self, Extent(blob, 0, body.size, sums), None)
        size = body.size
        self.disk.admit(size or 0)
        if size is not None and size <= inline and (data := at_once(body)) is not None:
            return self._keep(data, hashes, encryptor)
        writer: _Writer | None = None
        self._receiving += 1
        try:
            chunks, size = [], 0
            async for chunk in body:
                chunks.append(chunk)
                size += len(chunk)
                if size >= max(inline + 1, self._buffer()):
                    writer = writer or _Writer(self, self.new_id(), hashes, encryptor)
                    await writer.add(chunks)
                    chunks, size = [], 0
            if writer is None and size <= inline:
                return self._keep(b"".join(chunks), hashes, encryptor)
            writer = writer or _Writer(self, self.new_id(), hashes, encryptor)
            return await writer.finish(chunks)
        except BaseException:
            if writer is not None:
                writer.abandon()
            raise
        finally:
            self._receiving -= 1

    def body(self, extents: Sequence[Extent], name: str = "") -> BlobBody:
        """The bytes of extents that lie in files; they stay readable until it is closed.

        name: of the object. Raises InternalError when a file is not what the extents say.
        """
        return BlobBody(self, extents, name)

    def report_damage(self, name: str, why: str) -> None:
        """The bytes of an object (BUCKET/KEY) are lost or wrong. In any thread."""
        if name and name not in self.damage and len(self.damage) < _DAMAGE:
            logger.error("%s object=%s", why, name)
            self.damage[name] = why

    def path(self, blob: int) -> Path:
        return self.folder / f"{blob // _PER_FOLDER:03d}" / str(blob)

    def lease(self, blobs: Iterable[int]) -> None:
        """Protect these files from removal until end_lease."""
        self._leases.update(blobs)

    def end_lease(self, blobs: Iterable[int]) -> None:
        due = []
        for blob in blobs:
            self._leases[blob] -= 1
            if self._leases[blob] <= 0:
                del self._leases[blob]
                if blob in self._doomed:
                    self._doomed.discard(blob)
                    due.append(blob)
        self.remove(due)

    def is_leased(self, blob: int) -> bool:
        return blob in self._leases

    def remove(self, blobs: list[int]) -> None:
        """Remove files in a thread, soon; those on lease when their lease ends."""
        self._doomed.update(blob for blob in blobs if blob in self._leases)
        due = [blob for blob in blobs if blob not in self._leases]
        if due:
            # While the loop is closing there are no threads any more; the next start sweeps.
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().run_in_executor(None, self.unlink, due)

    def _keep(self, data: bytes, hashes: Sequence[Hash], encryptor: BlobEncryptor | None) -> Draft:
        for hash in hashes:
            hash.update(data)
        if encryptor is None:
            return Draft(self, Extent(self.new_id(), 0, len(data), sums_of(data)), data)
        stored = encryptor.update(data) + encryptor.finish()
        key = encryptor.data_key()
        return Draft(self, Extent(self.new_id(), 0, len(data), sums_of(stored), key), stored)

    def _buffer(self) -> int:
        return min(_BUFFER, _BUFFERS // (2 * self._receiving))

    # In threads

    def create(self, blob: int) -> int:
        """A new file, opened for writing."""
        return os.open(
            self._new_path(blob), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )

    def link(self, blob: int, source: Path) -> None:
        """Create a file as a hard link to source, on the same file system. Raises OSError."""
        os.link(source, self._new_path(blob))

    def _new_path(self, blob: int) -> Path:
        path = self.path(blob)
        if path.parent not in self._made:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            if not self._ephemeral:
                sync_folder(self.folder)
            self._made.add(path.parent)
        return path

    def fsync_blob(self, blob: int, fd: int) -> None:
        """Make a file durable, its name included."""
        if not self._ephemeral:
            sync_file(fd)
            sync_folder(self.path(blob).parent)

    def unlink(self, blobs: list[int]) -> None:
        for blob in blobs:
            try:
                self.path(blob).unlink(missing_ok=True)
            except OSError as error:
                # Not lost: the sweep of the next start comes by again.
                logger.warning("cannot remove a blob: %s path=%s", error, self.path(blob))


class _Writer:
    """Writes one body to a file. A thread writes while the loop gathers the next buffer."""

    def __init__(
        self, blobs: Blobs, blob: int, hashes: Sequence[Hash], encryptor: BlobEncryptor | None
    ) -> None:
        self._blobs = blobs
        self._blob = blob
        self._hashes = hashes
        self._encryptor = encryptor
        self._fd = -1
        self._size = 0
        self._sums = BlockSums()
        self._job: asyncio.Future[None] | None = None

    async def add(self, chunks: list[bytes]) -> None:
        """Begin with these when the ones before are done."""
        await self._previous()
        self._blobs.disk.admit()
        self._job = asyncio.get_running_loop().run_in_executor(None, self._absorb, chunks)

    async def finish(self, chunks: list[bytes]) -> Draft:
        """Write the last bytes and sync the file."""
        await self._previous()
        self._job = asyncio.get_running_loop().run_in_executor(None, self._seal, chunks)
        await self._previous()
        key = None if self._encryptor is None else self._encryptor.data_key()
        extent = Extent(self._blob, 0, self._size, self._sums.digest(), key)
        return Draft(self._blobs, extent, None)

    def abandon(self) -> None:
        """Remove the file as soon as the thread has finished."""
        if self._job is None:
            self._drop()
        else:
            self._job.add_done_callback(self._drop)

    async def _previous(self) -> None:
        if self._job is not None:
            # Not awaited itself: our being cancelled must not hide when the thread is done.
            await asyncio.wait([self._job])
            job, self._job = self._job, None
            job.result()

    def _drop(self, job: asyncio.Future[None] | None = None) -> None:
        if job is not None:
            job.exception()  # the body's own error is already on its way to the caller
        if self._fd >= 0:
            os.close(self._fd)
        self._blobs.remove([self._blob])

    # In a thread, one visit at a time

    def _absorb(self, chunks: list[bytes]) -> None:
        with self._blobs.disk.translate_errors():
            if self._fd < 0:
                self._fd = self._blobs.create(self._blob)
            for chunk in chunks:
                for hash in self._hashes:
                    hash.update(chunk)
                self._size += len(chunk)
                self._store(chunk if self._encryptor is None else self._encryptor.update(chunk))

    def _store(self, data: bytes) -> None:
        self._sums.update(data)
        _write(self._fd, data)

    def _seal(self, chunks: list[bytes]) -> None:
        self._absorb(chunks)
        with self._blobs.disk.translate_errors():
            if self._encryptor is not None:
                self._store(self._encryptor.finish())
            self._blobs.fsync_blob(self._blob, self._fd)
            fd, self._fd = self._fd, -1
            os.close(fd)


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def folders_of(folder: Path) -> list[Path]:
    """The folders NNN of a folder of blobs."""
    return [Path(entry.path) for entry in os.scandir(folder) if entry.name.isdigit()]


def ids_in(folder: Path) -> list[int]:
    """The blobs in one folder NNN."""
    return [int(entry.name) for entry in os.scandir(folder) if entry.name.isdigit()]


def _highest_lost(folder: Path) -> int:
    """The highest blob in the lost folder, where a name may be a number with a suffix; or 0."""
    if not folder.is_dir():
        return 0
    numbers = (entry.name.partition(".")[0] for entry in os.scandir(folder))
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def _highest(folder: Path) -> int:
    """The highest number of a file, 0 without files; usually reads only one folder."""
    for last in sorted(folders_of(folder), key=lambda path: int(path.name), reverse=True):
        if files := ids_in(last):
            return max(files)
    return 0
