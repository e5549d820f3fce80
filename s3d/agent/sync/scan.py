"""A walk over a local folder in the byte order of the keys. It follows no link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress

from s3d.agent.core.path_names import LONGEST_KEY, is_reserved, why_no_key
from s3d.agent.sync.file_content import signature_of
from s3d.agent.sync.path_state import NO_BYTES, SPECIAL, STRANGE_TIME, SYMLINK, LocalEntry, fits
from s3d.shared.text import printable_path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REG, _DIR = stat.S_IFREG, stat.S_IFDIR


class Walk:
    """One walk. skip: whether a folder ("a/") is left out with all that is in it.

    Only differences matter, so a file costs one lstat and one tuple.
    """

    def __init__(self, root: int, prefix: str, skip: Callable[[str], bool]) -> None:
        """root: descriptor of the folder. prefix: of the keys."""
        self.unnamed: list[LocalEntry] = []
        """Files whose names are not UTF-8, as keys and rows of the baseline have to be."""
        self.files = 0
        self.size = 0
        self._root = root
        self._prefix = prefix
        self._room = LONGEST_KEY - len(prefix.encode())
        self._skip = skip
        self._device = os.fstat(root).st_dev

    def under(self, folder: str = "") -> Iterator[LocalEntry]:
        """All below a folder ("a/", or "" for the root), that folder first.

        A folder that cannot be read comes with its trouble: what is in it is not known.
        """
        try:
            fd = self._open(folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                yield LocalEntry(folder, NO_BYTES, trouble=_reason(error))
            return
        yield from self._walk(fd, folder)

    def _open(self, folder: str) -> int:
        fd = os.dup(self._root)
        for part in folder.split("/")[:-1]:
            try:
                inner = os.open(part, _FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = inner
        return fd

    def _walk(self, fd: int, folder: str) -> Iterator[LocalEntry]:
        """Closes fd."""
        stack: list[tuple[int, str, Iterator[tuple[str, os.DirEntry[str]]]]] = []
        try:
            try:
                found = _entries(fd, folder)
            except OSError as error:
                os.close(fd)
                yield LocalEntry(folder, NO_BYTES, trouble=_reason(error))
                return
            if folder:
                yield LocalEntry(folder, NO_BYTES, is_empty=not found)
            stack.append((fd, folder, iter(found)))
            while stack:
                fd, folder, entries = stack[-1]
                for name, entry in entries:
                    if not name.isascii() and not _is_text(name):
                        self._unname(folder + name)
                        continue
                    if name[-1] != "/":
                        yield self._file(folder + name, entry)
                        continue
                    inner = self._enter(fd, folder + name, entry)
                    if isinstance(inner, LocalEntry):
                        yield inner
                    elif inner is not None:
                        stack.append((inner[0], folder + name, iter(inner[1])))
                        yield LocalEntry(folder + name, NO_BYTES, is_empty=not inner[1])
                        break
                else:
                    os.close(fd)
                    stack.pop()
        finally:
            for fd, _, _ in stack:
                with suppress(OSError):
                    os.close(fd)

    def _unname(self, path: str) -> None:
        shown = printable_path(path)
        self.unnamed.append(LocalEntry(shown, NO_BYTES, trouble="the name is not UTF-8"))

    def _enter(
        self, fd: int, path: str, entry: os.DirEntry[str]
    ) -> LocalEntry | tuple[int, list[tuple[str, os.DirEntry[str]]]] | None:
        """A folder's descriptor and entries; its trouble; None when it is left out or gone."""
        if is_reserved(path) or self._skip(path):
            return None
        trouble = why_no_key(path, self._prefix)
        if trouble:
            return LocalEntry(path, NO_BYTES, trouble=trouble)
        try:
            inner = os.open(entry.name, _FOLDER, dir_fd=fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            return LocalEntry(path, NO_BYTES, trouble=_reason(error))
        try:
            if os.fstat(inner).st_dev != self._device:
                os.close(inner)
                return LocalEntry(path, NO_BYTES, trouble="another file system is mounted here")
            return inner, _entries(inner, path)
        except OSError as error:
            os.close(inner)
            return LocalEntry(path, NO_BYTES, trouble=_reason(error))

    def _file(self, path: str, entry: os.DirEntry[str]) -> LocalEntry:
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError as error:
            return LocalEntry(path, NO_BYTES, trouble=_reason(error))
        mode = facts.st_mode
        if mode & 0o170000 == _REG:
            self.files += 1
            self.size += facts.st_size
            if not (fits(facts.st_mtime_ns) and fits(facts.st_ctime_ns)):
                return LocalEntry(path, NO_BYTES, trouble=STRANGE_TIME)
            is_short = path.isascii() and len(path) <= self._room
            trouble = "" if is_short else why_no_key(path, self._prefix)
            return LocalEntry(path, signature_of(facts), mode & 0o777, trouble)
        return LocalEntry(path, NO_BYTES, trouble=SYMLINK if stat.S_ISLNK(mode) else SPECIAL)


def _entries(fd: int, folder: str) -> list[tuple[str, os.DirEntry[str]]]:
    """Sorted as their keys are: a folder's name with its slash."""
    with os.scandir(fd) as entries:
        found = [
            (entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name, entry)
            for entry in entries
        ]
    found.sort(key=_name)
    return found


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(item: tuple[str, os.DirEntry[str]]) -> str:
    return item[0]


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
