"""The response to a GetObject or HeadObject of an existing object. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3d.agent.s3.conditions import check_read
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import CONTENT

ByteRange = tuple[int, int]
"""Start and size, in bytes."""

CONDITIONS = frozenset(("IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"))

OVERRIDES: Mapping[str, str] = {f"Response{member}": member for member in CONTENT}
"""Member of a request -> the member of the response that it replaces."""

_NOT_MODIFIED = ("ETag", "LastModified", "CacheControl", "Expires", "VersionId")
"""https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5"""

NOT_MODIFIED = 304
PARTIAL = 206


def not_modified(input: Mapping[str, Any], output: Members, modified: float) -> Members | None:
    """The members of a 304, if that is the answer. Raises PreconditionFailed.

    output: the members of a response for the whole object.
    """
    if not check_read(input, output["ETag"], modified):
        return None
    return {name: output[name] for name in _NOT_MODIFIED if name in output}


def apply_response_overrides(input: Mapping[str, Any], output: Members) -> None:
    """Replace headers of the object by the response-* parameters of the request."""
    for name, member in OVERRIDES.items():
        if name in input:
            output[member] = input[name]


def set_content_range(
    input: Mapping[str, Any], output: Members, size: int, span: ByteRange | None, checksums: Members
) -> int | None:
    """Set the members of output that describe the bytes; the status, None for the whole object.

    span: None for the whole object, whose checksums are added when ChecksumMode asks for them.
    """
    if span is None:
        output["ContentLength"] = size
        if input.get("ChecksumMode") == "ENABLED":
            output |= checksums
        return None
    start, length = span
    output["ContentLength"] = length
    output["ContentRange"] = f"bytes {start}-{start + length - 1}/{size}"
    return PARTIAL
