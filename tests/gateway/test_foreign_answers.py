"""Another server answers in the remote's place: nothing is believed, lost or deleted."""

from __future__ import annotations

import asyncio
import math
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import operations
from s3d.shared.errors import S3dError
from tests.contract.client import Client
from tests.contract.forwarding import Forwarding
from tests.gateway import foreign
from tests.gateway.conftest import Gateway
from tests.gateway.devices import Device, objects, settle
from tests.gateway.foreign import ROWS, SOME, Row, Stack
from tests.gateway.network import Network
from tests.peers.proxy import Fault, FaultyProxy, Head, Page
from tests.peers.servers import Peer

PORTAL = Fault(page=Page(200))
_503 = "ServiceUnavailable"

# ------------------------------------------------------------------ every operation

_TRUE = {("HeadBucket", 200), ("CreateBucket", 200)}
"""What one such answer says is true all the same, and the listing shows it: the bucket exists."""


async def believes_nobody(
    client: Client, proxy: FaultyProxy, name: str, members: dict[str, Any], rows: tuple[Row, ...]
) -> None:
    """Each row, for all requests and for this one alone."""
    for row in rows:
        for inject in (foreign.always, foreign.once):
            if inject is foreign.once and row[1] == "cut" and is_read(name):
                continue  # A read that broke off is asked again, and the remote answers.
            proxy.heal()
            proxy.seen.clear()
            inject(proxy, foreign.page(row))
            error = await _error_of(client, name, members)
            if error is None:
                assert inject is foreign.once, row
                assert (name, row[0]) in _TRUE, row
            elif proxy.seen:
                assert (error.code, error.status) == ("ServiceUnavailable", 503), (row, error)
                assert isinstance(error.failure, Unreachable), row


def is_read(name: str) -> bool:
    return operations()[name].access in ("read", "list")


async def _error_of(client: Client, name: str, members: dict[str, Any]) -> S3Error | None:
    try:
        await client(name, **members)
    except S3Error as error:
        return error
    return None


@pytest.mark.torture
@pytest.mark.finding("F2")
@pytest.mark.finding("F3")
@pytest.mark.parametrize("name", sorted(operations()))
@pytest.mark.parametrize("way", ["members", "forwarded"])
async def test_no_operation_believes_another_server(
    seaweedfs: Peer, new_bucket: str, name: str, way: str
) -> None:
    members = foreign.minimal(name, new_bucket, "k")
    async with FaultyProxy(seaweedfs) as proxy:
        assert seaweedfs.ask("PUT", f"/{new_bucket}/k", b"old") == 200
        known, new = foreign.remote_store(proxy.peer), foreign.remote_store(proxy.peer)
        await Client(known)("ListBuckets")
        for store in (known, new):
            client = Client(store if way == "members" else Forwarding(store))
            await believes_nobody(client, proxy, name, members, ROWS)
            await store.close()
    assert seaweedfs.ask("GET", f"/{new_bucket}/k") == 200


# ------------------------------------------------------------------ queue and cache


async def survives(stack: Stack, bucket: str, name: str, row: Row) -> None:
    """One row: what is written and read while another server answers, and what comes of it."""
    kept, gone, new = (f"{name}-{each}" for each in ("kept", "gone", "new"))
    for key in (kept, gone):
        await stack.top.put(bucket, key, b"old")
    await stack.pushed()  # so the queue knows what its delete replaces
    assert await foreign.outcome(stack.top, "GetObject", Bucket=bucket, Key=kept) == b"old"
    stack.proxy.seen.clear()
    foreign.always(stack.proxy, foreign.page(row))
    wrote = await foreign.outcome(stack.top, "PutObject", Bucket=bucket, Key=new, Body=b"new")
    deleted = await foreign.outcome(stack.top, "DeleteObject", Bucket=bucket, Key=gone)
    if stack.queue is None:
        assert (wrote, deleted) == ("ServiceUnavailable", "ServiceUnavailable"), row
    else:
        assert (wrote, deleted) == (b"", b""), row
        await stack.attempted(gone)
        await stack.attempted(new)
        assert {write.key for write in stack.queue.journal.pending} == {gone, new}, row
    assert await stack.behind.read(bucket, gone) == b"old"
    read = await foreign.outcome(stack.top, "GetObject", Bucket=bucket, Key=kept)
    assert read in ((b"old",) if stack.has_cache else ("ServiceUnavailable",)), row
    for operation in ("HeadObject", "GetObject"):
        missing = await foreign.outcome(stack.top, operation, Bucket=bucket, Key=f"{name}-none")
        assert missing == "ServiceUnavailable", row
    listed = await foreign.outcome(stack.top, "ListObjectsV2", Bucket=bucket, Prefix=name)
    assert listed == "ServiceUnavailable" or kept in await stack.top.keys(bucket), row
    stack.proxy.heal()
    await stack.pushed()
    there = {kept, new} if stack.queue is not None else {kept, gone}
    rows = await stack.behind("ListObjectsV2", Bucket=bucket, Prefix=f"{name}-")
    assert set(rows.names("Contents", "Key")) == there, row


