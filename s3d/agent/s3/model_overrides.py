"""Corrections of botocore's S3 model: tables, each row from AWS's reference.

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
    "ListObjectAnnotations": "ListObjectAnnotationsOutput",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
    "PutObjectAnnotation": "PutObjectAnnotationOutput",
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
answers 202 when it starts a restore and 200 (the store sets it) when there is a copy already.
"""

ADMIN_OBJECT_OPERATIONS = frozenset({"PutObjectAcl", "PutObjectLegalHold", "PutObjectRetention"})
"""Object operations that change permissions, not the object."""

LIST_OPERATIONS = frozenset(
    {
        "GetBucketLocation",
        "HeadBucket",
        "ListBuckets",
        "ListDirectoryBuckets",
        "ListMultipartUploads",
        "ListObjectAnnotations",
        "ListObjectVersions",
        "ListObjects",
        "ListObjectsV2",
        "ListParts",
    }
)
"""Operations under AWS's s3:List* permissions, and the location of a bucket."""

READ_BY_POST = frozenset({"SelectObjectContent"})
"""POST operations that change nothing."""

WRITE_BUCKET_OPERATIONS = frozenset({"DeleteObjects", "WriteGetObjectResponse"})
"""Operations addressed to no single key that nevertheless write objects."""

OFF_THE_TABLE = frozenset({"ListDirectoryBuckets", "WriteGetObjectResponse"})
"""Never routed to: the first looks like ListBuckets, the second has a host of its own."""

LIST_LIMITS: dict[str, int] = {"CompletedPartList": 10_000, "ObjectIdentifierList": 1_000}
"""Most elements that a client may send.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html and API_DeleteObjects.html
"""

REQUIRED_MEMBERS: dict[str, tuple[str, ...]] = {
    "CompletedMultipartUpload": ("Parts",),
    "CompletedPart": ("ETag", "PartNumber"),
}
"""Shape -> members that a client's document must have though the model calls them optional.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""

STRICT_XML_ENUMS = frozenset(
    {
        "BucketAccelerateStatus",
        "BucketVersioningStatus",
        "MFADelete",
        "ObjectLockEnabled",
        "ObjectLockLegalHoldStatus",
        "ObjectLockRetentionMode",
        "ObjectOwnership",
        "Payer",
        "Permission",
        "Type",
    }
)
"""Enumerations in XML whose unknown values are MalformedXML. The others grow from year to year."""

HEADER_ENUMS: dict[str, tuple[str, str]] = {
    "BucketCannedACL": ("InvalidArgument", ""),
    "ChecksumAlgorithm": (
        "InvalidRequest",
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types:"
        " [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH64, XXHASH3, XXHASH128]",
    ),
    "ChecksumType": ("InvalidRequest", "Value for x-amz-checksum-type header is invalid."),
    "EncodingType": ("InvalidArgument", "Invalid Encoding Method specified in Request"),
    "MetadataDirective": ("InvalidArgument", "Unknown metadata directive."),
    "ObjectAttributes": ("InvalidArgument", "Invalid attribute name specified."),
    "ObjectCannedACL": ("InvalidArgument", ""),
    "ObjectLockLegalHoldStatus": (
        "InvalidArgument",
        "Legal Hold must be either of 'ON' or 'OFF'",
    ),
    "ObjectLockMode": ("InvalidArgument", "Unknown wormMode directive."),
    "ObjectOwnership": ("InvalidArgument", ""),
    "StorageClass": ("InvalidStorageClass", ""),
    "TaggingDirective": ("InvalidArgument", "Unknown tagging directive."),
}
"""Shape of an enumeration in a header or query -> error and message for a value it lacks.

The store checks enumerations without a row: the method of an encryption after the policy of the
bucket, which may refuse it. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

RANGES: dict[str, tuple[int, int]] = {"PartNumber": (1, 10_000)}
"""Shape of a number in a header or query -> least and greatest; others are not negative.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

COUNTS: dict[str, str] = {
    "max-keys": "maxKeys",
    "max-parts": "max-parts",
    "max-uploads": "max-uploads",
    "part-number-marker": "partNumberMarker",
}
"""Query parameter -> its name in the error for a number that is negative."""

VERBATIM = frozenset({"Expires", "ResponseExpires"})
"""Shapes of times that S3 returns as they were written, even if they are no times."""

LENIENT_TIMES = frozenset({"IfModifiedSince", "IfUnmodifiedSince"})
"""Shapes of conditions that are ignored when they are no time: RFC 9110 13.1.3 and 13.1.4."""

NEVER_EMPTY: dict[str, tuple[str, str]] = {
    "Content-MD5": ("InvalidDigest", ""),
    "versionId": ("InvalidArgument", "Version id cannot be the empty string"),
}
"""Query parameter or header -> error and message for an empty value. An empty text of another query
parameter is valid, and another empty header is ignored."""

NEVER_EMPTY_HEADERS = frozenset({"x-amz-server-side-encryption"})
"""Request headers whose empty value is an error; other empty headers count as absent."""

_CHOICE = {"x-amz-server-side-encryption": "ServerSideEncryption"}
_GRANT = {"x-amz-grant-write": "GrantWrite"}
FURTHER_HEADERS: dict[str, dict[str, str]] = {
    "CopyObject": _GRANT,
    "CreateMultipartUpload": _GRANT,
    "GetObject": _CHOICE | {"if-range": "IfRange"},
    "HeadObject": _CHOICE | {"if-range": "IfRange"},
    "PutObject": _GRANT,
    "UploadPart": _CHOICE,
}
"""Operation -> headers that its model lacks, and their members. A remote decides about them itself.

