"""The bytes of an object as a body to be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Layout, Stored, cut

ByteRange = tuple[int, int]
"""Start and size, in bytes."""


class Found(Protocol):
    """An object that was looked up, and which of its bytes are wanted."""

    @property
    def stored(self) -> Stored: ...

    @property
    def span(self) -> ByteRange | None:
        """None: no body."""


F = TypeVar("F", bound=Found)


def look_and_open(
    index: Index, blobs: Blobs, find: Callable[[Reader], F], name: str = ""
) -> tuple[F, Body | None]:
    """What find finds, and its bytes; the caller closes the body. name: of the object.

    Raises StoredDataCorrupt.
    """
    while True:
        found = index.look(find)
        if found.span is None:
            return found, None
        try:
            body = _open(index, blobs, found.stored.layout, found.span, name)
        except StoredDataCorrupt as error:
            blobs.note_damage(name, error.message)
            raise
        if body is not None:
            return found, body
        # A commit replaced it after it was put into the memo, which hears of that in the next turn
        # of the loop. What is in the index itself is newer.
        index.forget_all()


def _open(index: Index, blobs: Blobs, layout: Layout, span: ByteRange, name: str) -> Body | None:
    start, size = span
    if not size:
        return BytesBody(b"")
    if not layout.inline:
        return blobs.body(cut(layout.extents, start, size), name)
    (extent,) = layout.extents
    data = index.look(lambda reader: reader.data(extent))
    if data is None:
        return None
    return BytesBody(data if size == len(data) else data[start : start + size])


def open_layout(index: Index, blobs: Blobs, layout: Layout) -> Body:
    """All bytes of a layout that somebody holds; the caller closes the body.

    Raises InternalError when they are not there or damaged.
    """
    if not layout.extents:
        return BytesBody(b"")
    if not layout.inline:
        return blobs.body(layout.extents)
    (extent,) = layout.extents
    data = index.look(lambda reader: reader.data(extent))
    if data is None:
        raise S3Error("InternalError", f"the bytes of blob {extent.blob} are gone")
    return BytesBody(data[extent.offset : extent.offset + extent.size])
