"""`s3d check`: it checks the store, the queue, the cache and the baselines of sync folders, in this
order.

In the agent it uses the stores that are open and opens the others; without an agent it holds the
agent's lock while it runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from s3d.agent.app.damaged_state import damaged_state
from s3d.agent.app.embedded import BLOBS, KEYS, Embedded, open_index, open_store
from s3d.agent.app.process import only_one, private_folder
from s3d.agent.app.stack import Stack
from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.disk import LOST
from s3d.agent.storage.index import DAMAGE, Index
from s3d.agent.storage.salvage import salvage
from s3d.agent.storage.snapshots import check_sources
from s3d.agent.storage.store_check import StoreCheck
from s3d.agent.storage.tables import OBJECT_NAME, Source, Tables
from s3d.agent.stores.read_cache.catalog import catalog_rows
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.agent.stores.read_cache.catalog.verify import EntryFiles
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.sync.baseline_file import problem as problem_of
from s3d.shared.diagnostics import CheckLine, Damage
from s3d.shared.errors import S3dError
from s3d.shared.paths import Places
from s3d.shared.text import count
from s3d.shared.text import size as shown_size
from s3d.shared.transfers import Totals

INDEX = "index.sqlite"
QUEUE = Source("queue", ("seq",), OBJECT_NAME, "record", "layout")
"""Pending writes have bytes that no index row names."""

_LOST = "examine these files, then move or remove them"
_OBJECT = {
    "store": "restore it from a copy, or write it again",
    "queue": "write the object again; then s3d queue discard",
}
_INDEX = (
    "stop the agent, then restore the whole folder, index and blobs together, from a copy, "
    "or recover the readable part: s3d check --repair"
)
_BASELINE = "s3d sync approve, or s3d check --repair while no agent runs; neither deletes anything"
_KEYS = "put the files of the key ring back from a copy, beside those that are there"
_PROGRESS_EVERY = 1_000
"""Rows after which a line is sent to show progress, at the latest."""

Lines = AsyncGenerator[CheckLine, None]
Verify = Callable[[Entry], Awaitable[bool]]


@dataclass(slots=True)
class Opened:
    """The stores that the agent has open."""

    stores: Mapping[Path, Embedded] = field(default_factory=dict)
    """By folder: the embedded store and the queue."""
    caches: Mapping[Path, tuple[Catalog, Verify]] = field(default_factory=dict)
    """By folder: the catalog of the cache, and what verifies an entry and drops a damaged one."""
    is_running: bool = False


class Checker:
    """Checks everything at rest; belongs to the loop."""

    def __init__(self, places: Places, opened: Opened) -> None:
        self._places = places
        self._opened = opened
        self._files = 0
        self._size = 0

    async def run(self, *, repair: bool) -> Lines:
        """A line for each damage, lines that show progress, and one at the end."""
        self._files = self._size = 0
        for place, folder in await asyncio.to_thread(_stores, self._places):
            async with aclosing(self._store(place, folder, repair)) as lines:
                async for line in lines:
                    yield line
        for folder in await asyncio.to_thread(_folders, self._places.read_cache_dir):
            async with aclosing(self._cache(folder, repair)) as lines:
                async for line in lines:
                    yield line
        for file in sorted((self._places.state_dir / "sync").glob("*.sqlite")):
            problem = await asyncio.to_thread(problem_of, file)
            self._files += 1
            if problem:
                yield self._line(self._damaged_baseline(file, problem, repair))
        for damage in await asyncio.to_thread(damaged_state, self._places):
            yield self._line(damage)
        yield CheckLine(self._checked, done=True)

    async def _store(self, place: str, folder: Path, repair: bool) -> Lines:
        path = folder / INDEX
        opened = self._opened.stores.get(folder)
        if opened is not None:
            async for line in self._opened_store(place, opened, repair):
                yield line
            return
        if not path.exists():
            yield self._line(Damage(place, str(path), "the index is missing", remedy=_INDEX))
            return
        # The agent itself may be writing to this folder.
        repair = repair and not self._opened.is_running
        tables = None if place == "store" else journal_rows.TABLES
        problem, store = await _open(folder, tables)
        if problem:
            if not repair:
                yield self._line(Damage(place, str(path), problem, remedy=_INDEX))
                return
            yield self._line(await _salvaged(place, path, tables, problem))
            problem, store = await _open(folder, tables)
        if store is None:
            return
        with closing(store):
            async for line in self._opened_store(place, store, repair):
                yield line

    async def _opened_store(self, place: str, store: Embedded, repair: bool) -> Lines:
        sources = []
        with suppress(DAMAGE):  # structure() says what it is
            sources += await store.index.read_in_thread(check_sources)
        if place != "store":
            sources.append(QUEUE)
        check = StoreCheck(store.index, store.blobs, sources, repair=repair)
        if problem := await check.structure():
            yield self._line(Damage(place, str(store.folder / INDEX), problem, remedy=_INDEX))
            return
        if store.doubt:
            remedy = "restore the whole folder from a copy if writes are missing"
            yield self._line(Damage(place, str(store.folder / INDEX), store.doubt, remedy=remedy))
        for problem in store.key_problems():
            yield self._line(Damage(place, str(store.folder / KEYS), problem, remedy=_KEYS))
        async for found in check.rows():
            self._files += 1
            self._size += found.size
            if found.problem:
                remedy = "" if found.repaired else _OBJECT[place]
                damage = Damage(place, found.name, found.problem, found.repaired, remedy)
                yield self._line(damage)
            elif found.size or not self._files % _PROGRESS_EVERY:
                yield self._line()
        if lost := await check.lost():
            size = await asyncio.to_thread(_size_of, lost)
            what = f"{count(len(lost), 'file')}, {shown_size(size)}, that no object names"
            yield self._line(Damage(place, str(store.blobs.lost), what, remedy=_LOST))

    async def _cache(self, folder: Path, repair: bool) -> Lines:
        if folder in self._opened.caches:
            catalog, verify = self._opened.caches[folder]
            async for line in self._entries(catalog, verify):
                yield line
            return
        try:
            index = Index.open(folder / INDEX, lossy=True, tables=catalog_rows.TABLES)
            with closing(index):
                catalog = Catalog(index, Blobs(folder / BLOBS, ephemeral=True), Limits())
                async for line in self._entries(catalog, partial(_verify, catalog)):
                    yield line
        except (S3dError, DAMAGE) as error:
            what = "the next start creates a new one, unless a newer s3d wrote it"
            yield self._line(Damage("cache", str(folder / INDEX), str(error), remedy=what))

    async def _entries(self, catalog: Catalog, verify: Verify) -> Lines:
        for bucket, key in list(catalog.names.of()):
            entry = catalog.peek(bucket, key)
            if entry is None:
                continue
            size = entry.held
            is_right = await verify(entry)
            self._files += 1
            self._size += size
            name = f"{bucket}/{key}"
            dropped = "it was dropped, and is fetched again on the next read"
            damage = Damage("cache", name, "its bytes have changed on the disk", dropped)
            yield self._line(None if is_right else damage)

    def _damaged_baseline(self, file: Path, problem: str, repair: bool) -> Damage:
        if not repair or self._opened.is_running or "newer s3d" in problem:
            return Damage("sync", str(file), problem, remedy=_BASELINE)
        for each in file.parent.glob(f"{file.name}*"):
            each.rename(each.with_name(f"{each.name}.damaged"))
        return Damage("sync", str(file), problem, f"it was renamed to {file.name}.damaged")

    @property
    def _checked(self) -> Totals:
        return Totals(self._files, self._size)

    def _line(self, damage: Damage | None = None) -> CheckLine:
        return CheckLine(self._checked, damage)


def opened_of(stack: Stack) -> Opened:
    """The stores that the agent has open."""
    gateway = stack.gateway
    open_stores = [stack.embedded, None if gateway is None else gateway.staging]
    cache = None if gateway is None or gateway.cache is None else gateway.cache
    layer = None if cache is None else cache.layer
    caches: dict[Path, tuple[Catalog, Verify]] = {}
    if layer is not None:
        caches[layer.catalog.index.path.parent] = layer.catalog, layer.verify
    return Opened(
        stores={store.folder: store for store in open_stores if store is not None},
        caches=caches,
        is_running=True,
    )


def check_at_rest(places: Places, *, repair: bool, show: Callable[[CheckLine], None]) -> None:
    """Check while no agent runs. Raises AlreadyRunningError, S3dError."""

    async def check() -> None:
        async with aclosing(Checker(places, Opened()).run(repair=repair)) as lines:
            async for line in lines:
                show(line)

    with ExitStack() as locks:
        locks.callback(os.umask, os.umask(0o077))
        private_folder(places.state_dir)
        locks.enter_context(only_one(places.lock_file, places.socket))
        for folder, usual in (
            (places.write_queue_dir, places.data_dir),
            (places.read_cache_dir, places.cache_dir),
        ):  # in a place of its own, another agent may use it
            if folder.is_dir() and not folder.is_relative_to(usual):
                locks.enter_context(only_one(folder / "agent.lock", places.socket))
        asyncio.run(check())


async def _open(folder: Path, tables: Tables | None) -> tuple[str, Embedded | None]:
    """A store, or what is wrong with its index."""
    try:
        store = open_store(open_index(folder, tables=tables), folder)
        problem = await StoreCheck(store.index, store.blobs, repair=False).structure()
    except (S3dError, DAMAGE) as error:
        return str(error), None
    if not problem:
        return "", store
    store.close()
    return problem, None


async def _salvaged(place: str, path: Path, tables: Tables | None, problem: str) -> Damage:
    """Replace a damaged index by a new one."""
    try:
        saved = await asyncio.to_thread(salvage, path, tables)
    except S3dError as error:
        return Damage(place, str(path), problem, remedy=error.remedy)
    done = f"copied {count(saved, 'row')} to a new index; the old index is in {LOST}"
    return Damage(place, str(path), problem, done)


async def _verify(catalog: Catalog, entry: Entry) -> bool:
    """Verify the cached blocks of an entry, and drop it when one is damaged."""
    if entry.size <= INLINE:
        catalog.cool(entry)
        is_right = catalog.data(entry) is not None
    else:
        entry.verified = 0
        is_right = await EntryFiles(catalog.blobs).prove(entry, 0, entry.size)
    if not is_right:
        catalog.forget(entry.bucket, entry.key)
    return is_right


def _stores(places: Places) -> list[tuple[str, Path]]:
    """Kind and folder of each index of objects. In a thread."""
    stores = [("store", folder) for folder in _folders(places.store_dir)]
    return stores + [("queue", folder) for folder in _folders(places.write_queue_dir)]


def _folders(base: Path) -> list[Path]:
    """Where an index lies, or its files without one. In a thread."""
    found = []
    for folder, names, files in os.walk(base):
        if INDEX in files or BLOBS in names:
            found.append(Path(folder))
        names[:] = [name for name in names if name not in (BLOBS, LOST)]
    return sorted(found)


def _size_of(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files)
