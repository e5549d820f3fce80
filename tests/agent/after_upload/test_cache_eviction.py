"""Eviction from a real cache: only what has a receipt of this very version, and is not pinned."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator

import pytest

from s3d.agent.after_upload.cache_eviction import CacheEviction
from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.clock import Clock
from s3d.agent.receipts.receipt_file import FAILURE, Upload
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.shared.config.after_upload import AfterUpload, parse_after_upload
from tests.agent.receipts.test_verification import Fails
from tests.contract.cached import cache_before


class Setting:
    """A cache before the remote, and objects in it that were uploaded before."""

    def __init__(self, cache, remote, writer, rules) -> None:
        self.cache, self.remote, self.writer, self.rules = cache, remote, writer, rules
        self.now = 0.0
        """Of the evictions; 0: the real time."""
        self.eviction = CacheEviction(writer, rules, Clock(now=lambda: self.now or time.time()))
        self.eviction.cache = cache
        self.notes: list[tuple[str, str]] = []
        cache.catalog.note = lambda what, name: self.notes.append((what, name))

    async def upload(self, key: str, at: float = 1.0) -> Upload:
        """Store an object, have it cached and note that it was uploaded."""
        body = key.encode()
        info = await self.remote.put("bucket", key, BytesBody(body))
        async for _ in payload(await S3Client(self.cache).call("GetObject", self.place(key))):
            pass
        upload = Upload("bucket", key, info.etag, len(body), hashlib.md5(body).hexdigest(), at=at)
        await self.writer.note_upload(upload)
        return upload

    def place(self, key: str) -> dict[str, str]:
        return {"Bucket": "bucket", "Key": key}

    def cached(self) -> set[str]:
        return {key for _, key in self.cache.catalog.names.of("bucket")}

    def with_receipt(self) -> set[str]:
        return {each.receipt().key for each in self.writer.folder.file.receipts()}

    @property
    def evicted(self) -> list[str]:
        return [name.partition("/")[2] for what, name in self.notes if what == "evicted"]


@pytest.fixture
async def setting(tmp_path, remote, writer, rules) -> AsyncIterator[Setting]:
    await remote.create_bucket("bucket")
    async with cache_before(remote.target, tmp_path / "cache") as cache:
        yield Setting(cache, remote, writer, rules)


async def test_what_was_verified_is_evicted_and_what_was_only_read_stays(setting):
    await setting.upload("a")
    read = await setting.upload("read")
    setting.writer.folder.file.waive([read])
    await setting.eviction.pass_once()
    assert setting.cached() == {"read"}
    assert setting.with_receipt() == {"a"}
    assert setting.evicted == ["a"]
    assert setting.writer.folder.file.due(1e12, 9) == []


async def test_nothing_is_evicted_without_a_verdict_of_the_remote(setting, remote):
    await setting.upload("a")
    front = Fails(remote.target, HeadObject=S3Error("ServiceUnavailable"))
    writer = ReceiptWriter(setting.writer.folder, remote=S3Client(front), remote_id="r")
    away = CacheEviction(writer, setting.rules)
    away.cache = setting.cache
    await away.pass_once()
    assert setting.cached() == {"a"}
    assert setting.with_receipt() == set()
    await setting.eviction.pass_once()  # it is back
    assert setting.cached() == set()


async def test_an_entry_that_changed_since_its_receipt_stays(setting):
    setting.rules.use(parse_after_upload("evict after 7 days"))
    await setting.upload("a")
    await setting.eviction.pass_once()
    await setting.remote.put("bucket", "a", BytesBody(b"other"))
    setting.cache.forget("bucket", "a")
    async for _ in payload(await S3Client(setting.cache).call("GetObject", setting.place("a"))):
        pass
    due = setting.writer.folder.file.due(1e12, 9)
    await setting.eviction._evict(due)
    assert setting.cached() == {"a"}
    assert setting.evicted == []


async def test_an_age_counts_from_the_receipt(setting):
    setting.rules.use(parse_after_upload("evict after 7 days"))
    await setting.upload("a")
    await setting.eviction.pass_once()
    (due,) = setting.writer.folder.file.due(1e12, 9)
    setting.now = due.at - 1.0
    await setting.eviction.pass_once()
    assert setting.cached() == {"a"}
    setting.now = due.at
    await setting.eviction.pass_once()
    assert setting.cached() == set()


async def test_what_is_pinned_and_what_is_to_be_kept_by_now_stays(setting):
    setting.cache.catalog.is_pinned = lambda bucket, key: key == "pinned"
    for key in ("pinned", "kept"):
        await setting.upload(key)
    setting.rules.use(parse_after_upload("evict after 1 day"))
    await setting.eviction.pass_once()
    setting.rules.use(parse_after_upload("bucket/kept=keep, evict when verified"))
    setting.now = 1e12
    await setting.eviction.pass_once()
    assert setting.cached() == {"pinned", "kept"}


@pytest.mark.parametrize(
    ("order", "expected"), [("newest", ["c", "b", "a"]), ("oldest", ["a", "b", "c"])]
)
async def test_the_order(setting, order, expected):
    setting.rules.use(parse_after_upload(f"evict when verified {order} first"))
    for key, at in {"b": 2.0, "a": 1.0, "c": 3.0}.items():
        await setting.upload(key, at)
    await setting.eviction.pass_once()
    assert setting.evicted == expected


async def test_the_task_is_woken_and_opens_nothing_without_a_policy(setting):
    setting.rules.use(AfterUpload())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(setting.eviction.run())
        await asyncio.sleep(0)
        assert not setting.writer.folder.has_receipts
        setting.rules.use(parse_after_upload("evict when verified"))
        gone = asyncio.Event()
        setting.cache.catalog.note = lambda what, name: gone.set() if what == "evicted" else None
        await setting.upload("a")
        setting.eviction.wake()
        await gone.wait()
        task.cancel()


async def test_a_file_that_cannot_be_written_is_named(setting):
    await setting.upload("a")
    setting.writer.folder.file._db.execute("DROP TABLE owed")
    with pytest.raises(FAILURE):
        await setting.eviction.pass_once()
    assert setting.cached() == {"a"}
