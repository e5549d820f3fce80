"""A layer that reports which objects this agent has written at the remote, for the marker.

Clients of this agent see a write when it is acknowledged (change_events.py). Other agents can see
it only when the remote has it, which is later: after a push, or after the last part of a large
file. So this layer stands right above the remote, where all writes pass: pushes of the write queue,
uploads and deletions of sync folders, and what the queue forwards.

A write whose answer was lost is reported as well: a reader then looks at the object. Writes of
buckets and their settings are not, because no object changes with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from s3d.agent.core.failures import may_have_happened
from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.change_events import UNSEEN
from s3d.agent.stores.read_cache.invalidation import changed

_READS = frozenset(("read", "list"))


class RemoteWrites:
    """The layer. Costs a read one look-up in a set."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self._call = inner.call
        self.on_written: Callable[[str, str], None] = lambda bucket, key: None
        """Called with the bucket and key of each object that was written or deleted."""

    def call(self, request: S3Request[Any]) -> Answer:
        op = request.op
        if op.access in _READS or op.name in UNSEEN:
            return self._call(request)
        return self._write(request)

    async def _write(self, request: S3Request[Any]) -> S3Response[Any]:
        try:
            response = await self._call(request)
        except S3Error as error:
            if may_have_happened(error):
                self._report(request)
            raise
        if _may_have_changed(response):
            self._report(request)
        return response

    def _report(self, request: S3Request[Any]) -> None:
        for bucket, key in changed(request):
            if key:
                self.on_written(bucket, key)


def _may_have_changed(response: S3Response[Any]) -> bool:
    """Whether a write with this response may have been carried out: the remote has refused it when
    its status is 3xx or 4xx."""
    wire = response.wire
    return wire is None or wire.status < 300 or wire.status >= 500
