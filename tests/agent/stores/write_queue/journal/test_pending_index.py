"""The pending writes in memory, against lists."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.stores.write_queue.journal import pending_index
from s3d.agent.stores.write_queue.journal.pending_index import PendingIndex
from s3d.agent.stores.write_queue.journal.pending_write import (
    STUCK,
    Kind,
    PendingState,
    Usage,
    new_write,
)

KEYS = st.text("ab\u00e9\U0001f600", min_size=1, max_size=3)
WRITES = st.lists(st.tuples(st.sampled_from(["one", "two"]), KEYS, st.integers(0, 9)), max_size=20)
KINDS = st.sampled_from([Kind.PUT, Kind.DELETE])


def filled(places, listed=0):
    """listed: how many writes there are at the first listing."""
    index, writes = PendingIndex(), []
    for seq, (bucket, key, size) in enumerate(places, 1):
        if seq == listed:
            list(index.under("one", b"", b""))
        writes.append(new_write(seq, Kind.PUT, bucket, key, size, float(seq)))
        index.add(writes[-1])
    return index, writes


@settings(max_examples=50, deadline=None)
@given(WRITES, st.data())
def test_it_finds_what_is_there_in_order(places, data):
    index, writes = filled(places, data.draw(st.integers(0, 20)))
    gone = data.draw(st.sets(st.integers(1, len(writes)))) if writes else set()
    for seq in gone:
        assert index.remove(seq).seq == seq
        assert index.remove(seq) is None
    left = [write for write in writes if write.seq not in gone]
    assert list(index) == left
    assert (len(index), index.size) == (len(left), sum(write.size for write in left))
    newest = {(write.bucket, write.key): write for write in left}
    assert index.staged == sum(write.size for write in newest.values())
    prefix, after = data.draw(KEYS), data.draw(KEYS)
    below = [
        write
        for (bucket, key), write in newest.items()
        if bucket == "one" and key.startswith(prefix) and key.encode() > after.encode()
    ]
    found = list(index.under("one", prefix.encode(), after.encode()))
    assert found == sorted(below, key=lambda write: write.key.encode())
    assert index.writes("one") == [write for write in left if write.bucket == "one"]


def test_it_counts_by_state():
    index, (first, second) = filled([("one", "a", 3), ("one", "b", 4)])
    index.set_state(first, PendingState.FAILED)
    assert index.usage(PendingState.FAILED) == Usage(1, 3)
    assert index.usage(PendingState.WAITING) == Usage(1, 4)
    assert index.oldest() == second.first_accepted
    index.set_state(second, PendingState.HELD)
    assert index.oldest() is None


def test_keys_behind_one_that_is_no_text_are_found():
    index, _ = filled([("one", "a/1", 0), ("one", "b", 0)])
    assert [write.key for write in index.under("one", b"", b"a/\xff")] == ["b"]


def test_buckets_are_those_with_writes():
    index, _ = filled([("one", "a", 0), ("two", "a", 0)])
    index.remove(1)
    assert index.buckets() == ["two"]


@settings(max_examples=100, deadline=None)
@given(WRITES, st.data())
def test_what_waits_behind_a_stuck_write_is_counted(places, data):
    index, _ = filled(places)
    for later in range(data.draw(st.integers(0, 12)) if places else 0):
        write = data.draw(st.sampled_from(list(index) or [None]))
        if write is None:
            break
        state = data.draw(st.sampled_from([None, *PendingState]))
        if state is None:
            index.remove(write.seq)
        else:
            index.set_state(write, state)
        if data.draw(st.booleans()):
            key = data.draw(KEYS)
            index.add(new_write(100 + later, Kind.PUT, "one", key, 2, 0.0))
    lines = {(write.bucket, write.key): [] for write in index}
    for write in index:
        lines[write.bucket, write.key].append(write)
    blocked = [
        write.size
        for line in lines.values()
        if line[0].state in STUCK
        for write in line
        if write.state is PendingState.WAITING
    ]
    assert index.blocked == Usage(len(blocked), sum(blocked))


@pytest.mark.finding("Q10")
@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(KEYS, KINDS), max_size=20), st.data())
def test_keys_whose_newest_write_is_a_delete_are_in_order(given_writes, data):
    """Whenever the order is made: after a start, at the first listing, or before all writes."""
    index, left = PendingIndex(), []
    ordered = data.draw(st.integers(0, 20))
    for seq, (key, kind) in enumerate(given_writes, 1):
        if seq == ordered:
            index.put_in_order()
        left.append(new_write(seq, kind, "one", key, 0, float(seq)))
        index.add(left[-1])
    for seq in data.draw(st.sets(st.integers(1, len(given_writes)))) if given_writes else ():
        index.remove(seq)
        left = [write for write in left if write.seq != seq]
    newest = {write.key: write for write in left}
    prefix, after, limit = data.draw(KEYS), data.draw(KEYS), data.draw(st.integers(1, 9))
    doomed = [
        key
        for key, write in newest.items()
        if write.kind is Kind.DELETE and key.startswith(prefix) and key.encode() > after.encode()
    ]
    found = index.deleted("one", prefix.encode(), after.encode(), limit)
    assert found == sorted(doomed, key=str.encode)[:limit]
    assert index.deleted("two", b"", b"", limit) == []


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=60))
def test_what_is_left_is_found_whenever_removed_writes_are_cleared_away(steps):
    """None adds a write; a number removes one of those that are left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending_index, "_FEW", 1)
        index, left, seq = PendingIndex(), {}, 0
        for step in steps:
            if step is None:
                seq += 1
                left[seq] = new_write(seq, Kind.PUT, "b", f"k{seq}", 1, 0.0)
                index.add(left[seq])
            elif left:
                gone = list(left)[step % len(left)]
                assert index.remove(gone) is left.pop(gone)
            assert list(index) == list(left.values())
            assert all(index.get(each) is write for each, write in left.items())
            assert len(index) == len(left)


def test_a_write_is_found_after_thousands_were_removed() -> None:
    index = PendingIndex()
    for seq in range(1, 3_000):
        index.add(new_write(seq, Kind.PUT, "b", f"k{seq}", 1, 0.0))
        if seq > 1:
            assert index.remove(seq - 1) is not None
        assert index.get(seq) is not None
    assert len(index) == 1
