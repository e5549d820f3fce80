"""Extended attributes: what S3 and the agent know of an object, for programs that work with files.

    user.s3.etag, content-type, storage-class, version-id, bucket, key    of the object
    user.s3.cache      cached, partial or none
    user.s3.meta.NAME  metadata
    user.s3.tag.NAME   a tag
    user.s3d.state     clean, pending, held, failed or conflict
    user.s3d.pin       1 when the read cache always keeps it, else 0
    user.s3d.refresh   whatever is written to it: what the mount remembers of the file is forgotten

A name that is none of these has no value (ENODATA), without any request.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, Protocol

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.fuse.directories import Resolved
from s3d.agent.frontends.fuse.errnos import no_entry
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.name_changes import NameChanges
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.serialize import is_metadata_name
from s3d.shared.control import ObjectInfo

OURS = ("user.s3.", "user.s3d.")
META, TAG = "user.s3.meta.", "user.s3.tag."
STATE, PIN, REFRESH, CACHE = (
    "user.s3d.state",
    "user.s3d.pin",
    "user.s3d.refresh",
    "user.s3.cache",
)
BUCKET, KEY = "user.s3.bucket", "user.s3.key"


class AgentState(NamedTuple):
    """What the agent knows of an object."""

    state: str
    """clean, pending, held, failed or conflict."""
    cache: str
    """cached, partial or none."""
    is_pinned: bool


class StateSource(Protocol):
    """Belongs to the loop."""

    async def state_of(self, bucket: str, key: str) -> AgentState: ...

    async def set_pinned(self, bucket: str, key: str, *, pinned: bool) -> None:
        """Raises S3Error when nothing can be pinned."""


class Xattrs:
    """Reads and changes extended attributes. Called by FUSE threads."""

    def __init__(
        self, client: S3Client, bridge: LoopBridge, states: StateSource, changes: NameChanges
    ) -> None:
        self._client = client
        self._bridge = bridge
        self._states = states
        self._changes = changes

    def get(self, file: Resolved, name: str) -> bytes:
        """Raises OSError: ENODATA when there is no such attribute."""
        value = _of_place(file).get(name)
        if value is None and name.startswith(OURS) and file.key:
            work = partial(self._read, file, with_tags=name.startswith(TAG))
            value = self._bridge.call(work).get(name)
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), name)
        return value.encode()

    def names(self, file: Resolved) -> list[str]:
        """All attributes that the file has."""
        if not file.key:
            return list(_of_place(file))
        return list(self._bridge.call(partial(self._read, file, with_tags=True)))

    def set(self, file: Resolved, name: str, value: bytes, flags: int) -> None:
        """Raises OSError: EOPNOTSUPP for a name that programs cannot set, EEXIST and ENODATA as
        flags (XATTR_CREATE, XATTR_REPLACE) ask for, EINVAL for a value that is no text, and for
        metadata whose name no header can have: the remote would refuse them later."""
        _check_writable(file, name)
        if name.startswith(META) and not is_metadata_name(name.removeprefix(META)):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), name)
        if flags & (os.XATTR_CREATE | os.XATTR_REPLACE):
            self._check_flags(file, name, flags)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise OSError(errno.EINVAL, "the value is not UTF-8", name) from None
        self._change(file, name, text)

    def remove(self, file: Resolved, name: str) -> None:
        """Raises OSError: as set(); ENODATA when there is no such attribute."""
        _check_writable(file, name)
        if name == PIN:
            self._change(file, name, "0")
            return
        self.get(file, name)
        self._change(file, name, None)

    def _change(self, file: Resolved, name: str, text: str | None) -> None:
        place = ObjectName(file.bucket, file.key)
        if name.startswith(META):
            self._changes.set_metadata(place, {name.removeprefix(META): text})
        elif name.startswith(TAG):
            with _too_many_tags(name):
                self._changes.set_tags(place, {name.removeprefix(TAG): text})
        elif name == PIN:
            pinned = (text or "0").strip() not in ("0", "")
            self._bridge.call(partial(self._states.set_pinned, *place, pinned=pinned))

    def _check_flags(self, file: Resolved, name: str, flags: int) -> None:
        try:
            self.get(file, name)
        except OSError as error:
            if error.errno != errno.ENODATA or flags & os.XATTR_REPLACE:
                raise
        else:
            if flags & os.XATTR_CREATE:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)

    async def _read(self, file: Resolved, *, with_tags: bool) -> Mapping[str, str]:
        bucket, key = file.bucket, file.key
        info = await self._client.head(bucket, key)
        if info is None:
            if file.entry.is_folder:
                return _of_place(file)
            raise no_entry(file.entry.name)
        tags = await self._client.tags(bucket, key) if with_tags else {}
        agent = await self._states.state_of(bucket, key)
        return _of_place(file) | _of_object(info, tags) | _of_agent(agent)


@contextmanager
def _too_many_tags(name: str) -> Iterator[None]:
    """S3's answer to more than 10 tags is E2BIG."""
    try:
        yield
    except OSError as error:
        cause = error.__cause__
        if isinstance(cause, S3Error) and "greater than" in cause.message:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG), name) from error
        raise


def _check_writable(file: Resolved, name: str) -> None:
    if not file.key or not (name.startswith((META, TAG)) or name in (PIN, REFRESH)):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), name)


def _of_place(file: Resolved) -> dict[str, str]:
    values = {BUCKET: file.bucket, KEY: file.key}
    return {name: value for name, value in values.items() if value}


def _of_object(info: ObjectInfo, tags: Mapping[str, str]) -> dict[str, str]:
    values = {
        "user.s3.etag": info.etag.strip('"'),
        "user.s3.content-type": info.content_type,
        "user.s3.storage-class": info.storage_class,
        "user.s3.version-id": info.version_id or "",
    }
    found = {name: value for name, value in values.items() if value}
    found |= {META + name: value for name, value in info.metadata.items()}
    return found | {TAG + name: value for name, value in tags.items()}


def _of_agent(agent: AgentState) -> dict[str, str]:
    return {STATE: agent.state, CACHE: agent.cache, PIN: str(int(agent.is_pinned))}
