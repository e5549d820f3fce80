"""How the queue asks the remote: by operation name and members, as the doors do it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request
from s3d.agent.s3.model import operations
from s3d.agent.storage.records import Layout
from s3d.agent.stores.write_queue.staged_body import lost_as_corrupt

BodyOf = Callable[[Layout], Body]
"""The staged bytes of a layout; whoever asks closes them. Raises InternalError for lost files."""

_NOTHING = BytesBody(b"")


async def ask(inner: ObjectStore, name: str, members: Members, body: Body | None = None) -> Members:
    """The members of the answer; its payload is thrown away, and the body that is sent is closed,
    also one that nobody has read: what it lies in cannot be removed before. Raises S3Error."""
    request: S3Request[Any] = S3Request(operations()[name], members, body)
    async with aclosing(body if body is not None else _NOTHING):
        response = await inner.call(request)
    if response.body is not None:
        await response.body.aclose()
    return dict(response.output)


async def fetch(inner: ObjectStore, members: Members) -> Body:
    """The payload of GetObject, which the caller closes. Raises S3Error."""
    response = await inner.call(S3Request(operations()["GetObject"], members))
    return response.body or BytesBody(b"")


async def probe(inner: ObjectStore, bucket: str, key: str) -> S3Error | None:
    """Ask for as little as possible; the error that came back, if any.

    One byte of an object: unlike HEAD, GET says why it is refused, and it needs no listing.
    """
    members = {"Bucket": bucket, "Key": key, "Range": "bytes=0-0"}
    try:
        async with aclosing(await fetch(inner, members)):
            return None
    except S3Error as error:
        return error


def staged(body_of: BodyOf, layout: Layout) -> Body:
    """The bytes of a layout, be they none. Raises StagedDataCorrupt."""
    if not layout.extents:
        return BytesBody(b"")
    with lost_as_corrupt():
        return body_of(layout)
