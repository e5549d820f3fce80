"""The results of a push, as values: what the remote has now, or why it does not have the write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from s3d.agent.s3.etag import same_etag
from s3d.agent.storage.records import Stored
from s3d.agent.stores.write_queue.push.push_plan import Resolution

AdoptPushed = Callable[[str, str, str, Stored], Awaitable[None]]
"""Bucket, key, the remote's ETag and the pushed object. Never fails."""
PushFilter = Callable[[str, str, Stored], Awaitable[str]]
"""Bucket, key and object -> why it is not pushed; "" if it is. Raises S3Error."""


class Pushed(NamedTuple):
    """The result of a push."""

    etag: str = ""
    """The remote's; "" where there is none."""
    acknowledged_etag: str = ""
    """The ETag that s3d acknowledged to its client; "" where there is none."""
    state: str | None = None
    """The state of the key at the remote: an ETag or NO_OBJECT; None: unknown."""
    replaceable_until: float = 0.0
    """Until when an older push of ours may replace it, Unix seconds; 0: none may."""
    was_there: bool = False
    """An earlier push had succeeded: a multipart upload that was begun since is useless."""

    @property
    def client_etag(self) -> str:
        """acknowledged_etag, if the remote has another one; otherwise ""."""
        ours = self.acknowledged_etag
        return ours if ours and not same_etag(self.etag, ours) else ""


class HeldByFilter(Exception):
    """The filter holds the write; the text says why."""


class Overtaken(Exception):
    """The remote has a newer version.

    remote_etag: NO_OBJECT for a key that was deleted there. resolution: PARK, DROP or KEEP_BOTH.
    """

    def __init__(self, remote_etag: str, resolution: Resolution) -> None:
        self.remote_etag = remote_etag
        self.resolution = resolution
        super().__init__(remote_etag)


class AlreadyThere(Exception):
    """The remote already is as the write would leave it.

    etag: the remote's; NO_OBJECT after a delete.
    """

    def __init__(self, etag: str) -> None:
        self.etag = etag
