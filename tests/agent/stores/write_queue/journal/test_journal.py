"""The journal against a simple model, restarts included, and its promises one by one."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout, ObjectRecord, Stored
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.pending_write import (
    Base,
    Kind,
    new_write,
)
from tests.agent.stores.write_queue.desk import ERROR, MANY, ONE, open_desk

PLACES = st.tuples(st.sampled_from([ONE, MANY]), st.sampled_from(["a", "b"]))


class JournalMachine(RuleBasedStateMachine):
    """The model: of each key the states it was given, in order, that the remote has not seen."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.desk = self.runner.run(open_desk(self.folder))
        self.states = {}
        """Name -> states, oldest first: (data, tags), or None for deleted."""
        self.remote = {}
        self.seen = {}
        """Name -> which of the states the remote has."""
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
            self.desk.journal.outcomes.retry_later(write.seq, 0.0)
        await self.desk.journal.control.retry()
        while (write := await self.desk.take()) is not None:
            await self.push(write)
        assert self.desk.journal.totals().files == 0
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
        state = None if row.stored is None else self.desk.content(row.stored)
        later = self.states[place][self.seen.get(place, 0) :]
        assert state in later, "it went back in time, or never was"
        self.seen[place] = self.seen.get(place, 0) + later.index(state)
        self.remote[place] = state
        await self.desk.journal.outcomes.acknowledge(write.seq, "")

    @rule(place=PLACES)
    def put(self, place):
        self.number += 1
        data = b"%d" % self.number
        self.runner.run(self.desk.s3.put(*place, data))
        self.states.setdefault(place, []).append((data, {}))

    @rule(place=PLACES)
    def delete(self, place):
        self.runner.run(self.desk.journal.recorder.delete(place[0], [place[1]]))
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
            journal.outcomes.retry_later(write.seq, 0.0, ERROR)
        else:
            self.runner.run(journal.outcomes.park(write.seq, ERROR))

    @rule()
    def retry(self):
        self.runner.run(self.desk.journal.control.retry())

    @rule()
    def restart(self):
        before = [(w.seq, w.kind, w.bucket, w.key) for w in self.desk.journal.pending]
        self.desk.index.close()
        self.taken.clear()
        self.desk = self.runner.run(open_desk(self.folder))
        after = [(w.seq, w.kind, w.bucket, w.key) for w in self.desk.journal.pending]
        assert set(after) <= set(before)
        assert after == sorted(after)

    @invariant()
    def reads_see_the_newest(self):
        for place, states in self.states.items():
            if self.desk.journal.pending.newest(*place) is not None:
                assert self.desk.staged(*place) == states[-1]
            else:
                assert self.remote.get(place) == states[-1]

    @invariant()
    def it_counts_right(self):
        status = self.desk.journal.totals()
        writes = list(self.desk.journal.pending)
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
    await desk.journal.recorder.delete(ONE, ["k", "other"])
    gone = await desk.pushed()
    assert [(kind, key) for kind, key, _ in gone] == [(Kind.DELETE, "k"), (Kind.DELETE, "other")]


async def test_the_write_on_its_way_is_not_replaced(desk):
    await desk.s3.put(ONE, "k", b"1")
    first = await desk.journal.take()
    await desk.s3.put(ONE, "k", b"2")
    assert await desk.take() is None
    assert (await desk.journal.load(first)).stored.record.size == 1
    await desk.journal.outcomes.acknowledge(first.seq)
    assert desk.staged(ONE, "k") == (b"2", {})
    assert (await desk.journal.take()).seq > first.seq


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
        await desk.journal.outcomes.park(write.seq, ERROR)
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
    await desk.journal.control.set_priority(desk.journal.pending.newest(ONE, "a").seq, 5)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(desk.journal.settled(ONE, "b"))
        await asyncio.sleep(0)
        assert [key for _, key, _ in await desk.pushed()] == ["b", "a"]
    assert waiting.done()


MEASURE = """
import asyncio, re, sys, time
from pathlib import Path
from s3d.agent.core.events import Events
from s3d.agent.storage.index import Index
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal

async def main():
    index = Index.open(Path(sys.argv[1]), ephemeral=True, tables=journal_rows.TABLES)
    began = time.process_time()
    journal = await Journal.open(index, Events())
    seconds = time.process_time() - began
    assert journal.totals().files == 100_000
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
            write = new_write(0, Kind.PUT, MANY, key, 4096, 1.7e9)
            journal_rows.insert(tx, write, object, Base())

    await index.write(fill)
    index.close()
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEASURE, str(tmp_path / "index"), stdout=asyncio.subprocess.PIPE
    )
    seconds, mib = (await run.communicate())[0].split()
    assert float(seconds) < 3.0
    assert int(mib) < 150
