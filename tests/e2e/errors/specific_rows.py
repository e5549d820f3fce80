"""Errors of single operations. Sources: the reference page of each operation, the list of errors
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), and what others measured."""

from __future__ import annotations

from base64 import b64encode
from hashlib import md5

from tests.e2e.errors.derived_rows import Row
from tests.e2e.errors.valid_requests import (
    ACL,
    BODIES,
    INVENTORY,
    LIFECYCLE,
    POLICY,
    REPLICATION,
    TAGS,
    TIERING,
    request,
)


def row(
    operation: str,
    code: str,
    how: str,
    line: str,
    body: str | bytes = b"",
    *,
    by: str = "main",
    **headers: str,
) -> Row:
    return Row(operation, code, request(line, body, **headers), by, how)


def _rule(text: str, change: str) -> str:
    """The lifecycle with another text in place of a part of it."""
    assert text in LIFECYCLE
    return LIFECYCLE.replace(text, change)


def _transitions(*classes: str) -> str:
    """Of a lifecycle, after 29 days, 30 days and so on."""
    return "".join(
        f"<Transition><Days>{days}</Days><StorageClass>{name}</StorageClass></Transition>"
        for days, name in enumerate(classes, 29)
    )


def _place(region: str) -> str:
    constraint = f"<LocationConstraint>{region}</LocationConstraint>"
    return f"<CreateBucketConfiguration>{constraint}</CreateBucketConfiguration>"


def _parts(*parts: str) -> str:
    tags = "".join(f"<Part>{part}</Part>" for part in parts)
    return f"<CompleteMultipartUpload>{tags}</CompleteMultipartUpload>"


def _tags(count: int, key: str = "k{}", value: str = "v") -> str:
    tags = "".join(
        f"<Tag><Key>{key.format(n)}</Key><Value>{value}</Value></Tag>" for n in range(count)
    )
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>"


_ONE = "<PartNumber>1</PartNumber><ETag>{etag}</ETag>"
_TWO = "<PartNumber>2</PartNumber><ETag>{etag}</ETag>"
_COMPLETE = "POST /plain/k?uploadId={upload}"
_LOCK = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
_LOCK += "<DefaultRetention>{}</DefaultRetention></Rule></ObjectLockConfiguration>"
_RETENTION = "<Retention><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>"
_PUBLIC = POLICY.replace("arn:aws:s3:::plain", "arn:aws:s3:::blocked")
_KEY = b64encode(b"k" * 32).decode()
_OTHER_KEY = b64encode(b"o" * 32).decode()


def _customer(key: str) -> dict[str, str]:
    digest = b64encode(md5(b"o" * 32 if key == _OTHER_KEY else b"k" * 32).digest()).decode()
    prefix = "x_amz_server_side_encryption_customer_"
    return {f"{prefix}algorithm": "AES256", f"{prefix}key": key, f"{prefix}key_MD5": digest}


REQUESTS = (
    row("any", "InvalidAccessKeyId", "unknown key", "GET /", by="unknown"),
    row("any", "SignatureDoesNotMatch", "wrong secret", "GET /", by="wrong secret"),
    row("any", "AccessDenied", "no signature", "GET /", by="anonymous"),
    row("any", "InvalidArgument", "unknown scheme", "GET /", Authorization="Basic abc"),
    row(
        "any",
        "AuthorizationHeaderMalformed",
        "no signature in the header",
        "GET /",
        Authorization="AWS4-HMAC-SHA256 Credential=a/b",
    ),
    row("any", "InvalidToken", "unknown session", "GET /", x_amz_security_token="none"),
    row(
        "any",
        "RequestTimeTooSkewed",
        "old date",
        "GET /",
        x_amz_date="20200101T000000Z",
        Authorization="AWS4-HMAC-SHA256 Credential={key}/20200101/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64,
    ),
    row(
        "any",
        "AuthorizationQueryParametersError",
        "more than a week",
        "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}/{today}/us-east-1/s3/"
        "aws4_request&X-Amz-Date={now}&X-Amz-Expires=604801&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=" + "0" * 64,
    ),
    row(
        "any",
        "AccessDenied",
        "expired URL",
        "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}/20200101/us-east-1/s3/"
        "aws4_request&X-Amz-Date=20200101T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=" + "0" * 64,
    ),
    row(
        "any",
        "SignatureDoesNotMatch",
        "wrong signature of Version 2",
        "GET /?AWSAccessKeyId={key}&Expires=4000000000&Signature=AAAA",
        by="anonymous",
    ),
    row("any", "NotImplemented", "unknown sub-resource", "GET /plain?unknown"),
    row("any", "InvalidURI", "bad escape", "GET /plain/%zz", by="anonymous"),
    row("any", "InvalidBucketName", "bad name", "GET /a%20b"),
    row("any", "MethodNotAllowed", "method of WebDAV", "PATCH /plain/k"),
    row("any", "MethodNotAllowed", "POST to a key", "POST /plain/k"),
    row("any", "AccessDenied", "other host", "GET /", Host="example.com", by="anonymous"),
    row(
        "any",
        "RequestHeaderSectionTooLarge",
        "headers of 17 KB",
        "GET /",
        x_other="x" * 17_000,
        by="anonymous",
    ),
    row(
        "any",
        "MaxMessageLengthExceeded",
        "document of 10 MB",
        "PUT /plain?tagging",
        TAGS,
        Content_Length="9999999",
    ),
    row(
        "any",
        "XAmzContentSHA256Mismatch",
        "other body",
        "PUT /plain/s",
        "data",
        x_amz_content_sha256="0" * 64,
    ),
)

