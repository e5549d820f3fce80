"""The pending writes in memory: by seq, by key in their order, and counted. Belongs to the loop."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from s3d.agent.stores.write_queue.pending import STUCK, Kind, PendingState, PendingWrite, Share


class PendingIndex:
    """Adds, removes and finds; what a write means is the journal's business."""

    def __init__(self) -> None:
        self._by_seq: dict[int, PendingWrite] = {}
        self._buckets: dict[str, _Keys] = {}
        self._is_in_order = False
        self._files = dict.fromkeys(PendingState, 0)
        self._sizes = dict.fromkeys(PendingState, 0)
        self.staged = 0
        """Bytes of the staged objects: of the newest put of each key."""
        self._behind: dict[tuple[str, str], Share] = {}
        """Of the keys whose first write does not move: what waits behind it."""
        self._blocked = Share()

    def __len__(self) -> int:
        return len(self._by_seq)

    def __iter__(self) -> Iterator[PendingWrite]:
        """All, oldest first."""
        return iter(tuple(self._by_seq.values()))

    @property
    def size(self) -> int:
        """Bytes of all writes."""
        return sum(self._sizes.values())

    @property
    def blocked(self) -> Share:
        """Writes that wait behind one of their key that is held or parked."""
        return self._blocked

    def add(self, write: PendingWrite) -> None:
        """Its seq is greater than any other's."""
        keys = self._buckets.get(write.bucket)
        if keys is None:
            keys = self._buckets[write.bucket] = _Keys()
            if self._is_in_order:
                keys.put_in_order()
        self.staged -= keys.shown(write.key)
        keys.add(write)
        self.staged += keys.shown(write.key)
        self._by_seq[write.seq] = write
        self._count(write, 1)
        behind = self._behind.get((write.bucket, write.key))
        if behind is not None and write.state is PendingState.WAITING:
            self._block(write, Share(behind.files + 1, behind.size + write.size))
        elif behind is None and write.state in STUCK:
            self._reckon(write)

    def remove(self, seq: int) -> PendingWrite | None:
        """The write, if it was there."""
        write = self._by_seq.pop(seq, None)
        if write is None:
            return None
        keys = self._buckets[write.bucket]
        self.staged -= keys.shown(write.key)
        keys.remove(write)
        self.staged += keys.shown(write.key)
        if not keys.writes:
            del self._buckets[write.bucket]
        self._count(write, -1)
        self._reckon(write)
        return write

    def set_state(self, write: PendingWrite, state: PendingState) -> None:
        self._count(write, -1)
        write.state = state
        self._count(write, 1)
        self._reckon(write)

    def get(self, seq: int) -> PendingWrite | None:
        return self._by_seq.get(seq)

    def of_key(self, bucket: str, key: str) -> list[PendingWrite]:
        """Oldest first; not to be changed."""
        keys = self._buckets.get(bucket)
        return keys.writes.get(key, _NONE) if keys is not None else _NONE

    def has(self, place: tuple[str, str]) -> bool:
        """Whether a key has writes. place: bucket and key."""
        return bool(self.of_key(*place))

    def writes(self, bucket: str, key: str = "") -> list[PendingWrite]:
        """Of a key, or (key "") of a whole bucket; oldest first."""
        if key:
            return list(self.of_key(bucket, key))
        keys = self._buckets.get(bucket)
        if keys is None:
            return []
        found = [write for writes in keys.writes.values() for write in writes]
        return sorted(found, key=lambda write: write.seq)

    def under(self, bucket: str, prefix: bytes, after: bytes) -> Iterator[PendingWrite]:
        """The newest of each key that has the prefix and stands behind after, in key order.

        To be used up before anything is awaited.
        """
        keys = self._buckets.get(bucket)
        return keys.under(prefix, after) if keys is not None else iter(())

    def deleted(self, bucket: str, prefix: bytes, after: bytes, limit: int) -> list[str]:
        """At most so many keys with the prefix and behind after whose newest write is a delete."""
        keys = self._buckets.get(bucket)
        return keys.deleted(prefix, after, limit) if keys is not None else []

    def put_in_order(self) -> None:
        """After a start, once all writes are there: what listings need is made at once here.

        One by one, 100,000 keys would take seconds; at the first listing, the loop would stand
        still for it.
        """
        for keys in self._buckets.values():
            keys.put_in_order()
        self._is_in_order = True

    def buckets(self) -> list[str]:
        """Those that have writes."""
        return list(self._buckets)

    def share(self, state: PendingState) -> Share:
        return Share(self._files[state], self._sizes[state])

    def oldest(self) -> float | None:
        """When the first of those that are on their way was accepted."""
        moving = (PendingState.WAITING, PendingState.PUSHING)
        if not any(self._files[state] for state in moving):
            return None
        return next(w.accepted for w in self._by_seq.values() if w.state in moving)

    def _reckon(self, write: PendingWrite) -> None:
        """What is blocked of a key, one of whose writes has changed."""
        place = write.bucket, write.key
        writes = self.of_key(*place)
        if writes and writes[0].state in STUCK:
            sizes = [each.size for each in writes if each.state is PendingState.WAITING]
            self._block(write, Share(len(sizes), sum(sizes)))
        elif place in self._behind:
            self._block(write, None)

    def _block(self, write: PendingWrite, behind: Share | None) -> None:
        place = write.bucket, write.key
        old, new = self._behind.pop(place, Share()), behind or Share()
        files, size = self._blocked
        self._blocked = Share(files - old.files + new.files, size - old.size + new.size)
        if behind is not None:
            self._behind[place] = behind

    def _count(self, write: PendingWrite, sign: int) -> None:
        self._files[write.state] += sign
        self._sizes[write.state] += sign * write.size


