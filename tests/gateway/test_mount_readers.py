"""What the remote moves for files of a mount: many readers of one, an append to a large one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.known_load import wait_until
from tests.peers.proxy import Exchange

pytestmark = needs_fuse

READERS = 100
SIZES = {"small": 300_000, "large": 5_000_000}
MIB = 1 << 20


@pytest.fixture
def folder(gateway: Gateway, new_bucket: str, tmp_path: Path) -> Iterator[Path]:
    gateway.start(S3D_FUSE_MOUNT="true", S3D_FUSE_MOUNT_DIR=str(tmp_path / "S3"))
    yield tmp_path / "S3" / new_bucket
    gateway.agent.stop()
    clear(tmp_path / "S3")


def fetched(exchange: Exchange, size: int) -> int:
    """The bytes of an object that a GET asks for."""
    span = next((v for k, v in exchange.head.headers if k.lower() == "range"), "")
    if not span:
        return size
    first, last = span.removeprefix("bytes=").split("-")
    return min(int(last), size - 1) - int(first) + 1


def test_a_hundred_readers_of_a_cold_file_cost_one_fetch(
    folder: Path, network: Network, remote: Any, new_bucket: str
) -> None:
    for name, size in SIZES.items():
        data = os.urandom(size)
        remote.put_object(Bucket=new_bucket, Key=name, Body=data)
        network.take_seen()
        ready = Barrier(READERS)

        def read(name: str = name, ready: Barrier = ready) -> bytes:
            ready.wait(60)
            return (folder / name).read_bytes()

        with ThreadPoolExecutor(READERS) as pool:
            found = [pool.submit(read) for _ in range(READERS)]
            assert all(each.result() == data for each in found)
        path = f"/{new_bucket}/{name}"
        gets = [each for each in network.take_seen() if each.head.method == "GET"]
        spans = [fetched(each, size) for each in gets if each.head.target.partition("?")[0] == path]
        assert sum(spans) <= size + MIB, spans
        assert name == "large" or len(spans) == 1


@pytest.mark.rule("MOUNT-6")
@pytest.mark.parametrize(("before", "after"), [(20, 10), (10, 20), (3 * MIB, MIB), (MIB, 3 * MIB)])
def test_what_a_listing_shows_is_what_is_read(
    folder: Path, remote: Any, new_bucket: str, before: int, after: int
) -> None:
    """Of a file in the read cache that another client has replaced: no byte of the old version, cut
    to the size of the new one."""
    place = {"Bucket": new_bucket, "Key": "k"}
    old, new = b"1" * before, b"2" * after
    remote.put_object(**place, Body=old)
    assert (folder / "k").read_bytes() == old
    remote.put_object(**place, Body=new)
    wait_until(lambda: [each.stat().st_size for each in os.scandir(folder)] == [after])
    assert (folder / "k").read_bytes() == new


def sent(exchange: Exchange) -> int:
    """The bytes of the body of a PUT."""
    return next((int(v) for k, v in exchange.head.headers if k.lower() == "content-length"), 0)


def test_an_append_to_a_large_object_neither_fetches_nor_sends_it(
    folder: Path, network: Network, remote: Any, new_bucket: str
) -> None:
    data = os.urandom(MIB) * 48
    etag = remote.put_object(Bucket=new_bucket, Key="large.log", Body=data)["ETag"]
    network.take_seen()
    with (folder / "large.log").open("ab") as file:
        file.write(b"appended")
    assert (folder / "large.log").stat().st_size == len(data) + 8
    end = time.monotonic() + 60
    while remote.head_object(Bucket=new_bucket, Key="large.log")["ETag"] == etag:
        assert time.monotonic() < end
    path = f"/{new_bucket}/large.log"
    seen = [each for each in network.take_seen() if each.head.target.partition("?")[0] == path]
    gets = [fetched(each, len(data)) for each in seen if each.head.method == "GET"]
    puts = [sent(each) for each in seen if each.head.method == "PUT"]
    # The last part was not full: what it lacks is fetched, and the part is sent.
    assert len(puts) == 7
    assert max(sum(gets), sum(puts)) <= 9 * MIB, (gets, puts)
    assert (folder / "large.log").read_bytes() == data + b"appended"
