"""Carries out the lifecycle rules of buckets: expirations, and the abort of unfinished uploads.

s3/lifecycle.py decides. One round reads the versions of each bucket that has rules, page by page in
a thread, and removes what has expired in small commits. Each removal is checked again within its
commit, because the object may have been replaced meanwhile. What object lock protects stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.lifecycle import (
    Version,
    abort_members,
    abort_of,
    enabled,
    expiration_member,
    expiry_of,
    has_expired,
)
from s3d.agent.s3.messages import Members
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRecord, UploadRecord
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import decode_setting, release_upload
from s3d.agent.stores.local.version_writer import VersionWriter

logger = logging.getLogger(__name__)

LIFECYCLE = "lifecycle"
"""Name of the setting: the query word of its operations."""
INTERVAL = 3600.0
"""Seconds between two rounds. S3 itself carries rules out once a day."""
_PAGE = 1_000
_COMMIT = 100
"""Removals in one commit, so that requests do not wait long."""

Rules = Sequence[Mapping[str, Any]]


class Expired(NamedTuple):
    """A version that has expired."""

    record: ObjectRecord
    is_current: bool


class Expiration:
    """run() carries out the rules every hour, apply() once."""

    def __init__(
        self, index: Index, version_writer: VersionWriter, clock: Callable[[], float]
    ) -> None:
        """clock: Unix seconds."""
        self._index = index
        self._version_writer = version_writer
        self._clock = clock
        self.rules_of: Callable[[str], Rules | None] = index.per_bucket(_read_rules)
        """The enabled rules of a bucket; None for a bucket that does not exist."""

    def members(self, bucket: str, record: ObjectRecord) -> Members:
        """The member Expiration of the current version of an object; empty when none will expire.

        To be called on the loop.
        """
        rules = self.rules_of(bucket)
        if not rules:
            return {}
        return expiration_member(expiry_of(rules, _version(record)))

    def members_of(self, bucket: str, key: str) -> Members:
        """The same for the object that a write has just made."""
        if not self.rules_of(bucket):
            return {}
        record = self._index.read_inline(lambda reader: reader.object(bucket, key.encode()))
        return {} if record is None else self.members(bucket, record)

    def members_of_upload(self, bucket: str, upload: UploadRecord) -> Members:
        """The members AbortDate and AbortRuleId; empty when no rule aborts the upload.

        To be called on the loop.
        """
        rules = self.rules_of(bucket)
        return abort_members(abort_of(rules, upload.key, upload.initiated)) if rules else {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.apply()
            await asyncio.sleep(INTERVAL)

    async def apply(self) -> int:
        """Remove what has expired by now; returns how many versions and uploads were removed."""
        removed = 0
        for bucket in await self._index.read_in_thread(Reader.buckets):
            rules = self.rules_of(bucket.name)
            if rules:
                removed += await self._apply(bucket.name, rules)
        return removed

    async def _apply(self, bucket: str, rules: Rules) -> int:
        now, walk, removed = self._clock(), _Walk(rules), 0
        after: tuple[bytes, int] = (b"", 0)
        while True:
            page = await self._index.read_in_thread(partial(_page, bucket, after))
            if not page:
                break
            after = (page[-1][0].key.encode(), page[-1][0].seq)
            removed += await self._remove(bucket, walk.expired(page, now))
        removed += await self._remove(bucket, walk.end(now))
        removed += await self._abort_uploads(bucket, rules, now)
        if removed:
            logger.info("removed what has expired bucket=%s count=%d", bucket, removed)
        return removed

    async def _remove(self, bucket: str, expired: Sequence[Expired]) -> int:
        removed = 0
        for start in range(0, len(expired), _COMMIT):
            chosen = expired[start : start + _COMMIT]
            action = partial(self._remove_all, bucket, chosen)
            removed += await self._index.write(action, frees=True)
        return removed

    def _remove_all(self, bucket: str, expired: Iterable[Expired], tx: Transaction) -> int:
        return sum(self._remove_one(tx, bucket, each) for each in expired)

    def _remove_one(self, tx: Transaction, name: str, expired: Expired) -> bool:
        """False when the version is gone or no longer what it was, or is protected."""
        record = expired.record
        key, bucket = record.key.encode(), tx.bucket(name)
        if bucket is None:
            return False
        stored = tx.version(name, key, record.version_id)
        if stored is None or stored.record.seq != record.seq:
            return False
        current = tx.object(name, key)
        is_current = current is not None and current.seq == record.seq
        if is_current != expired.is_current:
            return False
        if is_current:
            self._version_writer.delete(tx, bucket, record.key, has_expired=True)
            return True
        try:
            self._version_writer.delete_version(
                tx, bucket, record.key, record.version_id, has_expired=True
            )
        except S3Error as error:  # AccessDenied: object lock protects it
            logger.debug(
                "an expired version is not removed bucket=%s key=%s: %s",
                name,
                record.key,
                error.message,
            )
            return False
        return True

    async def _abort_uploads(self, bucket: str, rules: Rules, now: float) -> int:
        after, aborted = (b"", ""), 0
        while True:
            query = partial(_upload_page, bucket, after)
            uploads = await self._index.read_in_thread(query)
            if not uploads:
                return aborted
            after = (uploads[-1].key.encode(), uploads[-1].id)
            for upload in uploads:
                abort = abort_of(rules, upload.key, upload.initiated)
                if abort is not None and abort.at <= now:
                    action = partial(release_upload, bucket, upload)
                    aborted += await self._index.write(action, frees=True)


class _Walk:
    """Goes through all versions of a bucket by key, the newest first, in pages."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._key: str | None = None
        self._newer: float | None = None
        """When the next newer version of the key was written."""
        self._noncurrent = 0
        self._marker: ObjectRecord | None = None
        """A delete marker of which it is not known yet whether it hides older versions."""

    def expired(self, page: Sequence[tuple[ObjectRecord, bool]], now: float) -> list[Expired]:
        """What has expired among the versions of the next page."""
        found: list[Expired] = []
        for record, _ in page:
            if record.key != self._key:
                found += self.end(now)
                self._key, self._newer, self._noncurrent = record.key, None, 0
            elif self._marker is not None:
                self._marker = None
            is_first = self._newer is None
            if is_first and record.delete_marker:
                self._marker = record
            elif self._has_expired(record, now):
                found.append(Expired(record, is_first))
            self._noncurrent += not is_first
            self._newer = record.modified
        return found

    def end(self, now: float) -> list[Expired]:
        """A delete marker that turned out to be the only version of its key, if it has expired."""
        marker, self._marker = self._marker, None
        if marker is None:
            return []
        version = _version(marker)._replace(is_only=True)
        return [Expired(marker, False)] if has_expired(self._rules, version, now) else []

    def _has_expired(self, record: ObjectRecord, now: float) -> bool:
        version = _version(record)._replace(
            noncurrent_since=self._newer, newer_noncurrent=self._noncurrent
        )
        return has_expired(self._rules, version, now)


def _version(record: ObjectRecord) -> Version:
    return Version(
        key=record.key,
        modified=record.modified,
        size=record.size,
        tags=record.description.tags,
        is_marker=record.delete_marker,
    )


def _read_rules(reader: Reader, bucket: str) -> Rules | None:
    """The enabled rules of a bucket; None for a bucket that does not exist."""
    if reader.bucket(bucket) is None:
        return None
    stored = reader.setting(bucket, LIFECYCLE)
    return () if stored is None else enabled(decode_setting(stored).get("Rules", ()))


def _page(bucket: str, after: tuple[bytes, int], reader: Reader) -> list[tuple[ObjectRecord, bool]]:
    return reader.version_page(bucket, b"", after, _PAGE, whole=True)  # type: ignore[return-value]


def _upload_page(bucket: str, after: tuple[bytes, str], reader: Reader) -> list[UploadRecord]:
    return reader.upload_page(bucket, b"", after, _PAGE)
