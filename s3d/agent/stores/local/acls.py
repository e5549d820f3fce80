"""Access control lists of buckets and of versions of objects: put and get.

That of a bucket is a setting, that of a version lies in its description. stores/access enforces
them.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.access_decision import ENFORCED
from s3d.agent.s3.acl import private
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_names import ACL_PUT
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.bucket_access import ACL, ownership_of
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import (
    find_bucket,
    find_changeable,
    find_version,
    update_metadata,
)
from s3d.agent.stores.local.ownership import Ownership
from s3d.agent.stores.local.setting_rules import check_elements
from s3d.agent.stores.local.version_writer import VersionWriter


class AclOps:
    """Handlers of access control lists."""

    def __init__(self, index: Index, ownership: Ownership, version_writer: VersionWriter) -> None:
        self._index = index
        self._ownership = ownership
        self._version_writer = version_writer

    @operation("PutBucketAcl")
    async def put_bucket_acl(self, request: S3Request[Members]) -> S3Response[Members]:
        check_elements(request)

        def put(tx: Transaction) -> None:
            bucket = find_bucket(tx, request.bucket)
            acl = self._ownership.acl_of_bucket(tx, bucket, request.input)
            tx.put_setting(bucket.name, ACL, msgspec.msgpack.encode(_present(acl)))

        await self._index.write(put)
        return S3Response({})

    @operation("GetBucketAcl")
    def get_bucket_acl(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> Members:
            bucket = find_bucket(reader, request.bucket)
            stored, is_ignored = _effective(reader, bucket.name)
            if stored is None or is_ignored:
                return private(self._ownership.members(bucket.owner))
            return msgspec.msgpack.decode(stored, type=Members)

        return Completed(S3Response(self._index.read_inline(look)))

    @operation("PutObjectAcl")
    async def put_object_acl(self, request: S3Request[Members]) -> S3Response[Members]:
        check_elements(request)

        def put(tx: Transaction) -> None:
            bucket, version_id = find_bucket(tx, request.bucket), request.input.get("VersionId")
            record = find_changeable(tx, bucket, request.key, version_id).record
            acl = _present(self._ownership.acl_of_object(tx, bucket, record.owner, request.input))
            changed = update_metadata(
                tx,
                bucket,
                request.key,
                version_id,
                lambda description: replace(description, acl=acl),
            )
            self._version_writer.report(tx, bucket, ACL_PUT, changed, context=request.context)

        await self._index.write(put)
        return S3Response({})

    @operation("GetObjectAcl")
    def get_object_acl(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> Members:
            bucket, version_id = find_bucket(reader, request.bucket), request.input.get("VersionId")
            record = find_version(reader, bucket, request.key, version_id).record
            is_ignored = _effective(reader, bucket.name)[1]
            if is_ignored:
                return private(self._ownership.members(bucket.owner))
            return record.description.acl or private(self._ownership.members(record.owner))

        return Completed(S3Response(self._index.read_inline(look)))


def _effective(reader: Reader, bucket: str) -> tuple[bytes | None, bool]:
    """The list of a bucket, and whether Object Ownership has lists ignored: each is then shown as
    that of the bucket's owner."""
    settings = reader.settings(bucket)
    return settings.get(ACL), ownership_of(settings) == ENFORCED


def _present(acl: Members | None) -> Members:
    if acl is None:
        raise S3Error("MissingSecurityHeader", MissingHeaderName="x-amz-acl")
    return acl
