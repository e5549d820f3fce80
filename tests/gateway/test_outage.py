"""The network is away for long, and writes go on as if nothing were."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.peers.proxy import Exchange

RATE = 20
"""Writes a second."""
KEYS = 150
WITHIN = 180.0
"""Seconds after the return in which everything must have been pushed."""
SLOWEST = 10.0
"""Seconds that the acknowledgement of a write of 4 KiB may take on a busy machine. One that waited
for the remote would take as long as the outage."""


def write_for(client: Any, bucket: str, seconds: float) -> tuple[dict[str, bytes], float]:
    """What each key holds after writes at RATE, and the longest acknowledgement; seconds."""
    rng, pulse = random.Random(0), threading.Event()
    held: dict[str, bytes] = {}
    begun, slowest = time.monotonic(), 0.0
    for number in range(int(RATE * seconds)):
        pulse.wait(max(0.0, begun + number / RATE - time.monotonic()))
        key, data = f"k/{rng.randrange(KEYS)}", rng.randbytes(4_096)
        sent = time.monotonic()
        client.put_object(Bucket=bucket, Key=key, Body=data, Metadata={"number": str(number)})
        slowest = max(slowest, time.monotonic() - sent)
        held[key] = data
    return held, slowest


def numbers_by_key(seen: list[Exchange]) -> dict[str, list[int]]:
    """Which writes were pushed, in the order of their pushes."""
    found: dict[str, list[int]] = {}
    for head in (exchange.head for exchange in seen):
        if head["x-amz-meta-number"]:
            found.setdefault(head.target, []).append(int(head["x-amz-meta-number"]))
    return found


def outlast(gateway: Gateway, network: Network, remote: Any, bucket: str, seconds: float) -> None:
    with closing(gateway.start().s3()) as client:
        client.put_object(Bucket=bucket, Key="before", Body=b"1")
        gateway.drain()
        network.go_away()
        held, slowest = write_for(client, bucket, seconds)
        assert gateway.queue.status().left.files == len(held)
        network.come_back()
        returned = time.monotonic()
        gateway.drain(WITHIN)
        took = time.monotonic() - returned
    print(f"{int(RATE * seconds)} writes, slowest {slowest:.3f} s, pushed {took:.1f} s after")
    assert slowest < SLOWEST
    for key, data in held.items():
        assert remote.get_object(Bucket=bucket, Key=key)["Body"].read() == data
    pushed = numbers_by_key(network.take_seen())
    assert len(pushed) == len(held)
    for numbers in pushed.values():
        assert numbers == sorted(numbers)


@pytest.mark.slow
def test_writes_of_an_outage_of_10_seconds_arrive_in_order(gateway, network, remote, new_bucket):
    outlast(gateway, network, remote, new_bucket, 10)


@pytest.mark.torture
def test_writes_of_an_outage_of_10_minutes_arrive_in_order(gateway, network, remote, new_bucket):
    outlast(gateway, network, remote, new_bucket, 600)


@pytest.mark.slow
@pytest.mark.finding("D15")
def test_an_answer_to_a_read_wakes_the_queue(gateway, network, remote, new_bucket):
    """The queue itself would ask the remote after ever more seconds, up to a minute."""
    with closing(gateway.start().s3()) as client:
        client.head_bucket(Bucket=new_bucket)
        network.go_away()
        for number in range(6):
            client.put_object(Bucket=new_bucket, Key=f"k{number}", Body=b"1")
        until(lambda: gateway.queue.status().trouble == "remote unreachable")
        until(lambda: gateway.queue.status().running.files == 0)
        # Just after a probe, so that the next one is not due at the very moment of the return.
        until(lambda: (gateway.queue.status().next_check or 0.0) > time.time() + 3)
        network.take_seen()
        network.come_back()
        client.get_bucket_location(Bucket=new_bucket)
        until(lambda: gateway.queue.status().left.files == 0)
    seen = [exchange.head.method for exchange in network.take_seen()]
    assert (seen[0], seen.count("GET")) == ("GET", 1)  # the client's, and no probe
    assert len(remote.list_objects_v2(Bucket=new_bucket)["Contents"]) == 6


def until(condition: Callable[[], bool]) -> None:
    """Ask the agent until it says so."""
    end, pulse = time.monotonic() + WITHIN, threading.Event()
    while not condition():
        assert time.monotonic() < end
        pulse.wait(0.02)
