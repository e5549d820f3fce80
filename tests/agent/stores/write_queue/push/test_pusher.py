from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.failures import Reason, Refusal
from s3d.agent.core.telemetry import Counter
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, Members, RequestContext
from s3d.agent.s3.model import operations
from s3d.agent.s3.trace_context import TraceContext
from s3d.agent.storage.records import Stored
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.error_mapping import refused
from s3d.agent.stores.remote.http_transport import Settings, Timeouts
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    PendingWrite,
    new_write,
)
from s3d.agent.stores.write_queue.push.maintenance import INTERVAL
from s3d.agent.stores.write_queue.push.pusher import PushTraffic
from s3d.agent.stores.write_queue.push.remote_gate import AWAY, NEEDS_CREDENTIALS, RemoteGate
from s3d.agent.stores.write_queue.push.verify_push import SMALL
from s3d.shared.config.priorities import parse_priorities
from tests.agent.stores.write_queue.rig import (
    BAD_KEY,
    DENIED,
    Rig,
    Time,
    lost,
    open_rig,
    refusal,
    unreachable,
)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def test_the_setting_decides_which_writes_are_pushed_first(rig: Rig) -> None:
    rig.journal.recorder.priorities = parse_priorities("bbb/raw/=-5, bbb/alarms/=10")
    for key in ("raw/1", "other", "alarms/1", "raw/2", "alarms/2"):
        await rig.staged.put("bbb", key, b"value")
    rig.start()
    await rig.pushed()
    pushed = [each["Key"] for each in rig.remote.of("PutObject")]
    assert [key.partition("/")[0] for key in pushed] == ["alarms"] * 2 + ["other"] + ["raw"] * 2


async def test_a_tag_decides_before_the_setting(rig: Rig) -> None:
    rig.journal.recorder.priorities = parse_priorities("bbb/=5")
    for key, priority in (("late", "-1"), ("plain", ""), ("first", "9"), ("typo", "x")):
        await rig.staged.put("bbb", key, b"value", Tagging=f"s3d.priority={priority}")
    rig.start()
    await rig.pushed()
    pushed = [each["Key"] for each in rig.remote.of("PutObject")]
    assert pushed == ["first", "plain", "typo", "late"]


async def test_a_write_reaches_the_remote_as_it_was_made(rig: Rig) -> None:
    rig.start()
    put = await rig.staged.put(
        "bbb", "k", b"value", ContentType="text/x", Metadata={"a": "b"}, Tagging="x=1&y=%2B"
    )
    await rig.pushed()
    head = await rig.there("HeadObject", Bucket="bbb", Key="k")
    assert (head["ETag"], head["ContentType"], head["Metadata"]) == (
        put["ETag"],
        "text/x",
        {"a": "b"},
    )
    tags = await rig.there("GetObjectTagging", Bucket="bbb", Key="k")
    assert tags["TagSet"] == [{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "+"}]
    assert await rig.there.read("bbb", "k") == b"value"


async def test_writes_of_one_key_go_in_order_and_a_delete_ends_it(rig: Rig) -> None:
    await rig.staged.put("bbb", "k", b"1")
    await rig.staged.put("bbb", "k", b"2")
    await rig.journal.recorder.delete("bbb", ["k"])
    rig.start()
    await rig.pushed()
    assert [n for n in rig.remote.names() if n in ("PutObject", "DeleteObject")] == [
        "PutObject",
        "PutObject",
        "DeleteObject",
    ]
    assert await rig.there.keys("bbb") == []


async def test_thousands_of_writes_that_are_pushed_meanwhile_all_arrive(rig: Rig) -> None:
    rig.start()
    keys = [f"k{number:04}" for number in range(2_500)]
    for key in keys:
        await rig.staged.put("bbb", key, b"value")
    async with asyncio.timeout(60):
        await rig.pushed()
    assert sorted(each["Key"] for each in rig.remote.of("PutObject")) == keys


