"""The real folder: every path is walked from the root's descriptor, and no link is followed.

What lies in .s3d of the root: marker, stage (files that are complete, and not in their place yet)
and trash (what was replaced or deleted, by id).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from s3d.agent.core import failpoint
from s3d.agent.s3.messages import Body
from s3d.agent.sync.file_content import (
    BLOCK,
    FileContent,
    finish,
    local_of,
    open_regular,
    signature_at,
    signature_of,
    write_all,
)
from s3d.agent.sync.interfaces import ConcurrentChange, FileAttributes, PathBlocked, StagedFile
from s3d.agent.sync.marked_folder import OPEN_FOLDER, MarkedFolder, sync_names_of
from s3d.agent.sync.names import why_no_path
from s3d.agent.sync.path_state import NO_BYTES, LocalEntry, Signature, is_folder
from s3d.agent.sync.reasons import reason_of, refusing
from s3d.agent.sync.rename import Name, exchange, rename_to_free

PART = ".part"
"""Ends the name of a file on the stage that is being received."""
_STAGED = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDER_HERE = "a folder has this name here"
FILE_HERE = "a file or a link has the name of a folder here"
_GONE = (errno.ENOENT, errno.ENOTDIR)
T = TypeVar("T")


class FolderTree(MarkedFolder):
    """The folder, open. Raises OSError when it is not there."""

    @contextmanager
    def at(self, path: str, *, make: bool = False) -> Iterator[Name]:
        """The name and the open folder that a path lies in. make: with the folders on the way.

        Raises OSError: ENOTDIR when a file or a link is on the way, ENOENT for a path that leads
        out of the folder, or into what is ours.
        """
        if why_no_path(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        *parts, name = path.removesuffix("/").split("/")
        fd = os.dup(self.fd)
        try:
            for part in parts:
                if make and self._make(Name(fd, part)):
                    sync_names_of(fd)
                inner = os.open(part, OPEN_FOLDER, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield Name(fd, name)
        finally:
            os.close(fd)

    def _make(self, place: Name) -> bool:
        """A folder; False: it is there. The process's own umask is for s3d's files."""
        try:
            os.mkdir(place.name, 0o700, dir_fd=place.folder)
        except FileExistsError:
            return False
        os.chmod(place.name, 0o777 & ~self._umask, dir_fd=place.folder)
        return True

    async def _do(self, work: Callable[[], T]) -> T:
        with refusing():
            return await asyncio.to_thread(work)

    async def look(self, path: str) -> LocalEntry | None:
        return await self._do(lambda: self.look_now(path))

    def look_safely(self, path: str) -> LocalEntry | None:
        """For threads; what the system does not let us see has its trouble."""
        try:
            return self.look_now(path)
        except OSError as error:
            return LocalEntry(path, NO_BYTES, trouble=reason_of(error))

    def look_now(self, path: str) -> LocalEntry | None:
        """For threads. Raises OSError."""
        try:
            with self.at(path) as place:
                facts = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
                if self.folds and place.name not in os.listdir(place.folder):
                    return LocalEntry(
                        path, NO_BYTES, trouble="the disk takes another name for this one"
                    )
                if not is_folder(path):
                    return local_of(path, facts)
                if not stat.S_ISDIR(facts.st_mode):
                    return None
                return LocalEntry(path, NO_BYTES, is_empty=self._is_empty(place))
        except OSError as error:
            if error.errno not in _GONE:
                raise
            if self._is_below_link(path):
                return LocalEntry(path, NO_BYTES, trouble="below a symbolic link")
            return None

    def _is_empty(self, place: Name) -> bool:
        fd = os.open(place.name, OPEN_FOLDER, dir_fd=place.folder)
        try:
            with os.scandir(fd) as entries:
                return next(entries, None) is None
        finally:
            os.close(fd)

    def _is_folder(self, path: str) -> bool:
        with suppress(OSError), self.at(path) as place:
            facts = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
            return stat.S_ISDIR(facts.st_mode)
        return False

    def _is_below_link(self, path: str) -> bool:
        parts = path.removesuffix("/").split("/")[:-1]
        for count in range(1, len(parts) + 1):
            try:
                with self.at("/".join(parts[:count])) as place:
                    facts = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
            except OSError:
                return False
            if stat.S_ISLNK(facts.st_mode):
                return True
        return False

    async def read(self, path: str, signature: Signature) -> FileContent:
        def work() -> FileContent:
            try:
                return FileContent(lambda: self._open(path), signature)
            except OSError as error:
                if error.errno in (*_GONE, errno.ELOOP):
                    raise ConcurrentChange from error
                raise

        return await self._do(work)

    def _open(self, path: str) -> int:
        with self.at(path) as place:
            return open_regular(place)

    async def receive(self, name: str, body: Body, attributes: FileAttributes) -> StagedFile:
        """Blocks are gathered, so that a small file takes one thread hop. Until it is complete its
        name says so: what a crash leaves of it is of no use to anybody."""
        sha256, size = hashlib.sha256(), 0
        if attributes.mode is None:
            attributes = attributes._replace(mode=0o666 & ~self._umask)
        part = name + PART
        fd = await self._do(lambda: os.open(part, _STAGED, 0o600, dir_fd=self._stage))
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
            work = partial(self._complete, fd, data, sha256, attributes, name)
            signature = None if is_short else await self._do(work)
            if signature is None:
                raise (
                    PathBlocked("it came incomplete, or damaged") if is_short else ConcurrentChange
                )
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=self._stage)
            raise
        finally:
            os.close(fd)
        return StagedFile(name, signature, sha256.hexdigest())

    def _complete(
        self, fd: int, data: bytes, sha256: hashlib._Hash, attributes: FileAttributes, name: str
    ) -> Signature | None:
        """The last block, and the name of a whole file; None: it is not what was announced."""
        finish(fd, data, sha256, attributes)
        if attributes.sha256 and sha256.hexdigest() != attributes.sha256:
            return None
        os.rename(name + PART, name, src_dir_fd=self._stage, dst_dir_fd=self._stage)
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
            names = sorted(os.listdir(self._stage))
            for name in names:
                if name.endswith(PART):
                    os.unlink(name, dir_fd=self._stage)
            return [name for name in names if not name.endswith(PART)]

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
                if error.errno not in _GONE:
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
        """For good."""

        def work() -> None:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._trash)

        await self._do(work)

    async def move(self, path: str, to: str) -> Signature | None:
        def work() -> Signature | None:
            try:
                with self.at(path) as old, self.at(to, make=True) as new:
                    rename_to_free(old, new)
                    sync_names_of(new.folder, old.folder)
                    return signature_at(new)
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
