"""A LocalStore with its files: the embedded store, and the staging area of the write queue."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from s3d.agent.core.owners import Owners
from s3d.agent.core.telemetry import Histogram
from s3d.agent.s3.messages import Body
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.generation import Doubt
from s3d.agent.storage.index import Index, Tables
from s3d.agent.storage.key_ring import KeyRing
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import Layout, StoreTotals
from s3d.agent.stores.local.buckets import US_EAST_1
from s3d.agent.stores.local.new_buckets import OPEN
from s3d.agent.stores.local.object_keys import ObjectKeys, load_ring
from s3d.agent.stores.local.object_reads import open_layout
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.local.version_writer import OnChange
from s3d.shared.control import StoreStatus
from s3d.shared.errors import FullError, S3dError, UsageError
from s3d.shared.text import count

ROOM = 1 << 20
"""With fewer free bytes, an index that cannot be opened lacks space, and is not damaged."""

KEYS = "keyring"
"""The folder with the keys of encrypted objects."""
BLOBS = "blobs"
"""The folder with the files of an index, beside it."""

BodyOf = Callable[[Layout], Body]

_NAMED = 10
"""Damaged objects that a warning names."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Embedded:
    """The store with its index and files."""

    local: LocalStore
    index: Index
    blobs: Blobs
    folder: Path
    body_of: BodyOf
    """Opens the bytes of a layout that the caller has a reference to; the caller closes the
    body."""
    trouble: list[str] = field(default_factory=list)
    """The damage that was found at the start."""

    async def usage(self, bucket: str) -> StoreTotals:
        """Objects and bytes of one bucket."""
        return await self.index.read_in_thread(lambda reader: reader.totals(bucket))

    async def status(self) -> StoreStatus:
        buckets, totals = await self.index.read_in_thread(_count)
        return StoreStatus(
            buckets, totals.objects, totals.size, str(self.folder), self.index.disk.free()
        )

    def whole(self, layout: Layout) -> bytes | Path | None:
        """The bytes of a referenced layout, or the file that contains nothing else; None:
        they are in pieces."""
        if not layout.extents:
            return b""
        if len(layout.extents) > 1 or layout.extents[0].offset:
            return None
        (extent,) = layout.extents
        if layout.inline:
            with suppress(StoredDataCorrupt):
                return self.index.read_inline(lambda reader: reader.data(extent))
            return None
        path = self.blobs.path(extent.blob)
        with suppress(OSError):
            return path if path.stat().st_size == extent.size else None
        return None

    async def sweep(self) -> None:
        """Remove files that a crash left behind. Runs once after the start, while requests are
        served."""
        doubt = self.doubt
        removed, lost = await self.local.sweep()
        if removed:
            logger.info("removed files that a crash left behind files=%d", removed)
        if lost:
            self.trouble.append(
                f"{self.folder}: {doubt}; moved {count(lost, 'file')} that it does not reference "
                f"to {self.blobs.lost}: s3d check"
            )
            logger.warning("%s", self.trouble[-1])

    @property
    def doubt(self) -> str:
        """Why the index may not be the newest one of its files; "" when it is."""
        generation = self.index.generation
        return "" if generation is None else str(generation.doubt or "")

    def key_problems(self) -> list[str]:
        """What is wrong with the key ring as it is on the disk now. Raises OSError."""
        return load_ring(self.index, KeyRing(self.folder / KEYS, time.time))

    def warnings(self) -> list[str]:
        """Warnings for the status."""
        damage = list(self.blobs.damage)
        if not damage:
            return list(self.trouble)
        some = ", ".join(damage[:_NAMED]) + (", ..." if len(damage) > _NAMED else "")
        what = count(len(damage), "damaged object")
        return [*self.trouble, f"{self.folder}: {what}: {some}: s3d check"]

    def close(self) -> None:
        """Finish running operations and close the files."""
        self.index.close()


def open_embedded(
    folder: Path,
    *,
    ephemeral: bool = False,
    encrypt: str = "",
    commits: Histogram | None = None,
    owners: Owners | None = None,
    new_buckets: str = OPEN,
    region: str = US_EAST_1,
    clock: Callable[[], float] = time.time,
    target_arns: Collection[str] = (),
) -> Embedded:
    """Open the store in a folder, or create it. Raises S3dError, OSError for the disk's errors.

    encrypt: sse-s3 to encrypt every object; empty: those for which request or bucket ask for it.
    owners: the accounts that exist; None: only the default owner. new_buckets: the defaults of new
    buckets, by local/new_buckets.py. region: of the endpoint. clock: of the objects, in Unix
    seconds. target_arns: of the targets that notifications may go to.
    """
    index = open_index(folder, ephemeral=ephemeral, commits=commits)
    ring = KeyRing(folder / KEYS, time.time, ephemeral=ephemeral)
    return open_store(
        index,
        folder,
        ephemeral=ephemeral,
        keys=ObjectKeys(index, ring, encrypt.upper()),
        owners=owners or Owners(),
        new_buckets=new_buckets,
        region=region,
        clock=clock,
        target_arns=target_arns,
    )


def open_store(
    index: Index,
    folder: Path,
    *,
    ephemeral: bool = False,
    on_change: OnChange | None = None,
    owners: Owners | None = None,
    new_buckets: str = OPEN,
    region: str = US_EAST_1,
    keys: ObjectKeys | None = None,
    clock: Callable[[], float] = time.time,
    target_arns: Collection[str] = (),
) -> Embedded:
    """The store of an index. It closes the index when it is closed, and when opening fails.

    owners: see local/ownership.py.
    """
    try:
        blobs = Blobs(folder / BLOBS, ephemeral=ephemeral)
        local = LocalStore(
            index,
            blobs,
            clock=clock,
            on_change=on_change,
            keys=keys,
            owners=owners,
            new_buckets=new_buckets,
            region=region,
            target_arns=target_arns,
        )
        store = Embedded(local, index, blobs, folder, partial(open_layout, index, blobs))
        for problem in keys.load() if keys is not None else ():
            store.trouble.append(f"{problem}: s3d check")
            logger.error("%s", problem)
    except BaseException:
        index.close()
        raise
    doubt = index.generation.doubt if index.generation is not None else None
    if doubt is not None and doubt is not Doubt.UNMARKED:
        store.trouble.append(
            f"{folder}: {doubt}: later writes are missing; put the newest index back, "
            "or restore the whole folder: s3d check"
        )
        logger.warning("%s", store.trouble[-1])
    return store


def open_index(
    folder: Path,
    *,
    ephemeral: bool = False,
    tables: Tables | None = None,
    commits: Histogram | None = None,
) -> Index:
    """Open the index in a folder; both are created if missing. Raises S3dError, OSError.

    commits: gets the time of each commit.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return Index.open(
            folder / "index.sqlite",
            ephemeral=ephemeral,
            tables=tables,
            blobs=folder / BLOBS,
            commits=commits,
        )
    except UsageError:
        raise
    except S3dError as error:
        if shutil.disk_usage(folder).free >= ROOM:
            raise
        raise FullError(
            "the disk is full",
            f"{folder}: {error.detail}",
            "free some space, or set S3D_LOCAL_DIR to a folder on another disk",
        ) from error


def _count(reader: Reader) -> tuple[int, StoreTotals]:
    return len(reader.buckets()), reader.totals()
