"""RenameObject: an object gets another key, atomically and without a copy of its bytes.

AWS has it in directory buckets only; here it works in every bucket without versioning. Metadata,
ETag, checksum and modification time stay.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

from s3d.agent.core.store import operation
from s3d.agent.s3.conditions import check_rename_destination, check_rename_source
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.named_objects import parse_rename_source
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import condition_of, find_bucket
from s3d.agent.stores.local.version_writer import VersionWriter

_TOKENS = 1_000
"""Client tokens of renames that are remembered, so that a repeated request succeeds."""


class RenameOps:
    """Handler of RenameObject."""

    def __init__(self, index: Index, version_writer: VersionWriter) -> None:
        self._index = index
        self._version_writer = version_writer
        self._done: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        """Client token -> bucket, source and destination of a rename that succeeded."""

    @operation("RenameObject")
    async def rename_object(self, request: S3Request[Members]) -> S3Response[Members]:
        """A repeated request with the same client token succeeds again, as long as the agent
        runs."""
        check_key(request.key)
        token = request.input.get("ClientToken")
        source = str(request.input["RenameSource"])
        rename = (request.bucket, source, request.key)
        if token is not None and token in self._done:
            if self._done[token] != rename:
                raise S3Error("IdempotencyParameterMismatch")
            return S3Response({})
        await self._index.write(partial(self._rename, request, source))
        if token is not None:
            self._done[token] = rename
            if len(self._done) > _TOKENS:
                self._done.popitem(last=False)
        return S3Response({})

    def _rename(self, request: S3Request[Members], source: str, tx: Transaction) -> None:
        bucket = find_bucket(tx, request.bucket)
        if bucket.versioning:
            raise S3Error("NotImplemented", "RenameObject needs a bucket without versioning")
        stored = _find(tx, bucket.name, source)
        _check(request.input, stored, tx.current(bucket.name, request.key.encode()))
        if stored.record.key == request.key:
            raise S3Error("InvalidRequest", "An object cannot be renamed to its own key.")
        self._version_writer.rename(tx, bucket, stored, request.key, context=request.context)


def _find(tx: Transaction, bucket: str, source: str) -> Stored:
    """Raises NoSuchKey."""
    for key in parse_rename_source(source, bucket):
        if (stored := tx.current(bucket, key.encode())) is not None:
            return stored
    raise S3Error("NoSuchKey", Key=source)


def _check(input: Mapping[str, Any], source: Stored, destination: Stored | None) -> None:
    """Raises PreconditionFailed, NotImplemented."""
    check_rename_source(input, source.record.etag, source.record.modified)
    check_rename_destination(input, condition_of(destination))
