"""GetObjectAttributes, and the answer to GetObjectTorrent.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import unquoted
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import PartSize, Stored
from s3d.agent.stores.local.listings import page_size
from s3d.agent.stores.local.lookup import find_bucket, find_version, shown_version
from s3d.agent.stores.local.object_description import checksum_members, moment
from s3d.agent.stores.local.object_keys import customer_key_of_read

_ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


class AttributeOps:
    """Handlers of GetObjectAttributes and GetObjectTorrent."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @operation("GetObjectAttributes")
    def get_object_attributes(self, request: S3Request[Members]) -> Completed[Members]:
        wanted = request.input.get("ObjectAttributes") or ()
        if not wanted or not _ATTRIBUTES.issuperset(wanted):
            raise S3Error("InvalidArgument", "Invalid attribute name specified.")

        return Completed(S3Response(self._index.read_inline(partial(_look, request.input))))

    @operation("GetObjectTorrent")
    def get_object_torrent(self, request: S3Request[Members]) -> Completed[Members]:
        """S3 has stopped to make torrents in 2022: no object has one.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTorrent.html
        """
        self._index.read_inline(
            lambda reader: find_version(reader, find_bucket(reader, request.bucket), request.key)
        )
        raise S3Error("NoSuchKey", "The object has no torrent.", Key=request.key)


def _look(input: Mapping[str, Any], reader: Reader) -> Members:
    bucket = find_bucket(reader, input["Bucket"])
    stored = find_version(reader, bucket, input["Key"], input.get("VersionId"))
    customer_key_of_read(input, stored.record)
    found = _attributes(stored, input)
    return {
        "LastModified": moment(stored.record.modified),
        **shown_version(bucket, stored.record),
        **{name: found[name] for name in input["ObjectAttributes"] if found[name] is not None},
    }


def _attributes(stored: Stored, input: Mapping[str, Any]) -> Members:
    record = stored.record
    return {
        "ETag": unquoted(record.etag),  # here AWS leaves the quotes off
        "Checksum": checksum_members(record.checksum) or None,
        "ObjectParts": _parts(stored, input),
        "StorageClass": record.storage_class,
        "ObjectSize": record.size,
    }


def _parts(stored: Stored, input: Mapping[str, Any]) -> Members | None:
    """Of multipart objects: how many parts there are, and a page of them one by one."""
    parts, checksum = stored.layout.parts, stored.record.checksum
    if not parts:
        return None
    limit = page_size(input.get("MaxParts"), "x-amz-max-parts")
    marker = int(input.get("PartNumberMarker") or 0)
    found = [part for part in parts if part.number > marker]
    page = found[:limit]
    member = member_of(checksum.algorithm) if checksum else ""
    return {
        "TotalPartsCount": len(parts),
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else marker,
        "MaxParts": limit,
        "IsTruncated": len(found) > limit,
        "Parts": [_part(part, member) for part in page],
    }


def _part(part: PartSize, member: str) -> Members:
    members: Members = {"PartNumber": part.number, "Size": part.size}
    return {**members, member: part.checksum} if member else members
