"""Names of a listing in URL encoding, because XML 1.0 cannot represent all of them. Pure.

Which members encoding-type=url encodes is a table, as in botocore's handlers.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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

_MAX_FOLDERS = 64


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
            row[member] = _decoded(row[member])


def _decoded(name: str) -> str:
    """A name of a row. Its folder, which it shares with its neighbours, is decoded only once."""
    start = max(name.rfind("/") + 1, name.rfind("%2F") + 3)
    if start > 2:
        folder, name = _decoded_folder(name[:start]), name[start:]
    else:
        folder = ""
    return folder + (unquote_plus(name) if "%" in name or "+" in name else name)


_decoded_folder = lru_cache(_MAX_FOLDERS)(unquote_plus)
