"""The one place where the current version of a key changes: put, delete, and their versions.

Runs inside an action of the index, so what is decided here is decided against the state that the
commit meets. https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from s3d.agent.s3.event_names import (
    CREATED_COPY,
    CREATED_PUT,
    EXPIRED,
    EXPIRED_BY_MARKER,
    REMOVED,
    REMOVED_BY_MARKER,
)
from s3d.agent.s3.messages import NO_CONTEXT, RequestContext
from s3d.agent.s3.object_lock import check_deletion, default_retention
from s3d.agent.storage.annotation_rows import (
    copy_annotations,
    drop_annotations,
    move_annotations,
)
from s3d.agent.storage.records import (
    EMPTY,
    NULL_VERSION,
    BucketRecord,
    Layout,
    ObjectRecord,
    Stored,
    version_id_of,
)
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import object_lock_configuration
from s3d.agent.stores.local.notifications import EventRecorder

ENABLED = "Enabled"
SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a key's current version; stored None: it has no current version any more."""

    bucket: str
    key: str
    stored: Stored | None
    tagged: bool = False
    """It is the same version with other tags."""
    context: RequestContext = NO_CONTEXT
    """Of the request that puts or tags the object; NO_CONTEXT for a delete."""


OnChange = Callable[[Transaction, Change], None]
"""Called within the action, so that further rows join the same commit. It must not raise."""


class VersionWriter:
    """Assigns versions their number and time, and stores older ones if the bucket has
    versioning."""

    def __init__(
        self,
        clock: Callable[[], float],
        on_change: OnChange | None = None,
        events: EventRecorder | None = None,
    ) -> None:
        """clock: Unix seconds. events: gets what happens in buckets with notifications."""
        self._clock = clock
        self._on_change = on_change
        self._events = events

    def put(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        record: ObjectRecord,
        layout: Layout,
        *,
        context: RequestContext = NO_CONTEXT,
        event: str = CREATED_PUT,
        annotated_as: tuple[str, ObjectRecord] | None = None,
    ) -> ObjectRecord:
        """Make a version the current one; its seq, version id and time are assigned here.

        The blobs of the layout must already be entered or referenced for it. context: see
        Change. event: for the bucket's notifications. annotated_as: bucket and version of which it
        gets the annotations; None: none.
        """
        replaced = tx.current(bucket.name, record.key.encode())
        record = self._numbered(tx, bucket, record, replaced)
        if bucket.versioning == ENABLED:
            record = _with_default_retention(tx, bucket, record)
        if annotated_as is not None:
            count = copy_annotations(tx, annotated_as, (bucket.name, record))
            record = replace(record, annotations=count)
        _retire(tx, bucket, record.key, replaced)
        stored = Stored(record, layout)
        tx.put_current(bucket.name, stored, replaced.record if replaced else None)
        self._tell(tx, Change(bucket.name, record.key, stored, context=context))
        self.report(tx, bucket, event, record, context=context)
        return record

    def rename(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        stored: Stored,
        key: str,
        *,
        context: RequestContext = NO_CONTEXT,
    ) -> None:
        """Give the current version of a key another key, in a bucket without versioning.

        The time of its modification stays. context: see Change.
        """
        replaced = tx.current(bucket.name, key.encode())
        record = replace(stored.record, key=key)
        record = replace(
            self._numbered(tx, bucket, record, replaced), modified=stored.record.modified
        )
        _retire(tx, bucket, key, replaced)
        move_annotations(tx, bucket.name, stored.record, record)
        tx.drop_current(bucket.name, stored.record)
        renamed = Stored(record, stored.layout)
        tx.put_current(bucket.name, renamed, replaced.record if replaced else None)
        self._tell(tx, Change(bucket.name, stored.record.key, None))
        self._tell(tx, Change(bucket.name, key, renamed, context=context))
        self.report(tx, bucket, CREATED_COPY, record, context=context)
        self.report(tx, bucket, REMOVED, stored.record, context=context, is_removed=True)

    def delete(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        key: str,
        *,
        context: RequestContext = NO_CONTEXT,
        has_expired: bool = False,
    ) -> ObjectRecord | None:
        """Without a version id: the delete marker, or None where a bucket has no versions.

        context: of the request. has_expired: a lifecycle rule removes it.
        """
        current = tx.current(bucket.name, key.encode())
        if current is None and not bucket.versioning:
            return None
        marker = None
        if bucket.versioning:
            marker = self._numbered(tx, bucket, ObjectRecord(key, delete_marker=True), current)
        _retire(tx, bucket, key, current)
        if current is not None:
            tx.drop_current(bucket.name, current.record)
        if marker is not None:
            tx.put_version(bucket.name, Stored(marker, EMPTY))
        self._tell(tx, Change(bucket.name, key, None))
        if marker is not None:
            event = EXPIRED_BY_MARKER if has_expired else REMOVED_BY_MARKER
            self.report(tx, bucket, event, marker, context=context, is_removed=True)
        elif current is not None:
            event = EXPIRED if has_expired else REMOVED
            self.report(tx, bucket, event, current.record, context=context, is_removed=True)
        return marker

    def delete_version(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        key: str,
        version_id: str,
        *,
        may_bypass: bool = False,
        context: RequestContext = NO_CONTEXT,
        has_expired: bool = False,
    ) -> ObjectRecord | None:
        """Remove one version permanently; the newest remaining one becomes current.

        Returns the removed version; None: there is none with this id. Raises AccessDenied for a
        version that object lock protects; may_bypass: also those in governance mode are removed.
        context, has_expired: see delete().
        """
        name = key.encode()
        current = tx.current(bucket.name, name)
        doomed = tx.version(bucket.name, name, version_id)
        if doomed is None:
            return None
        headers = doomed.record.description.headers
        check_deletion(headers, may_bypass=may_bypass, now=self._clock())
        _release(tx, bucket, doomed)
        if current is None or doomed.record.seq != current.record.seq:
            tx.drop_version(bucket.name, doomed.record)
        else:
            tx.drop_current(bucket.name, doomed.record)
            current = None
        if current is None:
            self._tell(tx, Change(bucket.name, key, _promote(tx, bucket, name)))
        event = EXPIRED if has_expired else REMOVED
        self.report(tx, bucket, event, doomed.record, context=context, is_removed=True)
        return doomed.record

    def tagged(
        self, tx: Transaction, bucket: BucketRecord, key: str, context: RequestContext
    ) -> None:
        """Note that the tags of the current version have changed. context: see Change."""
        current = tx.current(bucket.name, key.encode())
        self._tell(tx, Change(bucket.name, key, current, tagged=True, context=context))

    def report(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        event: str,
        record: ObjectRecord,
        *,
        context: RequestContext,
        is_removed: bool = False,
    ) -> None:
        """Enter an event about a version, if the bucket has notifications: EventRecorder.record."""
        if self._events is not None and bucket.notifies:
            self._events.record(tx, bucket, event, record, context, is_removed=is_removed)

    def _numbered(
        self, tx: Transaction, bucket: BucketRecord, record: ObjectRecord, current: Stored | None
    ) -> ObjectRecord:
        newest = current
        if newest is None and bucket.versioning:
            newest = tx.newest_version(bucket.name, record.key.encode())
        now = self._clock()
        seq = int(now * 1e6)
        if newest is not None:  # the clock may have been set back
            seq = max(seq, newest.record.seq + 1)
        version_id = version_id_of(seq) if bucket.versioning == ENABLED else NULL_VERSION
        return replace(record, seq=seq, version_id=version_id, modified=now)

    def _tell(self, tx: Transaction, change: Change) -> None:
        if self._on_change is not None:
            self._on_change(tx, change)


