"""The names of a mount: those of the stores, files that no store has yet, and empty folders."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence

from s3d.agent.frontends.fuse.directories import Directories, Resolved
from s3d.agent.frontends.fuse.folder_entries import FILE_MODE, Entry, folder_entry
from s3d.agent.frontends.fuse.folder_memory import FolderId, FolderMemory
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.kept_folders import KeptFolders
from s3d.agent.frontends.fuse.key_names import Form, name_of, parse_name
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.metadata_table import FileMetadata
from s3d.agent.frontends.fuse.written_file import WrittenFile
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.shared.control import ObjectInfo


class MountedNames:
    """Answers which names there are. Called by FUSE threads."""

    def __init__(
        self,
        directories: Directories,
        written: WrittenFiles,
        *,
        memory: FolderMemory,
        metadata: MetadataMemory,
    ) -> None:
        self._directories = directories
        self._written = written
        self._memory = memory
        self._metadata = metadata
        self._kept = KeptFolders()
        self.key_for = directories.key_for
        self.folder_for = directories.folder_for
        self.created_ns = directories.created_ns
        self.has_links = metadata.links
        self.inodes = metadata.inodes

    def resolve(self, path: str) -> Resolved:
        """What a path stands for. Raises OSError ENOENT when there is nothing."""
        folder, name = self._directories.locate(path)
        if not name:
            return self._directories.resolve(path)
        file = self._written_at(folder, name)
        if file is not None:
            bucket, key = file.place
            return Resolved(bucket, key, _entry_of(name, key[len(folder[1]) :], file))
        try:
            return self._directories.resolve_in(folder, name)
        except FileNotFoundError:
            if folder[0] and parse_name(name).form is Form.BESIDE_FOLDER:
                raise
            below = self._directories.folder_in(folder, name)
            if not self._kept.has(below):
                raise
            return Resolved(*below, folder_entry(below[1][len(folder[1]) : -1]))

    def exists(self, path: str) -> bool:
        """Whether a path stands for anything. Raises OSError."""
        try:
            self.resolve(path)
        except FileNotFoundError:
            return False
        return True

    def entries(self, path: str) -> Iterator[Entry]:
        """The entries of a folder. Raises OSError: ENOENT, ENOTDIR; others while it is read."""
        resolved = self.resolve(path)
        if not resolved.entry.is_folder:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        folder = bucket, prefix = resolved.bucket, resolved.key
        more = {entry.name: entry for entry in map(folder_entry, self._kept.children(folder))}
        for file in self._written.under(bucket, prefix):
            component = file.place.key[len(prefix) :]
            if "/" not in component:
                name = name_of(component)
                more[name] = _entry_of(name, component, file)
        for entry in self._directories.entries(folder):
            other = more.pop(entry.name, entry)
            yield entry if entry.is_folder or other.is_folder else other
        yield from more.values()

    def note_written(self, file: WrittenFile) -> None:
        """A store has got the file as it is now, or will in a moment."""
        bucket, key = file.place
        metadata = FileMetadata(file.etag, file.status.mtime_ns, file.status.mode)
        self._metadata.put(bucket, key, metadata)
        above, slash, component = key.rpartition("/")
        folder = bucket, above + slash
        known = self._memory.find(folder, name_of(component))
        is_hidden = known is not None and known.entry is not None and known.entry.is_folder
        name = name_of(component, beside_folder=is_hidden)
        self._memory.put(folder, name, _entry_of(name, component, file))

    def note_version(self, path: str, info: ObjectInfo) -> None:
        """A newer version was opened than the one that a look-up has shown."""
        entry = Entry("", "", FILE_MODE, info.size, int(info.last_modified * 1e9), info.etag)
        described = self._metadata.describe(info.bucket, info.key, entry)
        self._put(*self._directories.locate(path), described)

    def note_link(self, path: str, place: ObjectName, metadata: FileMetadata) -> None:
        """The mount has made a symbolic link."""
        self._metadata.put(*place, metadata)
        entry = Entry("", "", FILE_MODE, etag=metadata.etag)
        self._put(*self._directories.locate(path), self._metadata.describe(*place, entry))

    def note_folder(self, path: str, place: FolderId, metadata: FileMetadata | None) -> None:
        """The mount has made a folder. metadata: None: it has none."""
        folder, name = self._directories.locate(path)
        entry = folder_entry("")
        if metadata is not None:
            self._metadata.put(*place, metadata)
            entry = self._metadata.describe(*place, entry)
        self._put(folder, name, entry)
        self._memory.put_empty(self._directories.folder_in(folder, name))

    def note_removed(self, path: str, was: Resolved) -> None:
        """The mount has removed a name, or has moved it away."""
        folder, name = self._directories.locate(path)
        self.inodes.removed(was.bucket, was.key)
        if was.entry.is_folder:
            self._kept.drop((was.bucket, was.key))
            self._memory.put_folder_away(folder, was.entry.component)
        else:
            self._memory.put(folder, name, None)
        if folder[0]:
            self._kept.keep(folder)

    def note_moved(
        self, old: str, was: Resolved, new: str, key: str, keys: Sequence[tuple[str, str]]
    ) -> None:
        """The mount has moved an object or a folder within its bucket. key: the new one. keys: old
        and new ones, of all objects."""
        self._metadata.move(was.bucket, keys)
        self.inodes.moved(was.bucket, was.key, key)
        if was.entry.is_folder:
            self._memory.move(was.bucket, was.key, key)
        self.note_removed(old, was)
        entry = was.entry._replace(etag="")  # a copy may have another one
        self._put(*self._directories.locate(new), entry)

    def note_attributes(
        self, path: str, was: Resolved, etag: str, *, mode: int | None, mtime_ns: int | None
    ) -> None:
        """The mount has changed permissions, or the time of the last change."""
        known = self._metadata.get(was.bucket, was.key)
        before = known if known is not None else FileMetadata(was.entry.etag)
        after = FileMetadata(
            etag,
            before.mtime_ns if mtime_ns is None else mtime_ns,
            before.mode if mode is None else mode & 0o777,
            before.link,
        )
        self._metadata.put(was.bucket, was.key, after)
        entry = was.entry._replace(etag=etag)
        described = self._metadata.describe(was.bucket, was.key, entry)
        self._put(*self._directories.locate(path), described)

    def forget(self, file: Resolved) -> None:
        """What is remembered of a file, or of a folder and all that is below it."""
        self._memory.changed(file.bucket, "" if file.entry.is_folder else file.key)

    def link_target(self, file: Resolved) -> str | None:
        """The target of a symbolic link."""
        known = self._metadata.get(file.bucket, file.key)
        return None if known is None else known.link

    def changed(self, bucket: str, key: str, *, is_removal: bool) -> bool:
        """Something has changed at this key, or (key "") anywhere in the bucket. On the loop.

        False: nothing was known of the bucket.
        """
        if is_removal:
            self._kept.drop_above(bucket, key)
        return self._memory.changed(bucket, key, is_removal=is_removal)

    def path_of(self, bucket: str, key: str) -> str:
        """The path of an object, or of a folder; "" for what the mount does not show."""
        return self._directories.path_of(bucket, key)

    def _put(self, folder: FolderId, name: str, entry: Entry) -> None:
        """Remember an entry as that of this name."""
        component = parse_name(name).text if folder[0] else name
        self._memory.put(folder, name, entry._replace(name=name, component=component))

    def _written_at(self, folder: FolderId, name: str) -> WrittenFile | None:
        if not folder[0]:
            return None
        form, component = parse_name(name)
        if form in (Form.CUT, Form.BESIDE_FOLDER):
            return None
        return self._written.find((folder[0], folder[1] + component))


def _entry_of(name: str, component: str, file: WrittenFile) -> Entry:
    size, mtime_ns, mode = file.status
    permissions = FILE_MODE if mode is None else stat.S_IFREG | mode
    return Entry(name, component, permissions, size, mtime_ns, file.etag)