The embedded store refuses the choice of an encryption, as AWS does. The permission to write has no
meaning for an object, but PutObjectAcl grants it, so a write keeps such a grant as well. If-Range
is of HTTP: without it, a program that continues a download would join two objects.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
"""

BODY_REQUIRED = frozenset(
    {
        "CompleteMultipartUpload",
        "PutBucketLifecycle",
        "PutBucketLifecycleConfiguration",
        "PutObjectLegalHold",
        "PutObjectLockConfiguration",
        "PutObjectRetention",
        "RestoreObject",
    }
)
"""Operations that need a document though the model calls it optional."""

MALFORMED: dict[str, str] = {
    "PutBucketAcl": "MalformedACLError",
    "PutBucketPolicy": "MalformedPolicy",
    "PutObjectAcl": "MalformedACLError",
}
"""Operation -> error for a broken body, where it is not MalformedXML."""

KNOWN_ELEMENTS_ONLY = frozenset({"DeleteObjects"})
"""Operations whose documents must have no unknown elements: without a VersionId or ETag that is
spelt in another way, more would be deleted than the client wants."""

MALFORMED_WHEN_EMPTY = frozenset(
    {
        "CompleteMultipartUpload",
        "PutBucketPolicy",
        "PutObjectLegalHold",
        "PutObjectRetention",
    }
)
"""Operations for which common suites measured that AWS answers a missing body as a broken one.

For the others AWS documents MissingRequestBodyError:
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

UNSUPPORTED_MEMBERS: dict[str, str] = {
    "ObjectLockEventHold": "x-amz-object-lock-event-hold",
    "ObjectLockEventHoldDurationDays": "x-amz-object-lock-event-hold-duration-days",
    "ObjectLockEventHoldDurationYears": "x-amz-object-lock-event-hold-duration-years",
}
"""Member -> header of what the model has and the embedded store cannot do: it refuses them."""

MAX_METADATA_SIZE = 2048
"""Bytes of UTF-8 of the names and values of user metadata together.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
"""

EMPTY_CHECKSUMS = frozenset(
    {
        "AAAAAA==",
        "AAAAAAAAAAA=",
        "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    }
)
"""CRC32 and CRC32C, CRC64NVME, SHA-1 and SHA-256 of nothing: what the AWS SDK for JavaScript signs
into the query of a presigned PUT, before there is a body. There they are not checked."""

_SIGNING = "https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html"
_PRESIGNED = "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"
_TRAILER = "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html"
_COMMON = "https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html"

COMMON_HEADERS: dict[str, str] = {
    # They belong to the signature or to the coding of the body, and are read there.
    "x-amz-algorithm": _PRESIGNED,
    "x-amz-content-sha256": _SIGNING,
    "x-amz-credential": _PRESIGNED,
    "x-amz-date": _COMMON,
    "x-amz-decoded-content-length": _TRAILER,
    "x-amz-expires": _PRESIGNED,
    "x-amz-security-token": _COMMON,
    "x-amz-signature": _PRESIGNED,
    "x-amz-signedheaders": _PRESIGNED,
    "x-amz-trailer": _TRAILER,
    "x-amz-trailer-signature": _TRAILER,
    # They say something about the client.
    "x-amz-user-agent": "https://github.com/aws/aws-sdk-js-v3/tree/main/packages/middleware-user-agent",
    "x-amz-api-version": "https://github.com/aws/aws-sdk-cpp/blob/main/generated/src/aws-cpp-sdk-s3/"
    "include/aws/s3/S3Request.h",
    "x-amz-te": "https://github.com/aws/aws-sdk-java-v2/pull/5043",
    "x-amz-cf-id": "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/"
    "RequestAndResponseBehaviorCustomOrigin.html",
    "x-amz-region-set": "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html",
}
"""x-amz-* headers of no operation, by lower-case name -> where each is described. They ask for
nothing that a store could omit."""
