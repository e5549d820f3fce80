"""UpdateObjectEncryption: another key for an object, without reading or writing its bytes.

Only the data keys are encrypted again, by the other wrapping key. ETag, times and version stay.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_UpdateObjectEncryption.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec.structs import replace

from s3d.agent.core.store import operation
from s3d.agent.s3.encryption import SSE_KMS, SSE_S3, Requested
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.object_lock import check_deletion
from s3d.agent.storage.encrypted_blocks import rewrapped
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Extent, Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.annotation_encryption import AnnotationEncryption
from s3d.agent.stores.local.lookup import find_bucket, find_version, put_revised
from s3d.agent.stores.local.object_keys import ObjectKeys, WriteKey
from s3d.agent.stores.local.setting_rules import check_elements

_KEY_ARN = re.compile(r"arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+", re.ASCII)
_NAME = "The UpdateObjectEncryption operation doesn't support"
_SUPPORTED = "Only source objects encrypted with SSE-S3 or SSE-KMS are supported."


class UpdateEncryptionOps:
    """Handler of UpdateObjectEncryption."""

    def __init__(
        self,
        index: Index,
        keys: ObjectKeys,
        annotations: AnnotationEncryption,
        clock: Callable[[], float],
    ) -> None:
        """clock: Unix seconds."""
        self._index = index
        self._keys = keys
        self._annotations = annotations
        self._clock = clock

    @operation("UpdateObjectEncryption")
    async def update_object_encryption(self, request: S3Request[Members]) -> S3Response[Members]:
        check_elements(request)
        chosen = _chosen(request.input)
        find = partial(_find, request, self._clock())
        before = self._index.read_inline(find)
        encryption = before.record.encryption
        assert encryption is not None
        old = self._keys.wrapping_key(encryption, None)
        key = await self._keys.of_write(chosen)
        extents = await asyncio.to_thread(_rewrapped, before.layout.extents, old, key)
        description = self._keys.described(before.record.description, chosen)

        def update(tx: Transaction) -> None:
            stored = find(tx)
            if stored.layout != before.layout or stored.record.encryption != encryption:
                raise S3Error("OperationAborted")
            changed = replace(stored.record.description, headers=description.headers)
            record = replace(stored.record, description=changed, encryption=key.encryption)
            layout = replace(stored.layout, extents=extents)
            bucket = find_bucket(tx, request.bucket)
            put_revised(tx, bucket, stored, record, layout)
            self._annotations.encrypt_again(tx, bucket.name, record, key)

        await self._index.write(update)
        return S3Response({})


def _chosen(input: Members) -> Requested:
    """The encryption that the object gets. Raises MalformedXML, InvalidRequest."""
    given: Any = (input.get("ObjectEncryption") or {}).get("SSEKMS")
    if not given or not given.get("KMSKeyArn"):
        raise S3Error("MalformedXML")
    arn = given["KMSKeyArn"]
    if not _KEY_ARN.fullmatch(arn):
        raise S3Error("InvalidRequest", "KMSKeyArn must be the ARN of a KMS key.")
    return Requested(SSE_KMS, arn, bool(given.get("BucketKeyEnabled")))


def _find(request: S3Request[Members], now: float, reader: Reader) -> Stored:
    """The version. Raises like find_version, and for one whose key cannot be changed."""
    bucket = find_bucket(reader, request.bucket)
    stored = find_version(reader, bucket, request.key, request.input.get("VersionId"))
    encryption = stored.record.encryption
    if encryption is None:
        raise S3Error("InvalidRequest", f"{_NAME} unencrypted source objects. {_SUPPORTED}")
    if encryption.method not in (SSE_S3, SSE_KMS):
        message = f"{_NAME} source objects with the encryption type DSSE-KMS or SSE-C. "
        raise S3Error("InvalidRequest", message + _SUPPORTED)
    check_deletion(stored.record.description.headers, may_bypass=False, now=now)
    return stored


def _rewrapped(extents: tuple[Extent, ...], old: bytes, key: WriteKey) -> tuple[Extent, ...]:
    """In a thread. Raises KeyUnavailable."""
    return tuple(
        replace(each, data_key=rewrapped(each.data_key, old, key.wrapping_key))
        for each in extents
        if each.data_key is not None
    )
