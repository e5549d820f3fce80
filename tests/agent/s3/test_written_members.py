"""What a person writes becomes the members that a client's request has."""

from datetime import UTC, datetime

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.written_members import parse_written

RULE = {"ID": "a<b", "Status": "Enabled", "Filter": {"Prefix": "log/"}}


@pytest.mark.parametrize(
    ("name", "payload", "value"),
    [
        ("PutBucketCors", "CORSConfiguration",
         {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 3}]}),
        ("PutBucketLifecycleConfiguration", "LifecycleConfiguration",
         {"Rules": [RULE | {"Expiration": {"Date": datetime(2030, 1, 1, tzinfo=UTC)}}]}),
        ("PutBucketVersioning", "VersioningConfiguration", {"Status": "Enabled"}),
        ("PutBucketPolicy", "Policy", '{"Version": "2012-10-17"}'),
        ("PutPublicAccessBlock", "PublicAccessBlockConfiguration", {"BlockPublicAcls": True}),
    ],
)  # fmt: skip
def test_it_is_read_as_a_request_is(name, payload, value):
    assert parse_written(name, "bucket", value) == {"Bucket": "bucket", payload: value}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PutBucketCors", {"CORSRules": [{"AllowedMethod": ["GET"], "AllowedOrigins": ["*"]}]},
         r"CORSRules\[0\].AllowedMethods is missing; CORSRules\[0\].AllowedMethod is unknown"),
        ("PutBucketCors", {"CORSRules": {}}, "CORSRules must be a list"),
        ("PutBucketVersioning", {"Status": "On"}, "Status must be one of Enabled, Suspended"),
        ("PutBucketVersioning", [], "VersioningConfiguration must be a table"),
        ("PutBucketLifecycleConfiguration", {"Rules": [RULE | {"Expiration": {"Days": True}}]},
         "Expiration.Days must be a whole number"),
        ("PutBucketLifecycleConfiguration", {"Rules": [RULE | {"Expiration": {"Date": "soon"}}]},
         "Expiration.Date must be a date"),
        ("PutPublicAccessBlock", {"BlockPublicAcls": "yes"}, "must be true or false"),
    ],
)  # fmt: skip
def test_every_problem_is_named(name, value, problem):
    with pytest.raises(ValueError, match=problem):
        parse_written(name, "bucket", value)


def test_an_unwritable_character_is_refused():
    with pytest.raises((ValueError, S3Error)):
        parse_written("PutBucketVersioning", "bucket", {"Status": "\0"})
