"""The stack of stores that the configuration asks for: the only place that knows their order."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from s3d.agent.events import Events
from s3d.agent.store.blobs import Blobs
from s3d.agent.store.index import Index
from s3d.agent.store.local.store import LocalStore
from s3d.agent.store.notices import Notices
from s3d.agent.store.reader import Reader
from s3d.agent.store.records import Totals
from s3d.agent.store.store import ObjectStore
from s3d.shared.config import Config
from s3d.shared.control import StoreStatus
from s3d.shared.errors import FullError, S3dError, UsageError
from s3d.shared.paths import Places

ROOM = 1 << 20
"""Bytes of the disk below which an index that cannot be opened is not broken: it has no room."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stack:
    """The stores. Front doors only ever call the top."""

    top: ObjectStore
    local: LocalStore
    index: Index
    folder: Path

    async def usage(self, bucket: str) -> Totals:
        """Objects and bytes of one bucket."""
        return await self.index.read(lambda reader: reader.totals(bucket))

    async def status(self) -> StoreStatus:
        """Of the embedded store."""
        buckets, totals = await self.index.read(_count)
        return StoreStatus(
            buckets, totals.objects, totals.size, str(self.folder), self.index.disk.free()
        )

    async def sweep(self) -> None:
        """Remove what a crash has left; once after the start, while requests are served."""
        removed = await self.local.sweep()
        if removed:
            logger.info("removed what a crash had left files=%d", removed)

    def close(self) -> None:
        """Finish what was asked for and close the files."""
        self.index.close()


def build_stack(config: Config, places: Places, events: Events) -> Stack:
    """Open the stores. Raises S3dError for what cannot be opened, OSError for the disk's errors."""
    folder = places.store_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    index = _open_index(folder, ephemeral=config.ephemeral)
    try:
        blobs = Blobs(folder / "blobs", ephemeral=config.ephemeral)
        local = LocalStore(index, blobs)
    except BaseException:
        index.close()
        raise
    return Stack(Notices(local, events), local, index, folder)


def _open_index(folder: Path, *, ephemeral: bool) -> Index:
    try:
        return Index.open(folder / "index.sqlite", ephemeral=ephemeral)
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


def _count(reader: Reader) -> tuple[int, Totals]:
    return len(reader.buckets()), reader.totals()
