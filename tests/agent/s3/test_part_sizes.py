"""The sizes of parts: the limits of S3, for any size."""

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.part_sizes import (
    DEFAULT_PART,
    MAX_OBJECT,
    MAX_PART,
    MAX_PARTS,
    MIN_PART,
    PartSpan,
    is_in_parts,
    part_size_of,
    plan_parts,
)

TB = 10**12
SIZES = (1, MIN_PART, DEFAULT_PART, 160 << 30, (160 << 30) + 1, 5 * TB, 50 * TB, MAX_OBJECT)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("smallest", [MIN_PART, DEFAULT_PART, 100 << 20])
def test_every_size_fits_into_ten_thousand_parts_of_a_legal_size(size, smallest):
    parts = plan_parts(size, smallest)
    assert len(parts) <= MAX_PARTS
    assert smallest <= parts.part_size <= MAX_PART
    assert parts[0].start == 0
    assert parts[-1].stop == size
    assert parts[-1].number == len(parts)
    assert sum(part.size for part in parts) == size


def test_parts_grow_only_when_there_would_be_too_many():
    assert part_size_of(MAX_PARTS * DEFAULT_PART) == DEFAULT_PART
    assert part_size_of(MAX_PARTS * DEFAULT_PART + 1) == DEFAULT_PART + (1 << 20)
    assert part_size_of(MAX_OBJECT) == MAX_PART


def test_what_s3_cannot_store_is_refused():
    with pytest.raises(S3Error, match="maximum allowed") as caught:
        part_size_of(MAX_OBJECT + 1)
    assert caught.value.code == "EntityTooLarge"


def test_parts_follow_one_another():
    parts = plan_parts((5 << 20) * 2 + 7, MIN_PART)
    assert list(parts) == [
        PartSpan(1, 0, MIN_PART),
        PartSpan(2, MIN_PART, MIN_PART),
        PartSpan(3, 2 * MIN_PART, 7),
    ]
    assert parts[1:] == [parts[1], parts[2]]
    assert parts[2].byte_range == f"bytes={2 * MIN_PART}-{2 * MIN_PART + 6}"
    with pytest.raises(IndexError):
        parts[3]


def test_an_empty_object_has_no_parts():
    assert list(plan_parts(0)) == []


def test_small_objects_are_moved_whole():
    assert not is_in_parts(4 * MIN_PART, MIN_PART)
    assert is_in_parts(4 * MIN_PART + 1, MIN_PART)
