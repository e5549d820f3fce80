"""Objects in the queue: writes are accepted, reads of pending keys are answered from the stage."""

from __future__ import annotations

from typing import Any

from s3d.agent.core.store import Answer, Completed, operation
from s3d.agent.s3.authority import Authority, authority_of_staged_read
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.pending import Kind, PendingState
from s3d.agent.stores.write_queue.settle import Settler, is_judged
from s3d.agent.stores.write_queue.staging import Stage

STATE = "x-s3d-state"
"""Header of answers about content that the remote has refused: failed."""


class ObjectOps:
    """Handlers of reads, puts, deletes and tags."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("GetObject", "HeadObject", "GetObjectAttributes", "GetObjectTagging")
    def read(self, request: S3Request[Members]) -> Answer:
        newest = self._journal.pending(request.bucket, request.key)
        if newest is None or is_judged_read(request):
            return self._settler.through(request)
        if newest.kind is Kind.DELETE:
            raise S3Error("NoSuchKey", Key=request.key)
        try:
            answer = self._stage.look(request)
        except S3Error as error:
            if not self._is_pushed(request, error):
                raise
            return self._settler.inner.call(request)
        writes = self._journal.writes(request.bucket, request.key)
        if isinstance(answer, Completed) and any(w.state is PendingState.FAILED for w in writes):
            answer.response.headers[STATE] = PendingState.FAILED
        return answer

    @operation("PutObject")
    async def put_object(self, request: S3Request[Members]) -> S3Response[Members]:
        size = request.body.size if request.body is not None else 0
        if is_judged(request) or self._stage.admission.is_too_large(size):
            return await self._settler.through(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        return await self._stage.write(request, size)

    @operation("DeleteObject")
    async def delete_object(self, request: S3Request[Members]) -> S3Response[Members]:
        if is_judged(request):
            return await self._settler.through(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        await self._stage.prepare(request)
        await self._journal.delete(request.bucket, [request.key])
        return S3Response({})

    @operation("PutObjectTagging", "DeleteObjectTagging")
    async def tag(self, request: S3Request[Members]) -> S3Response[Members]:
        newest = self._journal.pending(request.bucket, request.key)
        if newest is None or is_judged(request):
            return await self._settler.through(request)
        if newest.kind is Kind.DELETE:
            raise S3Error("NoSuchKey", Key=request.key)
        try:
            return await self._stage.look(request)
        except S3Error as error:
            if not self._is_pushed(request, error):
                raise
            return await self._settler.through(request)

    def _is_pushed(self, request: S3Request[Any], error: S3Error) -> bool:
        """True when the stage has the key no more since the remote has it now."""
        return (
            error.code in ("NoSuchKey", "NoSuchBucket")
            and self._journal.newest(request.bucket, request.key) is None
        )


def is_judged_read(request: S3Request[Any]) -> bool:
    """Whether a read says something that only the remote can judge."""
    return authority_of_staged_read(request.input) is Authority.FORWARD
