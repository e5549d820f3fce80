"""The local folder and the bucket as the executor sees them: local_tree.py and remote_tree.py
implement them, tests/agent/sync/world.py fakes them.

Every method is one atomic step. Whatever happens between two steps, a crash included, is detected
by looking again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from s3d.agent.large_objects.part_map import MapName
from s3d.agent.large_objects.part_upload import UploadSource
from s3d.agent.large_objects.ranged_download import PartialFile
from s3d.agent.large_objects.sparse_file import Update
from s3d.agent.s3.messages import Body
from s3d.agent.s3.part_sizes import PartPlan
from s3d.agent.sync.path_state import LocalEntry, RemoteEntry, Signature


class ConcurrentChange(Exception):
    """A side has changed since it was read, so the path has to be read again."""


class Unavailable(Exception):
    """The remote is unavailable now, or denies access. str(): why."""


class Undecided(Unavailable):
    """A policy has made no decision about one path. The plan goes on; its step waits."""


class RootGone(Exception):
    """The folder is missing, or was replaced by another one."""


class PathBlocked(Exception):
    """This path cannot be synced now; other paths can. str(): why."""


class Content(Protocol):
    """The bytes of a local file as they were at one moment."""

    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str:
        """As hex."""

    @property
    def etag(self) -> str:
        """The ETag that a store gives these bytes, without quotes: their MD5, or that of parts."""

    @property
    def is_torn(self) -> bool:
        """The file was changed while its body was read, so the body ended early."""

    def body(self) -> Body:
        """To be read once and closed."""

    def parts(self, plan: PartPlan) -> AbstractAsyncContextManager[UploadSource]:
        """The bytes of a large file, to be sent in parts. Raises ConcurrentChange."""


class StagedFile(NamedTuple):
    """A complete file beside the folder, on the same file system. name: of the stage."""

    name: str
    signature: Signature
    sha256: str


class FileAttributes(NamedTuple):
    """What goes with the bytes of a file. parent: SHA-256 of the version that it replaces."""

    mtime_ns: int | None = None
    mode: int | None = None
    sha256: str = ""
    parent: str = ""
    tags: Mapping[str, str] = {}


@runtime_checkable
class LargeObject(Protocol):
    """One version of an object that is received in parts."""

    @property
    def name(self) -> str:
        """Of the partial file: the same for each attempt."""

    async def download(self, name: MapName, also: Update) -> PartialFile:
        """A complete and verified file, whose bytes `also` has taken. The caller closes it. Raises
        ConcurrentChange, Unavailable, PathBlocked."""

    async def aclose(self) -> None: ...


class ReportedChanges(Protocol):
    """How changes of a bucket are noticed, beside listings: agent/remote_changes."""

    @property
    def source(self) -> str:
        """queue, webhook or marker; "": only listings show changes."""

    @property
    def trouble(self) -> str:
        """What does not work, for people."""

    @property
    def interval(self) -> float:
        """Seconds between two listings while a source works; 0.0 without one."""

    @property
    def cost(self) -> float:
        """Dollars a month."""


class LocalTree(Protocol):
    """The local folder. Raises PathBlocked for errors of the system; ConcurrentChange as stated.

    When a method returns, its changes of names in a folder survive a power cut, because the
    baseline agrees on them next. Only drop_staged and trash_staged may be undone by one: the files
    on the stage then go to the trash.
    """

    async def look(self, path: str) -> LocalEntry | None:
        """The entry at a path now."""

    async def read(self, path: str, signature: Signature) -> Content:
        """Raises ConcurrentChange when the file is not of this signature, before or after."""

    async def receive(
        self, name: str, body: Body | LargeObject, attributes: FileAttributes
    ) -> StagedFile:
        """Write a body to the stage. Raises ConcurrentChange when it is not attributes.sha256."""

    async def place(
        self, staged: StagedFile, path: str, expected: Signature | None
    ) -> Signature | None:
        """Move a staged file to its path in one step, and return what was there. expected None: the
        path has to be free. Otherwise the two files are exchanged, and the old one is on the stage
        afterwards. Raises ConcurrentChange when nothing, or something, is there.
        """

    async def staged(self, name: str) -> Signature | None:
        """The file of the stage with this name."""

    async def unstage(self, name: str, path: str) -> bool:
        """Move a file from the stage to a free path; False when the path is in use."""

    async def drop_staged(self, name: str) -> None:
        """Remove a file of the stage, if it is there."""

    async def sync_names(self, path: str) -> None:
        """Sync the names around a path, on the stage and in the trash to disk: after a crash it is
        unknown whether they are durable."""

    async def sweep(self) -> list[str]:
        """Remove partial downloads from the stage; return the names of the remaining files."""

    async def trash_staged(self, name: str) -> None:
        """Move a file of the stage to the trash, where it keeps its name."""

    async def discard(self, path: str, name: str) -> Signature | None:
        """Move a file to the trash under this name, and return what was moved; None: nothing."""

    async def trashed(self, name: str) -> Signature | None:
        """The file of the trash with this name."""

    async def untrash(self, name: str, path: str) -> bool:
        """Move a file from the trash to a free path; False when the path is in use or the file is
        missing."""

    async def move(self, path: str, to: str) -> Signature | None:
        """Rename a file to a free path, and return what was moved; None: it could not be moved."""

    async def make_folder(self, path: str) -> None: ...

    async def remove_folder(self, path: str) -> bool:
        """Remove an empty folder; False when it is not empty."""


class RemoteTree(Protocol):
    """The objects below the prefix. Raises Unavailable, PathBlocked; ConcurrentChange as stated."""

    async def look(self, path: str) -> RemoteEntry | None:
        """The object at a path now, with its metadata."""

    async def is_gone(self, path: str) -> bool:
        """Whether a listing of its key, to the end, shows that an object is not there. A 404 of a
        HEAD has no body, so anybody on the way may have answered it."""

    async def tags(self, path: str) -> Mapping[str, str]:
        """The tags of an object; empty where the remote does not support tags."""

    def listing(self) -> AsyncIterator[list[RemoteEntry]]:
        """All there is, page by page, in the order of their bytes. To its end, it is complete."""

    async def put(
        self, path: str, content: Content | None, attributes: FileAttributes, condition: str
    ) -> RemoteEntry:
        """condition: the ETag to be replaced, or client.IF_ABSENT. Raises ConcurrentChange when it
        does not hold, or the content is torn. content None: the marker of a folder."""

    async def get(self, path: str, etag: str, size: int) -> tuple[RemoteEntry, Body | LargeObject]:
        """Raises ConcurrentChange when it is another object, or gone. The caller closes the
        body. size: as it was listed."""

    async def delete(self, path: str, etag: str) -> None:
        """Delete an object. Raises ConcurrentChange when it is another one. A missing object is no
        error."""

    async def copy(self, source: str, etag: str, size: int, path: str) -> RemoteEntry:
        """Copy an object of this size with all that goes with it to a path that is free. Raises
        ConcurrentChange."""

    async def landed(self, path: str, sha256: str, etag: str) -> bool:
        """Whether a version that was replaced or deleted since had this content. etag: see
        Content."""
