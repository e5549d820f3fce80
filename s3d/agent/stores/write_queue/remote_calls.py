"""How the queue probes the remote, and opens the staged bytes that it sends there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

from s3d.agent.core.client import S3Client, payload
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody
from s3d.agent.storage.records import Layout
from s3d.agent.stores.write_queue.staged_body import lost_as_corrupt

BodyOf = Callable[[Layout], Body]
"""The staged bytes of a layout; whoever asks closes them. Raises InternalError for lost files."""


async def probe(client: S3Client, bucket: str, key: str) -> S3Error | None:
    """Ask for as little as possible; the error that came back, if any.

    One byte of an object: unlike HEAD, GET says why it is refused, and it needs no listing.
    """
    members = {"Bucket": bucket, "Key": key, "Range": "bytes=0-0"}
    try:
        async with aclosing(payload(await client.call("GetObject", members))):
            return None
    except S3Error as error:
        return error


def staged(body_of: BodyOf, layout: Layout) -> Body:
    """The bytes of a layout, be they none. Raises StagedDataCorrupt."""
    if not layout.extents:
        return BytesBody(b"")
    with lost_as_corrupt():
        return body_of(layout)
