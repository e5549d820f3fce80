from __future__ import annotations

import asyncio

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response, WireResponse
from s3d.agent.s3.model import operations
from s3d.agent.stores.write_queue.journal import remote_states
from s3d.agent.stores.write_queue.journal.pending_write import NO_OBJECT
from s3d.agent.stores.write_queue.journal.remote_states import (
    STATE_MAX_AGE,
    ObservedRemote,
    RemoteStates,
)
from tests.contract.client import Client


class Stub:
    """Answers as it is told to."""

    def __init__(self, response):
        self.response = response

    async def call(self, request):
        return self.response


def state(states):
    return states.hint("b", "k", 1e12)


async def call(states, response, name, **members):
    request = S3Request(operations()[name], {"Bucket": "b", "Key": "k", **members})
    await ObservedRemote(Stub(response), states).call(request)


def test_a_state_counts_as_shown_for_a_minute():
    states = RemoteStates(lambda: 100.0)
    states.note("b", "k", '"e"')
    assert states.shown("b", "k", 100.0) == '"e"'
    assert states.shown("b", "k", 100.0 + STATE_MAX_AGE) == '"e"'
    assert states.shown("b", "k", 101.0 + STATE_MAX_AGE) is None
    assert states.shown("b", "k", 99.0) is None
    assert states.hint("b", "k", 500.0) == '"e"'
    assert states.hint("b", "k", 99.0) is None
    assert states.shown("b", "other", 100.0) is None


def test_an_answer_that_was_overtaken_by_a_write_shows_nothing():
    now = [1.0]
    states = RemoteStates(lambda: now[0])
    begun = states.now()
    now[0] = 2.0
    states.note("b", "k", '"written"')
    states.note_read("b", "k", '"older"', begun)
    assert state(states) == '"written"'
    states.note_read("b", "k", '"newer"', 3.0)
    assert state(states) == '"newer"'


def test_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(remote_states, "_KEYS", 2)
    states = RemoteStates(lambda: 1.0)
    for key in ("a", "b", "a", "c"):
        states.note("b", key, '"e"')
    assert [states.hint("b", key, 2.0) for key in "abc"] == ['"e"', None, '"e"']


