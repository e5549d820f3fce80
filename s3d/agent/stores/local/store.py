"""LocalStore: S3 answered from an index and a folder of blobs on this machine.

It knows nothing of layers, queues and caches; who needs its writes in a commit of their own rows
hands in on_change.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from s3d.agent.core.store import Endpoint
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


class LocalStore(Endpoint):
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

    async def sweep(self) -> int:
        """Remove the files that a crash has left and no object names; how many there were.

        To be called once after the start; requests may come meanwhile.
        """

        async def named(blobs: list[int]) -> set[int]:
            return await self._index.read(lambda reader: reader.known_blobs(blobs))

        return await self._blobs.sweep(named)
