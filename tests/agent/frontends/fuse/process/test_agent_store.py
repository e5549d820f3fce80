"""The store of the process of the mounts, over a channel. Both ends are in this process.

tests/contract runs all rules of S3 on it as well.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.core.context import internal_request
from s3d.agent.core.events import Events
from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.core.store import Answer, Completed, Layer, ObjectStore
from s3d.agent.frontends.fuse.loop_bridge import is_own_call
from s3d.agent.frontends.fuse.process.bodies import HeldBody, TakenBody
from s3d.agent.frontends.fuse.process.frame_socket import ChannelClosed
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import (
    BytesBody,
    ListedObject,
    MountHints,
    RequestContext,
    S3Request,
    S3Response,
    StreamBody,
)
from s3d.agent.storage.adopted_file import AdoptableFile, no_bytes
from s3d.agent.storage.blocks import BLOCK
from s3d.agent.stores.write_observers import ChangeEvents
from s3d.shared.control import Event
from s3d.shared.logs import current_request
from tests.agent.frontends.fuse.process.crossed_store import Crossed, crossed
from tests.agent.frontends.fuse.process.pairs import quiet, turns, until
from tests.contract.client import Client, chunks, read

BUCKET = "bkt"
DATA = os.urandom(2 * BLOCK + 12_345)


class Seen(Layer):
    """The top of the stack in the agent: notes its requests, and may answer or refuse them."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.requests: list[S3Request[Any]] = []
        self.current: list[Any] = []
        self.answer: Callable[[S3Request[Any]], Awaitable[S3Response[Any]]] | None = None

    def fallback(self, request: S3Request[Any]) -> Answer:
        self.requests.append(request)
        self.current.append(current_request.get())
        return self.inner.call(request) if self.answer is None else self.answer(request)


@dataclass
class World:
    agent: Client
    """Clients of the agent."""
    mounts: Client
    """The process of the mounts."""
    seen: Seen
    crossed: Crossed
    own: list[tuple[str, bool]]
    """The changes that were told: what, and whether the mounts made them."""

    async def call(self, name: str, context: RequestContext, **members: Any) -> S3Response[Any]:
        body = members.pop("Body", None)
        return await self.mounts.store.call(internal_request(context, name, members, body))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    embedded = open_embedded(tmp_path / "store", ephemeral=True)
    events, own = Events(), []

    def note(event: Event) -> None:
        own.append((event.subject, is_own_call.get()))

    events.taps.append(note)
    seen = Seen(ChangeEvents(embedded.local, events))
    async with crossed(seen) as made:
        agent = Client(seen)
        await agent("CreateBucket", Bucket=BUCKET)
        own.clear()
        seen.requests.clear()
        seen.current.clear()
        yield World(agent, Client(made.store), seen, made, own)
    embedded.close()


# ---------------------------------------------------------------- the operations of a mount


@pytest.mark.parametrize("size", [0, 1, 70_000, len(DATA)])
async def test_objects_of_each_size(world, size):
    put = await world.mounts.put(BUCKET, "k ä\n", DATA[:size], Metadata={"mode": "33188"})
    agent, mounts = [
        await client("GetObject", Bucket=BUCKET, Key="k ä\n")
        for client in (world.agent, world.mounts)
    ]
    assert (agent.output, agent.body, agent.status) == (mounts.output, mounts.body, mounts.status)
    assert (mounts.body, mounts["ETag"]) == (DATA[:size], put["ETag"])
    assert mounts["Metadata"] == {"mode": "33188"}
    assert isinstance(mounts["LastModified"], datetime)


async def test_a_large_object_comes_as_its_file(world):
    await world.agent.put(BUCKET, "k", DATA)
    response = await world.call("GetObject", RequestContext(), Bucket=BUCKET, Key="k")
    assert isinstance(response.body, HeldBody)
    assert (response.body.size, response.status) == (len(DATA), None)
    assert await read(response.body) == DATA


@pytest.mark.parametrize("span", ["0-0", "5-1048580", "-7", f"{len(DATA) - 1}-"])
async def test_ranges(world, span):
    await world.agent.put(BUCKET, "k", DATA)
    agent, mounts = [
        await client("GetObject", Bucket=BUCKET, Key="k", Range=f"bytes={span}")
        for client in (world.agent, world.mounts)
    ]
    assert (mounts.output, mounts.body, mounts.status) == (agent.output, agent.body, 206)


