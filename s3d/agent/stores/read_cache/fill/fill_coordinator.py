"""Fills the cache: missing bytes are fetched once, for any number of readers.

An object that is not cached is opened by one GET, of all of it or of the blocks that a range needs;
its answer makes the entry. Later, missing blocks of an entry are fetched run by run. A fill belongs
to the cache and not to its first reader, so a reader that disconnects does not affect the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.object_info import whole_size
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.supervise import consume_exception
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, RequestContext, S3Response
from s3d.agent.storage.blobs import INLINE
from s3d.agent.storage.blocks import BLOCK, block_size, blocks_of, crc, mask
from s3d.agent.stores.read_cache.catalog.cache_counters import CacheCounters
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.agent.stores.read_cache.catalog.verify import DigestCheck, EntryFiles, claim_of, stamp_of
from s3d.agent.stores.read_cache.fill.fetch import Fetch, whole
from s3d.shared.logs import log_fields

logger = LimitedLogger(logging.getLogger(__name__))

_REST = 30.0
"""Seconds without fills after an error of the cache's disk."""

Name = tuple[str, str]


@dataclass
class _Opening:
    """The first GET of an object, in progress."""

    result: asyncio.Future[Entry | None]
    """None: the object must not be cached."""
    context: RequestContext | None = None
    """The context of the first reader's request."""
    superseded: bool = False
    """The object has been written since: no other reader may get these bytes."""


class Uncached(Exception):
    """The object is not cached: response is for the first reader; None: forward the request."""

    def __init__(self, response: S3Response[Any] | None) -> None:
        self.response = response
        super().__init__("not cached")


