"""Tag sets: read from the header, from the document, and written back; the rules of AWS. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_names import TAGGED, UNTAGGED
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import (
    find_bucket,
    find_changeable,
    shown_version,
    update_metadata,
)
from s3d.agent.stores.local.setting_rules import check_elements
from s3d.agent.stores.local.version_writer import VersionWriter

OBJECT_TAGS = 10
BUCKET_TAGS = 50
_KEY_SIZE = 128
_VALUE_SIZE = 256

_ALLOWED = re.compile(r"[\w \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000.:/=+\-@]*")
"""Letters, digits and blanks of any language, and these marks."""


def parse_header(text: str) -> dict[str, str]:
    """x-amz-tagging: "k1=v1&k2=v2". Raises InvalidArgument, or InvalidTag as parse_set does."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise _bad_header(text) from error
    tags = dict(pairs)
    if len(tags) < len(pairs) or "" in tags or not pairs:
        raise _bad_header(text)
    return _checked(tags, OBJECT_TAGS)


def parse_set(tagging: Mapping[str, Any] | None, limit: int) -> dict[str, str]:
    """The Tagging member {"TagSet": [{"Key", "Value"}]}. Raises MalformedXML or InvalidTag."""
    tag_set = (tagging or {}).get("TagSet")
    if tag_set is None:
        raise S3Error("MalformedXML")
    tags: dict[str, str] = {}
    for tag in tag_set:
        key = tag.get("Key")
        if key is None:
            raise S3Error("MalformedXML")
        if key in tags:
            message = "Cannot provide multiple Tags with the same key"
            raise S3Error("InvalidTag", message, TagKey=key)
        tags[key] = tag.get("Value") or ""
    return _checked(tags, limit)


def tag_set(tags: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The TagSet member."""
    return [{"Key": key, "Value": value} for key, value in tags]


def _checked(tags: dict[str, str], limit: int) -> dict[str, str]:
    if len(tags) > limit:
        kind = "Object" if limit == OBJECT_TAGS else "Bucket"
        raise S3Error("InvalidTag", f"{kind} tags cannot be greater than {limit}")
    for key, value in tags.items():
        if not 0 < len(key) <= _KEY_SIZE or not _ALLOWED.fullmatch(key):
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if len(value) > _VALUE_SIZE or not _ALLOWED.fullmatch(value):
            message = "The TagValue you have provided is invalid"
            raise S3Error("InvalidTag", message, TagKey=key, TagValue=value)
        if key.lower().startswith("aws:"):
            message = "System tags cannot be added/updated by requester"
            raise S3Error("InvalidTag", message, TagKey=key)
    return tags


def _bad_header(text: str) -> S3Error:
    message = (
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates."
    )
    return S3Error("InvalidArgument", message, ArgumentName="x-amz-tagging", ArgumentValue=text)


_SETTING = "tagging"
_decode = msgspec.msgpack.Decoder(dict[str, str]).decode


class TagOps:
    """Handlers of tag sets."""

    def __init__(self, index: Index, version_writer: VersionWriter) -> None:
        self._index = index
        self._version_writer = version_writer

    @operation("PutObjectTagging")
    async def put_object_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        check_elements(request)
        tags = parse_set(request.input.get("Tagging"), OBJECT_TAGS)
        return await self._tag_object(request, tags)

    @operation("DeleteObjectTagging")
    async def delete_object_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        return await self._tag_object(request, {})

    @operation("GetObjectTagging")
    def get_object_tagging(self, request: S3Request[Members]) -> Completed[Members]:
        """Of a delete marker, S3 answers it as it answers the operations that change tags:
        https://github.com/localstack/localstack/blob/main/localstack-core/localstack/services/s3/provider.py
        """

        def look(reader: Reader) -> Members:
            bucket = find_bucket(reader, request.bucket)
            stored = find_changeable(reader, bucket, request.key, request.input.get("VersionId"))
            tags = tag_set(sorted(stored.record.description.tags.items()))
            return {"TagSet": tags, **shown_version(bucket, stored.record)}

        return Completed(S3Response(self._index.read_inline(look)))

    @operation("PutBucketTagging")
    async def put_bucket_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        check_elements(request)
        tags = parse_set(request.input.get("Tagging"), BUCKET_TAGS)
        return await self._tag_bucket(request.bucket, msgspec.msgpack.encode(tags))

    @operation("DeleteBucketTagging")
    async def delete_bucket_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        return await self._tag_bucket(request.bucket, None)

    @operation("GetBucketTagging")
    def get_bucket_tagging(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> bytes | None:
            return reader.setting(find_bucket(reader, request.bucket).name, _SETTING)

        kept = self._index.read_inline(look)
        if kept is None:
            raise S3Error("NoSuchTagSet", BucketName=request.bucket)
        return Completed(S3Response({"TagSet": tag_set(_decode(kept).items())}))

    async def _tag_object(
        self, request: S3Request[Members], tags: dict[str, str]
    ) -> S3Response[Members]:
        return S3Response(await self._index.write(partial(self._put_tags, request, tags)))

    def _put_tags(
        self, request: S3Request[Members], tags: dict[str, str], tx: Transaction
    ) -> Members:
        bucket, version_id = find_bucket(tx, request.bucket), request.input.get("VersionId")
        tagged = update_metadata(
            tx, bucket, request.key, version_id, lambda description: replace(description, tags=tags)
        )
        if not version_id:
            self._version_writer.tagged(tx, bucket, request.key, request.context)
        event = TAGGED if request.op.name == "PutObjectTagging" else UNTAGGED
        self._version_writer.report(tx, bucket, event, tagged, context=request.context)
        return dict(shown_version(bucket, tagged))

    async def _tag_bucket(self, name: str, tags: bytes | None) -> S3Response[Members]:
        def put(tx: Transaction) -> None:
            tx.put_setting(find_bucket(tx, name).name, _SETTING, tags)

        await self._index.write(put)
        return S3Response({})
