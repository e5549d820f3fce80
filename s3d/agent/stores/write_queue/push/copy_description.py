"""What a pending copy has to know of its source: headers, metadata, tags and storage class.

CopyObject keeps them but for the storage class, and the write queue answers reads with them before
the remote has the copy. When the remote was away, the push asks for them.
"""

from __future__ import annotations

from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.object_headers import TRANSFERABLE
from s3d.agent.storage.records import ELSEWHERE, EMPTY, STANDARD, Description, ObjectRecord, Stored
from s3d.agent.stores.write_queue.journal.pending_write import CopySource, StagedWrite

MAX_COPY = 5 << 30
"""Bytes of an object that one CopyObject copies.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
EMPTY_ETAG = '"d41d8cd98f00b204e9800998ecf8427e"'
"""The MD5 of no bytes."""
HEADERS = tuple(name for name in TRANSFERABLE if name != "StorageClass")
"""Members that the object keeps at the remote."""


async def describe_source(client: S3Client, bucket: str, key: str) -> tuple[Stored, str]:
    """The object of a key at the remote, without bytes, and its ETag there. Raises S3Error."""
    head = await client.output("HeadObject", {"Bucket": bucket, "Key": key})
    size = int(head["ContentLength"])
    check_size(size)
    tags = await client.tags(bucket, key) if head.get("TagCount") else {}
    record = ObjectRecord(
        key=key,
        size=size,
        etag=head["ETag"] if size else EMPTY_ETAG,
        modified=head["LastModified"].timestamp(),
        storage_class=head.get("StorageClass") or STANDARD,
        description=Description(
            headers={name: head[name] for name in HEADERS if head.get(name)},
            metadata=dict(head.get("Metadata") or {}),
            tags=tags,
        ),
    )
    return Stored(record, ELSEWHERE if size else EMPTY), str(head["ETag"])


def check_size(size: int) -> None:
    """Raise NotImplemented for an object that one copy cannot take."""
    if size > MAX_COPY:
        raise S3Error("NotImplemented", "An object of more than 5 GiB is not renamed.")


async def described(client: S3Client, bucket: str, row: StagedWrite) -> StagedWrite:
    """The row of a copy with what was not known when it was accepted.

    An empty object is written again, which is a put: some remotes do not copy the marker of a
    folder. Raises S3Error: PreconditionFailed when the source is not empty any more.
    """
    source, stored = row.source, row.stored
    if source is None or stored is None:
        return row
    if source.is_listed and not source.replaces_metadata:
        row = await _described(client, bucket, row, source, stored)
    if row.stored is None or stored.record.size:
        return row
    return row._replace(stored=Stored(row.stored.record, EMPTY), source=None)


async def _described(
    client: S3Client, bucket: str, row: StagedWrite, source: CopySource, stored: Stored
) -> StagedWrite:
    """The row with what its source has besides its bytes."""
    (found, _), etag = await describe_source(client, bucket, source.key)
    is_changed = found.size or (source.etag and not same_etag(etag, source.etag))
    if not stored.record.size and is_changed:
        raise S3Error("PreconditionFailed", "The object has changed since it was renamed.")
    description = found.description
    if source.replaces_tags:
        description = replace(description, tags=stored.record.description.tags)
    record = replace(stored.record, description=description, storage_class=found.storage_class)
    return row._replace(stored=stored._replace(record=record))
