"""LocalStore: S3 answered from an index and a folder of blobs on this machine.

It knows nothing of layers, queues and caches; who needs its writes in a commit of their own rows
hands in on_change.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from s3d.agent.core.store import TerminalStore
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.acls import AclOps
from s3d.agent.stores.local.attributes import AttributeOps
from s3d.agent.stores.local.buckets import BucketOps
from s3d.agent.stores.local.configurations import ConfigurationOps
from s3d.agent.stores.local.copy import CopyOps
from s3d.agent.stores.local.lists import ListOps
from s3d.agent.stores.local.locks import LockOps
from s3d.agent.stores.local.multipart import MultipartOps, Parts
from s3d.agent.stores.local.objects import ObjectOps
from s3d.agent.stores.local.publish import OnChange, Publisher
from s3d.agent.stores.local.settings import SettingOps
from s3d.agent.stores.local.tags import TagOps
from s3d.agent.stores.local.uploads import UploadOps
from s3d.agent.stores.local.versions import VersionOps


class Swept(NamedTuple):
    """What became of files that no object names."""

    removed: int = 0
    lost: int = 0
    """Put aside."""


class LocalStore(TerminalStore):
    """The embedded store. The index and the blobs are the caller's to open and to close."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        *,
        clock: Callable[[], float] = time.time,
        on_change: OnChange | None = None,
    ) -> None:
        """clock: Unix seconds. on_change: see publish.OnChange."""
        blobs.begin_behind(index.look(lambda reader: reader.highest_blob()))
        index.on_freed = blobs.remove
        publisher, parts = Publisher(clock, on_change), Parts(index, clock)
        super().__init__(
            BucketOps(index, clock),
            ObjectOps(index, blobs, publisher),
            AttributeOps(index),
            ListOps(index),
            CopyOps(index, blobs, publisher, parts),
            MultipartOps(index, blobs, publisher, parts, clock),
            UploadOps(index),
            TagOps(index, publisher),
            VersionOps(index),
            SettingOps(index),
            ConfigurationOps(index),
            AclOps(index),
            LockOps(index, clock),
        )
        self._index = index
        self._blobs = blobs

    async def sweep(self) -> Swept:
        """See to the files that no object names; to be called once after the start.

        A crash has left them, so they are removed. Where the index may not be the newest one of
        its files, they go to the lost folder. Requests may come meanwhile.
        """
        generation = self._index.generation
        if generation is None or generation.doubt is None:
            return Swept(removed=await self._blobs.sweep(self._named))
        moved = await self._blobs.set_aside(self._named)
        await self._index.settle_generation()
        return Swept(lost=moved)

    async def _named(self, blobs: list[int]) -> set[int]:
        return await self._index.read(lambda reader: reader.known_blobs(blobs))
