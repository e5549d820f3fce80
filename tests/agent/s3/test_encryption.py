import base64
import hashlib

import pytest

from s3d.agent.s3 import encryption as sse
from s3d.agent.s3.encryption import BucketDefault, Requested
from s3d.agent.s3.errors import S3Error

KEY = bytes(range(32))
NO_DEFAULT = BucketDefault()


def customer(key=KEY, prefix=sse.TARGET, **changes):
    members = {
        f"{prefix}Algorithm": "AES256",
        f"{prefix}Key": base64.b64encode(key).decode(),
        f"{prefix}KeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }
    return {
        name: value
        for name, value in (members | {f"{prefix}{k}": v for k, v in changes.items()}).items()
        if value is not None
    }


def refusal(call, *arguments, **keywords):
    with pytest.raises(S3Error) as caught:
        call(*arguments, **keywords)
    return caught.value


@pytest.mark.parametrize(
    ("input", "code", "message"),
    [
        (
            customer() | {"ServerSideEncryption": "AES256"},
            "InvalidArgument",
            "incompatible with the encryption method",
        ),
        (
            customer() | {"ServerSideEncryption": "aws:kms"},
            "InvalidArgument",
            "incompatible with the encryption method",
        ),
        (customer(Algorithm=None), "InvalidArgument", "a valid encryption algorithm"),
        (customer(Algorithm="AES192"), "InvalidEncryptionAlgorithmError", "Supported value"),
        (customer(Key=None), "InvalidArgument", "an appropriate secret key"),
        (customer(KeyMD5=None), "InvalidArgument", "calculated MD5 of the secret key"),
        (customer(KeyMD5="AAAAAAAAAAAAAAAAAAAAAA=="), "InvalidArgument", "did not match the hash"),
        (customer(KEY[:24]), "InvalidArgument", "secret key was invalid"),
        (customer(Key="???"), "InvalidArgument", "secret key was invalid"),
        ({"ServerSideEncryption": "aes:kms"}, "InvalidArgument", "method specified is not support"),
        ({"ServerSideEncryption": "aws:fsx"}, "InvalidArgument", "method specified is not support"),
        ({"SSEKMSKeyId": "key"}, "InvalidArgument", "requires HTTP header"),
        (
            {"ServerSideEncryption": "AES256", "SSEKMSKeyId": "key"},
            "InvalidArgument",
            "requires HTTP header",
        ),
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "aws/s3"},
            "KMS.NotFoundException",
            "Invalid keyId 'aws/s3'",
        ),
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "no"},
            "InvalidArgument",
            "string-string map",
        ),
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "eyJhIjogMX0="},
            "InvalidArgument",
            "string-string map",
        ),
    ],
)
def test_wrong_combinations(input, code, message):
    error = refusal(sse.requested, input, NO_DEFAULT)
    assert error.code == code
    assert error.status == 400
    assert message in error.message


KMS_BUCKET = BucketDefault(sse.SSE_KMS, "key-1", has_bucket_key=True)


@pytest.mark.parametrize(
    ("input", "default", "expected"),
    [
        ({}, NO_DEFAULT, None),
        ({}, BucketDefault(sse.SSE_S3), Requested(sse.SSE_S3)),
        ({}, KMS_BUCKET, Requested(sse.SSE_KMS, "key-1", True)),
        ({}, BucketDefault(sse.SSE_KMS), Requested(sse.SSE_KMS, "alias/aws/s3")),
        ({"BucketKeyEnabled": False}, KMS_BUCKET, Requested(sse.SSE_KMS, "key-1")),
        ({"BucketKeyEnabled": True}, NO_DEFAULT, None),
        ({"ServerSideEncryption": "AES256"}, KMS_BUCKET, Requested(sse.SSE_S3)),
        (
            {"ServerSideEncryption": "aws:kms"},
            NO_DEFAULT,
            Requested(sse.SSE_KMS, "alias/aws/s3"),
        ),
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"},
            KMS_BUCKET,
            Requested(sse.SSE_KMS, "k", True),
        ),
        (
            {"ServerSideEncryption": "aws:kms:dsse", "BucketKeyEnabled": True},
            NO_DEFAULT,
            Requested(sse.DSSE_KMS, "alias/aws/s3"),
        ),
    ],
)
def test_what_a_write_gets(input, default, expected):
    assert sse.requested(input, default) == expected


def test_a_customer_key_overrules_the_default_of_the_bucket():
    asked = sse.requested(customer(), KMS_BUCKET)
    assert asked.method == sse.SSE_C
    assert asked.customer_key.key == KEY
    assert asked.headers() == {}
    assert asked.response_members() == {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKeyMD5": customer()["SSECustomerKeyMD5"],
    }


def test_no_key_is_shown_by_accident():
    asked = sse.requested(customer(), NO_DEFAULT)
    assert repr(KEY)[2:-1] not in repr(asked)


def test_a_key_of_another_length_is_the_wrong_key_of_a_read():
    assert sse.customer_key(customer(KEY[:10]), is_read=True).key == KEY[:10]


def test_the_key_of_the_source_of_a_copy():
    members = customer(prefix=sse.COPY_SOURCE)
    assert sse.customer_key(members) is None
    assert sse.customer_key(members, sse.COPY_SOURCE).key == KEY


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("key-1", "key-1"),
        ("arn:aws:kms:us-east-1:000000000000:key/key-1", "key-1"),
        ("alias/mine", "alias/mine"),
        ("arn:aws:kms:us-east-1:000000000000:alias/mine", "alias/mine"),
    ],
)
def test_forms_of_a_kms_key_id(given, name):
    assert sse.key_name(given) == name
    sse.check_members({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": given})


def test_the_default_of_a_bucket():
    apply = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}
    rule = {
        "ApplyServerSideEncryptionByDefault": apply,
        "BucketKeyEnabled": True,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }
    assert sse.bucket_default({"Rules": [rule]}) == BucketDefault(
        sse.SSE_KMS, "k", has_bucket_key=True, blocks_customer_keys=True
    )
    none = {"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}
    assert sse.bucket_default({"Rules": [none]}) == NO_DEFAULT


def test_the_proof_depends_on_key_and_salt():
    key = sse.customer_key(customer())
    other = sse.customer_key(customer(KEY[::-1]))
    proofs = {sse.proof_of(key, b"1"), sse.proof_of(key, b"2"), sse.proof_of(other, b"1")}
    assert len(proofs) == 3
    assert sse.wrapping_key_of(key, b"1") not in {*proofs, KEY}
