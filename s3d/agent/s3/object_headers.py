"""The headers that describe an object: one row each, with its S3 member, HTTP name, kind and group.

Everything that stores, compares, copies, shows or filters object headers derives its list from
this table, so that a header is added in one place.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#API_PutObject_RequestSyntax
https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html#API_HeadObject_ResponseSyntax
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any, NamedTuple

from s3d.agent.s3 import scalars
from s3d.agent.s3.errors import S3Error


class Kind(Enum):
    """The type of a header's value in Python, and with it the text on the wire."""

    TEXT = auto()
    BOOLEAN = auto()
    """`true` or `false`."""
    HTTP_DATE = auto()
    """An IMF-fixdate (RFC 9110 section 5.6.7). Expires may also be text that is no date."""
    ISO_DATE = auto()


class Group(Enum):
    """Who sets a header, and what happens to it when an object is copied or read."""

    CONTENT = auto()
    """Set by the writer, returned as written. `response-*` parameters of a GET override it, and
    fields of a POST form set it under the same name."""
    REDIRECT = auto()
    """Set by the writer; a server-side copy does not take it over."""
    ENCRYPTION = auto()
    """Set by the writer; also part of the response to the write."""
    OBJECT_LOCK = auto()
    """Set by the writer; belongs to the version, and is never copied."""
    STORAGE_CLASS = auto()
    """Set by the writer; absent from responses when it is STANDARD."""
    SERVICE = auto()
    """Computed by the service."""


class ObjectHeader(NamedTuple):
    """One header of an object."""

    member: str
    """In the input of PutObject or the output of HeadObject."""
    name: str
    """In lower case."""
    kind: Kind
    group: Group


TABLE: tuple[ObjectHeader, ...] = (
    ObjectHeader("CacheControl", "cache-control", Kind.TEXT, Group.CONTENT),
    ObjectHeader("ContentDisposition", "content-disposition", Kind.TEXT, Group.CONTENT),
    ObjectHeader("ContentEncoding", "content-encoding", Kind.TEXT, Group.CONTENT),
    ObjectHeader("ContentLanguage", "content-language", Kind.TEXT, Group.CONTENT),
    ObjectHeader("ContentType", "content-type", Kind.TEXT, Group.CONTENT),
    ObjectHeader("Expires", "expires", Kind.HTTP_DATE, Group.CONTENT),
    ObjectHeader(
        "WebsiteRedirectLocation", "x-amz-website-redirect-location", Kind.TEXT, Group.REDIRECT
    ),
    ObjectHeader(
        "ServerSideEncryption", "x-amz-server-side-encryption", Kind.TEXT, Group.ENCRYPTION
    ),
    ObjectHeader(
        "SSEKMSKeyId", "x-amz-server-side-encryption-aws-kms-key-id", Kind.TEXT, Group.ENCRYPTION
    ),
    ObjectHeader(
        "BucketKeyEnabled",
        "x-amz-server-side-encryption-bucket-key-enabled",
        Kind.BOOLEAN,
        Group.ENCRYPTION,
    ),
    ObjectHeader("ObjectLockMode", "x-amz-object-lock-mode", Kind.TEXT, Group.OBJECT_LOCK),
    ObjectHeader(
        "ObjectLockRetainUntilDate",
        "x-amz-object-lock-retain-until-date",
        Kind.ISO_DATE,
        Group.OBJECT_LOCK,
    ),
    ObjectHeader(
        "ObjectLockLegalHoldStatus", "x-amz-object-lock-legal-hold", Kind.TEXT, Group.OBJECT_LOCK
    ),
    ObjectHeader("StorageClass", "x-amz-storage-class", Kind.TEXT, Group.STORAGE_CLASS),
    ObjectHeader("ETag", "etag", Kind.TEXT, Group.SERVICE),
    ObjectHeader("LastModified", "last-modified", Kind.HTTP_DATE, Group.SERVICE),
)


def members_of(*groups: Group) -> tuple[str, ...]:
    """The members of these groups, in the order of the table."""
    return tuple(row.member for row in TABLE if row.group in groups)


def header_names(*groups: Group) -> dict[str, str]:
    """Member -> lower-case header name, of these groups."""
    return {row.member: row.name for row in TABLE if row.group in groups}


CONTENT = members_of(Group.CONTENT)
ENCRYPTION = members_of(Group.ENCRYPTION)
OBJECT_LOCK = members_of(Group.OBJECT_LOCK)

DESCRIPTION = members_of(Group.CONTENT, Group.REDIRECT, Group.ENCRYPTION, Group.OBJECT_LOCK)
"""Members that an object record stores as its headers; the storage class has its own field."""

TRANSFERABLE = members_of(Group.CONTENT, Group.REDIRECT, Group.STORAGE_CLASS)
"""Members of HeadObject that keep their meaning when the object is written to another store."""

NOT_COPIED = members_of(Group.REDIRECT, Group.ENCRYPTION, Group.OBJECT_LOCK)
"""Members that the target of CopyObject has only if the request sets them, whatever the
MetadataDirective. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""

OPTIONAL = tuple(
    name for name in members_of(Group.CONTENT, Group.REDIRECT) if name != "ContentType"
)
"""Members of HeadObject that are absent unless the writer set them; every object has a type."""

CONTENT_HEADERS: Mapping[str, str] = header_names(Group.CONTENT)
"""Member -> header name, of what a form's fields set and response-* parameters override."""

ATTRIBUTES: Mapping[str, str] = {row.name: row.member for row in TABLE if row.member in OPTIONAL}
"""Header name -> member, of the optional attributes that the control API sets and shows."""

FILTERABLE: Mapping[str, str] = {
    row.member: row.name
    for row in TABLE
    if row.group is not Group.OBJECT_LOCK and row.member not in ("SSEKMSKeyId", "BucketKeyEnabled")
}
"""Member -> name of the headers that a filter may test, beside content-length."""

KINDS: Mapping[str, Kind] = {row.member: row.kind for row in TABLE}


def header_text(value: Any) -> str:
    """The text that a header has on the wire for a member's value: a date in RFC 9110's form."""
    return scalars.http_time(value) if isinstance(value, datetime) else str(value)


def member_value(member: str, text: str) -> str | datetime:
    """The value of a member whose header has this text.

    Raises InvalidArgument for an invalid HTTP date.
    """
    if KINDS[member] is not Kind.HTTP_DATE:
        return text
    try:
        return parsedate_to_datetime(text)
    except ValueError as error:
        raise S3Error("InvalidArgument", f"{member} is not an HTTP date: {text}") from error