async def test_new_tags_are_pushed(rig: Rig) -> None:
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == b"1"


def parents(rig: Rig) -> dict[str, set[str]]:
    """Key -> the requests that the calls for it name as their parents."""
    found: dict[str, set[str]] = {}
    for (_, members), context in zip(rig.remote.calls, rig.remote.contexts, strict=True):
        found.setdefault(members["Key"], set()).add(context.parent)
    return found


async def test_the_requests_of_a_push_share_an_id_and_name_the_clients_request(rig: Rig) -> None:
    client = S3Client(rig.staged.store, RequestContext("CLIENT"))
    place: Members = {"Bucket": "bbb", "Key": "k"}
    place["UploadId"] = (await client.output("CreateMultipartUpload", place))["UploadId"]
    part = await client.output("UploadPart", {**place, "PartNumber": 1}, BytesBody(b"value"))
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    await client.output("CompleteMultipartUpload", {**place, "MultipartUpload": {"Parts": parts}})
    rig.start()
    await rig.pushed()
    assert rig.remote.names()[-2:] == ["UploadPart", "CompleteMultipartUpload"]
    assert parents(rig) == {"k": {"CLIENT"}}
    (shared,) = {context.request_id for context in rig.remote.contexts}
    assert shared not in ("", "CLIENT")


async def test_each_attempt_to_push_has_an_id_of_its_own(rig: Rig) -> None:
    rig.remote.fail("PutObject", lost, after=True)
    client = S3Client(rig.staged.store, RequestContext("CLIENT"))
    await client.store("bbb", "k", BytesBody(b"value"))
    rig.start()
    await rig.back()
    await rig.advance(5)
    await rig.pushed()
    ids = dict(zip(rig.remote.names(), rig.remote.contexts, strict=True))
    assert ids["PutObject"].request_id != ids["HeadObject"].request_id
    assert parents(rig) == {"k": {"CLIENT"}}


async def test_copies_tags_and_deletions_name_their_requests(rig: Rig) -> None:
    def client(request_id: str) -> S3Client:
        return S3Client(rig.staged.store, RequestContext(request_id))

    for key in ("put", "tagged"):
        await client("PUT").store("bbb", key, BytesBody(b"value"))
    copy: Members = {"Bucket": "bbb", "Key": "copied", "CopySource": "bbb/put"}
    await client("COPY").output("CopyObject", copy)
    await client("TAG").set_tags("bbb", "tagged", {"a": "b"})
    await rig.journal.recorder.delete("bbb", ["deleted"], RequestContext("DELETE"))
    rig.start()
    await rig.pushed()
    assert parents(rig) == {
        "put": {"PUT"},
        "copied": {"COPY"},
        "tagged": {"TAG"},
        "deleted": {"DELETE"},
    }


async def test_the_log_of_the_remote_shows_the_request_of_the_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = CredentialProvider(region="us-east-1", key=RemoteKey("access", "secret"))
    remote = RemoteStore(Settings("http://127.0.0.1:1", timeouts=Timeouts(connect=1)), keys)
    async with open_rig(tmp_path, over=remote) as rig:
        await rig.staged("CreateBucket", Bucket="bbb")
        client = S3Client(rig.staged.store, RequestContext("CLIENT"))
        await client.store("bbb", "k", BytesBody(b"value"))
        with caplog.at_level(logging.DEBUG, "s3d.agent.stores.remote"):
            rig.start()
            await rig.until(lambda: bool(rig.remote_gate.suspected_trouble))
        await rig.stop()
        await remote.close()
    (context,) = rig.remote.contexts[:1]
    record = next(record for record in caplog.records if record.message == "request to the remote")
    assert record.fields["request_id"] == context.request_id
    assert record.fields["write_request_id"] == "CLIENT"
    assert (record.fields["bucket"], record.fields["key"]) == ("bbb", "k")


