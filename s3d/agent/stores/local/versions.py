"""Versioning of buckets, and the listing of versions and delete markers.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import Page, Position, Query, roll_up
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRow, seq_of, version_id_of
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.listings import encode_names, is_url_encoded, page_size, row
from s3d.agent.stores.local.lookup import check_version_id, find_bucket, has_object_lock
from s3d.agent.stores.local.object_description import moment
from s3d.agent.stores.local.ownership import Ownership, shows_owners
from s3d.agent.stores.local.setting_rules import check_elements
from s3d.agent.stores.local.version_writer import ENABLED, SUSPENDED

Version = tuple[ObjectRow, bool]
"""With True for the latest of its key."""


class VersionOps:
    """Handlers of the operations on versions."""

    def __init__(self, index: Index, ownership: Ownership) -> None:
        self._index = index
        self._ownership = ownership

    @operation("PutBucketVersioning")
    async def put_bucket_versioning(self, request: S3Request[Members]) -> S3Response[Members]:
        check_elements(request)
        configuration = request.input.get("VersioningConfiguration") or {}
        status = configuration.get("Status")
        if status is None:
            message = "The Versioning element must be specified"
            raise S3Error("IllegalVersioningConfigurationException", message)
        if status not in (ENABLED, SUSPENDED):
            raise S3Error("MalformedXML")
        if configuration.get("MFADelete") == ENABLED:
            raise S3Error("NotImplemented", "MFA delete is not implemented")

        await self._index.write(partial(_put_status, request.bucket, status))
        return S3Response({})

    @operation("GetBucketVersioning")
    def get_bucket_versioning(self, request: S3Request[Members]) -> Completed[Members]:
        bucket = self._index.read_inline(lambda reader: find_bucket(reader, request.bucket))
        return Completed(S3Response({"Status": bucket.versioning} if bucket.versioning else {}))

    @operation("ListObjectVersions")
    async def list_object_versions(self, request: S3Request[Members]) -> S3Response[Members]:
        look = partial(_list, request.input, self._ownership)
        return S3Response(await self._index.read_in_thread(look))


def _put_status(name: str, status: str, tx: Transaction) -> None:
    bucket = find_bucket(tx, name)
    if status == SUSPENDED and has_object_lock(tx, bucket):
        message = "Versioning cannot be suspended on a bucket with Object Lock"
        raise S3Error("InvalidBucketState", message)
    tx.put_bucket(replace(bucket, versioning=status))


def _list(input: Mapping[str, Any], ownership: Ownership, reader: Reader) -> Members:
    found = find_bucket(reader, input["Bucket"])
    bucket, owner_of = found.name, ownership.of_rows(found)
    whole = shows_owners(reader, found)
    prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""
    limit = page_size(input.get("MaxKeys"), "max-keys")
    query = Query(prefix.encode(), delimiter.encode(), _place(reader, bucket, input), limit)

    def fetch(after: Position[int], limit: int) -> list[Version]:
        return reader.version_page(bucket, query.prefix, after, limit, whole=whole)

    page = roll_up(fetch, lambda version: (version[0].key.encode(), version[0].seq), query)
    output: Members = {
        "Name": bucket,
        "Prefix": prefix,
        "KeyMarker": input.get("KeyMarker") or "",
        "VersionIdMarker": input.get("VersionIdMarker") or "",
        "MaxKeys": limit,
        "IsTruncated": page.truncated,
        **{name: input[name] for name in ("Delimiter", "EncodingType") if input.get(name)},
        **_next(page),
        "Versions": [
            {**_entry(record, latest), "Owner": owner_of(record), **row(record)}
            for record, latest in page.entries
            if not record.delete_marker
        ],
        "DeleteMarkers": [
            _delete_marker(record, latest, owner_of(record))
            for record, latest in page.entries
            if record.delete_marker
        ],
        "CommonPrefixes": [{"Prefix": name.decode()} for name in page.prefixes],
    }
    if is_url_encoded(input):
        names = ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
        rows = {"Versions": "Key", "DeleteMarkers": "Key", "CommonPrefixes": "Prefix"}
        encode_names(output, names, rows)
    return {name: value for name, value in output.items() if value != []}


def _delete_marker(record: ObjectRow, latest: bool, owner: Members) -> Members:
    return {
        **_entry(record, latest),
        "Owner": owner,
        "LastModified": moment(record.modified),
    }


def _place(reader: Reader, bucket: str, input: Mapping[str, Any]) -> Position[int]:
    """The position where the page begins. A key marker alone is after all versions of its key."""
    key, version_id = (input.get("KeyMarker") or "").encode(), input.get("VersionIdMarker")
    if version_id and not key:
        message = "A version-id marker cannot be specified without a key marker."
        raise S3Error("InvalidArgument", message, ArgumentName="version-id-marker")
    if key and version_id == "":
        message = "A version-id marker cannot be empty."
        raise S3Error("InvalidArgument", message, ArgumentName="version-id-marker")
    if not version_id:
        return key, 0
    check_version_id(version_id)
    stored = reader.version(bucket, key, version_id)
    if stored is not None:
        return key, stored.record.seq
    # Removed since the last page: where it was is still known, unless the client says "null".
    return key, seq_of(version_id) or 0


def _next(page: Page[Version, int]) -> Members:
    if not page.truncated:
        return {}
    markers = {"NextKeyMarker": page.next[0].decode()}
    if page.entries:
        last = page.entries[-1][0]
        if (last.key.encode(), last.seq) == page.next:
            # By its number also for the null version, which may be gone by the next page.
            markers["NextVersionIdMarker"] = version_id_of(last.seq)
    return markers


def _entry(record: ObjectRow, latest: bool) -> Members:
    return {
        "Key": record.key,
        "VersionId": record.version_id,
        "IsLatest": latest,
    }
