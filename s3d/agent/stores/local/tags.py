"""Tags of objects and of buckets: put, get, delete.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import find_bucket, find_version, shown_version
from s3d.agent.stores.local.publish import Publisher
from s3d.agent.stores.local.tagging import BUCKET_TAGS, OBJECT_TAGS, parse_set, tag_set
from s3d.agent.stores.local.update_metadata import revise

_SETTING = "tagging"
_decode = msgspec.msgpack.Decoder(dict[str, str]).decode


class TagOps:
    """Handlers of tag sets."""

    def __init__(self, index: Index, publisher: Publisher) -> None:
        self._index = index
        self._publisher = publisher

    @operation("PutObjectTagging")
    async def put_object_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        tags = parse_set(request.input.get("Tagging"), OBJECT_TAGS)
        return await self._tag_object(request, tags)

    @operation("DeleteObjectTagging")
    async def delete_object_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        return await self._tag_object(request, {})

    @operation("GetObjectTagging")
    def get_object_tagging(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> Members:
            bucket = find_bucket(reader, request.bucket)
            stored = find_version(reader, bucket, request.key, request.input.get("VersionId"))
            tags = tag_set(stored.record.about.tags.items())
            return {"TagSet": tags, **shown_version(bucket, stored.record)}

        return Completed(S3Response(self._index.look(look)))

    @operation("PutBucketTagging")
    async def put_bucket_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        tags = parse_set(request.input.get("Tagging"), BUCKET_TAGS)
        return await self._tag_bucket(request.bucket, msgspec.msgpack.encode(tags))

    @operation("DeleteBucketTagging")
    async def delete_bucket_tagging(self, request: S3Request[Members]) -> S3Response[Members]:
        return await self._tag_bucket(request.bucket, None)

    @operation("GetBucketTagging")
    def get_bucket_tagging(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> bytes | None:
            return reader.setting(find_bucket(reader, request.bucket).name, _SETTING)

        kept = self._index.look(look)
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
        tagged = revise(
            tx, bucket, request.key, version_id, lambda about: replace(about, tags=tags)
        )
        if not version_id:
            self._publisher.tagged(tx, bucket, request.key)
        return dict(shown_version(bucket, tagged))

    async def _tag_bucket(self, name: str, tags: bytes | None) -> S3Response[Members]:
        def put(tx: Transaction) -> None:
            tx.put_setting(find_bucket(tx, name).name, _SETTING, tags)

        await self._index.write(put)
        return S3Response({})
