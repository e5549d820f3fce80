"""The pending writes in memory: by seq, by key, in key order, and counted. Belongs to the loop."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence

from s3d.agent.stores.write_queue.journal.pending_write import (
    STUCK,
    Kind,
    ObjectName,
    PendingState,
    PendingWrite,
    Usage,
)


class PendingIndex:
    """Everybody may query it; only the journal adds, removes and changes writes."""

    def __init__(self) -> None:
        self._by_seq = _BySeq()
        self._buckets: dict[str, _Keys] = {}
        self._is_in_order = False
        self._counters = _Counters()
        self.staged = 0
        """Bytes of the staged objects: the newest put of each key."""
        self.copies = PendingCopies()

    def __len__(self) -> int:
        return len(self._by_seq)

    def __iter__(self) -> Iterator[PendingWrite]:
        """All, oldest first."""
        return iter(tuple(self._by_seq))

    @property
    def size(self) -> int:
        """Bytes of all writes."""
        return sum(self._counters.sizes.values())

    @property
    def blocked(self) -> Usage:
        """Writes that wait behind a held or parked write of their key."""
        return self._counters.blocked

    def add(self, write: PendingWrite) -> None:
        """The seq of the write must be greater than that of all others."""
        keys = self._buckets.get(write.bucket)
        if keys is None:
            keys = self._buckets[write.bucket] = _Keys()
            if self._is_in_order:
                keys.put_in_order()
        self.staged += keys.add(write)
        self._by_seq.add(write)
        self.copies.add(write)
        self._counters.add(write, 1)
        blocked = self._counters.blocked_of.get((write.bucket, write.key))
        if blocked is not None and write.state is PendingState.WAITING:
            more = Usage(blocked.files + 1, blocked.size + write.size)
            self._counters.block((write.bucket, write.key), more)
        elif blocked is None and write.state in STUCK:
            self._recount_blocked(write)

    def remove(self, seq: int) -> PendingWrite | None:
        """The write, if it was there."""
        write = self._by_seq.pop(seq)
        if write is None:
            return None
        keys = self._buckets[write.bucket]
        self.staged += keys.remove(write)
        if not keys:
            del self._buckets[write.bucket]
        self.copies.remove(write)
        self._counters.add(write, -1)
        self._recount_blocked(write)
        return write

    def set_state(self, write: PendingWrite, state: PendingState) -> None:
        self._counters.add(write, -1)
        write.state = state
        self._counters.add(write, 1)
        self._recount_blocked(write)

    def get(self, seq: int) -> PendingWrite | None:
        return self._by_seq.get(seq)

    def in_state(self, state: PendingState) -> Iterator[PendingWrite]:
        """Oldest first."""
        return (write for write in self if write.state is state)

    def newest(self, bucket: str, key: str) -> PendingWrite | None:
        """The newest write of a key."""
        writes = self.of_key(bucket, key)
        return writes[-1] if writes else None

    def of_key(self, bucket: str, key: str) -> list[PendingWrite]:
        """Oldest first. The caller must not change the list."""
        keys = self._buckets.get(bucket)
        return keys.of(key) if keys is not None else _NONE

    def writes(self, bucket: str, key: str = "") -> list[PendingWrite]:
        """The writes of a key, or (key "") of a whole bucket; oldest first."""
        if key:
            return list(self.of_key(bucket, key))
        keys = self._buckets.get(bucket)
        if keys is None:
            return []
        return sorted(keys, key=lambda write: write.seq)

    def under(self, bucket: str, prefix: bytes = b"", after: bytes = b"") -> Iterator[PendingWrite]:
        """The newest write of each key with the prefix, after the key `after`, in key order.

        The caller must exhaust the iterator before it awaits anything.
        """
        keys = self._buckets.get(bucket)
        return keys.under(prefix, after) if keys is not None else iter(())

    def deleted(self, bucket: str, prefix: bytes, after: bytes, limit: int) -> list[str]:
        """At most limit keys, as in under(), whose newest write is a delete."""
        keys = self._buckets.get(bucket)
        return keys.deleted(prefix, after, limit) if keys is not None else []

    def put_in_order(self) -> None:
        """Sort the keys once after a start, when all writes are loaded.

        Inserting 100,000 keys one by one takes seconds, and sorting them at the first listing would
        block the loop.
        """
        for keys in self._buckets.values():
            keys.put_in_order()
        self._is_in_order = True

    def buckets(self) -> list[str]:
        """Buckets that have writes."""
        return list(self._buckets)

    def usage(self, state: PendingState) -> Usage:
        return Usage(self._counters.files[state], self._counters.sizes[state])

    def oldest(self) -> float | None:
        """When the first write that waits or is being pushed was accepted, Unix seconds."""
        moving = (PendingState.WAITING, PendingState.PUSHING)
        if not any(self._counters.files[state] for state in moving):
            return None
        return next(w.first_accepted for w in self._by_seq if w.state in moving)

    def _recount_blocked(self, write: PendingWrite) -> None:
        """Count again what is blocked of the key of a changed write, and of its source."""
        if not self._counters.blocked_of and not self._counters.has_stuck:
            return
        for key in (write.key, write.source) if write.source else (write.key,):
            place = write.bucket, key
            writes = self.of_key(*place)
            if any(each.state in STUCK for each in (*writes[:1], *self.copies.of(*place))):
                sizes = [each.size for each in writes if each.state is PendingState.WAITING]
                self._counters.block(place, Usage(len(sizes), sum(sizes)))
            elif place in self._counters.blocked_of:
                self._counters.block(place, None)


class _BySeq:
    """Writes in the order of their seqs: 16 bytes for each, a third of what a dict takes."""

    def __init__(self) -> None:
        self._seqs = array("q")
        self._writes: list[PendingWrite | None] = []
        """None: it was removed. Those at the start are skipped, the others bounded."""
        self._start = 0
        self._len = 0

    def __len__(self) -> int:
        return self._len

    def __iter__(self) -> Iterator[PendingWrite]:
        """The oldest first."""
        for place in range(self._start, len(self._writes)):
            write = self._writes[place]
            if write is not None:
                yield write

    def add(self, write: PendingWrite) -> None:
        """At the end, as a rule: seqs grow."""
        place = bisect_right(self._seqs, write.seq)
        self._seqs.insert(place, write.seq)
        self._writes.insert(place, write)
        self._start = min(self._start, place)
        self._len += 1

    def get(self, seq: int) -> PendingWrite | None:
        place = bisect_left(self._seqs, seq)
        found = place < len(self._seqs) and self._seqs[place] == seq
        return self._writes[place] if found else None

    def pop(self, seq: int) -> PendingWrite | None:
        write = self.get(seq)
        if write is None:
            return None
        self._writes[bisect_left(self._seqs, seq)] = None
        self._len -= 1
        while self._start < len(self._writes) and self._writes[self._start] is None:
            self._start += 1
        if len(self._writes) > 2 * self._len + _FEW:
            self._writes, self._start = list(self), 0
            self._seqs = array("q", [write.seq for write in self])
        return write


_FEW = 1000
"""Removed writes that need not be cleared away."""


class PendingCopies:
    """The pending copies by the key that the remote copies from, which must not change before."""

    def __init__(self) -> None:
        self._of: dict[ObjectName, list[PendingWrite]] = {}

    def of(self, bucket: str, key: str) -> Sequence[PendingWrite]:
        return self._of.get((bucket, key), ())

    def add(self, write: PendingWrite) -> None:
        if write.source:
            self._of.setdefault((write.bucket, write.source), []).append(write)

    def remove(self, write: PendingWrite) -> None:
        if write.source:
            copies = self._of[write.bucket, write.source]
            copies.remove(write)
            if not copies:
                del self._of[write.bucket, write.source]


class _Counters:
    """Writes and bytes by state, and those blocked behind a stuck write of their key."""

    def __init__(self) -> None:
        self.files = dict.fromkeys(PendingState, 0)
        self.sizes = dict.fromkeys(PendingState, 0)
        self.blocked = Usage()
        self.blocked_of: dict[ObjectName, Usage] = {}
        """The writes that wait behind a held or failed write of their key."""

    @property
    def has_stuck(self) -> bool:
        """Whether any write is held or parked."""
        return any(self.files[state] for state in STUCK)

    def add(self, write: PendingWrite, sign: int) -> None:
        self.files[write.state] += sign
        self.sizes[write.state] += sign * write.size

    def block(self, place: ObjectName, blocked: Usage | None) -> None:
        """What is blocked of a key now; None: its first write is not stuck."""
        old, new = self.blocked_of.pop(place, Usage()), blocked or Usage()
        files, size = self.blocked
        self.blocked = Usage(files - old.files + new.files, size - old.size + new.size)
        if blocked is not None:
            self.blocked_of[place] = blocked


class _Keys:
    """The writes of one bucket."""

    def __init__(self) -> None:
        self._writes: dict[str, PendingWrite | list[PendingWrite]] = {}
        """Most keys have one write, and 100,000 lists would take 8 MB."""
        self._sorted: list[str] | None = None
        """The keys in UTF-8 order, which is the order of Python strings."""
        self._deleted: list[str] = []
        """The keys whose newest write is a delete, in order."""

    def __len__(self) -> int:
        """The number of keys."""
        return len(self._writes)

    def __iter__(self) -> Iterator[PendingWrite]:
        for known in self._writes.values():
            if isinstance(known, list):
                yield from known
            else:
                yield known

    def of(self, key: str) -> list[PendingWrite]:
        """Oldest first."""
        known = self._writes.get(key)
        if known is None:
            return _NONE
        return known if isinstance(known, list) else [known]

    def put_in_order(self) -> None:
        self._sorted = sorted(self._writes)
        self._deleted = [key for key in self._sorted if _deletes(self._writes[key])]

    def add(self, write: PendingWrite) -> int:
        """By how many bytes the newest write of its key is larger now."""
        key = write.key
        known = self._writes.get(key)
        size_before = 0 if known is None else _newest(known).size
        was_deleted = known is not None and _deletes(known)
        if isinstance(known, list):
            known.append(write)
        elif known is not None:
            self._writes[key] = [known, write]
        else:
            self._writes[key] = write
            if self._sorted is not None:
                insort(self._sorted, key)
        self._note_deleted(key, was=was_deleted, now=write.kind is Kind.DELETE)
        return write.size - size_before

    def remove(self, write: PendingWrite) -> int:
        """By how many bytes the newest write of its key is larger now."""
        key, known = write.key, self._writes[write.key]
        was_deleted, size_before = _deletes(known), _newest(known).size
        left = [each for each in self.of(key) if each is not write]
        if len(left) > 1:
            self._writes[key] = left
        elif left:
            self._writes[key] = left[0]
        else:
            del self._writes[key]
            if self._sorted is not None:
                del self._sorted[bisect_left(self._sorted, key)]
        self._note_deleted(key, was=was_deleted, now=bool(left) and _deletes(left))
        return (left[-1].size if left else 0) - size_before

    def under(self, prefix: bytes, after: bytes) -> Iterator[PendingWrite]:
        keys = self._in_order()
        for place in range(*_between(keys, prefix, after)):
            yield _newest(self._writes[keys[place]])

    def deleted(self, prefix: bytes, after: bytes, limit: int) -> list[str]:
        self._in_order()
        start, end = _between(self._deleted, prefix, after)
        return self._deleted[start : min(end, start + limit)]

    def _in_order(self) -> list[str]:
        if self._sorted is None:
            self.put_in_order()
        assert self._sorted is not None
        return self._sorted

    def _note_deleted(self, key: str, *, was: bool, now: bool) -> None:
        if self._sorted is None or was == now:
            return
        if now:
            insort(self._deleted, key)
        else:
            del self._deleted[bisect_left(self._deleted, key)]


def _newest(known: PendingWrite | list[PendingWrite]) -> PendingWrite:
    return known[-1] if isinstance(known, list) else known


def _deletes(known: PendingWrite | list[PendingWrite]) -> bool:
    """Whether the newest write of a key is a delete."""
    return _newest(known).kind is Kind.DELETE


def _between(keys: list[str], prefix: bytes, after: bytes) -> tuple[int, int]:
    """The range of keys that have the prefix and are greater than after."""
    start = max(
        bisect_right(keys, after, key=str.encode), bisect_left(keys, prefix, key=str.encode)
    )
    return start, max(start, bisect_left(keys, prefix + b"\xff", key=str.encode))


_NONE: list[PendingWrite] = []
