"""Evaluates Range and If-* headers against an object. Pure.

Conditions are members as boto3 spells them (IfMatch, IfModifiedSince, ...), dates are aware
datetimes. An ETag may come with or without quotes. HTTP dates have whole seconds, so the fraction
of a modification time never counts.

Precedence: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2, which is also what AWS states at
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import matches_any
from s3d.agent.s3.scalars import read_time

Current = tuple[str, float, int]
"""ETag, modification time (Unix seconds) and size (bytes) of an object."""


def check_read(input: Mapping[str, Any], etag: str, last_modified: float) -> bool:
    """Whether the response to a GetObject or HeadObject is 304. Raises PreconditionFailed."""
    failed = _failed(input, "", etag, last_modified)
    if failed in ("If-Match", "If-Unmodified-Since"):
        raise S3Error("PreconditionFailed", Condition=failed)
    return failed is not None


def check_copy_source(input: Mapping[str, Any], etag: str, last_modified: float) -> None:
    """The CopySourceIf* of CopyObject and UploadPartCopy: a copy has no 304, so every failed
    condition raises PreconditionFailed.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    failed = _failed(input, "CopySource", etag, last_modified)
    if failed is not None:
        raise S3Error("PreconditionFailed", Condition=f"x-amz-copy-source-{failed}")


def check_rename_source(input: Mapping[str, Any], etag: str, last_modified: float) -> None:
    """The SourceIf* of RenameObject. Raises PreconditionFailed.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html
    """
    failed = _failed(input, "Source", etag, last_modified)
    if failed is not None:
        raise S3Error("PreconditionFailed", Condition=f"x-amz-rename-source-{failed}")


def check_rename_destination(input: Mapping[str, Any], current: Current | None) -> None:
    """The DestinationIf* of RenameObject. current: as for check_write.

    Of no object only If-None-Match holds. Raises PreconditionFailed.
    """
    names = [name for name in _DESTINATION if input.get(name) is not None]
    if current is not None:
        failed = _failed(input, "Destination", current[0], current[1])
    else:
        failed = next((_DESTINATION[name] for name in names if name != _IF_ABSENT), None)
    if failed is not None:
        raise S3Error("PreconditionFailed", Condition=failed)


_IF_ABSENT = "DestinationIfNoneMatch"
_DESTINATION: Mapping[str, str] = {
    "DestinationIfMatch": "If-Match",
    _IF_ABSENT: "If-None-Match",
    "DestinationIfModifiedSince": "If-Modified-Since",
    "DestinationIfUnmodifiedSince": "If-Unmodified-Since",
}


def check_write(input: Mapping[str, Any], current: Current | None) -> None:
    """IfMatch and IfNoneMatch of PutObject, CopyObject and CompleteMultipartUpload.

    current: the current object, None when there is none or a delete marker is in its place.
    Raises PreconditionFailed; NoSuchKey for IfMatch without an object; NotImplemented for what
    AWS does not take on a write: an ETag in IfNoneMatch, `*` in IfMatch, both at once.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    match, none_match = input.get("IfMatch"), input.get("IfNoneMatch")
    if match is not None and none_match is not None:
        raise S3Error("NotImplemented", Header="If-Match,If-None-Match")
    if none_match is not None:
        if none_match.strip() != "*":
            raise S3Error("NotImplemented", Header="If-None-Match")
        if current is not None:
            raise S3Error("PreconditionFailed", Condition="If-None-Match")
    if match is not None:
        if match.strip() == "*":
            raise S3Error("NotImplemented", Header="If-Match")
        _check_match(match, current, input)


def check_delete(input: Mapping[str, Any], current: Current | None) -> None:
    """IfMatch, IfMatchLastModifiedTime and IfMatchSize of DeleteObject.

    For an entry of DeleteObjects say its ETag, LastModifiedTime and Size by those names. current:
    as for check_write. Raises PreconditionFailed, also for IfMatch `*` without an object;
    NoSuchKey for an ETag without an object. Time and size hold when there is no object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
    """
    match = input.get("IfMatch")
    if match is not None and match.strip() == "*":
        if current is None:
            raise S3Error("PreconditionFailed", Condition="If-Match")
    elif match is not None:
        _check_match(match, current, input)
    if current is None:
        return
    _, last_modified, size = current
    time = input.get("IfMatchLastModifiedTime")
    if time is not None and _seconds(time) != int(last_modified):
        raise S3Error("PreconditionFailed", Condition="x-amz-if-match-last-modified-time")
    if input.get("IfMatchSize", size) != size:
        raise S3Error("PreconditionFailed", Condition="x-amz-if-match-size")


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The (start, length) of a Range header for an object of size bytes; None: all of it.

    A malformed header is ignored; of several ranges S3 gives none but the whole object. Raises
    InvalidRange when the range includes no byte of the object, as always for an empty object.

    https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
    """
    found = _RANGE.fullmatch(header or "")
    if found is None:
        return None
    first, last = found.groups()
    if first:
        start, stop = int(first), min(int(last), size - 1) + 1 if last else size
        if last and int(last) < start:
            return None
    else:
        start, stop = max(0, size - int(last)), size
    if start >= stop:
        raise S3Error("InvalidRange", RangeRequested=header or "", ActualObjectSize=size)
    return start, stop - start