async def all_survive(
    seaweedfs: Peer, folder: Path, bucket: str, layers: str, rows: tuple[Row, ...]
) -> None:
    for name, row in foreign.numbered(rows):
        cache, queue = layers in ("cache", "both"), layers in ("queue", "both")
        async with foreign.stack_before(
            seaweedfs, folder / name, cache=cache, queue=queue
        ) as stack:
            await survives(stack, bucket, name, row)


@pytest.mark.slow
@pytest.mark.rule("PROOF-1")
@pytest.mark.finding("F2")
@pytest.mark.finding("F3")
@pytest.mark.parametrize(
    ("layers", "row"),
    [("none", SOME[0]), ("cache", SOME[5]), ("queue", SOME[7]), *(("both", row) for row in SOME)],
)
async def test_nothing_is_lost_while_another_server_answers(
    seaweedfs: Peer, tmp_path: Path, new_bucket: str, layers: str, row: Row
) -> None:
    await all_survive(seaweedfs, tmp_path, new_bucket, layers, (row,))


@pytest.mark.torture
@pytest.mark.finding("F2")
@pytest.mark.finding("F3")
@pytest.mark.parametrize("layers", ["none", "cache", "queue", "both"])
async def test_nothing_is_lost_in_any_row(
    seaweedfs: Peer, tmp_path: Path, new_bucket: str, layers: str
) -> None:
    await all_survive(seaweedfs, tmp_path, new_bucket, layers, ROWS)


@pytest.mark.slow
@pytest.mark.finding("F2")
async def test_a_portal_in_the_middle_of_a_body_leaves_no_foreign_byte(
    seaweedfs: Peer, tmp_path: Path, new_bucket: str
) -> None:
    data = bytes(range(256)) * 20_000
    async with foreign.stack_before(seaweedfs, tmp_path / "stack", cache=True, queue=True) as stack:
        await stack.behind.put(new_bucket, "k", data)
        stack.proxy.inject(Fault(truncate=1_000_000))
        stack.proxy.inject(PORTAL, times=math.inf)
        with pytest.raises(S3Error) as caught:
            await stack.top.read(new_bucket, "k")
        assert isinstance(caught.value.failure, Unreachable)
        assert await stack.top.code("GetObject", Bucket=new_bucket, Key="k") == "ServiceUnavailable"
        stack.proxy.heal()
        assert await stack.behind.read(new_bucket, "k") == data
        # The cache takes the remote to be away for some seconds; forget that.
        assert stack.queue is not None
        assert await _read_when_back(stack.top, new_bucket, "k") == data


async def _read_when_back(client: Client, bucket: str, key: str) -> bytes | str:
    async with asyncio.timeout(30):
        while (read := await foreign.outcome(client, "GetObject", Bucket=bucket, Key=key)) == _503:
            pass
    return read


@pytest.mark.rule("PROOF-3")
@pytest.mark.finding("F3")
async def test_a_firewall_stops_its_one_write_and_no_other(
    seaweedfs: Peer, tmp_path: Path, new_bucket: str
) -> None:
    async with foreign.stack_before(
        seaweedfs, tmp_path / "stack", cache=False, queue=True
    ) as stack:
        assert stack.queue is not None
        blocked = Fault(page=Page(403, b"<html><title>Blocked by policy</title></html>"))
        stack.proxy.inject(
            blocked, times=math.inf, when=lambda head: head.target.endswith("/blocked")
        )
        await stack.top.put(new_bucket, "blocked", b"1")
        await stack.attempted("blocked")
        await stack.top.put(new_bucket, "free", b"2")
        await stack.queue.journal.settled(new_bucket, "free")
        assert await stack.behind.read(new_bucket, "free") == b"2"
        assert stack.queue.pusher.status().trouble == ""
        # The next attempt begins with a HeadObject, whose refusal has no page: the first one stays.
        while not any(seen.head.method == "HEAD" for seen in stack.proxy.seen):
            await stack.queue.pusher.flush(0.05)
        while (write := next(iter(stack.queue.journal.pending))).attempts < 2:
            await stack.queue.pusher.flush(0.05)
        assert write.error is not None
        assert (write.error.code, write.error.status) == ("Intercepted", 403)
        assert "Blocked by policy" in write.error.message


