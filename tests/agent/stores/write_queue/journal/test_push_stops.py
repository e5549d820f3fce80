"""Pausing and discarding a multipart push that is running."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from s3d.agent.stores.write_queue.journal.pending_write import PendingState, PendingWrite
from s3d.agent.stores.write_queue.journal.push_stops import PushStopped, PushStops, Stop
from s3d.agent.stores.write_queue.push import multipart_push
from tests.agent.stores.write_queue.rig import DENIED, MIB, Rig, open_rig

SIZES = (5 * MIB, 1)
"""More parts than are sent at a time."""


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """It sends one part at a time."""
    monkeypatch.setattr(multipart_push, "CONCURRENT_PARTS", 1)
    async with open_rig(tmp_path) as opened:
        yield opened


def on_first(rig: Rig, operation: str, act: Callable[[PendingWrite], object]) -> None:
    """Act while the first request of an operation is on its way."""

    def look() -> None:
        if [name for name, _ in rig.remote.calls].count(operation) == 1 and not done:
            done.append(operation)
            act(next(iter(rig.journal.pending)))

    done: list[str] = []
    rig.remote.on_call.append(look)


async def in_state(rig: Rig, state: PendingState) -> PendingWrite:
    await rig.until(lambda: any(rig.journal.pending.in_state(state)))
    return next(rig.journal.pending.in_state(state))


async def uploads(rig: Rig) -> list[str]:
    return (await rig.there("ListMultipartUploads", Bucket="bbb")).names("Uploads", "UploadId")


@pytest.mark.finding("tui-5")
async def test_a_paused_upload_ends_after_its_parts_and_later_sends_only_the_rest(rig: Rig) -> None:
    stops = rig.journal.control.stops
    on_first(rig, "UploadPart", lambda write: stops.request(write.seq, Stop.PAUSE))
    etag = await rig.put_parts("k", *SIZES)
    rig.start()
    write = await in_state(rig, PendingState.HELD)
    assert rig.remote.names().count("UploadPart") == 1
    assert "CompleteMultipartUpload" not in rig.remote.names()
    assert len(await uploads(rig)) == 1
    await rig.journal.control.release(write.seq)
    await rig.pushed()
    assert (await rig.there("HeadObject", Bucket="bbb", Key="k"))["ETag"] == etag
    assert rig.remote.names().count("UploadPart") == len(SIZES)
    assert rig.remote.names().count("CreateMultipartUpload") == 1


@pytest.mark.finding("tui-5")
async def test_hold_and_discard_stop_what_is_running(rig: Rig) -> None:
    control = rig.journal.control
    held = []
    on_first(rig, "UploadPart", lambda write: held.append(rig.aside(discard(write))))

    async def discard(write: PendingWrite) -> None:
        assert await control.hold(write.seq)
        assert control.stops.requested(write.seq) is Stop.PAUSE
        assert await control.discard(write.seq)
        assert await control.hold(write.seq)  # has no effect: the write will be gone
        assert control.stops.requested(write.seq) is Stop.DISCARD

    await rig.put_parts("k", *SIZES)
    rig.start()
    await rig.pushed()
    await held[0]
    assert await rig.there.code("HeadObject", Bucket="bbb", Key="k") == "NoSuchKey"
    await rig.until(lambda: "AbortMultipartUpload" in rig.remote.names())
    assert await uploads(rig) == []
    assert await rig.staged.code("HeadObject", Bucket="bbb", Key="k") == "NoSuchKey"


@pytest.mark.finding("tui-5")
async def test_a_paused_queue_stops_what_is_running(rig: Rig) -> None:
    tasks = []
    on_first(rig, "UploadPart", lambda write: tasks.append(rig.aside(rig.journal.control.pause())))
    await rig.put_parts("k", *SIZES)
    rig.start()
    await rig.until(lambda: bool(tasks))
    write = await in_state(rig, PendingState.WAITING)
    assert rig.journal.totals().paused
    assert "CompleteMultipartUpload" not in rig.remote.names()
    await rig.journal.control.resume()
    await rig.pushed()
    assert write.attempts == 0
    assert rig.remote.names().count("UploadPart") == len(SIZES)


@pytest.mark.finding("tui-5")
async def test_a_push_that_fails_after_the_request_is_paused_too(rig: Rig) -> None:
    stops = rig.journal.control.stops
    rig.remote.fail("UploadPart", DENIED, len(SIZES))
    on_first(rig, "UploadPart", lambda write: stops.request(write.seq, Stop.PAUSE))
    await rig.put_parts("k", *SIZES)
    rig.start()
    await in_state(rig, PendingState.HELD)


async def test_a_single_request_cannot_be_stopped(rig: Rig) -> None:
    answers = []

    async def ask(write: PendingWrite) -> None:
        answers.append(await rig.journal.control.hold(write.seq))
        answers.append(await rig.journal.control.discard(write.seq))

    tasks = []
    on_first(rig, "PutObject", lambda write: tasks.append(rig.aside(ask(write))))
    await rig.staged("PutObject", Bucket="bbb", Key="k", Body=b"data")
    rig.start()
    await rig.pushed()
    await tasks[0]
    assert answers == [False, False]


def test_a_request_can_be_withdrawn_until_the_push_has_stopped() -> None:
    stops = PushStops()
    assert not stops.request(1, Stop.PAUSE)
    assert not stops.withdraw(1)
    with stops.running(1) as request, stops.running(2) as other:
        assert stops.request(1, Stop.PAUSE)
        stops.request_all()
        assert (request.requested, other.requested) == (Stop.PAUSE, Stop.QUEUE)
        stops.withdraw_all()
        assert (request.requested, other.requested) == (Stop.PAUSE, None)
        assert stops.withdraw(1)
        request.raise_if_requested()
        assert stops.request(1, Stop.DISCARD)
        assert not stops.withdraw(1)
        with pytest.raises(PushStopped):
            request.raise_if_requested()
        other.is_completing = True
        assert not stops.can_stop(2)
        assert not stops.request(2, Stop.PAUSE)
