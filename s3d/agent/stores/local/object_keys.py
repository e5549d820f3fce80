"""The keys of encrypted objects: those that a write gets, and those that a read needs.

Each blob has a data key of its own (storage/encrypted_blocks.py). What wraps it is a key of the key
ring (SSE-S3, SSE-KMS) or is derived from the customer's key (SSE-C), of which a salted HMAC is kept
and nothing else. https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from s3d.agent.s3 import encryption as sse
from s3d.agent.s3.encryption import BucketDefault, CustomerKey, Requested
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request
from s3d.agent.s3.object_headers import ENCRYPTION
from s3d.agent.storage.encrypted_blocks import BlobEncryptor, KeyUnavailable
from s3d.agent.storage.index import Index
from s3d.agent.storage.key_ring import KeyRing, RingKey
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    Description,
    Encryption,
    ObjectRecord,
    UploadRecord,
)
from s3d.agent.storage.transaction import Transaction

SETTING = "encryption"
"""Query word of the setting of a bucket."""

_SSE_S3_KEY = "AES256"
"""Name of the keys of SSE-S3 in the key ring."""
_STORE = ""
"""The settings of no bucket are those of the store."""
_KEY_CHECKS = "key-ring"
"""Setting: id of each key that objects may need -> RingKey.check."""
_SALT = 16
_UNUSED = "BucketKeyEnabled"
"""The member that a request may have without asking for an encryption."""

_decode_setting: Callable[[bytes], Members] = msgspec.msgpack.Decoder(Members).decode
_decode_checks = msgspec.msgpack.Decoder(dict[str, bytes]).decode


class WriteKey:
    """How the bytes of one write are encrypted. Its repr shows no key."""

    __slots__ = ("encryption", "wrapping_key")

    def __init__(self, encryption: Encryption, wrapping_key: bytes) -> None:
        self.encryption = encryption
        self.wrapping_key = wrapping_key

    @property
    def etag_is_no_md5(self) -> bool:
        return self.encryption.method in sse.ETAG_IS_NO_MD5

    def encryptor(self, part: int = 0) -> BlobEncryptor:
        """For a new blob; part: its number, 0 for an object without parts."""
        return BlobEncryptor(self.wrapping_key, part)


class ObjectKeys:
    """Finds and makes the keys. Belongs to one event loop."""

    def __init__(self, index: Index, ring: KeyRing | None = None, default: str = "") -> None:
        """ring: None for a staging area, which stores what it is given and encrypts nothing.

        default: the method of objects for which neither request nor bucket asks for one.
        """
        self._index = index
        self._ring = ring
        self.default = BucketDefault(default)
        self._default_of = index.per_bucket(self._read_default)
        self.encrypts: Callable[[str], bool | None] = index.per_bucket(self._read_encrypts)
        """Whether what is written into a bucket is encrypted when its request is silent."""
        self._checks: dict[str, bytes] = {}
        self._making = asyncio.Lock()

    def load(self) -> list[str]:
        """Read the key ring, and say what is wrong with it. Raises OSError."""
        if self._ring is None:
            return []
        self._checks = self._index.read_inline(_read_checks)
        return load_ring(self._index, self._ring)

    def requested(self, request: S3Request[Members]) -> Requested | None:
        """The encryption of a PutObject, CopyObject or CreateMultipartUpload; None: none.

        The bucket must exist. Raises S3Error for what AWS refuses.
        """
        input = request.input
        if self._ring is None:
            if sse.has_customer_key(input):
                raise S3Error("NotImplemented", "a staging area has no customer keys")
            sse.check_members(input)
            return None
        default = self._default(request.bucket)
        chosen = sse.requested(input, default)
        if chosen is not None and chosen.method == sse.SSE_C and default.blocks_customer_keys:
            raise sse.blocked(request.op.name, request.bucket, request.key)
        return chosen

    def of_copy(self, request: S3Request[Members], source: ObjectRecord) -> Requested | None:
        """The encryption of a CopyObject; None: none. Raises S3Error like requested().

        A client says in its request how a copy is encrypted. A copy that the agent makes itself (a
        move, a restored version, a renamed file) must not lose the encryption of its source.
        """
        chosen = self.requested(request)
        if chosen is not None or self._ring is None or request.context.principal is not None:
            return chosen
        return sse.requested_by_headers(source.description.headers)

    def described(self, description: Description, chosen: Requested | None) -> Description:
        """The description of an object with the encryption that it has got."""
        if self._ring is None or (chosen is None and _UNUSED not in description.headers):
            return description
        headers = {k: v for k, v in description.headers.items() if k not in ENCRYPTION}
        return replace(description, headers=headers | (chosen.headers() if chosen else {}))

    async def of_write(self, chosen: Requested) -> WriteKey:
        """The key of a new object or upload. Raises S3Error when a new key cannot be stored."""
        if chosen.customer_key is not None:
            salt = secrets.token_bytes(_SALT)
            proof = sse.proof_of(chosen.customer_key, salt)
            record = Encryption(chosen.method, salt=salt, proof=proof)
            return WriteKey(record, sse.wrapping_key_of(chosen.customer_key, salt))
        name = _SSE_S3_KEY if chosen.method == sse.SSE_S3 else sse.key_name(chosen.kms_key)
        key = await self._named(name)
        return WriteKey(Encryption(chosen.method, key.id), key.key)

    def of_part(self, request: S3Request[Members], upload: UploadRecord) -> WriteKey | None:
        """The key of a part of an upload. Raises S3Error when the request has not the same one.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
        """
        input = request.input
        if self._ring is not None:
            sse.refuse_choice(input)
        encryption = upload.encryption
        if encryption is None or encryption.method != sse.SSE_C:
            if sse.has_customer_key(input):
                raise _not_of_the_upload()
            if encryption is None:
                return None
            return WriteKey(encryption, self.wrapping_key(encryption, None))
        customer = sse.customer_key(input)
        if customer is None:
            raise _not_of_the_upload()
        _check_part_key(customer, encryption)
        if self._default(request.bucket).blocks_customer_keys:
            raise sse.blocked("PutObject", request.bucket, request.key)
        return WriteKey(encryption, self.wrapping_key(encryption, customer))

    def of_append(self, request: S3Request[Members], record: ObjectRecord) -> WriteKey | None:
        """The key of bytes that are appended to an object: its own. Raises S3Error when the request
        asks for another encryption, or has not the customer's key."""
        input, encryption = request.input, record.encryption
        if self._ring is not None:
            sse.check_members(input)
        chosen = sse.requested(input, BucketDefault())
        if encryption is None:
            if chosen is not None:
                raise _not_of_the_object()
            return None
        if encryption.method != sse.SSE_C:
            shown = sse.requested_by_headers(record.description.headers)
            if chosen is not None and not _is_same(chosen, shown):
                raise _not_of_the_object()
            return WriteKey(encryption, self.wrapping_key(encryption, None))
        customer = customer_key_of_read(input, record)
        if self._default(request.bucket).blocks_customer_keys:
            raise sse.blocked("PutObject", request.bucket, request.key)
        return WriteKey(encryption, self.wrapping_key(encryption, customer))

    def wrapping_key(self, encryption: Encryption, customer: CustomerKey | None) -> bytes:
        """What wraps the data keys of an object. Raises KeyUnavailable.

        customer: the key of the request, which is known to be the right one.
        """
        if customer is not None:
            return sse.wrapping_key_of(customer, encryption.salt)
        if self._ring is None:
            raise KeyUnavailable("there is no key ring")
        return self._ring.key(encryption.key_id).key

    def _default(self, bucket: str) -> BucketDefault:
        return self._default_of(bucket) or self.default

    def _read_default(self, reader: Reader, bucket: str) -> BucketDefault:
        stored = reader.setting(bucket, SETTING)
        if stored is None:
            return self.default
        default = sse.bucket_default(_decode_setting(stored)["ServerSideEncryptionConfiguration"])
        return default if default.method else default._replace(method=self.default.method)

    def _read_encrypts(self, reader: Reader, bucket: str) -> bool:
        return self._ring is not None and bool(self._read_default(reader, bucket).method)

    async def _named(self, name: str) -> RingKey:
        """The key for new objects; it is made, and the index knows it, before it is used."""
        assert self._ring is not None
        key = self._ring.named(name)
        if key is not None and key.id in self._checks:
            return key
        async with self._making:
            key = self._ring.named(name)
            if key is None:
                with self._index.disk.translate_errors():
                    key = await asyncio.to_thread(self._ring.create, name)
            checks = self._checks | {key.id: key.check}
            await self._index.write(partial(_put_checks, checks))
            self._checks = checks
            self._ring.add(key)
        return key