OBJECTS = (
    row(
        "PutObject",
        "EntityTooLarge",
        "60 GB",
        "PUT /plain/m",
        "x",
        Content_Length="60000000000",
    ),
    row(
        "PutObject",
        "NotImplemented",
        "chunks of HTTP",
        "PUT /plain/m",
        "0\r\n\r\n",
        Transfer_Encoding="chunked",
    ),
    row(
        "PutObject",
        "MissingContentLength",
        "no decoded length",
        "PUT /plain/m",
        "0\r\n\r\n",
        x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ),
    row("PutObject", "KeyTooLongError", "key of 1,025 bytes", "PUT /plain/" + "k" * 1025, "x"),
    row("PutObject", "MetadataTooLarge", "3 KB", "PUT /plain/m", "x", x_amz_meta_a="a" * 3000),
    row("PutObject", "InvalidArgument", "nameless", "PUT /plain/m", "x", **{"x-amz-meta-": "a"}),
    row("PutObject", "InvalidStorageClass", "", "PUT /plain/m", "x", x_amz_storage_class="FAST"),
    row("PutObject", "InvalidArgument", "unknown ACL", "PUT /plain/m", "x", x_amz_acl="all"),
    row(
        "PutObject",
        "InvalidArgument",
        "no grantee",
        "PUT /plain/m",
        "x",
        x_amz_grant_read="somebody",
    ),
    row(
        "PutObject",
        "UnresolvableGrantByEmailAddress",
        "unknown address",
        "PUT /plain/m",
        "x",
        x_amz_grant_read='emailAddress="nobody@example.com"',
    ),
    row(
        "PutObject",
        "AccessControlListNotSupported",
        "bucket without ACLs",
        "PUT /enforced/m",
        "x",
        x_amz_acl="public-read",
    ),
    row("PutObject", "AccessDenied", "public", "PUT /blocked/m", "x", x_amz_acl="public-read"),
    row("PutObject", "InvalidArgument", "tag twice", "PUT /plain/m", "x", x_amz_tagging="a=b&a=c"),
    row(
        "PutObject",
        "InvalidTag",
        "eleven tags",
        "PUT /plain/m",
        "x",
        x_amz_tagging="&".join(f"k{n}=v" for n in range(11)),
    ),
    row("PutObject", "PreconditionFailed", "exists", "PUT /plain/k", "x", If_None_Match="*"),
    row("PutObject", "PreconditionFailed", "other", "PUT /plain/k", "x", If_Match='"0"'),
    row("PutObject", "NoSuchKey", "absent", "PUT /plain/none", "x", If_Match='"0"'),
    row("PutObject", "NotImplemented", "any", "PUT /plain/k", "x", If_Match="*"),
    row("PutObject", "NotImplemented", "an ETag", "PUT /plain/k", "x", If_None_Match='"0"'),
    row(
        "PutObject",
        "BadDigest",
        "CRC32",
        "PUT /plain/m",
        "x",
        x_amz_checksum_crc32="AAAAAA==",
    ),
    row(
        "PutObject",
        "InvalidRequest",
        "no CRC32",
        "PUT /plain/m",
        "x",
        x_amz_checksum_crc32="no",
    ),
    row(
        "PutObject",
        "InvalidRequest",
        "two checksums",
        "PUT /plain/m",
        "x",
        x_amz_checksum_crc32="AAAAAA==",
        x_amz_checksum_crc32c="AAAAAA==",
    ),
    row(
        "PutObject",
        "InvalidEncryptionAlgorithmError",
        "customer key of another algorithm",
        "PUT /plain/m",
        "x",
        **{**_customer(_KEY), "x_amz_server_side_encryption_customer_algorithm": "DES"},
    ),
    row(
        "PutObject",
        "InvalidArgument",
        "customer key without its digest",
        "PUT /plain/m",
        "x",
        x_amz_server_side_encryption_customer_algorithm="AES256",
        x_amz_server_side_encryption_customer_key=_KEY,
    ),
    row(
        "PutObject",
        "InvalidArgument",
        "short customer key",
        "PUT /plain/m",
        "x",
        **{**_customer(_KEY), "x_amz_server_side_encryption_customer_key": "AAAA"},
    ),
    row(
        "PutObject",
        "InvalidArgument",
        "unknown encryption",
        "PUT /plain/m",
        "x",
        x_amz_server_side_encryption="DES",
    ),
    row(
        "PutObject",
        "KMS.NotFoundException",
        "bad key id",
        "PUT /plain/m",
        "x",
        x_amz_server_side_encryption="aws:kms",
        x_amz_server_side_encryption_aws_kms_key_id="bad id",
    ),
    row(
        "PutObject",
        "InvalidRequest",
        "lock without object lock",
        "PUT /plain/m",
        "x",
        x_amz_object_lock_mode="GOVERNANCE",
        x_amz_object_lock_retain_until_date="2090-01-01T00:00:00Z",
    ),
    row(
        "PutObject",
        "InvalidArgument",
        "lock without a date",
        "PUT /locked/m",
        "x",
        x_amz_object_lock_mode="GOVERNANCE",
    ),
    row(
        "PutObject",
        "InvalidArgument",
        "lock of the past",
        "PUT /locked/m",
        "x",
        x_amz_object_lock_mode="GOVERNANCE",
        x_amz_object_lock_retain_until_date="2001-01-01T00:00:00Z",
    ),
    row(
        "PutObject",
        "InvalidArgument",
        "unknown lock",
        "PUT /locked/m",
        "x",
        x_amz_object_lock_mode="SOFT",
        x_amz_object_lock_retain_until_date="2090-01-01T00:00:00Z",
    ),
    row(
        "PutObject",
        "InvalidArgument",
        "hold",
        "PUT /locked/m",
        "x",
        x_amz_object_lock_legal_hold="x",
    ),
    row(
        "PutObject",
        "InvalidWriteOffset",
        "not the size",
        "PUT /plain/k",
        "x",
        x_amz_write_offset_bytes="9",
    ),
    row(
        "PutObject",
        "InvalidRequest",
        "redirect",
        "PUT /plain/m",
        "x",
        x_amz_website_redirect_location="elsewhere",
    ),
    row("GetObject", "NotModified", "same", "GET /plain/k", If_None_Match="*"),
    row("GetObject", "InvalidRange", "beyond the end", "GET /plain/k", Range="bytes=9-"),
    row("GetObject", "PreconditionFailed", "If-Match", "GET /plain/k", If_Match='"0"'),
    row("GetObject", "InvalidPartNumber", "no such part", "GET /plain/k?partNumber=2"),
    row("GetObject", "InvalidArgument", "part 0", "GET /plain/k?partNumber=0"),
    row(
        "GetObject",
        "InvalidRequest",
        "range and part",
        "GET /plain/k?partNumber=1",
        Range="bytes=0-1",
    ),
    row("GetObject", "InvalidRequest", "no customer key", "GET /plain/secret"),
    row(
        "GetObject",
        "AccessDenied",
        "other customer key",
        "GET /plain/secret",
        **_customer(_OTHER_KEY),
    ),
    row("GetObject", "InvalidRequest", "needless customer key", "GET /plain/k", **_customer(_KEY)),
    row("GetObject", "MethodNotAllowed", "delete marker", "GET /versioned/gone?versionId={marker}"),
    row("GetObject", "NoSuchKey", "deleted", "GET /versioned/gone"),
    row(
        "GetObject",
        "InvalidRequest",
        "override without a signature",
        "GET /plain/k?response-expires=x",
        by="anonymous",
    ),
    row("HeadObject", "PreconditionFailed", "If-Match", "HEAD /plain/k", If_Match='"0"'),
    row("HeadObject", "InvalidRange", "beyond the end", "HEAD /plain/k", Range="bytes=9-"),
    row("HeadObject", "InvalidPartNumber", "no such part", "HEAD /plain/k?partNumber=2"),
    row(
        "HeadObject", "MethodNotAllowed", "delete marker", "HEAD /versioned/gone?versionId={marker}"
    ),
    row("HeadObject", "InvalidRequest", "no customer key", "HEAD /plain/secret"),
    row("DeleteObject", "AccessDenied", "locked", "DELETE /locked/kept?versionId={locked}"),
    row("DeleteObject", "AccessDenied", "held", "DELETE /locked/held?versionId={held}"),
    row("DeleteObject", "PreconditionFailed", "If-Match", "DELETE /plain/k", If_Match='"0"'),
    row("DeleteObject", "InvalidArgument", "bad version", "DELETE /versioned/k?versionId=bad"),
    row(
        "DeleteObject",
        "InvalidArgument",
        "bypass without object lock",
        "DELETE /plain/none",
        x_amz_bypass_governance_retention="true",
    ),
    row("GetObjectAttributes", "InvalidRequest", "no attributes", "GET /plain/k?attributes"),
    row(
        "DeleteObjects",
        "InvalidArgument",
        "bypass without object lock",
        "POST /plain?delete",
        BODIES["DeleteObjects"],
        x_amz_bypass_governance_retention="true",
    ),
    row(
        "GetObjectAttributes",
        "InvalidArgument",
        "unknown attribute",
        "GET /plain/k?attributes",
        x_amz_object_attributes="Colour",
    ),
    row("GetObjectTorrent", "NoSuchKey", "no torrents", "GET /plain/k?torrent"),
    row("GetObjectTagging", "MethodNotAllowed", "delete marker", "GET /versioned/gone?tagging"),
    row(
        "DeleteObjectTagging", "MethodNotAllowed", "delete marker", "DELETE /versioned/gone?tagging"
    ),
    row(
        "PutObjectTagging",
        "MethodNotAllowed",
        "delete marker",
        "PUT /versioned/gone?tagging",
        _tags(1),
    ),
    row("PutObjectTagging", "InvalidTag", "eleven tags", "PUT /plain/k?tagging", _tags(11)),
    row("PutObjectTagging", "InvalidTag", "twice", "PUT /plain/k?tagging", _tags(2, "k")),
    row("PutObjectTagging", "InvalidTag", "long key", "PUT /plain/k?tagging", _tags(1, "k" * 129)),
    row(
        "PutObjectTagging",
        "InvalidTag",
        "long value",
        "PUT /plain/k?tagging",
        _tags(1, value="v" * 257),
    ),
    row("PutObjectTagging", "InvalidTag", "of AWS", "PUT /plain/k?tagging", _tags(1, "aws:k")),
    row("PutObjectTagging", "InvalidTag", "character", "PUT /plain/k?tagging", _tags(1, "k?")),
    row(
        "PutObjectAcl",
        "UnexpectedContent",
        "two forms",
        "PUT /plain/k?acl",
        ACL,
        x_amz_acl="private",
    ),
    row("PutObjectAcl", "InvalidArgument", "unknown ACL", "PUT /plain/k?acl", x_amz_acl="all"),
    row(
        "PutObjectAcl",
        "AccessControlListNotSupported",
        "bucket without ACLs",
        "PUT /enforced/k?acl",
        x_amz_acl="public-read",
    ),
    row("PutObjectAcl", "AccessDenied", "public", "PUT /blocked/k?acl", x_amz_acl="public-read"),
    row(
        "PutObjectAcl",
        "InvalidArgument",
        "unknown group",
        "PUT /plain/k?acl",
        x_amz_grant_read='uri="http://acs.amazonaws.com/groups/none"',
    ),
    row(
        "PutObjectAcl",
        "InvalidArgument",
        "unknown id",
        "PUT /plain/k?acl",
        x_amz_grant_read='id="none"',
    ),
    row(
        "PutObjectAcl",
        "InvalidRequest",
        "canned and explicit",
        "PUT /plain/k?acl",
        x_amz_acl="private",
        x_amz_grant_read='id="{alt}"',
    ),
    row(
        "PutObjectAcl",
        "MalformedACLError",
        "unknown permission",
        "PUT /plain/k?acl",
        ACL.replace("FULL_CONTROL", "SOME"),
    ),
    row(
        "PutObjectAcl",
        "MethodNotAllowed",
        "delete marker",
        "PUT /versioned/gone?acl",
        x_amz_acl="private",
    ),
    row("GetObjectLegalHold", "InvalidRequest", "no object lock", "GET /plain/k?legal-hold"),
    row("GetObjectLegalHold", "NoSuchObjectLockConfiguration", "none", "GET /locked/k?legal-hold"),
    row("GetObjectRetention", "InvalidRequest", "no object lock", "GET /plain/k?retention"),
    row("GetObjectRetention", "NoSuchObjectLockConfiguration", "none", "GET /locked/k?retention"),
    row(
        "PutObjectLegalHold",
        "InvalidRequest",
        "no object lock",
        "PUT /plain/k?legal-hold",
        BODIES["PutObjectLegalHold"],
    ),
    row(
        "PutObjectLegalHold",
        "InvalidRequest",
        "no digest",
        "PUT /locked/k?legal-hold",
        BODIES["PutObjectLegalHold"],
        Content_MD5="",
    ),
    row(
        "PutObjectLegalHold",
        "MalformedXML",
        "unknown status",
        "PUT /locked/k?legal-hold",
        "<LegalHold><Status>abc</Status></LegalHold>",
    ),
    row(
        "PutObjectRetention",
        "InvalidRequest",
        "no object lock",
        "PUT /plain/k?retention",
        BODIES["PutObjectRetention"],
    ),
    row(
        "PutObjectRetention",
        "MalformedXML",
        "unknown mode",
        "PUT /locked/k?retention",
        _RETENTION.format("SOFT", "2090-01-01T00:00:00Z"),
    ),
    row(
        "PutObjectRetention",
        "InvalidArgument",
        "the past",
        "PUT /locked/k?retention",
        _RETENTION.format("GOVERNANCE", "2001-01-01T00:00:00Z"),
    ),
    row(
        "PutObjectRetention",
        "AccessDenied",
        "earlier",
        "PUT /locked/kept?retention&versionId={locked}",
        _RETENTION.format("COMPLIANCE", "2080-01-01T00:00:00Z"),
    ),
    row("DeleteObjects", "MalformedXML", "no keys", "POST /plain?delete", "<Delete></Delete>"),
    row(
        "DeleteObjects",
        "MalformedXML",
        "1,001 keys",
        "POST /plain?delete",
        "<Delete>" + 1001 * "<Object><Key>none</Key></Object>" + "</Delete>",
    ),
    row(
        "DeleteObjects",
        "InvalidRequest",
        "no digest",
        "POST /plain?delete",
        BODIES["DeleteObjects"],
        Content_MD5="",
    ),
    row(
        "RenameObject",
        "NoSuchKey",
        "no source",
        "PUT /plain/new?renameObject",
        x_amz_rename_source="none",
    ),
    row(
        "RenameObject",
        "NotImplemented",
        "versions",
        "PUT /versioned/n?renameObject",
        x_amz_rename_source="k",
    ),
    row(
        "RenameObject",
        "PreconditionFailed",
        "exists",
        "PUT /plain/secret?renameObject",
        x_amz_rename_source="k",
        If_None_Match="*",
    ),
    row("GetObjectAnnotation", "NoSuchAnnotation", "", "GET /plain/k?annotation&annotationName=x"),
    row(
        "PutObjectAnnotation",
        "AnnotationNameTooLong",
        "513 bytes",
        "PUT /plain/k?annotation&annotationName=" + "n" * 513,
        "text",
    ),
    row(
        "PutObjectAnnotation",
        "InvalidAnnotationName",
        "control character",
        "PUT /plain/k?annotation&annotationName=%00",
        "text",
    ),
    row(
        "PutObjectAnnotation",
        "UnsupportedMediaType",
        "no UTF-8",
        "PUT /plain/k?annotation&annotationName=n",
        b"\xff",
    ),
    row(
        "ListObjectAnnotations",
        "InvalidPrefix",
        "long prefix",
        "GET /plain/k?annotation&annotation-prefix=" + "n" * 513,
    ),
    row(
        "UpdateObjectEncryption",
        "MalformedXML",
        "no encryption",
        "PUT /plain/k?encryption",
        "<ObjectEncryption/>",
    ),
)

