"""When the remote counts as away; what is asked and when: test_layer.py."""

from __future__ import annotations

import asyncio

import pytest

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache.revalidate import Away, is_away
from tests.agent.stores.read_cache.rig import Time, away


def test_the_remote_is_away_for_a_moment_after_it_was_found_so():
    time = Time()
    state = Away(time)
    assert not state.is_now
    state.note()
    assert state.is_now
    time.now += 6
    assert not state.is_now
    state.note()
    state.is_back()
    assert not state.is_now


def test_the_error_says_what_is_the_matter():
    error = Away(Time()).error("k")
    assert (error.status, type(error.failure)) == (503, Unreachable)
    assert "not in the cache" in error.message


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (away(), True),
        (S3Error("ServiceUnavailable"), True),
        (S3Error("InternalError"), True),
        (S3Error("NoSuchKey"), False),
        (S3Error("AccessDenied"), False),
        (S3Error("NotImplemented"), False),
    ],
)
def test_what_says_that_the_remote_is_away(error, is_it):
    assert is_away(error) is is_it


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
