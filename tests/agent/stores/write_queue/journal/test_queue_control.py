"""What people decide about pending writes."""

from __future__ import annotations

import time

import pytest

from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    NewerWritePending,
    PendingState,
    new_write,
)
from tests.agent.stores.write_queue.desk import ERROR, MANY, ONE, reopened


async def test_discarding_brings_back_what_was_before(desk):
    await desk.s3.put(MANY, "k", b"1")
    await desk.s3.put(MANY, "k", b"2")
    newest = desk.journal.pending.newest(MANY, "k")
    assert await desk.journal.control.discard(newest.seq)
    assert desk.staged(MANY, "k") == (b"1", {})
    assert await desk.journal.control.discard(desk.journal.pending.newest(MANY, "k").seq)
    assert desk.staged(MANY, "k") is None


@pytest.mark.parametrize("act", ["retry", "hold"])
async def test_what_is_replaced_while_somebody_decides_about_it_is_not_counted(
    desk, act, monkeypatch
):
    await desk.s3.put(ONE, "k", b"1")
    write = desk.journal.pending.newest(ONE, "k")
    if act == "retry":
        await desk.journal.outcomes.park((await desk.journal.take()).seq, ERROR)
    commit = desk.index.write

    async def late(change, **options):
        monkeypatch.undo()
        await desk.s3.put(ONE, "k", b"2")
        return await commit(change, **options)

    monkeypatch.setattr(desk.index, "write", late)
    await getattr(desk.journal.control, act)(seq=write.seq)
    counts = {state: share.files for state, share in desk.journal.totals().by_state.items()}
    assert counts == dict.fromkeys(PendingState, 0) | {PendingState.WAITING: 1}


async def test_what_is_being_pushed_is_not_discarded(desk):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    assert not await desk.journal.control.discard(write.seq)


async def test_retry_as_another_key(desk):
    await desk.s3.put(ONE, "k", b"1", Tagging="a=b")
    write = await desk.journal.take()
    await desk.journal.outcomes.park(write.seq, ERROR)
    assert await desk.journal.control.retry(seq=write.seq, as_key="other") == 1
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
    await desk.journal.outcomes.park(write.seq, ERROR)
    if one_version:
        desk.journal.unversioned.add(ONE)
    with pytest.raises(NewerWritePending):
        await desk.journal.control.retry(seq=write.seq, as_key=key)
    assert desk.journal.pending.get(write.seq).state is PendingState.FAILED
    assert desk.staged(ONE, key) == (b"newest", {})
    assert len(desk.journal.pending.writes(ONE)) == 2


async def test_a_retry_as_its_own_key_keeps_the_write(desk):
    await desk.s3.put(ONE, "k", b"1")
    write = await desk.journal.take()
    await desk.journal.outcomes.park(write.seq, ERROR)
    assert await desk.journal.control.retry(seq=write.seq, as_key="k") == 1
    assert [key for _, key, _ in await desk.pushed()] == ["k"]


async def test_a_held_write_waits_for_its_release(desk, tmp_path):
    await desk.s3.put(ONE, "k", b"1")
    seq = desk.journal.pending.newest(ONE, "k").seq
    await desk.journal.control.hold(seq)
    assert await desk.take() is None
    async with reopened(desk, tmp_path) as again:
        assert await again.take() is None
        await again.journal.control.release(seq)
        assert (await again.take()).seq == seq


async def test_a_pause_outlives_a_restart(desk, tmp_path):
    await desk.journal.control.pause()
    await desk.s3.put(ONE, "k", b"1")
    async with reopened(desk, tmp_path) as again:
        assert again.journal.paused
        assert await again.take() is None
        await again.journal.control.resume()
        assert await again.take() is not None


async def delayed(desk, count):
    """So many writes in memory that have failed and wait for their next try."""
    for seq in range(1, count + 1):
        write = new_write(seq, Kind.PUT, ONE, f"k{seq}", 0, 1000.0, retry_at=2000.0)
        desk.journal._writes.add(write, [])


async def test_to_retry_one_write_does_not_look_at_all_others(desk):
    await delayed(desk, 20_000)
    began = time.process_time()
    for seq in range(1, 2_001):
        assert await desk.journal.control.retry(seq=seq) == 1
    assert time.process_time() - began < 1.0  # 40 million looks would take several
    assert (await desk.journal.take()).retry_at == 0.0


async def test_a_hurry_lets_all_that_is_delayed_go_and_tells_of_it_once(desk):
    await delayed(desk, 1_000)
    told = []
    desk.journal.on_change.append(lambda: told.append(1))
    desk.journal.control.retry_delayed()
    assert len(told) == 1
    assert [(await desk.take()).key for _ in range(1_000)] == [f"k{n}" for n in range(1, 1_001)]


async def test_what_is_parked_is_retried_in_one_commit(desk):
    for number in range(20):
        await desk.s3.put(MANY, f"k{number}", b"1")
        await desk.journal.outcomes.park((await desk.take()).seq, ERROR)
    commits = []
    write = desk.index.write
    desk.index.write = lambda *given, **options: commits.append(1) or write(*given, **options)
    await desk.journal.control.retry_writes(
        list(desk.journal.pending.in_state(PendingState.FAILED))
    )
    assert len(commits) == 1
    assert len(await desk.pushed()) == 20


async def test_a_write_that_is_replaced_or_discarded_is_told(desk):
    told = []
    desk.events.taps.append(lambda event: told.append((event.kind, event.data.get("seq"))))
    await desk.s3.put(ONE, "k", b"1")
    first = desk.journal.pending.newest(ONE, "k").seq
    await desk.s3.put(ONE, "k", b"2")
    second = desk.journal.pending.newest(ONE, "k").seq
    await desk.journal.control.discard(second)
    assert told == [
        ("queue.accepted", first),
        ("queue.superseded", first),
        ("queue.accepted", second),
        ("queue.discarded", second),
    ]
