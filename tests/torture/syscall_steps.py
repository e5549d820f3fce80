"""What a client does in a bucket, step by step, and what it has to see afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.contract.client import Client

BUCKET = "bucket"
BIG = 200_000
"""Bytes: such a body gets a file of its own."""
PART = 5 << 20
"""Bytes: the smallest part of an upload that is not its last."""


def content(name: str, size: int) -> bytes:
    return (f"{name} " * (size // (len(name) + 1) + 1)).encode()[:size]


def digest(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass
class Model:
    """What the steps so far have made. versions: of each key, the oldest first; None: a marker."""

    objects: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, list[bytes | None]] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data
        self.versions.setdefault(key, []).append(data)

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
        self.versions.setdefault(key, []).append(None)

    def visible(self, *, versioned: bool) -> dict[str, Any]:
        """As look() finds it."""
        found: dict[str, Any] = {
            "objects": {key: digest(data) for key, data in sorted(self.objects.items())},
            "uploads": {
                key: {number: digest(data) for number, data in sorted(parts.items())}
                for key, parts in sorted(self.uploads.items())
            },
        }
        if versioned:
            found["versions"] = {
                key: [len(data) for data in past if data is not None]
                for key, past in self.versions.items()
            }
            found["markers"] = [
                key for key, past in sorted(self.versions.items()) for data in past if data is None
            ]
        return found


async def look(client: Client, *, versioned: bool) -> dict[str, Any]:
    """Everything that a client sees in the bucket."""
    found: dict[str, Any] = {"objects": {}, "uploads": {}}
    if await client.code("HeadBucket", Bucket=BUCKET):
        return found  # nothing has been made yet
    for key in await client.keys(BUCKET):
        found["objects"][key] = digest(await client.read(BUCKET, key))
    listed = await client("ListMultipartUploads", Bucket=BUCKET)
    for row in listed.get("Uploads", []):
        answer = await client("ListParts", Bucket=BUCKET, Key=row["Key"], UploadId=row["UploadId"])
        parts = {part["PartNumber"]: part["ETag"].strip('"') for part in answer.get("Parts", [])}
        found["uploads"][row["Key"]] = parts
    if versioned:
        answer = await client("ListObjectVersions", Bucket=BUCKET)
        past: dict[str, list[int]] = {}
        found["versions"] = past
        for row in reversed(answer.get("Versions", [])):  # of a key, the newest comes first
            past.setdefault(row["Key"], []).append(row["Size"])
        found["markers"] = [row["Key"] for row in answer.get("DeleteMarkers", [])]
    return found


class Step(Protocol):
    @property
    def key(self) -> str: ...

    def apply(self, model: Model) -> None: ...

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        """uploads: upload ids by key."""


@dataclass(frozen=True)
class Put:
    key: str
    size: int
    name: str

    def apply(self, model: Model) -> None:
        model.put(self.key, content(self.name, self.size))

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        await client.put(BUCKET, self.key, content(self.name, self.size))


@dataclass(frozen=True)
class Get:
    key: str

    def apply(self, model: Model) -> None:
        pass

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        await client.read(BUCKET, self.key)


@dataclass(frozen=True)
class Delete:
    key: str

    def apply(self, model: Model) -> None:
        model.delete(self.key)

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        await client("DeleteObject", Bucket=BUCKET, Key=self.key)


@dataclass(frozen=True)
class Copy:
    source: str
    key: str

    def apply(self, model: Model) -> None:
        model.put(self.key, model.objects[self.source])

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        await client(
            "CopyObject", Bucket=BUCKET, Key=self.key, CopySource=f"{BUCKET}/{self.source}"
        )


@dataclass(frozen=True)
class Begin:
    key: str

    def apply(self, model: Model) -> None:
        model.uploads[self.key] = {}

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        answer = await client("CreateMultipartUpload", Bucket=BUCKET, Key=self.key)
        uploads[self.key] = answer["UploadId"]


@dataclass(frozen=True)
class Part:
    key: str
    number: int
    size: int
    name: str

    def apply(self, model: Model) -> None:
        model.uploads[self.key][self.number] = content(self.name, self.size)

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        await client(
            "UploadPart", Bucket=BUCKET, Key=self.key, UploadId=uploads[self.key],
            PartNumber=self.number, Body=content(self.name, self.size),
        )  # fmt: skip


@dataclass(frozen=True)
class Complete:
    key: str

    def apply(self, model: Model) -> None:
        parts = model.uploads.pop(self.key)
        model.put(self.key, b"".join(parts[number] for number in sorted(parts)))

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        upload = {"Bucket": BUCKET, "Key": self.key, "UploadId": uploads[self.key]}
        listed = await client("ListParts", **upload)
        parts = [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in listed["Parts"]]
        await client("CompleteMultipartUpload", **upload, MultipartUpload={"Parts": parts})


@dataclass(frozen=True)
class Abort:
    key: str

    def apply(self, model: Model) -> None:
        del model.uploads[self.key]

    async def run(self, client: Client, uploads: dict[str, str]) -> None:
        upload = {"Bucket": BUCKET, "Key": self.key, "UploadId": uploads[self.key]}
        await client("AbortMultipartUpload", **upload)


def models(steps: Sequence[Step]) -> Iterator[Model]:
    """Before the first step, and after each."""
    for count in range(len(steps) + 1):
        model = Model()
        for step in steps[:count]:
            step.apply(model)
        yield model