def range_applies(validator: str | None, etag: str, modified: float) -> bool:
    """Whether a Range counts, by the If-Range header beside it; None: there is none.

    Only a strong entity tag or the very date of the object will do.
    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
    """
    if validator is None or validator == etag:
        return True
    try:
        return read_time(validator).timestamp() == int(modified)
    except ValueError:
        return False


def resolve_copy_range(header: str | None, size: int) -> tuple[int, int]:
    """The (start, length) that the CopySourceRange of UploadPartCopy asks of size bytes.

    Stricter than byte_range: both ends are needed and must lie in the object, else InvalidArgument.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
    """
    ends = parse_copy_range(header)
    if ends is None:
        return 0, size
    first, last = ends
    if last >= size:
        message = f"Range specified is not valid for source object of size: {size}"
        raise _bad_copy_range(message, header or "")
    return first, last - first + 1


def parse_copy_range(header: str | None) -> tuple[int, int] | None:
    """The (first, last) byte of a CopySourceRange; None: the whole source.

    Raises InvalidArgument for anything but bytes=first-last.
    """
    if header is None:
        return None
    match = _RANGE.fullmatch(header)
    first, last = (int(end) if end else -1 for end in match.groups()) if match else (-1, -1)
    if first < 0 or last < first:
        message = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy"
        )
        raise _bad_copy_range(message, header)
    return first, last


def _bad_copy_range(message: str, header: str) -> S3Error:
    name = "x-amz-copy-source-range"
    return S3Error("InvalidArgument", message, ArgumentName=name, ArgumentValue=header)


# The digits are bounded because int() is, by the interpreter, at 4300.
_RANGE = re.compile(r"(?i:bytes)=[ \t]*(?=[0-9]|-[0-9])([0-9]{0,1000})-([0-9]{0,1000})[ \t]*")


def _failed(input: Mapping[str, Any], where: str, etag: str, last_modified: float) -> str | None:
    """The header whose condition is not met, in the order of RFC 9110 13.2.2."""
    match = input.get(f"{where}IfMatch")
    if match is not None:
        if not matches_any(match, etag):
            return "If-Match"
    else:
        unmodified = input.get(f"{where}IfUnmodifiedSince")
        if unmodified is not None and int(last_modified) > _seconds(unmodified):
            return "If-Unmodified-Since"
    none_match = input.get(f"{where}IfNoneMatch")
    if none_match is not None:
        return "If-None-Match" if matches_any(none_match, etag, weak=True) else None
    modified = input.get(f"{where}IfModifiedSince")
    if modified is not None and int(last_modified) <= _seconds(modified):
        return "If-Modified-Since"
    return None


def _check_match(match: str, current: Current | None, input: Mapping[str, Any]) -> None:
    if current is None:
        raise S3Error("NoSuchKey", Key=input.get("Key", ""))
    if not matches_any(match, current[0]):
        raise S3Error("PreconditionFailed", Condition="If-Match")


def _seconds(date: datetime) -> int:
    return int(date.timestamp())
