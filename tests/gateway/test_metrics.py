"""The metrics of a gateway: what was accepted, pushed, cached and asked of the remote."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from s3d.agent.core import metric_table
from s3d.cli.client.cache_client import CacheClient
from s3d.shared.caching import CachePlace
from tests.collector import Collector, open_collector
from tests.forked_process import run
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.known_load import (
    KnownLoad,
    Relay,
    counts_of_otlp,
    counts_of_text,
    scrape,
    wait_until,
)

KIB = 1024
SIZES = {f"k{number}": number * KIB for number in range(1, 13)}
TOTAL = sum(SIZES.values())


def read(client: Any, bucket: str, key: str, **members: Any) -> int:
    return len(client.get_object(Bucket=bucket, Key=key, **members)["Body"].read())


CLIENTS = 3


@pytest.fixture
def collector() -> Iterator[Collector]:
    with open_collector() as collector:
        yield collector


def test_a_load_has_the_same_numbers_everywhere(
    gateway: Gateway, new_bucket: str, collector: Collector
) -> None:
    """What clients at the same time have counted, while their writes are pushed and their reads are
    cached, is in /metrics, in the status, and in the sums that a collector has."""
    settings = {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "S3D_PROBE": "false"}
    agent = gateway.start(**collector.env(**settings))
    with Relay(agent.endpoint) as relay, ThreadPoolExecutor(CLIENTS) as threads:
        loads = [KnownLoad(agent, relay) for _ in range(CLIENTS)]
        buckets = [f"{new_bucket}-{number}" for number in range(CLIENTS)]
        list(threads.map(KnownLoad.run, loads, buckets))
        gateway.drain()
        sent = relay.received
    requests = sum((load.counted.requests for load in loads), Counter[tuple[str, str]]())
    received = sum((load.counted.sent for load in loads), Counter[str]())
    assert requests.total() > 100

    found = scrape(agent)
    assert found.by_labels(metric_table.HTTP_REQUESTS) == requests
    assert sum(found.by_labels(metric_table.HTTP_SENT).values()) == sent
    assert sum(found.by_labels(metric_table.HTTP_RECEIVED).values()) == received.total()

    status = json.loads(run("s3d", "status", "--json", env=agent.env).stdout)
    shown = status["metrics"]
    assert (shown["requests"], shown["sent"], shown["received"]) == (
        requests.total(), sent, received.total()
    )  # fmt: skip
    for code in ("403", "404", "412", "416"):
        assert shown[f"errors.{code}"] == sum(n for (_, c), n in requests.items() if c == code)
    assert status["cache"]["hits"] == found.value(metric_table.CACHE_HITS) > 0
    assert status["cache"]["misses"] == found.value(metric_table.CACHE_MISSES) > 0
    assert status["cache"]["saved_requests"] == found.value(metric_table.CACHE_SAVED_REQUESTS)
    assert status["queue"]["waiting"]["files"] == 0
    assert found.value(metric_table.QUEUE_ACCEPTED, "put") >= 5 * CLIENTS

    # Work in the background, such as the end of a cache fill, may come between the two.
    collector.until(lambda: counts_of_otlp(collector.metrics()) == counts_of_text(agent))
    exported = counts_of_otlp(collector.metrics())
    assert {
        (labels["operation"], labels["code"]): value
        for (name, pairs), value in exported.items()
        if name == metric_table.HTTP_REQUESTS.name and (labels := dict(pairs))
    } == requests


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
        assert waiting.value(metric_table.QUEUE_ACCEPTED, "put") == len(SIZES)
        assert waiting.value(metric_table.QUEUE_WRITES, "waiting") == len(SIZES)
        assert waiting.value(metric_table.QUEUE_BYTES, "waiting") == TOTAL
        assert waiting.value(metric_table.QUEUE_PAUSED) == 1
        assert 0 < waiting.value(metric_table.QUEUE_OLDEST) < 60
        assert agent.client.status().queue.waiting.files == len(SIZES)
        gateway.queue.resume()
        gateway.drain()
        for key in ("k1", "k2"):
            client.delete_object(Bucket=new_bucket, Key=key)
        gateway.drain()
    found, status = scrape(agent), agent.client.status()
    assert found.value(metric_table.QUEUE_ACCEPTED, "delete") == 2
    assert found.value(metric_table.QUEUE_PUSHES, new_bucket) == len(SIZES) + 2
    assert found.by_labels(metric_table.QUEUE_ARRIVAL, "_count") == {(): len(SIZES) + 2}
    assert found.value(metric_table.QUEUE_PUSHED_BYTES) == TOTAL
    assert found.by_labels(metric_table.QUEUE_FAILURES) == {}
    assert set(found.by_labels(metric_table.QUEUE_WRITES).values()) == {0}
    assert found.value(metric_table.QUEUE_OLDEST) == 0
    assert set(found.by_labels(metric_table.QUEUE_BLOCKED).values()) == {0}
    assert found.value(metric_table.REMOTE_UP) == 1
    assert found.value(metric_table.REMOTE_REQUESTS, "PutObject", "200") >= len(SIZES)
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
    assert found.value(metric_table.CACHE_MISSES) == status.misses == len(SIZES) + 1
    assert found.value(metric_table.CACHE_FILLS) == status.fills == len(SIZES) + 1
    assert found.value(metric_table.CACHE_HITS) == status.hits == 2 * len(SIZES) + 1
    assert found.value(metric_table.CACHE_HIT_BYTES) == status.hit_bytes == 2 * TOTAL + 100
    assert found.value(metric_table.CACHE_SAVED_BYTES) == status.saved_bytes == 2 * TOTAL + 100
    assert (
        found.value(metric_table.CACHE_SAVED_REQUESTS)
        == status.saved_requests
        == 2 * len(SIZES) + 2
    )
    fetched = TOTAL + SIZES["k5"]
    assert found.value(metric_table.CACHE_FETCHED_BYTES) == status.fetched_bytes == fetched
    assert found.value(metric_table.REMOTE_REQUESTS, "GetObject", "200") == len(SIZES) + 1
    assert found.value(metric_table.CACHE_OBJECTS) == status.files == len(SIZES)
    assert found.value(metric_table.LAYER_CALLS, "read_cache", "GetObject") == 3 * len(SIZES) + 2


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
        wait_until(lambda: scrape(agent).value(metric_table.QUEUE_BLOCKED, "away") == 1)
        found = scrape(agent)
        outcomes = Counter[str]()
        for (_, code), number in found.by_labels(metric_table.REMOTE_REQUESTS).items():
            outcomes[code] += int(number)
        # Five requests in a row open the circuit breaker; one of them can be a probe.
        assert outcomes["unreachable"] >= 5
        assert (
            4 <= found.value(metric_table.QUEUE_FAILURES, "unreachable") <= outcomes["unreachable"]
        )
        assert found.value(metric_table.REMOTE_UP) == 0
        assert found.by_labels(metric_table.QUEUE_ARRIVAL, "_count") == {(): 0}
        network.come_back()
        gateway.drain()
    assert scrape(agent).value(metric_table.QUEUE_PUSHES, new_bucket) == 6