COPIES = (
    row("CopyObject", "NoSuchKey", "no source", "PUT /plain/c", x_amz_copy_source="/plain/none"),
    row(
        "CopyObject",
        "NoSuchBucket",
        "no bucket of the source",
        "PUT /plain/c",
        x_amz_copy_source="/missing/k",
    ),
    row("CopyObject", "AccessDenied", "not readable", "PUT /plain/c", x_amz_copy_source="/taken/k"),
    row("CopyObject", "InvalidArgument", "no key", "PUT /plain/c", x_amz_copy_source="plain"),
    row("CopyObject", "InvalidRequest", "to itself", "PUT /plain/k", x_amz_copy_source="plain/k"),
    row(
        "CopyObject",
        "InvalidArgument",
        "empty version",
        "PUT /plain/c",
        x_amz_copy_source="plain/k?versionId=",
    ),
    row(
        "CopyObject",
        "InvalidArgument",
        "bad version",
        "PUT /plain/c",
        x_amz_copy_source="versioned/k?versionId=bad",
    ),
    row(
        "CopyObject",
        "NoSuchVersion",
        "no version",
        "PUT /plain/c",
        x_amz_copy_source="versioned/k?versionId={held}",
    ),
    row(
        "CopyObject",
        "InvalidRequest",
        "delete marker",
        "PUT /plain/c",
        x_amz_copy_source="versioned/gone?versionId={marker}",
    ),
    row(
        "CopyObject",
        "PreconditionFailed",
        "source",
        "PUT /plain/c",
        x_amz_copy_source="plain/k",
        x_amz_copy_source_if_match='"0"',
    ),
    row(
        "CopyObject",
        "InvalidArgument",
        "unknown directive",
        "PUT /plain/c",
        x_amz_copy_source="plain/k",
        x_amz_metadata_directive="MERGE",
    ),
    row(
        "CopyObject",
        "InvalidArgument",
        "unknown tagging directive",
        "PUT /plain/c",
        x_amz_copy_source="plain/k",
        x_amz_tagging_directive="MERGE",
    ),
    row(
        "CopyObject",
        "InvalidRequest",
        "no customer key",
        "PUT /plain/c",
        x_amz_copy_source="plain/secret",
    ),
    row(
        "UploadPartCopy",
        "NoSuchKey",
        "no source",
        "PUT /plain/k?partNumber=1&uploadId={upload}",
        x_amz_copy_source="plain/none",
    ),
    row(
        "UploadPartCopy",
        "InvalidArgument",
        "bad range",
        "PUT /plain/k?partNumber=1&uploadId={upload}",
        x_amz_copy_source="plain/k",
        x_amz_copy_source_range="0-1",
    ),
    row(
        "UploadPartCopy",
        "InvalidArgument",
        "range beyond the end",
        "PUT /plain/k?partNumber=1&uploadId={upload}",
        x_amz_copy_source="plain/k",
        x_amz_copy_source_range="bytes=0-99",
    ),
    row(
        "UploadPartCopy",
        "InvalidArgument",
        "part 10,001",
        "PUT /plain/k?partNumber=10001&uploadId={upload}",
        x_amz_copy_source="plain/k",
    ),
    row(
        "UploadPartCopy",
        "InvalidRequest",
        "delete marker",
        "PUT /plain/k?partNumber=1&uploadId={upload}",
        x_amz_copy_source="versioned/gone?versionId={marker}",
    ),
    row(
        "UploadPartCopy",
        "PreconditionFailed",
        "source",
        "PUT /plain/k?partNumber=1&uploadId={upload}",
        x_amz_copy_source="plain/k",
        x_amz_copy_source_if_none_match="*",
    ),
)

