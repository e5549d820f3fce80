"""A pod is evicted while writes are pending: SIGTERM, the end of the grace period, SIGKILL.

The next agent on the same volume has every acknowledged write at once, and pushes it. Both agents
say in their log what is left, which is all that an operator of a cluster has.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.agent_process import AgentProcess
from tests.gateway.conftest import Gateway

SIZE = 4096
WRITERS = 8
SLOW = "32KiB"
"""Bytes a second: 8 writes, so that no grace period of a test is long enough."""
LEFT = re.compile(r"stopping\n.* writes pending, .*, pushed for up to 60 s\n")
PATIENCE = 30.0
SAMPLE = 50
"""Objects that are read from the new agent before it has pushed them."""


def content(number: int) -> bytes:
    return b"%08d" % number * (SIZE // 8)


def write(agent: AgentProcess, bucket: str, writes: int) -> None:
    with closing(agent.s3(max_pool_connections=WRITERS)) as s3, ThreadPoolExecutor(WRITERS) as pool:
        keys = range(writes)
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"{n}", Body=content(n)), keys))


def evict(agent: AgentProcess, grace: float) -> None:
    """What a kubelet does; the period begins when the agent has taken notice, however busy the
    machine is."""
    agent.process.send_signal(signal.SIGTERM)
    end, pulse = time.monotonic() + PATIENCE, threading.Event()
    while not LEFT.search(agent.stderr):
        assert time.monotonic() < end, agent.stderr
        pulse.wait(0.02)
    with pytest.raises(subprocess.TimeoutExpired):  # it uses the whole period to push
        agent.process.wait(grace)
    agent.kill()
    assert agent.process.returncode == -signal.SIGKILL


def drill(gateway: Gateway, remote: Any, bucket: str, *, writes: int, grace: float) -> None:
    first = gateway.start(S3D_WRITE_QUEUE_BANDWIDTH=SLOW)
    write(first, bucket, writes)
    evict(first, grace)
    of_the_next = len(first.stderr)

    agent = gateway.start(S3D_WRITE_QUEUE_BANDWIDTH=SLOW)
    named = re.search(r"([\d,]+) writes pending, .* of an earlier run", agent.stderr[of_the_next:])
    assert named is not None
    assert int(named[1].replace(",", "")) > writes // 2, "most are left to the next agent"
    with closing(agent.s3()) as s3:
        for number in range(0, writes, writes // SAMPLE):
            body = s3.get_object(Bucket=bucket, Key=f"{number}")["Body"].read()
            assert body == content(number)
    gateway.queue.set_bandwidth("off")
    gateway.drain(patience=120.0)
    gateway.check_no_conflicts()
    pages = remote.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    found = {each["Key"]: each["Size"] for page in pages for each in page["Contents"]}
    assert found == {f"{number}": SIZE for number in range(writes)}


@pytest.mark.slow
def test_an_evicted_pod_loses_nothing_and_names_what_is_left(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    drill(gateway, remote, new_bucket, writes=200, grace=1.0)


@pytest.mark.slow
def test_an_agent_that_may_finish_names_what_is_left_and_exits_with_0(
    gateway: Gateway, new_bucket: str
) -> None:
    agent = gateway.start(S3D_WRITE_QUEUE_BANDWIDTH="1KiB", S3D_FLUSH_TIMEOUT="0s")
    write(agent, new_bucket, 20)
    assert agent.stop() == 0
    assert re.search(r"\d+ writes, .* not pushed yet: kept in .*write_queue", agent.stderr)
