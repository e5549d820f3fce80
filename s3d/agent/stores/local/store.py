"""The embedded store: S3 answered from an index (SQLite) and a folder of blobs on this machine.

It knows nothing of layers, queues and caches. A layer that needs its own rows in the commit of a
write hands in on_change.

One PutObject; "loop" is the event loop, and each change of thread is named:
1. loop: TerminalStore.call finds the handler, PutOps.put_object. description_of checks the
   members that describe the object, and Index.read_inline the bucket, before the body is read.
2. loop: object_puts.receive reads the body through Blobs.receive, with the hashes for the ETag
   and the checksum. Up to INLINE bytes stay in memory.
3. -> pool of threads: a larger body is hashed, written and, at its end, synced to its file there,
   one MiB at a time, while the loop receives the next one (blobs._Writer). -> loop.
4. loop: Index.write puts the action, PutOps._publish, into the queue of the writer.
5. -> thread "index-write": it runs many actions in one transaction. Each checks the conditions of
   its request, then VersionWriter.put replaces the current version and calls on_change. COMMIT
   syncs the database: the write is durable.
6. -> loop: Index._finish drops changed records from the cache of records, has files removed that
   no row names any more, and wakes the handler, which answers with the ETag.

GetObject needs no other thread for a hot or small object: Index.read_inline finds the record, and
object_reads.look_and_open the bytes. BlobBody reads what is not in memory in threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from s3d.agent.core.owners import Owners
from s3d.agent.core.store import TerminalStore
from s3d.agent.s3 import checksums
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import highest_blob, known_blobs
from s3d.agent.storage.stray_blobs import quarantine, sweep
from s3d.agent.stores.local.access_settings import PolicyStatusOps
from s3d.agent.stores.local.acls import AclOps
from s3d.agent.stores.local.annotation_encryption import AnnotationEncryption
from s3d.agent.stores.local.annotations import AnnotationOps
from s3d.agent.stores.local.append import Appender
from s3d.agent.stores.local.attributes import AttributeOps
from s3d.agent.stores.local.bucket_encryption import BucketEncryptionOps
from s3d.agent.stores.local.buckets import US_EAST_1, BucketOps
from s3d.agent.stores.local.configurations import ConfigurationOps
from s3d.agent.stores.local.expiration import Expiration
from s3d.agent.stores.local.listings import ListOps, UploadOps
from s3d.agent.stores.local.locks import LockOps
from s3d.agent.stores.local.multipart import MultipartOps, PartWriter
from s3d.agent.stores.local.new_buckets import OPEN
from s3d.agent.stores.local.notifications import EventRecorder, NotificationOps
from s3d.agent.stores.local.object_copy import CopyOps
from s3d.agent.stores.local.object_deletes import DeleteOps
from s3d.agent.stores.local.object_keys import ObjectKeys
from s3d.agent.stores.local.object_puts import PutOps
from s3d.agent.stores.local.object_reads import ReadOps
from s3d.agent.stores.local.ownership import Ownership
from s3d.agent.stores.local.rename import RenameOps
from s3d.agent.stores.local.settings import SettingOps
from s3d.agent.stores.local.tagging import TagOps
from s3d.agent.stores.local.update_encryption import UpdateEncryptionOps
from s3d.agent.stores.local.version_writer import OnChange, VersionWriter
from s3d.agent.stores.local.versions import VersionOps


class Swept(NamedTuple):
    """The number of files without an object that were removed or quarantined."""

    removed: int = 0
    lost: int = 0
    """Put aside."""


class LocalStore(TerminalStore):
    """The embedded store. The caller opens and closes the index and the blobs."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        *,
        clock: Callable[[], float] = time.time,
        on_change: OnChange | None = None,
        owners: Owners | None = None,
        new_buckets: str = OPEN,
        region: str = US_EAST_1,
        keys: ObjectKeys | None = None,
        target_arns: Collection[str] = (),
    ) -> None:
        """clock: Unix seconds. on_change: see publish.OnChange. owners: see Ownership.
        new_buckets: the defaults of new buckets, by new_buckets.py. region: of the endpoint.
        keys: None for a staging area, which stores the members about encryption, encrypts nothing,
        and computes no checksum that nobody asks for. target_arns: of the targets that
        notifications may go to."""
        blobs.reserve_ids_above(index.read_inline(highest_blob))
        index.on_freed = blobs.remove
        self.on_setting: Callable[[str, str], None] = lambda word, bucket: None
        """Called with the query word of a setting that was put, and its bucket."""
        self.events = EventRecorder(clock, target_arns)
        """Enters the events of changes; the owner of the store delivers them."""
        version_writer = VersionWriter(clock, on_change, self.events)
        parts = PartWriter(index, clock)
        ownership = Ownership(owners)
        default_checksum = "" if keys is None else checksums.DEFAULT
        keys = keys or ObjectKeys(index)
        annotations = AnnotationEncryption(keys)
        expiration = Expiration(index, version_writer, clock)
        super().__init__(
            BucketOps(index, ownership, clock, new_buckets=new_buckets, region=region),
            PutOps(
                index,
                blobs,
                keys,
                version_writer,
                append=Appender(index, blobs, keys, version_writer).append,
                ownership=ownership,
                expiration=expiration,
                default_checksum=default_checksum,
                clock=clock,
            ),
            ReadOps(index, blobs, keys, expiration),
            DeleteOps(index, version_writer),
            AttributeOps(index),
            ListOps(index, ownership),
            CopyOps(
                index,
                blobs,
                keys,
                version_writer,
                parts,
                annotations=annotations,
                ownership=ownership,
                expiration=expiration,
                default_checksum=default_checksum,
                clock=clock,
            ),
            MultipartOps(
                index,
                blobs,
                keys,
                version_writer,
                parts,
                ownership=ownership,
                expiration=expiration,
                default_checksum=default_checksum,
                clock=clock,
            ),
            UploadOps(index, ownership, expiration),
            AnnotationOps(index, blobs, annotations, clock),
            RenameOps(index, version_writer),
            TagOps(index, version_writer),
            VersionOps(index, ownership),
            SettingOps(index, lambda word, bucket: self.on_setting(word, bucket)),
            NotificationOps(index, self.events),
            PolicyStatusOps(index),
            BucketEncryptionOps(index, keys.default),
            UpdateEncryptionOps(index, keys, annotations, clock),
            ConfigurationOps(index, clock),
            AclOps(index, ownership, version_writer),
            LockOps(index, clock),
        )
        self._index = index
        self._blobs = blobs
        self.expiration = expiration
        """Carries out lifecycle rules; the owner of the store runs it."""

    async def sweep(self) -> Swept:
        """Remove or quarantine files that no object references; called once after the start.

        A crash has left them, so they are removed. Where the index may not be the newest one of
        its files, they go to the lost folder. Requests may come meanwhile.
        """
        generation = self._index.generation
        if generation is None or generation.doubt is None:
            return Swept(removed=await sweep(self._blobs, self._referenced))
        moved = await quarantine(self._blobs, self._referenced)
        await self._index.settle_generation()
        return Swept(lost=moved)

    async def _referenced(self, blobs: list[int]) -> set[int]:
        return await self._index.read_in_thread(lambda reader: known_blobs(reader, blobs))
