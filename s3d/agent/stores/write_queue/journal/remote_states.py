"""The state of keys (ETag or absence) that the remote's answers have shown last.

A write keeps the state at its acceptance as its base. ObservedRemote records the state in every
answer that passes, so that a base costs no request of its own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from s3d.agent.core.failures import may_have_happened
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_state
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.s3.named_objects import written_objects
from s3d.agent.stores.write_queue.journal.pending_write import NO_OBJECT

STATE_MAX_AGE = 60.0
"""Seconds for which a state counts as current, like a cached answer."""
_KEYS = 10_000

_READS = frozenset(("GetObject", "HeadObject"))
_LISTINGS = frozenset(("ListObjects", "ListObjectsV2"))
_WRITES = frozenset(("PutObject", "CopyObject", "CompleteMultipartUpload"))
SAME_BYTES = frozenset(
    (
        "AbortMultipartUpload",
        "CreateMultipartUpload",
        "DeleteObjectTagging",
        "PutObjectAcl",
        "PutObjectLegalHold",
        "PutObjectRetention",
        "PutObjectTagging",
        "UploadPart",
        "UploadPartCopy",
    )
)
"""Writes that do not change the ETag of the object."""


ObjectName = tuple[str, str]
"""Bucket and key."""


class _State(NamedTuple):
    etag: str | None
    """None: a write through this agent has left an unknown ETag."""
    at: float
    direct_write_at: float = 0.0
    """When the last write through this agent was answered, if it left an unknown ETag."""
    is_ours: bool = False
    """Whether a write through this agent has left this state."""


class RemoteStates:
    """Changed on the loop; the writer thread calls shown() too."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """clock: Unix seconds."""
        self._clock = clock
        self._states: dict[ObjectName, _State] = {}
        self._in_flight: Counter[ObjectName] = Counter()
        self._overlapping: set[ObjectName] = set()
        """Keys that two writes have changed at the same time: the later one is not known."""

    def note(
        self,
        bucket: str,
        key: str,
        etag: str | None,
        at: float | None = None,
        *,
        is_ours: bool = False,
    ) -> None:
        """Record a state. etag: the remote's, or NO_OBJECT; None: a write left an unknown ETag.
        is_ours: a write through this agent has left it."""
        place = bucket, key
        if place in self._overlapping:
            etag = None
        self._states.pop(place, None)
        now = self._clock() if at is None else at
        self._states[place] = _State(etag, now, now if etag is None else 0.0, is_ours)
        if len(self._states) > _KEYS:
            del self._states[next(iter(self._states))]

    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    def note_read(self, bucket: str, key: str, etag: str, begun: float) -> None:
        """Record the state in the answer of a read.

        begun: when the read was sent, Unix seconds: the answer may not show a write that was
        answered since, nor one that is not answered yet.
        """
        state = self._states.get((bucket, key))
        if state is None or state.at < begun:
            self.note_seen(bucket, key, etag, begun)

    def note_seen(self, bucket: str, key: str, etag: str, at: float) -> None:
        """Record the state that the remote has after all writes through this agent until now."""
        place = bucket, key
        if place in self._in_flight:
            return
        state = self._states.get(place)
        is_ours = state is not None and state.is_ours and _is_same(state.etag, etag)
        self.note(bucket, key, etag, at, is_ours=is_ours)
        if state is not None and state.direct_write_at:
            self._states[place] = _State(etag, at, state.direct_write_at)

    def forget(self, bucket: str, key: str) -> _State | None:
        """Forget the state, because the key is being written; returns it."""
        return self._states.pop((bucket, key), None)

    @contextmanager
    def writing(self, places: Collection[ObjectName]) -> Iterator[None]:
        """Around a write of these keys at the remote, until its answer is noted."""
        self._overlapping.update([place for place in places if place in self._in_flight])
        for place in places:  # Counter.update takes five times as long for one place
            self._in_flight[place] += 1
        try:
            yield
        finally:
            for place in places:
                self._in_flight[place] -= 1
                if not self._in_flight[place]:
                    del self._in_flight[place]
                    self._overlapping.discard(place)

    def restore(self, bucket: str, key: str, state: _State | None) -> None:
        """Undo forget(), because the write was refused."""
        if state is not None:
            self._states.setdefault((bucket, key), state)

    def of(self, bucket: str, key: str) -> _State | None:
        """What is known of a key."""
        return self._states.get((bucket, key))

    def left_by_us(self, bucket: str, key: str) -> list[str]:
        """The last state, if a write through this agent has left it with a known ETag.

        To the push of a write that is no conflict: a forwarded write waits for the pending writes
        of its key, so one that was answered since had begun before the pending one was accepted.
        """
        state = self._states.get((bucket, key))
        return [] if state is None or state.etag is None or not state.is_ours else [state.etag]

    def left_since(self, bucket: str, key: str, since: float) -> _State | None:
        """The state, if a write through this agent has left it since this time (Unix seconds)."""
        state = self._states.get((bucket, key))
        if state is None or state.at < since or not (state.is_ours or state.direct_write_at):
            return None
        return state

    def undo_unknown(self, bucket: str, key: str, before: _State | None) -> None:
        """The outcome of a push is unknown: the remote has what it had before, or what the push
        leaves. The journal remembers the latter; this remembers the former."""
        state = self._states.get((bucket, key))
        if before is not None and (state is None or state.etag is None):
            self._states[bucket, key] = before

    def shown(self, bucket: str, key: str, at: float) -> str | None:
        """The state at this time (Unix seconds), if the remote has shown it shortly before."""
        state = self._states.get((bucket, key))
        return state.etag if state is not None and 0 <= at - state.at <= STATE_MAX_AGE else None

    def hint(self, bucket: str, key: str, before: float) -> str | None:
        """The last state, if the remote has shown it before this time (Unix seconds)."""
        state = self._states.get((bucket, key))
        return state.etag if state is not None and state.at <= before else None

    def written_at(self, bucket: str, key: str, now: float) -> float:
        """As direct_write_at; now, if a write of the key is not answered yet."""
        return now if (bucket, key) in self._in_flight else self.direct_write_at(bucket, key)

    def direct_write_at(self, bucket: str, key: str) -> float:
        """When a write through this agent with an unknown ETag was answered; 0: there was none.

        To the push of a write even a later one is no conflict, see left_by_us.
        """
        state = self._states.get((bucket, key))
        return 0.0 if state is None else state.direct_write_at


class ObservedRemote(Layer):
    """Forwards everything, and records the states that the answers show."""

    def __init__(self, inner: ObjectStore, states: RemoteStates) -> None:
        super().__init__(inner)
        self._states = states

    def fallback(self, request: S3Request[Any]) -> Answer:
        name = request.op.name
        if name in _READS:
            return self._read(request)
        if name in _LISTINGS:
            return self._list(request)
        if request.op.access in ("read", "list") or name in SAME_BYTES or not request.bucket:
            return self.inner.call(request)
        return self._write(request)

    async def _read(self, request: S3Request[Any]) -> S3Response[Any]:
        if request.input.get("VersionId"):
            return await self.inner.call(request)
        begun = self._states.now()
        try:
            response = await self.inner.call(request)
        except S3Error as error:
            if error.code == "NoSuchKey":
                self._states.note_read(request.bucket, request.key, NO_OBJECT, begun)
            raise
        etag = _etag_of(response)
        if etag:
            self._states.note_read(request.bucket, request.key, etag, begun)
        return response

    async def _list(self, request: S3Request[Any]) -> S3Response[Any]:
        begun = self._states.now()
        response = await self.inner.call(request)
        for row in response.output.get("Contents") or ():
            if row.get("ETag"):
                self._states.note_read(request.bucket, row["Key"], row["ETag"], begun)
        return response

    async def _write(self, request: S3Request[Any]) -> S3Response[Any]:
        places = list(dict.fromkeys(place for place in written_objects(request) if place[1]))
        before = [self._states.forget(*place) for place in places]
        with self._states.writing(places):
            return await self._write_to(request, places, before)

    async def _write_to(
        self, request: S3Request[Any], places: list[ObjectName], before: list[_State | None]
    ) -> S3Response[Any]:
        try:
            response = await self.inner.call(request)
        except S3Error as error:
            self._note_failure(places, before, may_have_happened=may_have_happened(error))
            raise
        except BaseException:  # nobody waits for the answer any more
            self._note_failure(places, before, may_have_happened=True)
            raise
        if not _is_success(response):
            may_have = response.wire is not None and response.wire.status >= 500
            self._note_failure(places, before, may_have_happened=may_have)
            return response
        for bucket, key in places:
            is_named = key == request.key
            etag = _state_left(request, response) if is_named else None
            self._states.note(bucket, key, etag, is_ours=True)
        return response

    def _note_failure(
        self, places: list[ObjectName], before: list[_State | None], *, may_have_happened: bool
    ) -> None:
        for place, state in zip(places, before, strict=True):
            if may_have_happened:
                self._states.note(*place, None)
            else:
                self._states.restore(*place, state)


def _is_same(known: str | None, etag: str) -> bool:
    return known is not None and same_state(known, etag)


def _state_left(request: S3Request[Any], response: S3Response[Any]) -> str | None:
    """The state in which a successful write has left its key; None: the answer does not say."""
    name = request.op.name
    if name in _WRITES:
        return _etag_of(response) or None
    if name == "DeleteObject" and not request.input.get("VersionId"):
        return NO_OBJECT
    return None


def _is_success(response: S3Response[Any]) -> bool:
    wire = response.wire
    return wire is None or wire.status < 300


def _etag_of(response: S3Response[Any]) -> str:
    """The ETag in an answer; "" for none, as in a document that is forwarded unread."""
    wire = response.wire
    if wire is not None:
        if wire.status not in (200, 206):
            return ""
        return next((value for name, value in wire.headers if name.lower() == "etag"), "")
    output = response.output
    return str(output.get("ETag") or (output.get("CopyObjectResult") or {}).get("ETag") or "")
