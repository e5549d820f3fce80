"""The client's part for the read cache: entries, pins and prefetches."""

from __future__ import annotations

from collections.abc import Iterator

from s3d.cli.client.control_client import ControlClient, path_of
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
    """The read cache, by the routes of frontends/control/cache_routes.py.

    Every call raises UsageError when the agent has no read cache.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def status(self) -> CacheStatus:
        return self._client.request("GET", "/v1/cache", CacheStatus)

    def entries(self, bucket: str = "", prefix: str = "") -> Iterator[CacheEntry]:
        """Every cached object, in the order of names."""
        query = {"bucket": bucket, "prefix": prefix}
        for page in self._client.pages("GET", "/v1/cache/entries", CacheList, **query):
            yield from page.entries

    def evict(self, place: CachePlace) -> int:
        """Evict objects, pinned or not; returns their number."""
        return self._client.request("POST", "/v1/cache:evict", Count, place).count

    def clear(self) -> int:
        return self._client.request("POST", "/v1/cache:clear", Count).count

    def verify(self) -> Iterator[Verified]:
        """Read and verify every entry, page by page."""
        return self._client.pages("POST", "/v1/cache:verify", Verified)

    def pins(self) -> list[PinStatus]:
        return self._client.request("GET", "/v1/cache/pins", PinList).pins

    def pin(self, place: CachePlace) -> None:
        """Fetch it, and never evict it."""
        self._client.request("POST", "/v1/cache:pin", PinStatus, place)

    def unpin(self, place: CachePlace) -> bool:
        """Returns False when there was no such pin."""
        return bool(self._client.request("POST", "/v1/cache:unpin", Count, place).count)

    def prefetch(self, bucket: str, prefix: str, bandwidth: int | None) -> PrefetchStatus:
        body = PrefetchRequest(bucket, prefix, bandwidth)
        return self._client.request("POST", "/v1/cache:prefetch", PrefetchStatus, body)

    def wait_for_prefetch(self, id: str, timeout: float) -> PrefetchStatus:
        """The status at the end of the prefetch, or after timeout seconds."""
        path = path_of(f"/v1/cache/prefetches/{id}", wait=str(timeout))
        return self._client.request("GET", path, PrefetchStatus)

    def cancel_prefetch(self, id: str) -> PrefetchStatus:
        return self._client.request("POST", f"/v1/cache/prefetches/{id}:cancel", PrefetchStatus)
