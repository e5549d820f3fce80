"""Which write is pushed next, the priority queue of that, and the turns of forwarded writes."""

import asyncio
import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.stores.write_queue.journal import push_order
from s3d.agent.stores.write_queue.journal.pending_index import PendingIndex
from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    PendingWrite,
    new_write,
)
from s3d.agent.stores.write_queue.journal.push_order import (
    LOW_BITS,
    MAX_DELAY,
    PushScheduler,
    RankHeap,
    TurnKind,
    WriteOrder,
    rank,
    seq_of,
)

MIB = 1 << 20


class Turns:
    """A schedule that is offered whatever is added."""

    def __init__(self):
        self.index = PendingIndex()
        self.schedule = PushScheduler(self.index, WriteOrder())
        self.seq = 0

    def add(self, key, size=0, accepted=0.0, **further):
        self.seq += 1
        write = new_write(self.seq, Kind.PUT, "bbb", key, size, accepted, **further)
        self.index.add(write)
        self.schedule.offer("bbb", key, 0.0)
        return write

    def taken(self, now=0.0):
        """Keys in the order in which they are given; each stays on its way."""
        keys = []
        while (write := self.schedule.next(now)) is not None:
            self.index.set_state(write, PendingState.PUSHING)
            keys.append(write.key)
        return keys


def test_small_ones_first_and_urgent_ones_before_all():
    turns = Turns()
    turns.add("large", 50 * MIB)
    turns.add("small")
    turns.add("important", 50 * MIB, priority=1)
    turns.schedule.expedite(("bbb", "urgent"), 0.0)
    turns.add("urgent", 90 * MIB)
    assert turns.taken() == ["urgent", "important", "small", "large"]


def test_one_write_of_a_key_at_a_time():
    turns = Turns()
    first, _ = turns.add("k"), turns.add("k")
    assert turns.taken() == ["k"]
    turns.index.remove(first.seq)
    assert turns.schedule.offer("bbb", "k", 0.0)
    assert turns.taken() == ["k"]


def test_a_delayed_write_comes_at_its_time():
    turns = Turns()
    turns.add("k", retry_at=5.0)
    assert turns.taken(4.0) == []
    assert turns.schedule.next_at() == 5.0
    assert turns.taken(5.0) == ["k"]


def test_hurry_ends_the_delay_until_it_is_taken_back():
    turns = Turns()
    write = turns.add("k", retry_at=5.0)
    turns.schedule.expedite(("bbb", "k"), 1.0)
    assert turns.schedule.offer("bbb", "k", 1.0)
    assert turns.taken(1.0) == ["k"]
    turns.schedule.relax(("bbb", "k"))
    turns.index.set_state(write, PendingState.WAITING)
    write.retry_at = 5.0
    assert not turns.schedule.offer("bbb", "k", 1.0)


def test_an_expedited_write_that_has_failed_is_retried_at_its_time():
    turns = Turns()
    write = turns.add("k", retry_at=5.0)
    turns.schedule.expedite(("bbb", "k"), 1.0)
    turns.schedule.offer("bbb", "k", 1.0)
    assert turns.taken(1.0) == ["k"]
    turns.index.set_state(write, PendingState.WAITING)
    write.retry_at = 3.0
    assert not turns.schedule.offer("bbb", "k", 1.0)
    assert turns.taken(2.0) == []
    assert turns.taken(3.0) == ["k"]


def test_parked_writes_wait_for_their_time_if_they_have_one():
    turns = Turns()
    turns.add("never", state=PendingState.FAILED)
    turns.add("later", state=PendingState.FAILED, retry_at=5.0)
    turns.add("held", state=PendingState.HELD)
    assert turns.taken(9.0) == ["later"]


def test_a_write_whose_priority_has_changed_stands_at_its_new_place():
    turns = Turns()
    write = turns.add("a")
    turns.add("b")
    write.priority = -1
    turns.schedule.offer("bbb", "a", 0.0)
    assert turns.taken() == ["b", "a"]


MIB = 1 << 20


class Write(NamedTuple):
    seq: int
    size: int
    first_accepted: float
    priority: int = 0


writes = st.builds(
    Write, st.integers(1, 9), st.integers(0, 1 << 40), st.floats(0, 1e6), st.integers(-1, 1)
)


def test_of_two_of_the_same_age_the_small_one_goes_first() -> None:
    assert rank(Write(2, 4096, 0.0)) < rank(Write(1, 10 * MIB, 0.0))


def test_of_two_of_the_same_size_the_older_one_goes_first() -> None:
    assert rank(Write(1, 4096, 1.0)) < rank(Write(2, 4096, 2.0))


def test_what_was_accepted_at_once_goes_in_order() -> None:
    assert rank(Write(1, 0, 1.0)) < rank(Write(2, 0, 1.0))


def test_a_greater_priority_goes_first() -> None:
    assert rank(Write(9, 1 << 40, 9.0, priority=1)) < rank(Write(1, 0, 0.0))


