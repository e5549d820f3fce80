"""The admin address of a gateway: it never depends on the remote, and outlives sessions."""

from __future__ import annotations

import json
import re
import threading
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest

from s3d.agent.core.metric_table import (
    CACHE_SAVED_BYTES,
    CACHE_SAVED_REQUESTS,
    QUEUE_ARRIVAL,
    QUEUE_OLDEST,
)
from s3d.cli.client.queue_client import QueueClient
from s3d.shared.diagnostics import READY
from s3d.shared.text import count, duration, size
from tests.admin_client import ANY_PORT, Page, admin_url, page
from tests.agent_process import AgentProcess
from tests.forked_process import run_text
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.gateway.test_remotes import (
    OTHER,
    Accounts,
    accounts,
    names,
    owner_in_use,
    wait_until,
    waits,
)
from tests.scrape import parse

__all__ = ["accounts"]


def test_a_gateway_is_ready_while_the_remote_is_away(gateway: Gateway, network: Network) -> None:
    network.go_away()
    url = admin_url(gateway.start(S3D_ADMIN=ANY_PORT))
    readiness = page(url, "/readyz").readiness
    assert readiness.status == READY
    assert [check.name for check in readiness.checks] == ["endpoint", "write queue", "read cache"]
    assert page(url, "/healthz").status == 200
    assert parse(page(url, "/metrics").body.decode()).types


def test_without_queue_and_cache_it_is_ready_and_has_metrics(gateway: Gateway) -> None:
    off = {"S3D_WRITE_QUEUE": "false", "S3D_READ_CACHE": "false"}
    url = admin_url(gateway.start(S3D_ADMIN=ANY_PORT, **off))
    readiness = page(url, "/readyz").readiness
    assert (readiness.status, [check.name for check in readiness.checks]) == (READY, ["endpoint"])
    parse(page(url, "/metrics").body.decode())


def test_status_and_metrics_show_the_same_savings_and_delays(
    gateway: Gateway, network: Network, new_bucket: str
) -> None:
    prices = {"S3D_READ_CACHE_REQUEST_PRICE": "1000", "S3D_READ_CACHE_TRAFFIC_PRICE": "500000000"}
    agent = gateway.start(S3D_ADMIN=ANY_PORT, **prices)
    with closing(agent.s3()) as s3:
        s3.put_object(Bucket=new_bucket, Key="k", Body=b"x" * 4096)
        gateway.drain()
        for _ in range(4):
            assert len(s3.get_object(Bucket=new_bucket, Key="k")["Body"].read()) == 4096
        network.go_away()
        s3.put_object(Bucket=new_bucket, Key="later", Body=b"y")
    status, scrape = agent.client.status(), parse(page(admin_url(agent), "/metrics").body.decode())
    assert status.cache is not None
    assert status.queue is not None
    saved = status.cache.saved_requests, status.cache.saved_bytes
    assert saved == (scrape.value(CACHE_SAVED_REQUESTS), scrape.value(CACHE_SAVED_BYTES))
    assert saved[1] >= 3 * 4096
    assert status.cache.saved_cost == pytest.approx(saved[0] + saved[1] / 2)
    assert scrape.by_labels(QUEUE_ARRIVAL, "_count") == {(): 1}
    assert 0 < status.queue.arrival_p50 == status.queue.arrival_p99 < 60
    assert status.queue.oldest is not None
    assert scrape.value(QUEUE_OLDEST) >= 0
    shown = s3d(agent, "status")
    assert f"saved since the start: {count(saved[0], 'request')}, {size(saved[1])}, worth" in shown
    assert f"at the remote after {duration(status.queue.arrival_p50)} (median)" in shown
    assert re.search(r"oldest \d+ s", shown)
    assert json.loads(s3d(agent, "status", "--json"))["queue"]["arrival_p99"]


def s3d(agent: AgentProcess, *arguments: str) -> str:
    done = run_text("s3d", *arguments, env=agent.env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_change_of_the_account_fails_no_health_check(accounts: Accounts, remote: Any) -> None:
    waits(accounts, "k")
    accounts.network.go_away()
    agent = accounts.start(OTHER, S3D_ADMIN=ANY_PORT)
    url = admin_url(agent)
    agent.objects.put(accounts.bucket, "later", BytesIO(b"of the other"), 12)
    QueueClient(agent.client).resume()
    answers: list[Page] = []
    ended = threading.Event()

    def probe() -> None:
        while not ended.is_set():
            answers.extend(page(url, path) for path in ("/healthz", "/metrics"))

    prober = threading.Thread(target=probe)
    prober.start()
    try:
        accounts.network.come_back()
        wait_until(lambda: owner_in_use(agent) == "others")
        wait_until(lambda: "later" in names(remote, accounts.bucket))
    finally:
        ended.set()
        prober.join()
    assert {answer.status for answer in answers} == {200}
    assert agent.client.status().admin is not None
    assert admin_url(agent) == url
    wait_until(lambda: page(url, "/readyz").status == 200)
