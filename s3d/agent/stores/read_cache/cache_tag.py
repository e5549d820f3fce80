"""The special tag s3d.cache of objects: pin keeps one always here, none keeps it out. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from s3d.agent.s3.messages import S3Request

TAG = "s3d.cache"
PIN, NONE = "pin", "none"


def mark_of(tagging: Mapping[str, Any]) -> str:
    """The value in an answer of GetObjectTagging or a Tagging member; "" for none."""
    found = {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet") or ()}
    return str(found.get(TAG, ""))


def mark_by(request: S3Request[Any]) -> str | None:
    """The value that a write gives the object; None: it says nothing about tags."""
    name, input = request.op.name, request.input
    if name == "PutObjectTagging" and not input.get("VersionId"):
        return mark_of(input.get("Tagging") or {})
    if name == "DeleteObjectTagging" and not input.get("VersionId"):
        return ""
    if name == "PutObject":
        return str(dict(parse_qsl(input.get("Tagging") or "")).get(TAG, ""))
    return None
