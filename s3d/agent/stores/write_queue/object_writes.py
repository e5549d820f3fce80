"""Writes of objects are accepted into the queue; reads of pending keys are answered from the stage.

ObjectOps has reads, puts, deletes and tags, DeleteOps has DeleteObjects, CopyOps has copies from
and to keys that may be pending. What only the remote can decide goes to it by the settle rule.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import internal_request
from s3d.agent.core.store import Answer, Completed, operation
from s3d.agent.s3.conditions import parse_copy_range, resolve_copy_range
from s3d.agent.s3.errors import S3Error, delete_marker_as_source
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.stores.answerer import (
    WRITE_CONDITIONS,
    Answerer,
    who_answers_pending_read,
    who_carries_out_deletion,
    who_carries_out_write,
)
from s3d.agent.stores.write_queue.admission import Stage
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingState, PendingWrite
from s3d.agent.stores.write_queue.journal.push_order import TurnKind
from s3d.agent.stores.write_queue.remote_copies import RemoteCopies, is_of_mount
from s3d.agent.stores.write_queue.settle import Settler

STATE = "x-s3d-state"
"""Response header of reads of content that the remote has refused: failed."""
MAX_DELETES = 1_000
_ATTEMPTS = 10
"""Attempts of a copy while its source is replaced."""

_KEY_MEMBERS = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")
_GET_MEMBERS = {
    "CopySourceIfMatch": "IfMatch",
    "CopySourceIfNoneMatch": "IfNoneMatch",
    "CopySourceIfModifiedSince": "IfModifiedSince",
    "CopySourceIfUnmodifiedSince": "IfUnmodifiedSince",
    "CopySourceRange": "Range",
    **{f"CopySource{name}": name for name in _KEY_MEMBERS},
}
"""Members of UploadPartCopy -> of GetObject."""

_MAY_BE_COPY = (Kind.COPY, Kind.TAGS)
_SOURCE_IS_GONE = ("NoSuchKey", "SlowDown")
"""Errors of the stage for the source of a copy that was pushed before, or while, it was read."""

Deletion = Mapping[str, Any]
"""One of the Objects of DeleteObjects."""


def requires_remote(request: S3Request[Any]) -> bool:
    """Whether the remote itself must carry out this write."""
    return who_carries_out_write(request.input) is Answerer.REMOTE


def with_condition_of_push(request: S3Request[Members]) -> S3Request[Members]:
    """The write of a mount, whose condition is checked when it is accepted and when it is pushed:
    see RequestContext.replaces."""
    members = {name: value for name, value in request.input.items() if name not in WRITE_CONDITIONS}
    return request.replace(input=members)


class ObjectOps:
    """Reads, puts, deletes and tags."""

    def __init__(
        self, journal: Journal, stage: Stage, settler: Settler, copies: RemoteCopies
    ) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler
        self._copies = copies

    @operation("GetObject", "HeadObject", "GetObjectAttributes", "GetObjectTagging")
    def read(self, request: S3Request[Members]) -> Answer:
        newest = self._journal.pending.newest(request.bucket, request.key)
        if newest is None or is_forwarded_read(request):
            return self._settler.forward(request)
        if newest.kind is Kind.DELETE:
            raise S3Error("NoSuchKey", Key=request.key)
        if newest.kind in _MAY_BE_COPY:
            copy = self._copies.pending(request.bucket, request.key)
            if copy is not None:
                return self._read_source(request, copy)
        try:
            answer = self._stage.call(request)
        except S3Error as error:
            if error.code == "SlowDown":  # a copy was accepted, which memory does not show yet
                return self._read_again(request)
            if not self._is_pushed(request, error):
                raise
            return self._settler.inner.call(request)
        writes = self._journal.pending.of_key(request.bucket, request.key)
        if isinstance(answer, Completed) and any(w.state is PendingState.FAILED for w in writes):
            answer.response.headers[STATE] = PendingState.FAILED
        return answer

    async def _read_again(self, request: S3Request[Members]) -> S3Response[Members]:
        """Read once the commits of now have taken effect."""
        await self._journal.change(lambda tx: None)
        return await self.read(request)

    async def _read_source(
        self, request: S3Request[Members], copy: PendingWrite
    ) -> S3Response[Members]:
        response = await self._copies.read(request, copy)
        return response or await self._settler.inner.call(request)

    @operation("PutObject")
    async def put_object(self, request: S3Request[Members]) -> S3Response[Members]:
        size = request.body.size if request.body is not None else 0
        if self._stage.admission.is_too_large(size):
            return await self._settler.forward(request)
        if request.context.replaces is not None:
            request = with_condition_of_push(request)
        if requires_remote(request):
            return await self._settler.forward(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        return await self._stage.write(request, size)

    @operation("DeleteObject")
    async def delete_object(self, request: S3Request[Members]) -> S3Response[Members]:
        if requires_remote(request):
            return await self._settler.forward(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        await self._stage.prepare(request)
        await self._journal.recorder.delete(request.bucket, [request.key], request.context)
        return S3Response({})

    @operation("PutObjectTagging", "DeleteObjectTagging")
    async def tag(self, request: S3Request[Members]) -> S3Response[Members]:
        newest = self._journal.pending.newest(request.bucket, request.key)
        if newest is None or requires_remote(request):
            return await self._settler.forward(request)
        if newest.kind is Kind.DELETE:
            raise S3Error("NoSuchKey", Key=request.key)
        try:
            return await self._stage.call(request)
        except S3Error as error:
            if not self._is_pushed(request, error):
                raise
            return await self._settler.forward(request)

    def _is_pushed(self, request: S3Request[Any], error: S3Error) -> bool:
        """Whether the stage no longer has the object because it was pushed meanwhile."""
        return (
            error.code in ("NoSuchKey", "NoSuchBucket")
            and self._journal.kind_on_disk(request.bucket, request.key) is None
        )


def is_forwarded_read(request: S3Request[Any]) -> bool:
    """Whether only the remote can answer a read, because of its members."""
    return who_answers_pending_read(request.input) is Answerer.REMOTE


class DeleteOps:
    """DeleteObjects: one request, one pending write for each key, one commit."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("DeleteObjects")
    async def delete_objects(self, request: S3Request[Members]) -> S3Response[Members]:
        requested = request.input.get("Delete") or {}
        objects: Sequence[Deletion] = requested.get("Objects") or ()
        if not 1 <= len(objects) <= MAX_DELETES or any(not one.get("Key") for one in objects):
            raise S3Error("MalformedXML")
        if requires_remote(request):
            return await self._settler.forward(request)
        objects, errors = await self._check_keys(request, objects)
        forwarded = [one for one in objects if _deletion_requires_remote(one)]
        deleted: list[Members] = [
            {"Key": one["Key"]} for one in objects if not _deletion_requires_remote(one)
        ]
        accepted = dict.fromkeys(str(row["Key"]) for row in deleted)
        await self._stage.prepare(request)
        if forwarded:
            answer = await self._forward(request, requested, forwarded)
            deleted += answer.get("Deleted") or ()
            errors += answer.get("Errors") or ()
        if accepted:
            await self._journal.recorder.delete(request.bucket, accepted, request.context)
        output: Members = {} if requested.get("Quiet") or not deleted else {"Deleted": deleted}
        return S3Response({**output, "Errors": errors} if errors else output)

    async def _check_keys(
        self, request: S3Request[Members], objects: Sequence[Deletion]
    ) -> tuple[list[Deletion], list[Members]]:
        """The deletions with valid keys, and rows of Errors for the others."""
        valid: list[Deletion] = []
        errors: list[Members] = []
        for one in objects:
            key = str(one["Key"])
            try:
                await self._stage.keys.check(request.bucket, key, request.context)
            except S3Error as error:
                errors.append({"Key": key, "Code": error.code, "Message": error.message})
            else:
                valid.append(one)
        return valid, errors

    async def _forward(
        self, request: S3Request[Members], requested: Mapping[str, Any], forwarded: list[Deletion]
    ) -> Members:
        """Let the remote carry out the deletions that only it can decide."""
        places = [(request.bucket, str(one["Key"])) for one in forwarded]
        members = {**request.input, "Delete": {**requested, "Objects": forwarded}}
        async with self._settler.turn(places, TurnKind.CONDITIONAL, after=dict.fromkeys(places)):
            response = await self._settler.write(request.replace(input=members, body=None))
        return dict(response.output)


