from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.push.retry_policy import MAX_INTERCEPTIONS, PARKED_RETRY_DELAYS
from tests.agent.stores.write_queue.rig import DENIED, SLOW_DOWN, Rig, open_rig, refusal


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def test_back_off_doubles_up_to_five_minutes(rig: Rig) -> None:
    rig.remote.fail("PutObject", SLOW_DOWN, 12)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    waits = []
    for attempt in range(1, 13):
        write = await rig.back(attempt)
        waits.append(write.retry_at - rig.time.clock.now())
        await rig.advance(waits[-1] + 0.01)
    await rig.pushed()
    assert waits == pytest.approx([0.5 * 2**n for n in range(10)] + [300, 300], rel=1e-5)


async def test_a_denied_key_is_parked_and_tried_five_times_within_the_hour(rig: Rig) -> None:
    rig.remote.fail("PutObject", DENIED, math.inf)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    for tries in range(1, 7):
        await rig.until(lambda tries=tries: rig.remote.names().count("PutObject") == tries)
        write = await rig.parked()
        assert write.error is not None
        assert (write.error.code, write.error.request_id) == ("AccessDenied", "REQUEST1")
        if tries < 6:
            await rig.advance(write.retry_at - rig.time.clock.now() + 0.01)
    assert rig.time.passed == pytest.approx(3600, abs=1)
    assert write.retry_at == 0


@pytest.mark.rule("PROOF-3")
@pytest.mark.finding("F3")
async def test_what_another_server_refuses_is_parked_and_the_rest_goes_on(rig: Rig) -> None:
    def blocked() -> S3Error:
        error = S3Error("ServiceUnavailable", "413, an HTML page titled 'Too large'")
        error.failure = Unreachable(Reason.INTERCEPTED, "page", sent=True, status=413)
        return error

    rig.remote.fail("PutObject", blocked, MAX_INTERCEPTIONS)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    for attempt in range(1, MAX_INTERCEPTIONS):
        write = await rig.back(attempt)
        await rig.advance(write.retry_at - rig.time.clock.now() + 0.01)
    write = await rig.parked()
    assert write.error is not None
    assert (write.error.code, write.error.status) == ("Intercepted", 413)
    assert "Too large" in write.error.message
    assert write.retry_at == pytest.approx(write.error.at + PARKED_RETRY_DELAYS[0])
    assert rig.remote_gate.trouble == ""
    await rig.staged.put("bbb", "other", b"2")
    await rig.until(lambda: rig.remote.names().count("PutObject") == MAX_INTERCEPTIONS + 1)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "InvalidArgument"), (405, "MethodNotAllowed"), (400, "KeyTooLongError")],
)
async def test_what_the_remote_will_never_take_is_parked(rig: Rig, status: int, code: str) -> None:
    rig.remote.fail("PutObject", refusal(status, code))
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    write = await rig.parked()
    assert write.error is not None
    assert (write.error.code, write.retry_at) == (code, 0.0)


async def test_corrupt_staged_bytes_are_parked_and_never_sent(rig: Rig) -> None:
    await rig.staged.put("bbb", "k", bytes(100_000))
    (blob,) = rig.blobs.folder.glob("*/*")
    blob.write_bytes(b"x" * 100_000)
    rig.start()
    write = await rig.parked()
    assert write.error is not None
    assert write.error.code == "corrupt"
    assert await rig.there.keys("bbb") == []


async def test_a_staged_file_that_is_gone_is_parked(rig: Rig) -> None:
    await rig.staged.put("bbb", "k", bytes(100_000))
    for path in rig.blobs.folder.glob("*/*"):
        path.unlink()
    rig.start()
    write = await rig.parked()
    assert write.error is not None
    assert write.error.code == "corrupt"


async def test_wrong_bytes_at_the_remote_are_sent_again_and_the_third_time_parked(rig: Rig) -> None:
    rig.remote.fail("PutObject", refusal(400, "BadDigest"), 3)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    for attempt in range(1, 3):
        await rig.back(attempt)
        await rig.advance(10)
    write = await rig.parked()
    assert write.error is not None
    assert write.error.code == "integrity"
    assert rig.remote.names().count("PutObject") == 3


async def test_another_etag_is_no_harm_when_the_content_is_ours(rig: Rig) -> None:
    rig.remote.edit = lambda name, answer: (
        answer | {"ETag": '"opaque"'} if "ETag" in answer else answer
    )
    rig.start()
    with rig.events.subscribe(["queue"]) as events:
        put = await rig.staged.put("bbb", "k", b"1")
        await rig.pushed()
        told = [event for event in await events.take() if event.kind == "queue.pushed"]
    assert [event.data["etag"] for event in told] == ['"opaque"']
    assert rig.journal.alias("bbb", "k") == (put["ETag"].strip('"'), "opaque")


async def test_what_the_journal_cannot_write_now_is_written_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, refused = rig.journal.outcomes.acknowledge, []

    async def full_once(
        seq: int,
        etag: str = "",
        *,
        client_etag: str = "",
        state: str | None = None,
        was_there: bool = False,
    ) -> None:
        if not refused:
            refused.append(seq)
            rig.news.set()
            raise S3Error("SlowDown", "the disk is full")
        await done(seq, etag, client_etag=client_etag, state=state, was_there=was_there)

    monkeypatch.setattr(rig.journal.outcomes, "acknowledge", full_once)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.until(lambda: bool(refused))
    await rig.advance(5)
    await rig.pushed()
    assert rig.remote.names() == ["PutObject"]
