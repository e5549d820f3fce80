"""A layer that emits an event for each change of the store, from whichever front end it came."""

from __future__ import annotations

from typing import Any

from s3d.agent.core.events import Events
from s3d.agent.core.store import Answer, Completed, Layer, ObjectStore
from s3d.agent.s3.messages import S3Request, S3Response

UNSEEN = frozenset(
    {"CreateMultipartUpload", "UploadPart", "UploadPartCopy", "AbortMultipartUpload"}
)
"""Writes after which everything still looks the same."""


class ChangeEvents(Layer):
    """Emits store.changed, its subject bucket or bucket/key, once a write has succeeded."""

    def __init__(self, inner: ObjectStore, events: Events) -> None:
        super().__init__(inner)
        self._events = events

    def fallback(self, request: S3Request[Any]) -> Answer:
        answer = self.inner.call(request)
        if request.op.access in ("read", "list") or request.op.name in UNSEEN:
            return answer
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
