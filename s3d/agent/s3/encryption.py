"""Server-side encryption in requests: what their members ask for, and which of them are refused.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-c-encryption.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
Where AWS documents no message, it is the one that clients report of AWS.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members

SSE_C = "SSE-C"
SSE_S3 = "SSE-S3"
SSE_KMS = "SSE-KMS"
DSSE_KMS = "DSSE-KMS"

METHODS: Mapping[str, str] = {"AES256": SSE_S3, "aws:kms": SSE_KMS, "aws:kms:dsse": DSSE_KMS}
"""Value of ServerSideEncryption -> method, by the names of an inventory."""
HEADER_VALUES: Mapping[str, str] = {method: value for value, method in METHODS.items()}

KMS = frozenset({SSE_KMS, DSSE_KMS})
ETAG_IS_NO_MD5 = frozenset({SSE_C, SSE_KMS, DSSE_KMS})
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html"""

AWS_MANAGED_KEY = "alias/aws/s3"
"""The KMS key of requests that name none."""

TARGET = "SSECustomer"
COPY_SOURCE = "CopySourceSSECustomer"
"""How the names of the three members of a customer key begin: of the object that the request reads
or writes, and of the source of a copy."""

_CUSTOMER_KEY_MEMBERS: Mapping[str, frozenset[str]] = {
    prefix: frozenset({f"{prefix}Algorithm", f"{prefix}Key", f"{prefix}KeyMD5"})
    for prefix in (TARGET, COPY_SOURCE)
}

MEMBERS = frozenset(
    {
        "BucketKeyEnabled",
        "SSECustomerAlgorithm",
        "SSECustomerKey",
        "SSECustomerKeyMD5",
        "SSEKMSEncryptionContext",
        "SSEKMSKeyId",
        "ServerSideEncryption",
    }
)
"""Members of a write that are about the encryption of what it writes."""

_PROVIDE = "Requests specifying Server Side Encryption with Customer provided keys must provide "
_KEY_SIZE = 32
_ARGUMENT = "x-amz-server-side-encryption"
"""AWS names this header in errors about all the others, too."""
_ARN = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:"
_KEY_ID = re.compile(rf"{_ARN}key/[\w-]+|({_ARN})?alias/[\w/-]+|[\w-]+", re.ASCII)
_MAX_KEY_ID = 2048
"""Characters: https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html"""


class CustomerKey:
    """The key of a request with SSE-C. Its repr does not show it."""

    __slots__ = ("key", "md5")

    def __init__(self, key: bytes, md5: str) -> None:
        self.key = key
        self.md5 = md5
        """Base64, as in the request."""

    def members(self) -> Members:
        """The members of the response."""
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKeyMD5": self.md5}


class Requested(NamedTuple):
    """The encryption that a write gets."""

    method: str
    kms_key: str = ""
    """Key id, alias or ARN, as it was given."""
    has_bucket_key: bool = False
    customer_key: CustomerKey | None = None
    context: str = ""
    """The KMS encryption context: base64, as in the request."""

    def headers(self) -> Members:
        """The members that GET and HEAD show of the object."""
        if self.method == SSE_C:
            return {}
        members: Members = {"ServerSideEncryption": HEADER_VALUES[self.method]}
        if self.kms_key:
            members["SSEKMSKeyId"] = self.kms_key
        if self.has_bucket_key:
            members["BucketKeyEnabled"] = True
        return members

    def response_members(self) -> Members:
        """The members of the response to the write alone."""
        if self.customer_key is not None:
            return self.customer_key.members()
        return {"SSEKMSEncryptionContext": self.context} if self.context else {}


