"""Bodies whose size is unknown."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, StreamBody
from s3d.agent.stores.remote.spooled_body import IN_MEMORY, SpooledBody, with_size


async def pieces(*data: bytes, error: S3Error | None = None) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece
    if error is not None:
        raise error


async def content(body) -> bytes:
    return b"".join([chunk async for chunk in body])


@pytest.mark.parametrize(
    ("data", "form"),
    [
        ([], BytesBody),
        ([b"one", b"two"], BytesBody),
        ([bytes(IN_MEMORY)], BytesBody),
        ([bytes(IN_MEMORY), b"end"], SpooledBody),
        ([bytes(IN_MEMORY + 1), bytes(IN_MEMORY + 1), b"end"], SpooledBody),
    ],
)
async def test_the_size_is_that_of_the_bytes(tmp_path, data, form):
    body = await with_size(StreamBody(pieces(*data)), tmp_path)
    assert isinstance(body, form)
    assert body.size == sum(map(len, data))
    assert await content(body) == b"".join(data)
    await body.aclose()
    assert not list(tmp_path.iterdir())


async def test_a_body_with_a_size_is_not_read(tmp_path):
    body = StreamBody(pieces(b"one"), 3)
    assert await with_size(body, tmp_path) is body


@pytest.mark.parametrize("size", [10, IN_MEMORY + 1])
async def test_a_body_that_turns_out_wrong_leaves_nothing(tmp_path, size):
    source = pieces(bytes(size), error=S3Error("BadDigest"))
    with pytest.raises(S3Error, match="BadDigest"):
        await with_size(StreamBody(source), tmp_path)
    assert source.ag_frame is None
    assert not list(tmp_path.iterdir())


async def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError):
        await with_size(StreamBody(pieces(bytes(IN_MEMORY + 1))), tmp_path / "gone")
