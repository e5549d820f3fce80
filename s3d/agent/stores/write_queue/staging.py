"""The staging store as the queue uses it: buckets made when needed, room held for bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.messages import Body, S3Request, S3Response
from s3d.agent.stores.write_queue.admission import Admission, Room
from s3d.agent.stores.write_queue.key_rules import KeyRules
from s3d.agent.stores.write_queue.remote_buckets import KnownBuckets


class Stage:
    """Takes in what is accepted. Belongs to the loop."""

    def __init__(
        self,
        store: ObjectStore,
        known: KnownBuckets,
        keys: KeyRules,
        admission: Admission,
        clock: Callable[[], float],
    ) -> None:
        self.store = store
        self._clock = clock
        self.known = known
        self.keys = keys
        self.admission = admission
        self._made: set[str] = set()

    def look(self, request: S3Request[Any]) -> Answer:
        """Ask the staging store."""
        return self.store.call(request)

    async def write(
        self, request: S3Request[Any], size: int | None = 0, *, files: int = 1
    ) -> S3Response[Any]:
        """Have it written there, once there is room.

        size: bytes of the body; None: not known before its end.
        Raises NoSuchBucket, SlowDown, and what the embedded store says to it.
        """
        await self.prepare(request)
        async with self.admission.room(size, files=files) as room:
            if size is None and request.body is not None:
                request = request.replace(body=_Measured(request.body, room))
            response = await self.store.call(request)
        failpoint.hit("queue.accepted")
        return response

    async def prepare(self, request: S3Request[Any]) -> None:
        """Have the request's bucket in the staging store.

        Raises NoSuchBucket if the remote says that there is none.
        """
        bucket = request.bucket
        await self.known.check(bucket, request.context)
        if bucket not in self._made:
            await S3Client(self.store, request.context).call("CreateBucket", {"Bucket": bucket})
            self._made.add(bucket)

    def now(self) -> datetime:
        """Whole seconds, as S3 counts them."""
        return datetime.fromtimestamp(int(self._clock()), UTC)

    def forget(self, bucket: str) -> None:
        """It was deleted, or its settings have changed."""
        self._made.discard(bucket)
        self.known.forget(bucket)


class _Measured:
    """A Body of unknown size, each chunk of which waits for room in the queue."""

    size = None

    def __init__(self, source: Body, room: Room) -> None:
        self._source = source
        self._room = room

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._source.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._source:
            await self._room.receive(len(chunk))
            yield chunk

    async def aclose(self) -> None:
        await self._source.aclose()
