"""model: the operations of botocore and of the newest API. An upgrade shows in the list."""

from __future__ import annotations

import subprocess
import sys

import pytest

from s3d.agent.s3 import model
from s3d.agent.s3.model import operations

NAMES = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateBucketMetadataConfiguration",
    "CreateBucketMetadataTableConfiguration",
    "CreateMultipartUpload",
    "CreateSession",
    "DeleteBucket",
    "DeleteBucketAnalyticsConfiguration",
    "DeleteBucketCors",
    "DeleteBucketEncryption",
    "DeleteBucketIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration",
    "DeleteBucketLifecycle",
    "DeleteBucketMetadataConfiguration",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketMetricsConfiguration",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketReplication",
    "DeleteBucketTagging",
    "DeleteBucketWebsite",
    "DeleteObject",
    "DeleteObjectAnnotation",
    "DeleteObjectTagging",
    "DeleteObjects",
    "DeletePublicAccessBlock",
    "GetBucketAbac",
    "GetBucketAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketAnalyticsConfiguration",
    "GetBucketCors",
    "GetBucketEncryption",
    "GetBucketIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration",
    "GetBucketLifecycle",
    "GetBucketLifecycleConfiguration",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataConfiguration",
    "GetBucketMetadataTableConfiguration",
    "GetBucketMetricsConfiguration",
    "GetBucketNotification",
    "GetBucketNotificationConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketReplication",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAnnotation",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectLockConfiguration",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetPublicAccessBlock",
    "HeadBucket",
    "HeadObject",
    "ListBucketAnalyticsConfigurations",
    "ListBucketIntelligentTieringConfigurations",
    "ListBucketInventoryConfigurations",
    "ListBucketMetricsConfigurations",
    "ListBuckets",
    "ListDirectoryBuckets",
    "ListMultipartUploads",
    "ListObjectAnnotations",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutBucketAbac",
    "PutBucketAccelerateConfiguration",
    "PutBucketAcl",
    "PutBucketAnalyticsConfiguration",
    "PutBucketCors",
    "PutBucketEncryption",
    "PutBucketIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration",
    "PutBucketLifecycle",
    "PutBucketLifecycleConfiguration",
    "PutBucketLogging",
    "PutBucketMetricsConfiguration",
    "PutBucketNotification",
    "PutBucketNotificationConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketReplication",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutObject",
    "PutObjectAcl",
    "PutObjectAnnotation",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutPublicAccessBlock",
    "RenameObject",
    "RestoreObject",
    "SelectObjectContent",
    "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    "UpdateObjectEncryption",
    "UploadPart",
    "UploadPartCopy",
    "WriteGetObjectResponse",
]


def test_the_operations_of_the_model_are_these() -> None:
    assert sorted(operations()) == NAMES


@pytest.mark.parametrize(
    "row",
    [
        "ListBuckets GET service - 200 ListAllMyBucketsResult - list",
        "CreateBucket PUT bucket - 200 - - admin",
        "ListObjectsV2 GET bucket list-type 200 ListBucketResult - list",
        "PutBucketPolicy PUT bucket policy 204 - - admin",
        "GetObject GET object - 200 - out read",
        "PutObject PUT object - 200 - in write",
        "DeleteObject DELETE object - 204 - - write",
        "DeleteObjects POST bucket delete 200 DeleteResult - write",
        "UploadPartCopy PUT object uploadId 200 CopyPartResult - write",
        "GetObjectRetention GET object retention 200 Retention - read",
        "PutObjectAcl PUT object acl 200 - - admin",
        "SelectObjectContent POST object select 200 - out read",
    ],
)
def test_an_operation_is_compiled_from_model_and_supplement(row: str) -> None:
    """row: name, method, scope, sub-resource, status, root, what streams, access."""
    name, *expected = row.split()
    op = operations()[name]
    streams = "in" if op.streaming_input else "out" if op.streaming_output else "-"
    assert op.name == name
    assert expected == [
        *(op.method, op.scope, op.subresource or "-"),
        *(str(op.status), op.root_tag or "-", streams, op.access),
    ]


def test_every_result_document_has_a_root() -> None:
    for name, op in operations().items():
        shape = model.service().output_of(name)
        is_text = name == "GetBucketPolicy"
        has_body = any(member.location is None for member in shape.members.values())
        assert (op.root_tag is not None) == (has_body and not op.streaming_output and not is_text)


def test_reading_the_model_does_not_import_botocore() -> None:
    program = (
        "import sys; from s3d.agent.s3.model import operations; operations();"
        "sys.exit('botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_missing_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match="botocore is not installed"):
        model.installed()


def test_a_package_without_the_model_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    class Spec:
        origin = str(tmp_path_factory.mktemp("botocore") / "__init__.py")

    monkeypatch.setattr(model, "find_spec", lambda _: Spec)
    with pytest.raises(FileNotFoundError, match="no S3 model"):
        model.installed()


def test_a_model_that_is_not_compressed_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    package = tmp_path_factory.mktemp("botocore")
    folder = package / "data" / "s3" / "2006-03-01"
    folder.mkdir(parents=True)
    folder.joinpath("service-2.json").write_text('{"operations": {}, "shapes": {}}')

    class Spec:
        origin = str(package / "__init__.py")

    monkeypatch.setattr(model, "find_spec", lambda _: Spec)
    assert model.installed() == model.Service({}, {})
