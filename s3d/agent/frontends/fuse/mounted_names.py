"""The names of a mount: those of the stores, and files that no store has yet."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from s3d.agent.frontends.fuse.directories import Directories, Resolved
from s3d.agent.frontends.fuse.folder_entries import FILE_MODE, Entry, folder_entry
from s3d.agent.frontends.fuse.folder_memory import FolderId, FolderMemory
from s3d.agent.frontends.fuse.key_names import Form, name_of, parse_name
from s3d.agent.frontends.fuse.metadata_memory import FileMetadata, MetadataMemory
from s3d.agent.frontends.fuse.written_file import WrittenFile
from s3d.agent.frontends.fuse.written_files import WrittenFiles


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
        self.locate = directories.locate
        self.folder_at = directories.folder_at
        self.key_for = directories.key_for

    def resolve(self, path: str) -> Resolved:
        """What a path stands for. Raises OSError ENOENT when there is nothing."""
        folder, name = self._directories.locate(path)
        if not name:
            return Resolved(*folder, folder_entry(""))
        file = self._written_at(folder, name)
        if file is not None:
            bucket, key = file.place
            return Resolved(bucket, key, _entry_of(name, key[len(folder[1]) :], file))
        return self._directories.resolve_in(folder, name)

    def exists(self, path: str) -> bool:
        """Whether a path stands for anything. Raises OSError."""
        try:
            self.resolve(path)
        except FileNotFoundError:
            return False
        return True

    def entries(self, path: str) -> Iterator[Entry]:
        """The entries of a folder. Raises OSError: ENOENT, ENOTDIR; others while it is read."""
        folder = bucket, prefix = self._directories.folder_at(path)
        written = {}
        for file in self._written.under(bucket, prefix):
            component = file.place.key[len(prefix) :]
            if "/" not in component:
                name = name_of(component)
                written[name] = _entry_of(name, component, file)
        for entry in self._directories.entries(folder):
            yield entry if entry.is_folder else written.pop(entry.name, entry)
        yield from written.values()

    def note_written(self, file: WrittenFile) -> None:
        """A store has got the file as it is now, or will in a moment."""
        bucket, key = file.place
        above, slash, component = key.rpartition("/")
        folder = bucket, above + slash
        known = self._memory.find(folder, name_of(component))
        is_hidden = known is not None and known.entry is not None and known.entry.is_folder
        name = name_of(component, hidden=is_hidden)
        metadata = FileMetadata(file.etag, file.status.mtime_ns, file.status.mode)
        self._metadata.put(bucket, key, metadata)
        self._memory.put(folder, name, _entry_of(name, component, file))

    def _written_at(self, folder: FolderId, name: str) -> WrittenFile | None:
        if not folder[0]:
            return None
        form, component = parse_name(name)
        if form in (Form.CUT, Form.HIDDEN):
            return None
        return self._written.find((folder[0], folder[1] + component))


def _entry_of(name: str, component: str, file: WrittenFile) -> Entry:
    size, mtime_ns, mode = file.status
    permissions = FILE_MODE if mode is None else stat.S_IFREG | mode
    return Entry(name, component, permissions, size, mtime_ns, file.etag)
