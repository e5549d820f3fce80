"""bucket_logs: the requests of a real endpoint become log objects of the target bucket."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.s3.access_log_record import AccessRecord
from s3d.agent.storage.disk import Disk
from s3d.agent.stores.local import bucket_logs as module
from s3d.agent.stores.local.bucket_logs import BucketLogs
from s3d.agent.stores.local.log_spool import LogSpool
from tests.agent.frontends.http.wire import opened

RECORD = AccessRecord(time=1.0, operation="REST.GET.OBJECT", request_id="R", bucket="bucket")


def new_logs(index, local, folder) -> BucketLogs:
    spool = LogSpool(folder / "spool")
    return BucketLogs(index, S3Client(local), lambda: 1_700_000_000.0, 60.0, spool=spool)


@pytest.fixture
def logs(index, local, tmp_path) -> BucketLogs:
    logs = new_logs(index, local, tmp_path)
    local.on_setting = logs.changed
    return logs


async def configure(s3, bucket, target="bucket-logs") -> None:
    await s3("CreateBucket", Bucket="bucket-logs")
    enabled = {"TargetBucket": target, "TargetPrefix": "web/"}
    await s3("PutBucketLogging", Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


async def lines(s3) -> list[str]:
    keys = (await s3("ListObjectsV2", Bucket="bucket-logs")).names("Contents", "Key")
    assert all(key.startswith("web/2023-11-14-22-13-20-") for key in keys)
    bodies = [(await s3("GetObject", Bucket="bucket-logs", Key=key)).body for key in keys]
    return b"".join(bodies).decode().splitlines()


async def test_requests_are_recorded_from_the_setting_on(s3, bucket, local, logs):
    async with opened(local) as endpoint:
        await logs.start(endpoint.server.log_buckets)
        async with endpoint.wire() as wire:  # the connection is older than the setting
            await wire.ask(endpoint.request("PUT", "/bucket/early", b"1"), "PUT")
            await configure(s3, bucket)
            await wire.ask(endpoint.request("PUT", "/bucket/k", b"value"), "PUT")
            await wire.ask(endpoint.request("GET", "/bucket/none"), "GET")
            await wire.ask(endpoint.request("GET", "/bucket-logs/none"), "GET")
        assert await lines(s3) == []
        assert await logs.deliver() == 1
        assert await logs.deliver() == 0
    put, get = await lines(s3)
    assert " REST.PUT.OBJECT k " in put
    assert '"PUT /bucket/k HTTP/1.1" 200 - - 5 ' in put
    assert put.split()[1] == "bucket"
    assert len(put.split()[0]) == 64, "the owner of the bucket"
    assert " REST.GET.OBJECT none " in get
    assert " 404 NoSuchKey " in get


async def test_nothing_is_recorded_without_a_log(bucket, local, logs):
    async with opened(local) as endpoint:
        plain = endpoint.server.handler
        await logs.start(endpoint.server.log_buckets)
        assert endpoint.server.handler is plain


async def test_a_log_of_an_earlier_start_is_continued(s3, bucket, local, logs):
    await configure(s3, bucket)
    started: list[object] = []
    await logs.start(started.append)
    assert started == [logs.add]
    logs.changed("logging", bucket)
    assert len(started) == 1


async def test_a_stop_writes_what_waits(s3, bucket, logs):
    await configure(s3, bucket)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(logs.run())
        await asyncio.sleep(0)
        logs.add(RECORD)
        running.cancel()
    assert len(await lines(s3)) == 1


async def test_a_crash_loses_no_record(s3, bucket, index, local, logs, tmp_path):
    await configure(s3, bucket)
    logs.add(RECORD)
    assert await logs.deliver() == 1
    for key in ("one", "two"):
        logs.add(RECORD._replace(key=key))
    logs._spool.seal().close()  # the thread has written them
    again = new_logs(index, local, tmp_path)
    await again.start(lambda put: None)
    again.add(RECORD._replace(key="three"))
    assert await again.deliver() == 1
    keys = [line.split()[8] for line in await lines(s3)]
    assert [key for key in keys if key != "-"] == ["one", "two", "three"]
    assert list((tmp_path / "spool").iterdir()) == []
    last = new_logs(index, local, tmp_path)
    await last.start(lambda put: None)
    assert await last.deliver() == 0


async def test_what_a_full_disk_has_refused_is_written_later(
    s3, bucket, logs, tmp_path, monkeypatch
):
    await configure(s3, bucket)
    logs.add(RECORD._replace(key="one"))
    with monkeypatch.context() as full:
        full.setattr(Disk, "has_free", lambda self, size: False)
        assert await logs.deliver() == 0
    logs.add(RECORD._replace(key="two"))
    assert len(list((tmp_path / "spool").iterdir())) >= 1
    assert await logs.deliver() == 1
    assert [line.split()[8] for line in await lines(s3)] == ["one", "two"]
    assert list((tmp_path / "spool").iterdir()) == []


async def test_records_that_wait_are_bounded(monkeypatch, s3, bucket, logs, caplog):
    monkeypatch.setattr(module, "MAX_RECORDS", 2)
    await configure(s3, bucket)
    for _ in range(4):
        logs.add(RECORD)
    assert await logs.deliver() == 1
    assert len(await lines(s3)) == 2
    assert caplog.text.count("dropped records") == 1
    logs.add(RECORD)
    assert await logs.deliver() == 1


async def test_a_target_that_is_gone_is_a_warning(s3, bucket, logs, caplog):
    await configure(s3, bucket)
    logs.add(RECORD)
    await s3("DeleteBucket", Bucket="bucket-logs")
    assert await logs.deliver() == 0
    assert "cannot write an access log" in caplog.text
