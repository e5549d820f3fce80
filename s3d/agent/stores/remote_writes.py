"""A layer that reports which objects this agent has written at the remote, for the marker.

Clients of this agent see a write when it is acknowledged (change_events.py). Other agents can see
it only when the remote has it, which is later: after a push, or after the last part of a large
file. So this layer stands right above the remote, where all writes pass: pushes of the write queue,
uploads and deletions of sync folders, and what the queue forwards.

A write is reported twice: before it is sent, so that a crash does not hide it, and at its end. One
whose answer was lost counts as a change: a reader then looks at the object. Writes of buckets and
their settings are not reported, because no object changes with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from s3d.agent.core.failures import may_have_happened
from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.address import written_objects
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.change_events import UNSEEN

_READS = frozenset(("read", "list"))


Keys = Sequence[tuple[str, str]]
"""(bucket, key) of the objects of one request."""


class WriteObserver(Protocol):
    """Learns of the writes of this agent."""

    def begin(self, keys: Keys) -> None:
        """A request that writes these objects is about to be sent."""

    def end(self, keys: Keys, *, may_have_changed: bool) -> None:
        """The request has ended. may_have_changed: false when the remote has refused it."""


class RemoteWrites:
    """The layer. Costs a read one look-up in a set."""

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