async def test_reads_and_writes_of_a_store_are_noted(queue, remote, there, bucket):
    states = RemoteStates()
    s3 = Client(ObservedRemote(remote, states))

    def noted():
        return states.hint(bucket, "k", 1e12)

    put = await s3.put(bucket, "k", b"1")
    assert noted() == put["ETag"]
    await s3("DeleteObject", Bucket=bucket, Key="k")
    assert noted() == NO_OBJECT
    put = await there.put(bucket, "k", b"2")
    await s3("HeadObject", Bucket=bucket, Key="k")
    assert noted() == put["ETag"]
    await there("DeleteObject", Bucket=bucket, Key="k")
    await s3.code("GetObject", Bucket=bucket, Key="k")
    assert noted() == NO_OBJECT
    put = await there.put(bucket, "k", b"3")
    await s3("ListObjectsV2", Bucket=bucket)
    assert noted() == put["ETag"]
    await s3("PutObjectTagging", Bucket=bucket, Key="k", Tagging={"TagSet": []})
    assert noted() == put["ETag"]
    await s3("CopyObject", Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert states.hint(bucket, "copy", 1e12) == put["ETag"]
    await s3("DeleteObjects", Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    assert noted() is None


@pytest.mark.parametrize(
    ("name", "status", "noted"),
    [("PutObject", 200, '"w"'), ("PutObject", 412, None), ("GetObject", 304, None)],
)
async def test_answers_that_are_passed_on_unread_are_noted_by_their_headers(name, status, noted):
    states = RemoteStates(lambda: 1.0)
    await call(states, S3Response({}, wire=WireResponse(status, (("ETag", '"w"'),))), name)
    assert state(states) == noted


async def test_a_refused_write_changes_nothing():
    states = RemoteStates(lambda: 7.0)
    states.note("b", "k", '"e"')
    await call(states, S3Response({}, wire=WireResponse(404, ())), "CopyObject", CopySource="b/x")
    assert state(states) == '"e"'


async def test_a_write_whose_etag_is_not_read_is_dated():
    states = RemoteStates(lambda: 7.0)
    answer = S3Response({}, wire=WireResponse(200, ()))
    await call(states, answer, "CopyObject", CopySource="b/x")
    assert state(states) is None
    assert states.direct_write_at("b", "k") == 7.0


@pytest.mark.parametrize(
    ("sent", "status", "known"), [(False, 503, '"e"'), (True, 503, None), (None, 412, '"e"')]
)
async def test_a_write_that_never_left_changes_nothing(sent, status, known):
    error = S3Error("ServiceUnavailable" if status == 503 else "PreconditionFailed")
    if sent is not None:
        error.failure = Unreachable(Reason.CONNECT, "nobody is there", sent=sent)

    class Away:
        async def call(self, request):
            raise error

    states = RemoteStates(lambda: 7.0)
    states.note("b", "k", '"e"')
    with pytest.raises(S3Error):
        await Client(ObservedRemote(Away(), states))("PutObject", Bucket="b", Key="k", Body=b"x")
    assert state(states) == known


VERSION = {"VersionId": "v"}
RENAME = {"RenameSource": "b/source"}
DELETE = {"Key": "", "Delete": {"Objects": [{"Key": "k", "VersionId": "v"}, {"Key": "k"}]}}


@pytest.mark.finding("user-4")
@pytest.mark.parametrize(
    ("name", "members"),
    [("DeleteObject", VERSION), ("DeleteObjects", DELETE), ("RenameObject", RENAME)],
)
async def test_a_write_that_does_not_say_what_it_leaves_is_dated(name, members):
    states = RemoteStates(lambda: 7.0)
    for key in ("k", "source"):
        states.note("b", key, '"e"')
    await call(states, S3Response({}), name, **members)
    assert state(states) is None
    assert states.direct_write_at("b", "k") == 7.0
    if name == "RenameObject":
        assert states.hint("b", "source", 8.0) is None
        assert states.direct_write_at("b", "source") == 7.0


@pytest.mark.finding("user-4")
@pytest.mark.parametrize(
    ("name", "members"),
    [("DeleteObject", VERSION), ("DeleteObjects", DELETE), ("RenameObject", RENAME)],
)
async def test_a_write_that_is_refused_leaves_what_was_there(name, members):
    states = RemoteStates(lambda: 7.0)
    for key in ("k", "source"):
        states.note("b", key, '"e"')
    await call(states, S3Response({}, wire=WireResponse(403, ())), name, **members)
    assert state(states) == states.hint("b", "source", 8.0) == '"e"'


@pytest.mark.finding("user-9")
async def test_a_state_is_ours_until_another_one_is_seen():
    states = RemoteStates(lambda: 7.0)
    await call(states, S3Response({"ETag": '"e"'}), "PutObject")
    assert states.left_by_us("b", "k") == ['"e"']
    states.note_read("b", "k", '"e"', 8.0)
    assert states.left_by_us("b", "k") == ['"e"']
    states.note_read("b", "k", '"theirs"', 9.0)
    assert states.left_by_us("b", "k") == []
    await call(states, S3Response({}), "DeleteObject")
    assert states.left_by_us("b", "k") == [NO_OBJECT]
    await call(states, S3Response({}), "DeleteObject", **VERSION)
    assert states.left_by_us("b", "k") == []


async def test_an_absence_is_ours_after_it_is_seen_again():
    states = RemoteStates(lambda: 7.0)
    await call(states, S3Response({}), "DeleteObject")
    states.note_read("b", "k", NO_OBJECT, 8.0)
    assert states.left_by_us("b", "k") == [NO_OBJECT]


async def test_what_is_read_while_a_write_is_in_flight_is_not_the_state():
    states = RemoteStates(lambda: 7.0)
    with states.writing([("b", "k")]):
        states.note_read("b", "k", '"before"', 6.0)
    assert state(states) is None


async def test_two_writes_at_once_leave_an_unknown_state():
    states, first, second = RemoteStates(lambda: 7.0), asyncio.Event(), asyncio.Event()

    async def put(number, held):
        class Store:
            async def call(self, request):
                await held.wait()
                return S3Response({"ETag": f'"{number}"'})

        await Client(ObservedRemote(Store(), states))("PutObject", Bucket="b", Key="k", Body=b"x")

    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(put(1, first))
        tasks.create_task(put(2, second))
        await asyncio.sleep(0)
        first.set()
        await one
        assert state(states) is None
        second.set()
    assert state(states) is None
    assert states.direct_write_at("b", "k") == 7.0


async def test_a_write_that_nobody_waits_for_any_more_may_have_happened():
    states, reached = RemoteStates(lambda: 7.0), asyncio.Event()
    states.note("b", "k", '"e"')

    class Silent:
        async def call(self, request):
            reached.set()
            await asyncio.Event().wait()

    put = Client(ObservedRemote(Silent(), states))("PutObject", Bucket="b", Key="k", Body=b"x")
    task = asyncio.get_running_loop().create_task(put)
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert states.direct_write_at("b", "k") == 7.0