async def test_the_request_of_a_write_is_known_after_a_restart(tmp_path: Path) -> None:
    trace = TraceContext("a" * 32, "b" * 16, True, "v=1")
    async with open_rig(tmp_path) as before:
        client = S3Client(before.staged.store, RequestContext("CLIENT", trace=trace))
        await client.store("bbb", "k", BytesBody(b"value"))
    async with open_rig(tmp_path) as rig:
        rig.start()
        await rig.pushed()
        assert parents(rig) == {"k": {"CLIENT"}}
        assert {context.trace for context in rig.remote.contexts} == {trace}


async def test_many_go_at_a_time_but_no_more_than_the_limit(rig: Rig) -> None:
    rig.remote.gate.clear()
    for number in range(20):
        await rig.staged.put("bbb", f"k{number}", b"1")
    rig.start()
    await rig.until(lambda: len(rig.remote.calls) >= rig.remote_gate.limit)
    await rig.asleep()
    assert len(rig.remote.calls) == rig.remote_gate.limit == rig.pusher.status().pushing
    rig.remote.gate.set()
    await rig.pushed()


async def test_slow_down_halves_the_limit_and_waits_as_long_as_asked(rig: Rig) -> None:
    before = rig.remote_gate.limit
    rig.remote.fail("PutObject", refusal(503, "SlowDown", retry_after=77.0))
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    write = await rig.back()
    assert rig.remote_gate.limit == before // 2
    assert write.retry_at == rig.time.clock.now() + 77.0
    await rig.advance(76.9)
    await rig.asleep()
    assert rig.remote.names().count("PutObject") == 1
    await rig.advance(0.2)
    await rig.pushed()


async def test_while_the_remote_is_away_no_attempt_is_spent(rig: Rig) -> None:
    rig.remote.fail("", unreachable(), math.inf)
    rig.start()
    await rig.staged.put("bbb", "first", b"1")
    for attempt in range(1, 6):
        await rig.back(attempt)
        await rig.advance(60)
    await rig.until(lambda: rig.remote_gate.trouble == AWAY)
    await rig.staged.put("bbb", "second", b"1")
    await rig.advance(600)
    await rig.until(lambda: rig.remote.names()[-1] == "GetObject")
    second = rig.journal.pending.newest("bbb", "second")
    assert second is not None
    assert second.attempts == 0
    assert rig.remote.names().count("PutObject") == 5
    rig.remote.troubles.clear()
    await rig.advance(60)
    await rig.until(lambda: not rig.remote_gate.trouble)
    await rig.advance(60)
    await rig.pushed()


async def test_refused_credentials_stop_everything_and_it_resumes_by_itself(rig: Rig) -> None:
    rig.remote.fail("", BAD_KEY, math.inf)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.back()
    assert rig.pusher.status().trouble == NEEDS_CREDENTIALS
    await rig.staged.put("bbb", "other", b"1")
    await rig.advance(5)
    await rig.until(lambda: rig.remote.names() == ["PutObject", "GetObject"])
    await rig.asleep()
    assert not any(rig.journal.pending.in_state(PendingState.FAILED))
    rig.remote.troubles.clear()
    await rig.advance(10)
    await rig.pushed()
    assert rig.pusher.status().trouble == ""


async def test_what_is_denied_holds_up_no_other_key(rig: Rig) -> None:
    rig.remote.fail("PutObject", DENIED)
    await rig.staged.put("bbb", "denied", b"1")
    rig.start()
    await rig.parked()
    await rig.staged.put("bbb", "other", b"1")
    await rig.until(lambda: rig.journal.pending.newest("bbb", "other") is None)


async def test_a_missing_bucket_parks_all_its_writes_until_it_is_there(rig: Rig) -> None:
    await rig.staged("CreateBucket", Bucket="new")
    rig.start()
    for number in range(3):
        await rig.staged.put("new", f"k{number}", b"1")
    await rig.until(lambda: len(list(rig.journal.pending.in_state(PendingState.FAILED))) == 3)
    asked = rig.remote.names().count("PutObject")
    await rig.staged.put("new", "later", b"1")
    await rig.until(lambda: len(list(rig.journal.pending.in_state(PendingState.FAILED))) == 4)
    assert rig.remote.names().count("PutObject") == asked
    await rig.there("CreateBucket", Bucket="new")
    await rig.until(lambda: rig.time.wakes_within(16))  # not in the middle of a round
    await rig.advance(16)
    await rig.pushed()
    assert await rig.there.keys("new") == ["k0", "k1", "k2", "later"]


