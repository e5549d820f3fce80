"""The part of the synchronous client that concerns the read cache."""

from __future__ import annotations

from collections.abc import Iterator

from s3d.shared.blocking import ControlClient, path_of
from s3d.shared.caching import (
    CacheEntry,
    CacheList,
    CachePlace,
    CacheStatus,
    PinList,
    PinStatus,
    PrefetchRequest,
    PrefetchStatus,
    Verified,
)
from s3d.shared.transfers import Count


class CacheClient:
    """The routes of frontends/control/cache.py.

    Every call raises UsageError where there is no cache.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def status(self) -> CacheStatus:
        return self._client.ask("GET", "/v1/cache", CacheStatus)

    def entries(self, bucket: str = "", prefix: str = "") -> Iterator[CacheEntry]:
        """What is here, in the order of names."""
        cursor = ""
        while True:
            path = path_of("/v1/cache/entries", bucket=bucket, prefix=prefix, cursor=cursor)
            page = self._client.ask("GET", path, CacheList)
            yield from page.entries
            cursor = page.cursor
            if not cursor:
                return

    def evict(self, place: CachePlace) -> int:
        """Take objects out; how many."""
        return self._client.ask("POST", "/v1/cache:evict", Count, place).count

    def clear(self) -> int:
        return self._client.ask("POST", "/v1/cache:clear", Count).count

    def verify(self) -> Iterator[Verified]:
        """Read everything that is here, page by page."""
        cursor = ""
        while True:
            page = self._client.ask("POST", path_of("/v1/cache:verify", cursor=cursor), Verified)
            yield page
            cursor = page.cursor
            if not cursor:
                return

    def pins(self) -> list[PinStatus]:
        return self._client.ask("GET", "/v1/cache/pins", PinList).pins

    def pin(self, place: CachePlace) -> None:
        """Have it brought, and keep it."""
        self._client.ask("POST", "/v1/cache:pin", PinStatus, place)

    def unpin(self, place: CachePlace) -> bool:
        """False when it was not pinned."""
        return bool(self._client.ask("POST", "/v1/cache:unpin", Count, place).count)

    def prefetch(self, bucket: str, prefix: str, bandwidth: int | None) -> PrefetchStatus:
        wanted = PrefetchRequest(bucket, prefix, bandwidth)
        return self._client.ask("POST", "/v1/cache:prefetch", PrefetchStatus, wanted)

    def wait_for_prefetch(self, id: str, timeout: float) -> PrefetchStatus:
        """After so many seconds at most, or when it has ended."""
        path = path_of(f"/v1/cache/prefetches/{id}", wait=str(timeout))
        return self._client.ask("GET", path, PrefetchStatus)

    def cancel_prefetch(self, id: str) -> PrefetchStatus:
        return self._client.ask("POST", f"/v1/cache/prefetches/{id}:cancel", PrefetchStatus)