UPLOADS = (
    row(
        "CreateMultipartUpload",
        "InvalidRequest",
        "unknown checksum",
        "POST /plain/k?uploads",
        x_amz_checksum_algorithm="CRC7",
    ),
    row(
        "CreateMultipartUpload",
        "InvalidRequest",
        "checksum of no such type",
        "POST /plain/k?uploads",
        x_amz_checksum_algorithm="SHA256",
        x_amz_checksum_type="FULL_OBJECT",
    ),
    row(
        "CreateMultipartUpload",
        "InvalidStorageClass",
        "",
        "POST /plain/k?uploads",
        x_amz_storage_class="FAST",
    ),
    row("CreateMultipartUpload", "KeyTooLongError", "", "POST /plain/" + "k" * 1025 + "?uploads"),
    row(
        "UploadPart",
        "InvalidArgument",
        "part 10,001",
        "PUT /plain/k?partNumber=10001&uploadId={upload}",
        "x",
    ),
    row(
        "UploadPart",
        "InvalidArgument",
        "part 0",
        "PUT /plain/k?partNumber=0&uploadId={upload}",
        "x",
    ),
    row(
        "UploadPart",
        "NoSuchUpload",
        "other key",
        "PUT /plain/o?partNumber=1&uploadId={upload}",
        "x",
    ),
    row(
        "UploadPart",
        "BadDigest",
        "CRC32",
        "PUT /plain/k?partNumber=3&uploadId={upload}",
        "x",
        x_amz_checksum_crc32="AAAAAA==",
    ),
    row(
        "UploadPart",
        "InvalidRequest",
        "needless customer key",
        "PUT /plain/k?partNumber=3&uploadId={upload}",
        "x",
        **_customer(_KEY),
    ),
    row("CompleteMultipartUpload", "EntityTooSmall", "small parts", _COMPLETE, _parts(_ONE, _TWO)),
    row("CompleteMultipartUpload", "InvalidPartOrder", "", _COMPLETE, _parts(_TWO, _ONE)),
    row(
        "CompleteMultipartUpload",
        "InvalidPart",
        "unknown part",
        _COMPLETE,
        _parts(_ONE.replace("1", "7")),
    ),
    row(
        "CompleteMultipartUpload",
        "InvalidPart",
        "other ETag",
        _COMPLETE,
        _parts(_ONE.replace("{etag}", "0")),
    ),
    row("CompleteMultipartUpload", "MalformedXML", "no parts", _COMPLETE, _parts()),
    row(
        "CompleteMultipartUpload",
        "MalformedXML",
        "part without a number",
        _COMPLETE,
        _parts("<ETag>{etag}</ETag>"),
    ),
    row(
        "CompleteMultipartUpload",
        "PreconditionFailed",
        "exists",
        _COMPLETE,
        _parts(_ONE),
        If_None_Match="*",
    ),
    row(
        "CompleteMultipartUpload",
        "PreconditionFailed",
        "other",
        _COMPLETE,
        _parts(_ONE),
        If_Match='"0"',
    ),
    row(
        "CompleteMultipartUpload",
        "InvalidRequest",
        "other size",
        _COMPLETE,
        _parts(_ONE),
        x_amz_mp_object_size="9",
    ),
    row(
        "AbortMultipartUpload",
        "PreconditionFailed",
        "begun at another time",
        "DELETE /plain/k?uploadId={upload}",
        x_amz_if_match_initiated_time="Mon, 01 Jan 2001 00:00:00 GMT",
    ),
    row("ListParts", "InvalidArgument", "no number", "GET /plain/k?uploadId={upload}&max-parts=x"),
    row("ListMultipartUploads", "InvalidArgument", "no number", "GET /plain?uploads&max-uploads=x"),
    row(
        "ListMultipartUploads", "InvalidArgument", "encoding", "GET /plain?uploads&encoding-type=x"
    ),
)

