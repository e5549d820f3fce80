"""What a file of the mount has beside its bytes, and how an object keeps it. Pure.

Times and modes are metadata in rclone's form, as in sync folders. A symbolic link is an empty
object whose metadata has its target.
https://rclone.org/s3/#metadata
"""

from __future__ import annotations

import mimetypes
import stat
from collections.abc import Mapping
from urllib.parse import quote, unquote

import msgspec

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.sync.remote_tree import MODE, MTIME, PARENT, SHA256, write_mtime
from s3d.shared.control import ObjectInfo

SYMLINK = "s3d-symlink"
"""Metadata: the target of a symbolic link, percent-encoded."""
FILE_MODE = 0o644
"""Permissions of an object whose metadata has none."""
_BYTES_METADATA = frozenset((SHA256, PARENT))
"""Metadata of sync folders that describes the bytes, and must not outlive them."""


class WrittenAttributes(msgspec.Struct, frozen=True):
    """Of a file that was opened for writing."""

    content_type: str | None = None
    metadata: Mapping[str, str] = {}
    """Of the user: without mode and time."""
    tags: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    storage_class: str | None = None
    mode: int | None = None
    """Permissions; None: never set."""
    mtime_ns: int | None = None
    """Set by a program; None: the time of the last write."""

    def of_object(self, mtime_ns: int) -> ObjectAttributes:
        """As attributes of the object. mtime_ns: the time of the last write."""
        metadata = dict(self.metadata)
        metadata[MTIME] = write_mtime(mtime_ns if self.mtime_ns is None else self.mtime_ns)
        if self.mode is not None and self.mode != FILE_MODE:
            metadata[MODE] = f"{stat.S_IFREG | self.mode:o}"
        return ObjectAttributes(
            self.content_type, metadata, self.tags, self.headers, self.storage_class
        )


def attributes_of_new(key: str, mode: int | None) -> WrittenAttributes:
    """Of a new file; mode: with which it was created."""
    permissions = None if mode is None else mode & 0o777
    return WrittenAttributes(mimetypes.guess_type(key, strict=False)[0], mode=permissions)


def attributes_of_old(
    info: ObjectInfo, mode: int | None, *, keeps_bytes: bool = False
) -> WrittenAttributes:
    """Of a file whose object gets new bytes, unless it keeps them. info: by HeadObject, with
    metadata. mode: its."""
    ours = {MODE, MTIME} if keeps_bytes else _BYTES_METADATA | {MODE, MTIME}
    metadata = {name: value for name, value in info.metadata.items() if name not in ours}
    storage_class = None if info.storage_class == "STANDARD" else info.storage_class
    return WrittenAttributes(
        info.content_type or None, metadata, info.tags, info.headers, storage_class, mode
    )


def write_link(target: str, mtime_ns: int) -> Mapping[str, str]:
    """The metadata of a symbolic link. target: decoded with surrogateescape."""
    return {
        SYMLINK: quote(target.encode("utf-8", "surrogateescape")),
        MTIME: write_mtime(mtime_ns),
    }


def read_link(metadata: Mapping[str, str]) -> str | None:
    """The target; None for an object that is no symbolic link."""
    target = metadata.get(SYMLINK)
    return None if target is None else unquote(target, errors="surrogateescape")
