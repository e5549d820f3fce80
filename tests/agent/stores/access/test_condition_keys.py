from datetime import UTC, datetime

import pytest

from s3d.agent.s3.messages import PostedForm, RequestContext, S3Request, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.policy_conditions import S3_KEYS
from s3d.agent.s3.policy_patterns import key_of
from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.stores.access.condition_keys import _MEMBERS, _READERS, ConditionKeys
from tests.agent.stores.access.conftest import ALT, MAIN

NOW = 1_000_000_000.0
UNTIL = datetime.fromtimestamp(NOW + 10 * 86_400 + 5, UTC)
WIRE = WireRequest(
    "PUT",
    "/b/k",
    "",
    (
        ("user-agent", "agent/1"),
        ("referer", "http://example.com/"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=..."),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ),
)


def keys(operation="PutObject", caller=ALT, wire=WIRE, tags=None, version_id="", **members):
    context = RequestContext("ID", caller, client_address="192.0.2.1")
    request = S3Request(operations()[operation], members, None, wire, context)
    found = ConditionKeys(
        request, now=NOW, account="111122223333", tags=lambda: tags or {}, version_id=version_id
    )
    return lambda name: found(key_of(name))


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("aws:SourceIp", ["192.0.2.1"]),
        ("aws:SecureTransport", ["false"]),
        ("aws:CurrentTime", ["2001-09-09T01:46:40+00:00"]),
        ("aws:EpochTime", ["1000000000"]),
        ("aws:UserAgent", ["agent/1"]),
        ("aws:Referer", ["http://example.com/"]),
        ("aws:PrincipalArn", [ALT.arn]),
        ("aws:PrincipalAccount", [ALT.account_id]),
        ("aws:PrincipalType", ["User"]),
        ("aws:username", ["alt"]),
        ("aws:userid", ["ALT"]),
        ("aws:ResourceAccount", ["111122223333"]),
        ("aws:SourceVpc", None),
        ("aws:MultiFactorAuthPresent", None),
        ("s3:authType", ["REST-HEADER"]),
        ("s3:signatureversion", ["AWS4-HMAC-SHA256"]),
        ("s3:signatureAge", None),
        ("s3:x-amz-content-sha256", ["UNSIGNED-PAYLOAD"]),
        ("s3:ObjectCreationOperation", ["true"]),
        ("s3:x-amz-acl", None),
        ("s3:ExistingObjectTag/a", None),
        ("s3:RequestObjectTagKeys", None),
        ("s3:prefix", None),
    ],
)
def test_the_keys_of_a_plain_request(key, values):
    assert keys()(key) == values


