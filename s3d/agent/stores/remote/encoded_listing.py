"""Names of a listing in URL encoding, because XML 1.0 cannot represent all of them. Pure.

Which members encoding-type=url encodes is a table, as in botocore's handlers.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus

from s3d.agent.s3.messages import Members

_COMMON = ("CommonPrefixes", "Prefix")
_ENCODED: Mapping[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "ListObjects": (("Delimiter", "Marker", "NextMarker"), (("Contents", "Key"), _COMMON)),
    "ListObjectsV2": (("Delimiter", "Prefix", "StartAfter"), (("Contents", "Key"), _COMMON)),
    "ListObjectVersions": (
        ("Delimiter", "KeyMarker", "NextKeyMarker", "Prefix"),
        (("Versions", "Key"), ("DeleteMarkers", "Key"), _COMMON),
    ),
}
"""Operation -> its encoded members, and (list, member) of its rows."""

LISTINGS = frozenset(_ENCODED)


def decode(name: str, output: Members) -> None:
    """Decode, in place, the output of a listing that was asked for in this encoding by us."""
    if output.pop("EncodingType", "") != "url":
        return
    members, lists = _ENCODED[name]
    for member in members:
        if member in output:
            output[member] = unquote_plus(output[member])
    for rows, member in lists:
        for row in output.get(rows, ()):
            row[member] = unquote_plus(row[member])
