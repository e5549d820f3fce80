"""The metrics of a gateway: what was accepted, pushed, cached and asked of the remote."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from s3d.agent.core import metric_names as names
from s3d.cli.client.cache_client import CacheClient
from s3d.shared.caching import CachePlace
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.known_load import KnownLoad, Relay, scrape, wait_until

KIB = 1024
SIZES = {f"k{number}": number * KIB for number in range(1, 13)}
TOTAL = sum(SIZES.values())


def read(client: Any, bucket: str, key: str, **members: Any) -> int:
    return len(client.get_object(Bucket=bucket, Key=key, **members)["Body"].read())


def test_requests_of_clients_are_counted_in_front_of_a_remote(
    gateway: Gateway, new_bucket: str
) -> None:
    agent = gateway.start()
    with Relay(agent.endpoint) as relay:
        load = KnownLoad(agent, relay)
        load.run(f"{new_bucket}-counted")
        found, status = scrape(agent), agent.client.status()
        assert found.by_labels(names.HTTP_REQUESTS) == load.counted.requests
        assert sum(found.by_labels(names.HTTP_SENT).values()) == relay.received
        assert status.metrics["requests"] == sum(load.counted.requests.values())
    gateway.drain()


def test_writes_are_counted_from_acknowledgement_to_arrival(
    gateway: Gateway, network: Network, new_bucket: str
) -> None:
    agent = gateway.start()
    with closing(agent.s3()) as client:
        client.head_bucket(Bucket=new_bucket)
        gateway.queue.pause()
        for key, size in SIZES.items():
            client.put_object(Bucket=new_bucket, Key=key, Body=b"x" * size)
        waiting = scrape(agent)
        assert waiting.value(names.QUEUE_ACCEPTED, "put") == len(SIZES)
        assert waiting.value(names.QUEUE_WRITES, "waiting") == len(SIZES)
        assert waiting.value(names.QUEUE_BYTES, "waiting") == TOTAL
        assert waiting.value(names.QUEUE_PAUSED) == 1
        assert 0 < waiting.value(names.QUEUE_OLDEST) < 60
        assert agent.client.status().queue.waiting.files == len(SIZES)
        gateway.queue.resume()
        gateway.drain()
        for key in ("k1", "k2"):
            client.delete_object(Bucket=new_bucket, Key=key)
        gateway.drain()
    found, status = scrape(agent), agent.client.status()
    assert found.value(names.QUEUE_ACCEPTED, "delete") == 2
    assert found.value(names.QUEUE_PUSHES, new_bucket) == len(SIZES) + 2
    assert found.by_labels(names.QUEUE_ARRIVAL, "_count") == {(): len(SIZES) + 2}
    assert found.value(names.QUEUE_PUSHED_BYTES) == TOTAL
    assert found.by_labels(names.QUEUE_FAILURES) == {}
    assert set(found.by_labels(names.QUEUE_WRITES).values()) == {0}
    assert found.value(names.QUEUE_OLDEST) == 0
    assert set(found.by_labels(names.QUEUE_BLOCKED).values()) == {0}
    assert found.value(names.REMOTE_UP) == 1
    assert found.value(names.REMOTE_REQUESTS, "PutObject", "200") >= len(SIZES)
    assert status.queue.left.files == 0
    assert status.metrics["requests.PutObject"] == len(SIZES)


def test_the_cache_counts_what_it_spares_the_remote(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    for key, size in SIZES.items():
        remote.put_object(Bucket=new_bucket, Key=key, Body=b"x" * size)
    agent = gateway.start()
    with closing(agent.s3()) as client:
        for _ in range(3):
            for key, size in SIZES.items():
                assert read(client, new_bucket, key) == size
        client.head_object(Bucket=new_bucket, Key="k3")
        assert read(client, new_bucket, "k9", Range="bytes=0-99") == 100
        CacheClient(agent.client).evict(CachePlace(new_bucket, key="k5"))
        assert read(client, new_bucket, "k5") == SIZES["k5"]
    found, status = scrape(agent), agent.client.status().cache
    assert found.value(names.CACHE_MISSES) == status.misses == len(SIZES) + 1
    assert found.value(names.CACHE_FILLS) == status.fills == len(SIZES) + 1
    assert found.value(names.CACHE_HITS) == status.hits == 2 * len(SIZES) + 1
    assert found.value(names.CACHE_HIT_BYTES) == status.hit_bytes == 2 * TOTAL + 100
    assert found.value(names.CACHE_SAVED_BYTES) == status.saved_bytes == 2 * TOTAL + 100
    assert found.value(names.CACHE_SAVED_REQUESTS) == status.saved_requests == 2 * len(SIZES) + 2
    fetched = TOTAL + SIZES["k5"]
    assert found.value(names.CACHE_FETCHED_BYTES) == status.fetched_bytes == fetched
    assert found.value(names.REMOTE_REQUESTS, "GetObject", "200") == len(SIZES) + 1
    assert found.value(names.CACHE_OBJECTS) == status.files == len(SIZES)
    assert found.value(names.LAYER_CALLS, "read_cache", "GetObject") == 3 * len(SIZES) + 2


@pytest.mark.slow
def test_a_remote_that_is_away_shows_in_the_metrics(
    gateway: Gateway, network: Network, new_bucket: str
) -> None:
    agent = gateway.start()
    with closing(agent.s3()) as client:
        client.head_bucket(Bucket=new_bucket)
        network.go_away()
        for number in range(6):
            client.put_object(Bucket=new_bucket, Key=f"k{number}", Body=b"x")
        wait_until(lambda: scrape(agent).value(names.QUEUE_BLOCKED, "away") == 1)
        found = scrape(agent)
        assert found.value(names.QUEUE_FAILURES, "unreachable") >= 5
        outcomes = Counter[str]()
        for (_, code), number in found.by_labels(names.REMOTE_REQUESTS).items():
            outcomes[code] += int(number)
        assert outcomes["unreachable"] >= 5
        assert found.value(names.REMOTE_UP) == 0
        assert found.by_labels(names.QUEUE_ARRIVAL, "_count") == {(): 0}
        network.come_back()
        gateway.drain()
    assert scrape(agent).value(names.QUEUE_PUSHES, new_bucket) == 6
