"""What the remote showed last of the keys that were asked for or written: their ETag or absence.

A write keeps what was shown when it was accepted as its base. ObservedRemote takes note of every
answer on its way up, so a base costs no request of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from s3d.agent.core.failures import may_have_happened
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.write_queue.pending_write import ABSENT

FRESH = 60.0
"""Seconds for which a state counts as what the remote shows: what the cache gives as fresh."""
_KEYS = 10_000

_READS = frozenset(("GetObject", "HeadObject"))
_LISTINGS = frozenset(("ListObjects", "ListObjectsV2"))
_WRITES = frozenset(("PutObject", "CopyObject", "CompleteMultipartUpload"))
_SAME_BYTES = frozenset(
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
"""Writes that leave the ETag of the object."""


class _State(NamedTuple):
    etag: str | None
    """None: a write through this agent left an ETag that was not read."""
    at: float
    written: float = 0.0
    """When the last write through this agent came back, if its ETag was not read."""


class RemoteStates:
    """Changed on the loop; shown() is also called by the writer thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """clock: Unix seconds."""
        self._clock = clock
        self._states: dict[tuple[str, str], _State] = {}

    def note(self, bucket: str, key: str, etag: str | None, at: float | None = None) -> None:
        """etag: the remote's, or ABSENT; None: of a write whose answer did not say."""
        place = bucket, key
        self._states.pop(place, None)
        now = self._clock() if at is None else at
        self._states[place] = _State(etag, now, now if etag is None else 0.0)
        if len(self._states) > _KEYS:
            del self._states[next(iter(self._states))]

    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    def note_read(self, bucket: str, key: str, etag: str, begun: float) -> None:
        """What an answer shows of a key. begun: when it was asked for, Unix seconds: a write that
        has come back since may be missing from it."""
        state = self._states.get((bucket, key))
        if state is None or state.at < begun:
            self.note(bucket, key, etag, begun)
            if state is not None and state.written:
                self._states[bucket, key] = _State(etag, begun, state.written)

    def forget(self, bucket: str, key: str) -> _State | None:
        """It may be another by now; what it was."""
        return self._states.pop((bucket, key), None)

    def restore(self, bucket: str, key: str, state: _State | None) -> None:
        """It was forgotten, and is the same: the write was refused."""
        if state is not None:
            self._states.setdefault((bucket, key), state)

    def of(self, bucket: str, key: str) -> _State | None:
        """What is known of a key."""
        return self._states.get((bucket, key))

    def undo_unknown(self, bucket: str, key: str, before: _State | None) -> None:
        """The outcome of a push is unknown: the remote has what it had before, or what the push
        leaves. The journal remembers the latter; this remembers the former."""
        state = self._states.get((bucket, key))
        if before is not None and (state is None or state.etag is None):
            self._states[bucket, key] = before

    def shown(self, bucket: str, key: str, at: float) -> str | None:
        """What the remote showed at this time (Unix seconds), if it was asked shortly before."""
        state = self._states.get((bucket, key))
        return state.etag if state is not None and 0 <= at - state.at <= FRESH else None

    def hint(self, bucket: str, key: str, before: float) -> str | None:
        """What the remote showed last, if that was before this time (Unix seconds)."""
        state = self._states.get((bucket, key))
        return state.etag if state is not None and state.at <= before else None

    def written(self, bucket: str, key: str, before: float) -> float:
        """When a write through this agent whose ETag was not read came back, if before this time;
        otherwise 0."""
        state = self._states.get((bucket, key))
        return state.written if state is not None and state.written < before else 0.0


class ObservedRemote(Layer):
    """Passes everything on, and takes note of the states that the answers show."""

    def __init__(self, inner: ObjectStore, states: RemoteStates) -> None:
        super().__init__(inner)
        self._states = states

    def fallback(self, request: S3Request[Any]) -> Answer:
        name = request.op.name
        if name in _READS:
            return self._read(request)
        if name in _LISTINGS:
            return self._list(request)
        if request.op.access in ("read", "list") or name in _SAME_BYTES or not request.bucket:
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
                self._states.note_read(request.bucket, request.key, ABSENT, begun)
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
        before = self._forget(request)
        try:
            response = await self.inner.call(request)
        except S3Error as error:
            if may_have_happened(error) and request.key:
                self._states.note(request.bucket, request.key, None)
            else:
                self._states.restore(request.bucket, request.key, before)
            raise
        if not request.key or request.input.get("VersionId"):
            return response
        if response.wire is not None and response.wire.status >= 500:
            self._states.note(request.bucket, request.key, None)
        if not _is_success(response):
            self._states.restore(request.bucket, request.key, before)
            return response
        name = request.op.name
        if name in _WRITES:
            self._states.note(request.bucket, request.key, _etag_of(response) or None)
        elif name == "DeleteObject":
            self._states.note(request.bucket, request.key, ABSENT)
        return response

    def _forget(self, request: S3Request[Any]) -> _State | None:
        if request.key:
            return self._states.forget(request.bucket, request.key)
        for each in (request.input.get("Delete") or {}).get("Objects") or ():
            self._states.forget(request.bucket, str(each.get("Key", "")))
        return None


def _is_success(response: S3Response[Any]) -> bool:
    wire = response.wire
    return wire is None or wire.status < 300


def _etag_of(response: S3Response[Any]) -> str:
    """The ETag that an answer shows; "" for none, as in a document that is passed on unread."""
    wire = response.wire
    if wire is not None:
        if wire.status not in (200, 206):
            return ""
        return next((value for name, value in wire.headers if name.lower() == "etag"), "")
    output = response.output
    return str(output.get("ETag") or (output.get("CopyObjectResult") or {}).get("ETag") or "")
