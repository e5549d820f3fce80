"""How a write is accepted: room in the queue first, then the staging store.

A write waits for room before its body is read, first come, first served. A body of unknown size
takes room as its bytes arrive, before writes that have not begun.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, S3Request, S3Response
from s3d.agent.stores.write_queue.journal.pending_write import Usage
from s3d.agent.stores.write_queue.push.remote_buckets import KeyRules, KnownBuckets


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of what may be pending."""

    max_size: int = 10 << 30
    """Bytes."""
    max_files: int = 100_000
    max_age: float | None = None
    """Seconds that the oldest write may wait before no further write is accepted; None: any."""
    wait: float = 60.0
    """Seconds that a write waits for room; 0: it is refused at once."""


class _Claim(NamedTuple):
    """A write that waits for room."""

    files: int
    size: int
    """Bytes."""
    turn: asyncio.Future[None]


class Room:
    """What one write has reserved; Admission.reserve releases it."""

    def __init__(self, admission: Admission, files: int, size: int) -> None:
        self.files = files
        self.size = size
        """Bytes."""
        self._admission = admission
        self._received = 0

    async def receive(self, size: int) -> None:
        """Reserve room for further bytes of the body that have arrived.

        Raises SlowDown when there is no room in time, EntityTooLarge when there never can be.
        """
        self._received += size
        missing = self._received - self.size
        if missing > 0:
            await self._admission.grow(self._received, missing)
            self.size = self._received


class Admission:
    """Belongs to the loop."""

    def __init__(
        self,
        limits: Limits,
        used: Callable[[], Usage],
        oldest: Callable[[], float | None],
        clock: Callable[[], float],
    ) -> None:
        """oldest: when the oldest write on its way was accepted; it and clock: Unix seconds."""
        self._oldest = oldest
        self.limits = limits
        self._used = used
        self._clock = clock
        self._files = 0
        self._size = 0
        """Reserved for what is being received."""
        self._growing: deque[_Claim] = deque()
        """Bodies that have begun; they go first, since they hold room already."""
        self._waiting: deque[_Claim] = deque()

    def is_too_large(self, size: int | None) -> bool:
        """True for what would not fit even into an empty queue."""
        return (size or 0) > self.limits.max_size

    @asynccontextmanager
    async def reserve(self, size: int | None, *, files: int = 1) -> AsyncIterator[Room]:
        """Hold room for a write, so long as it is not yet counted as pending.

        size: bytes; None: not known, and each byte is to be reserved as it comes (Room.receive).
        Raises SlowDown with the detail RetryAfter when there is no room in time.
        """
        first = 1 if size is None else size
        if self._growing or self._waiting or self._why_not_accepted(files, first):
            await self._wait(self._waiting, files, first)
        else:
            self._add(files, first)
        room = Room(self, files, first)
        try:
            yield room
        finally:
            self._add(-room.files, -room.size)
            self.admit_waiting()

    async def grow(self, size: int, missing: int) -> None:
        """Reserve the missing bytes of a body of which size bytes have arrived, or raise."""
        if self.is_too_large(size):
            message = (
                "The body is larger than the write queue (S3D_WRITE_QUEUE_MAX_SIZE="
                f"{self.limits.max_size}); with a Content-Length, it is sent to the remote "
                f"directly."
            )
            raise S3Error("EntityTooLarge", message, MaxSizeAllowed=self.limits.max_size)
        if self._growing or self._lacks(missing):
            await self._wait(self._growing, 0, missing)
        else:
            self._add(0, missing)

    def admit_waiting(self) -> None:
        """Admit the writes whose turn it is: there may be more room than before."""
        if not self._growing and not self._waiting:
            return
        self._admit(self._growing, lambda claim: self._lacks(claim.size))
        if not self._growing:
            self._admit(
                self._waiting, lambda claim: bool(self._why_not_accepted(claim.files, claim.size))
            )

    def _admit(self, claims: deque[_Claim], is_blocked: Callable[[_Claim], bool]) -> None:
        while claims:
            claim = claims[0]
            if not claim.turn.done():
                if is_blocked(claim):
                    return
                self._add(claim.files, claim.size)
                claim.turn.set_result(None)
            claims.popleft()

    async def _wait(self, claims: deque[_Claim], files: int, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        claims.append(_Claim(files, size, turn))
        try:
            async with asyncio.timeout(self.limits.wait):
                await turn
        except TimeoutError:
            if turn.done() and not turn.cancelled():
                return
            raise self._not_accepted(files, size) from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._add(-files, -size)
            raise
        finally:
            turn.cancel()
            self.admit_waiting()

    def _not_accepted(self, files: int, size: int) -> S3Error:
        reason = self._why_not_accepted(files, size) or "is full: other writes are ahead of it"
        return S3Error("SlowDown", f"The write queue of s3d {reason}.", RetryAfter=5)

    def _add(self, files: int, size: int) -> None:
        self._files += files
        self._size += size

    def _lacks(self, size: int) -> bool:
        """Whether further bytes of a body that has begun do not fit now."""
        return self._used().size + self._size + size > self.limits.max_size

    def _why_not_accepted(self, files: int, size: int) -> str:
        """Why a write is not accepted now: what the write queue is; "" when it is accepted."""
        used, limits = self._used(), self.limits
        if used.files + self._files + files > limits.max_files:
            setting = f"S3D_WRITE_QUEUE_MAX_FILES={limits.max_files}"
            return f"is full: it holds {used.files} writes ({setting})"
        if used.size + self._size + size > limits.max_size:
            setting = f"S3D_WRITE_QUEUE_MAX_SIZE={limits.max_size}"
            return f"is full: it holds {used.size} bytes ({setting})"
        oldest = self._oldest() if limits.max_age is not None else None
        if limits.max_age is None or oldest is None or self._clock() - oldest <= limits.max_age:
            return ""
        return (
            f"accepts no further writes: the oldest one has waited for "
            f"{self._clock() - oldest:.0f} s to be pushed "
            f"(S3D_WRITE_QUEUE_MAX_AGE={limits.max_age:g})"
        )


class Stage:
    """The staging store as the queue uses it. Belongs to the loop."""

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
        self._created: set[str] = set()

    def call(self, request: S3Request[Any]) -> Answer:
        """Call the staging store."""
        return self.store.call(request)

    async def write(
        self, request: S3Request[Any], size: int | None = 0, *, files: int = 1
    ) -> S3Response[Any]:
        """Call the staging store with a write, once there is room for it.

        size: bytes of the body; None: not known before its end. files: 0 for a part of an upload.
        Raises NoSuchBucket, SlowDown, and the errors of the embedded store.
        """
        await self.prepare(request)
        async with self.admission.reserve(size, files=files) as room:
            if size is None and request.body is not None:
                request = request.replace(body=_AdmittedBody(request.body, room))
            response = await self.store.call(request)
        failpoint.hit("queue.accepted")
        return response

    async def prepare(self, request: S3Request[Any]) -> None:
        """Create the staging bucket. Raises NoSuchBucket if the remote has no such bucket."""
        bucket = request.bucket
        await self.known.check(bucket, request.context)
        if bucket not in self._created:
            await S3Client(self.store, request.context).call("CreateBucket", {"Bucket": bucket})
            self._created.add(bucket)

    def now(self) -> datetime:
        """In whole seconds, as in S3."""
        return datetime.fromtimestamp(int(self._clock()), UTC)

    def forget(self, bucket: str) -> None:
        """The bucket was deleted, or its settings have changed."""
        self._created.discard(bucket)
        self.known.forget(bucket)


class _AdmittedBody:
    """A Body of unknown size whose chunks wait for room in the queue."""

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
