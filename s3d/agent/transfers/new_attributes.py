"""What uploaded and copied objects have beside their data: content type, metadata and tags."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from urllib.parse import urlencode

from s3d.agent.core.client import S3Client
from s3d.agent.core.object_info import ObjectAttributes, protection_members
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import ATTRIBUTES, member_value
from s3d.agent.sync.remote_tree import MTIME, write_mtime
from s3d.agent.transfers.items import Item
from s3d.shared.transfers import TransferRequest

REPLACE = "REPLACE"
DIRECTIVES = ("MetadataDirective", "TaggingDirective")
"""Members of CopyObject that CreateMultipartUpload does not have."""


def uploaded_attributes(request: TransferRequest, name: str, mtime_ns: int) -> ObjectAttributes:
    """The attributes of an upload. The content type is guessed from the name of the file."""
    new = request.new_object
    guessed = mimetypes.guess_type(name, strict=False)[0]
    return ObjectAttributes(
        content_type=new.content_type or guessed,
        metadata={MTIME: write_mtime(mtime_ns)} | (new.metadata or {}),
        tags=new.tags or {},
        headers=new.headers,
        storage_class=new.storage_class or None,
        protection=new.protection,
    )


async def copied_attributes(objects: S3Client, request: TransferRequest, item: Item) -> Members:
    """Members of CopyObject. S3 replaces all metadata or none, so what the request does not name is
    taken from the source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
    new = request.new_object
    members: Members = protection_members(new.protection)
    if new.storage_class:
        members["StorageClass"] = new.storage_class
    if new.tags is not None:
        members |= {"TaggingDirective": REPLACE, "Tagging": urlencode(new.tags)}
    if not new.content_type and new.metadata is None and not new.headers:
        return members
    source = await objects.head(request.bucket, item.key, version=request.version)
    headers = (source.headers if source is not None else {}) | new.headers
    metadata = new.metadata
    if metadata is None and source is not None:
        metadata = source.metadata
    return {
        **members,
        **_header_members(headers),
        "MetadataDirective": REPLACE,
        "ContentType": new.content_type or (source.content_type if source is not None else ""),
        "Metadata": metadata or {},
    }


def _header_members(headers: Mapping[str, str]) -> Members:
    """Raises InvalidArgument for an Expires that is not an HTTP date."""
    return {
        ATTRIBUTES[name]: member_value(ATTRIBUTES[name], text) for name, text in headers.items()
    }
