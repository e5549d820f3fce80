"""When the remote counts as away; what is asked and when: test_layer.py."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache.revalidate import RemoteOutage, is_outage
from tests.agent.stores.read_cache.rig import Time, outage


def test_the_remote_is_away_for_a_moment_after_it_was_found_so():
    time = Time()
    state = RemoteOutage(time)
    assert not state.is_active
    state.begin()
    assert state.is_active
    time.now += 6
    assert not state.is_active
    state.begin()
    state.end()
    assert not state.is_active


def test_the_error_says_what_is_the_matter():
    error = RemoteOutage(Time()).error("k")
    assert (error.status, type(error.failure)) == (503, Unreachable)
    assert "not in the cache" in error.message


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (outage(), True),
        (S3Error("ServiceUnavailable"), True),
        (S3Error("InternalError"), True),
        (S3Error("NoSuchKey"), False),
        (S3Error("AccessDenied"), False),
        (S3Error("NotImplemented"), False),
    ],
)
def test_what_says_that_the_remote_is_away(error, is_it):
    assert is_outage(error) is is_it


async def test_a_write_while_it_is_asked_makes_the_answer_nobody_s(rig):
    await rig.there.put("bbb", "k", b"old")
    await rig.s3.read("bbb", "k")
    rig.time.now += 61
    asked = asyncio.Event()
    answering = asyncio.Event()
    inner = rig.remote.inner

    class Slow:
        async def call(self, request):
            response = await inner.call(request)
            if request.op.name == "HeadObject":
                asked.set()
                await answering.wait()
            return response

    rig.remote.inner = Slow()
    reading = asyncio.get_running_loop().create_task(rig.s3.read("bbb", "k"))
    await asked.wait()
    await rig.s3.put("bbb", "k", b"new")
    answering.set()
    assert await reading == b"new"
    assert await rig.s3.read("bbb", "k") == b"new"


async def test_new_metadata_of_the_same_bytes_are_noticed(rig):
    """Somebody else has copied the object onto itself: it keeps its ETag."""
    place = {"Bucket": "bbb", "Key": "k"}
    await rig.there.put("bbb", "k", b"data", Metadata={"mtime": "1"})
    await rig.s3.read("bbb", "k")
    rig.time.now += 61
    await rig.there.put("bbb", "k", b"data", Metadata={"mtime": "2"})
    assert (await rig.s3("HeadObject", **place))["Metadata"] == {"mtime": "2"}
    assert await rig.s3.read("bbb", "k") == b"data"
    assert rig.remote.calls == {"GetObject": 1, "HeadObject": 2}, "the bytes are not fetched again"
