"""Which parts are copied: every byte of the new version comes from one side, and no part is odd."""

import random

import pytest

from s3d.agent.frontends.fuse.byte_ranges import ByteRanges
from s3d.agent.frontends.fuse.patch_plan import LARGEST, SMALLEST, gaps_of_patch, plan_patch

MIB = 1 << 20


def test_an_append_to_a_large_object_sends_its_last_part_only():
    size = (1 << 30) + 10
    plan = plan_patch(size, [(0, 1 << 30)])
    (sent,) = plan.sent()
    assert sent.stop == size
    assert gaps_of_patch(size, [(0, 1 << 30)]) == [(sent.start, 1 << 30)]
    assert (1 << 30) - sent.start < 32 * MIB


def test_a_write_in_the_middle_sends_the_part_around_it():
    size, written = 100 * MIB, (50 * MIB, 50 * MIB + 3)
    missing = [(0, written[0]), (written[1], size)]
    plan = plan_patch(size, missing)
    (sent,) = plan.sent()
    assert (sent.start, sent.size) == (48 * MIB, SMALLEST)
    assert gaps_of_patch(size, missing) == [(sent.start, written[0]), (written[1], sent.stop)]


def test_an_object_that_was_written_all_over_copies_nothing():
    size = 40 * MIB
    missing = [(at + 1, at + SMALLEST) for at in range(0, size, SMALLEST)]
    assert not plan_patch(size, missing).copied
    assert gaps_of_patch(size, missing) == missing


@pytest.mark.parametrize("size", [1, SMALLEST, 600 * MIB, 5 << 30, 5 << 40])
def test_the_parts_are_those_that_stores_take(size):
    parts = plan_patch(size, [(0, size)]).parts
    assert sum(part.size for part in parts) == size
    assert len({part.size for part in parts[:-1]}) <= 1
    assert len(parts) <= 10_000
    assert parts.part_size >= SMALLEST
    assert size > 600 << 30 or parts.part_size <= LARGEST


@pytest.mark.parametrize("seed", range(20))
def test_fetched_and_copied_bytes_are_what_is_missing(seed):
    chance = random.Random(seed)
    size, missing = chance.randrange(1, 200 * MIB), ByteRanges()
    for _ in range(chance.randrange(6)):
        start = chance.randrange(size)
        missing.add(start, min(size, start + chance.randrange(1, 80 * MIB)))
    plan, gaps = plan_patch(size, list(missing)), gaps_of_patch(size, list(missing))
    both = ByteRanges(gaps)
    for part in plan.parts:
        if part.number in plan.copied:
            both.add(part.start, part.stop)
    assert list(both) == list(missing)
    copied = sum(part.size for part in plan.parts if part.number in plan.copied)
    assert copied + sum(end - start for start, end in gaps) == sum(
        end - start for start, end in missing
    )
