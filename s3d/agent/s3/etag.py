"""Entity tags: S3 writes them in quotes, s3d computes them without, remotes do either. Pure.

https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3d.agent.s3.checksums import multipart_etag
from s3d.agent.s3.messages import Members

_LISTS = ("Contents", "Versions", "Parts")
_UNQUOTED = ("GetObjectAttributes",)
"""S3 itself writes this ETag without quotes.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html"""
_RESULTS = ("CopyObjectResult", "CopyPartResult")


def quoted(etag: str) -> str:
    """The entity tag with its quotes; "" stays ""."""
    if not etag or etag.startswith(('"', 'W/"')):
        return etag
    return f'"{etag}"'


def unquoted(etag: str) -> str:
    """The entity tag without its quotes."""
    return etag.strip('"')


def opaque_tag(etag: str) -> str:
    """What is compared weakly: the entity tag without quotes, without W/ and spaces around it."""
    return etag.strip().removeprefix("W/").strip('"')


def same_etag(one: str, other: str) -> bool:
    """Whether two ETags are equal, quoted or not; an empty one equals none."""
    return bool(one) and one.strip('"') == other.strip('"')


def same_state(one: str, other: str) -> bool:
    """As same_etag, for states of a key: "" stands for the absent object, and equals itself."""
    return one.strip('"') == other.strip('"')


def matches_any(header: str, etag: str, *, weak: bool = False) -> bool:
    """Whether a list of entity tags names etag; weak: W/"x" equals "x" (RFC 9110 8.8.3.2)."""
    tags = [tag.strip() for tag in header.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return "*" in tags or unquoted(etag) in [unquoted(tag) for tag in tags]


def etag_of_completion(input: Mapping[str, Any]) -> str:
    """The ETag, unquoted, of the object that a CompleteMultipartUpload makes of the parts it lists.

    Of a repeated number the last part counts. "": the list has an ETag that no part can have.
    """
    parts = (input.get("MultipartUpload") or {}).get("Parts") or ()
    etags = {part.get("PartNumber"): unquoted(part.get("ETag") or "") for part in parts}
    try:
        return multipart_etag([bytes.fromhex(etag) for etag in etags.values()])
    except ValueError:
        return ""


def quote_etags(operation: str, output: Members) -> None:
    """Quote every ETag in the members of a response, in place."""
    if operation in _UNQUOTED:
        return
    _quote(output)
    for name in _RESULTS:
        if isinstance(output.get(name), dict):
            _quote(output[name])
    for name in _LISTS:
        for row in output.get(name) or ():
            _quote(row)


def _quote(row: Any) -> None:
    etag = row.get("ETag") if isinstance(row, Mapping) else None
    if etag and etag[0] != '"':
        row["ETag"] = quoted(etag)