async def test_conditions_of_reads(world):
    etag = (await world.agent.put(BUCKET, "k", DATA))["ETag"]
    members = {"Bucket": BUCKET, "Key": "k"}
    await world.mounts.refused("PreconditionFailed", "GetObject", IfMatch='"x"', **members)
    codes = [
        await each.code("GetObject", IfNoneMatch=etag, **members)
        for each in (world.agent, world.mounts)
    ]
    assert codes[0] == codes[1]
    await world.mounts.refused("InvalidRange", "GetObject", Range="bytes=9999999-", **members)


async def test_every_output_is_as_the_agent_has_it(world):
    """Dates, numbers, flags and lists of all kinds of outputs."""
    for number in range(5):
        await world.agent.put(BUCKET, f"d{number}/k", b"x" * number, Tagging="a=1&b=2")
        await world.agent.put(BUCKET, f"k{number}", b"y")
    upload = await world.mounts(
        "CreateMultipartUpload", Bucket=BUCKET, Key="m", StorageClass="STANDARD"
    )
    of_upload = {"Bucket": BUCKET, "Key": "m", "UploadId": upload["UploadId"]}
    await world.mounts("UploadPart", Body=DATA, PartNumber=1, **of_upload)
    for name, members in {
        "ListBuckets": {},
        "ListObjectsV2": {"Bucket": BUCKET},
        "ListObjects": {"Bucket": BUCKET, "MaxKeys": 3},
        "ListObjectVersions": {"Bucket": BUCKET},
        "ListMultipartUploads": {"Bucket": BUCKET},
        "ListParts": of_upload,
        "HeadObject": {"Bucket": BUCKET, "Key": "k1", "ChecksumMode": "ENABLED"},
        "GetObjectTagging": {"Bucket": BUCKET, "Key": "d1/k"},
        "GetObjectAttributes": {
            "Bucket": BUCKET, "Key": "k1", "ObjectAttributes": ["ETag", "ObjectSize", "Checksum"],
        },
        "HeadBucket": {"Bucket": BUCKET},
        "GetBucketVersioning": {"Bucket": BUCKET},
        "GetBucketLocation": {"Bucket": BUCKET},
    }.items():  # fmt: skip
        agent, mounts = [await each(name, **members) for each in (world.agent, world.mounts)]
        assert (mounts.output, mounts.status) == (agent.output, agent.status), name


async def test_pages_of_a_listing_with_a_delimiter(world):
    for number in range(7):
        await world.agent.put(BUCKET, f"d{number}/k", b"x")
        await world.agent.put(BUCKET, f"k{number}", b"y")
    found, token = [], {}
    while True:
        page = await world.mounts("ListObjectsV2", Bucket=BUCKET, Delimiter="/", MaxKeys=4, **token)
        found += page.names("CommonPrefixes", "Prefix") + page.names("Contents", "Key")
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert found == [f"d{n}/" for n in range(7)] + [f"k{n}" for n in range(7)]


