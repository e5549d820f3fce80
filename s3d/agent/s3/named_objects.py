"""Which objects a request names beside the one of its address, and how a bucket may be named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.routing import ADDRESSABLE, check_key, decode

BUCKET_WRITES = ("PutBucket", "DeleteBucket", "CreateBucket", "UpdateBucket")
"""How the names of operations begin that write a bucket or one of its settings."""
_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_IPV4 = re.compile(r"[0-9]+(\.[0-9]+){3}")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def parse_copy_source(source: str) -> tuple[str, str, str | None]:
    """(bucket, key, version id) of x-amz-copy-source: "[/]bucket/key[?versionId=id]", encoded.

    A plus sign is a space at AWS, as in a query and other than in the path of a request. Raises
    S3Error InvalidArgument, or as check_key does.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html#API_CopyObject_RequestSyntax
    """
    path, question, version_id = source.partition("?versionId=")
    if question and not version_id:
        raise S3Error(
            "InvalidArgument",
            "Version id cannot be the empty string",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=source,
        )
    bucket, _, key = decode(path.replace("+", " ")).removeprefix("/").partition("/")
    if not key or not ADDRESSABLE.fullmatch(bucket):
        raise S3Error(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=source,
        )
    check_key(key)
    return bucket, key, decode(version_id) or None


def parse_rename_source(source: str, bucket: str) -> tuple[str, ...]:
    """The keys that x-amz-rename-source may mean, the likelier one first.

    It is "[/][bucket/]key", encoded. Raises S3Error InvalidURI.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html#API_RenameObject_RequestSyntax
    """
    named = decode(source)
    within = named.removeprefix("/").removeprefix(f"{bucket}/")
    if named.startswith("/") or not within or within == named:
        return (within or named,)
    return named, within


def written_objects(request: S3Request[Any]) -> Iterator[tuple[str, str]]:
    """(bucket, key) of the objects that a write changes; key "": all objects of the bucket."""
    name, bucket = request.op.name, request.bucket
    if name == "DeleteObjects":
        for one in (request.input.get("Delete") or {}).get("Objects") or ():
            yield bucket, str(one.get("Key") or "")
    elif request.key:
        yield bucket, request.key
        if name == "RenameObject":
            for key in parse_rename_source(str(request.input.get("RenameSource", "")), bucket):
                yield bucket, key
    elif name == "DeleteBucket" or not name.startswith(BUCKET_WRITES):
        yield bucket, ""


def check_bucket_name(name: str) -> None:
    """Raise S3Error InvalidBucketName unless a bucket may be created by this name.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if (
        not _BUCKET_NAME.fullmatch(name)
        or _IPV4.fullmatch(name)
        or name.startswith(_RESERVED_PREFIXES)
        or name.endswith(_RESERVED_SUFFIXES)
    ):
        raise S3Error("InvalidBucketName", BucketName=name)