LISTINGS = (
    row("ListBuckets", "InvalidArgument", "0 buckets", "GET /?max-buckets=0"),
    row("ListBuckets", "InvalidArgument", "bad token", "GET /?continuation-token=%20"),
    row("ListObjects", "InvalidArgument", "no number", "GET /plain?max-keys=x"),
    row("ListObjects", "InvalidArgument", "encoding", "GET /plain?encoding-type=x"),
    row("ListObjects", "InvalidArgument", "of version 2", "GET /plain?list-type=3&start-after=k"),
    row("ListObjectsV2", "InvalidArgument", "of version 1", "GET /plain?list-type=2&marker=k"),
    row("ListObjectsV2", "InvalidArgument", "no number", "GET /plain?list-type=2&max-keys=-1"),
    row("ListObjectsV2", "InvalidArgument", "encoding", "GET /plain?list-type=2&encoding-type=x"),
    row(
        "ListObjectsV2",
        "InvalidArgument",
        "bad token",
        "GET /plain?list-type=2&continuation-token=bad",
    ),
    row("ListObjectVersions", "InvalidArgument", "no number", "GET /plain?versions&max-keys=x"),
    row("ListObjectVersions", "InvalidArgument", "encoding", "GET /plain?versions&encoding-type=x"),
    row(
        "ListObjectVersions",
        "InvalidArgument",
        "version without a key",
        "GET /plain?versions&version-id-marker=x",
    ),
)