def _deletion_requires_remote(one: Deletion) -> bool:
    return who_carries_out_deletion(one) is Answerer.REMOTE


class CopyOps:
    """CopyObject and UploadPartCopy."""

    def __init__(
        self, journal: Journal, stage: Stage, settler: Settler, copies: RemoteCopies
    ) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler
        self._copies = copies

    @operation("CopyObject")
    async def copy_object(self, request: S3Request[Members]) -> S3Response[Members]:
        """A copy of a pending source is staged, and shares its blobs. Others are the remote's,
        but for changes of metadata by the mount."""
        if is_of_mount(request):
            changed = await self._copies.change_metadata(request)
            if changed is not None:
                return changed
        if requires_remote(request) or not self._is_staged(request):
            return await self._settler.forward(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        for _ in range(_ATTEMPTS):
            try:
                return await self._stage.write(request, self._size(request))
            except S3Error as error:
                if error.code not in _SOURCE_IS_GONE:
                    raise
                if not self._is_staged(request):  # it was pushed meanwhile
                    return await self._settler.forward(request)
                failure = error  # it was replaced meanwhile
        raise failure

    @operation("UploadPartCopy")
    async def upload_part_copy(self, request: S3Request[Members]) -> S3Response[Members]:
        """For a staged upload; the bytes of a source that is not staged come from the remote."""
        input = request.input
        if not self._journal.has_upload(request.bucket, request.key, input["UploadId"]):
            return await self._settler.forward(request)
        if self._is_staged(request):
            try:
                return await self._stage.write(request, self._size(request), files=0)
            except S3Error as error:
                if error.code not in _SOURCE_IS_GONE or self._is_staged(request):
                    raise  # otherwise it was pushed meanwhile
        source = await self._fetch(request)
        if source.body is None:
            return await self._put_part(request, BytesBody(b""))
        async with aclosing(source.body):
            _check_range(input.get("CopySourceRange"), source)
            return await self._put_part(request, source.body)

    async def _fetch(self, request: S3Request[Members]) -> S3Response[Members]:
        """The source at the remote. Raises the errors of UploadPartCopy."""
        input = request.input
        bucket, key, version_id = parse_copy_source(input["CopySource"])
        parse_copy_range(input.get("CopySourceRange"))
        await self._settler.settle(bucket, key)
        members: Members = {"Bucket": bucket, "Key": key}
        if version_id:
            members["VersionId"] = version_id
        members |= {name: input[one] for one, name in _GET_MEMBERS.items() if input.get(one)}
        try:
            source = await S3Client(self._settler.inner, request.context).call("GetObject", members)
        except S3Error as error:
            if error.code == "InvalidRange":
                resolve_copy_range(
                    input["CopySourceRange"], int(error.detail.get("ActualObjectSize") or 0)
                )
            if error.code == "MethodNotAllowed":
                raise delete_marker_as_source() from error
            raise
        if source.status == 304:
            raise S3Error("PreconditionFailed")
        return source

    async def _put_part(self, request: S3Request[Members], body: Body) -> S3Response[Members]:
        # A staged upload has no customer key: the stage refuses a part that names one.
        names = ("Bucket", "Key", "UploadId", "PartNumber", *_KEY_MEMBERS)
        part = {name: request.input[name] for name in names if name in request.input}
        put = internal_request(request.context, "UploadPart", part, body)
        answer = (await self._stage.write(put, body.size, files=0)).output
        result = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        result |= {"ETag": answer["ETag"], "LastModified": self._stage.now()}
        return S3Response({"CopyPartResult": result})

    def _is_staged(self, request: S3Request[Any]) -> bool:
        """Whether the source is a pending object. Raises NoSuchKey for a pending deletion."""
        bucket, key, version_id = parse_copy_source(request.input["CopySource"])
        newest = None if version_id else self._journal.pending.newest(bucket, key)
        if newest is None or self._copies.pending(bucket, key) is not None:
            return False
        if newest.kind is Kind.DELETE:
            raise S3Error("NoSuchKey", Key=key)
        return self._journal.kind_on_disk(bucket, key) is not None

    def _size(self, request: S3Request[Any]) -> int:
        bucket, key, _ = parse_copy_source(request.input["CopySource"])
        newest = self._journal.pending.newest(bucket, key)
        return newest.size if newest is not None else 0


def _check_range(header: str | None, source: S3Response[Members]) -> None:
    """Raise InvalidArgument for a range that ends after the source.

    GetObject shortens such a range, UploadPartCopy must refuse it. Raises InternalError when the
    remote has sent other bytes than the range.
    """
    if header is None:
        return
    sent = str(source.output.get("ContentRange") or "")
    span, _, total = sent.removeprefix("bytes ").partition("/")
    size = int(total) if total.isdecimal() else int(source.output["ContentLength"])
    start, length = resolve_copy_range(header, size)
    if span != f"{start}-{start + length - 1}" and (sent or length != size):
        raise S3Error(
            "InternalError", "The remote did not return the requested range of the source."
        )
