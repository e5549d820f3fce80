"""Writes the access logs of buckets: the endpoint hands in the records, log objects are put later.

Records wait in memory, and in files (log_spool.py), from which the next start takes those that a
crash has left. S3 delivers its logs on a best effort, too: a record may be lost, or come twice.
Nothing is recorded while no bucket has a log.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.s3.access_log_record import AccessRecord, format_record
from s3d.agent.s3.bucket_logging import LogTarget, log_key, target_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.bucket_access import canonical_id
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.stores.local.log_spool import LogSpool, SpooledRecord
from s3d.agent.stores.local.lookup import decode_setting
from s3d.shared.access_key import DEFAULT_OWNER, owner_named

logger = logging.getLogger(__name__)

LOGGING = "logging"
"""Name of the setting: the query word of its operations."""
MAX_RECORDS = 100_000
"""Records that wait in memory; later ones are dropped."""
_SHORTEST = 1.0
"""Seconds between two deliveries, at least."""

_ACCOUNT = owner_named(DEFAULT_OWNER).account_id
"""In partitioned keys: of the agent, which delivers the logs."""

Put = Callable[[AccessRecord], None]


class _Log(NamedTuple):
    """What is known of the log of a bucket; target None: it has none."""

    target: LogTarget | None
    owner: str
    region: str


class BucketLogs:
    """run() writes the log objects until it is cancelled. Belongs to the loop."""

    def __init__(
        self,
        index: Index,
        client: S3Client,
        clock: Callable[[], float],
        delay: float,
        *,
        spool: LogSpool,
    ) -> None:
        """client: of the store. clock: Unix seconds. delay: seconds between two deliveries."""
        self._index = index
        self._client = client
        self._clock = clock
        self._delay = max(delay, _SHORTEST)
        self._spool = spool
        self._log_of = index.per_bucket(_read_log)
        self._waiting: dict[tuple[str, LogTarget], list[str]] = {}
        self._count = 0
        self._start: Callable[[Put], None] | None = None

    async def start(self, start: Callable[[Put], None]) -> None:
        """Take what a crash has left. start: has each request recorded from now on; it is called
        once, when a bucket has a log."""
        self._start = start
        for record in await asyncio.to_thread(self._spool.load):
            self._count += 1
            self._waiting.setdefault((record.bucket, record.target), []).append(record.line)
        for bucket in await self._index.read_in_thread(Reader.buckets):
            self.changed(LOGGING, bucket.name)

    def changed(self, setting: str, bucket: str) -> None:
        """A setting of a bucket was put."""
        if setting != LOGGING or self._start is None:
            return
        log = self._log_of(bucket)
        if log is not None and log.target is not None:
            start, self._start = self._start, None
            start(self.add)

    def add(self, record: AccessRecord) -> None:
        """Take a record; it never waits."""
        log = self._log_of(record.bucket) if record.bucket else None
        if log is None or log.target is None:
            return
        if self._count >= MAX_RECORDS:
            if self._count == MAX_RECORDS:
                logger.warning("dropped records of access logs, because too many wait")
            self._count += 1
            return
        self._count += 1
        line = format_record(record._replace(bucket_owner=log.owner))
        self._waiting.setdefault((record.bucket, log.target), []).append(line)
        self._spool.put(SpooledRecord(record.bucket, log.target, line))

    async def run(self) -> None:
        """Until cancelled; then what waits is written."""
        try:
            while True:
                await asyncio.sleep(self._delay)
                await self.deliver()
        finally:
            await self.deliver()

    async def deliver(self) -> int:
        """Write what waits; how many log objects were written."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        if not waiting:
            return 0
        sealed = self._spool.seal()
        written, again = 0, 0
        for (bucket, target), lines in waiting.items():
            try:
                await self._put(bucket, target, lines)
            except S3Error as error:
                logger.warning(
                    "cannot write an access log bucket=%s target=%s reason=%s",
                    bucket, target.bucket, error.message,
                )  # fmt: skip
                if error.status >= 500:  # such as a full disk
                    again += self._take_back(bucket, target, lines)
            else:
                written += 1
        if again:
            self._spool.keep(sealed)
        await asyncio.to_thread(sealed.close if again else sealed.discard)
        return written

    async def _put(self, bucket: str, target: LogTarget, lines: list[str]) -> None:
        """Write one log object. Raises S3Error."""
        log = self._log_of(bucket)
        key = log_key(
            target,
            bucket,
            self._clock(),
            secrets.token_hex(8).upper(),
            account=_ACCOUNT,
            region=log.region if log is not None else "",
        )
        body = BytesBody("".join(f"{line}\n" for line in lines).encode())
        members = {"Bucket": target.bucket, "Key": key, "ContentType": "text/plain"}
        await self._client.call("PutObject", members, body)

    def _take_back(self, bucket: str, target: LogTarget, lines: list[str]) -> int:
        """Have lines written with the next delivery, as many as there is room for."""
        lines = lines[: max(MAX_RECORDS - self._count, 0)]
        if lines:
            self._waiting[bucket, target] = lines + self._waiting.get((bucket, target), [])
            self._count += len(lines)
        return len(lines)


def _read_log(reader: Reader, bucket: str) -> _Log | None:
    """None for a bucket that does not exist."""
    record = reader.bucket(bucket)
    if record is None:
        return None
    stored = reader.setting(bucket, LOGGING)
    status = {} if stored is None else decode_setting(stored)
    # The setting is stored as the output of GetBucketLogging.
    return _Log(target_of(status), canonical_id(record.owner), record.region)