BUCKETS = (
    row("CreateBucket", "BucketAlreadyExists", "another owner's", "PUT /taken"),
    row("CreateBucket", "InvalidBucketName", "bad name", "PUT /a..b"),
    row("CreateBucket", "InvalidBucketName", "short name", "PUT /ab"),
    row("CreateBucket", "InvalidBucketName", "an address", "PUT /192.168.1.1"),
    row("CreateBucket", "MalformedXML", "no document", "PUT /fresh", "<x"),
    row(
        "CreateBucket",
        "MalformedXML",
        "unknown element",
        "PUT /fresh",
        "<CreateBucketConfiguration><Unknown/></CreateBucketConfiguration>",
    ),
    row("CreateBucket", "InvalidLocationConstraint", "no region", "PUT /fresh", _place("nowhere")),
    row(
        "CreateBucket",
        "InvalidLocationConstraint",
        "the default region",
        "PUT /fresh",
        _place("us-east-1"),
    ),
    row("CreateBucket", "InvalidArgument", "unknown ACL", "PUT /fresh", x_amz_acl="all"),
    row(
        "CreateBucket",
        "InvalidArgument",
        "unknown ownership",
        "PUT /fresh",
        x_amz_object_ownership="Nobody",
    ),
    row(
        "CreateBucket",
        "InvalidBucketAclWithObjectOwnership",
        "ACL without ACLs",
        "PUT /fresh",
        x_amz_acl="public-read",
        x_amz_object_ownership="BucketOwnerEnforced",
    ),
    row("DeleteBucket", "BucketNotEmpty", "an object", "DELETE /plain"),
    row("DeleteBucket", "BucketNotEmpty", "a delete marker", "DELETE /versioned"),
    row(
        "PutBucketAcl",
        "AccessControlListNotSupported",
        "bucket without ACLs",
        "PUT /enforced?acl",
        x_amz_acl="public-read",
    ),
    row("PutBucketAcl", "AccessDenied", "public", "PUT /blocked?acl", x_amz_acl="public-read"),
    row(
        "PutBucketAcl", "UnexpectedContent", "two forms", "PUT /plain?acl", ACL, x_amz_acl="private"
    ),
    row("PutBucketPolicy", "MalformedPolicy", "no JSON", "PUT /plain?policy", "policy"),
    row("PutBucketPolicy", "MalformedPolicy", "no statement", "PUT /plain?policy", "{}"),
    row(
        "PutBucketPolicy",
        "MalformedPolicy",
        "other bucket",
        "PUT /plain?policy",
        POLICY.replace("plain/", "other/"),
    ),
    row(
        "PutBucketPolicy",
        "MalformedPolicy",
        "no principal",
        "PUT /plain?policy",
        POLICY.replace('"Principal": {"AWS": "*"}, ', ""),
    ),
    row(
        "PutBucketPolicy",
        "MalformedPolicy",
        "unknown action",
        "PUT /plain?policy",
        POLICY.replace("GetObject", "Get Object"),
    ),
    row("PutBucketPolicy", "AccessDenied", "public", "PUT /blocked?policy", _PUBLIC),
    row("PutBucketTagging", "InvalidTag", "twice", "PUT /plain?tagging", _tags(2, "k")),
    row("PutBucketTagging", "InvalidTag", "of AWS", "PUT /plain?tagging", _tags(1, "aws:k")),
    row("PutBucketTagging", "InvalidTag", "51 tags", "PUT /plain?tagging", _tags(51)),
    row(
        "PutBucketVersioning",
        "InvalidBucketState",
        "suspended with object lock",
        "PUT /locked?versioning",
        "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
    ),
    row(
        "PutBucketVersioning",
        "MalformedXML",
        "unknown status",
        "PUT /plain?versioning",
        "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
    ),
    row(
        "PutBucketVersioning",
        "IllegalVersioningConfigurationException",
        "no status",
        "PUT /plain?versioning",
        "<VersioningConfiguration/>",
    ),
    row(
        "PutObjectLockConfiguration",
        "InvalidBucketState",
        "no versions",
        "PUT /plain?object-lock",
        BODIES["PutObjectLockConfiguration"],
    ),
    row(
        "PutObjectLockConfiguration",
        "MalformedXML",
        "days and years",
        "PUT /locked?object-lock",
        _LOCK.format("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"),
    ),
    row(
        "PutObjectLockConfiguration",
        "InvalidArgument",
        "no days",
        "PUT /locked?object-lock",
        _LOCK.format("<Mode>GOVERNANCE</Mode><Days>0</Days>"),
    ),
    row(
        "PutObjectLockConfiguration",
        "MalformedXML",
        "unknown mode",
        "PUT /locked?object-lock",
        _LOCK.format("<Mode>SOFT</Mode><Days>1</Days>"),
    ),
)

