"""ETags in one spelling: with their quotes, as RFC 9110 section 8.8.3 writes them. Pure.

Servers leave the quotes out, some of them in listings only. Who compares ETags compares strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def quote_etags(operation: str, output: Members) -> None:
    """Quote every ETag in the members of an answer, in place."""
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
