"""The newest requests in memory, and waiting for one."""

import asyncio

import pytest

from s3d.agent.core.request_ring import RequestFilter, RequestRing
from s3d.shared.testing import RecordedRequest


def request(operation="PutObject", bucket="b", key="k", status=200):
    return RecordedRequest(
        0, 1.0, "PUT", f"/{bucket}/{key}", operation, bucket, key, status, "", 1, 2, 0.1, "ID", ""
    )


async def test_the_oldest_go_and_numbers_go_on():
    ring = RequestRing(limit=3)
    for number in range(5):
        ring.add(request(key=f"k{number}"))
    every = RequestFilter()
    assert [each.seq for each in ring.select(every, 0, 10)] == [3, 4, 5]
    assert [each.key for each in ring.select(every, 4, 10)] == ["k4"]
    assert [each.seq for each in ring.select(every, 0, 2)] == [3, 4]
    ring.clear()
    assert (ring.select(every, 0, 10), ring.last) == ([], 5)


def test_a_filter_needs_agreement_in_all_that_is_given():
    one = request(status=503)
    for fields, agrees in (
        ({}, True),
        ({"operation": "PutObject", "bucket": "b", "key": "k", "status": "503"}, True),
        ({"status": "5xx"}, True),
        ({"status": "4xx"}, False),
        ({"status": "500"}, False),
        ({"operation": "GetObject"}, False),
        ({"bucket": "c"}, False),
        ({"key": "other"}, False),
    ):
        assert RequestFilter(**fields).admits(one) is agrees, fields
    assert RequestFilter(status="0xx").admits(request(status=0))
    for status in ("5", "5x", "abc", "600", "2000"):
        with pytest.raises(ValueError, match="like 404 or 4xx"):
            RequestFilter(status=status).check()


async def test_waiting_ends_with_the_first_such_request():
    ring = RequestRing()
    ring.add(request("GetObject"))
    await ring.wait_for(RequestFilter("GetObject"), 0)  # one that is there already counts
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waits = [group.create_task(ring.wait_for(RequestFilter("PutObject"), 0)) for _ in range(3)]
        await asyncio.sleep(0)
        ring.add(request("GetObject"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(wait.done() for wait in waits)
        ring.add(request("PutObject"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ring.wait_for(RequestFilter(), 3)