@dataclass
class FillCoordinator:
    """All fills of the cache. spawn: runs a named coroutine; the future gets its outcome."""

    catalog: Catalog
    files: EntryFiles
    inner: ObjectStore
    spawn: Callable[[Any, str], asyncio.Future[Any]]
    counters: CacheCounters
    admits: Callable[[str, str, Members, RequestContext | None], Awaitable[bool]]
    """Whether an object may be cached, by its attributes at the remote."""
    clock: Callable[[], float] = time.time
    _opening: dict[Name, _Opening] = field(default_factory=dict)
    _fetches: dict[int, list[Fetch]] = field(default_factory=dict)
    _md5_mismatches: dict[Name, str] = field(default_factory=dict)
    """The MD5 of objects whose bytes did not match their ETag."""
    _buckets_without_md5: set[str] = field(default_factory=set)
    """Buckets of a server whose ETags are not MD5 digests."""
    _rest_until: float = 0.0

    @property
    def in_flight(self) -> int:
        return len(self._opening) + sum(map(len, self._fetches.values()))

    @property
    def is_resting(self) -> bool:
        """Whether fills are suspended after an error of the disk."""
        return self.clock() < self._rest_until

    def supersede(self, bucket: str, key: str) -> None:
        """Let an open of this object that is in progress get no further readers, because the
        object changes."""
        opening = self._opening.pop((bucket, key), None)
        if opening is not None:
            opening.superseded = True

    def supersede_all(self, bucket: str) -> None:
        for name in [name for name in self._opening if name[0] == bucket]:
            self.supersede(*name)

    async def open(
        self, bucket: str, key: str, header: str, context: RequestContext | None = None
    ) -> Entry:
        """The entry of an object that was not here, with what a Range header asks for on its way.

        Raises Uncached; S3Error when the remote has no such object, or is unreachable.
        """
        if self.is_resting:
            raise Uncached(None)
        opening = self._opening.get((bucket, key))
        if opening is not None:
            return await self._other(opening)
        loop = asyncio.get_running_loop()
        opening = self._opening[bucket, key] = _Opening(loop.create_future(), context)
        opening.result.add_done_callback(consume_exception)
        opened = self.spawn(self._open(opening, bucket, key, header), f"cache open {bucket}/{key}")
        entry: Entry = await asyncio.shield(opened)  # Others may wait for it too.
        return entry

    async def _other(self, opening: _Opening) -> Entry:
        entry = await asyncio.shield(opening.result)
        if entry is None or entry.superseded:
            raise Uncached(None)
        self.counters.saved_requests.add()
        return entry

    async def _open(self, opening: _Opening, bucket: str, key: str, header: str) -> Entry:
        entry: Entry | None = None
        try:
            entry = await self._first(opening, bucket, key, header)
        except S3Error as error:
            opening.result.set_exception(error)
            raise
        finally:
            if self._opening.get((bucket, key)) is opening:
                del self._opening[bucket, key]
            if not opening.result.done():
                opening.result.set_result(None if opening.superseded else entry)
        return entry

    async def _first(self, opening: _Opening, bucket: str, key: str, header: str) -> Entry:
        wanted = {"Range": _aligned(header)} if header else {}
        response = await self._get(bucket, key, wanted, opening.context)
        members, body = response.output, response.body or BytesBody(b"")
        try:
            size = whole_size(members)
        except S3Error:  # the body comes in chunks
            await _close(response.body)
            raise Uncached(None) from None
        start, stop = _extent(members, size)
        first, end = blocks_of(start, stop - start) if size else (0, 0)
        aligned = start % BLOCK == 0 and (stop == size or stop % BLOCK == 0)
        if (
            opening.superseded
            or not aligned
            or not await self.admits(bucket, key, members, opening.context)
        ):
            raise await _refused(response, header)
        entry = Entry((bucket, key), members, size, self.catalog.blobs.new_id(), self.clock())
        if size <= INLINE:
            return await self._small(opening, entry, members, body)
        held = stop - start
        await self.catalog.room.make_slowly(held)
        if not self.catalog.room.claim(held):
            raise await _refused(response, header)
        try:
            fd = await asyncio.to_thread(self.files.create, entry.blob)
        except OSError as error:
            self.catalog.room.unclaim(held)
            self._failed(error)
            raise await _refused(response, header) from error
        entry.superseded = opening.superseded
        if not entry.superseded:
            self.catalog.add(entry)
        digest_check = DigestCheck(claim_of(members) if (first, end) == whole(entry) else None)
        self._start(Fetch(entry, first, end, fd, digest_check), body, held)
        return entry

    async def _small(self, opening: _Opening, entry: Entry, members: Members, body: Body) -> Entry:
        """Fetch a whole small object into memory."""
        self.counters.fills.add()
        async with aclosing(body):
            data = b"".join([chunk async for chunk in body])
        self.counters.fetched_bytes.add(len(data))
        digest_check = DigestCheck(claim_of(members))
        digest_check.update(data)
        if len(data) != entry.size:
            raise S3Error("ServiceUnavailable", "The remote's response ended early.")
        if not self._holds(entry, digest_check):
            raise S3Error("InternalError", "The remote's response does not match its ETag.")
        if entry.size:
            entry.sums[0] = crc(data)
            entry.present = mask(0, 1)
        await self.catalog.room.make_slowly(entry.size)
        if opening.superseded or not self.catalog.room.make(entry.size):
            members = {**entry.output, **entry.checksums, "ContentLength": entry.size}
            raise Uncached(S3Response(members, BytesBody(data)))
        self.catalog.add(entry, data)
        return entry

    # What an entry lacks

    def fetch_of(self, entry: Entry, block: int) -> Fetch | None:
        """The fetch in progress of this block, if there is one."""
        for fetch in self._fetches.get(entry.blob, ()):
            if fetch.first <= block < fetch.end and not fetch.is_over:
                return fetch
        return None

    async def fetch(
        self, entry: Entry, start: int, size: int, context: RequestContext | None = None
    ) -> Fetch:
        """Have the first missing run of these bytes fetched; the one that brings its beginning.

        Raises S3Error: PreconditionFailed when the object is another one by now.
        """
        await self.catalog.room.make_slowly(size)
        first, end = next(entry.missing(start, size), blocks_of(start, 1))
        under_way = self.fetch_of(entry, first)
        if under_way is not None:
            return under_way
        for block in range(first + 1, end):
            if self.fetch_of(entry, block) is not None:
                end = block
                break
        held = sum(block_size(entry.size, block) for block in range(first, end))
        if not self.catalog.room.claim(held):
            raise S3Error("SlowDown", "The cache is full of pinned entries and entries in use.")
        # It is entered before anything is awaited, so that a second reader finds it.
        fetch = Fetch(entry, first, end, None, DigestCheck(None))
        await self._start_later(fetch, held, context)
        return fetch

    async def _reopen(self, fetch: Fetch) -> None:
        """Open its file. Raises S3Error SlowDown."""
        entry = fetch.entry
        try:
            fetch.fd = await asyncio.to_thread(self.files.reopen, entry.blob)
        except OSError as error:
            self._failed(error)
            raise S3Error("SlowDown", f"The cache cannot be used: {error.strerror}") from error
        if stamp_of(fetch.fd) != entry.stamp:
            entry.verified = 0

    def _start_later(
        self, fetch: Fetch, held: int, context: RequestContext | None
    ) -> asyncio.Future[None]:
        """Request the blocks; return when the response has begun."""
        self._fetches.setdefault(fetch.entry.blob, []).append(fetch)
        self.catalog.begin(fetch.entry)
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        begun.add_done_callback(consume_exception)
        self.spawn(self._ask(fetch, held, begun, context), f"cache fetch {fetch.entry.blob}")
        return begun

    async def _ask(
        self,
        fetch: Fetch,
        held: int,
        begun: asyncio.Future[None],
        context: RequestContext | None,
    ) -> None:
        entry = fetch.entry
        wanted = {"Range": f"bytes={fetch.at}-{fetch.stop - 1}", "IfMatch": entry.etag}
        try:
            await self._reopen(fetch)
            response = await self._get(entry.bucket, entry.key, wanted, context)
            members = response.output
            if members["ETag"] != entry.etag or _extent(members, entry.size) != (
                fetch.at,
                fetch.stop,
            ):
                await _close(response.body)
                raise S3Error("PreconditionFailed")
        except S3Error as error:
            fetch.error = error
            fetch.finish()
            is_gone = error.code == "PreconditionFailed" or error.status == 404
            if is_gone and self.catalog.peek(*entry.name) is entry:
                self.catalog.forget(*entry.name)
            self._end(fetch, held)
            if not begun.done():
                begun.set_exception(error)
            return
        if not begun.done():
            begun.set_result(None)
        await self._run(fetch, response.body or BytesBody(b""), held)

    def _start(self, fetch: Fetch, body: Body, held: int) -> None:
        """Store the bytes of the response."""
        self._fetches.setdefault(fetch.entry.blob, []).append(fetch)
        self.catalog.begin(fetch.entry)
        self.spawn(self._run(fetch, body, held), f"cache fetch {fetch.entry.blob}")

    async def _run(self, fetch: Fetch, body: Body, held: int) -> None:
        entry = fetch.entry
        self.counters.fills.add()
        try:
            await fetch.run(body)
            self.counters.fetched_bytes.add(fetch.at - fetch.first * BLOCK)
            if fetch.error is None and not self._holds(entry, fetch.digest_check):
                fetch.error = S3Error(
                    "InternalError", "The remote's response does not match its ETag."
                )
            if fetch.error is None:
                fetch.note()
                entry.verified |= mask(fetch.first, fetch.end)
                entry.stamp = stamp_of(fetch.file)
            elif isinstance(fetch.error.failure, OSError):
                self._failed(fetch.error.failure)
            if fetch.error is not None:
                fields = log_fields(bucket=entry.bucket, key=entry.key)
                logger.info("cannot fill the cache: %s", fetch.error.message, extra=fields)
        finally:
            fetch.finish()
            self._end(fetch, held)

    def _end(self, fetch: Fetch, held: int) -> None:
        entry = fetch.entry
        fetch.close()
        self._fetches[entry.blob].remove(fetch)
        if not self._fetches[entry.blob]:
            del self._fetches[entry.blob]
        self.catalog.room.unclaim(held)
        self.catalog.end(entry)
        if not entry.present and not entry.superseded and entry.blob not in self._fetches:
            self.catalog.forget(*entry.name)
        else:
            self.catalog.update(entry)

    async def _get(
        self, bucket: str, key: str, members: Members, context: RequestContext | None
    ) -> S3Response[Any]:
        asked = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED", **members}
        return await S3Client(self.inner, context).call("GetObject", asked)

    def _holds(self, entry: Entry, digest_check: DigestCheck) -> bool:
        """Whether the bytes are right. The same mismatch twice shows that the ETag is not an
        MD5."""
        if digest_check.holds or (
            digest_check.is_doubtful and entry.bucket in self._buckets_without_md5
        ):
            return True
        self.counters.corrupt.add()
        if not digest_check.is_doubtful:
            return False
        if self._md5_mismatches.get(entry.name) == digest_check.computed:
            fields = log_fields(bucket=entry.bucket)
            logger.info("the ETags of this bucket are not MD5 digests", extra=fields)
            self._buckets_without_md5.add(entry.bucket)
            self._md5_mismatches.clear()
            return True
        if len(self._md5_mismatches) > 1_000:
            self._md5_mismatches.clear()
        self._md5_mismatches[entry.name] = digest_check.computed
        return False

    def _failed(self, error: OSError) -> None:
        self._rest_until = self.clock() + _REST
        logger.warning(
            "caching is suspended: %s folder=%s",
            error.strerror or error,
            self.catalog.blobs.folder,
        )


def _aligned(header: str) -> str:
    """Extend a Range header (of one range with a start) to whole blocks."""
    first, _, last = header.partition("=")[2].strip().partition("-")
    start = int(first) // BLOCK * BLOCK
    return f"bytes={start}-{(int(last) // BLOCK + 1) * BLOCK - 1}" if last else f"bytes={start}-"


def _extent(members: Members, size: int) -> tuple[int, int]:
    """The (start, stop) of the bytes in a response."""
    content_range = str(members.get("ContentRange") or "")
    if not content_range:
        return 0, size
    start, _, last = content_range.removeprefix("bytes ").partition("/")[0].partition("-")
    return int(start), int(last) + 1


async def _refused(response: S3Response[Any], header: str) -> Uncached:
    """Pass the response on, unless its range is not the requested one."""
    if not header:
        return Uncached(response)
    await _close(response.body)
    return Uncached(None)


async def _close(body: Body | None) -> None:
    if body is not None:
        await body.aclose()