async def test_who_retries_by_hand_need_not_wait_for_the_next_look(rig: Rig) -> None:
    await rig.staged("CreateBucket", Bucket="new")
    rig.start()
    for number in range(3):
        await rig.staged.put("new", f"k{number}", b"1")
    await rig.until(lambda: len(list(rig.journal.pending.in_state(PendingState.FAILED))) == 3)
    await rig.there("CreateBucket", Bucket="new")
    await rig.journal.control.retry(seq=next(iter(rig.journal.pending)).seq)
    await rig.until(lambda: rig.journal.totals().files == 2)
    await rig.staged.put("new", "later", b"1")
    await rig.until(lambda: rig.journal.pending.newest("new", "later") is None)
    await rig.until(lambda: rig.time.wakes_within(16))  # not in the middle of a round
    await rig.advance(16)
    await rig.pushed()


@pytest.mark.parametrize("after", [False, True])
async def test_after_a_lost_answer_the_remote_is_asked_before_it_is_sent_again(
    rig: Rig, *, after: bool
) -> None:
    rig.remote.fail("PutObject", lost, after=after)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    sent = ["PutObject", "HeadObject"] if after else ["PutObject", "HeadObject", "PutObject"]
    assert rig.remote.names() == sent


async def test_the_same_bytes_under_another_description_are_not_taken_for_ours(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"1", ContentType="text/old")
    rig.remote.fail("PutObject", unreachable(Reason.TIMEOUT, sent=True))
    rig.start()
    await rig.staged.put("bbb", "k", b"1", ContentType="text/new")
    await rig.back()
    await rig.advance(1)
    await rig.pushed()
    assert (await rig.there("HeadObject", Bucket="bbb", Key="k"))["ContentType"] == "text/new"