class _Keys:
    """The writes of one bucket."""

    def __init__(self) -> None:
        self.writes: dict[str, list[PendingWrite]] = {}
        self._sorted: list[str] | None = None
        """The keys, in the order of their UTF-8, which is that of strings."""
        self._deleted: list[str] = []
        """Of these, those whose newest write is a delete."""

    def put_in_order(self) -> None:
        self._sorted = sorted(self.writes)
        self._deleted = [key for key in self._sorted if self.writes[key][-1].kind is Kind.DELETE]

    def add(self, write: PendingWrite) -> None:
        known = self.writes.get(write.key)
        was_deleted = known is not None and known[-1].kind is Kind.DELETE
        if known is not None:
            known.append(write)
        else:
            self.writes[write.key] = [write]
            if self._sorted is not None:
                insort(self._sorted, write.key)
        self._note_deleted(write.key, was=was_deleted, now=write.kind is Kind.DELETE)

    def remove(self, write: PendingWrite) -> None:
        known = self.writes[write.key]
        was_deleted = known[-1].kind is Kind.DELETE
        known.remove(write)
        if known:
            self._note_deleted(write.key, was=was_deleted, now=known[-1].kind is Kind.DELETE)
            return
        del self.writes[write.key]
        if self._sorted is not None:
            del self._sorted[bisect_left(self._sorted, write.key)]
        self._note_deleted(write.key, was=was_deleted, now=False)

    def under(self, prefix: bytes, after: bytes) -> Iterator[PendingWrite]:
        keys = self._in_order()
        for place in range(*_between(keys, prefix, after)):
            yield self.writes[keys[place]][-1]

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

    def shown(self, key: str) -> int:
        known = self.writes.get(key)
        return known[-1].size if known else 0


def _between(keys: list[str], prefix: bytes, after: bytes) -> tuple[int, int]:
    """Where those begin and end that have the prefix and stand behind after."""
    start = max(
        bisect_right(keys, after, key=str.encode), bisect_left(keys, prefix, key=str.encode)
    )
    return start, max(start, bisect_left(keys, prefix + b"\xff", key=str.encode))


_NONE: list[PendingWrite] = []
