"""setting_rules: tables of what is taken and what is refused."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.local import setting_rules as rules

GET = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}


def sse(**default: str) -> dict:
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}


def lock(**default: object) -> dict:
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}


def routed(redirect: dict) -> dict:
    return {"IndexDocument": {"Suffix": "i"}, "RoutingRules": [{"Redirect": redirect}]}


TAKEN = [
    (rules.check_cors, {"CORSRules": [{**GET, "ExposeHeaders": ["x-amz-meta-a", "*"]}]}),
    (rules.check_website, routed({"HostName": "a.example:8080", "HttpRedirectCode": "302"})),
    (rules.check_accelerate, {"Status": "Enabled"}),
    (rules.check_cors, {"CORSRules": [GET] * 100}),
    (rules.check_cors, {"CORSRules": [{**GET, "AllowedHeaders": ["x-*"]}]}),
    (rules.check_encryption, sse(SSEAlgorithm="AES256")),
    (rules.check_encryption, sse(SSEAlgorithm="aws:kms", KMSMasterKeyID="key")),
    (rules.check_encryption, {"Rules": [{"BucketKeyEnabled": True}]}),
    (rules.check_object_lock, {"ObjectLockEnabled": "Enabled"}),
    (rules.check_object_lock, lock(Mode="GOVERNANCE", Years=1)),
    (rules.check_ownership, {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
    (rules.check_website, {"IndexDocument": {"Suffix": "index.html"}}),
    (rules.check_website, {"RedirectAllRequestsTo": {"HostName": "example.com"}}),
]

REFUSED = [
    (rules.check_accelerate, {}, "MalformedXML"),
    (rules.check_cors, {"CORSRules": []}, "MalformedXML"),
    (rules.check_cors, {"CORSRules": [GET] * 101}, "MalformedXML"),
    (rules.check_cors, {"CORSRules": [{**GET, "AllowedOrigins": []}]}, "MalformedXML"),
    (rules.check_cors, {"CORSRules": [{**GET, "AllowedMethods": ["get"]}]}, "InvalidRequest"),
    (rules.check_cors, {"CORSRules": [{**GET, "AllowedHeaders": ["*-*"]}]}, "InvalidRequest"),
    (rules.check_cors, {"CORSRules": [{**GET, "ExposeHeaders": ["x\r\ny: z"]}]}, "InvalidRequest"),
    (rules.check_encryption, {"Rules": [{}, {}]}, "MalformedXML"),
    (rules.check_encryption, sse(SSEAlgorithm="rot13"), "MalformedXML"),
    (rules.check_encryption, sse(SSEAlgorithm="AES256", KMSMasterKeyID="k"), "InvalidArgument"),
    (rules.check_object_lock, {}, "MalformedXML"),
    (rules.check_object_lock, lock(), "MalformedXML"),
    (rules.check_object_lock, lock(Mode="GOVERNANCE"), "MalformedXML"),
    (rules.check_object_lock, lock(Mode="GOVERNANCE", Days=0), "InvalidArgument"),
    (rules.check_ownership, {"Rules": [{}, {}]}, "MalformedXML"),
    (rules.check_website, {}, "InvalidArgument"),
    (rules.check_website, {"RedirectAllRequestsTo": {"HostName": "a\r\nb"}}, "InvalidRequest"),
    (rules.check_website, routed({"HostName": "a b"}), "InvalidRequest"),
    (rules.check_website, routed({"HttpRedirectCode": "300"}), "InvalidRequest"),
    (rules.check_website, routed({"HttpRedirectCode": "found"}), "InvalidRequest"),
    (rules.check_website, {"IndexDocument": {"Suffix": "a/b"}}, "InvalidArgument"),
    (
        rules.check_website,
        {"RedirectAllRequestsTo": {"HostName": "h"}, "RoutingRules": []},
        "InvalidArgument",
    ),
]


@pytest.mark.parametrize(("check", "value"), TAKEN)
def test_taken(check, value):
    assert check(value) is None


@pytest.mark.parametrize(("check", "value", "code"), REFUSED)
def test_refused(check, value, code):
    with pytest.raises(S3Error) as caught:
        check(value)
    assert caught.value.code == code


def test_a_put_without_its_payload_is_malformed():
    put = operations()["PutBucketCors"]
    assert rules.payload_of(S3Request(put, {"CORSConfiguration": {"CORSRules": []}}))
    with pytest.raises(S3Error, match="MalformedXML"):
        rules.payload_of(S3Request(put, {}))
