import pytest

from s3d.agent.app.gateway import open_gateway
from s3d.agent.core import metric_table
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.app.test_gateway import settings


async def opened(tmp_path, **env):
    registry = Registry()
    return registry, await open_gateway(*settings(tmp_path, **env), Events(), registry)


async def test_the_queue_before_a_remote_that_is_away(tmp_path):
    registry, gateway = await opened(tmp_path, S3D_WRITE_QUEUE_BANDWIDTH="1MiB")
    assert registry.total(metric_table.QUEUE_OLDEST) == 0
    objects = S3Client(gateway.top)
    await objects.put("bucket", "k", BytesBody(b"12345"))
    await objects.put("bucket", "l", BytesBody(b"123"))
    assert registry.values(metric_table.QUEUE_WRITES)["waiting",] == 2
    assert registry.values(metric_table.QUEUE_BYTES)["waiting",] == 8
    assert registry.total(metric_table.QUEUE_BYTES) == 8
    assert 0 < registry.total(metric_table.QUEUE_OLDEST) < 60
    assert registry.total(metric_table.QUEUE_LIMIT_WRITES) == 100_000
    assert registry.total(metric_table.QUEUE_LIMIT_BYTES) == 10 << 30
    assert registry.total(metric_table.QUEUE_BANDWIDTH) == 1 << 20
    assert registry.total(metric_table.QUEUE_PUSH_LIMIT) == 8
    assert registry.values(metric_table.QUEUE_ACCEPTED)["put",] == 2
    assert registry.total(metric_table.SQLITE_COMMIT) > 0
    await gateway.close()


async def test_the_remote_is_up_or_down_once_it_was_asked(tmp_path):
    registry, gateway = await opened(tmp_path, S3D_WRITE_QUEUE="false")
    assert registry.values(metric_table.REMOTE_UP) == {}
    assert registry.values(metric_table.QUEUE_WRITES) == {}
    with pytest.raises(S3Error):
        await S3Client(gateway.top).head("bucket", "k")
    assert registry.values(metric_table.REMOTE_UP) == {(): 0}
    assert registry.values(metric_table.REMOTE_LAST_SUCCESS) == {}
    assert registry.values(metric_table.REMOTE_REQUESTS) == {("HeadObject", "unreachable"): 1}
    await gateway.close()


async def test_the_cache_and_what_its_savings_are_worth(tmp_path):
    registry, gateway = await opened(tmp_path, S3D_READ_CACHE_REQUEST_PRICE="0.5")
    assert registry.values(metric_table.CACHE_SAVED_COST) == {(): 0}
    gateway.cache.layer.counters.saved_requests.add(2_000)
    assert registry.total(metric_table.CACHE_SAVED_COST) == 1
    assert registry.values(metric_table.CACHE_OBJECTS) == {(): 0}
    assert registry.total(metric_table.CACHE_LIMIT_OBJECTS) == 100_000
    await gateway.close()
    registry, gateway = await opened(tmp_path / "free")
    assert registry.values(metric_table.CACHE_SAVED_COST) == {}
    await gateway.close()
