"""The journal against a simple model, restarts included; and what it promises one by one."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from s3d.agent.core.events import Events
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout, ObjectRecord, Stored
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.pending import (
    Base,
    Kind,
    NewerWritePending,
    PendingState,
    PendingWrite,
    PushError,
    RemoteUpload,
)
from tests.contract.client import Client

ERROR = PushError("AccessDenied", "no")
ONE, MANY = "one-version", "many-versions"


@dataclass
class Desk:
    """A journal and its staging store."""

    index: Index
    journal: Journal
    s3: Client
    events: Events

    def staged(self, bucket, key):
        """(data, tags) as reads see it; None: nothing."""
        stored = self.index.read_inline(lambda reader: reader.current(bucket, key.encode()))
        return None if stored is None else self.told(stored)

    def told(self, stored):
        data = b""
        if stored.layout.extents:
            data = self.index.read_inline(lambda reader: reader.data(stored.layout.extents[0]))
        return data, dict(stored.record.description.tags)

    async def take(self):
        """The next write, or None when there is none due."""
        try:
            async with asyncio.timeout(0):
                return await self.journal.take()
        except TimeoutError:
            return None

    async def pushed(self):
        """Push everything that can go; what went, in order."""
        gone = []
        while (write := await self.take()) is not None:
            gone.append((write.kind, write.key, await self.journal.load(write)))
            await self.journal.done(write.seq, "")
        return gone


async def open_desk(folder, clock=lambda: 1000.0):
    index = Index.open(folder / "index", ephemeral=True, tables=journal_rows.TABLES)
    events = Events()
    journal = await Journal.open(index, events, clock)
    journal.unversioned.add(ONE)
    store = LocalStore(
        index, Blobs(folder / "blobs", ephemeral=True), clock=clock, on_change=journal.record
    )
    s3 = Client(store)
    for bucket in (ONE, MANY):
        await s3("CreateBucket", Bucket=bucket)
    return Desk(index, journal, s3, events)


@asynccontextmanager
async def reopened(desk, folder):
    desk.index.close()
    again = await open_desk(folder)
    try:
        yield again
    finally:
        again.index.close()


@pytest.fixture
async def desk(tmp_path):
    desk = await open_desk(tmp_path)
    yield desk
    desk.index.close()


PLACES = st.tuples(st.sampled_from([ONE, MANY]), st.sampled_from(["a", "b"]))


class JournalMachine(RuleBasedStateMachine):
    """The model: of each key the states it was given, in order, that the remote has not seen."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.desk = self.runner.run(open_desk(self.folder))
        self.states = {}
        """Place -> states, oldest first: (data, tags), or None for deleted."""
        self.remote = {}
        self.seen = {}
        """Place -> which of the states the remote has."""
        self.taken = []
        self.number = 0

    def teardown(self):
        self.runner.run(self.finish())
        self.desk.index.close()
        self.runner.close()
        shutil.rmtree(self.folder)

    async def finish(self):
        """Everything goes out at last, and the remote is what the clients made of it."""
        for write in self.taken:
            await self.desk.journal.give_back(write.seq, 0.0)
        await self.desk.journal.retry()
        while (write := await self.desk.take()) is not None:
            await self.push(write)
        assert self.desk.journal.status().files == 0
        for place, states in self.states.items():
            assert self.remote.get(place) == states[-1]
            assert self.desk.staged(*place) is None
        orphans = "SELECT count(*) FROM blobs"
        assert self.desk.index.read_inline(lambda r: r.select(orphans, ()).fetchone()) == (0,)

    async def push(self, write):
        place = (write.bucket, write.key)
        row = await self.desk.journal.load(write)
        if row is None:
            return
        state = None if row.stored is None else self.desk.told(row.stored)
        later = self.states[place][self.seen.get(place, 0) :]
        assert state in later, "it went back in time, or never was"
        self.seen[place] = self.seen.get(place, 0) + later.index(state)
        self.remote[place] = state
        await self.desk.journal.done(write.seq, "")

    @rule(place=PLACES)
    def put(self, place):
        self.number += 1
        data = b"%d" % self.number
        self.runner.run(self.desk.s3.put(*place, data))
        self.states.setdefault(place, []).append((data, {}))

    @rule(place=PLACES)
    def delete(self, place):
        self.runner.run(self.desk.journal.delete(place[0], [place[1]]))
        self.states.setdefault(place, []).append(None)

    @rule(place=PLACES)
    def tag(self, place):
        if self.desk.staged(*place) is None:
            return
        self.number += 1
        tags = {"TagSet": [{"Key": "n", "Value": str(self.number)}]}
        call = self.desk.s3("PutObjectTagging", Bucket=place[0], Key=place[1], Tagging=tags)
        self.runner.run(call)
        data, _ = self.states[place][-1]
        self.states[place].append((data, {"n": str(self.number)}))

    @rule()
    def take(self):
        write = self.runner.run(self.desk.take())
        if write is not None:
            assert (write.bucket, write.key) not in {(w.bucket, w.key) for w in self.taken}
            self.taken.append(write)

    @precondition(lambda self: self.taken)
    @rule(outcome=st.sampled_from(["done", "again", "park"]))
    def end(self, outcome):
        write = self.taken.pop(0)
        journal = self.desk.journal
        if outcome == "done":
            self.runner.run(self.push(write))
        elif outcome == "again":
            self.runner.run(journal.give_back(write.seq, 0.0, ERROR))
        else:
            self.runner.run(journal.park(write.seq, ERROR))

    @rule()
    def retry(self):
        self.runner.run(self.desk.journal.retry())

    @rule()
    def restart(self):
        before = [(w.seq, w.kind, w.bucket, w.key) for w in self.desk.journal.all()]
        self.desk.index.close()
        self.taken.clear()
        self.desk = self.runner.run(open_desk(self.folder))
        after = [(w.seq, w.kind, w.bucket, w.key) for w in self.desk.journal.all()]
        assert set(after) <= set(before)
        assert after == sorted(after)

    @invariant()
    def reads_see_the_newest(self):
        for place, states in self.states.items():
            if self.desk.journal.pending(*place) is not None:
                assert self.desk.staged(*place) == states[-1]
            else:
                assert self.remote.get(place) == states[-1]

    @invariant()
    def it_counts_right(self):
        status = self.desk.journal.status()
        writes = list(self.desk.journal.all())
        assert status.files == len(writes)
        assert status.size == sum(write.size for write in writes)
        assert self.desk.journal.used().size >= 0


JournalMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestJournal = pytest.mark.slow(JournalMachine.TestCase)


async def test_where_versions_are_kept_every_write_goes_out(desk):
    for data in (b"1", b"2", b"3"):
        await desk.s3.put(MANY, "k", data)
    gone = await desk.pushed()
    assert [desk_row.stored.record.size for _, _, desk_row in gone] == [1, 1, 1]


async def test_where_one_version_is_kept_the_newest_goes_out(desk):
    await desk.s3.put(ONE, "k", b"1")
    await desk.s3.put(ONE, "k", b"22")
    await desk.journal.delete(ONE, ["k", "other"])
    gone = await desk.pushed()
    assert [(kind, key) for kind, key, _ in gone] == [(Kind.DELETE, "k"), (Kind.DELETE, "other")]


async def test_the_write_on_its_way_is_not_replaced(desk):
    await desk.s3.put(ONE, "k", b"1")
    first = await desk.journal.take()
    await desk.s3.put(ONE, "k", b"2")
    assert await desk.take() is None
    assert (await desk.journal.load(first)).stored.record.size == 1
    await desk.journal.done(first.seq)
    assert desk.staged(ONE, "k") == (b"2", {})
    assert (await desk.journal.take()).seq > first.seq


async def test_a_parked_write_blocks_its_key_and_no_other(desk, tmp_path):
    await desk.s3.put(MANY, "k", b"1")
    write = await desk.journal.take()
    await desk.journal.park(write.seq, ERROR)
    await desk.s3.put(MANY, "k", b"2")
    await desk.s3.put(MANY, "other", b"2")
    assert [key for _, key, _ in await desk.pushed()] == ["other"]
    async with reopened(desk, tmp_path) as again:
        parked = next(again.journal.all(PendingState.FAILED))
        assert (parked.seq, parked.error) == (write.seq, ERROR)
        assert await again.journal.retry(bucket=MANY) == 2
        assert [key for _, key, _ in await again.pushed()] == ["k", "k"]


async def test_a_denied_write_is_tried_again_at_its_time(tmp_path):
    now = [1000.0]
    desk = await open_desk(tmp_path, lambda: now[0])
    try:
        await desk.s3.put(ONE, "k", b"1")
        write = await desk.journal.take()
        await desk.journal.park(write.seq, ERROR, retry_at=1060.0)
        assert await desk.take() is None
        now[0] = 1060.0
        assert await desk.take() is write
    finally:
        desk.index.close()


async def test_discarding_brings_back_what_was_before(desk):
    await desk.s3.put(MANY, "k", b"1")
    await desk.s3.put(MANY, "k", b"2")
    newest = desk.journal.pending(MANY, "k")
    assert await desk.journal.discard(newest.seq)
    assert desk.staged(MANY, "k") == (b"1", {})
    assert await desk.journal.discard(desk.journal.pending(MANY, "k").seq)
    assert desk.staged(MANY, "k") is None


