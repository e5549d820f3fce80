"""setting_rules: tables of what is taken and what is refused."""

from __future__ import annotations

import json

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.local import setting_rules as rules

GET = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
EXPIRE = {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}


def sse(**default: str) -> dict:
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}


def lock(**default: object) -> dict:
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}


def policy(**change: object) -> str:
    return json.dumps({"Statement": [{**ALLOW, **change}]})


def without(field: str) -> str:
    return json.dumps({"Statement": {name: ALLOW[name] for name in ALLOW if name != field}})


TAKEN = [
    (rules.check_accelerate, {"Status": "Enabled"}),
    (rules.check_cors, {"CORSRules": [GET] * 100}),
    (rules.check_cors, {"CORSRules": [{**GET, "AllowedHeaders": ["x-*"]}]}),
    (rules.check_encryption, sse(SSEAlgorithm="AES256")),
    (rules.check_encryption, sse(SSEAlgorithm="aws:kms", KMSMasterKeyID="key")),
    (rules.check_encryption, {"Rules": [{"BucketKeyEnabled": True}]}),
    (rules.check_lifecycle, {"Rules": [EXPIRE] * 1000}),
    (rules.check_lifecycle, {"Rules": [{**EXPIRE, "ID": "i" * 255}]}),
    (rules.check_object_lock, {"ObjectLockEnabled": "Enabled"}),
    (rules.check_object_lock, lock(Mode="GOVERNANCE", Years=1)),
    (rules.check_ownership, {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}),
    (rules.check_policy, policy()),
    (rules.check_policy, json.dumps({"Statement": ALLOW})),
    (rules.check_policy, policy(Principal=None, NotPrincipal="x", Condition={})),
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
    (rules.check_encryption, {"Rules": [{}, {}]}, "MalformedXML"),
    (rules.check_encryption, sse(SSEAlgorithm="rot13"), "MalformedXML"),
    (rules.check_encryption, sse(SSEAlgorithm="AES256", KMSMasterKeyID="k"), "InvalidArgument"),
    (rules.check_lifecycle, {"Rules": [EXPIRE] * 1001}, "MalformedXML"),
    (rules.check_lifecycle, {"Rules": [{**EXPIRE, "ID": "i" * 256}]}, "InvalidArgument"),
    (rules.check_lifecycle, {"Rules": [{**EXPIRE, "ID": "i"}] * 2}, "InvalidArgument"),
    (rules.check_lifecycle, {"Rules": [{**EXPIRE, "Status": "On"}]}, "MalformedXML"),
    (rules.check_lifecycle, {"Rules": [{"Status": "Enabled"}]}, "MalformedXML"),
    (rules.check_lifecycle, {"Rules": [{"Status": "Enabled", "Prefix": ""}]}, "InvalidRequest"),
    (rules.check_object_lock, {}, "MalformedXML"),
    (rules.check_object_lock, lock(), "MalformedXML"),
    (rules.check_object_lock, lock(Mode="GOVERNANCE"), "MalformedXML"),
    (rules.check_object_lock, lock(Mode="GOVERNANCE", Days=0), "InvalidArgument"),
    (rules.check_ownership, {"Rules": [{}, {}]}, "MalformedXML"),
    (rules.check_policy, "", "MalformedPolicy"),
    (rules.check_policy, "[" * 9_999, "MalformedPolicy"),
    (rules.check_policy, '"text"', "MalformedPolicy"),
    (rules.check_policy, '{"Statement": []}', "MalformedPolicy"),
    (rules.check_policy, '{"Statement": [1]}', "MalformedPolicy"),
    (rules.check_policy, policy(Effect="Perhaps"), "MalformedPolicy"),
    (rules.check_policy, policy(Condition=[]), "MalformedPolicy"),
    (rules.check_policy, without("Principal"), "MalformedPolicy"),
    (rules.check_policy, without("Action"), "MalformedPolicy"),
    (rules.check_policy, without("Resource"), "MalformedPolicy"),
    (rules.check_policy, policy(Sid="ü" * 10_240), "MalformedPolicy"),
    (rules.check_website, {}, "InvalidArgument"),
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


@pytest.mark.parametrize(
    ("change", "public"),
    [
        ({}, True),
        ({"Principal": {"AWS": ["x", "*"]}}, True),
        ({"Principal": {"AWS": "x"}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": "x"}}, True),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, False),
        ({"Condition": {"StringEquals": {"AWS:SourceVpc": ["vpc-1", "vpc-*"]}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::/0"]}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Condition": {"Bool": "odd"}}, True),
    ],
)
def test_whether_a_policy_is_public(change, public):
    statement = {name: value for name, value in {**ALLOW, **change}.items() if value is not None}
    assert rules.is_public({"Statement": [statement]}) is public
