"""Errors that most operations have, each made from the valid request of the operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from s3d.agent.s3.model import operations, service
from tests.e2e.errors.valid_requests import NAMES, Request, valid

SERVICE = {"CreateBucket", "ListBuckets"}
"""They need no bucket."""
REFUSED = {
    "CreateBucketMetadataConfiguration",
    "CreateBucketMetadataTableConfiguration",
    "CreateSession",
    "DeleteBucketMetadataConfiguration",
    "DeleteBucketMetadataTableConfiguration",
    "GetBucketMetadataConfiguration",
    "GetBucketMetadataTableConfiguration",
    "RestoreObject",
    "SelectObjectContent",
    "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
}
"""The embedded store does not have them."""
SERVED = [name for name in NAMES if name not in REFUSED]
ON_BUCKETS = [name for name in SERVED if name not in SERVICE]
WITHOUT_OBJECT = {
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "GetObjectTorrent",
    "ListParts",
    "PutObject",
    "RenameObject",
    "UploadPart",
    "UploadPartCopy",
}
"""Operations on a key that need no object there."""
ON_OBJECTS = [
    name for name in SERVED if operations()[name].scope == "object" and name not in WITHOUT_OBJECT
]
UPLOADS = ["AbortMultipartUpload", "CompleteMultipartUpload", "ListParts", "UploadPart"]
UPLOADS += ["UploadPartCopy"]


def _has(name: str, member: str) -> bool:
    return member in service().input_of(name).members


DOCUMENTS = [
    name
    for name in SERVED
    if valid(name).body and not operations()[name].streaming_input and name != "PutBucketPolicy"
]
ACLS = ["PutBucketAcl", "PutObjectAcl"]
MEASURED = ["CompleteMultipartUpload", "PutObjectLegalHold", "PutObjectRetention"]
"""For their missing document, common suites have measured an error that is not the documented."""
_BROKEN = (
    ("MalformedXML", "broken document", [name for name in DOCUMENTS if name not in ACLS]),
    ("MalformedACLError", "broken document", ACLS),
    ("MalformedXML", "unknown element", [name for name in DOCUMENTS if name not in ACLS]),
    ("MalformedACLError", "unknown element", ACLS),
    ("MalformedPolicy", "broken document", ["PutBucketPolicy"]),
    ("MalformedPolicy", "no document", ["PutBucketPolicy"]),
    ("MalformedXML", "no document", MEASURED),
    ("MissingSecurityHeader", "no document", ACLS),
    (
        "MissingRequestBodyError",
        "no document",
        [name for name in DOCUMENTS if name not in (*ACLS, *MEASURED)],
    ),
)


class Row(NamedTuple):
    """How an error is provoked."""

    operation: str
    code: str
    request: Request
    by: str = "main"
    how: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.operation, self.code, self.how)))


def _each(
    names: list[str], code: str, how: str, change: Callable[[Request], Request], by: str = "main"
) -> Iterator[Row]:
    for name in names:
        yield Row(name, code, change(valid(name)), by, how)


def _truncated(request: Request) -> Request:
    return request._replace(body=request.body[:-3])


def rows() -> Iterator[Row]:
    """All of them."""
    yield from _each(ON_BUCKETS, "NoSuchBucket", "no bucket", lambda r: r.to("missing"))
    owned = [name for name in ON_BUCKETS if name != "DeleteObjects"]  # which decides for each key
    yield from _each(owned, "AccessDenied", "another owner", lambda r: r, "alt")
    yield from _each(ON_BUCKETS, "AccessDenied", "no signature", lambda r: r, "anonymous")
    expecting = [name for name in ON_BUCKETS if _has(name, "ExpectedBucketOwner")]
    other = {"x_amz_expected_bucket_owner": "999999999999"}
    yield from _each(expecting, "AccessDenied", "expected owner", lambda r: r.having(**other))
    yield from _each(ON_OBJECTS, "NoSuchKey", "no object", lambda r: r.to("locked", "none"))
    yield from _each(UPLOADS, "NoSuchUpload", "no upload", _without_upload)
    versions = [name for name in ON_OBJECTS if _has(name, "VersionId")]
    yield from _each(versions, "NoSuchVersion", "no version", _of_version("{held}"))
    yield from _each(versions, "InvalidArgument", "bad version", _of_version("%20"))
    large = _of_version("9" * 40)
    yield from _each(versions, "InvalidArgument", "large version", large)
    yield from _each(versions, "InvalidArgument", "empty version", _of_version(""))
    for code, how, names in _BROKEN:
        yield from _each(names, code, how, _CHANGES[how])
    digested = [name for name in SERVED if valid(name).body]
    wrong = {"Content_MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    yield from _each(digested, "BadDigest", "digest of other bytes", lambda r: r.having(**wrong))
    bad = {"Content_MD5": "no"}
    yield from _each(digested, "InvalidDigest", "no digest", lambda r: r.having(**bad))
    yield from _each(sorted(REFUSED), "NotImplemented", "any request", lambda r: r)
    unknown = {"x_amz_unknown": "1"}
    yield from _each(SERVED, "NotImplemented", "unknown header", lambda r: r.having(**unknown))


def _of_version(version: str) -> Callable[[Request], Request]:
    return lambda request: request.to("locked").at(f"versionId={version}")


def _without_upload(request: Request) -> Request:
    return request._replace(path=request.path.replace("{upload}", "none"))


def _with_unknown(request: Request) -> Request:
    root, _, rest = request.body.partition(b">")
    if root.endswith(b"/"):
        return request._replace(body=root[:-1] + b"><Unknown/></" + root[1:-1] + b">")
    return request._replace(body=root + b"><Unknown/>" + rest)


def _without_body(request: Request) -> Request:
    return request._replace(body=b"").having(Content_MD5="1B2M2Y8AsgTpgAmY7PhCfg==")


_CHANGES = {
    "broken document": _truncated,
    "no document": _without_body,
    "unknown element": _with_unknown,
}
