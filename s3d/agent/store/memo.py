"""Hot records in memory, in front of the index. Belongs to the event loop; no other thread."""

from __future__ import annotations

from s3d.agent.store.records import BucketRecord, Stored

_LIMIT = 8_192
"""Weight that is kept: an object weighs one, plus one for each extent and part beyond the first."""


class Memo:
    """The least recently used go first, so that memory stays bounded.

    Entries come from reads of committed state, and go when a commit has changed what they say.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self.buckets: dict[str, BucketRecord] = {}
        self._objects: dict[tuple[str, bytes], Stored] = {}
        self._limit = limit
        self._weight = 0

    def object(self, bucket: str, key: bytes) -> Stored | None:
        name = (bucket, key)
        stored = self._objects.pop(name, None)
        if stored is not None:
            self._objects[name] = stored
        return stored

    def keep(self, bucket: str, key: bytes, stored: Stored) -> None:
        self.forget(bucket, key)
        self._objects[bucket, key] = stored
        self._weight += _weight(stored)
        while self._weight > self._limit:
            eldest = next(iter(self._objects))
            self._weight -= _weight(self._objects.pop(eldest))

    def forget(self, bucket: str, key: bytes) -> None:
        known = self._objects.pop((bucket, key), None)
        if known is not None:
            self._weight -= _weight(known)

    def clear(self) -> None:
        self.buckets.clear()
        self._objects.clear()
        self._weight = 0


def _weight(stored: Stored) -> int:
    return max(1, len(stored.layout.extents)) + len(stored.layout.parts)
