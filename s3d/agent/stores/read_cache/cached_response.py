"""What an entry answers to GetObject and HeadObject. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from s3d.agent.s3.authority import PLAIN_READ
from s3d.agent.s3.conditions import byte_range, check_read
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.get_response import (
    NOT_MODIFIED,
    ByteRange,
    apply_response_overrides,
    not_modified,
    set_content_range,
)
from s3d.agent.s3.messages import Members
from s3d.agent.stores.read_cache.entry import Entry, split


class Found(NamedTuple):
    """span: the bytes that are wanted; None: no body."""

    output: Members
    span: ByteRange | None
    status: int | None
    kept: dict[str, str] | None = None


def is_refused(input: Mapping[str, Any], entry: Entry) -> bool:
    """Whether the entry does not meet what the request demands of it."""
    try:
        check_read(input, entry.etag, entry.modified.timestamp())
    except S3Error:
        return True
    return False


def find(input: Mapping[str, Any], entry: Entry) -> Found:
    """Raises PreconditionFailed, InvalidRange."""
    output = dict(entry.output)
    if input.keys() <= PLAIN_READ:
        set_content_range(input, output, entry.size, None, entry.checksums)
        kept = entry.kept[input.get("ChecksumMode") == "ENABLED"]
        return Found(output, (0, entry.size), None, kept)
    unmodified = not_modified(input, output, output["LastModified"].timestamp())
    if unmodified is not None:
        return Found(unmodified, None, NOT_MODIFIED)
    apply_response_overrides(input, output)
    header = input.get("Range")
    span = byte_range(header, entry.size) if header else None
    status = set_content_range(input, output, entry.size, span, entry.checksums)
    return Found(output, span or (0, entry.size), status)


def direct(input: Mapping[str, Any], said: Mapping[str, Any]) -> Members:
    """The output of an answer that is not kept, for a request of the whole object."""
    output, checksums = split(said)
    apply_response_overrides(input, output)
    set_content_range(input, output, said["ContentLength"], None, checksums)
    return output


def is_simple_range(header: str) -> bool:
    """A range that has a beginning: of its blocks one knows which they are."""
    kind, _, range_ = header.partition("=")
    first, dash, last = range_.strip().partition("-")
    ends = last.isdecimal() and last.isascii() if last else True
    return kind.lower() == "bytes" and bool(dash) and first.isdecimal() and ends and first.isascii()
