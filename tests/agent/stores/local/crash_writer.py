"""A process that writes into a store and tells what was acknowledged, until it is killed.

    python -m tests.agent.stores.local.crash_writer FOLDER SEED [ENCRYPTION]

ENCRYPTION: the default of the store, such as SSE-S3. It prints "ask KEY SEED SIZE" before a write
and "ack KEY" after it, one line each; size -1 is a deletion.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
import time
from pathlib import Path

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.key_ring import KeyRing
from s3d.agent.stores.local.object_keys import ObjectKeys
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client

BUCKET = "crash"
SIZES = (-1, 0, 100, 4_096, 65_537, 1_500_000)
WRITERS = 6
KEYS = 4


def content(seed: int, size: int) -> bytes | None:
    """None: a deletion."""
    return None if size < 0 else hashlib.shake_128(str(seed).encode()).digest(size)


def open_store(folder: Path, encryption: str = "") -> tuple[Index, LocalStore]:
    index = Index.open(folder / "index.sqlite", blobs=folder / "blobs")
    keys = ObjectKeys(index, KeyRing(folder / "keyring", time.time), encryption)
    assert keys.load() == []
    return index, LocalStore(index, Blobs(folder / "blobs"), keys=keys)


async def write(s3: Client, number: int, chance: random.Random) -> None:
    while True:
        key, seed = f"{number}/{chance.randrange(KEYS)}", chance.randrange(1 << 30)
        size = chance.choice(SIZES)
        print("ask", key, seed, size, flush=True)
        data = content(seed, size)
        if data is None:
            await s3("DeleteObject", Bucket=BUCKET, Key=key)
        elif chance.random() < 0.2:
            await multipart(s3, key, data)
        else:
            await s3.put(BUCKET, key, data)
        print("ack", key, flush=True)


async def multipart(s3: Client, key: str, data: bytes) -> None:
    at = {"Bucket": BUCKET, "Key": key}
    upload = (await s3("CreateMultipartUpload", **at))["UploadId"]
    part = await s3("UploadPart", UploadId=upload, PartNumber=1, Body=data, **at)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await s3("CompleteMultipartUpload", UploadId=upload, MultipartUpload=parts, **at)


async def main(folder: Path, seed: int, encryption: str) -> None:
    _, store = open_store(folder, encryption)
    s3 = Client(store)
    await s3("CreateBucket", Bucket=BUCKET)
    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(write(s3, number, random.Random(f"{seed}/{number}")))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), "".join(sys.argv[3:])))
