"""A valid request of every operation, from which most errors are one change away."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import md5
from typing import NamedTuple

from s3d.agent.s3.model import operations, required_words, service
from s3d.agent.s3.model_overrides import OFF_THE_TABLE


class Request(NamedTuple):
    """As it is written on the wire, before it is signed."""

    method: str
    path: str
    """With the query. {name}: see ErrorStore.names."""
    body: bytes = b""
    headers: Mapping[str, str] = {}

    def to(self, bucket: str, key: str = "k") -> Request:
        """The same for other names."""
        return self._replace(
            path=self.path.replace("/plain", f"/{bucket}").replace("/k", f"/{key}")
        )

    def at(self, word: str) -> Request:
        """With a further word in the query."""
        return self._replace(path=self.path + ("&" if "?" in self.path else "?") + word)

    def having(self, **headers: str) -> Request:
        """With further headers."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._replace(headers={**self.headers, **more})


def request(line: str, body: str | bytes = b"", **headers: str) -> Request:
    """line: method and path."""
    method, _, path = line.partition(" ")
    data = body.encode() if isinstance(body, str) else body
    return Request(method, path, data).having(**headers)


def content_md5(body: bytes) -> str:
    return b64encode(md5(body).digest()).decode()


_GRANT = (
    '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    "<ID>{main}</ID></Grantee><Permission>FULL_CONTROL</Permission>"
)
ACL = (
    "<AccessControlPolicy><Owner><ID>{main}</ID></Owner><AccessControlList>"
    f"<Grant>{_GRANT}</Grant></AccessControlList></AccessControlPolicy>"
)
POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, '
    '"Action": "s3:GetObject", "Resource": "arn:aws:s3:::plain/*"}]}'
)
TAGS = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
LIFECYCLE = (
    "<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>x</Prefix></Filter>"
    "<Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
    "</LifecycleConfiguration>"
)
INVENTORY = (
    "<InventoryConfiguration><Id>i</Id><IsEnabled>true</IsEnabled>"
    "<IncludedObjectVersions>Current</IncludedObjectVersions>"
    "<Schedule><Frequency>Daily</Frequency></Schedule><Destination><S3BucketDestination>"
    "<Bucket>arn:aws:s3:::plain</Bucket><Format>CSV</Format>"
    "</S3BucketDestination></Destination></InventoryConfiguration>"
)
TIERING = (
    "<IntelligentTieringConfiguration><Id>i</Id><Status>Enabled</Status><Tiering><Days>90</Days>"
    "<AccessTier>ARCHIVE_ACCESS</AccessTier></Tiering></IntelligentTieringConfiguration>"
)
REPLICATION = (
    "<ReplicationConfiguration><Role>arn:aws:iam::123456789012:role/r</Role><Rule>"
    "<Status>Enabled</Status><Prefix>x</Prefix><Destination><Bucket>arn:aws:s3:::versioned</Bucket>"
    "</Destination></Rule></ReplicationConfiguration>"
)

