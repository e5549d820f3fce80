from __future__ import annotations

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator, Mapping

import pytest

from s3d.agent.s3.chunked import Decoder
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, StreamBody, WireRequest
from s3d.agent.s3.sigv4 import unauthenticated
from s3d.agent.stores.remote.request_body import (
    CHUNK_SIZE,
    PhaseTimeout,
    RequestBody,
    TrailedBody,
    are_checksums,
    hold_back_last,
)

STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


async def pieces(*data: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for each in data:
        yield each
    if error is not None:
        raise error


class Trailed(StreamBody):
    """A body whose trailers are known at its end."""

    def __init__(self, data: list[bytes], trailers: Mapping[str, str]) -> None:
        super().__init__(pieces(*data), sum(map(len, data)))
        self.trailers = trailers


async def test_the_last_bytes_wait_for_the_end() -> None:
    wrong = hold_back_last(StreamBody(pieces(b"one", b"", b"two", error=S3Error("BadDigest"))))
    assert await anext(wrong) == b"one"
    with pytest.raises(S3Error):
        await anext(wrong)
    assert [c async for c in hold_back_last(StreamBody(pieces(b"one", b"two")))] == [b"one", b"two"]
    assert [c async for c in hold_back_last(BytesBody(b""))] == []


@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3_000_000])
async def test_a_trailed_body_is_aws_chunked_of_the_announced_size(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    cut = [data[i : i + 700_000] for i in range(0, size, 700_000)]
    body = TrailedBody(Trailed(cut, {"x-amz-checksum-crc32": crc}), size, ("x-amz-checksum-crc32",))
    raw = b"".join([chunk async for chunk in body])
    assert len(raw) == body.size
    wire = WireRequest("PUT", "/b/k", "", (("x-amz-content-sha256", STREAMED),))
    decoder = Decoder(unauthenticated(wire), size, ["x-amz-checksum-crc32"])
    assert decoder.feed(raw) == data
    decoder.finish()
    assert decoder.trailers == {"x-amz-checksum-crc32": crc}


def test_only_checksums_have_a_length_that_is_known() -> None:
    assert are_checksums(["x-amz-checksum-crc64nvme"])
    assert not are_checksums(["x-amz-checksum-crc32", "x-amz-meta-late"])


async def test_the_watch_runs_only_while_it_is_the_remotes_turn() -> None:
    watch = PhaseTimeout(0.01)
    async with watch.limit(0.01):
        watch.pause()
        await after(0.05)
        watch.resume()
        watch.pause()
    with pytest.raises(TimeoutError):
        await silent_remote(watch)
    watch.resume()  # after the answer it means nothing


async def silent_remote(watch: PhaseTimeout) -> None:
    async with watch.limit(10):
        watch.resume()
        await asyncio.Event().wait()


async def after(seconds: float) -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, event.set)
    await event.wait()


async def test_a_slow_client_is_not_the_remotes_silence() -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await after(0.05)
        yield b"b"

    watch = PhaseTimeout(0.01)
    sending = RequestBody(StreamBody(slow()), watch)
    async with watch.limit(0.01):
        assert [chunk async for chunk in sending] == [b"a", b"b"]
    assert sending.started
    assert sending.error is None


async def test_what_went_wrong_on_our_side_is_kept() -> None:
    sending = RequestBody(
        StreamBody(pieces(b"a", b"b", error=S3Error("BadDigest"))), PhaseTimeout(1)
    )
    chunks = aiter(sending)
    sent = [await anext(chunks), await anext(chunks)]
    with pytest.raises(S3Error):
        await anext(chunks)
    assert isinstance(sending.error, S3Error)
    assert sent == [b"a", b"\0"], "never as many bytes as the body would have had, nor none"
