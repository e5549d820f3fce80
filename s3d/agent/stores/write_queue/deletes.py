"""DeleteObjects: one request, as many writes as keys, one commit.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from s3d.agent.core.store import operation
from s3d.agent.s3.authority import Authority, authority_of_deletion
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.settle import Settler, is_judged
from s3d.agent.stores.write_queue.staging import Stage

MAX_DELETES = 1_000

"""What makes the deletion of one key a matter of the remote."""

One = Mapping[str, Any]


class DeleteOps:
    """Handler of DeleteObjects."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("DeleteObjects")
    async def delete_objects(self, request: S3Request[Members]) -> S3Response[Members]:
        wanted = request.input.get("Delete") or {}
        objects: Sequence[One] = wanted.get("Objects") or ()
        if not 1 <= len(objects) <= MAX_DELETES or any(not one.get("Key") for one in objects):
            raise S3Error("MalformedXML")
        if is_judged(request):
            return await self._settler.through(request)
        objects, errors = await self._with_keys(request, objects)
        judged = [one for one in objects if _is_judged(one)]
        deleted: list[Members] = [{"Key": one["Key"]} for one in objects if not _is_judged(one)]
        accepted = dict.fromkeys(str(row["Key"]) for row in deleted)
        await self._stage.prepare(request)
        if judged:
            answer = await self._ask(request, wanted, judged)
            deleted += answer.get("Deleted") or ()
            errors += answer.get("Errors") or ()
        if accepted:
            await self._journal.delete(request.bucket, accepted)
        output: Members = {} if wanted.get("Quiet") or not deleted else {"Deleted": deleted}
        return S3Response({**output, "Errors": errors} if errors else output)

    async def _with_keys(
        self, request: S3Request[Members], objects: Sequence[One]
    ) -> tuple[list[One], list[Members]]:
        """Those whose keys may be keys, and rows of Errors for the others."""
        right: list[One] = []
        errors: list[Members] = []
        for one in objects:
            key = str(one["Key"])
            try:
                await self._stage.keys.check(request.bucket, key, request.context)
            except S3Error as error:
                errors.append({"Key": key, "Code": error.code, "Message": error.message})
            else:
                right.append(one)
        return right, errors

    async def _ask(
        self, request: S3Request[Members], wanted: Mapping[str, Any], judged: list[One]
    ) -> Members:
        """Have the remote delete what it has to judge."""
        for key in dict.fromkeys(str(one["Key"]) for one in judged):
            await self._settler.settle(request.bucket, key)
        members = {**request.input, "Delete": {**wanted, "Objects": judged}}
        response = await self._settler.inner.call(request.replace(input=members, body=None))
        return dict(response.output)


def _is_judged(one: One) -> bool:
    return authority_of_deletion(one) is Authority.FORWARD
