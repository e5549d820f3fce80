"""The subject of a filter: what it can test of an object, from a record or a response. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from s3d.agent.s3.object_headers import FILTERABLE, header_text
from s3d.agent.storage.records import Stored
from s3d.shared.filters.terms import FilterSubject


def subject_of_record(bucket: str, key: str, stored: Stored) -> FilterSubject:
    """Of an object that is stored here. Only the tags of its bucket are not known."""
    record, about = stored.record, stored.record.description
    members = {
        **about.headers,
        "ETag": record.etag,
        "LastModified": datetime.fromtimestamp(record.modified, UTC),
        "StorageClass": record.storage_class,
    }
    return FilterSubject(
        bucket=bucket,
        key=key,
        size=record.size,
        tags=about.tags,
        headers=_headers(members, record.size),
        metadata=about.metadata,
    )


def subject_of_response(
    bucket: str, key: str, output: Mapping[str, Any], size: int, tags: Mapping[str, str] | None
) -> FilterSubject:
    """Of an object that the remote described in a GET or HEAD. tags None: not known."""
    return FilterSubject(
        bucket=bucket,
        key=key,
        size=size,
        tags=tags,
        headers=_headers(output, size),
        metadata=output.get("Metadata") or {},
    )


def _headers(members: Mapping[str, Any], size: int) -> dict[str, str]:
    headers = {
        header: header_text(members[member])
        for member, header in FILTERABLE.items()
        if members.get(member) not in (None, "")
    }
    return {**headers, "content-length": str(size)}
