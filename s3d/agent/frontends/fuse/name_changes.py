"""Changes of names and attributes in a mount, as requests to the store.

Each returns when the store has confirmed it: a write queue, once it is durable on this machine.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import quote

import msgspec

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import background_context
from s3d.agent.core.object_info import PLAIN, ObjectAttributes
from s3d.agent.frontends.fuse.folder_contents import FolderContents
from s3d.agent.frontends.fuse.fs_ops import RENAME_NOREPLACE
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.old_version import describe
from s3d.agent.frontends.fuse.renames import OnMoved, Renames
from s3d.agent.frontends.fuse.staging_journal import Rename
from s3d.agent.frontends.fuse.written_attributes import (
    WrittenAttributes,
    attributes_of_old,
    write_link,
)
from s3d.agent.frontends.fuse.written_file import FLUSH_FETCH, WrittenFile
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.messages import BytesBody, ListedObject
from s3d.agent.sync.remote_tree import MODE, MTIME, read_mode, read_mtime
from s3d.shared.control import ObjectInfo


class NameChanges:
    """Called by FUSE threads. Every method raises OSError."""

    def __init__(
        self,
        client: S3Client,
        bridge: LoopBridge,
        written: WrittenFiles,
        renames: Renames,
        contents: FolderContents,
    ) -> None:
        self._client = client
        self._bridge = bridge
        self._written = written
        self._renames = renames
        self._contents = contents

    def unlink(self, place: ObjectName) -> None:
        """Remove an object; its open files go on working."""
        file = self._written.find(place)
        if file is not None:
            _keep_old_bytes(file)
        self._written.unlink(place)
        if file is None or file.etag:  # else no store has ever had it
            self._bridge.call(lambda: self._client.delete(*place))

    def make_folder(self, bucket: str, prefix: str, attributes: ObjectAttributes = PLAIN) -> str:
        """Store the marker of a folder, which keeps it while it is empty: its ETag; prefix "": make
        a bucket, which has neither."""
        if not prefix:
            self._bridge.call(lambda: self._client.create_bucket(bucket))
            return ""
        marker = BytesBody(b"")
        etag, _ = self._bridge.call(lambda: self._client.store(bucket, prefix, marker, attributes))
        return etag

    def remove_folder(self, bucket: str, prefix: str) -> None:
        """Remove an empty folder, or (prefix "") a bucket. Raises ENOTEMPTY."""
        if self._written.under(bucket, prefix) or not self._contents.is_empty((bucket, prefix)):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), prefix)
        if not prefix:
            self._bridge.call(lambda: self._client.delete_bucket(bucket))
        else:
            self._bridge.call(lambda: self._client.delete(bucket, prefix))

    def rename(
        self,
        rename: Rename,
        flags: int,
        *,
        replaces: bool,
        shown: ListedObject | None = None,
        on_moved: OnMoved = lambda moved: None,
    ) -> None:
        """Rename an object or a folder. flags: of renameat2(2). replaces: something has the new
        name already. shown, on_moved: see Renames.rename.

        Raises EEXIST for that with RENAME_NOREPLACE, EINVAL for RENAME_EXCHANGE, ENOTEMPTY for a
        folder that has names.
        """
        if flags & ~RENAME_NOREPLACE:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if replaces and flags & RENAME_NOREPLACE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), rename.new)
        if rename.old == rename.new:
            return
        if rename.is_folder and rename.new.startswith(rename.old):
            raise OSError(errno.EINVAL, "a folder cannot be moved into itself")
        if rename.is_folder and replaces:
            self.remove_folder(rename.bucket, rename.new)
        replaced = self._written.find(ObjectName(rename.bucket, rename.new))
        if replaced is not None:
            _keep_old_bytes(replaced)
        self._renames.rename(rename, shown, on_moved=on_moved)

    def symlink(self, place: ObjectName, target: str, mtime_ns: int) -> str:
        """Store a symbolic link; its ETag. mtime_ns: when it was made. Else the link would show
        when it was pushed, and a program that found the right time at first would find another."""
        attributes = ObjectAttributes(metadata=write_link(target, mtime_ns))
        etag, _ = self._bridge.call(lambda: self._client.store(*place, BytesBody(b""), attributes))
        return etag

    def set_attributes(
        self, place: ObjectName, *, mode: int | None = None, mtime_ns: int | None = None
    ) -> str:
        """Set permissions and the time of the last change, or one of them; the ETag afterwards."""
        changes = {"mode": None if mode is None else mode & 0o777, "mtime_ns": mtime_ns}
        changes = {name: value for name, value in changes.items() if value is not None}
        with self._taken(place) as file:
            if file is not None:
                self._set(file, msgspec.structs.replace(file.attributes, **changes))
                return file.etag
        return self._bridge.call(lambda: self._change(place, changes))

    def set_metadata(self, place: ObjectName, changes: Mapping[str, str | None]) -> str:
        """Change the user's metadata of an object: name -> value, None to remove it; the ETag
        afterwards."""
        with self._taken(place) as file:
            if file is not None:
                self._set(file, _with_metadata(file.attributes, changes))
                return file.etag
        return self._bridge.call(lambda: self._change_metadata(place, changes))

    def set_tags(self, place: ObjectName, changes: Mapping[str, str | None]) -> None:
        """Change some tags of an object: name -> value, None to remove it."""
        with self._taken(place) as file:
            is_stored = file is None or not file.is_dirty
            if is_stored:
                self._bridge.call(lambda: self._client.set_tags(*place, changes))
            if file is None:
                return
            tags = {k: v for k, v in {**file.attributes.tags, **changes}.items() if v is not None}
            attributes = msgspec.structs.replace(file.attributes, tags=tags)
            if is_stored:
                file.attributes = attributes
            else:
                file.set_attributes(attributes)

    @contextmanager
    def _taken(self, place: ObjectName) -> Iterator[WrittenFile | None]:
        """The written file of an object, if there is one; it stays open meanwhile."""
        file = self._written.take(place)
        try:
            yield file
        finally:
            if file is not None:
                self._written.release(file)

    def _set(self, file: WrittenFile, attributes: WrittenAttributes) -> None:
        """Attributes of a file that is being written get into the store with its bytes."""
        is_stored = not file.is_dirty
        file.set_attributes(attributes)
        if is_stored:
            self._written.flush(file)

    async def _change(self, place: ObjectName, changes: Mapping[str, int | None]) -> str:
        info, attributes = await self._described(place)
        return await self._replace(info, msgspec.structs.replace(attributes, **changes))

    async def _change_metadata(self, place: ObjectName, changes: Mapping[str, str | None]) -> str:
        info, attributes = await self._described(place)
        return await self._replace(info, _with_metadata(attributes, changes))

    async def _described(self, place: ObjectName) -> tuple[ObjectInfo, WrittenAttributes]:
        info = await describe(self._client, place)
        if info is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), place.key)
        mode = read_mode(info.metadata.get(MODE, ""))
        attributes = attributes_of_old(info, mode, keeps_bytes=True)
        mtime_ns = read_mtime(info.metadata.get(MTIME, ""))
        return info, msgspec.structs.replace(attributes, mtime_ns=mtime_ns)

    async def _replace(self, info: ObjectInfo, attributes: WrittenAttributes) -> str:
        """Replace the attributes of an object by a copy onto itself; its ETag."""
        modified_ns = int(info.last_modified * 1e9)
        members = attributes.of_object(modified_ns).members() | {
            "Bucket": info.bucket,
            "Key": info.key,
            "CopySource": f"{info.bucket}/{quote(info.key)}",
            "CopySourceIfMatch": info.etag,
            "MetadataDirective": "REPLACE",
        }
        members.pop("Tagging", None)  # a copy keeps the tags
        context = background_context().derive(replaces=info.etag)
        output = await S3Client(self._client.target, context).output("CopyObject", members)
        return str(output["CopyObjectResult"]["ETag"])


def _keep_old_bytes(file: WrittenFile) -> None:
    """The object is about to go: fetch what its open descriptors may still read of it.

    Where that is more than can be fetched in time, reads of what is missing will end with ESTALE.
    """
    if file.handles and file.staged.unfetched <= FLUSH_FETCH:
        with suppress(OSError):
            file.staged.fill()


def _with_metadata(
    attributes: WrittenAttributes, changes: Mapping[str, str | None]
) -> WrittenAttributes:
    metadata = {**attributes.metadata, **changes}
    kept = {name: value for name, value in metadata.items() if value is not None}
    return msgspec.structs.replace(attributes, metadata=kept)
