"""A set of bytes of a file, as ranges. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""Start and end of a run of bytes; the end is not part of it."""


class ByteRanges:
    """Ranges that do not touch one another, in order. Not safe for several threads."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._starts, self._ends, strict=True)

    def __len__(self) -> int:
        """The number of ranges."""
        return len(self._starts)

    def __repr__(self) -> str:
        return f"ByteRanges({list(self)})"

    def add(self, start: int, end: int) -> None:
        """Add a run of bytes, and merge it with those that it overlaps or touches."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def cut(self, size: int) -> None:
        """Remove every byte from this offset on."""
        keep = bisect_left(self._starts, size)
        del self._starts[keep:], self._ends[keep:]
        if keep:
            self._ends[-1] = min(self._ends[-1], size)

    def gaps(self, start: int, end: int) -> list[Range]:
        """The runs between start and end that are not in the set, in order."""
        found = []
        place = bisect_right(self._ends, start)
        while start < end and place < len(self._starts):
            if self._starts[place] >= end:
                break
            if self._starts[place] > start:
                found.append((start, self._starts[place]))
            start = self._ends[place]
            place += 1
        if start < end:
            found.append((start, end))
        return found

    def covers(self, start: int, end: int) -> bool:
        """Whether all of these bytes are in the set."""
        return not self.gaps(start, end)


class OldBytes:
    """Which bytes of the old version of a file are still to be fetched. Not safe for threads."""

    def __init__(self, end: int, present: Iterable[Range] = ()) -> None:
        """end: the size of the old version. present: what needs no fetch."""
        self.end = end
        """No byte from here on is missing; 0: none is."""
        self._present = ByteRanges(present)
        self._unrecorded: list[Range] = []

    def missing(self, start: int, end: int) -> list[Range]:
        """The missing runs between start and end."""
        return self._present.gaps(start, min(end, self.end))

    def add(self, start: int, end: int) -> None:
        """These bytes were written or fetched."""
        if start < self.end:
            self._present.add(start, end)
            self._unrecorded.append((start, end))

    def cut(self, size: int) -> None:
        """The file was cut; what it gets behind that is not of the old version."""
        self.end = min(self.end, size)
        self._present.cut(size)

    def complete(self) -> None:
        """Nothing is missing any more."""
        self.end, self._present, self._unrecorded = 0, ByteRanges(), []

    def record_again(self) -> None:
        """Another file has the bytes now, of which nothing is recorded."""
        self._unrecorded = list(self._present)

    def take_unrecorded(self) -> list[Range]:
        """The runs that were added since the last call."""
        taken, self._unrecorded = self._unrecorded, []
        return taken
