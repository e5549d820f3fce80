"""S3-FIFO: who has to go, and that nothing is lost or counted twice."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from s3d.agent.stores.read_cache.catalog.s3_fifo import LOOKS, Fifo, Retention
from tests.agent.stores.read_cache.sim import OBJECTS, hits_of_fifo, hits_of_lru, with_scans, zipf


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "plain", "scan", "gain"), [(0.01, 0.40, 0.32, 0.08), (0.1, 0.63, 0.50, 0.05)]
)
def test_it_hits_more_often_than_lru_with_scans_too(share, plain, scan, gain):
    room = int(OBJECTS * share)
    for trace, least in ((zipf, plain), (lambda a: with_scans(zipf(a)), scan)):
        hits = hits_of_fifo(trace(0.9), room)
        assert hits > least
        assert hits > hits_of_lru(trace(0.9), room) + gain


def test_what_is_used_twice_survives_a_scan():
    fifo = Fifo()
    hot = [fifo.add(1, number) for number in range(10)]
    for slot in hot * 3:
        fifo.touch(slot)
    left = []
    for number in range(100, 1_000):
        fifo.add(1, number)
        while fifo.size > 50:
            left.append(fifo.evict(lambda _: False))
    assert not set(hot) & set(left)


def test_what_comes_back_soon_after_it_left_is_taken_for_good():
    fifo = Fifo()
    for number in range(20):
        fifo.add(1, number)
    assert fifo.evict(lambda _: False) is not None  # mark 0
    back = fifo.add(1, 0)
    gone = [fifo.evict(lambda _: False) for _ in range(18)]
    assert back not in gone


def test_nothing_goes_when_all_must_stay():
    fifo = Fifo()
    for number in range(5):
        fifo.add(1, number)
    assert fifo.evict(lambda _: True) is None
    assert (fifo.size, fifo.count) == (5, 5)


def test_one_that_may_go_is_found_behind_one_that_has_to_stay():
    fifo = Fifo()
    stays, goes = fifo.add(0, 0), fifo.add(0, 1)
    fifo.touch(goes)
    fifo.touch(goes)
    assert fifo.evict(lambda slot: slot == stays) == goes
    assert fifo.evict(lambda slot: slot == stays) is None


@pytest.mark.finding("Q10")
def test_what_is_pinned_is_not_looked_at_again_until_something_has_changed():
    fifo, looks = Fifo(), 0

    def is_pinned(slot: int) -> Retention:
        nonlocal looks
        looks += 1
        return Retention.PINNED

    for number in range(3 * LOOKS):
        fifo.add(1, number)
    for _ in range(4):
        before = looks
        assert fifo.evict(is_pinned) is None
        assert looks - before <= LOOKS
    before = looks
    assert fifo.evict(is_pinned) is None
    assert looks == before
    fifo.pins_changed()
    assert fifo.evict(lambda slot: Retention.NO) is not None


@pytest.mark.finding("Q10")
def test_what_was_used_once_goes_before_many_pinned_ones_were_looked_at():
    fifo = Fifo()
    pinned = {fifo.add(1, number, known=True) for number in range(100_000)}
    once = [fifo.add(1, 200_000 + number) for number in range(10)]
    gone = [
        fifo.evict(lambda slot: Retention.PINNED if slot in pinned else Retention.NO)
        for _ in range(10)
    ]
    assert gone == once


class Model(RuleBasedStateMachine):
    """Against a plain dict of sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.fifo = Fifo()
        self.sizes: dict[int, int] = {}

    @rule(size=st.integers(0, 100), mark=st.integers(0, 20), known=st.booleans())
    def add(self, size, mark, known):
        slot = self.fifo.add(size, mark, known=known)
        assert slot not in self.sizes
        self.sizes[slot] = size

    @precondition(lambda self: self.sizes)
    @rule(data=st.data(), size=st.integers(0, 100))
    def change(self, data, size):
        slot = data.draw(st.sampled_from(sorted(self.sizes)))
        self.fifo.touch(slot)
        self.fifo.resize(slot, size)
        self.sizes[slot] = size

    @precondition(lambda self: self.sizes)
    @rule(data=st.data())
    def drop(self, data):
        slot = data.draw(st.sampled_from(sorted(self.sizes)))
        self.fifo.drop(slot)
        del self.sizes[slot]

    @rule(keep=st.integers(1, 3))
    def evict(self, keep):
        slot = self.fifo.evict(lambda slot: slot % keep == 0 and keep > 1)
        if slot is None:
            assert all(slot % keep == 0 and keep > 1 for slot in self.sizes)
            return
        assert not (slot % keep == 0 and keep > 1)
        del self.sizes[slot]

    @invariant()
    def adds_up(self):
        assert self.fifo.size == sum(self.sizes.values())
        assert self.fifo.count == len(self.sizes)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=50, stateful_step_count=60, deadline=None)
