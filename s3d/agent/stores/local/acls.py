"""Access control lists of buckets and of versions of objects: stored and returned, not enforced.

That of a bucket is a setting, that of a version lies in its description.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.acl import OWNER, private, requested
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import find_bucket, find_version, update_metadata

SETTING = "acl"


class AclOps:
    """Handlers of access control lists."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @operation("PutBucketAcl")
    async def put_bucket_acl(self, request: S3Request[Members]) -> S3Response[Members]:
        kept = msgspec.msgpack.encode(_requested(request))

        def put(tx: Transaction) -> None:
            tx.put_setting(find_bucket(tx, request.bucket).name, SETTING, kept)

        await self._index.write(put)
        return S3Response({})

    @operation("GetBucketAcl")
    def get_bucket_acl(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> Members:
            kept = reader.setting(find_bucket(reader, request.bucket).name, SETTING)
            return private(OWNER) if kept is None else msgspec.msgpack.decode(kept, type=Members)

        return Completed(S3Response(self._index.read_inline(look)))

    @operation("PutObjectAcl")
    async def put_object_acl(self, request: S3Request[Members]) -> S3Response[Members]:
        granted = _requested(request)

        def put(tx: Transaction) -> None:
            bucket, version_id = find_bucket(tx, request.bucket), request.input.get("VersionId")
            update_metadata(
                tx,
                bucket,
                request.key,
                version_id,
                lambda description: replace(description, acl=granted),
            )

        await self._index.write(put)
        return S3Response({})

    @operation("GetObjectAcl")
    def get_object_acl(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> Members:
            bucket, version_id = find_bucket(reader, request.bucket), request.input.get("VersionId")
            record = find_version(reader, bucket, request.key, version_id).record
            return record.description.acl or private(OWNER)

        return Completed(S3Response(self._index.read_inline(look)))


def _requested(request: S3Request[Members]) -> Members:
    granted = requested(request.input, OWNER)
    if granted is None:
        raise S3Error("MissingSecurityHeader", MissingHeaderName="x-amz-acl")
    return granted