@pytest.mark.parametrize("act", ["retry", "hold"])
async def test_what_is_replaced_while_somebody_decides_about_it_is_not_counted(
    desk, act, monkeypatch
):
    await desk.s3.put(ONE, "k", b"1")
    write = desk.journal.pending(ONE, "k")
    if act == "retry":
        await desk.journal.park((await desk.journal.take()).seq, ERROR)
    commit = desk.index.write

    async def late(change, **options):
        monkeypatch.undo()
        await desk.s3.put(ONE, "k", b"2")
        return await commit(change, **options)

    monkeypatch.setattr(desk.index, "write", late)
    await getattr(desk.journal, act)(seq=write.seq)
    counts = {state: share.files for state, share in desk.journal.status().shares.items()}
    assert counts == dict.fromkeys(PendingState, 0) | {PendingState.WAITING: 1}


async def test_what_is_being_pushed_is_not_discarded(desk):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    assert not await desk.journal.discard(write.seq)


async def test_retry_as_another_key(desk):
    await desk.s3.put(ONE, "k", b"1", Tagging="a=b")
    write = await desk.journal.take()
    await desk.journal.park(write.seq, ERROR)
    assert await desk.journal.retry(seq=write.seq, as_key="other") == 1
    assert desk.staged(ONE, "k") is None
    assert desk.staged(ONE, "other") == (b"1", {"a": "b"})
    assert [key for _, key, _ in await desk.pushed()] == ["other"]


@pytest.mark.finding("A2")
@pytest.mark.rule("ORD-5")
@pytest.mark.parametrize("key", ["other", "k"])
@pytest.mark.parametrize("one_version", [True, False])
async def test_a_retry_as_another_key_replaces_no_pending_write(desk, key, one_version):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    await desk.s3.put(ONE, key, b"newest")
    await desk.journal.park(write.seq, ERROR)
    if one_version:
        desk.journal.unversioned.add(ONE)
    with pytest.raises(NewerWritePending):
        await desk.journal.retry(seq=write.seq, as_key=key)
    assert desk.journal.get(write.seq).state is PendingState.FAILED
    assert desk.staged(ONE, key) == (b"newest", {})
    assert len(desk.journal.writes(ONE)) == 2


async def test_a_retry_as_its_own_key_keeps_the_write(desk):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    await desk.journal.park(write.seq, ERROR)
    assert await desk.journal.retry(seq=write.seq, as_key="k") == 1
    assert [key for _, key, _ in await desk.pushed()] == ["k"]


async def test_an_upload_whose_write_is_replaced_is_an_orphan(desk):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    await desk.journal.progress(write.seq, RemoteUpload("there"))
    await desk.journal.give_back(write.seq, 0.0)
    await desk.s3.put(ONE, "k", b"2")
    (orphan,) = await desk.journal.orphans()
    assert orphan[:3] == (ONE, "k", "there")
    await desk.journal.forget_orphan(orphan)
    assert await desk.journal.orphans() == []


async def test_the_progress_of_an_upload_outlives_a_restart_and_new_tags(desk, tmp_path):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    upload = RemoteUpload("there", {1: '"etag"'})
    await desk.journal.progress(write.seq, upload)
    await desk.journal.give_back(write.seq, 0.0)
    await desk.s3("DeleteObjectTagging", Bucket=ONE, Key="k")
    async with reopened(desk, tmp_path) as again:
        write = await again.journal.take()
        assert (await again.journal.load(write)).upload == upload


async def test_a_held_write_waits_for_its_release(desk, tmp_path):
    await desk.s3.put(ONE, "k", b"1")
    seq = desk.journal.pending(ONE, "k").seq
    await desk.journal.hold(seq)
    assert await desk.take() is None
    async with reopened(desk, tmp_path) as again:
        assert await again.take() is None
        await again.journal.release(seq)
        assert (await again.take()).seq == seq


async def test_a_pause_outlives_a_restart(desk, tmp_path):
    await desk.journal.pause()
    await desk.s3.put(ONE, "k", b"1")
    async with reopened(desk, tmp_path) as again:
        assert again.journal.paused
        assert await again.take() is None
        await again.journal.resume()
        assert await again.take() is not None


async def test_settled_returns_when_the_remote_has_it_or_something_newer(desk):
    await desk.s3.put(ONE, "k", b"1")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(desk.journal.settled(ONE, "k"))
        await asyncio.sleep(0)
        await desk.s3.put(ONE, "k", b"2")
        assert not waiting.done()
        await desk.pushed()
    assert waiting.done()


