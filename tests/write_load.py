"""Writers that overwrite and delete keys of their own, and remember what they were told."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

PROBES = ".s3d/probe-"
"""What the keys of the objects of a probe begin with: they are there for a moment only."""
KEYS = 6
"""Of each writer: few, so that overwrites and deletes are many."""
SIZES = (0, 1, 1_000, 4_096, 65_537, 300_000)
PART = 5 << 20
NUMBER = "number"
"""The metadata in which each write says which one of its key it is."""


@dataclass(frozen=True)
class Content:
    """What one write stores. number: its place among the writes of its key; seed: of its bytes."""

    number: int
    seed: int
    size: int
    tag: str = ""

    @property
    def data(self) -> bytes:
        return random.Random(self.seed).randbytes(self.size)


State = Content | None
"""None: the key does not exist."""


@dataclass
class Memory:
    """What one writer knows about its keys."""

    acknowledged: dict[str, State] = field(default_factory=dict)
    unanswered: dict[str, list[State]] = field(default_factory=dict)
    """Writes since then, oldest first: they happened, or they did not."""
    numbers: dict[str, int] = field(default_factory=dict)
    """Key -> how many writes it has seen."""
    _asked: dict[str, State] = field(default_factory=dict)

    def ask(self, key: str, state: State) -> None:
        """A write is about to be sent, or one of several in a request."""
        self._asked[key] = state
        self.unanswered.setdefault(key, []).append(state)

    def hear(self) -> None:
        """What was asked for is acknowledged."""
        for key, state in self._asked.items():
            self.find(key, state)
        self.forget()

    def forget(self) -> None:
        """No answer will come."""
        self._asked.clear()

    def find(self, key: str, state: State) -> None:
        """This is the truth now."""
        self.acknowledged[key] = state
        self.unanswered.pop(key, None)

    def allowed(self, key: str) -> list[State]:
        return [self.acknowledged.get(key), *self.unanswered.get(key, ())]


class Load:
    """Threads that write until the agent is gone; each writer has a Memory and a client."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        memories: list[Memory],
        seed: int,
        *,
        sizes: Sequence[int] = SIZES,
        two_parts: float = 0.1,
    ) -> None:
        """sizes: of the objects of PutObject. two_parts: the share of multipart uploads that have
        two parts, and not one."""
        self._client = client
        self._bucket = bucket
        self._sizes = sizes
        self._two_parts = two_parts
        self._acknowledgements = 0
        self._news = threading.Condition()
        self.ended: list[Exception] = []
        """Why the writers ended: one each."""
        self._threads = [
            threading.Thread(target=self._run, args=(number, memory, random.Random(seed + number)))
            for number, memory in enumerate(memories)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledgements: int) -> None:
        """Until so many came, or a writer has ended."""
        with self._news:
            self._news.wait_for(lambda: self.ended or self._acknowledgements >= acknowledgements)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive()

    def _run(self, number: int, memory: Memory, rng: random.Random) -> None:
        kinds, weights = zip(*_WEIGHTS.items(), strict=True)
        while True:
            key = f"{number}/{rng.randrange(KEYS)}"
            try:
                rng.choices(kinds, weights)[0](self, key, rng, memory)
            except (BotoCoreError, ClientError) as error:
                memory.forget()
                with self._news:
                    self.ended.append(error)
                    self._news.notify()
                return
            memory.hear()
            with self._news:
                self._acknowledgements += 1
                self._news.notify()

    def _content(self, key: str, rng: random.Random, memory: Memory, size: int) -> Content:
        memory.numbers[key] = number = memory.numbers.get(key, 0) + 1
        tag = str(number) if rng.random() < 0.3 else ""
        return Content(number, rng.randrange(1 << 30), size, tag)

    def _put(self, key: str, rng: random.Random, memory: Memory) -> None:
        content = self._content(key, rng, memory, rng.choice(self._sizes))
        about = _about(content)
        memory.ask(key, content)
        self._client.put_object(Bucket=self._bucket, Key=key, Body=content.data, **about)

    def _delete(self, key: str, rng: random.Random, memory: Memory) -> None:
        memory.ask(key, None)
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def _delete_many(self, key: str, rng: random.Random, memory: Memory) -> None:
        writer = key.partition("/")[0]
        keys = {key, f"{writer}/{rng.randrange(KEYS)}"}
        for each in keys:
            memory.ask(each, None)
        wanted = {"Objects": [{"Key": each} for each in keys]}
        self._client.delete_objects(Bucket=self._bucket, Delete=wanted)

    def _multipart(self, key: str, rng: random.Random, memory: Memory) -> None:
        """Only the last part may be small."""
        size = rng.randrange(1, 100_000) + (PART if rng.random() < self._two_parts else 0)
        place = {"Bucket": self._bucket, "Key": key}
        content = self._content(key, rng, memory, size)
        upload = self._client.create_multipart_upload(**place, **_about(content))["UploadId"]
        parts = []
        for number, start in enumerate(range(0, size, PART), 1):
            body = content.data[start : start + PART]
            named = {"UploadId": upload, "PartNumber": number}
            etag = self._client.upload_part(**place, **named, Body=body)["ETag"]
            parts.append({"PartNumber": number, "ETag": etag})
        memory.ask(key, content)
        self._client.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": parts}
        )


_WEIGHTS: dict[Callable[[Load, str, random.Random, Memory], None], int] = {
    Load._put: 72,
    Load._delete: 12,
    Load._delete_many: 4,
    Load._multipart: 12,
}


def _about(content: Content) -> dict[str, Any]:
    tagging = {"Tagging": f"t={content.tag}"} if content.tag else {}
    return {"Metadata": {NUMBER: str(content.number)}, **tagging}


def settle(
    client: Any,
    bucket: str,
    memories: list[Memory],
    *,
    ignored: tuple[str, ...] = (PROBES,),
    unsettled: Collection[str] = (),
) -> None:
    """Every key holds what is allowed, whole; what is found is from now on the truth.

    ignored: what other keys may begin with. An agent that was killed may have been about to delete
    the objects of a probe. unsettled: keys that may hold anything.
    """
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    listed = {row["Key"]: row["Size"] for page in pages for row in page.get("Contents", ())}
    for number, memory in enumerate(memories):
        for key in (f"{number}/{index}" for index in range(KEYS)):
            if key in unsettled:
                listed.pop(key, None)
                continue
            found = find_allowed(client, bucket, key, memory.allowed(key))
            assert listed.pop(key, None) == (found.size if found is not None else None), key
            memory.find(key, found)
    assert [key for key in listed if not key.startswith(ignored)] == []


def find_allowed(client: Any, bucket: str, key: str, allowed: list[State]) -> State:
    """What a key holds; fails unless it is one of those that are allowed, and whole."""
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
    except client.exceptions.NoSuchKey:
        assert None in allowed, f"{key} is lost: {allowed}"
        return None
    data, number = answer["Body"].read(), int(answer["Metadata"][NUMBER])
    for content in allowed:
        if content is not None and content.number == number:
            assert data == content.data, f"{key} is torn"
            tags = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
            assert [tag["Value"] for tag in tags] == ([content.tag] if content.tag else []), key
            return content
    raise AssertionError(f"{key} is write {number}; allowed: {allowed}")
