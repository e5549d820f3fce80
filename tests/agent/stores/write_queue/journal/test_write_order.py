"""The order of forwarded and pending writes."""

import asyncio

import pytest

from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingWrite, new_write
from s3d.agent.stores.write_queue.journal.write_order import TurnKind, WriteOrder

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
