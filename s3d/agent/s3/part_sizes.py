"""How an object is cut into parts: the limits of S3, and one function for the size of the parts.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, overload

from s3d.agent.s3.errors import S3Error

MIN_PART = 5 << 20
"""Bytes of a part, except for the last one."""
MAX_PART = 5 << 30
MAX_PARTS = 10_000
MAX_OBJECT = MAX_PARTS * MAX_PART
"""Bytes of an object: 48.8 TiB."""
MAX_SINGLE = 5 << 30
"""Bytes that one PutObject or CopyObject can have."""
DEFAULT_PART = 16 << 20
_STEP = 1 << 20
"""Parts are whole multiples of this many bytes, as readers of whole blocks prefer."""


class PartSpan(NamedTuple):
    """One part of an object. number: from 1. start, size: bytes."""

    number: int
    start: int
    size: int

    @property
    def stop(self) -> int:
        return self.start + self.size

    @property
    def byte_range(self) -> str:
        """As the value of a Range header."""
        return f"bytes={self.start}-{self.stop - 1}"


def part_size_of(size: int, smallest: int = DEFAULT_PART) -> int:
    """The size of the parts of an object: the smallest one, unless that gives over 10,000 parts.

    size: bytes of the object. Raises EntityTooLarge for what S3 cannot store.
    """
    if size > MAX_OBJECT:
        raise S3Error("EntityTooLarge", MaxSizeAllowed=MAX_OBJECT, ProposedSize=size)
    needed = -(-size // MAX_PARTS)
    return smallest if needed <= smallest else -(-needed // _STEP) * _STEP


class PartPlan(Sequence[PartSpan]):
    """The parts of an object of this size, by number less one; an empty object has none."""

    def __init__(self, size: int, part_size: int) -> None:
        self.size, self.part_size = size, part_size

    def __len__(self) -> int:
        return -(-self.size // self.part_size)

    @overload
    def __getitem__(self, index: int) -> PartSpan: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PartSpan]: ...
    def __getitem__(self, index: int | slice) -> PartSpan | Sequence[PartSpan]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        start = position * self.part_size
        return PartSpan(position + 1, start, min(self.part_size, self.size - start))


def plan_parts(size: int, smallest: int = DEFAULT_PART) -> PartPlan:
    """The parts of an object. Raises EntityTooLarge for what S3 cannot store."""
    return PartPlan(size, part_size_of(size, smallest))


def is_in_parts(size: int, smallest: int = DEFAULT_PART) -> bool:
    """Whether an object is worth several requests: above the size of four parts."""
    return size > 4 * smallest
