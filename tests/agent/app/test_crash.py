"""kill -9 under write load: what was acknowledged is there, whole, and nothing else is."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.agent_process import AgentProcess

BUCKET = "crash"
WRITERS = 4
KEYS = 8
"""Of each writer: few, so that overwrites and deletes are many."""
SIZES = (0, 1, 1_000, 4_096, 65_536, 65_537, 300_000, 1_500_000)
PART = 5 << 20

Content = tuple[int, int] | None
"""Seed and size of what is stored under a key; None: nothing."""


@dataclass
class Journal:
    """What one writer knows about its keys."""

    acknowledged: dict[str, Content] = field(default_factory=dict)
    asked: dict[str, Content] = field(default_factory=dict)
    """Of writes without an answer: they happened, or they did not."""

    def allowed(self, key: str) -> list[Content]:
        return [self.acknowledged.get(key), *([self.asked[key]] if key in self.asked else [])]


class Load:
    """Threads that write until the agent is gone."""

    def __init__(self, client: Any, journals: list[Journal], seed: int) -> None:
        self._client = client
        self._acknowledgements = 0
        self._news = threading.Condition()
        self.ended: list[Exception] = []
        """Why the writers ended: one each."""
        self._threads = [
            threading.Thread(
                target=self._write, args=(number, journal, random.Random(seed + number))
            )
            for number, journal in enumerate(journals)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledgements: int) -> None:
        with self._news:
            self._news.wait_for(lambda: self.ended or self._acknowledgements >= acknowledgements)
        assert self.ended == []

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _write(self, number: int, journal: Journal, rng: random.Random) -> None:
        while True:
            key = f"{number}/{rng.randrange(KEYS)}"
            operation = rng.choices((self._put, self._delete, self._multipart), (80, 17, 3))[0]
            try:
                content = operation(key, rng, journal)
            except (BotoCoreError, ClientError) as error:
                with self._news:
                    self.ended.append(error)
                    self._news.notify()
                return
            journal.acknowledged[key] = content
            del journal.asked[key]
            with self._news:
                self._acknowledgements += 1
                self._news.notify()

    def _put(self, key: str, rng: random.Random, journal: Journal) -> Content:
        journal.asked[key] = content = (rng.randrange(1 << 30), rng.choice(SIZES))
        self._client.put_object(Bucket=BUCKET, Key=key, Body=data_of(content))
        return content

    def _delete(self, key: str, rng: random.Random, journal: Journal) -> Content:
        journal.asked[key] = None
        self._client.delete_object(Bucket=BUCKET, Key=key)
        return None

    def _multipart(self, key: str, rng: random.Random, journal: Journal) -> Content:
        place = {"Bucket": BUCKET, "Key": key}
        content = (rng.randrange(1 << 30), PART + rng.randrange(1, 100_000))
        data = data_of(content)
        upload = self._client.create_multipart_upload(**place)["UploadId"]
        parts = [
            {
                "PartNumber": part,
                "ETag": self._client.upload_part(
                    **place, UploadId=upload, PartNumber=part, Body=body
                )["ETag"],
            }
            for part, body in enumerate((data[:PART], data[PART:]), 1)
        ]
        journal.asked[key] = content
        self._client.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        return content


def data_of(content: tuple[int, int]) -> bytes:
    seed, size = content
    return random.Random(seed).randbytes(size)


def verify(client: Any, journals: list[Journal]) -> None:
    """Every key holds what is allowed, byte for byte; what is found is from now on the truth."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    listed = {row["Key"]: row["Size"] for page in pages for row in page.get("Contents", ())}
    for number, journal in enumerate(journals):
        for key in (f"{number}/{index}" for index in range(KEYS)):
            found = _found(client, key, journal.allowed(key))
            assert (found is not None) == (key in listed), key
            if found is not None:
                assert listed.pop(key) == found[1], key
            journal.acknowledged[key] = found
        journal.asked.clear()
    assert listed == {}


def _found(client: Any, key: str, allowed: list[Content]) -> Content:
    try:
        data = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        assert None in allowed, f"{key} is lost"
        return None
    for content in allowed:
        if content is not None and data == data_of(content):
            return content
    raise AssertionError(f"{key} has {len(data)} bytes that nobody wrote; allowed: {allowed}")


def campaign(start_agent: Callable[..., AgentProcess], cycles: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    journals = [Journal() for _ in range(WRITERS)]
    agent = start_agent("--bucket", BUCKET)
    for cycle in range(cycles):
        with closing(agent.s3()) as client:
            load = Load(client, journals, seed + 1_000 * cycle)
            load.start()
            load.wait_for(rng.randrange(1, 150))
            agent.kill()
            load.join()
        # No connection, no answer, or half of one; but never an answer that says no.
        assert all(isinstance(error, BotoCoreError) for error in load.ended)
        agent = start_agent()
        with closing(agent.s3()) as client:
            verify(client, journals)
    assert agent.stop() == 0


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_or_torn(start_agent):
    campaign(start_agent, cycles=3)


@pytest.mark.torture
def test_no_acknowledged_write_is_lost_in_100_crashes(start_agent):
    campaign(start_agent, cycles=100)
