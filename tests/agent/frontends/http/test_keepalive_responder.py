"""Spaces that keep a connection alive while a store completes or copies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from s3d.agent.core.store import TerminalStore, operation
from s3d.agent.frontends.http.limits import Limits
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from tests.agent.frontends.http.wire import opened

COPY = {"x_amz_copy_source": "/bucket/other"}


class Copying(TerminalStore):
    """CopyObject ends when it is told how."""

    def __init__(self) -> None:
        super().__init__()
        self.end: asyncio.Future[S3Response[Any]] = asyncio.get_running_loop().create_future()

    @operation("CopyObject")
    async def copy_object(self, request: S3Request) -> S3Response:
        return await self.end


async def test_a_quick_answer_is_a_plain_one() -> None:
    store = Copying()
    store.end.set_result(S3Response({"CopyObjectResult": {"ETag": '"e"'}}))
    async with opened(store, Limits(keepalive_interval=5)) as endpoint:
        answer = await endpoint.ask("PUT", "/bucket/k", **COPY)
    assert "content-length" in answer.headers
    assert b"<ETag>" in answer.body


async def test_a_quick_error_has_its_status() -> None:
    store = Copying()
    store.end.set_exception(S3Error("NoSuchKey"))
    async with opened(store, Limits(keepalive_interval=5)) as endpoint:
        assert (await endpoint.ask("PUT", "/bucket/k", **COPY)).status == 404


@pytest.mark.parametrize("fails", [False, True])
async def test_a_slow_answer_begins_with_spaces(fails: bool) -> None:
    store = Copying()
    async with opened(store, Limits(keepalive_interval=0.01)) as endpoint, endpoint.wire() as wire:
        wire.send(endpoint.request("PUT", "/bucket/k", **COPY))
        head = await wire.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        await wire.reader.readuntil(b" \r\n")
        if fails:
            store.end.set_exception(S3Error("NoSuchKey"))
        else:
            store.end.set_result(S3Response({"CopyObjectResult": {"ETag": '"e"'}}))
        rest = await wire.reader.readuntil(b"0\r\n\r\n")
        assert (b"<Code>NoSuchKey</Code>" in rest) is fails
        assert (b"<CopyObjectResult" in rest) is not fails
        assert b"<?xml" not in rest
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).status == 501


async def test_a_client_that_leaves_a_slow_copy_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    store = Copying()
    async with opened(store, Limits(keepalive_interval=0.01)) as endpoint:
        async with endpoint.wire() as wire:
            wire.send(endpoint.request("PUT", "/bucket/k", **COPY))
            await wire.reader.readuntil(b" \r\n")
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(5):
                await store.end
        await endpoint.server.stop(5)
    assert not caplog.records
