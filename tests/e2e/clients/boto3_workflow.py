"""boto3 as its users write it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig

from tests.e2e.clients import workflow as w


def steps(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=at.bucket)
    yield "create", at.bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    put = s3.put_object(Bucket=at.bucket, Key=w.KEY, Body=w.TEXT)
    yield "put", "ChecksumCRC32" in put
    parts = TransferConfig(multipart_threshold=w.PART, multipart_chunksize=w.PART)
    s3.upload_fileobj(io.BytesIO(w.LARGE), at.bucket, w.LARGE_KEY, Config=parts)
    back = io.BytesIO()
    s3.download_fileobj(at.bucket, w.LARGE_KEY, back, Config=parts)
    yield "multipart", w.digest(back.getvalue())
    yield "get", _read(s3.get_object(Bucket=at.bucket, Key=w.KEY)).decode()
    span = f"bytes={w.RANGE.start}-{w.RANGE.stop - 1}"
    yield "range", _read(s3.get_object(Bucket=at.bucket, Key=w.LARGE_KEY, Range=span)).hex()
    yield "list", list(w.listing(_keys(s3, Bucket=at.listed, Prefix=w.MANY, Delimiter="/")))
    s3.copy({"Bucket": at.bucket, "Key": w.KEY}, at.bucket, w.COPY)
    yield "copy", _read(s3.get_object(Bucket=at.bucket, Key=w.COPY)).decode()
    for key in w.DOOMED:
        s3.put_object(Bucket=at.bucket, Key=key, Body=b"")
    before = len(list(_keys(s3, Bucket=at.bucket, Prefix="doomed/")))
    s3.delete_objects(Bucket=at.bucket, Delete={"Objects": [{"Key": key} for key in w.DOOMED]})
    yield "delete many", [before, len(list(_keys(s3, Bucket=at.bucket, Prefix="doomed/")))]
    tags = [{"Key": key, "Value": value} for key, value in w.TAGS.items()]
    s3.put_object_tagging(Bucket=at.bucket, Key=w.KEY, Tagging={"TagSet": tags})
    found = s3.get_object_tagging(Bucket=at.bucket, Key=w.KEY)["TagSet"]
    yield "tag", {tag["Key"]: tag["Value"] for tag in found}
    s3.put_bucket_versioning(Bucket=at.bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [s3.put_object(Bucket=at.bucket, Key="v", Body=body)["VersionId"] for body in w.VERSIONS]
    versions = [_read(s3.get_object(Bucket=at.bucket, Key="v", VersionId=one)) for one in ids]
    yield "version", [one.decode() for one in versions]
    names = {"Bucket": at.bucket, "Key": w.KEY}
    yield "presign", w.fetch(s3.generate_presigned_url("get_object", Params=names))


def _read(answer: Any) -> bytes:
    return bytes(answer["Body"].read())


def _keys(s3: Any, **members: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(**members):
        yield from (one["Key"] for one in page.get("Contents", ()))
        yield from (one["Prefix"] for one in page.get("CommonPrefixes", ()))


w.main(steps)