async def test_what_a_former_run_left_is_in_doubt(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as killed:
        await killed.staged.put("bbb", "k", b"1")
        await killed.there.put("bbb", "k", b"1")
    async with open_rig(tmp_path) as rig:
        rig.start()
        await rig.pushed()
        assert rig.remote.names() == ["HeadObject"]


async def test_push_now_returns_when_the_key_is_there(rig: Rig) -> None:
    await rig.staged.put("bbb", "k", b"1")
    rig.start()
    await rig.pusher.push_now("bbb", "k", timeout=5)
    assert await rig.there.read("bbb", "k") == b"1"


async def test_push_now_goes_beyond_the_limit(rig: Rig) -> None:
    rig.remote.gate.clear()
    for number in range(rig.remote_gate.limit):
        await rig.staged.put("bbb", f"k{number}", b"1")
    rig.start()
    await rig.until(lambda: len(rig.remote.calls) == rig.remote_gate.limit)
    await rig.staged.put("bbb", "urgent", b"1")
    settling = rig.aside(rig.pusher.push_now("bbb", "urgent", timeout=5))
    await rig.until(lambda: rig.remote.calls[-1][1]["Key"] == "urgent")
    rig.remote.gate.set()
    await settling


async def test_push_now_says_so_when_the_remote_is_away(rig: Rig) -> None:
    rig.remote.fail("", unreachable(), math.inf)
    await rig.staged.put("bbb", "k", b"1")
    rig.start()
    with pytest.raises(S3Error, match="ServiceUnavailable"):
        await rig.pusher.push_now("bbb", "k", timeout=5)


async def test_push_now_gives_up_in_time(rig: Rig) -> None:
    rig.remote.gate.clear()
    await rig.staged.put("bbb", "k", b"1")
    rig.start()
    with pytest.raises(S3Error, match="in time"):
        await rig.pusher.push_now("bbb", "k", timeout=0.05)
    rig.remote.gate.set()


async def test_flush_pushes_all_and_says_what_is_left(rig: Rig) -> None:
    rig.remote.fail("PutObject", refusal(400, "InvalidArgument"))
    await rig.staged.put("bbb", "refused", b"1")
    rig.start()
    await rig.parked()
    await rig.staged.put("bbb", "k", b"1")
    left = await rig.pusher.flush(5)
    assert (left.by_state[PendingState.FAILED].files, left.files) == (1, 1)


async def test_flush_does_not_wait_for_a_remote_that_is_away(rig: Rig) -> None:
    rig.remote.fail("", unreachable(), math.inf)
    await rig.staged.put("bbb", "k", b"1")
    rig.start()
    for attempt in range(1, 6):
        await rig.back(attempt)
        await rig.advance(60)
    await rig.until(lambda: bool(rig.remote_gate.trouble))
    assert (await rig.pusher.flush(60)).files == 1


async def test_numbers_for_the_status(rig: Rig) -> None:
    rig.start()
    await rig.staged.put("bbb", "k", bytes(1000))
    await rig.pushed()
    rig.remote.gate.clear()
    await rig.staged.put("bbb", "next", bytes(2000))
    await rig.until(lambda: rig.pusher.status().pushing == 1)
    status = rig.pusher.status()
    assert status.rate >= 1000
    assert status.eta == pytest.approx(2000 / status.rate)
    rig.remote.gate.set()


async def test_a_write_that_breaks_the_push_keeps_no_other_back(rig: Rig) -> None:
    def broken() -> S3Error:
        raise ValueError("unheard of")

    rig.remote.fail("PutObject", broken)
    await rig.staged.put("bbb", "a", b"1")
    rig.start()
    write = await rig.back()
    assert write.error is not None
    assert "unheard of" in write.error.message
    await rig.staged.put("bbb", "b", b"2")
    await rig.until(lambda: rig.journal.pending.newest("bbb", "b") is None)
    await rig.advance(1)
    await rig.pushed()
    assert await rig.there.keys("bbb") == ["a", "b"]


async def restarted(rig: Rig) -> None:
    """A new run of the agent on the same journal."""
    await rig.stop()
    clock = rig.time.clock
    rig.journal = await Journal.open(rig.journal._index, rig.events, clock.now)
    rig.journal.on_change.append(rig.news.set)
    rig.remote_gate = RemoteGate(clock)
    rig.pusher = rig.new_pusher(rig.journal, rig.remote_gate)
    rig.start()


async def test_a_denied_write_keeps_its_quiet_tries_after_a_restart(rig: Rig) -> None:
    rig.remote.fail("PutObject", DENIED)
    await rig.staged.put("bbb", "k", b"1")
    rig.start()
    await rig.parked()
    await restarted(rig)
    await rig.advance(59.0)
    await rig.asleep()
    assert (await rig.parked()).error is not None
    await rig.advance(2.0)
    await rig.pushed()


@pytest.mark.finding("F4")
async def test_what_an_optional_header_was_refused_for_goes_after_a_restart(rig: Rig) -> None:
    """It was parked by an s3d that did not know to do without the header."""
    unsupported = "Unsupported header 'x-amz-checksum-crc32' received for this API call."
    said = Refusal(400, "InvalidArgument", unsupported)
    rig.remote.fail("PutObject", lambda: refused(operations()["PutObject"], said), 1)
    await rig.staged.put("bbb", "k", b"1")
    rig.start()
    await rig.parked()
    await restarted(rig)
    await rig.pushed()


async def test_what_is_refused_for_ever_is_not_tried_again_after_a_restart(rig: Rig) -> None:
    rig.remote.fail("PutObject", refusal(400, "InvalidArgument"))
    await rig.staged.put("bbb", "k", b"1")
    rig.start()
    await rig.parked()
    await restarted(rig)
    await rig.advance(7200.0)
    await rig.asleep()
    assert (await rig.parked()).retry_at == 0.0


async def test_no_time_is_told_from_the_first_miss_on(rig: Rig) -> None:
    """What a push sent before its connection broke says nothing about how long it will take."""
    rig.start()
    await rig.staged.put("bbb", "first", bytes(1000))
    await rig.pushed()
    rig.remote.fail("PutObject", unreachable(Reason.LOST, sent=True))
    await rig.staged.put("bbb", "k", bytes(1000))
    await rig.back()
    status = rig.pusher.status()
    assert status.rate > 0
    assert (status.trouble, status.eta) == (AWAY, None)
    await rig.advance(1.0)
    await rig.pushed()
    assert rig.pusher.status().trouble == ""


async def test_bytes_that_cannot_have_left_are_not_counted(rig: Rig) -> None:
    rig.remote.fail("PutObject", unreachable(Reason.CONNECT))
    rig.start()
    await rig.staged.put("bbb", "k", bytes(1000))
    await rig.back()
    assert rig.journal.metrics.sent.value == 0
    assert rig.pusher.status().rate == 0
    await rig.advance(1.0)
    await rig.pushed()
    assert rig.journal.metrics.sent.value == 1000


async def test_what_cannot_go_does_not_count_for_the_time(rig: Rig) -> None:
    rig.remote.fail("PutObject", DENIED)
    await rig.staged.put("bbb", "k", bytes(10))
    rig.start()
    await rig.parked()
    await rig.staged.put("bbb", "k", bytes(1_000_000))
    await rig.staged.put("bbb", "other", bytes(10))
    await rig.until(lambda: rig.journal.pending.newest("bbb", "other") is None)
    assert rig.pusher.status().eta == 0.0


async def test_a_machine_that_has_slept_looks_for_the_remote_at_once(rig: Rig) -> None:
    rig.remote.fail("", unreachable(), math.inf)
    for number in range(8):
        await rig.staged.put("bbb", f"k{number}", b"1")
    rig.start()
    await rig.until(lambda: rig.remote_gate.trouble == AWAY)
    for _ in range(12):  # the probes become rare
        await rig.advance(15.0)
    rig.remote.troubles.clear()
    probe_at = rig.remote_gate.probe_at
    assert probe_at is not None
    while probe_at - rig.time.passed < 20.0:
        rig.remote.fail("", unreachable(), math.inf)
        await rig.advance(15.0)
        await rig.asleep()
        rig.remote.troubles.clear()
        probe_at = rig.remote_gate.probe_at
        assert probe_at is not None
    rig.time.suspended += 3600.0
    await rig.until(lambda: rig.time.wakes_within(INTERVAL))  # the probe is not so near
    await rig.advance(INTERVAL)
    await rig.pushed()
    assert rig.time.passed < probe_at


@pytest.mark.finding("D15")
@pytest.mark.parametrize("missed", [1, 4, 5])
async def test_an_answer_of_the_remote_to_somebody_else_wakes_the_queue(
    rig: Rig, missed: int
) -> None:
    rig.remote.fail("", unreachable(), math.inf)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    for attempt in range(1, missed + 1):
        await rig.back(attempt)
        if attempt < missed:
            await rig.advance(60)
    rig.remote.troubles.clear()
    rig.pusher.on_remote_answer(503)
    await rig.asleep()
    assert rig.pusher.status().trouble == AWAY
    rig.pusher.on_remote_answer(200)
    await rig.pushed()
    assert rig.time.passed == 60 * (missed - 1)


@pytest.mark.finding("D15")
async def test_an_answer_to_somebody_else_does_not_shorten_the_wait_that_the_remote_wants(
    rig: Rig,
) -> None:
    rig.remote.fail("PutObject", refusal(503, "SlowDown", 100.0), 1)
    rig.start()
    await rig.staged.put("bbb", "k", b"1")
    await rig.back()
    rig.pusher.on_remote_answer(200)
    await rig.asleep()
    assert rig.remote.names() == ["PutObject"]


@pytest.mark.finding("Q1")
@pytest.mark.parametrize("order", ["tags first", "action first"])
async def test_other_tags_wake_a_write_that_is_just_being_held_for_the_old_ones(
    tmp_path: Path, order: str
) -> None:
    """As after a start: what was held is asked about again while its tags are being changed."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def rules(bucket: str, key: str, stored: Stored) -> str:
        is_draft = stored.record.description.tags.get("state") == "draft"
        if is_draft:
            asked.set()
            await answered.wait()
        return "it is a draft" if is_draft else ""

    async with open_rig(tmp_path, rules=rules) as rig:
        await rig.staged.put("bbb", "k", b"1", Tagging="state=draft")
        rig.start()
        await asked.wait()
        if order == "action first":
            # The action is committed, and memory has not heard of it, when the tags come.
            answered.set()
        tags = {"TagSet": [{"Key": "state", "Value": "final"}]}
        await rig.staged("PutObjectTagging", Bucket="bbb", Key="k", Tagging=tags)
        answered.set()
        await rig.pushed()
        there = await rig.there("GetObjectTagging", Bucket="bbb", Key="k")
        assert there["TagSet"] == tags["TagSet"]
        assert await rig.there.read("bbb", "k") == b"1"
        assert "PutObjectTagging" not in rig.remote.names()


@pytest.mark.finding("Q1")
async def test_a_later_write_takes_the_place_of_one_that_is_just_being_held(
    tmp_path: Path,
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def rules(bucket: str, key: str, stored: Stored) -> str:
        if not stored.record.description.tags:
            return ""
        asked.set()
        await answered.wait()
        return "it has tags"

    async with open_rig(tmp_path, rules=rules) as rig:
        await rig.staged.put("bbb", "k", b"1", Tagging="a=b")
        rig.start()
        await asked.wait()
        await rig.staged.put("bbb", "k", b"2")
        answered.set()
        await rig.pushed()
        assert await rig.there.read("bbb", "k") == b"2"
        assert rig.remote.names() == ["PutObject"]


def write(size: int) -> PendingWrite:
    return new_write(7, Kind.PUT, "bbb", "k", size, 0.0)


async def test_a_large_push_tells_how_far_it_is_twice_a_second() -> None:
    time, events = Time(), Events()
    progress = PushTraffic(events, time.clock, Counter()).begin(write(SMALL * 10))
    told = []
    with events.subscribe(["queue"]) as subscription:
        for _ in range(10):
            progress.add(SMALL)
            time.advance(0.25)
            if events.seq > len(told):
                told += await subscription.take()
    assert [(event.kind, event.subject) for event in told] == [("queue.pushing", "bbb/k")] * 5
    assert [event.data["sent"] for event in told] == [SMALL * n for n in (1, 3, 5, 7, 9)]


def test_a_small_one_tells_nothing() -> None:
    time, events = Time(), Events()
    traffic = PushTraffic(events, time.clock, Counter())
    progress = traffic.begin(write(SMALL))
    progress.add(SMALL)
    progress.finish()
    assert events.seq == 0
    assert traffic.rates() == (SMALL, 1)


@pytest.mark.parametrize(("key", "trusted"), [("folder/", True), ("object", False)])
async def test_a_remote_that_has_a_folder_without_an_object_is_trusted_with_conditions(
    rig: Rig, key: str, trusted: bool
) -> None:
    """It refuses to create the object of such a folder on the condition that there is none."""
    rig.remote.fail("PutObject", refusal(412, "PreconditionFailed"))
    rig.start()
    for each in (key, "next"):
        await rig.staged.put("bbb", each, b"")
        await rig.pushed()
    conditions = [members.get("IfNoneMatch") for members in rig.remote.of("PutObject")]
    assert conditions == ["*", None, "*" if trusted else None]