async def test_a_file_is_linked_into_the_store(world, tmp_path):
    path = tmp_path / "staged"
    path.write_bytes(DATA)
    body = AdoptableFile(path, len(DATA), hashed=no_bytes("CRC64NVME").more(DATA[:BLOCK]))
    await world.mounts.put(BUCKET, "k", body)
    assert path.stat().st_nlink == 2
    assert await world.agent.read(BUCKET, "k") == DATA
    plain = await world.agent.put(BUCKET, "plain", DATA)
    head = await world.mounts("HeadObject", Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    assert head["ETag"] == plain["ETag"]
    assert head["ChecksumCRC64NVME"] == plain["ChecksumCRC64NVME"]


async def test_parts_that_are_parts_of_a_file(world, tmp_path):
    path = tmp_path / "staged"
    data = os.urandom(6 << 20)
    path.write_bytes(data)
    of_upload = {"Bucket": BUCKET, "Key": "k"}
    created = await world.mounts("CreateMultipartUpload", **of_upload)
    of_upload["UploadId"] = created["UploadId"]
    parts = []
    for number, (start, size) in enumerate([(0, 5 << 20), (5 << 20, 1 << 20)], 1):
        body = AdoptableFile(path, size, start=start)
        answer = await world.mounts("UploadPart", Body=body, PartNumber=number, **of_upload)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    await world.mounts("CompleteMultipartUpload", MultipartUpload={"Parts": parts}, **of_upload)
    assert await world.mounts.read(BUCKET, "k") == data


async def test_typed_verbs(world):
    """As the file systems call them: copy, rename, tags and deletions."""
    client = S3Client(world.crossed.store)
    etag, _ = await client.store(BUCKET, "k", BytesBody(b"data"))
    await client.copy(BUCKET, "k", "copy", if_match=etag)
    await world.mounts("RenameObject", Bucket=BUCKET, Key="new", RenameSource="/bkt/copy")
    await world.mounts(
        "PutObjectTagging",
        Bucket=BUCKET,
        Key="new",
        Tagging={"TagSet": [{"Key": "a", "Value": "1"}]},
    )
    tags = await world.agent("GetObjectTagging", Bucket=BUCKET, Key="new")
    assert tags["TagSet"] == [{"Key": "a", "Value": "1"}]
    await client.delete(BUCKET, "k")
    with pytest.raises(S3Error, match="PreconditionFailed"):
        await client.store(BUCKET, "new", BytesBody(b""), if_match='"x"')
    assert await world.mounts.keys(BUCKET) == ["new"]
    assert (await client.head(BUCKET, "k")) is None


async def test_a_stream_is_stored(world):
    await world.mounts.put(BUCKET, "k", StreamBody(chunks(b"ab", DATA, b"", b"c")))
    assert await world.agent.read(BUCKET, "k") == b"ab" + DATA + b"c"


async def test_a_file_of_the_store_is_stored_again(world):
    """What a mount has read may be what it writes."""
    await world.agent.put(BUCKET, "k", DATA)
    response = await world.call("GetObject", RequestContext(), Bucket=BUCKET, Key="k")
    await world.mounts.put(BUCKET, "copy", response.body)
    assert await world.agent.read(BUCKET, "copy") == DATA


# ---------------------------------------------------------------- contexts


async def test_the_context_of_a_request(world):
    context = RequestContext(
        "ID1", deadline=12.5, bypass_cache=True, bypass_queue=True, parent="P", replaces='"e"',
        mount=MountHints(syncs_later=True, renames=ListedObject('"e"', 5, 1.5)),
    )  # fmt: skip
    await world.call("HeadBucket", context, Bucket=BUCKET)
    for each in (context.derive(replaces=""), RequestContext()):
        await world.call("HeadBucket", each, Bucket=BUCKET)
    first, second, third = [each.context for each in world.seen.requests]
    for name in ("request_id", "deadline", "bypass_cache", "bypass_queue", "parent", "replaces"):
        assert getattr(first, name) == getattr(context, name), name
    assert first.mount == context.mount
    assert isinstance(first.mount, MountHints)
    assert isinstance(first.mount.renames, ListedObject)
    assert (second.replaces, third.replaces, third.mount) == ("", None, MountHints())


async def test_the_request_in_the_agent(world):
    await world.mounts.put(BUCKET, "k", b"data", ContentType="text/x", Metadata={"a": "b"})
    (request,) = world.seen.requests
    assert request.op.name == "PutObject"
    assert request.input == {
        "Bucket": BUCKET, "Key": "k", "ContentType": "text/x", "Metadata": {"a": "b"},
    }  # fmt: skip
    assert isinstance(request.body, BytesBody)
    assert (request.wire, world.seen.current) == (None, [request])
    await world.mounts("HeadBucket", Bucket=BUCKET)
    assert world.seen.requests[1].body is None


@pytest.mark.parametrize("seconds", [-1.0, 0.05])
async def test_a_deadline_in_the_past_and_soon(world, seconds):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(request: S3Request[Any]) -> S3Response[Any]:
        begun.set()
        try:
            return await asyncio.Event().wait()  # type: ignore[return-value]
        finally:
            ended.set()

    world.seen.answer = hang
    deadline = asyncio.get_running_loop().time() + seconds
    client = S3Client(world.crossed.store, RequestContext("ID1", deadline=deadline))
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        await client.head(BUCKET, "k")
    assert time.monotonic() - before < 5
    if seconds > 0:
        await begun.wait()
        await ended.wait()


async def test_what_the_mounts_change_is_their_own_and_nothing_else(world):
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(world.mounts.put(BUCKET, f"own{number}", DATA[: number * 100_000]))
            group.create_task(world.agent.put(BUCKET, f"other{number}", b"data"))
    assert sorted(world.own) == [
        *((f"bkt/other{number}", False) for number in range(5)),
        *((f"bkt/own{number}", True) for number in range(5)),
    ]
    assert is_own_call.get() is False


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "failure",
    [
        None,
        Unreachable(Reason.CONNECT, "no line", sent=False),
        Refused(Refusal(503, "SlowDown", retry_after=1.5)),
    ],
    ids=repr,
)
async def test_errors_come_with_their_detail_and_what_they_come_from(world, failure):
    async def refuse(request: S3Request[Any]) -> S3Response[Any]:
        error = S3Error("ServiceUnavailable", "wait", BucketName=request.bucket)
        error.failure = failure
        raise error

    world.seen.answer = refuse
    with pytest.raises(S3Error, match="ServiceUnavailable: wait") as raised:
        await world.mounts.put(BUCKET, "k", DATA)
    assert raised.value.detail == {"BucketName": BUCKET}
    assert type(raised.value.failure) is type(failure)
    assert vars(raised.value.failure or S3Error("x")) == vars(failure or S3Error("x"))


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TimeoutError("late"), TimeoutError),
        (OSError(28, "full"), OSError),
        (KeyError(1), RuntimeError),
    ],
    ids=lambda each: getattr(each, "__name__", repr(each)),
)
async def test_what_else_a_stack_raises(world, raised, kind):
    async def fail(request: S3Request[Any]) -> S3Response[Any]:
        raise raised

    world.seen.answer = fail
    with pytest.raises(kind):
        await world.mounts("HeadBucket", Bucket=BUCKET)


