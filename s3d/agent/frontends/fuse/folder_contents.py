"""The objects below a folder that is renamed or removed: what the store lists, or what is known
without it.

While the remote is away, the last listings of the folder and of those below it tell, also outdated
ones, together with what waits in the write queue. All of them have to be known: what was never
listed would stay behind under the old name. An object that another client has put there meanwhile
does stay behind, and nothing happens to it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Collection, Mapping

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.fuse.folder_entries import Entry
from s3d.agent.frontends.fuse.folder_memory import FolderId, FolderMemory
from s3d.agent.frontends.fuse.key_names import Form, parse_name
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.remembered_folder import Contents
from s3d.agent.s3.messages import ListedObject

logger = logging.getLogger(__name__)

MAX_OBJECTS = 10_000
"""Objects of a folder that is renamed; with more, programs copy it (EXDEV)."""
MAX_PENDING = 10 * MAX_OBJECTS
"""Keys below it of which writes are pending, deletions too, while the remote is away."""
_PAGE = 1_000
_PATIENCE = 2.0
"""Seconds that the first page may take when the folder is known without it."""

Objects = Mapping[str, ListedObject | None]
"""By key, what is known of each; None: nothing. A pending write decides in any case."""
Pending = Callable[[str, str, int], Awaitable[Mapping[str, bool]]]
"""Bucket, prefix and limit -> the keys of which writes are pending, and whether these leave an
object. With more keys than the limit, some of them are missing, and the result exceeds it."""


async def nothing_pending(bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
    """Of a store without a queue."""
    return {}


class FolderContents:
    """Called by FUSE threads."""

    def __init__(
        self,
        client: S3Client,
        bridge: LoopBridge,
        memory: FolderMemory,
        *,
        is_away: Callable[[], bool],
        pending: Pending = nothing_pending,
    ) -> None:
        """is_away: whether the remote has given no answer just now."""
        self._client = client
        self._bridge = bridge
        self._memory = memory
        self._is_away = is_away
        self._pending = pending

    def objects(self, folder: FolderId, written: Collection[str]) -> Objects:
        """All objects of a folder. written: the keys of the files that the mount writes in it.

        Raises OSError: EXDEV for too many, EIO when the store does not answer and the folder is not
        known without it.
        """
        found = self._listed(folder, written, MAX_OBJECTS)
        for key in written:
            found.setdefault(key, None)
        check_number(found)
        return found

    def is_empty(self, folder: FolderId) -> bool:
        """Whether a folder has nothing but the object that is the folder itself. Raises OSError as
        objects()."""
        return self._listed(folder, (), 1).keys() <= {folder[1]}

    def _listed(
        self, folder: FolderId, written: Collection[str], most: int
    ) -> dict[str, ListedObject | None]:
        """Its objects, or some of them if they are more than so many."""
        is_known = self._memory.contents(folder) is not None
        try:
            if is_known and self._is_away():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            limit = _PATIENCE if is_known else None
            return self._bridge.call(lambda: list_below(self._client, folder, limit, most))
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return self._known(folder, written)

    def _known(self, folder: FolderId, written: Collection[str]) -> dict[str, ListedObject | None]:
        pending = self._bridge.call(lambda: self._pending(*folder, MAX_PENDING))
        if len(pending) > MAX_PENDING:
            raise OSError(errno.EXDEV, f"a folder of more than {MAX_PENDING:,} pending writes")
        try:
            return known_below(folder, self._memory.contents, pending, written)
        except UnknownFolder as unknown:
            bucket, prefix = unknown.folder
            logger.warning(
                "the remote is away, and a folder of which not everything is known cannot be "
                "renamed or removed: "
                "bucket=%s key=%s unknown=%s", bucket, folder[1], prefix,
            )  # fmt: skip
            why = f"the remote is away, and what is in {bucket}/{prefix} is not known"
            raise OSError(errno.EIO, f"{os.strerror(errno.EIO)}: {why}") from None


async def list_below(
    client: S3Client, folder: FolderId, limit: float | None = None, most: int | None = None
) -> dict[str, ListedObject | None]:
    """What the store lists below a folder, or as much as is too much. limit: seconds for the first
    page. most: objects that are not too many; None: MAX_OBJECTS. Raises S3Error, TimeoutError."""
    bucket, prefix = folder
    most = MAX_OBJECTS if most is None else most
    found: dict[str, ListedObject | None] = {}
    cursor, size = "", min(_PAGE, most + 1)
    while len(found) <= most:
        async with asyncio.timeout(None if cursor else limit):
            page = await client.page(bucket, prefix, cursor=cursor, limit=size)
        for info in page.objects:
            found[info.key] = ListedObject(info.etag, info.size, info.last_modified)
        cursor = page.cursor
        if not cursor:
            break
    return found


def check_number(keys: Collection[str]) -> None:
    """Raise OSError EXDEV for too many objects."""
    if len(keys) > MAX_OBJECTS:
        raise OSError(errno.EXDEV, f"a folder of more than {MAX_OBJECTS:,} objects")


class UnknownFolder(Exception):
    """Not everything in this folder is known."""

    def __init__(self, folder: FolderId) -> None:
        super().__init__(folder)
        self.folder = folder


def known_below(
    folder: FolderId,
    contents_of: Callable[[FolderId], Contents | None],
    pending: Mapping[str, bool],
    written: Collection[str] = (),
) -> dict[str, ListedObject | None]:
    """All objects below a folder by what is remembered and pending. Pure.

    pending: as of Pending. written: see FolderContents.objects. Raises UnknownFolder; OSError
    EXDEV for too many.
    """
    bucket, top = folder
    waiting = sorted(pending)
    found: dict[str, ListedObject | None] = {}
    unsure: set[str] = set()
    prefixes = [top]
    while prefixes:
        prefix = prefixes.pop()
        contents = contents_of((bucket, prefix))
        if contents is None or not _is_sure(contents, prefix, pending, waiting):
            raise UnknownFolder((bucket, prefix))
        unsure |= {prefix + parse_name(name).text for name in contents.unsure}
        if contents.marker is not None:
            found[prefix] = ListedObject(contents.marker, 0, 0.0)
        for entry in contents.entries:
            key = prefix + entry.component
            if entry.is_folder:
                prefixes.append(key + "/")
            elif entry.etag or key in pending or key in written:
                found[key] = _shown(entry)
            else:  # a copy of the remote, of which nothing was listed yet
                raise UnknownFolder((bucket, prefix))
        check_number(found)
    for key, leaves_object in pending.items():
        if not leaves_object:
            found.pop(key, None)
        elif key in unsure:
            found[key] = None
        else:
            found.setdefault(key, None)
    return found


def _is_sure(
    contents: Contents, prefix: str, pending: Mapping[str, bool], waiting: list[str]
) -> bool:
    """Whether what has changed since the listing is pending, so that it is known nevertheless."""
    folders = {entry.name for entry in contents.entries if entry.is_folder}
    files = {entry.name for entry in contents.entries if not entry.is_folder}
    for name in contents.unsure:
        form, component = parse_name(name)
        key = prefix + component
        if name in folders or (form is not Form.CUT and key in pending):
            continue  # the listing of that folder tells, or the queue does
        if form is Form.CUT or name in files or not _has_any(waiting, f"{key}/"):
            return False
    return True


def _has_any(keys: list[str], prefix: str) -> bool:
    place = bisect_left(keys, prefix)
    return place < len(keys) and keys[place].startswith(prefix)


def _shown(entry: Entry) -> ListedObject | None:
    """What is known of an object; a symbolic link has no bytes."""
    if not entry.etag:
        return None
    size = 0 if stat.S_ISLNK(entry.mode) else entry.size
    return ListedObject(entry.etag, size, entry.modified)
