"""A cached object: its members, and its responses to GetObject and HeadObject. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from s3d.agent.s3.conditions import byte_range, check_read
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.get_response import (
    NOT_MODIFIED,
    ByteRange,
    apply_response_overrides,
    not_modified,
    set_content_range,
)
from s3d.agent.s3.messages import Body, Members, S3Response
from s3d.agent.storage.blocks import BLOCK, block_count, block_size, blocks_of, mask
from s3d.agent.stores.answerer import PLAIN_READ

UNCHECKED = 0.0
"""A value of Entry.checked, like the two below: the entry is revalidated before it is served again.
This one: the object may have changed, or the remote has not shown its members yet, so the
HeadObject has no If-None-Match. While the remote is unreachable, the entry is served as stale."""
AFTER_KILL = -1.0
"""The agent that stored the entry was killed. All invalidations are committed: the HeadObject has
If-None-Match, and while the remote is unreachable, the entry is served as stale."""
AFTER_POWER_CUT = -2.0
"""The power failed. The newest rows may be lost, and with them the last invalidations: while the
remote is unreachable, the entry is not served."""

_ABOUT_THE_ANSWER = frozenset(
    ("Body", "ContentLength", "ContentRange", "PartsCount", "RequestCharged", "DeleteMarker")
)


class Entry:
    """One object, by its ETag. Belongs to the loop; the bytes of a present block never change."""

    __slots__ = (
        "blob",
        "bucket",
        "checked",
        "checksums",
        "etag",
        "key",
        "output",
        "plain",
        "present",
        "size",
        "slot",
        "stamp",
        "sums",
        "superseded",
        "verified",
    )

    def __init__(
        self,
        place: tuple[str, str],
        members: Mapping[str, Any],
        size: int,
        blob: int,
        checked: float,
    ) -> None:
        """members: the output of GetObject or HeadObject. checked: when it was received, in Unix
        seconds."""
        self.bucket, self.key = place
        self.size = size
        self.blob = blob
        """The id of the file or row with the bytes."""
        self.slot = -1
        """Slot in the catalog; -1: none."""
        self.present = 0
        """Bit n: block n is cached."""
        self.sums = array("I", bytes(4 * block_count(size)))
        """CRC32C of each cached block."""
        self.verified = 0
        """Bit n: block n was verified, for the current stamp of the file."""
        self.stamp = (0, 0)
        """Size and ctime (ns) of the file when its blocks were verified."""
        self.superseded = False
        """A newer version is known: current readers may finish, and no new ones start."""
        self.set_members(members, checked)

    def set_members(self, members: Mapping[str, Any], checked: float) -> None:
        """Replace the members by those of a newer response for the same object."""
        self.etag = str(members["ETag"])
        self.output, self.checksums = split(members)
        self.checked = checked
        self.plain: dict[bool, SelectedResponse] = {}
        """The answers to plain requests, by whether these ask for checksums, once one was needed:
        most requests for a hot object are the same."""

    @property
    def name(self) -> tuple[str, str]:
        return self.bucket, self.key

    @property
    def modified(self) -> datetime:
        modified: datetime = self.output["LastModified"]
        return modified

    @property
    def is_whole(self) -> bool:
        return self.present == mask(0, block_count(self.size))

    @property
    def held(self) -> int:
        """Bytes of the object that are cached."""
        full = self.present.bit_count() * BLOCK
        last = block_count(self.size) - 1
        if last >= 0 and self.has(last):
            full -= BLOCK - block_size(self.size, last)
        return full

    def has(self, block: int) -> bool:
        return bool(self.present >> block & 1)

    def covers(self, start: int, size: int) -> bool:
        """Whether these bytes are cached."""
        wanted = mask(*blocks_of(start, size))
        return self.present & wanted == wanted

    def is_verified(self, start: int, size: int) -> bool:
        wanted = mask(*blocks_of(start, size))
        return self.verified & wanted == wanted

    def missing(self, start: int, size: int) -> Iterator[tuple[int, int]]:
        """The runs (first, end) of blocks that these bytes need and that are not cached."""
        block, end = blocks_of(start, size)
        while block < end:
            if self.has(block):
                block += 1
                continue
            first = block
            while block < end and not self.has(block):
                block += 1
            yield first, block


def split(members: Mapping[str, Any]) -> tuple[Members, Members]:
    """Split the members of a response into those of every response and the checksums."""
    output = {name: value for name, value in members.items() if name not in _ABOUT_THE_ANSWER}
    checksums = {name: output.pop(name) for name in list(output) if name.startswith("Checksum")}
    return output, checksums


class SelectedResponse(NamedTuple):
    """The response to a request. span: the bytes of the body; None: no body."""

    output: Members
    span: ByteRange | None
    status: int | None
    rendered_headers: dict[str, str] | None = None

    def response(self, body: Body | None = None) -> S3Response[Members]:
        return S3Response(self.output, body, self.status, rendered_headers=self.rendered_headers)


def is_refused(input: Mapping[str, Any], entry: Entry) -> bool:
    """Whether the entry fails a condition of the request."""
    try:
        check_read(input, entry.etag, entry.modified.timestamp())
    except S3Error:
        return True
    return False


def select_response(input: Mapping[str, Any], entry: Entry) -> SelectedResponse:
    """Raises PreconditionFailed, InvalidRange."""
    if input.keys() <= PLAIN_READ:
        shows_checksums = input.get("ChecksumMode") == "ENABLED"
        plain = entry.plain.get(shows_checksums)
        if plain is None:
            checksums = entry.checksums if shows_checksums else {}
            output = {**entry.output, "ContentLength": entry.size, **checksums}
            plain = SelectedResponse(output, (0, entry.size), None, {})
            entry.plain[shows_checksums] = plain
        return plain
    output = dict(entry.output)
    unmodified = not_modified(input, output, output["LastModified"].timestamp())
    if unmodified is not None:
        return SelectedResponse(unmodified, None, NOT_MODIFIED)
    apply_response_overrides(input, output)
    header = input.get("Range")
    span = byte_range(header, entry.size) if header else None
    status = set_content_range(input, output, entry.size, span, entry.checksums)
    return SelectedResponse(output, span or (0, entry.size), status)


def direct(input: Mapping[str, Any], members: Mapping[str, Any]) -> Members:
    """The output of a response that is not cached, for a request of the whole object."""
    output, checksums = split(members)
    apply_response_overrides(input, output)
    set_content_range(input, output, members["ContentLength"], None, checksums)
    return output


def is_simple_range(header: str) -> bool:
    """Whether a range has a start, so that its blocks are known without the object's size."""
    kind, _, range_ = header.partition("=")
    first, dash, last = range_.strip().partition("-")
    ends = last.isdecimal() and last.isascii() if last else True
    return kind.lower() == "bytes" and bool(dash) and first.isdecimal() and ends and first.isascii()
