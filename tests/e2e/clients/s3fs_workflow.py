"""s3fs, the file system of fsspec, as its users write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import s3fs

from tests.e2e.clients import workflow as w


def steps(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    fs = s3fs.S3FileSystem(default_block_size=w.PART, use_listings_cache=False)
    fs.mkdir(at.bucket)
    yield "create", at.bucket in fs.ls("")
    fs.pipe(f"{at.bucket}/{w.KEY}", w.TEXT)
    yield "put", fs.exists(f"{at.bucket}/{w.KEY}")
    with fs.open(f"{at.bucket}/{w.LARGE_KEY}", "wb") as file:
        for start in range(0, len(w.LARGE), 1024**2):
            file.write(w.LARGE[start : start + 1024**2])
    yield "multipart", w.digest(fs.cat(f"{at.bucket}/{w.LARGE_KEY}"))
    with fs.open(f"{at.bucket}/{w.KEY}", "rb") as file:
        yield "get", file.read().decode()
    path = f"{at.bucket}/{w.LARGE_KEY}"
    yield "range", fs.cat_file(path, start=w.RANGE.start, end=w.RANGE.stop).hex()
    many = fs.ls(f"{at.listed}/{w.MANY}", detail=True)
    names = (one["Key"].removeprefix(f"{at.listed}/") for one in many if one["type"] == "file")
    folders = (one["Key"] for one in many if one["type"] == "directory")
    yield (
        "list",
        list(w.listing([*names, *(f"{one.removeprefix(f'{at.listed}/')}/" for one in folders)])),
    )
    fs.copy(f"{at.bucket}/{w.KEY}", f"{at.bucket}/{w.COPY}")
    yield "copy", fs.cat(f"{at.bucket}/{w.COPY}").decode()
    fs.pipe({f"{at.bucket}/{key}": b"" for key in w.DOOMED})
    before = len(fs.find(f"{at.bucket}/doomed"))
    fs.rm([f"{at.bucket}/{key}" for key in w.DOOMED])
    yield "delete many", [before, len(fs.find(f"{at.bucket}/doomed"))]
    fs.put_tags(f"{at.bucket}/{w.KEY}", w.TAGS)
    yield "tag", fs.get_tags(f"{at.bucket}/{w.KEY}")
    yield "version", list(_versions(f"{at.versioned}/s3fs"))
    yield "presign", w.fetch(fs.sign(f"{at.bucket}/{w.KEY}"))


def _versions(path: str) -> Iterator[str]:
    fs = s3fs.S3FileSystem(version_aware=True, use_listings_cache=False)
    for body in w.VERSIONS:
        fs.pipe(path, body)
    for one in reversed(fs.object_version_info(path)):
        with fs.open(path, "rb", version_id=one["VersionId"]) as file:
            yield file.read().decode()


w.main(steps)
