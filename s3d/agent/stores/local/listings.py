"""ListObjects, ListObjectsV2, ListMultipartUploads and ListParts.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from s3d.agent.core.store import operation
from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import (
    Page,
    Position,
    Query,
    decode_token,
    encode_token,
    roll_up,
    url_encode,
)
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRow, PartRecord, UploadRecord
from s3d.agent.stores.local.expiration import Expiration
from s3d.agent.stores.local.lookup import find_bucket, find_upload
from s3d.agent.stores.local.object_description import moment, second
from s3d.agent.stores.local.ownership import Ownership, shows_owners

MAX_KEYS = 1_000


class ListOps:
    """Handlers of the listings of current objects."""

    def __init__(self, index: Index, ownership: Ownership) -> None:
        self._index = index
        self._ownership = ownership

    @operation("ListObjects")
    async def list_objects(self, request: S3Request[Members]) -> S3Response[Members]:
        look = partial(_list, request.input, self._ownership)
        return S3Response(await self._index.read_in_thread(look))

    @operation("ListObjectsV2")
    async def list_objects_v2(self, request: S3Request[Members]) -> S3Response[Members]:
        look = partial(_list_v2, request.input, self._ownership)
        return S3Response(await self._index.read_in_thread(look))


def page_size(requested: int | None, name: str) -> int:
    """max-keys and similar parameters: at most 1000, which is also the default. Raises
    InvalidArgument."""
    if requested is None:
        return MAX_KEYS
    if requested < 0:
        message = f"Argument {name} must be an integer between 0 and 2147483647"
        raise S3Error("InvalidArgument", message, ArgumentName=name, ArgumentValue=requested)
    return min(requested, MAX_KEYS)


def is_url_encoded(input: Mapping[str, Any]) -> bool:
    """Whether names are to be encoded. Raises InvalidArgument."""
    encoding = input.get("EncodingType")
    if encoding in (None, ""):
        return False
    if encoding != "url":
        raise S3Error(
            "InvalidArgument",
            "Invalid Encoding Method specified in Request",
            ArgumentName="encoding-type",
            ArgumentValue=encoding,
        )
    return True


def encode_names(output: Members, names: tuple[str, ...], rows: Mapping[str, str]) -> None:
    """Encode names for encoding-type=url: names of members, and rows as list member -> name in
    it."""
    for name in names:
        if output.get(name):
            output[name] = url_encode(output[name])
    for member, name in rows.items():
        for entry in output.get(member, ()):
            entry[name] = url_encode(entry[name])


def _list(input: Mapping[str, Any], ownership: Ownership, reader: Reader) -> Members:
    marker = input.get("Marker") or ""
    page, output = _page(reader, input, marker.encode(), ownership)
    output["Marker"] = marker
    if page.truncated and output.get("Delimiter"):
        output["NextMarker"] = page.next[0].decode()
    # botocore decodes every name of this response but the prefix, so AWS does not encode that.
    return _encoded(output, "Delimiter", "Marker", "NextMarker")


def _list_v2(input: Mapping[str, Any], ownership: Ownership, reader: Reader) -> Members:
    token, start_after = input.get("ContinuationToken"), input.get("StartAfter")
    after = decode_token(token) if token else (start_after or "").encode()
    page, output = _page(reader, input, after, ownership if input.get("FetchOwner") else None)
    output["KeyCount"] = len(page)
    if token is not None:
        output["ContinuationToken"] = token
    if start_after:
        output["StartAfter"] = start_after
    if page.truncated:
        output["NextContinuationToken"] = encode_token(page.next[0])
    return _encoded(output, "Prefix", "Delimiter", "StartAfter")


def _page(
    reader: Reader, input: Mapping[str, Any], after: bytes, ownership: Ownership | None
) -> tuple[Page[ObjectRow, None], Members]:
    """The page, and the members that both operations share. ownership: to show the owners."""
    record = find_bucket(reader, input["Bucket"])
    bucket, whole = record.name, ownership is not None and shows_owners(reader, record)
    prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""
    query = Query(
        prefix.encode(),
        delimiter.encode(),
        (after, None),
        page_size(input.get("MaxKeys"), "max-keys"),
    )

    def fetch(after: Position[None], limit: int) -> Sequence[ObjectRow]:
        return reader.page(bucket, query.prefix, after[0], limit, whole=whole)

    page = roll_up(fetch, lambda record: (record.key.encode(), None), query)
    output: Members = {
        "Name": bucket,
        "Prefix": prefix,
        "MaxKeys": query.limit,
        "IsTruncated": page.truncated,
    }
    if delimiter:
        output["Delimiter"] = delimiter
    if is_url_encoded(input):
        output["EncodingType"] = "url"
    if page.entries:
        output["Contents"] = [row(entry) for entry in page.entries]
        if ownership is not None:
            owner_of = ownership.of_rows(record)
            for contents, entry in zip(output["Contents"], page.entries, strict=True):
                contents["Owner"] = owner_of(entry)
    if page.prefixes:
        output["CommonPrefixes"] = [{"Prefix": name.decode()} for name in page.prefixes]
    return page, output


def row(record: ObjectRow) -> Members:
    """The row of an object, or of a version."""
    members: Members = {
        "Key": record.key,
        "LastModified": second(int(record.modified)),
        "ETag": record.etag,
        "Size": record.size,
        "StorageClass": record.storage_class,
    }
    if record.checksum is not None:
        members["ChecksumAlgorithm"] = [record.checksum.algorithm]
        members["ChecksumType"] = record.checksum.kind
    return members


def _encoded(output: Members, *names: str) -> Members:
    if "EncodingType" in output:
        rows = {"Contents": "Key", "CommonPrefixes": "Prefix"}
        encode_names(output, names, rows)
    return output


_LAST = "~"
"""Behind every upload id, which are hexadecimal."""


class UploadOps:
    """Handlers of ListMultipartUploads and ListParts."""

    def __init__(self, index: Index, ownership: Ownership, expiration: Expiration) -> None:
        self._index = index
        self._ownership = ownership
        self._expiration = expiration

    @operation("ListMultipartUploads")
    async def list_multipart_uploads(self, request: S3Request[Members]) -> S3Response[Members]:
        look = partial(_list_uploads, request.input, self._ownership)
        return S3Response(await self._index.read_in_thread(look))

    @operation("ListParts")
    async def list_parts(self, request: S3Request[Members]) -> S3Response[Members]:
        look = partial(_list_parts, request.input, self._ownership)
        upload, output = await self._index.read_in_thread(look)
        return S3Response(output | self._expiration.members_of_upload(request.bucket, upload))


def _list_uploads(input: Mapping[str, Any], ownership: Ownership, reader: Reader) -> Members:
    bucket = find_bucket(reader, input["Bucket"]).name
    prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""
    key, upload_id = input.get("KeyMarker") or "", input.get("UploadIdMarker") or ""
    query = Query(
        prefix.encode(),
        delimiter.encode(),
        (key.encode(), (upload_id or _LAST) if key else ""),
        page_size(input.get("MaxUploads"), "max-uploads"),
    )

    def fetch(after: Position[str], limit: int) -> Sequence[UploadRecord]:
        return reader.upload_page(bucket, query.prefix, after, limit)

    page = roll_up(fetch, lambda upload: (upload.key.encode(), upload.id), query)
    output: Members = {
        "Bucket": bucket,
        "Prefix": prefix,
        "KeyMarker": key,
        "UploadIdMarker": upload_id if key else "",
        "MaxUploads": query.limit,
        "IsTruncated": page.truncated,
        **{name: input[name] for name in ("Delimiter", "EncodingType") if input.get(name)},
        "Uploads": [_upload(upload, ownership) for upload in page.entries],
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


def _list_parts(
    input: Mapping[str, Any], ownership: Ownership, reader: Reader
) -> tuple[UploadRecord, Members]:
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
        **_common(upload, ownership),
    }
    if page:
        output["Parts"] = [_part(part) for part in page]
    return upload, output


def _upload(upload: UploadRecord, ownership: Ownership) -> Members:
    return {
        "UploadId": upload.id,
        "Key": upload.key,
        "Initiated": moment(upload.initiated),
        **_common(upload, ownership),
    }


def _common(upload: UploadRecord, ownership: Ownership) -> Members:
    members: Members = {
        "Owner": ownership.members(upload.owner),
        "Initiator": ownership.members(upload.initiator),
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