class BucketDefault(NamedTuple):
    """The encryption setting of a bucket."""

    method: str = ""
    """"": objects are not encrypted unless the request asks for it."""
    kms_key: str = ""
    has_bucket_key: bool = False
    blocks_customer_keys: bool = False

    def requested(self) -> Requested | None:
        """The encryption of a write whose request is silent."""
        if not self.method:
            return None
        if self.method not in KMS:
            return Requested(self.method)
        return Requested(self.method, self.kms_key or AWS_MANAGED_KEY, self.has_bucket_key)


def bucket_default(configuration: Mapping[str, Any]) -> BucketDefault:
    """Read a ServerSideEncryptionConfiguration.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ServerSideEncryptionRule.html
    """
    rule = configuration["Rules"][0]
    apply = rule.get("ApplyServerSideEncryptionByDefault") or {}
    blocked = (rule.get("BlockedEncryptionTypes") or {}).get("EncryptionType") or ()
    return BucketDefault(
        METHODS.get(apply.get("SSEAlgorithm", ""), ""),
        apply.get("KMSMasterKeyID") or "",
        bool(rule.get("BucketKeyEnabled")),
        SSE_C in blocked,
    )


def check_members(input: Mapping[str, Any]) -> None:
    """Refuse combinations of members that no store could carry out. Raises S3Error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    algorithm = input.get("ServerSideEncryption")
    if algorithm is not None:
        if has_customer_key(input):
            message = "Server Side Encryption with Customer provided key is incompatible with the "
            raise _invalid(message + "encryption method specified", algorithm)
        if algorithm not in METHODS:
            raise _invalid("The encryption method specified is not supported", algorithm)
    if METHODS.get(str(algorithm)) in KMS:
        _check_key_id(input.get("SSEKMSKeyId") or AWS_MANAGED_KEY)
        _check_context(input.get("SSEKMSEncryptionContext"))
    elif input.get("SSEKMSKeyId") or input.get("SSEKMSEncryptionContext"):
        message = "Server Side Encryption with AWS KMS managed key requires HTTP header "
        raise _invalid(f"{message}{_ARGUMENT} : aws:kms", str(algorithm or "null"))


def refuse_choice(input: Mapping[str, Any]) -> None:
    """Refuse a request that reads an object or adds a part and says how it is to be encrypted.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    if "ServerSideEncryption" in input:
        message = f"{_ARGUMENT} header is not supported for this operation."
        raise _invalid(message, input["ServerSideEncryption"])


def requested(input: Mapping[str, Any], default: BucketDefault) -> Requested | None:
    """The encryption of a PutObject, CopyObject or CreateMultipartUpload; None: none.

    Raises S3Error; a bucket that blocks customer keys is the caller's to refuse.
    """
    if MEMBERS.isdisjoint(input):
        return default.requested()
    check_members(input)
    key = customer_key(input)
    if key is not None:
        return Requested(SSE_C, customer_key=key)
    algorithm = input.get("ServerSideEncryption")
    if algorithm is None:
        of_bucket = default.requested()
        bucket_key = input.get("BucketKeyEnabled")
        if of_bucket is None or of_bucket.method != SSE_KMS or bucket_key is None:
            return of_bucket
        return of_bucket._replace(has_bucket_key=bool(bucket_key))
    method = METHODS[algorithm]
    if method == SSE_S3:
        return Requested(method)
    bucket_key = input.get("BucketKeyEnabled", default.has_bucket_key)
    return Requested(
        method,
        input.get("SSEKMSKeyId") or AWS_MANAGED_KEY,
        bool(bucket_key) and method == SSE_KMS,
        context=input.get("SSEKMSEncryptionContext") or "",
    )


def requested_by_headers(headers: Mapping[str, Any]) -> Requested | None:
    """The encryption of an object whose GET and HEAD show these members; None: none, or SSE-C."""
    method = METHODS.get(headers.get("ServerSideEncryption", ""))
    if method is None:
        return None
    bucket_key = bool(headers.get("BucketKeyEnabled"))
    return Requested(method, headers.get("SSEKMSKeyId", ""), bucket_key)


