"""Layers that observe writes: at the top of the stack, below the write queue, and at the remote.

- ChangeEvents is at the top, so clients of this agent see a write when it is acknowledged.
- ForwardedWrites stands below the write queue, which reports what it accepts. What is not queued,
  e.g. a copy, tags or the deletion of a version, goes to the remote at once and would leave no
  trace in the history of objects.
- RemoteWrites stands right above the remote, where all writes pass: pushes of the write queue,
  uploads and deletions of sync folders, and what the queue forwards. Other agents can see a write
  only when the remote has it: after a push, or after the last part of a large file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from s3d.agent.core.events import Events
from s3d.agent.core.failures import may_have_happened
from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.store import Answer, Completed, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.s3.model import UNKNOWN, operations
from s3d.agent.s3.named_objects import written_objects
from s3d.shared.control import Scalar

UNSEEN = frozenset(
    {"CreateMultipartUpload", "UploadPart", "UploadPartCopy", "AbortMultipartUpload"}
)
"""Writes after which everything still looks the same."""
FORWARDED = "forwarded"
"""The event of a write that the remote itself has answered."""
_READS = frozenset(("read", "list"))


@cache
def _visible_writes() -> frozenset[str]:
    """The operations after which something looks different; "" is one that s3d does not know."""
    names = {name for name, op in operations().items() if op.access not in _READS}
    return frozenset((names | {UNKNOWN.name}) - UNSEEN)


class ChangeEvents(Layer):
    """Emits store.changed, its subject bucket or bucket/key, once a write has succeeded."""

    def __init__(self, inner: ObjectStore, events: Events) -> None:
        super().__init__(inner)
        self._handlers = dict.fromkeys(_visible_writes(), self._write)
        self._events = events

    def _write(self, request: S3Request[Any]) -> Answer:
        answer = self.inner.call(request)
        if isinstance(answer, Completed):
            self._tell(request)
            return answer
        return self._await(request, answer)

    async def _await(self, request: S3Request[Any], answer: Answer) -> S3Response[Any]:
        response = await answer
        self._tell(request)
        return response

    def _tell(self, request: S3Request[Any]) -> None:
        subject = f"{request.bucket}/{request.key}" if request.key else request.bucket
        self._events.emit("store.changed", subject, operation=request.op.name)


class ForwardedWrites(Layer):
    """Notes in the history of objects which writes the remote itself has answered.

    Pushes pass it by. Costs a read 0.07 us, a write 2 us.
    """

    def __init__(self, inner: ObjectStore, history: ObjectHistory) -> None:
        super().__init__(inner)
        self._handlers = dict.fromkeys(_visible_writes(), self._write)
        self._history = history

    def _write(self, request: S3Request[Any]) -> Answer:
        try:
            answer = self.inner.call(request)
        except S3Error as error:
            self._note(request, _outcome_of_error(error))
            raise
        if isinstance(answer, Completed):
            self._note(request, _outcome(request, answer.response))
            return answer
        return self._observed(request, answer)

    async def _observed(self, request: S3Request[Any], answer: Answer) -> S3Response[Any]:
        try:
            response = await answer
        except S3Error as error:
            self._note(request, _outcome_of_error(error))
            raise
        self._note(request, _outcome(request, response))
        return response

    def _note(self, request: S3Request[Any], outcome: dict[str, Scalar]) -> None:
        context = request.context
        trace = "" if context.trace is None else context.trace.trace_id
        data = {"operation": request.op.name, **_source(request), **outcome}
        data |= {"request": context.request_id, "trace": trace}
        for bucket, key in written_objects(request):
            if key:
                self._history.note(FORWARDED, f"{bucket}/{key}", data)


def _source(request: S3Request[Any]) -> dict[str, Scalar]:
    """Where a copy or a new name comes from, as the client has written it."""
    source = request.input.get("CopySource") or request.input.get("RenameSource")
    return {"source": str(source)} if source else {}


def _outcome(request: S3Request[Any], response: S3Response[Any]) -> dict[str, Scalar]:
    wire = response.wire
    if wire is not None:
        version = dict(wire.headers).get("x-amz-version-id")
        status = wire.status
    else:
        version = response.output.get("VersionId")
        status = response.status or request.op.status
    outcome: dict[str, Scalar] = {"status": status}
    return {**outcome, "version": str(version)} if version else outcome


def _outcome_of_error(error: S3Error) -> dict[str, Scalar]:
    return {"status": error.status, "code": error.code}


Keys = Sequence[tuple[str, str]]
"""(bucket, key) of the objects of one request."""


class WriteObserver(Protocol):
    """Learns of the writes of this agent."""

    def begin(self, keys: Keys) -> None:
        """A request that writes these objects is about to be sent."""

    def end(self, keys: Keys, *, may_have_changed: bool) -> None:
        """The request has ended. may_have_changed: false when the remote has refused it."""


class RemoteWrites:
    """Reports which objects this agent has written at the remote, for the marker of other agents.

    A write is reported twice: before it is sent, so that a crash does not hide it, and at its end.
    One whose answer was lost counts as a change: a reader then looks at the object. Writes of
    buckets and their settings are not reported, because no object changes with them. Costs a read
    one look-up in a set.
    """

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self._call = inner.call
        self.observer: WriteObserver | None = None

    def call(self, request: S3Request[Any]) -> Answer:
        op = request.op
        if self.observer is None or op.access in _READS or op.name in UNSEEN:
            return self._call(request)
        keys = [(bucket, key) for bucket, key in written_objects(request) if key]
        return self._write(request, keys, self.observer) if keys else self._call(request)

    async def _write(
        self, request: S3Request[Any], keys: Keys, observer: WriteObserver
    ) -> S3Response[Any]:
        observer.begin(keys)
        may_have_changed = True  # also when the caller gives up
        try:
            response = await self._call(request)
            may_have_changed = _may_have_changed(response)
            return response
        except S3Error as error:
            may_have_changed = may_have_happened(error)
            raise
        finally:
            observer.end(keys, may_have_changed=may_have_changed)


def _may_have_changed(response: S3Response[Any]) -> bool:
    """Whether a write with this response may have been carried out: the remote has refused it when
    its status is 3xx or 4xx."""
    wire = response.wire
    return wire is None or wire.status < 300 or wire.status >= 500
