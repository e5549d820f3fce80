"""The admin address of a gateway: it never depends on the remote, and outlives sessions."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import Any

import pytest

from s3d.cli.client.queue_client import QueueClient
from s3d.shared.diagnostics import READY
from tests.admin_client import ANY_PORT, Page, admin_url, page
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
