"""The client's part for buckets and objects."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import IO
from urllib.parse import quote

from s3d.cli.client.control_client import ControlClient, Download, decode_answer, path_of
from s3d.cli.client.unix_http import BLOCK, Answer
from s3d.shared import control
from s3d.shared.control import (
    BucketInfo,
    BucketList,
    Deletions,
    Listing,
    ObjectInfo,
    ObjectStatus,
    Presigned,
    PresignRequest,
    TagChanges,
    Tags,
    Versioning,
)
from s3d.shared.errors import S3dError
from s3d.shared.transfers import DeletionResult, TransferError


class ObjectClient:
    """Buckets and objects, by the routes of frontends/control/object_routes.py.

    version is an S3 version id. headers are those of S3's PutObject (Content-Type, x-amz-meta-*,
    x-amz-tagging, If-None-Match, ...).
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def bucket_status(self, bucket: str) -> BucketInfo:
        """The bucket with its tags and the number and size of its objects."""
        return self._client.request("GET", path_of("/v1/status", bucket=bucket), BucketInfo)

    def object_status(self, bucket: str, key: str) -> ObjectStatus:
        """The object with its metadata and tags, and whether the remote has it yet."""
        path = path_of("/v1/status", bucket=bucket, key=key)
        return self._client.request("GET", path, ObjectStatus)

    def buckets(self) -> list[BucketInfo]:
        return self._client.request("GET", "/v1/buckets", BucketList).buckets

    def create_bucket(self, bucket: str) -> None:
        self._client.send("PUT", _bucket(bucket)).close()

    def delete_bucket(self, bucket: str) -> None:
        self._client.send("DELETE", _bucket(bucket)).close()

    def set_versioning(self, bucket: str, status: str) -> None:
        """status: Enabled or Suspended."""
        body = control.encode(Versioning(status))
        headers = {"Content-Type": control.JSON}
        self._client.send("PUT", f"{_bucket(bucket)}/versioning", body, headers).close()

    def list(
        self,
        bucket: str,
        prefix: str = "",
        *,
        delimiter: str = "",
        cursor: str = "",
        limit: int = control.MAX_PAGE,
    ) -> Listing:
        """One page of a listing, from the cursor of the page before it."""
        query = {"prefix": prefix, "delimiter": delimiter, "cursor": cursor, "limit": str(limit)}
        path = path_of(f"{_bucket(bucket)}/objects", **query)
        return self._client.request("GET", path, Listing)

    def pages(self, bucket: str, prefix: str = "", *, delimiter: str = "") -> Iterator[Listing]:
        """Every page of a listing, one request each."""
        query = {"prefix": prefix, "delimiter": delimiter, "limit": str(control.MAX_PAGE)}
        return self._client.pages("GET", f"{_bucket(bucket)}/objects", Listing, **query)

    def version_pages(self, bucket: str, prefix: str = "") -> Iterator[Listing]:
        """All versions and delete markers of a bucket or prefix, one request a page."""
        return self._client.pages("GET", f"{_bucket(bucket)}/versions", Listing, prefix=prefix)

    def head(self, bucket: str, key: str, version: str = "") -> ObjectInfo:
        """The object with its metadata, without its tags."""
        with self._client.send("HEAD", _object(bucket, key, version)) as answer:
            return _object_info(answer)

    def get(
        self,
        bucket: str,
        key: str,
        *,
        start: int | None = None,
        size: int | None = None,
        version: str = "",
    ) -> tuple[ObjectInfo, Download]:
        """The object, or size bytes of it from byte start on. The caller closes the download."""
        headers = {} if start is None and size is None else {"Range": _range(start or 0, size)}
        answer = self._client.send("GET", _object(bucket, key, version), headers=headers)
        return _object_info(answer), Download(answer)

    def put(
        self,
        bucket: str,
        key: str,
        source: IO[bytes],
        size: int | None = None,
        headers: Mapping[str, str] = {},
    ) -> ObjectInfo:
        """Store what source holds from its current position on.

        size: how many bytes that is; None when it is unknown.
        """
        length = {} if size is None else {"Content-Length": str(size)}
        body = _blocks(source, size)
        path = _object(bucket, key)
        with self._client.send("PUT", path, body, {**headers, **length}) as answer:
            return _object_info(answer)

    def delete(self, bucket: str, key: str, version: str = "") -> None:
        """As in S3, deleting an object that does not exist succeeds."""
        self._client.send("DELETE", _object(bucket, key, version)).close()

    def delete_many(
        self, bucket: str, objects: Sequence[tuple[str, str]]
    ) -> Mapping[int, TransferError]:
        """Delete up to 1,000 keys or versions: (key, version id or ""). Returns those that failed,
        by their place in objects."""
        path = f"{_bucket(bucket)}/objects:delete"
        body = Deletions([*objects])
        return self._client.request("POST", path, DeletionResult, body).failures

    def tags(self, bucket: str, key: str = "") -> dict[str, str]:
        """The tags of an object, or of the bucket when key is empty."""
        return self._client.request("GET", _tags(bucket, key), Tags).tags

    def change_tags(
        self, bucket: str, key: str, set: Mapping[str, str], unset: Sequence[str] = ()
    ) -> dict[str, str]:
        """Add and remove tags of an object, or of the bucket when key is empty.

        Returns all tags after the change.
        """
        changes = TagChanges(dict(set), [*unset])
        return self._client.request("PATCH", _tags(bucket, key), Tags, changes).tags

    def versions_of(self, bucket: str, key: str) -> Sequence[ObjectInfo]:
        """The versions of one object, the newest first."""
        path = path_of(f"{_bucket(bucket)}/versions", key=key)
        return self._client.request("GET", path, Listing).objects

    def restore(self, bucket: str, key: str, version: str) -> ObjectInfo:
        """Make an older version the current one."""
        path = path_of(f"{_bucket(bucket)}/object:restore", key=key, version=version)
        return self._client.request("POST", path, ObjectInfo)

    def presign(
        self, bucket: str, key: str, *, method: str = "GET", expires: int = 3600
    ) -> Presigned:
        """A URL that needs no credentials for expires seconds."""
        path = path_of(f"{_bucket(bucket)}/object:presign", key=key)
        return self._client.request("POST", path, Presigned, PresignRequest(method, expires))


def _object_info(answer: Answer) -> ObjectInfo:
    header = answer.headers.get(control.OBJECT_HEADER.lower(), "")
    return decode_answer(header.encode(), ObjectInfo)


def _blocks(source: IO[bytes], size: int | None) -> Iterator[bytes]:
    """Exactly size bytes, or all of them when size is None."""
    left = sys.maxsize if size is None else size
    while left and (block := _read(source, min(BLOCK, left))):
        yield block
        left -= len(block)
    if left and size is not None:
        raise S3dError(
            "the data ended too early",
            f"{left} of {size} bytes are missing",
            "nothing was stored: put it again once the file is no longer written",
        )


def _read(source: IO[bytes], size: int) -> bytes:
    try:
        return source.read(size)
    except OSError as error:  # not to be taken for one of the connection
        raise S3dError("cannot read the data", error.strerror or str(error)) from error


def _range(start: int, size: int | None) -> str:
    return f"bytes={start}-" if size is None else f"bytes={start}-{start + size - 1}"


def _bucket(bucket: str) -> str:
    return f"/v1/buckets/{quote(bucket, safe='')}"


def _object(bucket: str, key: str, version: str = "") -> str:
    return path_of(f"{_bucket(bucket)}/object", key=key, version=version)


def _tags(bucket: str, key: str) -> str:
    return path_of(f"{_bucket(bucket)}/tags", key=key)
