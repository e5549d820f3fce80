"""Random requests, raw bytes and settings against an agent, which has to answer all of them.

    S3D_TORTURE_SEED=7 S3D_TORTURE_ROUNDS=50 make torture-fuzz

A round is bad when a message gets a 500 or no answer, when the log has a traceback, when
connections leave descriptors open, when memory grows, or when an honest client is not served.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest

from s3d.cli.client.access_key_client import AccessKeyClient
from s3d.shared.access_key_changes import KeyRequest
from tests.agent_process import AgentProcess
from tests.e2e.errors.error_store import ErrorStore
from tests.e2e.errors.valid_requests import Request
from tests.gateway.conftest import remote_settings
from tests.peers.servers import Peer
from tests.torture.conftest import Campaign
from tests.torture.fuzz_requests import (
    Message,
    Sender,
    random_bytes,
    random_request,
    random_setting,
)

MESSAGES = 120
"""Of a round."""
PATIENCE = 10.0
"""Seconds within which a message has to be answered."""
SETTLE_PATIENCE = 75.0
"""The same at a gateway, where a request may wait for a minute for pending writes that the remote
does not take."""
POISON = frozenset({"PutBucketEncryption"})
"""With an unknown key, SeaweedFS answers 500 to every write from then on."""
WARM = 5
"""Rounds after which memory and descriptors are measured for the first time."""
SPARE_MEMORY = 96 << 20
"""Bytes that the agent may grow by after them: allocators keep what they have had."""
SPARE_DESCRIPTORS = 48
USUAL = Request("GET", "/plain/k")


class Target:
    """An agent under fire, and how it is watched."""

    def __init__(self, agent: AgentProcess, *, is_gateway: bool) -> None:
        url = urlsplit(agent.endpoint)
        assert url.hostname is not None
        assert url.port is not None
        self._agent = agent
        self._address = (url.hostname, url.port)
        self._is_gateway = is_gateway
        self._patience = SETTLE_PATIENCE if is_gateway else PATIENCE
        self._log_read = 0
        self._base: tuple[int, int] | None = None
        self._honest = agent.s3(read_timeout=30, retries={"total_max_attempts": 2})
        self.sender = self._sender(url.netloc)

    def _sender(self, host: str) -> Sender:
        if self._is_gateway:
            names: dict[str, str] = {"host": host, "main": "m", "upload": "none", "etag": '"x"'}
            for bucket in ("plain", "versioned", "locked", "enforced"):
                self._honest.create_bucket(Bucket=bucket)
                self._honest.put_object(Bucket=bucket, Key="k", Body=b"data")
            alt = AccessKeyClient(self._agent.client).create(KeyRequest("alt"))
            other = (alt.access_key_id, alt.secret_access_key)
        else:
            store = ErrorStore(self._agent)
            store.close()
            names, other = dict(store.names), store.keys["alt"] or ("", "")
        for bucket in ("settings", "spare", "honest"):
            self._honest.create_bucket(Bucket=bucket)
        main = self._agent.key
        skipped = POISON if self._is_gateway else frozenset()
        return Sender(host, (*[main] * 12, other, None, (main[0], "wrong")), names, skipped)

    def send(self, message: Message) -> int:
        """The status of the answer; 0: the connection was ended without one, or without the whole
        of it. Raises TimeoutError."""
        with closing(socket.create_connection(self._address, timeout=self._patience)) as connection:
            end = time.monotonic() + self._patience
            with suppress(ConnectionError):
                connection.sendall(message.data)
                connection.shutdown(socket.SHUT_WR)
            status = 0
            with suppress(ConnectionError, http.client.HTTPException, ValueError):
                response = http.client.HTTPResponse(connection, method=message.method or None)
                response.begin()
                status = response.status
                response.read()
            with suppress(ConnectionError):
                while connection.recv(1 << 16):
                    if time.monotonic() > end:
                        raise TimeoutError
            return status

    def is_bad_status(self, status: int) -> bool:
        """A remote may answer 500 to what it is asked; then the log says whose it is."""
        return status == 500 and not self._is_gateway

    def trouble(self, number: int) -> str:
        """What is wrong after a round, or ""."""
        found = self._log_trouble() or self._honest_trouble()
        if found or number < WARM:
            return found
        now = self._resources()
        if self._base is None:
            self._base = now
        if now[0] > self._base[0] + SPARE_DESCRIPTORS:
            return f"{now[0]} descriptors are open, after {self._base[0]}"
        if now[1] > self._base[1] + SPARE_MEMORY:
            return f"{now[1] >> 20} MiB of memory, after {self._base[1] >> 20}"
        return ""

    def _log_trouble(self) -> str:
        text = self._agent.stderr[self._log_read :]
        self._log_read += len(text)
        traceback = re.search(r"Traceback.*", text, re.DOTALL)
        return "" if traceback is None else traceback[0][:3_000]

    def _honest_trouble(self) -> str:
        try:
            self._honest.put_object(Bucket="honest", Key="k", Body=b"honest")
            body = self._honest.get_object(Bucket="honest", Key="k")["Body"].read()
            keys = self._honest.list_objects_v2(Bucket="honest")["KeyCount"]
        except Exception as error:  # noqa: BLE001 - whatever it is, the client was not served
            return f"an honest client is not served: {error!r}"
        return "" if (body, keys) == (b"honest", 1) else f"an honest client reads {body!r}, {keys}"

    def _resources(self) -> tuple[int, int]:
        """Open descriptors, and bytes of memory."""
        process = f"/proc/{self._agent.process.pid}"
        with open(f"{process}/statm") as file:
            pages = int(file.read().split()[1])
        return len(os.listdir(f"{process}/fd")), pages * os.sysconf("SC_PAGE_SIZE")


def messages(rng: random.Random, sender: Sender) -> Iterator[Message]:
    usual = sender.message(random.Random(0), USUAL, "usual").data
    for _ in range(MESSAGES):
        kind = rng.random()
        if kind < 0.6:
            name, request = random_request(rng)
            if name not in sender.skipped:
                yield sender.message(rng, request, f"{name} {request}"[:1_500])
        elif kind < 0.9:
            yield random_bytes(rng, sender.host, usual)
        else:
            for name, request in random_setting(rng):
                if name not in sender.skipped:
                    yield sender.message(rng, request, f"{name} {request}"[:1_500])


def fuzz(torture: Campaign, target: Target) -> None:
    for number, chance in torture.rounds():
        found = ""
        for message in messages(chance, target.sender):
            try:
                status = target.send(message)
            except TimeoutError:
                found += f"\n  no answer: {message.what}"
                continue
            if target.is_bad_status(status):
                found += f"\n  {status}: {message.what}"
        found += target.trouble(number)
        if found:
            torture.failed(number, found)
        else:
            torture.passed(number)


@pytest.mark.torture
def test_whatever_comes_is_answered_by_the_embedded_store(
    campaign: Callable[[str, int], Campaign], start_agent: Callable[..., AgentProcess]
) -> None:
    fuzz(campaign("fuzz_embedded", 500), Target(start_agent(), is_gateway=False))


@pytest.mark.torture
def test_whatever_comes_is_answered_by_a_gateway(
    campaign: Callable[[str, int], Campaign],
    start_agent: Callable[..., AgentProcess],
    seaweedfs: Peer,
) -> None:
    agent = start_agent(env=remote_settings(seaweedfs))
    fuzz(campaign("fuzz_gateway", 120), Target(agent, is_gateway=True))


def test_messages_depend_on_the_seed_alone() -> None:
    sender = Sender("localhost:1", (None,), {})
    first, again = ([*messages(random.Random(7), sender)] for _ in range(2))
    assert first == again
    assert len({message.data for message in first}) > MESSAGES / 2