@pytest.mark.parametrize(
    ("members", "key", "values"),
    [
        ({"ACL": "public-read"}, "s3:x-amz-acl", ["public-read"]),
        ({"GrantRead": "id=x"}, "s3:x-amz-grant-read", ["id=x"]),
        ({"ServerSideEncryption": "AES256"}, "s3:x-amz-server-side-encryption", ["AES256"]),
        ({"StorageClass": "GLACIER"}, "s3:x-amz-storage-class", ["GLACIER"]),
        ({"Tagging": "a=b&c="}, "s3:RequestObjectTag/a", ["b"]),
        ({"Tagging": "a=b&c="}, "s3:RequestObjectTag/A", None),
        ({"Tagging": "a=b&c="}, "s3:RequestObjectTagKeys", ["a", "c"]),
        ({"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}, "s3:RequestObjectTag/a", ["b"]),
        ({"MaxKeys": 5}, "s3:max-keys", ["5"]),
        ({"Prefix": ""}, "s3:prefix", [""]),
        ({"ObjectLockMode": "GOVERNANCE"}, "s3:object-lock-mode", ["GOVERNANCE"]),
        ({"Retention": {"Mode": "COMPLIANCE"}}, "s3:object-lock-mode", ["COMPLIANCE"]),
        ({"LegalHold": {"Status": "ON"}}, "s3:object-lock-legal-hold", ["ON"]),
        (
            {"ObjectLockRetainUntilDate": UNTIL},
            "s3:object-lock-remaining-retention-days",
            ["10"],
        ),
        (
            {"Retention": {"RetainUntilDate": UNTIL}},
            "s3:object-lock-retain-until-date",
            [UNTIL.isoformat()],
        ),
        ({"CopySource": "/b/a%20k"}, "s3:x-amz-copy-source", ["b/a k", "/b/a k"]),
        (
            {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}},
            "s3:LocationConstraint",
            ["eu-west-1"],
        ),
    ],
)
def test_the_keys_of_members(members, key, values):
    assert keys(**members)(key) == values


def test_the_object_that_is_there():
    found = keys(tags={"Stage": "test"}, version_id="v")
    assert found("s3:ExistingObjectTag/Stage") == ["test"]
    assert found("s3:ExistingObjectTag/stage") is None
    assert found("s3:VersionId") == ["v"]


def test_who_has_no_name():
    assert keys(caller=MAIN)("aws:username") is None
    assert keys(caller=MAIN)("aws:PrincipalType") == ["Account"]
    nobody = keys(caller=ANONYMOUS)
    assert nobody("aws:PrincipalType") == ["Anonymous"]
    assert nobody("aws:userid") == ["anonymous"]
    for key in ("aws:PrincipalArn", "aws:PrincipalAccount", "s3:authType"):
        assert nobody(key) is None


def test_presigned_urls_and_forms():
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20010909T014638Z"
    presigned = keys(wire=WireRequest("GET", "/b/k", query, ()))
    assert presigned("s3:authType") == ["REST-QUERY-STRING"]
    assert presigned("s3:signatureversion") == ["AWS4-HMAC-SHA256"]
    assert presigned("s3:signatureAge") == ["2000"]
    old = keys(wire=WireRequest("GET", "/b/k", "Signature=x&X-Amz-Date=never", ()))
    assert old("s3:signatureversion") == ["AWS"]
    assert old("s3:signatureAge") is None
    assert keys(wire=None)("s3:authType") == ["POST"]


def test_the_keys_are_those_that_policies_may_name():
    names = {key for key in (*_MEMBERS, *_READERS) if key.startswith("s3:")}
    assert names <= S3_KEYS


def test_a_presigned_url_signs_no_hash_unless_it_has_one():
    """AWS's example that denies uploads of which the payload is not signed relies on it."""
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=s"
    presigned = WireRequest("PUT", "/b/k", query, ())
    assert keys(wire=presigned)("s3:x-amz-content-sha256") == ["UNSIGNED-PAYLOAD"]
    for wire in (
        WireRequest("PUT", "/b/k", query, (("x-amz-content-sha256", "h"),)),
        WireRequest("PUT", "/b/k", f"{query}&X-Amz-Content-Sha256=h", ()),
    ):
        assert keys(wire=wire)("s3:x-amz-content-sha256") == ["h"]


SIGNED = (
    ("authorization", "AWS4-HMAC-SHA256 Credential=..."),
    ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
)
V4, V2 = "X-Amz-Signature=s&X-Amz-Credential=c", "Signature=s&AWSAccessKeyId=k&Expires=9"


@pytest.mark.parametrize(
    ("query", "headers", "kind", "version", "sha256"),
    [
        # a presigned URL, with a header that it does not need
        (V4, (("authorization", "Bearer x"),), "REST-QUERY-STRING", "AWS4-HMAC-SHA256",
         ["UNSIGNED-PAYLOAD"]),
        # a presigned URL of Version 2, with a word of Version 4
        (f"{V2}&x-amz-algorithm=AWS4-HMAC-SHA256", (), "REST-QUERY-STRING", "AWS", None),
        # a signed request, with words of a presigned one in lower case, which prove nothing
        ("x-amz-signature=s&x-amz-content-sha256=h&x-amz-date=20010909T014638Z", SIGNED,
         "REST-HEADER", "AWS4-HMAC-SHA256", ["UNSIGNED-PAYLOAD"]),
    ],
)  # fmt: skip
def test_a_request_cannot_look_like_another_one(query, headers, kind, version, sha256):
    """Policies that deny presigned URLs, Version 2 or unsigned payloads rely on it."""
    found = keys(wire=WireRequest("PUT", "/b/k", query, headers))
    assert found("s3:authType") == [kind]
    assert found("s3:signatureversion") == [version]
    assert found("s3:x-amz-content-sha256") == sha256
    assert found("s3:signatureAge") is None


def test_the_source_of_a_copy_is_compared_as_it_is_read():
    """A plus sign is a space there."""
    found = keys("CopyObject", CopySource="b/a+k%2B?versionId=x%20y")
    assert found("s3:x-amz-copy-source") == ["b/a k+?versionId=x y", "/b/a k+?versionId=x y"]


def test_the_signature_of_a_form():
    for version in ("AWS", "AWS4-HMAC-SHA256"):
        context = RequestContext("ID", ALT, form=PostedForm((), version))
        request = S3Request(operations()["PutObject"], {}, None, None, context)
        found = ConditionKeys(request, now=NOW, account="111122223333")
        assert found("s3:signatureversion") == [version]
        assert found("s3:authtype") == ["POST"]


def test_the_age_of_a_presigned_url_in_another_spelling():
    query = "x-amz-algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&x-amz-date=20010909T014638Z"
    presigned = keys(wire=WireRequest("GET", "/b/k", query, ()))
    assert presigned("s3:signatureAge") == ["2000"]
    assert presigned("s3:signatureversion") == ["AWS4-HMAC-SHA256"]
