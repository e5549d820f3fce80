"""A read cache before a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from s3d.agent.core.store import ObjectStore
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.catalog_rows import TABLES
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.read_cache.revalidate import Freshness


@asynccontextmanager
async def cache_before(
    inner: ObjectStore,
    folder: Path,
    *,
    limits: Limits | None = None,
    freshness: Freshness | None = None,
    clock: Callable[[], float] | None = None,
) -> AsyncIterator[Cache]:
    """What lies in the folder already is in the cache."""
    folder.mkdir(exist_ok=True)
    index = Index.open(folder / "index.sqlite", lossy=True, tables=TABLES)
    try:
        catalog = Catalog(index, Blobs(folder / "blobs", ephemeral=True), limits or Limits())
        further = {} if clock is None else {"clock": clock}
        cache = Cache(inner, catalog, freshness or Freshness(), **further)
        running = asyncio.get_running_loop().create_task(cache.run())
        await asyncio.sleep(0)
        try:
            yield cache
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    finally:
        index.close()
