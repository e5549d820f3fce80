"""What an entry answers to GetObject and HeadObject. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from s3d.agent.s3.conditions import byte_range
from s3d.agent.s3.messages import Members
from s3d.agent.s3.reading import (
    CONDITIONS,
    NOT_MODIFIED,
    OVERRIDES,
    Span,
    frame,
    not_modified,
    override,
)
from s3d.agent.stores.read_cache.entry import Entry, split

_PLAIN = frozenset(("Bucket", "Key", "ChecksumMode"))
_CACHED = _PLAIN | CONDITIONS | OVERRIDES.keys() | {"Range"}
"""Members of requests that are answered from the cache; with any other the remote is asked."""


class Found(NamedTuple):
    """span: the bytes that are wanted; None: no body."""

    output: Members
    span: Span | None
    status: int | None
    kept: dict[str, str] | None = None


def is_for_cache(input: Mapping[str, Any]) -> bool:
    """Whether the cache may answer such a request at all."""
    return input.keys() <= _CACHED or all(
        name in _CACHED or value in (None, "") for name, value in input.items()
    )


def is_conditional(input: Mapping[str, Any]) -> bool:
    return not CONDITIONS.isdisjoint(input)


def find(input: Mapping[str, Any], entry: Entry) -> Found:
    """Raises PreconditionFailed, InvalidRange."""
    output = dict(entry.output)
    if input.keys() <= _PLAIN:
        frame(input, output, entry.size, None, entry.checksums)
        kept = entry.kept[input.get("ChecksumMode") == "ENABLED"]
        return Found(output, (0, entry.size), None, kept)
    unmodified = not_modified(input, output, output["LastModified"].timestamp())
    if unmodified is not None:
        return Found(unmodified, None, NOT_MODIFIED)
    override(input, output)
    header = input.get("Range")
    span = byte_range(header, entry.size) if header else None
    status = frame(input, output, entry.size, span, entry.checksums)
    return Found(output, span or (0, entry.size), status)


def direct(input: Mapping[str, Any], said: Mapping[str, Any]) -> Members:
    """The output of an answer that is not kept, for a request of the whole object."""
    output, checksums = split(said)
    override(input, output)
    frame(input, output, said["ContentLength"], None, checksums)
    return output