def load_ring(index: Index, ring: KeyRing) -> list[str]:
    """Read a key ring, and say what is wrong with it or missing from it. Raises OSError."""
    ring.load()
    return [*ring.problems, *ring.missing(index.read_inline(_read_checks))]


def customer_key_of_read(
    input: Mapping[str, Any], record: ObjectRecord, prefix: str = sse.TARGET
) -> CustomerKey | None:
    """The customer key that a request must have to read an object; None: it needs none.

    Raises InvalidRequest when the request has none or must have none, AccessDenied for a wrong one.
    """
    if prefix == sse.TARGET:
        sse.refuse_choice(input)
    encryption = record.encryption
    if encryption is None or encryption.method != sse.SSE_C:
        if sse.has_customer_key(input, prefix):
            sse.customer_key(input, prefix, is_read=True)
            message = "The encryption parameters are not applicable to this object."
            raise S3Error("InvalidRequest", message)
        return None
    customer = sse.customer_key(input, prefix, is_read=True)
    if customer is None:
        raise S3Error(
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption. The correct parameters "
            "must be provided to retrieve the object.",
        )
    if not _matches(customer, encryption):
        raise S3Error(
            "AccessDenied",
            "Requests specifying Server Side Encryption with Customer provided keys must provide "
            "the correct secret key.",
        )
    return customer