# ------------------------------------------------------------------ real agents


def sync_now(device: Device) -> None:
    try:
        device.now()
    except S3dError:
        return  # a pass that could not ask the remote


def anything(_: Head) -> bool:
    return True


def no_listing(head: Head) -> bool:
    """Objects alone: the listings are the remote's."""
    return "list-type=2" not in head.target


def files_survive(device: Device, remote: Any, bucket: str, network: Network, rows: Any) -> None:
    device.start()
    for name in ("one", "two", "deep/three"):
        device.write(name, name)
    settle(device)
    before = device.tree()
    assert len(before) == 3
    for number, (row, when) in enumerate(product(rows, (anything, no_listing))):
        path, changed = f"new-{number}", f"{number} of one"
        inject = partial(FaultyProxy.inject, fault=foreign.page(row), times=math.inf, when=when)
        network.do(inject)
        device.write(path, path)
        device.write("one", changed)
        before |= {path: path.encode(), "one": changed.encode()}
        sync_now(device)
        assert device.tree() == before, (row, when)
        network.come_back()
        settle(device)
        assert device.tree() == before == objects(remote, bucket), (row, when)


@pytest.mark.slow
@pytest.mark.finding("F2")
@pytest.mark.finding("F3")
def test_no_file_is_deleted_while_another_server_answers(make_device, remote, sync_bucket, network):
    files_survive(make_device("a"), remote, sync_bucket, network, SOME[1:2])


@pytest.mark.torture
@pytest.mark.finding("F2")
@pytest.mark.finding("F3")
def test_no_file_is_deleted_in_any_row(make_device, remote, sync_bucket, network):
    files_survive(make_device("a"), remote, sync_bucket, network, ROWS)


@pytest.mark.slow
@pytest.mark.rule("PROOF-2")
@pytest.mark.finding("F2")
def test_status_says_what_answers_in_the_remotes_place(
    gateway: Gateway, network: Network, new_bucket: str
) -> None:
    agent = gateway.start()
    network.do(lambda proxy: proxy.inject(PORTAL, times=math.inf))
    with closing(agent.s3()) as client, pytest.raises(ClientError) as caught:
        client.list_objects_v2(Bucket=new_bucket)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    remote = agent.client.status().remote
    assert remote is not None
    assert (
        "another server responds in its place (200, an HTML page titled 'Sign in')" in remote.error
    )
    network.come_back()
    with closing(agent.s3()) as client:
        assert client.list_objects_v2(Bucket=new_bucket)["KeyCount"] == 0
    remote = agent.client.status().remote
    assert remote is not None
    assert (remote.ok, remote.error) == (True, "")


@pytest.mark.slow
@pytest.mark.finding("D16")
def test_a_remote_that_answers_500_to_all_is_named_and_the_cache_serves(
    gateway: Gateway, network: Network, remote: Any, new_bucket: str
) -> None:
    agent = gateway.start(S3D_READ_CACHE_MAX_AGE="0s")
    with closing(agent.s3()) as client:
        remote.put_object(Bucket=new_bucket, Key="k", Body=b"old")
        assert client.get_object(Bucket=new_bucket, Key="k")["Body"].read() == b"old"
        fault = Fault(status=500, code="InternalError")
        network.do(lambda proxy: proxy.inject(fault, times=math.inf))
        answer = client.get_object(Bucket=new_bucket, Key="k")
        assert answer["Body"].read() == b"old"
        assert answer["ResponseMetadata"]["HTTPHeaders"]["x-s3d-stale"] == "1"
    with pytest.raises(S3dError) as caught:
        agent.objects.get(new_bucket, "none").close()
    assert "The remote returned HTTP 500 InternalError" in str(caught.value)
    status = agent.client.status().remote
    assert status is not None
    assert status.error == "The remote returned HTTP 500 InternalError."
