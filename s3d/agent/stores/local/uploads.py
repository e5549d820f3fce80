"""What is known of unfinished multipart uploads: ListMultipartUploads and ListParts.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from s3d.agent.core.store import operation
from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.listing import Place, Query, roll_up
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import PartRecord, UploadRecord
from s3d.agent.stores.local.lists import encode_names, is_url_encoded, page_size
from s3d.agent.stores.local.lookup import find_bucket, find_upload
from s3d.agent.stores.local.response_members import moment

_INITIATOR = {"ID": OWNER["ID"], "DisplayName": OWNER["DisplayName"]}
_LAST = "~"
"""Behind every upload id, which are hexadecimal."""


class UploadOps:
    """Handlers of the two listings."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @operation("ListMultipartUploads")
    async def list_multipart_uploads(self, request: S3Request[Members]) -> S3Response[Members]:
        return S3Response(await self._index.read_in_thread(partial(_list_uploads, request.input)))

    @operation("ListParts")
    async def list_parts(self, request: S3Request[Members]) -> S3Response[Members]:
        return S3Response(await self._index.read_in_thread(partial(_list_parts, request.input)))


def _list_uploads(input: Mapping[str, Any], reader: Reader) -> Members:
    bucket = find_bucket(reader, input["Bucket"]).name
    prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""
    key, upload_id = input.get("KeyMarker") or "", input.get("UploadIdMarker") or ""
    query = Query(
        prefix.encode(),
        delimiter.encode(),
        (key.encode(), (upload_id or _LAST) if key else ""),
        page_size(input.get("MaxUploads"), "max-uploads"),
    )

    def fetch(after: Place[str], limit: int) -> list[tuple[Place[str], UploadRecord]]:
        found = reader.upload_page(bucket, query.prefix, after, limit)
        return [((upload.key.encode(), upload.id), upload) for upload in found]

    page = roll_up(fetch, query)
    output: Members = {
        "Bucket": bucket,
        "Prefix": prefix,
        "KeyMarker": key,
        "UploadIdMarker": upload_id if key else "",
        "MaxUploads": query.limit,
        "IsTruncated": page.truncated,
        **{name: input[name] for name in ("Delimiter", "EncodingType") if input.get(name)},
        "Uploads": [_upload(upload) for upload in page.entries],
        "CommonPrefixes": [{"Prefix": name.decode()} for name in page.prefixes],
    }
    if page.truncated:
        output["NextKeyMarker"] = page.next[0].decode()
        if page.next[0] not in page.prefixes:
            output["NextUploadIdMarker"] = page.next[1]
    if is_url_encoded(input):
        names = ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
        encode_names(output, names, {"Uploads": "Key", "CommonPrefixes": "Prefix"})
    return {name: value for name, value in output.items() if value != []}


def _list_parts(input: Mapping[str, Any], reader: Reader) -> Members:
    upload = find_upload(reader, input["Bucket"], input["Key"], input["UploadId"])
    marker = int(input.get("PartNumberMarker") or 0)
    limit = page_size(input.get("MaxParts"), "max-parts")
    found = reader.parts(upload.id, marker, limit + 1)
    page = found[:limit]
    output: Members = {
        "Bucket": input["Bucket"],
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else marker,
        "MaxParts": limit,
        "IsTruncated": bool(limit) and len(found) > limit,
        **_common(upload),
    }
    if page:
        output["Parts"] = [_part(part) for part in page]
    return output


def _upload(upload: UploadRecord) -> Members:
    return {
        "UploadId": upload.id,
        "Key": upload.key,
        "Initiated": moment(upload.initiated),
        **_common(upload),
    }


def _common(upload: UploadRecord) -> Members:
    members: Members = {
        "Owner": OWNER,
        "Initiator": _INITIATOR,
        "StorageClass": upload.storage_class,
    }
    if upload.checksum_algorithm:
        members["ChecksumAlgorithm"] = upload.checksum_algorithm
        members["ChecksumType"] = upload.checksum_kind
    return members


def _part(part: PartRecord) -> Members:
    members: Members = {
        "PartNumber": part.number,
        "LastModified": moment(part.modified),
        "ETag": part.etag,
        "Size": part.size,
    }
    if part.checksum is not None:
        members[member_of(part.checksum.algorithm)] = part.checksum.value
    return members
