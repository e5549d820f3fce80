"""Whether the remote's copy of an upload agrees with it in size and checksum.

The answer of the upload itself proves nothing here: the remote is asked again, by HeadObject, and
by GetObjectAttributes when HeadObject returns no checksum to compare.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.receipts.receipt_file import Upload
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag, unquoted
from s3d.agent.s3.messages import Members

MD5 = "MD5"
"""The algorithm of an ETag that is the MD5 of the bytes, or of the MD5s of the parts."""
_FULL = "FULL_OBJECT"


class Verdict(Enum):
    """What the remote's answer says about an upload."""

    AGREES = auto()
    REPLACED = auto()
    """The remote has another version of the object now, or none."""
    DIFFERS = auto()
    """The remote has this version with another size or checksum."""
    UNVERIFIABLE = auto()
    """The remote returns no checksum that could be compared."""


class Verification(NamedTuple):
    """The verdict, and for AGREES what has agreed."""

    verdict: Verdict
    algorithm: str = ""
    checksum: str = ""
    operation: str = ""
    version_id: str = ""


def compare_head(upload: Upload, head: Members) -> Verification:
    """Compare the answer of HeadObject, with ChecksumMode."""
    if not same_etag(str(head.get("ETag", "")), upload.etag):
        return Verification(Verdict.REPLACED)
    if head.get("ContentLength") != upload.size:
        return Verification(Verdict.DIFFERS)
    return _compare(upload, head, "HeadObject", str(head.get("VersionId") or ""))


def compare_attributes(upload: Upload, answer: Members) -> Verification:
    """Compare the answer of GetObjectAttributes."""
    if not same_etag(str(answer.get("ETag", "")), upload.etag):
        return Verification(Verdict.REPLACED)
    if answer.get("ObjectSize") != upload.size:
        return Verification(Verdict.DIFFERS)
    checksums = answer.get("Checksum") or {}
    version = str(answer.get("VersionId") or "")
    return _compare(upload, checksums, "GetObjectAttributes", version)


def _compare(
    upload: Upload, checksums: Mapping[str, Any], operation: str, version: str
) -> Verification:
    """Compare the MD5 and the checksum, of which one is enough."""
    if same_etag(upload.etag, upload.content_etag):
        return Verification(Verdict.AGREES, MD5, unquoted(upload.content_etag), operation, version)
    theirs = checksums.get(f"Checksum{upload.algorithm}") if upload.algorithm else None
    is_composite = "-" in upload.checksum
    if theirs is None or (checksums.get("ChecksumType", _FULL) != _FULL) is not is_composite:
        return Verification(Verdict.UNVERIFIABLE)
    # GetObjectAttributes returns a composite checksum without the number of its parts.
    if str(theirs).partition("-")[0] != upload.checksum.partition("-")[0]:
        return Verification(Verdict.DIFFERS)
    return Verification(Verdict.AGREES, upload.algorithm, upload.checksum, operation, version)


async def verify(remote: S3Client, upload: Upload) -> Verification:
    """Ask the remote. Raises S3Error when it cannot be asked, or denies both operations."""
    place = {"Bucket": upload.bucket, "Key": upload.key}
    denied: S3Error | None = None
    try:
        head = await remote.output("HeadObject", {**place, "ChecksumMode": "ENABLED"})
        found = compare_head(upload, head)
    except S3Error as error:
        if error.status == 404:
            return Verification(Verdict.REPLACED)
        if error.status != 403:
            raise
        denied, found = error, Verification(Verdict.UNVERIFIABLE)
    if found.verdict is not Verdict.UNVERIFIABLE:
        return found
    wanted = {"ObjectAttributes": ["ETag", "Checksum", "ObjectSize"]}
    try:
        answer = await remote.output("GetObjectAttributes", {**place, **wanted})
    except S3Error as error:
        if error.status == 404:
            return Verification(Verdict.REPLACED)
        if denied is not None or (error.status >= 500 and error.status != 501):
            raise
        return found
    return compare_attributes(upload, answer)
