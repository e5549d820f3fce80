"""Buckets: create, delete, head, list, location."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.acl import is_full_control_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import decode_token, encode_token
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.named_objects import check_bucket_name
from s3d.agent.storage.bucket_access import ACL, canonical_id
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import find_bucket, release_upload
from s3d.agent.stores.local.new_buckets import settings_of_new_bucket
from s3d.agent.stores.local.object_description import moment
from s3d.agent.stores.local.ownership import Ownership
from s3d.agent.stores.local.setting_rules import check_elements
from s3d.agent.stores.local.tagging import BUCKET_TAGS, parse_set
from s3d.agent.stores.local.version_writer import ENABLED

US_EAST_1 = "us-east-1"
EU = "EU"
"""An old name of eu-west-1, which only GetBucketLocation still returns."""
AWS_REGION = re.compile(
    r"EU|(af|ap|ca|cn|eu|eusc-de|il|me|mx|sa|us)(-gov|-iso[a-z]?)?"
    r"-(central|north|south|(north|south)?(east|west))-\d"
)
"""The form of the regions of all partitions, since there are new ones every year.

https://docs.aws.amazon.com/general/latest/gr/s3.html
"""
_MAX_BUCKETS = 10_000


class BucketOps:
    """Handlers of the operations on buckets themselves."""

    def __init__(
        self,
        index: Index,
        ownership: Ownership,
        clock: Callable[[], float],
        *,
        new_buckets: str,
        region: str,
    ) -> None:
        """new_buckets: see new_buckets.py. region: of the endpoint."""
        self._index = index
        self._ownership = ownership
        self._clock = clock
        self._new_buckets = new_buckets
        self._region = region

    @operation("CreateBucket")
    async def create_bucket(self, request: S3Request[Members]) -> S3Response[Members]:
        """Creating an own bucket again succeeds in us-east-1; elsewhere it is
        BucketAlreadyOwnedByYou, as at AWS. In us-east-1 AWS resets the bucket's list of grants
        then; here a request that would change it is refused, so that none opens a bucket unseen.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        """
        input = request.input
        check_bucket_name(request.bucket)
        if input.get("BucketNamespace", "global") != "global":
            raise S3Error("NotImplemented", Header="x-amz-bucket-namespace")
        check_elements(request)
        configuration = input.get("CreateBucketConfiguration") or {}
        region = self._region_of(configuration.get("LocationConstraint"))
        lock = bool(input.get("ObjectLockEnabledForBucket"))
        tags = parse_set({"TagSet": configuration.get("Tags") or []}, BUCKET_TAGS)
        owner = self._ownership.writer(request.context)
        acl = self._ownership.acl_of_new_bucket(owner, input)
        defaults = settings_of_new_bucket(self._new_buckets, input, acl, canonical_id(owner))
        record = BucketRecord(
            name=request.bucket,
            created=self._clock(),
            region=region,
            versioning=ENABLED if lock else "",
            object_lock=lock,
            owner=owner,
        )

        settings: dict[str, Members | None] = {**defaults, "tagging": tags, ACL: acl}
        await self._index.write(partial(_create, record, settings))
        return S3Response({"Location": f"/{record.name}"})

    @operation("DeleteBucket")
    async def delete_bucket(self, request: S3Request[Members]) -> S3Response[Members]:
        """Unfinished uploads do not prevent the deletion: they are deleted with the bucket."""
        await self._index.write(partial(_delete, request.bucket), frees=True)
        return S3Response({})

    @operation("HeadBucket")
    def head_bucket(self, request: S3Request[Members]) -> Completed[Members]:
        record = self._index.read_inline(lambda reader: find_bucket(reader, request.bucket))
        output = {"BucketRegion": _region_name(record), "AccessPointAlias": False}
        return Completed(S3Response(output))

    @operation("GetBucketLocation")
    def get_bucket_location(self, request: S3Request[Members]) -> Completed[Members]:
        """us-east-1 is expressed by an empty LocationConstraint."""
        record = self._index.read_inline(lambda reader: find_bucket(reader, request.bucket))
        region = record.region
        return Completed(
            S3Response({"LocationConstraint": None if region == US_EAST_1 else region})
        )

    @operation("ListBuckets")
    async def list_buckets(self, request: S3Request[Members]) -> S3Response[Members]:
        input = request.input
        prefix = input.get("Prefix") or ""
        token = input.get("ContinuationToken")
        after = decode_token(token).decode() if token else ""
        limit = _limit(input.get("MaxBuckets"))
        region = input.get("BucketRegion")
        owner = self._ownership.writer(request.context)
        found = [
            record
            for record in await self._index.read_in_thread(Reader.buckets)
            if self._shows(request, record, owner)
            and record.name > after
            and record.name.startswith(prefix)
            and region in (None, _region_name(record))
        ]
        output: Members = {
            "Owner": self._ownership.members(owner),
            "Buckets": [_row(record) for record in found[:limit]],
        }
        if prefix:
            output["Prefix"] = prefix
        if len(found) > limit:
            output["ContinuationToken"] = encode_token(found[limit - 1].name.encode())
        return S3Response(output)

    def _region_of(self, constraint: str | None) -> str:
        """The region of a new bucket: one of AWS, or the endpoint's, whatever its name is. Raises
        InvalidLocationConstraint, for us-east-1 too, which only the absence of a name stands for.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html
        https://github.com/velero-io/velero/issues/284
        """
        if not constraint:
            return US_EAST_1
        is_known = constraint == self._region or AWS_REGION.fullmatch(constraint)
        if constraint == US_EAST_1 or not is_known:
            raise S3Error("InvalidLocationConstraint", LocationConstraint=constraint)
        return constraint

    def _shows(self, request: S3Request[Members], record: BucketRecord, owner: str) -> bool:
        """An account sees its own buckets; the agent itself sees all of them."""
        return request.context.principal is None or record.owner == owner


def _create(record: BucketRecord, settings: Mapping[str, Members | None], tx: Transaction) -> None:
    existing = tx.bucket(record.name)
    if existing is not None:
        if existing.owner != record.owner:
            raise S3Error("BucketAlreadyExists", BucketName=record.name)
        if not record.region == existing.region == US_EAST_1:
            raise S3Error("BucketAlreadyOwnedByYou", BucketName=record.name)
        if not _has_acl(tx, existing, settings[ACL]):
            raise S3Error("BucketAlreadyExists", BucketName=record.name)
        return
    tx.put_bucket(record)
    for name, value in settings.items():
        if value:
            tx.put_setting(record.name, name, msgspec.msgpack.encode(value))


def _has_acl(tx: Transaction, bucket: BucketRecord, acl: Members | None) -> bool:
    """Whether a bucket has this list already; None: its owner's alone."""
    stored, owner = tx.setting(bucket.name, ACL), canonical_id(bucket.owner)
    if stored is None:
        return acl is None or is_full_control_of(acl, owner)
    has = msgspec.msgpack.decode(stored, type=Members)
    return is_full_control_of(has, owner) if acl is None else has["Grants"] == acl["Grants"]


def _delete(name: str, tx: Transaction) -> None:
    find_bucket(tx, name)
    if not tx.is_empty(name):
        raise S3Error("BucketNotEmpty", BucketName=name)
    for upload in tx.upload_page(name, b"", (b"", ""), -1):
        release_upload(name, upload, tx)
    tx.delete_bucket(name)


def _region_name(record: BucketRecord) -> str:
    return "eu-west-1" if record.region == EU else record.region


def _limit(requested: int | None) -> int:
    if requested is None:
        return _MAX_BUCKETS
    if not 1 <= requested <= _MAX_BUCKETS:
        raise S3Error(
            "InvalidArgument",
            f"Argument max-buckets must be an integer between 1 and {_MAX_BUCKETS}",
            ArgumentName="max-buckets",
            ArgumentValue=requested,
        )
    return requested


def _row(record: BucketRecord) -> dict[str, Any]:
    return {
        "Name": record.name,
        "CreationDate": moment(record.created),
        "BucketRegion": _region_name(record),
    }