async def test_a_store_that_raises_before_it_is_awaited(world):
    def refuse(request: S3Request[Any]) -> Any:
        raise S3Error("AccessDenied")

    world.seen.answer = refuse
    await world.mounts.refused("AccessDenied", "HeadBucket", Bucket=BUCKET)


async def test_a_body_that_fails_while_it_is_stored(world):
    async def broken() -> AsyncIterator[bytes]:
        yield DATA
        raise S3Error("IncompleteBody", "half")

    await world.mounts.refused(
        "IncompleteBody", "PutObject", Bucket=BUCKET, Key="k", Body=StreamBody(broken())
    )
    assert await world.agent.keys(BUCKET) == []


async def test_a_request_that_cannot_be_sent_leaves_no_body_open(world):
    closed = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.set()

    body = StreamBody(stream())
    await anext(aiter(body))
    with pytest.raises((TypeError, ValueError, NotImplementedError)):
        await world.mounts.put(BUCKET, "k", body, Metadata={"a": "\udcff"})
    assert closed.is_set()
    assert world.crossed.requests._bodies == {}


async def test_a_response_that_cannot_be_sent_is_an_error_and_its_body_is_closed(world):
    closed = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.set()

    async def answer(request: S3Request[Any]) -> S3Response[Any]:
        body = StreamBody(stream())
        await anext(aiter(body))
        return S3Response({"ETag": object()}, body)

    world.seen.answer = answer
    with pytest.raises(RuntimeError):
        await world.mounts("GetObject", Bucket=BUCKET, Key="k")
    assert closed.is_set()


@pytest.mark.parametrize("status", [None, 206])
async def test_a_response_that_was_ready_at_once(world, status):
    def answer(request: S3Request[Any]) -> Any:
        return Completed(S3Response({"ETag": '"e"'}, status=status, headers={"x-a": "b"}))

    world.seen.answer = answer
    response = await world.call("HeadObject", RequestContext(), Bucket=BUCKET, Key="k")
    assert (response.output, response.body) == ({"ETag": '"e"'}, None)
    assert (response.status, response.headers) == (status, {"x-a": "b"})


# ---------------------------------------------------------------- cancelled calls, and the end


async def test_a_put_that_is_cancelled_stores_nothing_and_closes_its_body(world):
    begun, closed = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield DATA
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    put = world.mounts.put(BUCKET, "k", StreamBody(endless()))
    caller = asyncio.get_running_loop().create_task(put)
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert closed.is_set()
    await quiet(world.crossed.pair.near, world.crossed.pair.far)
    assert world.crossed.requests._bodies == {}
    assert await world.agent.keys(BUCKET) == []


@pytest.mark.parametrize("turns_after", range(8))
async def test_a_get_that_is_cancelled_leaves_nothing_open(world, turns_after):
    """In each turn of the loop around the one in which the answer comes."""
    await world.agent.put(BUCKET, "k", DATA)
    get = world.call("GetObject", RequestContext(), Bucket=BUCKET, Key="k")
    caller = asyncio.get_running_loop().create_task(get)
    await turns(turns_after)
    caller.cancel()
    try:
        response = await caller
    except asyncio.CancelledError:
        pass
    else:
        await response.body.aclose()
    await quiet(world.crossed.pair.near, world.crossed.pair.far)
    await until(lambda: not world.crossed.responses._bodies)


async def test_calls_end_when_the_agent_does(world):
    await world.agent.put(BUCKET, "k", DATA)
    response = await world.call("GetObject", RequestContext(), Bucket=BUCKET, Key="k")
    assert isinstance(response.body, TakenBody)
    world.crossed.pair.far.close()
    await until(lambda: world.crossed.pair.near.is_closed)
    with pytest.raises(ChannelClosed):
        await world.mounts.put(BUCKET, "l", StreamBody(chunks(b"x")))
    assert world.crossed.requests._bodies == {}
    await response.body.aclose()
    await world.crossed.responses.close()
