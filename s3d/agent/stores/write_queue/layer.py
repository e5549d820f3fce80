"""WriteQueue: answers writes once they are safe on this disk, and carries them to the remote later.

What it names, it answers itself where it can; everything else goes by the settle rule (settle.py).
The staging store is an embedded store of its own, whose observer is the journal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.listing import UNKNOWN
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.write_queue.admission import Admission, Limits
from s3d.agent.stores.write_queue.buckets import BucketOps
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.copies import CopyOps
from s3d.agent.stores.write_queue.deletes import DeleteOps
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.key_rules import KeyRules
from s3d.agent.stores.write_queue.listings import ListOps
from s3d.agent.stores.write_queue.multipart import MultipartOps
from s3d.agent.stores.write_queue.objects import ObjectOps
from s3d.agent.stores.write_queue.pusher import Pusher
from s3d.agent.stores.write_queue.remote_buckets import KnownBuckets
from s3d.agent.stores.write_queue.settle import Settler
from s3d.agent.stores.write_queue.staging import Stage
from s3d.agent.stores.write_queue.uploads import UploadListOps


class WriteQueue(Layer):
    """The layer. What it accepts, the pusher carries on."""

    def __init__(
        self,
        inner: ObjectStore,
        staging: ObjectStore,
        journal: Journal,
        limits: Limits,
        pusher: Pusher,
        clock: Clock,
        *,
        listing_order: Callable[[str], str] = lambda bucket: UNKNOWN,
        check_remote_key: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        """staging: an embedded store whose on_change is journal.record. pusher: runs elsewhere.

        listing_order: in which the remote lists a bucket, s3/listing.py. check_remote_key:
        raises InvalidURI for a bucket and a key that the remote stores under another key.
        """

        def is_away() -> bool:
            return bool(pusher.status().trouble)

        known = KnownBuckets(inner, journal.unversioned, clock.steady, is_away)
        self.admission = Admission(limits, journal.used, journal.oldest, clock.now)
        """Its limits may be changed."""
        journal.on_change.append(self.admission.admit_waiting)
        self.keys = keys = KeyRules(inner, clock.steady)
        keys.check_remote = check_remote_key
        stage = Stage(staging, known, keys, self.admission, clock.now)
        self._settler = Settler(inner, journal, pusher)
        parts = (journal, stage, self._settler)
        self.lists = ListOps(journal, self._settler)
        self.lists.listing_order = listing_order
        super().__init__(
            inner,
            ObjectOps(*parts),
            DeleteOps(*parts),
            CopyOps(*parts),
            MultipartOps(*parts),
            BucketOps(*parts),
            self.lists,
            UploadListOps(*parts),
        )

    def fallback(self, request: S3Request[Any]) -> Answer:
        return self._settler.through(request)
