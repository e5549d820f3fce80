"""A layer that keeps, in the history of objects, the writes that the remote itself has answered.

The write queue reports the writes that it accepts. What it does not queue, e.g. a copy, tags or the
deletion of a version, goes to the remote at once and would leave no trace here.
"""

from __future__ import annotations

from typing import Any

from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.store import Answer, Completed, ObjectStore
from s3d.agent.s3.address import written_objects
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.change_events import UNSEEN
from s3d.shared.control import Scalar

FORWARDED = "forwarded"
"""The event's name."""
_READS = frozenset(("read", "list"))


class ForwardedWrites:
    """Stands below the write queue, and pushes pass it by. Costs a read 0.07 us, a write 2 us."""

    def __init__(self, inner: ObjectStore, history: ObjectHistory) -> None:
        self.inner = inner
        self._call = inner.call
        self._history = history

    def call(self, request: S3Request[Any]) -> Answer:
        op = request.op
        if op.access in _READS or op.name in UNSEEN:
            return self._call(request)
        try:
            answer = self._call(request)
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
