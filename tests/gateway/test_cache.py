"""The read cache between real clients and SeaweedFS: away, bad, killed, garbled."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from s3d.cli.client.cache_client import CacheClient
from s3d.shared.caching import CachePlace
from tests.agent_process import AgentProcess
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.peers.proxy import Partition
from tests.peers.servers import program

MIB = 1 << 20
SIZES = {"empty": 0, "small": 1_000, "large": 3 * MIB + 17}


def data_of(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)


@pytest.fixture
def bucket(remote: Any, new_bucket: str) -> str:
    """With an object of each size, written behind the gateway."""
    for name, size in SIZES.items():
        remote.put_object(Bucket=new_bucket, Key=name, Body=data_of(name, size))
    return new_bucket


def fetched(network: Network) -> list[str]:
    """Targets of the objects of a test that were read from the remote since the last call.

    Not what the agent asks for its own sake: a listing that proves that the remote is what it
    seems, whose account it is, and a probe of what it can do.
    """
    seen = [each.head for each in network.take_seen() if each.head.method == "GET"]
    own = ("list-type=2", "/.s3d/", "?versioning")
    objects = [head.target for head in seen if head.target.partition("?")[0].count("/") > 1]
    return [target for target in objects if not any(part in target for part in own)]


def read(client: Any, bucket: str, key: str, **members: Any) -> bytes:
    data: bytes = client.get_object(Bucket=bucket, Key=key, **members)["Body"].read()
    return data


@pytest.mark.slow
def test_what_was_read_is_read_from_here_and_while_the_remote_is_away(
    gateway: Gateway, network: Network, bucket: str, tmp_path: Path
) -> None:
    agent = gateway.start(S3D_READ_CACHE_MAX_AGE="0s")
    with closing(agent.s3()) as client:
        for name, size in SIZES.items():
            assert read(client, bucket, name) == data_of(name, size)
        network.take_seen()
        for name, size in SIZES.items():
            assert read(client, bucket, name) == data_of(name, size)
        assert fetched(network) == []
        for partition in (Partition.REFUSED, Partition.SILENT):
            network.go_away(partition)
            begun = time.monotonic()
            for name, size in SIZES.items():
                answer = client.get_object(Bucket=bucket, Key=name)
                assert answer["Body"].read() == data_of(name, size)
            assert time.monotonic() - begun < 15
        stale = client.get_object(Bucket=bucket, Key="small")["ResponseMetadata"]["HTTPHeaders"]
        assert stale["x-s3d-stale"] == "1"
        with pytest.raises((ClientError, BotoCoreError)) as caught:
            client.get_object(Bucket=bucket, Key="never-read")
        assert "not in the cache" in str(caught.value) or "away" in str(caught.value)
        network.come_back()
    copy = tmp_path / "copy"
    done = subprocess.run(
        [str(program("aws")), "s3", "cp", "--no-progress", f"s3://{bucket}/large", str(copy)],
        env=agent_environment(agent),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert copy.read_bytes() == data_of("large", SIZES["large"])


def agent_environment(agent: AgentProcess) -> dict[str, str]:
    key, secret = agent.key
    return {
        **agent.env,
        "AWS_ENDPOINT_URL_S3": agent.endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
    }


@pytest.mark.slow
def test_what_is_pushed_is_in_the_cache_and_is_never_fetched(
    gateway: Gateway, network: Network, new_bucket: str
) -> None:
    agent = gateway.start()
    with closing(agent.s3()) as client:
        for name, size in SIZES.items():
            client.put_object(Bucket=new_bucket, Key=name, Body=data_of(name, size))
        gateway.drain()
        network.take_seen()
        for name, size in SIZES.items():
            assert read(client, new_bucket, name) == data_of(name, size)
        assert fetched(network) == []
    assert CacheClient(agent.client).status().files == len(SIZES)


@pytest.mark.slow
@pytest.mark.finding("Q11")
def test_fifty_readers_of_a_cold_object_cost_the_remote_one_fetch(
    gateway: Gateway, network: Network, remote: Any, new_bucket: str
) -> None:
    data = data_of("cold", 32 * MIB)
    remote.put_object(Bucket=new_bucket, Key="cold", Body=data)
    agent, right = gateway.start(S3D_READ_CACHE_MAX_AGE="1h"), []
    network.take_seen()

    # One client for all: fifty take so long to make that the proxy, in this process, stands still.
    with closing(agent.s3(max_pool_connections=50)) as client:

        def reader() -> None:
            right.append(read(client, new_bucket, "cold") == data)

        threads = [threading.Thread(target=reader) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert right == [True] * 50
    assert len(fetched(network)) == 1


@pytest.mark.slow
def test_a_small_range_of_a_large_cold_object_fetches_little(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    data = data_of("cold", 40 * MIB)
    remote.put_object(Bucket=new_bucket, Key="cold", Body=data)
    agent = gateway.start()
    with closing(agent.s3()) as client:
        for start in (20 * MIB - 100, 7):
            asked = f"bytes={start}-{start + 65_535}"
            assert read(client, new_bucket, "cold", Range=asked) == data[start : start + 65_536]
    assert CacheClient(agent.client).status().fetched_bytes <= 8 * MIB


@pytest.mark.slow
def test_after_kill_9_amid_fills_nothing_wrong_is_served(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    """Many times: readers fill the cache, the agent dies, the next one opens what is left."""
    random_ = random.Random(5)
    objects = {f"k{n}": data_of(f"k{n}", random_.choice((500, 70_000, 2 * MIB))) for n in range(12)}
    for key, data in objects.items():
        remote.put_object(Bucket=new_bucket, Key=key, Body=data)
    for cycle in range(6):
        agent = gateway.start(S3D_READ_CACHE_MAX_AGE="1h")
        with closing(agent.s3(retries={"total_max_attempts": 1})) as client:
            for key in random_.choices(sorted(objects), k=8):
                start = random_.randrange(len(objects[key]))
                wanted = objects[key][start : start + 100_000]
                asked = f"bytes={start}-{start + len(wanted) - 1}"
                assert read(client, new_bucket, key, Range=asked) == wanted, (cycle, key)
            response = client.get_object(Bucket=new_bucket, Key=f"k{cycle}")
            response["Body"].read(100)
            agent.kill()
    agent = gateway.start()
    assert [page.wrong for page in CacheClient(agent.client).verify()] == [[]]
    with closing(agent.s3()) as client:
        for key, data in objects.items():
            assert read(client, new_bucket, key) == data


@pytest.mark.slow
def test_a_pin_keeps_every_byte_under_scans(
    gateway: Gateway, network: Network, remote: Any, new_bucket: str
) -> None:
    pinned = {f"pinned/{n}": data_of(f"p{n}", 300_000) for n in range(10)}
    scanned = {f"scan/{n}": data_of(f"s{n}", MIB) for n in range(90)}  # ten times the cache
    for key, data in (pinned | scanned).items():
        remote.put_object(Bucket=new_bucket, Key=key, Body=data)
    agent = gateway.start(S3D_READ_CACHE_MAX_SIZE="9MiB", S3D_READ_CACHE_MAX_AGE="1h")
    cache = CacheClient(agent.client)
    cache.pin(CachePlace(new_bucket, prefix="pinned/"))
    while cache.pins()[0].cached.files < len(pinned):
        assert not cache.pins()[0].error
    with closing(agent.s3()) as client:
        for key, data in scanned.items():
            assert read(client, new_bucket, key) == data
        assert cache.status().size <= 9 * MIB
        folder = Path(cache.status().path)
        assert sum(os.stat(f).st_blocks * 512 for f in folder.rglob("*")) <= 17 * MIB
        network.go_away()
        for key, data in pinned.items():
            assert read(client, new_bucket, key) == data
    network.come_back()


@pytest.mark.slow
def test_a_bad_network_never_makes_a_short_or_a_wrong_answer(
    gateway: Gateway, network: Network, bucket: str
) -> None:
    from tests.gateway.test_differential import BAD_WEATHER

    agent = gateway.start(S3D_READ_CACHE_MAX_AGE="0s")
    network.do(lambda proxy: setattr(proxy, "chaos", BAD_WEATHER))
    right = 0
    with closing(agent.s3(retries={"total_max_attempts": 1})) as client:
        for number in range(40):
            name = list(SIZES)[number % len(SIZES)]
            try:
                data = read(client, bucket, name)
            except (ClientError, BotoCoreError):
                continue
            assert data == data_of(name, SIZES[name])
            right += 1
    network.come_back()
    assert right > 5
