"""Whose turn it is."""

from s3d.agent.stores.write_queue.pending import Kind, PendingState, PendingWrite
from s3d.agent.stores.write_queue.pending_index import PendingIndex
from s3d.agent.stores.write_queue.push_scheduler import PushScheduler

MIB = 1 << 20


class Turns:
    """A schedule that is offered whatever is added."""

    def __init__(self):
        self.backlog = PendingIndex()
        self.schedule = PushScheduler(self.backlog)
        self.seq = 0

    def add(self, key, size=0, accepted=0.0, **further):
        self.seq += 1
        write = PendingWrite(self.seq, Kind.PUT, "bbb", key, size, accepted, **further)
        self.backlog.add(write)
        self.schedule.offer("bbb", key, 0.0)
        return write

    def taken(self, now=0.0):
        """Keys in the order in which they are given; each stays on its way."""
        keys = []
        while (write := self.schedule.next(now)) is not None:
            self.backlog.set_state(write, PendingState.PUSHING)
            keys.append(write.key)
        return keys


def test_small_ones_first_and_urgent_ones_before_all():
    turns = Turns()
    turns.add("large", 50 * MIB)
    turns.add("small")
    turns.add("important", 50 * MIB, priority=1)
    turns.schedule.hurry(("bbb", "urgent"))
    turns.add("urgent", 90 * MIB)
    assert turns.taken() == ["urgent", "important", "small", "large"]


def test_one_write_of_a_key_at_a_time():
    turns = Turns()
    first, _ = turns.add("k"), turns.add("k")
    assert turns.taken() == ["k"]
    turns.backlog.remove(first.seq)
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
    turns.schedule.hurry(("bbb", "k"))
    assert turns.schedule.offer("bbb", "k", 1.0)
    assert turns.taken(1.0) == ["k"]
    turns.schedule.relax(("bbb", "k"))
    turns.backlog.set_state(write, PendingState.WAITING)
    write.retry_at = 5.0
    assert not turns.schedule.offer("bbb", "k", 1.0)


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
