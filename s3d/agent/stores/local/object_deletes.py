"""DeleteObject and DeleteObjects.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from s3d.agent.core.store import operation
from s3d.agent.s3.conditions import check_delete
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, RequestContext, S3Request, S3Response
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import BucketRecord, ObjectRecord
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import check_bypass, check_version_id, condition_of, find_bucket
from s3d.agent.stores.local.version_writer import VersionWriter

MAX_DELETES = 1_000


class DeleteOps:
    """Handlers of the deletions of objects and versions."""

    def __init__(self, index: Index, version_writer: VersionWriter) -> None:
        self._index = index
        self._version_writer = version_writer

    @operation("DeleteObject")
    async def delete_object(self, request: S3Request[Members]) -> S3Response[Members]:
        check_key(request.key)

        def delete(tx: Transaction) -> Members:
            bucket = find_bucket(tx, request.bucket)
            check_bypass(tx, bucket, request.input)
            return self._delete(tx, bucket, request.key, request.input, request.context)

        return S3Response(await self._index.write(delete, frees=True))

    @operation("DeleteObjects")
    async def delete_objects(self, request: S3Request[Members]) -> S3Response[Members]:
        """Each of them as DeleteObject would; all in one commit.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        wanted = request.input.get("Delete") or {}
        objects: Sequence[Mapping[str, Any]] = wanted.get("Objects") or ()
        if not 1 <= len(objects) <= MAX_DELETES or any(not one.get("Key") for one in objects):
            raise S3Error("MalformedXML")

        may_bypass = bool(request.input.get("BypassGovernanceRetention"))
        delete = partial(self._delete_all, request, objects, may_bypass)
        deleted, errors = await self._index.write(delete, frees=True)
        output: Members = {} if wanted.get("Quiet") else {"Deleted": deleted}
        return S3Response({**output, "Errors": errors} if errors else output)

    def _delete_all(
        self,
        request: S3Request[Members],
        objects: Sequence[Mapping[str, Any]],
        may_bypass: bool,
        tx: Transaction,
    ) -> tuple[list[Members], list[Members]]:
        """The result for each key: rows of deleted ones, rows of errors."""
        bucket = find_bucket(tx, request.bucket)
        check_bypass(tx, bucket, request.input)
        deleted, errors = [], []
        for one in objects:
            try:
                deleted.append(self._delete_one(tx, bucket, one, may_bypass, request.context))
            except S3Error as error:
                errors.append(_error_row(one, error))
        return deleted, errors

    def _delete_one(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        one: Mapping[str, Any],
        may_bypass: bool,
        context: RequestContext,
    ) -> Members:
        conditions = {
            "VersionId": one.get("VersionId"),
            "IfMatch": one.get("ETag"),
            "IfMatchLastModifiedTime": one.get("LastModifiedTime"),
            "IfMatchSize": one.get("Size"),
            "BypassGovernanceRetention": may_bypass,
        }
        check_key(one["Key"])
        given = {name: value for name, value in conditions.items() if value is not None}
        done = self._delete(tx, bucket, one["Key"], given, context)
        row = {"Key": one["Key"]}
        if one.get("VersionId"):
            row["VersionId"] = one["VersionId"]
        if done.get("DeleteMarker"):
            row |= {"DeleteMarker": True, "DeleteMarkerVersionId": done["VersionId"]}
        return row

    def _delete(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        key: str,
        input: Mapping[str, Any],
        context: RequestContext,
    ) -> Members:
        """DeleteObject inside an action; checks before it writes."""
        version_id = input.get("VersionId")
        if not version_id:
            check_delete({**input, "Key": key}, condition_of(tx.current(bucket.name, key.encode())))
            marker = self._version_writer.delete(tx, bucket, key, context=context)
            # "whether (true) or not (false) the current version of the object is a delete marker"
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
            return _marker_members(marker) or {"DeleteMarker": False}
        check_version_id(version_id)
        stored = tx.version(bucket.name, key.encode(), version_id)
        if stored is None or not stored.record.delete_marker:
            check_delete({**input, "Key": key}, condition_of(stored))
        may_bypass = bool(input.get("BypassGovernanceRetention"))
        removed = self._version_writer.delete_version(
            tx, bucket, key, version_id, may_bypass=may_bypass, context=context
        )
        if removed is not None and removed.delete_marker:
            return _marker_members(removed)
        return {"VersionId": version_id}


def _marker_members(marker: ObjectRecord | None) -> Members:
    if marker is None:
        return {}
    return {"DeleteMarker": True, "VersionId": marker.version_id}


def _error_row(one: Mapping[str, Any], error: S3Error) -> Members:
    row = {"Key": one["Key"], "Code": error.code, "Message": error.message}
    return {**row, "VersionId": one["VersionId"]} if one.get("VersionId") else row