def has_customer_key(input: Mapping[str, Any], prefix: str = TARGET) -> bool:
    """Whether the request has any of the three members of a customer key."""
    names = _CUSTOMER_KEY_MEMBERS[prefix]
    return not names.isdisjoint(input) and any(input.get(name) for name in names)


def customer_key(
    input: Mapping[str, Any], prefix: str = TARGET, *, is_read: bool = False
) -> CustomerKey | None:
    """The customer key of a request; None: it has none. Raises S3Error for an invalid one.

    is_read: a key of another length is the wrong key then, which its comparison shows.
    """
    if not has_customer_key(input, prefix):
        return None
    algorithm, text = input.get(f"{prefix}Algorithm"), input.get(f"{prefix}Key")
    if not algorithm:
        raise missing_algorithm()
    if algorithm != "AES256":
        message = "The Encryption request you specified is not valid. Supported value: AES256."
        raise S3Error(
            "InvalidEncryptionAlgorithmError",
            message,
            ArgumentName=_ARGUMENT,
            ArgumentValue=algorithm,
        )
    if not text:
        raise _invalid(_PROVIDE + "an appropriate secret key.")
    md5 = input.get(f"{prefix}KeyMD5")
    if not md5:
        raise _invalid(_PROVIDE + "the client calculated MD5 of the secret key.")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("The secret key was invalid for the specified algorithm.") from None
    if base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode() != md5:
        message = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise _invalid(message)
    if len(key) != _KEY_SIZE and not is_read:
        raise _invalid("The secret key was invalid for the specified algorithm.")
    return CustomerKey(key, md5)


def missing_algorithm() -> S3Error:
    """The error for a request that lacks the members of a customer key, or the first of them."""
    return _invalid(_PROVIDE + "a valid encryption algorithm.")


def key_name(kms_key: str) -> str:
    """One name for the forms of a KMS key id: ID for `key/ID` of an ARN, and `alias/NAME`."""
    _, found, resource = kms_key.partition(":kms:")
    if not found:
        return kms_key
    return resource.split(":", 2)[-1].removeprefix("key/")


def proof_of(key: CustomerKey, salt: bytes) -> bytes:
    """The salted HMAC by which a later request's customer key is recognised.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
    """
    return hmac.digest(key.key, b"s3d customer key check" + salt, hashlib.sha256)


def wrapping_key_of(key: CustomerKey, salt: bytes) -> bytes:
    """The key that wraps the data keys of an object: derived, so that each object has its own."""
    return hmac.digest(key.key, b"s3d customer key wrap" + salt, hashlib.sha256)


def blocked(op: str, bucket: str, key: str) -> S3Error:
    """The error for a customer key in a bucket that blocks them.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
    """
    return S3Error(
        "AccessDenied",
        f"The user is not authorized to perform: s3:{op} on resource: "
        f'"arn:aws:s3:::{bucket}/{key}" '
        "because this bucket has blocked upload requests that specify Server Side Encryption with "
        "Customer provided keys (SSE-C). Please specify a different server-side encryption type",
    )


def _check_key_id(key: str) -> None:
    if len(key) > _MAX_KEY_ID or not _KEY_ID.fullmatch(key):
        raise S3Error("KMS.NotFoundException", f"Invalid keyId '{key[:100]}'")


def _check_context(context: str | None) -> None:
    if not context:
        return
    try:
        msgspec.json.decode(base64.b64decode(context, validate=True), type=dict[str, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise S3Error(
            "InvalidArgument",
            f"The header '{_ARGUMENT}-context' shall be Base64-encoded UTF-8 string holding JSON "
            "which represents a string-string map",
            ArgumentName=f"{_ARGUMENT}-context",
            ArgumentValue=context,
        ) from None


def _invalid(message: str, value: str = "null") -> S3Error:
    return S3Error("InvalidArgument", message, ArgumentName=_ARGUMENT, ArgumentValue=value)