@given(writes, st.integers(0, 1 << 20))
def test_a_stream_of_small_ones_delays_nobody_longer_than_patience(write: Write, size: int) -> None:
    later = Write(10, size, write.first_accepted + MAX_DELAY + 0.001, write.priority)
    assert rank(write) < rank(later)


@pytest.mark.parametrize("priority", [-1_000, -1, 0, 1, 1_000])
def test_a_rank_has_the_number_of_its_write(priority):
    write = Write((1 << 40) + 7, 1 << 40, 1.8e9, priority=priority)
    assert seq_of(rank(write)) == write.seq
    assert rank(write) < rank(Write(1, 0, 0.0, priority=priority - 1))


ranks = st.integers(-(1 << 62), (1 << 62) - 1).flatmap(
    lambda high: st.integers(0, (1 << LOW_BITS) - 1).map(lambda low: (high << LOW_BITS) + low)
)


@given(st.lists(st.lists(ranks, max_size=20, unique=True), max_size=12), st.randoms())
def test_a_rank_heap_is_a_heap(rounds: list[list[int]], chance: random.Random) -> None:
    """With runs of a few entries. An entry may be there twice, and come once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(push_order, "FULL", 4)
        patch.setattr(push_order, "_KEPT", 1)
        heap, expected = RankHeap(), set[int]()
        last = None
        for pushed in rounds:
            for entry in pushed:
                heap.push(entry)
            expected |= set(pushed)
            last = None
            for _ in range(chance.randrange(len(expected) + 1)):
                entry = heap.pop()
                while entry == last:
                    entry = heap.pop()
                assert entry == min(expected)
                expected.remove(entry)
                last = entry
            while last is not None and heap and heap._heap[0] == last:
                heap.pop()
        left = set[int]()
        while heap:
            left.add(heap.pop())
        assert left == expected


def test_many_ranks_are_small_and_come_in_order() -> None:
    heap, chance = RankHeap(), random.Random(1)
    many = [(chance.randrange(1 << 51) << LOW_BITS) + seq for seq in range(100_000)]
    for entry in many:
        heap.push(entry)
    assert len(heap._heap) < 2 * push_order.FULL
    assert [heap.pop() for _ in many] == sorted(many)
    assert not heap
    with pytest.raises(IndexError):
        heap.pop()


ONE, TWO = ("b", "one"), ("b", "two")


def write(order: WriteOrder, seq: int, key: str = "one", *earlier: int) -> PendingWrite:
    made = new_write(seq, Kind.PUT, "b", key, 1, 0.0)
    order.add(made, earlier)
    return made


async def test_what_is_accepted_after_a_turn_has_begun_waits_for_its_end():
    order, ended = WriteOrder(), []
    order.on_end = ended.append
    before = write(order, 1)
    with order.enter([ONE, TWO, ONE], TurnKind.SHARED) as turn:
        waiting = write(order, 2)
        assert not order.holds_back(waiting)
        await order.begin(turn)
        after, other = write(order, 3), write(order, 4, "other")
        assert [order.holds_back(each) for each in (before, waiting, after, other)] == [
            False, False, True, False,
        ]  # fmt: skip
        assert [turn.follows(each) for each in (waiting, after)] == [True, False]
        assert order.holds_back(write(order, 5, "two"))
    assert not order.holds_back(after)
    assert ended == [ONE, TWO]


async def test_what_replaces_or_tags_an_earlier_write_comes_before_the_turn_too():
    order = WriteOrder()
    write(order, 1)
    with order.enter([ONE], TurnKind.SHARED) as turn:
        await order.begin(turn)
        replacing = write(order, 2, "one", 1)
        assert turn.follows(replacing)
        assert turn.follows(write(order, 3, "one", 2))
        assert not order.holds_back(replacing)
        later = write(order, 4)
        assert not turn.follows(write(order, 5, "one", later.seq))


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        (TurnKind.SHARED, TurnKind.SHARED, False),
        (TurnKind.SHARED, TurnKind.CONDITIONAL, False),
        (TurnKind.CONDITIONAL, TurnKind.CONDITIONAL, True),
        (TurnKind.SHARED, TurnKind.ACCEPTING, True),
        (TurnKind.ACCEPTING, TurnKind.SHARED, True),
    ],
)
async def test_which_turns_of_a_key_exclude_one_another(first, second, waits):
    order = WriteOrder()
    with order.enter([TWO, ONE], second) as later:
        await order.begin(later)
    with order.enter([ONE], first) as earlier, order.enter([TWO, ONE], second) as later:
        await order.begin(earlier)
        beginning = asyncio.get_running_loop().create_task(order.begin(later))
        await asyncio.sleep(0)
        assert beginning.done() is not waits
        assert order.holds_back(write(order, 1, "two")) is not waits
        earlier.end()
        await beginning
        assert order.holds_back(write(order, 2, "two"))
