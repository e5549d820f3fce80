"""The encryption of annotations: those of an encrypted object are encrypted as it is.

Requests for annotations have no members for a customer's key, so those of an object with SSE-C are
encrypted with the key of SSE-S3. Each annotation names its own key, and has a data key like a blob.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAnnotation.html
"""

from __future__ import annotations

from msgspec.structs import replace

from s3d.agent.s3.encryption import HEADER_VALUES, SSE_C, SSE_S3, Requested
from s3d.agent.s3.messages import Members
from s3d.agent.storage.annotation_rows import AnnotationRecord, all_annotations, put_annotation
from s3d.agent.storage.encrypted_blocks import BlobDecryptor, rewrapped
from s3d.agent.storage.records import Encryption, ObjectRecord
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.object_keys import ObjectKeys, WriteKey


class AnnotationEncryption:
    """Encrypts and decrypts annotations."""

    def __init__(self, keys: ObjectKeys) -> None:
        self._keys = keys

    async def key_of(self, encryption: Encryption | None) -> WriteKey | None:
        """The key of annotations of an object with this encryption; None: they stay in plain.

        Raises S3Error when a new key cannot be stored, KeyUnavailable for a lost one.
        """
        if encryption is None:
            return None
        if encryption.method == SSE_C:
            return await self._keys.of_write(Requested(SSE_S3))
        return WriteKey(encryption, self._keys.wrapping_key(encryption, None))

    def decrypted(self, record: AnnotationRecord, stored: bytes) -> bytes:
        """The payload of what is stored. Raises KeyUnavailable, StoredDataCorrupt."""
        if record.encryption is None or record.data_key is None:
            return stored
        wrapping_key = self._keys.wrapping_key(record.encryption, None)
        return BlobDecryptor(wrapping_key, record.data_key).decrypt(stored, 0, record.size)

    def encrypt_again(
        self, tx: Transaction, bucket: str, record: ObjectRecord, key: WriteKey | None
    ) -> None:
        """Give all annotations of a version this key; None: store them in plain.

        Where they have another key, only their data keys are encrypted again.
        """
        new = None if key is None else key.encryption
        for old, stored in all_annotations(tx, bucket, record):
            if old.encryption == new:
                continue
            if key is not None and old.encryption is not None and old.data_key is not None:
                wrapping_key = self._keys.wrapping_key(old.encryption, None)
                data_key = rewrapped(old.data_key, wrapping_key, key.wrapping_key)
                changed, kept = replace(old, encryption=new, data_key=data_key), stored
            else:
                changed, kept = encrypted(old, self.decrypted(old, stored), key)
            put_annotation(tx, bucket, record, changed, kept)


def encrypted(
    record: AnnotationRecord, payload: bytes, key: WriteKey | None
) -> tuple[AnnotationRecord, bytes]:
    """An annotation as it is to be stored with this key; None: in plain."""
    if key is None:
        return replace(record, encryption=None, data_key=None), payload
    encryptor = key.encryptor()
    stored = encryptor.update(payload) + encryptor.finish()
    data_key = encryptor.data_key()
    return replace(record, encryption=key.encryption, data_key=data_key), stored


def encryption_members(record: AnnotationRecord) -> Members:
    """The members of responses."""
    if record.encryption is None:
        return {}
    return {"ServerSideEncryption": HEADER_VALUES[record.encryption.method]}
