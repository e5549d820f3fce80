"""The settle rule: what the queue does not answer itself, the remote is asked, once it has what is
pending where the request looks. So every operation is right; the named ones are faster.
"""

from __future__ import annotations

from typing import Any

from s3d.agent.core.keyed_lock import KeyedLock
from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.address import parse_copy_source
from s3d.agent.s3.authority import Authority, authority_of_write, is_conditional_write
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.storage.records import NULL_VERSION
from s3d.agent.stores.write_queue.aliases import translated
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.push_scheduler import Place
from s3d.agent.stores.write_queue.pusher import Pusher

PATIENCE = 20.0
"""Seconds that a request waits for pending writes to reach the remote."""

_OF_OBJECTS = frozenset({"ListObjectVersions", "ListObjects", "ListObjectsV2"})
"""Reads of a bucket that tell of its objects."""


class Settler:
    """Knows the way down, and what has to go first."""

    def __init__(
        self,
        inner: ObjectStore,
        journal: Journal,
        pusher: Pusher,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self.inner = inner
        self.key_locks = KeyedLock()
        """Of the conditional writes of a key, from the judgement to the deed."""
        self._journal = journal
        self._pusher = pusher
        self._patience = patience

    def through(self, request: S3Request[Any]) -> Answer:
        """The remote's answer, after what is pending where the request looks or writes."""
        if is_conditional(request):
            return self._in_turn(request)
        return self._through(request)

    def _through(self, request: S3Request[Any]) -> Answer:
        places = [place for place in places_of(request) if self._journal.writes(*place)]
        if places:
            return self._after(places, request)
        return self.inner.call(translated(request, self._journal.alias))

    async def settle(self, bucket: str, key: str = "") -> None:
        """Return when the remote has what is pending now: of a key, or (key "") of a bucket.

        Raises ServiceUnavailable when that is not to be had, and for a key what it is refused with.
        """
        if self._journal.paused and self._journal.writes(bucket, key):
            message = "There are pending writes that this has to wait for, and the queue is paused."
            raise S3Error("ServiceUnavailable", message)
        await self._pusher.push_now(bucket, key, timeout=self._patience)

    async def _in_turn(self, request: S3Request[Any]) -> S3Response[Any]:
        async with self.key_locks.hold((request.bucket, request.key)):
            return await self._through(request)

    async def _after(self, places: list[Place], request: S3Request[Any]) -> S3Response[Any]:
        for place in places:
            await self.settle(*place)
        return await self.inner.call(translated(request, self._journal.alias))


def is_conditional(request: S3Request[Any]) -> bool:
    """Whether this is a write that depends on what the key holds."""
    if request.op.access in ("read", "list"):
        return False
    return is_conditional_write(request.input)


def is_judged(request: S3Request[Any]) -> bool:
    """Whether this write has to be carried out by the remote itself."""
    return authority_of_write(request.input) is Authority.FORWARD


def places_of(request: S3Request[Any]) -> list[Place]:
    """Where the answer depends on pending writes, or they on it; key "": the whole bucket.

    Settings of a bucket say nothing of its objects: they are read at once. Versions are named by
    the remote, so they are there; all but the one named null.
    """
    op, input = request.op, request.input
    is_version = input.get("VersionId") not in (None, "", NULL_VERSION)
    reads = op.name != "" and op.access in ("read", "list")
    if reads and (is_version or (not request.key and op.name not in _OF_OBJECTS)):
        return []
    places = [(request.bucket, request.key)] if request.bucket else []
    if input.get("CopySource"):
        places.append(parse_copy_source(input["CopySource"])[:2])
    if input.get("RenameSource"):
        places.append((request.bucket, str(input["RenameSource"]).lstrip("/")))
    return places
