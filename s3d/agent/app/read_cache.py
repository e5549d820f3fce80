"""Open the files of the read cache. If they cannot be used, the agent runs without a cache."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from s3d.agent.app.process import only_one, private_folder
from s3d.agent.app.process_metrics import CACHE, commit_histogram
from s3d.agent.app.remote_folders import FILE, folders_of
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.telemetry import Histogram, Registry
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import DAMAGE, Index
from s3d.agent.stores.read_cache.cache_status import CacheParts, cache_counts
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.catalog_rows import TABLES
from s3d.agent.stores.read_cache.catalog.entry import AFTER_KILL, AFTER_POWER_CUT
from s3d.agent.stores.read_cache.catalog.last_stop import LastStop, StopMarker
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.read_cache.pins import Pins
from s3d.agent.stores.read_cache.prefetch import PinManager
from s3d.agent.stores.read_cache.revalidate import Freshness
from s3d.shared.config.gateway_settings import CacheConfig
from s3d.shared.control import Scalar
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.paths import Places

logger = logging.getLogger(__name__)

UNUSED = 30 * 24 * 3600.0
"""Seconds after which the cache of a remote that is not in use is removed."""
PUBLISH_EVERY = 2.0
"""Seconds between two events with the statistics."""
VERSION = "v2"
"""Version of the layout. Another version uses another folder and starts empty."""
ADOPTED = "v1"
"""The version before, whose folder is adopted since it has the same tables. Its name was changed
because an s3d that uses it does not know what AFTER_POWER_CUT means."""
_DISTRUST = {LastStop.KILLED: AFTER_KILL, LastStop.POWER_CUT: AFTER_POWER_CUT}
"""How the last run ended -> the value of Entry.checked for the entries that it has left."""


def _same_folder(folder: Path) -> Path:
    return folder


def open_cache(
    config: CacheConfig,
    places: Places,
    inner: ObjectStore,
    closing: ExitStack | AsyncExitStack,
    *,
    claim: Callable[[Path], Path] = _same_folder,
    use_policy: UsePolicy | None = None,
    registry: Registry | None = None,
) -> CacheParts:
    """Open the cache of an earlier run, or an empty one; closing closes it. Never fails.

    claim: called with the folder of all caches once its lock is held; the folder of this remote.
    use_policy: which objects are cached; None: all.
    """
    folder = places.read_cache_dir
    registry = registry or Registry()
    with ExitStack() as leaving:
        try:
            private_folder(folder)
            if not folder.is_relative_to(places.cache_dir):
                leaving.enter_context(only_one(folder / "agent.lock", places.socket))
            folder = claim(folder)
            catalog = _catalog(config, folder / VERSION, leaving, registry)
        except (OSError, S3dError, DAMAGE) as error:
            trouble = f"the read cache is disabled: {_reason(error)}"
            logger.warning("%s folder=%s", trouble, folder)
            return CacheParts(None, None, folder, trouble)
        closing.callback(leaving.pop_all().close)
    freshness = Freshness(config.max_age, config.serve_stale)
    layer = Cache(inner, catalog, freshness, use_policy=use_policy, registry=registry)
    pin_manager = PinManager(layer, Pins(places.pins_file))
    prices = config.request_price, config.traffic_price
    return CacheParts(layer, pin_manager, folder, prices=prices)


def remove_unused(base: Path, in_use: Path, now: float) -> None:
    """Remove the caches of remotes that have not been used for UNUSED seconds. Blocks.

    now: Unix seconds. The caller holds the lock of the base folder. What cannot be removed is tried
    again at the next start.
    """
    for path, identity in folders_of(base):
        if path == in_use or now - (path / FILE).stat().st_mtime < UNUSED:
            continue
        logger.info("removed the unused read cache of %s folder=%s", identity.url, path)
        shutil.rmtree(path / VERSION, ignore_errors=True)


async def publish_cache_stats(cache: CacheParts, events: Events) -> None:
    """Emit cache.changed with the statistics while they change. Runs until cancelled."""
    published: dict[str, Scalar] = {}
    while True:
        numbers: dict[str, Scalar] = {**cache_counts(cache)}
        if numbers != published:
            published = numbers
            events.emit("cache.changed", "", **numbers)
        await asyncio.sleep(PUBLISH_EVERY)


def _catalog(config: CacheConfig, folder: Path, closing: ExitStack, registry: Registry) -> Catalog:
    limits = Limits(config.max_size, config.max_files)
    commits = commit_histogram(registry, CACHE)
    try:
        return _opened(folder, limits, closing, commits)
    except UsageError:  # of a newer s3d, which will want it again
        raise
    except (S3dError, DAMAGE) as error:
        logger.warning("the read cache is damaged and has been reset: %s folder=%s", error, folder)
        shutil.rmtree(folder)
        return _opened(folder, limits, closing, commits)


def _opened(folder: Path, limits: Limits, closing: ExitStack, commits: Histogram | None) -> Catalog:
    older = folder.with_name(ADOPTED)
    if older.is_dir() and not folder.exists():
        older.rename(folder)
    private_folder(folder)
    marker = StopMarker(folder)
    last_stop = marker.begin()
    index = Index.open(folder / "index.sqlite", lossy=True, tables=TABLES, commits=commits)
    try:
        blobs = Blobs(folder / "blobs", ephemeral=True)
        catalog = Catalog(index, blobs, limits, _DISTRUST.get(last_stop))
    except BaseException:
        index.close()
        raise
    catalog.rows.on_row_left = marker.mark_unsafe
    closing.callback(marker.end)  # after the next, as callbacks are called last one first
    closing.callback(index.close)
    return catalog


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or ''}: {error.strerror or error}"
    return str(error)
