from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.stores.write_queue.journal import rank_heap
from s3d.agent.stores.write_queue.journal.rank_heap import LOW_BITS, RankHeap

ranks = st.integers(-(1 << 62), (1 << 62) - 1).flatmap(
    lambda high: st.integers(0, (1 << LOW_BITS) - 1).map(lambda low: (high << LOW_BITS) + low)
)


@given(st.lists(st.lists(ranks, max_size=20, unique=True), max_size=12), st.randoms())
def test_it_is_a_heap(rounds: list[list[int]], chance: random.Random) -> None:
    """With runs of a few entries. An entry may be there twice, and come once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank_heap, "FULL", 4)
        patch.setattr(rank_heap, "_KEPT", 1)
        heap, expected = RankHeap(), set[int]()
        last = None
        for pushed in rounds:
            for rank in pushed:
                heap.push(rank)
            expected |= set(pushed)
            last = None
            for _ in range(chance.randrange(len(expected) + 1)):
                rank = heap.pop()
                while rank == last:
                    rank = heap.pop()
                assert rank == min(expected)
                expected.remove(rank)
                last = rank
            while last is not None and heap and heap._heap[0] == last:
                heap.pop()
        left = set[int]()
        while heap:
            left.add(heap.pop())
        assert left == expected


def test_many_are_small_and_come_in_order() -> None:
    heap, chance = RankHeap(), random.Random(1)
    many = [(chance.randrange(1 << 51) << LOW_BITS) + seq for seq in range(100_000)]
    for rank in many:
        heap.push(rank)
    assert len(heap._heap) < 2 * rank_heap.FULL
    assert [heap.pop() for _ in many] == sorted(many)
    assert not heap
    with pytest.raises(IndexError):
        heap.pop()
