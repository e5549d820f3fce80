"""The request id of a client reaches every call that is made for its request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.access_keys import principal_of
from s3d.agent.core.client import S3Client
from s3d.agent.core.context import (
    background_context,
    internal_request,
    report_write,
    with_timeout,
    write_group,
)
from s3d.agent.core.store import Answer, Layer
from s3d.agent.s3.messages import BytesBody, RequestContext, S3Request
from s3d.agent.stores.remote.capability_prober import CapabilityProber
from s3d.agent.stores.remote.conditional_writes import ConditionalWrites
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret
from tests.contract.cached import cache_before

CALLER = principal_of(AccessKey("access-key", Secret("secret")))
PUT = RequestContext("ID0123456789ABCD", CALLER)


class Recorder(Layer):
    """Notes the context of each call."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.seen: list[tuple[str, RequestContext]] = []

    def fallback(self, request: S3Request[Any]) -> Answer:
        self.seen.append((request.op.name, request.context))
        return self.inner.call(request)

    def ids(self) -> set[tuple[str, str]]:
        return {(name, context.request_id) for name, context in self.seen}


@pytest.fixture
def remote(tmp_path) -> Iterator[Recorder]:
    store = open_embedded(tmp_path / "there", ephemeral=True)
    yield Recorder(store.local)
    store.close()


def request(operation: str, body: bytes | None = None, **members: Any) -> S3Request[Any]:
    payload = None if body is None else BytesBody(body)
    return internal_request(PUT, operation, {"Bucket": "bucket", **members}, payload)


async def test_the_head_and_the_put_made_for_a_clients_put_have_its_request_id(remote, tmp_path):
    await remote.inner.call(request("CreateBucket"))
    top = ConditionalWrites(CapabilityProber(remote, "http://s3.test", tmp_path / "c.json"))
    await top.call(request("PutObject", b"data", Key="k", IfNoneMatch="*"))
    assert remote.ids() == {("HeadObject", PUT.request_id), ("PutObject", PUT.request_id)}


async def test_a_fill_of_the_cache_has_the_request_id_of_the_get_that_missed(remote, tmp_path):
    await remote.inner.call(request("CreateBucket"))
    await remote.inner.call(request("PutObject", b"data", Key="k"))
    async with cache_before(remote, tmp_path / "cache") as cache:
        response = await cache.call(request("GetObject", Key="k"))
        await response.body.aclose()
    assert ("GetObject", PUT.request_id) in remote.ids()


async def test_calls_for_no_client_have_request_ids_of_their_own(remote):
    client = S3Client(remote, bypass_cache=True)
    await client.create_bucket("bucket")
    await client.buckets()
    one, two = (context for _, context in remote.seen)
    assert len(one.request_id) == len(two.request_id) == 16
    assert one.request_id != two.request_id
    assert one.bypass_cache
    assert one.principal is None


async def test_a_client_with_a_context_passes_it_on(remote):
    await S3Client(remote, PUT).create_bucket("bucket")
    assert remote.ids() == {("CreateBucket", PUT.request_id)}


def test_background_work_names_the_request_that_caused_it():
    work = background_context(PUT.request_id)
    assert work.parent == PUT.request_id != work.request_id
    assert work.principal is None
    assert background_context().parent == ""


async def test_a_deadline_ends_a_call_and_is_never_moved_back():
    class Silent:
        async def call(self, request: S3Request[Any]) -> Any:
            await asyncio.Event().wait()

    soon = with_timeout(PUT, 0.01)
    assert soon.request_id == PUT.request_id
    assert with_timeout(soon, 60).deadline == soon.deadline
    with pytest.raises(TimeoutError):
        await S3Client(Silent(), soon).buckets()


async def test_what_is_reported_of_a_group_comes_at_its_end():
    seen: list[str] = []

    async def write(name: str) -> None:
        report_write(lambda: seen.append(name))

    async with asyncio.TaskGroup() as tasks:
        with write_group():
            await write("copy")
            within = tasks.create_task(write("task"))
            await within
            assert seen == []
            await tasks.create_task(write("delete"))
        assert seen == ["copy", "task", "delete"]
    await write("alone")
    assert seen[-1] == "alone"


async def test_an_error_and_a_task_that_outlives_the_group_lose_no_report():
    seen: list[str] = []
    ended = asyncio.Event()

    async def late() -> None:
        await ended.wait()
        report_write(lambda: seen.append("late"))

    async with asyncio.TaskGroup() as tasks:
        with suppress(OSError), write_group():
            tasks.create_task(late())
            report_write(lambda: seen.append("copy"))
            raise OSError
        assert seen == ["copy"]
        ended.set()
    assert seen == ["copy", "late"]
