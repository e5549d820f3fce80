"""One after the other: a lock for each key that somebody is busy with."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """First come, first served. Belongs to the loop."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._users: Counter[tuple[str, str]] = Counter()

    @asynccontextmanager
    async def of(self, bucket: str, key: str) -> AsyncIterator[None]:
        """Alone with this key."""
        place = bucket, key
        lock = self._locks.setdefault(place, asyncio.Lock())
        self._users[place] += 1
        try:
            async with lock:
                yield
        finally:
            self._users[place] -= 1
            if not self._users[place]:
                del self._users[place], self._locks[place]
