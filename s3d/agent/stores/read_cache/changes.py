"""What a request may change of objects. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from s3d.agent.s3.messages import S3Request

HARMLESS = frozenset(
    (
        "AbortMultipartUpload",
        "CreateBucket",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
    )
)
"""Operations that change something and no object. All others that are no reads make the cache
forget, also those that no model names: so a new one cannot make it lie."""

_OF_BUCKETS = ("PutBucket", "DeleteBucket", "CreateBucket", "UpdateBucket")


def changed(request: S3Request[Any]) -> Iterator[tuple[str, str]]:
    """(bucket, key) of the objects; key "": all of the bucket."""
    name, bucket = request.op.name, request.bucket
    if name == "DeleteObjects":
        wanted = request.input.get("Delete") or {}
        for one in wanted.get("Objects") or ():
            yield bucket, str(one.get("Key") or "")
    elif request.key:
        yield bucket, request.key
        if name == "RenameObject":
            yield bucket, str(request.input.get("RenameSource", "")).partition("/")[2]
    elif name == "DeleteBucket" or not name.startswith(_OF_BUCKETS):
        yield bucket, ""
