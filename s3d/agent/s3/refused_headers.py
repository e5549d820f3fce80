"""Headers that some remotes refuse and a request can omit, and how to recognize the refusal. Pure.

Servers that do not know x-amz-checksum-*, or x-amz-checksum-mode,
refuse whole requests because of them: Backblaze B2 ("Unsupported header 'x-amz-checksum-crc32'
received for this API call."), Cloudflare R2 ("Header 'x-amz-checksum-crc32' with value '...' not
implemented"), Google Cloud Storage ("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, or a valid
sha256 value.").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from s3d.agent.s3.messages import Members, S3Request, WireRequest


class OptionalGroup(StrEnum):
    """Headers that a server takes together or not at all."""

    CHECKSUMS = "checksums"
    """Checksums of what is written, in headers and in trailers."""
    CHECKSUM_MODE = "checksum_mode"
    """The request for a checksum in the response to a read."""


_HEADERS: Mapping[OptionalGroup, re.Pattern[str]] = {
    OptionalGroup.CHECKSUM_MODE: re.compile(r"x-amz-checksum-mode"),
    OptionalGroup.CHECKSUMS: re.compile(
        r"x-amz-checksum-(?!mode\b)[a-z0-9]+|x-amz-sdk-checksum-algorithm|x-amz-trailer"
    ),
}
_MEMBERS: Mapping[OptionalGroup, re.Pattern[str]] = {
    OptionalGroup.CHECKSUM_MODE: re.compile(r"ChecksumMode"),
    OptionalGroup.CHECKSUMS: re.compile(r"Checksum(?!Mode)[A-Za-z0-9]+"),
}
_NAMED: Mapping[OptionalGroup, re.Pattern[str]] = {
    OptionalGroup.CHECKSUM_MODE: _HEADERS[OptionalGroup.CHECKSUM_MODE],
    OptionalGroup.CHECKSUMS: re.compile(
        _HEADERS[OptionalGroup.CHECKSUMS].pattern
        + r"|streaming-unsigned-payload-trailer|x-amz-content-sha256 must be|aws-chunked"
    ),
}
"""What a refusal's message names: the header, or the coding that carries its trailer."""

_STATUSES = frozenset((400, 501))
_VAGUE = frozenset(("", "InvalidArgument", "NotImplemented", "UnsupportedHeader"))
"""Codes that may mean any header. InvalidRequest is what S3 calls a checksum that is malformed or
does not belong to the upload, so that code counts only with a message."""
_UNSUPPORTED = re.compile(r"unsupported|unknown|unrecogni[sz]ed|not (?:supported|implemented)")


def may_blame(group: OptionalGroup, status: int, code: str, message: str) -> bool:
    """Whether this refusal may be about the group, so that a retry without it is worthwhile."""
    if status not in _STATUSES:
        return False
    return code in _VAGUE or blames(group, status, code, message)


def blames(group: OptionalGroup, status: int, code: str, message: str) -> bool:
    """Whether this refusal names a header of the group as one that the server does not take."""
    text = message.lower()
    if status not in _STATUSES or not _NAMED[group].search(text):
        return False
    return code in _VAGUE or (code == "InvalidRequest" and bool(_UNSUPPORTED.search(text)))


def group_of(request: S3Request[Any]) -> OptionalGroup | None:
    """The group whose headers the request has; no operation has headers of both."""
    is_read = request.op.access in ("read", "list")
    group = OptionalGroup.CHECKSUM_MODE if is_read else OptionalGroup.CHECKSUMS
    return group if _is_in(request, group) else None


def without(request: S3Request[Any], group: OptionalGroup) -> S3Request[Any]:
    """The request without the group's headers; the rest of a verbatim request is unchanged."""
    members = {name: value for name, value in request.input.items() if not _is_member(name, group)}
    upload = members.get("MultipartUpload")
    if group is OptionalGroup.CHECKSUMS and upload and upload.get("Parts"):
        parts = [_without_members(part, group) for part in upload["Parts"]]
        members["MultipartUpload"] = {**upload, "Parts": parts}
    wire = request.wire
    if wire is not None:
        headers = tuple(each for each in wire.headers if not _is_header(each[0], group))
        wire = WireRequest(wire.method, wire.raw_path, _query(wire.raw_query, group), headers)
    return replace(request, input=members, wire=wire)


def _is_in(request: S3Request[Any], group: OptionalGroup) -> bool:
    wire = request.wire
    if wire is None:
        for name, value in request.input.items():
            if name.startswith("Checksum") and value and _is_member(name, group):
                return True
        return False
    if any(_is_header(name, group) for name, _ in wire.headers):
        return True
    return "checksum" in wire.raw_query and _query(wire.raw_query, group) != wire.raw_query


def _is_header(name: str, group: OptionalGroup) -> bool:
    # Most headers are none of these, and the regular expression is slow.
    if "checksum" not in name and name != "x-amz-trailer":
        return False
    return _HEADERS[group].fullmatch(name) is not None


def _is_member(name: str, group: OptionalGroup) -> bool:
    return name.startswith("Checksum") and _MEMBERS[group].fullmatch(name) is not None


def _without_members(part: Mapping[str, Any], group: OptionalGroup) -> Members:
    return {name: value for name, value in part.items() if not _is_member(name, group)}


def _query(raw_query: str, group: OptionalGroup) -> str:
    """A presigned URL may have the headers in its query."""
    pieces = raw_query.split("&")
    kept = [each for each in pieces if not _is_header(each.partition("=")[0].lower(), group)]
    return "&".join(kept)
