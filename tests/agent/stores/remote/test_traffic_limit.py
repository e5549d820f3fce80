"""The rates of both directions on a clock that only sleep moves, and through a real remote."""

import asyncio

import pytest

from s3d.agent.core.bandwidth import TrafficClass, counted_as
from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.clock import Clock
from s3d.agent.s3.messages import BytesBody
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.agent.stores.remote.traffic_limit import LimitedBody, TrafficLimit
from s3d.shared.config.bandwidth_timetable import parse_bandwidth_timetable
from s3d.shared.config.gateway_settings import BandwidthConfig

MIB = 1 << 20


class Time:
    """Seconds, and the minute of the week."""

    def __init__(self) -> None:
        self.now, self.minute = 100.0, 0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def limit(self, text: str) -> TrafficLimit:
        clock = Clock(steady=lambda: self.now, sleep=self.sleep)
        return TrafficLimit(parse_bandwidth_timetable(text), clock, lambda: self.minute)


@pytest.fixture
def time() -> Time:
    return Time()


async def test_each_direction_has_its_rate(time):
    limit = time.limit("1M:2M")
    for _ in range(40):
        await limit.send(MIB // 4)
    up = time.now - 100.0
    assert 9.0 < up <= 10.0
    for _ in range(40):
        await limit.receive(MIB // 2)
    assert 9.0 < time.now - 100.0 - up <= 10.0


async def test_a_body_is_sent_in_slices_and_complete(time):
    data = bytes(range(256)) * 8192
    body = LimitedBody(BytesBody(data), time.limit("1M"))
    pieces = [piece async for piece in body]
    assert b"".join(pieces) == data
    assert body.size == len(data)
    assert max(map(len, pieces)) <= MIB // 4
    assert 1.4 < time.now - 100.0 <= 2.0


async def test_the_rate_is_that_of_the_time(time):
    limit = time.limit("08:00,1M 18:00,off")
    time.minute = 9 * 60
    assert limit.sent_slice() == MIB // 4
    time.minute = 19 * 60
    assert limit.sent_slice() is None
    assert [piece async for piece in LimitedBody(BytesBody(b"x" * MIB), limit)] == [b"x" * MIB]
    assert time.now == 100.0


async def test_the_timetable_can_be_replaced(time):
    limit = time.limit("off")
    assert not limit.is_active
    await limit.receive(100 * MIB)
    limit.set_timetable(parse_bandwidth_timetable("1M"))
    assert limit.is_active
    for _ in range(3):
        await limit.receive(MIB)
    assert 1.5 < time.now - 100.0 <= 3.0


async def in_class(name, work):
    """In a task of its own, as the background tasks are."""

    async def run():
        with counted_as(name):
            return await work()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
    return task.result()


async def test_a_class_has_its_rate_below_that_of_all(time):
    limit = time.limit("off:4M")
    limit.set_classes(BandwidthConfig(sync=parse_bandwidth_timetable("1M:2M")))

    async def download():
        begun = time.now
        for _ in range(16):
            await limit.receive(MIB // 2)
        return time.now - begun

    spent = {name: await in_class(name, download) for name in TrafficClass}
    assert 3.0 < spent.pop(TrafficClass.SYNC) <= 4.0
    assert all(1.0 < seconds <= 2.5 for seconds in spent.values()), spent


async def test_the_limit_of_a_class_is_enough_to_be_active(time):
    limit = time.limit("off")
    limit.set_classes(BandwidthConfig(prefetch=parse_bandwidth_timetable("1M")))

    async def slice_size():
        return limit.sent_slice()

    assert limit.is_active
    assert await in_class(TrafficClass.PREFETCH, slice_size) == MIB // 4
    assert await in_class(TrafficClass.CLIENTS, slice_size) is None
    limit.set_classes(BandwidthConfig())
    assert not limit.is_active


@pytest.mark.slow
async def test_uploads_and_downloads_of_a_real_remote_are_limited(time, seaweedfs, new_bucket):
    key = RemoteKey(seaweedfs.access_key, seaweedfs.secret_key)
    settings = Settings(seaweedfs.endpoint, traffic=time.limit("1M:2M"))
    store = RemoteStore(settings, CredentialProvider(region=seaweedfs.region, key=key))
    data = bytes(8 * MIB)
    try:
        client = S3Client(store)
        await client.put(new_bucket, "k", BytesBody(data))
        up = time.now - 100.0
        response = await client.call("GetObject", {"Bucket": new_bucket, "Key": "k"})
        assert b"".join([chunk async for chunk in payload(response)]) == data
        down = time.now - 100.0 - up
    finally:
        await store.close()
    assert 7.0 < up <= 8.5
    assert 3.0 < down <= 4.5


@pytest.mark.slow
async def test_short_downloads_keep_to_a_slow_rate(time, seaweedfs, new_bucket):
    """A body that the socket holds as a whole, and several one after the other."""
    key = RemoteKey(seaweedfs.access_key, seaweedfs.secret_key)
    settings = Settings(seaweedfs.endpoint, traffic=time.limit("off:32K"))
    store = RemoteStore(settings, CredentialProvider(region=seaweedfs.region, key=key))
    data = bytes(range(256)) * 256
    try:
        client = S3Client(store)
        await client.put(new_bucket, "k", BytesBody(data))
        for number in range(1, 4):
            response = await client.call("GetObject", {"Bucket": new_bucket, "Key": "k"})
            assert b"".join([chunk async for chunk in payload(response)]) == data
            assert 2.0 * number - 0.6 <= time.now - 100.0 <= 2.0 * number + 0.1
    finally:
        await store.close()
