"""The folders of a mount: look-ups and listings, from memory where possible.

One look-up of a name that is not in memory:
1. thread: a name that ends with a hash is looked for in a listing of its folder.
2. -> loop: HeadObject of the key and ListObjectsV2 of one key below it, at once. After a few
   such look-ups in one folder, its first page is read instead, which answers for many names.
3. -> thread: the answer is kept, unless the name has changed meanwhile.

A listing reads its second page when its reader has used up the first, and then one page ahead.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from s3d.agent.frontends.fuse.errnos import errno_of, no_entry
from s3d.agent.frontends.fuse.folder_entries import Entry, PageMerger, folder_entry
from s3d.agent.frontends.fuse.folder_memory import FolderId, FolderMemory, Known, PartialListing
from s3d.agent.frontends.fuse.folder_requests import FolderRequests
from s3d.agent.frontends.fuse.key_names import Form, name_of, parse_name
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.s3.routing import MAX_KEY_SIZE
from s3d.shared.control import Listing

_PATIENCE = 2.0
"""Seconds that a look-up waits for the remote when it can answer from what was known last."""
_REST = 5.0
"""Seconds after a failure in which such a look-up does not ask the remote."""
BUCKETS: FolderId = ("", "")
"""The root of a mount of all buckets."""


class Location(NamedTuple):
    """Where a path leads: a name in a folder; "" for the root itself."""

    folder: FolderId
    name: str


class Resolved(NamedTuple):
    """A path that exists, and what it stands for."""

    bucket: str
    key: str
    """Of a folder with a slash at its end; "" for a bucket, and for the list of buckets."""
    entry: Entry


class Directories:
    """Answers which names there are. Called by FUSE threads."""

    def __init__(
        self,
        requests: FolderRequests,
        bridge: LoopBridge,
        memory: FolderMemory,
        metadata: MetadataMemory,
        root: FolderId = BUCKETS,
    ) -> None:
        """root: the folder that the mount shows."""
        self._requests = requests
        self._bridge = bridge
        self._memory = memory
        self._metadata = metadata
        self._root = root
        self._away_until = 0.0
        self._created: dict[str, int] = {}

    def resolve(self, path: str) -> Resolved:
        """What a path stands for. Raises OSError ENOENT when there is nothing."""
        folder, name = self.locate(path)
        if name:
            return self.resolve_in(folder, name)
        return Resolved(*folder, self._metadata.describe(*folder, folder_entry("")))

    def resolve_in(self, folder: FolderId, name: str) -> Resolved:
        """What a name in a folder stands for. Raises OSError ENOENT."""
        entry = self.look_up(folder, name)
        if folder == BUCKETS:
            return Resolved(entry.component, "", entry)
        bucket, prefix = folder
        slash = "/" if entry.is_folder else ""
        return Resolved(bucket, f"{prefix}{entry.component}{slash}", entry)

    def locate(self, path: str) -> Location:
        """The folder and the name that a path consists of. The last name need not exist.

        Raises OSError: ENOTDIR for a path through an object, EINVAL, EILSEQ as parse_name.
        """
        *above, name = path.strip("/").split("/")
        folder = self._root
        for each in above:
            folder = self.folder_in(folder, each)
        return Location(folder, name)

    def folder_in(self, folder: FolderId, name: str) -> FolderId:
        """The id of the folder with this name. Whether it exists is not looked up."""
        if folder == BUCKETS:
            return name, ""
        form, component = parse_name(name)
        if form is Form.BESIDE_FOLDER:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
        if form is Form.CUT:
            entry = self.look_up(folder, name)
            if not entry.is_folder:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
            component = entry.component
        bucket, prefix = folder
        return bucket, f"{prefix}{component}/"

    def path_of(self, bucket: str, key: str) -> str:
        """The path of an object, unless a folder hides it, or of a folder, whose key ends with a
        slash; "" for what the mount does not show."""
        root_bucket, root = self._root
        if root_bucket not in ("", bucket) or not key.startswith(root) or not (bucket and key):
            return ""
        names = [name_of(each) for each in key[len(root) :].removesuffix("/").split("/")]
        return "/" + "/".join(names if root_bucket else [bucket, *names])

    def folder_for(self, path: str) -> FolderId:
        """The id of a folder that is to be made at this path; its prefix is "" for a bucket.

        Raises OSError as key_for does, but for a bucket.
        """
        folder, name = self.locate(path)
        if folder == BUCKETS and name:
            return name, ""
        bucket, key = self.key_for(f"{path}/")
        return bucket, key + "/"

    def key_for(self, path: str) -> tuple[str, str]:
        """Bucket and key of an object that a new file at this path becomes.

        Raises OSError: EPERM in the list of buckets, EINVAL for the name of an object beside a
        folder or of a cut component, which only objects of other clients have, ENAMETOOLONG.
        """
        folder, name = self.locate(path)
        if folder == BUCKETS or not name:
            raise PermissionError(errno.EPERM, "only buckets are here", path)
        form, component = parse_name(name)
        if form in (Form.BESIDE_FOLDER, Form.CUT):
            raise OSError(errno.EINVAL, f"a new file cannot end with {form.value}", name)
        bucket, prefix = folder
        key = prefix + component
        if len(key.encode()) > MAX_KEY_SIZE:
            raise OSError(errno.ENAMETOOLONG, f"a key has at most {MAX_KEY_SIZE} bytes", path)
        return bucket, key

    def created_ns(self, bucket: str) -> int:
        """When a bucket was made; 0: nobody says. The same as long as the mount lasts."""
        known = self._created.get(bucket)
        if known is None:
            recalled = self._memory.recall(BUCKETS, bucket)
            entry = None if recalled is None else recalled.entry
            if entry is None and bucket:
                with suppress(OSError):
                    entry = self._request_bucket(bucket, _PATIENCE)
            known = self._created[bucket] = 0 if entry is None else entry.mtime_ns or 0
        return known

    def look_up(self, folder: FolderId, name: str) -> Entry:
        """The entry of a name. Raises OSError ENOENT when there is none."""
        known = self._memory.find(folder, name)
        if known is None:
            known = self._request_or_recall(folder, name)
        if known.entry is None:
            raise no_entry(name)
        return known.entry

    def entries(self, folder: FolderId) -> Iterator[Entry]:
        """All entries of a folder, which exists, in no particular order.

        Raises OSError; while it is read, too.
        """
        known = self._memory.listing(folder)
        if known is not None:
            yield from known
            return
        recalled = self._memory.listing(folder, outdated=True)
        if recalled is not None and self.is_away:
            yield from recalled
            return
        pages = self._pages(folder, limit=None if recalled is None else _PATIENCE)
        try:
            first = next(pages)
        except OSError as error:
            self._note_failure(error)
            if error.errno != errno.EIO or recalled is None:
                raise
            yield from recalled
            return
        yield from first
        for page in pages:
            yield from page

    @property
    def is_away(self) -> bool:
        """Whether the remote has given no answer just now."""
        return time.monotonic() < self._away_until

    def _note_failure(self, error: OSError) -> None:
        if error.errno == errno.EIO:
            self._away_until = time.monotonic() + _REST

    def _request_or_recall(self, folder: FolderId, name: str) -> Known:
        """What a request tells of a name; while the remote is away, what was known last."""
        recalled = self._memory.recall(folder, name)
        if recalled is not None and self.is_away:
            return recalled
        is_there = recalled is not None and recalled.entry is not None
        try:  # patiently, before a program is told that there is no such name
            return Known(self._request_entry(folder, name, _PATIENCE if is_there else None))
        except OSError as error:
            self._note_failure(error)
            if error.errno != errno.EIO or recalled is None:
                raise
            return recalled

    def _request_entry(self, folder: FolderId, name: str, limit: float | None) -> Entry | None:
        if folder == BUCKETS:
            return self._request_bucket(name, limit)
        self._metadata.recall(folder)
        form, text = parse_name(name)
        if form is Form.CUT:
            pages = self._pages(folder, text, limit=limit)
            return next((each for page in pages for each in page if each.name == name), None)
        if self._memory.is_searched(folder):
            next(self._pages(folder, limit=limit))
            known = self._memory.find(folder, name)
            if known is not None:
                return known.entry
        begun = self._memory.begin(folder)
        beside_folder = form is Form.BESIDE_FOLDER
        entry = self._bridge.call(
            partial(self._requests.look_up, folder, text, beside_folder=beside_folder), limit
        )
        self._memory.add(folder, begun, name, entry)
        return entry

    def _request_bucket(self, name: str, limit: float | None) -> Entry | None:
        try:
            return next((each for each in self._buckets(limit) if each.name == name), None)
        except OSError as error:
            if errno_of(error) != errno.EACCES:
                raise
        begun = self._memory.begin(BUCKETS)
        entry = self._bridge.call(partial(self._requests.bucket, name), limit)
        self._memory.add(BUCKETS, begun, name, entry)
        return entry

    def _buckets(self, limit: float | None) -> list[Entry]:
        part = PartialListing(self._memory.begin(BUCKETS))
        found = self._bridge.call(self._requests.buckets, limit)
        entries = [self._metadata.describe(each.component, "", each) for each in found]
        self._memory.add_page(BUCKETS, part, entries, is_last=True)
        return entries

    def _pages(
        self, folder: FolderId, beginning: str = "", *, limit: float | None = None
    ) -> Iterator[list[Entry]]:
        """The entries by pages; those of a whole folder are kept. limit: seconds for the first."""
        if folder == BUCKETS:
            yield self._buckets(limit)
            return
        self._metadata.recall(folder)
        part = PartialListing(self._memory.begin(folder))
        merger = PageMerger(folder[1])
        first = self._bridge.call(partial(self._requests.page, folder, beginning, ""), limit)
        for page in self._following(folder, beginning, first):
            entries = [self._describe(folder, each) for each in merger.add(page)]
            part.marker = None if merger.marker is None else merger.marker.etag
            if not beginning:
                self._memory.add_page(folder, part, entries, is_last=not page.cursor)
            yield entries

    def _following(self, folder: FolderId, beginning: str, page: Listing) -> Iterator[Listing]:
        """A page, and those after it. Once a second one is needed, all are: then each is requested
        while the one before is used."""
        yield page
        request = partial(self._requests.page, folder, beginning)
        if page.cursor:
            future = self._bridge.begin(partial(request, page.cursor))
        while page.cursor:
            try:
                page = self._bridge.wait(future)
            finally:
                future.cancel()
            if page.cursor:
                future = self._bridge.begin(partial(request, page.cursor))
            try:
                yield page
            except GeneratorExit:
                future.cancel()
                raise

    def _describe(self, folder: FolderId, entry: Entry) -> Entry:
        bucket, prefix = folder
        key = f"{prefix}{entry.component}/" if entry.is_folder else prefix + entry.component
        return self._metadata.describe(bucket, key, entry)
