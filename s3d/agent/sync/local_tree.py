"""Writes to the local folder: files are received on the stage, placed, moved and trashed.

Each change of a name is one system call, and survives a power cut when its method returns.

What lies in .s3d of the root: marker, stage (files that are complete, and not in their place yet)
and trash (what was replaced or deleted, by id).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from functools import partial

from s3d.agent.core import failpoint
from s3d.agent.large_objects.part_map import MapName
from s3d.agent.s3.messages import Body
from s3d.agent.sync.atomic_rename import Name, exchange, rename_to_free
from s3d.agent.sync.file_content import (
    BLOCK,
    finish,
    signature_at,
    signature_of,
    write_all,
)
from s3d.agent.sync.folder_reader import MISSING, FolderReader
from s3d.agent.sync.interfaces import (
    ConcurrentChange,
    FileAttributes,
    LargeObject,
    PathBlocked,
    StagedFile,
)
from s3d.agent.sync.large_objects import PART, sweep_partial
from s3d.agent.sync.marked_folder import sync_names_of
from s3d.agent.sync.path_state import Signature

_STAGED = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDER_HERE = "a folder here has this name"
FILE_HERE = "a file or link here has the name of a folder"


class FolderTree(FolderReader):
    """The folder, open. Raises OSError when it does not exist."""

    async def receive(
        self, name: str, body: Body | LargeObject, attributes: FileAttributes
    ) -> StagedFile:
        """Until a file is complete its name says so. What a crash leaves of a large object is
        continued, what it leaves of a small one is of no use to anybody."""
        if attributes.mode is None:
            attributes = attributes._replace(mode=0o666 & ~self._umask)
        if isinstance(body, LargeObject):
            return await self._receive_parts(name, body, attributes)
        return await self._receive_whole(name, body, attributes)

    async def _receive_whole(self, name: str, body: Body, attributes: FileAttributes) -> StagedFile:
        """Blocks are gathered, so that a small file takes one thread hop."""
        sha256, size = hashlib.sha256(), 0
        part = name + PART
        create = partial(os.open, part, _STAGED, 0o600, dir_fd=self._stage)
        fd = await self._do(create, undo=os.close)
        try:
            blocks: list[bytes] = []
            gathered = 0
            async for block in body:
                blocks.append(bytes(block))
                gathered += len(block)
                if gathered >= BLOCK:
                    size += gathered
                    await self._do(partial(write_all, fd, b"".join(blocks), sha256))
                    blocks, gathered = [], 0
            is_short = body.size is not None and size + gathered != body.size
            data = b"".join(blocks)
            work = partial(self._complete, fd, data, sha256, attributes, name, part)
            signature = None if is_short else await self._do(work)
            if signature is None:
                raise (
                    PathBlocked("the download was incomplete or damaged")
                    if is_short
                    else ConcurrentChange
                )
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=self._stage)
            raise
        finally:
            os.close(fd)
        return StagedFile(name, signature, sha256.hexdigest())

    async def _receive_parts(
        self, name: str, body: LargeObject, attributes: FileAttributes
    ) -> StagedFile:
        sha256, part = hashlib.sha256(), MapName(body.name, self._stage)
        file = await body.download(part, sha256.update)
        try:
            work = partial(self._complete, file.fd, b"", sha256, attributes, name, part.name)
            signature = await self._do(work)
            if signature is None:
                await self._do(file.discard)
                raise ConcurrentChange
            await self._do(file.finish)
        finally:
            file.close()
        return StagedFile(name, signature, sha256.hexdigest())

    def _complete(
        self,
        fd: int,
        data: bytes,
        sha256: hashlib._Hash,
        attributes: FileAttributes,
        name: str,
        part: str,
    ) -> Signature | None:
        """Finish a download and rename it; None: its bytes differ from what was announced."""
        finish(fd, data, sha256, attributes)
        if attributes.sha256 and sha256.hexdigest() != attributes.sha256:
            return None
        os.rename(part, name, src_dir_fd=self._stage, dst_dir_fd=self._stage)
        self._stage_sync.wait()
        return signature_of(os.fstat(fd))

    async def place(
        self, staged: StagedFile, path: str, expected: Signature | None
    ) -> Signature | None:
        def work() -> Signature | None:
            old = Name(self._stage, staged.name)
            failpoint.hit("sync.before_place")
            try:
                with self.at(path, make=expected is None) as new:
                    if expected is None:
                        rename_to_free(old, new)
                    else:
                        facts = os.stat(new.name, dir_fd=new.folder, follow_symlinks=False)
                        if not stat.S_ISREG(facts.st_mode):
                            raise ConcurrentChange
                        exchange(old, new)
                    failpoint.hit("sync.after_place")
                    sync_names_of(new.folder)  # a rename is whole, or not there
            except FileExistsError as error:
                if self._is_folder(path):
                    raise PathBlocked(FOLDER_HERE) from error
                raise ConcurrentChange from error
            except OSError as error:
                if error.errno == errno.ENOENT:
                    raise ConcurrentChange from error
                if error.errno == errno.ENOTDIR:
                    raise PathBlocked(FILE_HERE) from error
                raise
            return None if expected is None else signature_at(old)

        return await self._do(work)

    async def staged(self, name: str) -> Signature | None:
        return await self._do(lambda: signature_at(Name(self._stage, name)))

    async def unstage(self, name: str, path: str) -> bool:
        return await self._do(lambda: self._give(Name(self._stage, name), path))

    def _give(self, old: Name, path: str) -> bool:
        try:
            with self.at(path, make=True) as new:
                rename_to_free(old, new)
                sync_names_of(new.folder, old.folder)
        except (FileExistsError, FileNotFoundError):
            return False
        return True

    async def drop_staged(self, name: str) -> None:
        def work() -> None:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._stage)

        await self._do(work)

    async def sync_names(self, path: str) -> None:
        def work() -> None:
            with suppress(FileNotFoundError, NotADirectoryError), self.at(path) as place:
                sync_names_of(place.folder)
            sync_names_of(self._stage, self._trash)

        await self._do(work)

    async def sweep(self) -> list[str]:
        def work() -> list[str]:
            return sweep_partial(os.listdir(self._stage), self._stage)

        return await self._do(work)

    async def trash_staged(self, name: str) -> None:
        def work() -> None:
            with suppress(FileNotFoundError):
                os.rename(name, name, src_dir_fd=self._stage, dst_dir_fd=self._trash)

        await self._do(work)

    async def discard(self, path: str, name: str) -> Signature | None:
        def work() -> Signature | None:
            trashed = Name(self._trash, name)
            try:
                with self.at(path) as place:
                    os.rename(place.name, name, src_dir_fd=place.folder, dst_dir_fd=self._trash)
                    failpoint.hit("sync.after_discard")
                    sync_names_of(self._trash, place.folder)
            except OSError as error:
                if error.errno not in MISSING:
                    raise
                return None
            self._remove_emptied(path)
            return signature_at(trashed)

        return await self._do(work)

    def _remove_emptied(self, path: str) -> None:
        """The folders above that hold nothing any more: they came with what was in them."""
        parts = path.removesuffix("/").split("/")[:-1]
        with suppress(OSError):
            while parts:
                with self.at("/".join(parts)) as place:
                    os.rmdir(place.name, dir_fd=place.folder)
                    sync_names_of(place.folder)
                parts.pop()

    async def trashed(self, name: str) -> Signature | None:
        return await self._do(lambda: signature_at(Name(self._trash, name)))

    async def untrash(self, name: str, path: str) -> bool:
        return await self._do(lambda: self._give(Name(self._trash, name), path))

    async def drop_trashed(self, name: str) -> None:
        """Delete a file of the trash permanently."""

        def work() -> None:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._trash)

        await self._do(work)

    async def move(self, path: str, to: str) -> Signature | None:
        def work() -> Signature | None:
            try:
                with self.at(path) as old, self.at(to, make=True) as new:
                    rename_to_free(old, new)
                    moved = signature_at(new)  # before the syncs, in which somebody may write
                    sync_names_of(new.folder, old.folder)
                    return moved
            except (FileExistsError, FileNotFoundError, NotADirectoryError):
                return None

        found = await self._do(work)
        if found is not None:
            await self._do(lambda: self._remove_emptied(path))
        return found

    async def make_folder(self, path: str) -> None:
        def work() -> None:
            with self.at(path, make=True) as place:
                if self._make(place):
                    sync_names_of(place.folder)
            if not self._is_folder(path):
                raise PathBlocked(FILE_HERE)

        await self._do(work)

    async def remove_folder(self, path: str) -> bool:
        def work() -> bool:
            try:
                with self.at(path) as place:
                    os.rmdir(place.name, dir_fd=place.folder)
                    sync_names_of(place.folder)
            except OSError as error:
                return error.errno == errno.ENOENT
            return True

        return await self._do(work)
