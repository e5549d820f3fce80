"""The local folder and the bucket as the executor sees them: local_tree.py and remote_tree.py
implement them, tests/agent/sync/world.py fakes them.

Every method is one atomic step. Whatever happens between two steps, a crash included, is detected
by looking again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Protocol

from s3d.agent.s3.messages import Body
from s3d.agent.sync.path_state import LocalEntry, RemoteEntry, Signature


class ConcurrentChange(Exception):
    """A side has changed since it was looked at, so the path has to be looked at again."""


class Unavailable(Exception):
    """The remote is unavailable now, or denies access. str(): why."""


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
    def md5(self) -> str:
        """As hex."""

    @property
    def is_torn(self) -> bool:
        """The file was changed while its body was read, so the body ended early."""

    def body(self) -> Body:
        """To be read once and closed."""


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


class LocalTree(Protocol):
    """The local folder. Raises PathBlocked for errors of the system; ConcurrentChange as stated.

    What a method has done to the names in a folder would survive a power cut when it returns: the
    baseline agrees on it then. Only drop_staged and trash_staged may be undone
    by one: what is on the stage then goes to the trash.
    """

    async def look(self, path: str) -> LocalEntry | None:
        """What is at a path now."""

    async def read(self, path: str, signature: Signature) -> Content:
        """Raises ConcurrentChange when the file is not of this signature, before or after."""

    async def receive(self, name: str, body: Body, attributes: FileAttributes) -> StagedFile:
        """Write a body to the stage. Raises ConcurrentChange when it is not attributes.sha256."""

    async def place(
        self, staged: StagedFile, path: str, expected: Signature | None
    ) -> Signature | None:
        """Give a staged file its path in one step, and tell what was there.

        expected None: nothing may be there. Otherwise the two change places, and what was at path
        is on the stage then. Raises ConcurrentChange when nothing, or something, is there.
        """

    async def staged(self, name: str) -> Signature | None:
        """What is on the stage by that name."""

    async def unstage(self, name: str, path: str) -> bool:
        """Give a file of the stage a path that is free; False when it is not."""

    async def drop_staged(self, name: str) -> None:
        """Remove a file of the stage, if it is there."""

    async def sync_names(self, path: str) -> None:
        """Have the names around a path, on the stage and in the trash survive a power cut: after a
        crash nobody knows whether they would."""

    async def sweep(self) -> list[str]:
        """Remove what was received in part from the stage; the names of what is left there."""

    async def trash_staged(self, name: str) -> None:
        """Move a file of the stage to the trash, where it keeps its name."""

    async def discard(self, path: str, name: str) -> Signature | None:
        """Move a file to the trash under this name, and tell what was moved; None: nothing."""

    async def trashed(self, name: str) -> Signature | None:
        """What is in the trash by that name."""

    async def untrash(self, name: str, path: str) -> bool:
        """Give a file of the trash a path that is free; False when it is not, or not there."""

    async def move(self, path: str, to: str) -> Signature | None:
        """Rename a file to a path that is free, and tell what was moved; None: it could not be."""

    async def make_folder(self, path: str) -> None: ...

    async def remove_folder(self, path: str) -> bool:
        """Remove a folder that is empty; False when it is not."""


class RemoteTree(Protocol):
    """The objects below the prefix. Raises Unavailable, PathBlocked; ConcurrentChange as stated."""

    async def look(self, path: str) -> RemoteEntry | None:
        """What is at a path now, with its metadata."""

    async def is_gone(self, path: str) -> bool:
        """Whether a listing of its key, to the end, shows that an object is not there. A 404 of a
        HEAD has no body, so anybody on the way may have answered it."""

    async def tags(self, path: str) -> Mapping[str, str]:
        """Of an object; none where the remote knows no tags."""

    def listing(self) -> AsyncIterator[list[RemoteEntry]]:
        """All there is, page by page, in the order of their bytes. To its end, it is complete."""

    async def put(
        self, path: str, content: Content | None, attributes: FileAttributes, condition: str
    ) -> RemoteEntry:
        """condition: the ETag to be replaced, or client.IF_ABSENT. Raises ConcurrentChange when it
        does not hold, or the content is torn. content None: the marker of a folder."""

    async def get(self, path: str, etag: str) -> tuple[RemoteEntry, Body]:
        """Raises ConcurrentChange when it is another object, or gone. The caller closes the
        body."""

    async def delete(self, path: str, etag: str) -> None:
        """Raises ConcurrentChange when it is another object. One that is gone is no error."""

    async def copy(self, source: str, etag: str, path: str) -> RemoteEntry:
        """Copy an object with all that goes with it to a path that is free. Raises
        ConcurrentChange."""

    async def landed(self, path: str, sha256: str, md5: str) -> bool:
        """Whether a version that was replaced or deleted since had this content."""
