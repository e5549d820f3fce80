"""What botocore's S3 model does not say: tables, each row with AWS's reference page behind it.

Error codes are a table of their own: errors.ERRORS. The page of an operation is
https://docs.aws.amazon.com/AmazonS3/latest/API/API_<operation>.html ; its "Response Syntax" shows
the root element and the status.
"""

from __future__ import annotations

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
"""Of every result document; an <Error> has none."""

ROOTS: dict[str, str] = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CreateSession": "CreateSessionResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycle": "LifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotification": "NotificationConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketIntelligentTieringConfigurations": (
        "ListBucketIntelligentTieringConfigurationsOutput"
    ),
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
    "UploadPartCopy": "CopyPartResult",
}
"""Operation -> root element. Where the body is one member (the payload trait) and no row is here,
the root is that member's own name."""

STATUSES: dict[str, int] = {
    "DeleteBucketAnalyticsConfiguration": 204,
    "DeleteBucketIntelligentTieringConfiguration": 204,
    "DeleteBucketInventoryConfiguration": 204,
    "DeleteBucketMetricsConfiguration": 204,
    "PutBucketPolicy": 204,
    "PutBucketTagging": 204,
    "RestoreObject": 202,
}
"""Operation -> success status, where the model has none or another one.

PutBucketPolicy and PutBucketTagging answer 204 (sample responses on their pages); RestoreObject
answers 202 when it starts a restore and 200 (the store's to say) when there is a copy already.
"""

ADMIN_OBJECT_OPERATIONS = frozenset({"PutObjectAcl", "PutObjectLegalHold", "PutObjectRetention"})
"""Object operations that change who may do what, not the object."""

LIST_OPERATIONS = frozenset(
    {
        "GetBucketLocation",
        "HeadBucket",
        "ListBuckets",
        "ListDirectoryBuckets",
        "ListMultipartUploads",
        "ListObjectVersions",
        "ListObjects",
        "ListObjectsV2",
        "ListParts",
    }
)
"""What a client needs to see names: AWS's s3:List* permissions, and the location of a bucket."""

READ_BY_POST = frozenset({"SelectObjectContent"})
"""POST operations that change nothing."""

WRITE_BUCKET_OPERATIONS = frozenset({"DeleteObjects", "WriteGetObjectResponse"})
"""Operations addressed to no single key that nevertheless write objects."""

OFF_THE_TABLE = frozenset({"ListDirectoryBuckets", "WriteGetObjectResponse"})
"""Never routed to: the first cannot be told from ListBuckets, the second has a host of its own."""