BODIES: Mapping[str, str] = {
    "CompleteMultipartUpload": "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
    "<ETag>{etag}</ETag></Part></CompleteMultipartUpload>",
    "DeleteObjects": "<Delete><Object><Key>none</Key></Object></Delete>",
    "PutBucketAbac": "<AbacStatus><Status>Enabled</Status></AbacStatus>",
    "PutBucketAccelerateConfiguration": "<AccelerateConfiguration><Status>Enabled</Status>"
    "</AccelerateConfiguration>",
    "PutBucketAcl": ACL,
    "PutBucketAnalyticsConfiguration": "<AnalyticsConfiguration><Id>i</Id><StorageClassAnalysis/>"
    "</AnalyticsConfiguration>",
    "PutBucketCors": "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod>"
    "<AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
    "PutBucketEncryption": "<ServerSideEncryptionConfiguration><Rule>"
    "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
    "PutBucketIntelligentTieringConfiguration": TIERING,
    "PutBucketInventoryConfiguration": INVENTORY,
    "PutBucketLifecycleConfiguration": LIFECYCLE,
    "PutBucketLogging": "<BucketLoggingStatus/>",
    "PutBucketMetricsConfiguration": "<MetricsConfiguration><Id>i</Id></MetricsConfiguration>",
    "PutBucketNotificationConfiguration": "<NotificationConfiguration/>",
    "PutBucketOwnershipControls": "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter"
    "</ObjectOwnership></Rule></OwnershipControls>",
    "PutBucketPolicy": POLICY,
    "PutBucketReplication": REPLICATION,
    "PutBucketRequestPayment": "<RequestPaymentConfiguration><Payer>BucketOwner</Payer>"
    "</RequestPaymentConfiguration>",
    "PutBucketTagging": TAGS,
    "PutBucketVersioning": "<VersioningConfiguration><Status>Enabled</Status>"
    "</VersioningConfiguration>",
    "PutBucketWebsite": "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument>"
    "</WebsiteConfiguration>",
    "PutObject": "data",
    "PutObjectAcl": ACL,
    "PutObjectAnnotation": "text",
    "PutObjectLegalHold": "<LegalHold><Status>OFF</Status></LegalHold>",
    "PutObjectLockConfiguration": "<ObjectLockConfiguration><ObjectLockEnabled>Enabled"
    "</ObjectLockEnabled></ObjectLockConfiguration>",
    "PutObjectRetention": "<Retention><Mode>GOVERNANCE</Mode>"
    "<RetainUntilDate>2090-01-01T00:00:00Z</RetainUntilDate></Retention>",
    "PutObjectTagging": TAGS,
    "PutPublicAccessBlock": "<PublicAccessBlockConfiguration/>",
    "UpdateObjectEncryption": "<ObjectEncryption><SSE-KMS><KMSKeyArn>arn:aws:kms:us-east-1:"
    "123456789012:key/12345678-1234-1234-1234-123456789012</KMSKeyArn></SSE-KMS>"
    "</ObjectEncryption>",
    "UploadPart": "data",
    # refused whatever they say
    "CreateBucketMetadataConfiguration": "<MetadataConfiguration><JournalTableConfiguration>"
    "<RecordExpiration><Expiration>DISABLED</Expiration></RecordExpiration>"
    "</JournalTableConfiguration></MetadataConfiguration>",
    "CreateBucketMetadataTableConfiguration": "<MetadataTableConfiguration>"
    "<S3TablesDestination><TableBucketArn>arn:aws:s3tables:us-east-1:123456789012:bucket/b"
    "</TableBucketArn><TableName>t</TableName></S3TablesDestination>"
    "</MetadataTableConfiguration>",
    "RestoreObject": "<RestoreRequest><Days>1</Days></RestoreRequest>",
    "SelectObjectContent": "<SelectObjectContentRequest><Expression>SELECT *</Expression>"
    "<ExpressionType>SQL</ExpressionType><InputSerialization><JSON/></InputSerialization>"
    "<OutputSerialization><JSON/></OutputSerialization></SelectObjectContentRequest>",
    "UpdateBucketMetadataAnnotationTableConfiguration": "<AnnotationTableConfiguration>"
    "<ConfigurationState>DISABLED</ConfigurationState></AnnotationTableConfiguration>",
    "UpdateBucketMetadataInventoryTableConfiguration": "<InventoryTableConfiguration>"
    "<ConfigurationState>DISABLED</ConfigurationState></InventoryTableConfiguration>",
    "UpdateBucketMetadataJournalTableConfiguration": "<JournalTableConfiguration><RecordExpiration>"
    "<Expiration>DISABLED</Expiration></RecordExpiration></JournalTableConfiguration>",
}
"""Operation -> the body of a valid request."""

_WORDS = {
    "annotationName": "n",
    "id": "i",
    "partNumber": "1",
    "uploadId": "{upload}",
}
_HEADERS = {
    "x-amz-copy-source": "/plain/k",
    "x-amz-object-attributes": "ETag",
    "x-amz-rename-source": "k",
}
SUCCESSORS = {
    "GetBucketLifecycle",
    "GetBucketNotification",
    "PutBucketLifecycle",
    "PutBucketNotification",
}
"""Deprecated: their requests are those of another operation."""

NAMES = [name for name in operations() if name not in {*SUCCESSORS, *OFF_THE_TABLE}]


def valid(name: str) -> Request:
    """A request of an operation for the object k of the bucket plain."""
    model, given = service().operations[name].http, service().input_of(name)
    path, _, marker = model.request_uri.partition("?")
    path = path.replace("{Bucket}", "plain").replace("{Key+}", "k")
    words = [marker] if marker else []
    words += [f"{word}={_WORDS[word]}" for word in required_words(given, "querystring")]
    body = BODIES.get(name, "").encode()
    headers = {word: _HEADERS[word] for word in required_words(given, "header")}
    return Request(model.method, "?".join(filter(None, (path, "&".join(words)))), body, headers)
