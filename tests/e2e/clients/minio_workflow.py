"""minio-py as its users write it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from minio import Minio
from minio.commonconfig import ENABLED, CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.versioningconfig import VersioningConfig

from tests.e2e.clients import workflow as w


def steps(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    s3 = Minio(
        urlsplit(at.endpoint).netloc,
        access_key=at.access_key,
        secret_key=at.secret,
        secure=False,
    )
    s3.make_bucket(at.bucket)
    yield "create", s3.bucket_exists(at.bucket)
    put = s3.put_object(at.bucket, w.KEY, io.BytesIO(w.TEXT), len(w.TEXT))
    yield "put", put.etag == s3.stat_object(at.bucket, w.KEY).etag
    s3.put_object(at.bucket, w.LARGE_KEY, io.BytesIO(w.LARGE), -1, part_size=w.PART)
    yield "multipart", w.digest(_read(s3, at.bucket, w.LARGE_KEY))
    yield "get", _read(s3, at.bucket, w.KEY).decode()
    span = {"offset": w.RANGE.start, "length": w.RANGE.stop - w.RANGE.start}
    yield "range", _read(s3, at.bucket, w.LARGE_KEY, **span).hex()
    many = s3.list_objects(at.listed, prefix=w.MANY)
    yield "list", list(w.listing(one.object_name for one in many))
    s3.copy_object(at.bucket, w.COPY, CopySource(at.bucket, w.KEY))
    yield "copy", _read(s3, at.bucket, w.COPY).decode()
    for key in w.DOOMED:
        s3.put_object(at.bucket, key, io.BytesIO(), 0)
    before = len(list(s3.list_objects(at.bucket, prefix="doomed/")))
    errors = list(s3.remove_objects(at.bucket, [DeleteObject(key) for key in w.DOOMED]))
    assert not errors, errors
    yield "delete many", [before, len(list(s3.list_objects(at.bucket, prefix="doomed/")))]
    tags = Tags.new_object_tags()
    tags.update(w.TAGS)
    s3.set_object_tags(at.bucket, w.KEY, tags)
    yield "tag", dict(s3.get_object_tags(at.bucket, w.KEY))
    s3.set_bucket_versioning(at.bucket, VersioningConfig(ENABLED))
    ids = [
        s3.put_object(at.bucket, "v", io.BytesIO(body), len(body)).version_id for body in w.VERSIONS
    ]
    yield "version", [_read(s3, at.bucket, "v", version_id=one).decode() for one in ids]
    yield "presign", w.fetch(s3.presigned_get_object(at.bucket, w.KEY))


def _read(s3: Minio, bucket: str, key: str, **options: Any) -> bytes:
    answer = s3.get_object(bucket, key, **options)
    try:
        return bytes(answer.read())
    finally:
        answer.close()
        answer.release_conn()


w.main(steps)
