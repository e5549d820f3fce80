"""What a filter may look at, taken from what is kept of an object and from answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from s3d.agent.storage.records import Stored
from s3d.shared.filter_terms import Subject

HEADERS: Mapping[str, str] = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentType": "content-type",
    "ETag": "etag",
    "Expires": "expires",
    "LastModified": "last-modified",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
    "WebsiteRedirectLocation": "x-amz-website-redirect-location",
}
"""Member of an answer -> the header that a filter knows it by; the size goes by itself."""


def subject_of_record(bucket: str, key: str, stored: Stored) -> Subject:
    """An object that is staged here; everything but the tags of its bucket is known."""
    record, about = stored.record, stored.record.about
    members = {
        **about.headers,
        "ETag": record.etag,
        "LastModified": datetime.fromtimestamp(record.modified).astimezone(),
        "StorageClass": record.storage_class,
    }
    return Subject(
        bucket=bucket,
        key=key,
        size=record.size,
        tags=about.tags,
        headers=_headers(members, record.size),
        metadata=about.metadata,
    )


def subject_of_response(
    bucket: str, key: str, said: Mapping[str, Any], size: int, tags: Mapping[str, str] | None
) -> Subject:
    """An object of which a GET or HEAD has told. tags None: not known."""
    return Subject(
        bucket=bucket,
        key=key,
        size=size,
        tags=tags,
        headers=_headers(said, size),
        metadata=said.get("Metadata") or {},
    )


def _headers(members: Mapping[str, Any], size: int) -> dict[str, str]:
    found = {
        header: _text(members[member])
        for member, header in HEADERS.items()
        if members.get(member) not in (None, "")
    }
    return {**found, "content-length": str(size)}


def _text(value: Any) -> str:
    return format_datetime(value) if isinstance(value, datetime) else str(value)