def check_completion(input: Mapping[str, Any], upload: UploadRecord) -> None:
    """Check the customer key of a CompleteMultipartUpload.

    It may be missing, unless parts have checksums.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    encryption, customer = upload.encryption, sse.customer_key(input)
    if encryption is None or encryption.method != sse.SSE_C:
        if customer is not None:
            raise _not_of_the_upload()
    elif customer is not None:
        _check_part_key(customer, encryption)
    elif upload.checksum_algorithm:
        raise sse.missing_algorithm()


def completion_headers(input: Mapping[str, Any]) -> dict[str, str]:
    """Headers of the response to CompleteMultipartUpload about the customer key of the request.

    The model of the operation lacks them.
    """
    if not sse.has_customer_key(input):
        return {}
    name = "x-amz-server-side-encryption-customer-"
    return {
        f"{name}algorithm": input["SSECustomerAlgorithm"],
        f"{name}key-MD5": input["SSECustomerKeyMD5"],
    }


def customer_key_members(input: Mapping[str, Any], encryption: Encryption | None) -> Members:
    """The members about the customer key in the response to a part or an append, whose key was
    checked. encryption: of the upload or object."""
    if encryption is None or encryption.method != sse.SSE_C:
        return {}
    return {
        "SSECustomerAlgorithm": input["SSECustomerAlgorithm"],
        "SSECustomerKeyMD5": input["SSECustomerKeyMD5"],
    }


def _check_part_key(customer: CustomerKey, encryption: Encryption) -> None:
    if not _matches(customer, encryption):
        message = "The provided encryption parameters did not match the ones used originally."
        raise S3Error("InvalidRequest", message)


def _matches(customer: CustomerKey, encryption: Encryption) -> bool:
    return hmac.compare_digest(sse.proof_of(customer, encryption.salt), encryption.proof)


def _is_same(chosen: Requested, shown: Requested | None) -> bool:
    return shown is not None and (chosen.method, sse.key_name(chosen.kms_key)) == (
        shown.method,
        sse.key_name(shown.kms_key),
    )


def _not_of_the_object() -> S3Error:
    return S3Error(
        "InvalidRequest",
        "The encryption parameters of an append must be those of the object that it appends to.",
    )


def _not_of_the_upload() -> S3Error:
    return S3Error(
        "InvalidRequest",
        "The multipart upload initiate requested encryption. Subsequent part requests must include "
        "the appropriate encryption parameters.",
    )


def _read_checks(reader: Reader) -> dict[str, bytes]:
    stored = reader.setting(_STORE, _KEY_CHECKS)
    return {} if stored is None else _decode_checks(stored)


def _put_checks(checks: dict[str, bytes], tx: Transaction) -> None:
    tx.put_setting(_STORE, _KEY_CHECKS, msgspec.msgpack.encode(checks))
