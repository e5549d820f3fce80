"""Multipart uploads in the queue: begun, filled and completed here, pushed as one write.

An upload that was begun at the remote itself is the remote's business to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, operation
from s3d.agent.s3.authority import WRITE_CONDITIONS
from s3d.agent.s3.conditions import check_write
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.settle import Settler, is_conditional, is_judged
from s3d.agent.stores.write_queue.staging import Stage


class MultipartOps:
    """Handlers of uploads; their listing is in listings.py."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("CreateMultipartUpload")
    async def create(self, request: S3Request[Members]) -> S3Response[Members]:
        if is_judged(request):
            return await self._settler.through(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        return await self._stage.write(request, files=0)

    @operation("UploadPart")
    async def upload_part(self, request: S3Request[Members]) -> S3Response[Members]:
        if not self._is_ours(request):
            return await self._settler.through(request)
        size = request.body.size if request.body is not None else 0
        if self._stage.admission.is_too_large(size):
            raise S3Error("EntityTooLarge", MaxSizeAllowed=self._stage.admission.limits.max_size)
        return await self._stage.write(request, size, files=0)

    @operation("ListParts")
    def look(self, request: S3Request[Members]) -> Answer:
        if not self._is_ours(request):
            return self._settler.through(request)
        return self._stage.look(request)

    @operation("AbortMultipartUpload")
    async def abort(self, request: S3Request[Members]) -> S3Response[Members]:
        """The room of its parts goes to the writes that wait for it."""
        if not self._is_ours(request):
            return await self._settler.through(request)
        response = await self._stage.look(request)
        self._stage.admission.admit_waiting()
        return response

    @operation("CompleteMultipartUpload")
    async def complete(self, request: S3Request[Members]) -> S3Response[Members]:
        """A condition is judged by what the remote has once nothing is pending; and then the
        answer waits for the push, so that a 200 means that the remote has it.

        Repeated, it is answered again, whatever has become of the object since.
        """
        upload_id = str(request.input["UploadId"])
        answer = self._journal.completion(request.bucket, request.key, upload_id)
        if answer is not None:
            if is_conditional(request):
                await self._settler.settle(request.bucket, request.key)
            return S3Response(answer)
        if not self._is_ours(request):
            return await self._settler.through(request)
        if not is_conditional(request):
            return await self._stage.write(request)
        async with self._settler.key_locks.hold((request.bucket, request.key)):
            return await self._complete_if(request)

    async def _complete_if(self, request: S3Request[Members]) -> S3Response[Members]:
        conditions = {
            name: request.input[name] for name in WRITE_CONDITIONS if request.input.get(name)
        }
        await self._settler.settle(request.bucket, request.key)
        await self._judge(request, conditions)
        # The stage sees what was accepted since; of another object's ETag it knows nothing.
        rest = {name: value for name, value in request.input.items() if name != "IfMatch"}
        response = await self._stage.write(request.replace(input=rest))
        await self._settler.settle(request.bucket, request.key)
        return response

    async def _judge(self, request: S3Request[Members], conditions: Mapping[str, Any]) -> None:
        """Raises PreconditionFailed, and ServiceUnavailable when the remote is away."""
        members: Members = {"Bucket": request.bucket, "Key": request.key}
        try:
            head = await S3Client(self._settler.inner, request.context).call("HeadObject", members)
        except S3Error as error:
            if error.status != 404:
                raise
            check_write(conditions, None)
            return
        output = head.output
        modified = output["LastModified"].timestamp()
        check_write(conditions, (output["ETag"], modified, output["ContentLength"]))

    def _is_ours(self, request: S3Request[Any]) -> bool:
        upload_id = str(request.input["UploadId"])
        return self._journal.has_upload(request.bucket, request.key, upload_id)
