import re

import pytest

from s3d.agent.s3.actions import Need, action_of, delete_needs, needs_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import operations

KNOWN = frozenset(
    re.findall(
        r"\w+",
        """
    AbortMultipartUpload BypassGovernanceRetention CreateBucket
    CreateBucketMetadataTableConfiguration DeleteBucket DeleteBucketMetadataTableConfiguration
    DeleteBucketPolicy DeleteBucketWebsite DeleteObject DeleteObjectTagging DeleteObjectVersion
    DeleteObjectVersionTagging GetAccelerateConfiguration GetAnalyticsConfiguration
    GetBucketAbac GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging
    GetBucketMetadataTableConfiguration GetBucketNotification GetBucketObjectLockConfiguration
    GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock
    GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite
    GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration
    GetLifecycleConfiguration GetMetricsConfiguration GetObject GetObjectAcl GetObjectAttributes
    GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion
    GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionTagging
    GetObjectVersionTorrent GetReplicationConfiguration ListAllMyBuckets ListBucket
    ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts
    PutAccelerateConfiguration PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS
    PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration
    PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment
    PutBucketTagging PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration
    PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration
    PutMetricsConfiguration PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention
    PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging PutReplicationConfiguration
    RestoreObject UpdateBucketMetadataInventoryTableConfiguration
    UpdateBucketMetadataJournalTableConfiguration UpdateObjectEncryption
    UpdateBucketMetadataAnnotationTableConfiguration
    DeleteObjectAnnotation GetObjectAnnotation ListObjectAnnotations PutObjectAnnotation
    """,
    )
)
"""https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""

NOT_IN_THE_REFERENCE = {"RenameObject", "DeleteObjects"}
"""The first is an extension; the second needs nothing by itself."""


def actions(operation, **members):
    scope = operations()[operation].scope
    input = {"Bucket": "b", **members}
    return [need.action.removeprefix("s3:") for need in needs_of(operation, scope, input)]


def test_every_operation_has_an_action_of_the_reference():
    for name, op in operations().items():
        action = action_of(name, op.scope)
        if name not in NOT_IN_THE_REFERENCE and action.startswith("s3:"):
            assert action.removeprefix("s3:") in KNOWN, name


@pytest.mark.parametrize(
    ("operation", "members", "expected"),
    [
        ("GetObject", {"Key": "k"}, ["GetObject"]),
        ("HeadObject", {"Key": "k"}, ["GetObject"]),
        ("HeadObject", {"Key": "k", "VersionId": "null"}, ["GetObjectVersion"]),
        ("GetObjectAttributes", {"Key": "k"}, ["GetObjectAttributes", "GetObject"]),
        (
            "GetObjectAttributes",
            {"Key": "k", "VersionId": "1"},
            ["GetObjectVersionAttributes", "GetObjectVersion"],
        ),
        ("DeleteObject", {"Key": "k", "VersionId": "1"}, ["DeleteObjectVersion"]),
        (
            "DeleteObject",
            {"Key": "k", "BypassGovernanceRetention": True},
            ["DeleteObject", "BypassGovernanceRetention"],
        ),
        ("PutObject", {"Key": "k"}, ["PutObject"]),
        ("PutObject", {"Key": "k", "IfMatch": '"e"'}, ["PutObject", "GetObject"]),
        ("PutObject", {"Key": "k", "IfNoneMatch": "*"}, ["PutObject"]),
        (
            "PutObject",
            {"Key": "k", "GrantRead": "id=x", "Tagging": "a=b", "ObjectLockMode": "GOVERNANCE"},
            ["PutObject", "PutObjectAcl", "PutObjectTagging", "PutObjectRetention"],
        ),
        ("UploadPart", {"Key": "k", "UploadId": "u"}, ["PutObject"]),
        (
            "CopyObject",
            {"Key": "k", "CopySource": "source/s?versionId=1"},
            [
                "PutObject",
                "GetObjectVersion",
                "GetObjectVersionTagging",
                "GetObjectAnnotation",
                "PutObjectAnnotation",
            ],
        ),
        (
            "CopyObject",
            {
                "Key": "k",
                "CopySource": "source/s",
                "TaggingDirective": "REPLACE",
                "Tagging": "a=b",
                "AnnotationDirective": "EXCLUDE",
            },
            ["PutObject", "GetObject", "PutObjectTagging"],
        ),
        (
            "UploadPartCopy",
            {"Key": "k", "CopySource": "source/s", "UploadId": "u"},
            ["PutObject", "GetObject"],
        ),
        ("ListObjectsV2", {}, ["ListBucket"]),
        ("HeadBucket", {}, ["ListBucket"]),
        ("DeleteBucketCors", {}, ["PutBucketCORS"]),
        ("CreateBucket", {"ACL": "private"}, ["CreateBucket", "PutBucketAcl"]),
        ("DeleteObjects", {"Delete": {"Objects": [{"Key": "k"}]}}, []),
    ],
)
def test_the_actions_of_a_request(operation, members, expected):
    assert actions(operation, **members) == expected


def test_the_resources_of_a_copy():
    input = {"Bucket": "b", "Key": "k/l", "CopySource": "source/s"}
    needs = needs_of("CopyObject", "object", input)
    assert [need.resource for need in needs] == [
        "arn:aws:s3:::b/k/l",
        "arn:aws:s3:::source/s",
        "arn:aws:s3:::source/s",
        "arn:aws:s3:::source/s",
        "arn:aws:s3:::b/k/l",
    ]


def test_a_listing_of_buckets_has_no_bucket():
    assert needs_of("ListBuckets", "service", {}) == [Need("s3:ListAllMyBuckets")]
    assert Need("s3:ListAllMyBuckets").resource == "arn:aws:s3:::*"


def test_each_key_of_a_deletion():
    assert delete_needs("b", "k", "1", bypass=True) == [
        Need("s3:DeleteObjectVersion", "b", "k", "1"),
        Need("s3:BypassGovernanceRetention", "b", "k", "1"),
    ]


def test_a_copy_source_that_is_none_is_refused():
    with pytest.raises(S3Error):
        needs_of("CopyObject", "object", {"Bucket": "b", "Key": "k", "CopySource": "nothing"})


@pytest.mark.parametrize(
    ("source", "keys"),
    [("a", ["a"]), ("/a", ["a"]), ("/b/a", ["a"]), ("b/a", ["b/a", "a"]), ("%2Fa", ["a"])],
)
def test_a_rename_needs_every_key_that_its_source_may_mean(source, keys):
    needs = needs_of("RenameObject", "object", {"Bucket": "b", "Key": "k", "RenameSource": source})
    assert {need.key for need in needs if need.action == "s3:DeleteObject"} == set(keys)
    assert [need.key for need in needs if need.action == "s3:PutObject"] == ["k"]