SETTINGS = (
    row("GetBucketCors", "NoSuchCORSConfiguration", "none", "GET /empty?cors"),
    row(
        "GetBucketEncryption",
        "ServerSideEncryptionConfigurationNotFoundError",
        "none",
        "GET /empty?encryption",
    ),
    row(
        "GetBucketLifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        "none",
        "GET /empty?lifecycle",
    ),
    row(
        "GetBucketOwnershipControls",
        "OwnershipControlsNotFoundError",
        "none",
        "GET /empty?ownershipControls",
    ),
    row("GetBucketPolicy", "NoSuchBucketPolicy", "none", "GET /empty?policy"),
    row(
        "GetBucketReplication",
        "ReplicationConfigurationNotFoundError",
        "none",
        "GET /empty?replication",
    ),
    row("GetBucketTagging", "NoSuchTagSet", "none", "GET /empty?tagging"),
    row("GetBucketWebsite", "NoSuchWebsiteConfiguration", "none", "GET /empty?website"),
    row(
        "GetObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "none",
        "GET /empty?object-lock",
    ),
    row(
        "GetPublicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
        "none",
        "GET /empty?publicAccessBlock",
    ),
    *(
        row(
            f"{verb}Bucket{family}Configuration",
            "NoSuchConfiguration",
            "none",
            f"{method} /empty?{word}&id=i",
        )
        for family, word in (
            ("Analytics", "analytics"),
            ("IntelligentTiering", "intelligent-tiering"),
            ("Inventory", "inventory"),
            ("Metrics", "metrics"),
        )
        for verb, method in (("Get", "GET"), ("Delete", "DELETE"))
    ),
    row(
        "PutBucketAccelerateConfiguration",
        "MalformedXML",
        "unknown status",
        "PUT /plain?accelerate",
        "<AccelerateConfiguration><Status>On</Status></AccelerateConfiguration>",
    ),
    row(
        "PutBucketAnalyticsConfiguration",
        "MalformedXML",
        "other id",
        "PUT /plain?analytics&id=j",
        BODIES["PutBucketAnalyticsConfiguration"],
    ),
    row(
        "PutBucketIntelligentTieringConfiguration",
        "MalformedXML",
        "other id",
        "PUT /plain?intelligent-tiering&id=j",
        TIERING,
    ),
    row(
        "PutBucketInventoryConfiguration",
        "IdMismatch",
        "other id",
        "PUT /plain?inventory&id=j",
        INVENTORY,
    ),
    row(
        "PutBucketMetricsConfiguration",
        "IdMismatch",
        "other id",
        "PUT /plain?metrics&id=j",
        BODIES["PutBucketMetricsConfiguration"],
    ),
    row(
        "PutBucketInventoryConfiguration",
        "InvalidS3DestinationBucket",
        "no ARN",
        "PUT /plain?inventory&id=i",
        INVENTORY.replace("arn:aws:s3:::plain", "plain"),
    ),
    row(
        "PutBucketInventoryConfiguration",
        "MalformedXML",
        "unknown format",
        "PUT /plain?inventory&id=i",
        INVENTORY.replace("CSV", "TXT"),
    ),
    row(
        "PutBucketCors",
        "InvalidRequest",
        "unknown method",
        "PUT /plain?cors",
        BODIES["PutBucketCors"].replace("GET", "PATCH"),
    ),
    row(
        "PutBucketCors",
        "InvalidRequest",
        "two wildcards",
        "PUT /plain?cors",
        BODIES["PutBucketCors"].replace(">*<", ">*.*<"),
    ),
    row("PutBucketCors", "MalformedXML", "no rules", "PUT /plain?cors", "<CORSConfiguration/>"),
    row(
        "PutBucketEncryption",
        "MalformedXML",
        "unknown algorithm",
        "PUT /plain?encryption",
        BODIES["PutBucketEncryption"].replace("AES256", "DES"),
    ),
    row(
        "PutBucketEncryption",
        "InvalidArgument",
        "key of no use",
        "PUT /plain?encryption",
        BODIES["PutBucketEncryption"].replace(
            "</SSEAlgorithm>", "</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"
        ),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "MalformedXML",
        "no rules",
        "PUT /plain?lifecycle",
        "<LifecycleConfiguration/>",
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidArgument",
        "0 days",
        "PUT /plain?lifecycle",
        _rule("<Days>1", "<Days>0"),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidArgument",
        "not at midnight",
        "PUT /plain?lifecycle",
        _rule("<Days>1</Days>", "<Date>2090-01-01T01:00:00Z</Date>"),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "MalformedXML",
        "unknown status",
        "PUT /plain?lifecycle",
        _rule("Enabled", "On"),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidRequest",
        "no action",
        "PUT /plain?lifecycle",
        _rule("<Expiration><Days>1</Days></Expiration>", ""),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidArgument",
        "long id",
        "PUT /plain?lifecycle",
        _rule("<ID>r</ID>", f"<ID>{'r' * 256}</ID>"),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidArgument",
        "one id for two rules",
        "PUT /plain?lifecycle",
        "<LifecycleConfiguration>" + 2 * LIFECYCLE[24:-25] + "</LifecycleConfiguration>",
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidArgument",
        "too early for infrequent access",
        "PUT /plain?lifecycle",
        _rule("<Expiration><Days>1</Days></Expiration>", _transitions("STANDARD_IA")),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidRequest",
        "one class twice",
        "PUT /plain?lifecycle",
        _rule("<Expiration><Days>1</Days></Expiration>", _transitions("GLACIER", "GLACIER")),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "MalformedXML",
        "two conditions",
        "PUT /plain?lifecycle",
        _rule("</Prefix>", "</Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>"),
    ),
    row(
        "PutBucketLifecycleConfiguration",
        "InvalidRequest",
        "tag twice",
        "PUT /plain?lifecycle",
        _rule(
            "<Prefix>x</Prefix>",
            f"<And>{2 * '<Tag><Key>a</Key><Value>b</Value></Tag>'}</And>",
        ),
    ),
    row(
        "PutBucketLogging",
        "InvalidTargetBucketForLogging",
        "no bucket",
        "PUT /plain?logging",
        "<BucketLoggingStatus><LoggingEnabled><TargetBucket>missing</TargetBucket>"
        "<TargetPrefix/></LoggingEnabled></BucketLoggingStatus>",
    ),
    row(
        "PutBucketNotificationConfiguration",
        "InvalidArgument",
        "unknown target",
        "PUT /plain?notification",
        "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:us-east-1:1:none</Queue>"
        "<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>",
    ),
    row(
        "PutBucketOwnershipControls",
        "MalformedXML",
        "unknown ownership",
        "PUT /plain?ownershipControls",
        BODIES["PutBucketOwnershipControls"].replace("ObjectWriter", "Nobody"),
    ),
    row(
        "PutBucketReplication",
        "InvalidRequest",
        "no versions",
        "PUT /plain?replication",
        REPLICATION,
    ),
    row(
        "PutBucketReplication",
        "InvalidRequest",
        "destination without versions",
        "PUT /versioned?replication",
        REPLICATION.replace(":::versioned", ":::plain"),
    ),
    row(
        "PutBucketRequestPayment",
        "MalformedXML",
        "unknown payer",
        "PUT /plain?requestPayment",
        BODIES["PutBucketRequestPayment"].replace("BucketOwner", "Nobody"),
    ),
    row(
        "PutBucketWebsite",
        "InvalidArgument",
        "no index",
        "PUT /plain?website",
        "<WebsiteConfiguration><ErrorDocument><Key>e</Key></ErrorDocument></WebsiteConfiguration>",
    ),
    row(
        "PutBucketWebsite",
        "InvalidArgument",
        "slash in the index",
        "PUT /plain?website",
        BODIES["PutBucketWebsite"].replace(">i<", ">a/i<"),
    ),
    row(
        "PutBucketWebsite",
        "InvalidArgument",
        "redirect and index",
        "PUT /plain?website",
        BODIES["PutBucketWebsite"].replace(
            "<IndexDocument>",
            "<RedirectAllRequestsTo><HostName>h</HostName></RedirectAllRequestsTo><IndexDocument>",
        ),
    ),
    row(
        "PutBucketWebsite",
        "InvalidRequest",
        "unknown protocol",
        "PUT /plain?website",
        "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>h</HostName>"
        "<Protocol>ftp</Protocol></RedirectAllRequestsTo></WebsiteConfiguration>",
    ),
    row(
        "PutBucketWebsite",
        "InvalidRequest",
        "two replacements",
        "PUT /plain?website",
        BODIES["PutBucketWebsite"].replace(
            "</IndexDocument>",
            "</IndexDocument><RoutingRules><RoutingRule><Redirect><ReplaceKeyWith>a"
            "</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith></Redirect>"
            "</RoutingRule></RoutingRules>",
        ),
    ),
    row(
        "PutBucketWebsite",
        "InvalidRequest",
        "empty condition",
        "PUT /plain?website",
        BODIES["PutBucketWebsite"].replace(
            "</IndexDocument>",
            "</IndexDocument><RoutingRules><RoutingRule><Condition/><Redirect><HostName>h"
            "</HostName></Redirect></RoutingRule></RoutingRules>",
        ),
    ),
)

ROWS = (*REQUESTS, *OBJECTS, *COPIES, *UPLOADS, *LISTINGS, *BUCKETS, *SETTINGS)
