"""Copies of and onto keys that may be pending.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import internal_request
from s3d.agent.core.store import operation
from s3d.agent.s3.address import parse_copy_source
from s3d.agent.s3.conditions import parse_copy_range, resolve_copy_range
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.pending import Kind
from s3d.agent.stores.write_queue.settle import Settler, is_judged
from s3d.agent.stores.write_queue.staging import Stage

_CONDITIONS = {
    "CopySourceIfMatch": "IfMatch",
    "CopySourceIfNoneMatch": "IfNoneMatch",
    "CopySourceIfModifiedSince": "IfModifiedSince",
    "CopySourceIfUnmodifiedSince": "IfUnmodifiedSince",
    "CopySourceRange": "Range",
}
"""Members of UploadPartCopy -> of GetObject."""


class CopyOps:
    """Handlers of copies."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("CopyObject")
    async def copy_object(self, request: S3Request[Members]) -> S3Response[Members]:
        """Of a pending source: staged, both hold the same blobs. Otherwise the remote does it."""
        if is_judged(request) or not self._is_staged(request):
            return await self._settler.through(request)
        await self._stage.keys.check(request.bucket, request.key, request.context)
        try:
            return await self._stage.write(request, self._size(request))
        except S3Error as error:
            if error.code != "NoSuchKey" or self._is_staged(request):
                raise
            return await self._settler.through(request)  # the source was pushed meanwhile

    @operation("UploadPartCopy")
    async def upload_part_copy(self, request: S3Request[Members]) -> S3Response[Members]:
        """Into a staged upload: the bytes of a source that is not staged are fetched."""
        input = request.input
        if not self._journal.has_upload(request.bucket, request.key, input["UploadId"]):
            return await self._settler.through(request)
        if self._is_staged(request):
            return await self._stage.write(request, self._size(request), files=0)
        source = await self._fetch(request)
        if source.body is None:
            return await self._put_part(request, BytesBody(b""))
        async with aclosing(source.body):
            _check_range(input.get("CopySourceRange"), source)
            return await self._put_part(request, source.body)

    async def _fetch(self, request: S3Request[Members]) -> S3Response[Members]:
        """The bytes of the source at the remote. Raises what UploadPartCopy does."""
        input = request.input
        bucket, key, version_id = parse_copy_source(input["CopySource"])
        parse_copy_range(input.get("CopySourceRange"))
        await self._settler.settle(bucket, key)
        members: Members = {"Bucket": bucket, "Key": key}
        if version_id:
            members["VersionId"] = version_id
        members |= {name: input[one] for one, name in _CONDITIONS.items() if input.get(one)}
        try:
            client = S3Client(self._settler.inner, request.context)
            source = await client.call("GetObject", members)
        except S3Error as error:
            if error.code == "InvalidRange":
                resolve_copy_range(
                    input["CopySourceRange"], int(error.detail.get("ActualObjectSize") or 0)
                )
            raise
        if source.status == 304:
            raise S3Error("PreconditionFailed")
        return source

    async def _put_part(self, request: S3Request[Members], body: Body) -> S3Response[Members]:
        part = {name: request.input[name] for name in ("Bucket", "Key", "UploadId", "PartNumber")}
        put = internal_request(request.context, "UploadPart", part, body)
        answer = (await self._stage.write(put, body.size, files=0)).output
        result = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        result |= {"ETag": answer["ETag"], "LastModified": self._stage.now()}
        return S3Response({"CopyPartResult": result})

    def _is_staged(self, request: S3Request[Any]) -> bool:
        """Whether the source is a pending object. Raises NoSuchKey for one about to go."""
        bucket, key, version_id = parse_copy_source(request.input["CopySource"])
        newest = None if version_id else self._journal.pending(bucket, key)
        if newest is None:
            return False
        if newest.kind is Kind.DELETE:
            raise S3Error("NoSuchKey", Key=key)
        return self._journal.newest(bucket, key) is not None

    def _size(self, request: S3Request[Any]) -> int:
        bucket, key, _ = parse_copy_source(request.input["CopySource"])
        newest = self._journal.pending(bucket, key)
        return newest.size if newest is not None else 0


def _check_range(header: str | None, source: S3Response[Members]) -> None:
    """Raise InvalidArgument for a range that ends behind the source.

    GetObject cuts such a range short, UploadPartCopy must not. Raises InternalError for a remote
    that sent other bytes than the range.
    """
    if header is None:
        return
    sent = str(source.output.get("ContentRange") or "")
    span, _, total = sent.removeprefix("bytes ").partition("/")
    size = int(total) if total.isdecimal() else int(source.output["ContentLength"])
    start, length = resolve_copy_range(header, size)
    if span != f"{start}-{start + length - 1}" and (sent or length != size):
        raise S3Error("InternalError", "The remote did not send the range of the source.")
