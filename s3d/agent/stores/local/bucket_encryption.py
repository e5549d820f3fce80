"""The default encryption of buckets: put, get, delete.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html
A bucket without the setting encrypts nothing, other than at AWS, unless the setting `encrypt` of
the store says so. BlockedEncryptionTypes outlives a Put that does not mention it, and a Delete.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.encryption import HEADER_VALUES, SSE_C, BucketDefault, bucket_default
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import find_bucket
from s3d.agent.stores.local.object_keys import SETTING
from s3d.agent.stores.local.setting_rules import check_encryption, payload_of

_PAYLOAD = "ServerSideEncryptionConfiguration"
_BLOCKED = "BlockedEncryptionTypes"

_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Members] = msgspec.msgpack.Decoder(Members).decode


class BucketEncryptionOps:
    """Handlers of the default encryption."""

    def __init__(self, index: Index, default: BucketDefault) -> None:
        """default: of buckets without the setting."""
        self._index = index
        self._default = default

    @operation("PutBucketEncryption")
    async def put_bucket_encryption(self, request: S3Request[Members]) -> S3Response[Members]:
        given = payload_of(request)
        self._index.read_inline(lambda reader: find_bucket(reader, request.bucket))
        check_encryption(given)
        await self._index.write(partial(_put, request.bucket, given))
        return S3Response({})

    @operation("GetBucketEncryption")
    def get_bucket_encryption(self, request: S3Request[Members]) -> Completed[Members]:
        def look(reader: Reader) -> Members | None:
            return _setting(reader, find_bucket(reader, request.bucket).name)

        configuration = self._index.read_inline(look) or self._implied()
        if configuration is None:
            raise S3Error(
                "ServerSideEncryptionConfigurationNotFoundError", BucketName=request.bucket
            )
        return Completed(S3Response({_PAYLOAD: configuration}))

    @operation("DeleteBucketEncryption")
    async def delete_bucket_encryption(self, request: S3Request[Members]) -> S3Response[Members]:
        await self._index.write(partial(_put, request.bucket, None))
        return S3Response({})

    def _implied(self) -> Members | None:
        """The configuration that a bucket without the setting shows, as every bucket at AWS."""
        if not self._default.method:
            return None
        apply = {"SSEAlgorithm": HEADER_VALUES[self._default.method]}
        rule = {"ApplyServerSideEncryptionByDefault": apply, "BucketKeyEnabled": False}
        return {"Rules": [rule]}


def _setting(reader: Reader, bucket: str) -> Members | None:
    stored = reader.setting(bucket, SETTING)
    return None if stored is None else _decode(stored)[_PAYLOAD]


def _put(name: str, configuration: Any, tx: Transaction) -> None:
    """Replace the setting; None: remove it, but for the encryption types that are blocked."""
    bucket = find_bucket(tx, name)
    before = _setting(tx, bucket.name)
    rule: Members = dict(configuration["Rules"][0]) if configuration is not None else {}
    if _BLOCKED not in rule and before is not None and bucket_default(before).blocks_customer_keys:
        rule[_BLOCKED] = {"EncryptionType": [SSE_C]}
    value = _encode({_PAYLOAD: {"Rules": [rule]}}) if rule else None
    tx.put_setting(bucket.name, SETTING, value)