def _with_default_retention(
    tx: Transaction, bucket: BucketRecord, record: ObjectRecord
) -> ObjectRecord:
    """The record with the retention of the bucket's rule, unless the request gave one."""
    configuration = object_lock_configuration(tx, bucket)
    if not configuration or "ObjectLockMode" in record.description.headers:
        return record
    added = default_retention(configuration, record.modified)
    if not added:
        return record
    description = record.description
    headers = {**description.headers, **added}
    return replace(record, description=replace(description, headers=headers))


def _retire(tx: Transaction, bucket: BucketRecord, key: str, current: Stored | None) -> None:
    """Store the current version as an older one, or release its bytes.

    Its row among the current ones is the caller's. While versioning is not enabled there is one
    version without an id, "null", and the next such one takes its place.
    """
    is_null = current is not None and current.record.version_id == NULL_VERSION
    if current is not None:
        if is_null and bucket.versioning != ENABLED:
            _release(tx, bucket, current)
        else:
            tx.put_version(bucket.name, current)
    if bucket.versioning == SUSPENDED and not is_null:
        former = tx.version(bucket.name, key.encode(), NULL_VERSION)
        if former is not None:
            _release(tx, bucket, former)
            tx.drop_version(bucket.name, former.record)


def _release(tx: Transaction, bucket: BucketRecord, stored: Stored) -> None:
    """Drop what belongs to a version that is removed permanently, beside its own row."""
    tx.decref(stored.layout)
    drop_annotations(tx, bucket.name, stored.record)


def _promote(tx: Transaction, bucket: BucketRecord, key: bytes) -> Stored | None:
    newest = tx.newest_version(bucket.name, key)
    if newest is None or newest.record.delete_marker:
        return None
    tx.drop_version(bucket.name, newest.record)
    tx.put_current(bucket.name, newest, None)
    return newest