async def test_settled_raises_what_the_remote_refuses_the_key_with(desk):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(refusal(desk.journal.settled(ONE, "k")))
        bucket = group.create_task(desk.journal.settled(ONE))
        await asyncio.sleep(0)
        await desk.journal.park(write.seq, ERROR)
    assert waiting.result() == "AccessDenied"
    assert bucket.result() is None
    assert await refusal(desk.journal.settled(ONE, "k")) == "AccessDenied"


async def refusal(call):
    try:
        await call
    except S3Error as error:
        return error.code
    return ""


async def test_an_urgent_key_goes_first(desk):
    await desk.s3.put(ONE, "a", b"1")
    await desk.s3.put(ONE, "b", b"1")
    await desk.journal.set_priority(desk.journal.pending(ONE, "a").seq, 5)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(desk.journal.settled(ONE, "b"))
        await asyncio.sleep(0)
        assert [key for _, key, _ in await desk.pushed()] == ["b", "a"]
    assert waiting.done()


async def test_events_tell_what_happens(desk):
    with desk.events.subscribe(["queue"]) as subscription:
        await desk.s3.put(ONE, "k", b"data")
        write = await desk.journal.take()
        await desk.journal.park(write.seq, ERROR)
        await desk.journal.retry()
        await desk.pushed()
        told = await subscription.take()
    assert [event.kind for event in told] == ["queue.accepted", "queue.failed", "queue.pushed"]
    assert {event.subject for event in told} == {f"{ONE}/k"}


MEASURE = """
import asyncio, re, sys, time
from pathlib import Path
from s3d.agent.core.events import Events
from s3d.agent.storage.index import Index
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.journal import Journal

async def main():
    index = Index.open(Path(sys.argv[1]), ephemeral=True, tables=journal_rows.TABLES)
    began = time.process_time()
    journal = await Journal.open(index, Events())
    seconds = time.process_time() - began
    assert journal.status().files == 100_000
    # Not ru_maxrss: that begins with what the parent had when it forked.
    peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
    print(seconds, int(peak[1]) >> 10)
    index.close()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_a_hundred_thousand_writes_are_loaded_quickly_and_are_slim(tmp_path):
    """In a process of its own: seconds of CPU, MiB of memory at most."""
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    object = Stored(ObjectRecord("k", size=4096, etag='"' + "0" * 32 + '"'), Layout())

    def fill(tx):
        for number in range(100_000):
            key = f"folder/of/some/depth/{number:08d}.jpeg"
            write = PendingWrite(0, Kind.PUT, MANY, key, 4096, 1.7e9)
            journal_rows.insert(tx, write, object, Base())

    await index.write(fill)
    index.close()
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEASURE, str(tmp_path / "index"), stdout=asyncio.subprocess.PIPE
    )
    seconds, mib = (await run.communicate())[0].split()
    assert float(seconds) < 3.0
    assert int(mib) < 150


async def delayed(desk, count):
    """So many writes in memory that have failed and wait for their next try."""
    for seq in range(1, count + 1):
        write = PendingWrite(seq, Kind.PUT, ONE, f"k{seq}", 0, 1000.0, retry_at=2000.0)
        desk.journal._memory.add(write, [])


async def test_to_retry_one_write_does_not_look_at_all_others(desk):
    await delayed(desk, 20_000)
    began = time.process_time()
    for seq in range(1, 2_001):
        assert await desk.journal.retry(seq=seq) == 1
    assert time.process_time() - began < 1.0  # 40 million looks would take several
    assert (await desk.journal.take()).retry_at == 0.0


async def test_a_hurry_lets_all_that_is_delayed_go_and_tells_of_it_once(desk):
    await delayed(desk, 1_000)
    told = []
    desk.journal.on_change.append(lambda: told.append(1))
    desk.journal.hurry()
    assert len(told) == 1
    assert [(await desk.take()).key for _ in range(1_000)] == [f"k{n}" for n in range(1, 1_001)]


async def test_what_is_parked_is_retried_in_one_commit(desk):
    for number in range(20):
        await desk.s3.put(MANY, f"k{number}", b"1")
        await desk.journal.park((await desk.take()).seq, ERROR)
    commits = []
    write = desk.index.write
    desk.index.write = lambda *given, **options: commits.append(1) or write(*given, **options)
    await desk.journal.retry_these(list(desk.journal.all(PendingState.FAILED)))
    assert len(commits) == 1
    assert len(await desk.pushed()) == 20
