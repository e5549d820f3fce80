"""One listing made of the remote's pages and of what is pending."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import Place, Query, roll_up
from s3d.agent.s3.merge import Slice, merge_page
from s3d.agent.s3.messages import Members, S3Request
from s3d.agent.s3.model import operations
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRow
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.journal import Journal

Item = tuple[bytes, Members | None]
"""A key and its row, or a common prefix and None."""

_PAGE = 1_000
_HIDDEN = 10_000
"""Pending deletions that are looked up at once."""
_LAST = "\U0010ffff"
"""Behind every key that follows a common prefix."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which listing."""

    bucket: str
    prefix: bytes
    delimiter: bytes
    owner: bool
    further: Members
    """For the remote alone."""


class Overlay:
    """Serves one request."""

    def __init__(self, journal: Journal, inner: ObjectStore, wanted: Wanted) -> None:
        self._journal = journal
        self._inner = inner
        self._wanted = wanted
        self.headers: dict[str, str] = {}
        """Of the pages of the remote that are in it: that one was stale, say."""

    async def items(self, after: bytes | None, token: str | None, limit: int) -> list[Item]:
        """At most limit items behind after, in order. None: behind where a token of the remote's
        stands; of what is pending just before its next item nothing is known then."""
        found: list[Item] = []
        if after is None:
            first = await self._remote({"ContinuationToken": token, "MaxKeys": 1})
            if not first.items:
                return []
            after = first.items[0][0]
            found += await self._visible(first.items[:1])
        while len(found) < limit:
            step = await self._step(after, limit - len(found))
            found += await self._alive(step.items)
            if step.end is None:
                break
            after = step.end
        return found[:limit]

    async def _step(self, after: bytes, limit: int) -> Slice[Members]:
        """A run of the listing that begins behind after; common prefixes may yet be empty."""
        pending, hidden = await self._journal.read(
            lambda reader: self._pending(reader, after, limit)
        )
        size = min(_PAGE, limit + len(hidden.items))
        remote = await self._remote({"StartAfter": self._start(after), "MaxKeys": size})
        if any(key <= after and row is not None for key, row in remote.items):
            raise _disordered()
        known = [item for item in remote.items if item[0] > after]
        end = remote.end if known or not remote.items else None
        return merge_page(Slice(known, end), pending, hidden)

    def _pending(
        self, reader: Reader, after: bytes, limit: int
    ) -> tuple[Slice[Members], Slice[None]]:
        wanted = self._wanted

        def fetch(place: Place[None], size: int) -> list[tuple[Place[None], ObjectRow]]:
            found = reader.page(wanted.bucket, wanted.prefix, place[0], size)
            return [((row.key.encode(), None), row) for row in found]

        query = Query(wanted.prefix, wanted.delimiter, (after, None), limit)
        page = roll_up(fetch, query)
        items: list[Item] = [(row.key.encode(), _row(row)) for row in page.entries]
        items += [(group, None) for group in page.prefixes]
        keys = journal_rows.deleted(reader, wanted.bucket, wanted.prefix, after, _HIDDEN)
        end = keys[-1] if len(keys) == _HIDDEN else None
        hidden: Slice[None] = Slice([(key, None) for key in keys], end)
        items.sort(key=_name)
        return Slice(items, page.next[0] if page.truncated else None), hidden

    async def _remote(self, place: Members) -> Slice[Members]:
        """A page of the remote's own listing."""
        wanted = self._wanted
        members: Members = {"Bucket": wanted.bucket, **wanted.further}
        members |= {name: value for name, value in place.items() if value not in (None, "")}
        for name, value in (("Prefix", wanted.prefix), ("Delimiter", wanted.delimiter)):
            if value:
                members[name] = value.decode()
        if wanted.owner:
            members["FetchOwner"] = True
        return await self._list(members)

    async def _visible(self, items: Sequence[Item]) -> list[Item]:
        """Of items of the remote those that are not about to go, as they will be."""
        found: list[Item] = []
        for key, row in await self._alive(items):
            newest = self._journal.newest(self._wanted.bucket, key.decode()) if row else None
            if newest is None:
                found.append((key, row))
                continue
            staged = await self._journal.read(partial(_staged, self._wanted.bucket, key))
            if staged is not None:
                found.append((key, _row(staged)))
        return found

    async def _alive(self, items: Sequence[Item]) -> list[Item]:
        """Without common prefixes under which no key will be left."""
        return [item for item in items if item[1] is not None or await self._has_keys(item[0])]

    async def _has_keys(self, group: bytes) -> bool:
        bucket, after = self._wanted.bucket, b""
        if next(self._journal.under(bucket, group), None) is None:
            return True
        doomed, staged = await self._journal.read(
            lambda reader: (
                journal_rows.deleted(reader, bucket, group, b"", -1),
                reader.page(bucket, group, b"", 1),
            )
        )
        if staged or not doomed:
            return True
        while True:
            size = min(_PAGE, len(doomed) + 1)
            members = {"Bucket": bucket, "Prefix": group.decode(), "MaxKeys": size}
            if after:
                members["StartAfter"] = after.decode()
            page = await self._list(members)
            if any(not _contains(doomed, key) for key, _ in page.items):
                return True
            if page.end is None or page.end <= after:
                return False
            after = page.end

    async def _list(self, members: Members) -> Slice[Members]:
        response = await self._inner.call(S3Request[Any](operations()["ListObjectsV2"], members))
        self.headers |= response.headers
        output = response.output
        items: list[Item] = [
            (row["Key"].encode(), dict(row)) for row in output.get("Contents") or ()
        ]
        items += [(one["Prefix"].encode(), None) for one in output.get("CommonPrefixes") or ()]
        more = bool(items and output.get("IsTruncated"))
        keys = [key for key, row in items if row is not None]
        if more and any(key > later for key, later in pairwise(keys)):
            raise _disordered()
        items.sort(key=_name)
        return Slice(items, items[-1][0] if more else None)

    def _start(self, after: bytes) -> str:
        """StartAfter for the remote: behind all of a common prefix that is over."""
        wanted = self._wanted
        if wanted.delimiter and after.startswith(wanted.prefix):
            found = after.find(wanted.delimiter, len(wanted.prefix))
            if found >= 0:
                return after[: found + len(wanted.delimiter)].decode() + _LAST
        return after.decode()


def _staged(bucket: str, key: bytes, reader: Reader) -> ObjectRow | None:
    return reader.object(bucket, key)


def _disordered() -> S3Error:
    """SeaweedFS lists `a/b` before `a-`: where its pages are cut, keys would be missing."""
    return S3Error(
        "ServiceUnavailable",
        "The remote does not list in the order of the keys, so that pages of it cannot be merged "
        "with pending writes: list again when they have reached it (s3d drain).",
    )


def _name(item: Item) -> bytes:
    return item[0]


def _row(record: ObjectRow) -> Members:
    """A pending object in a listing."""
    row: Members = {
        "Key": record.key,
        "LastModified": datetime.fromtimestamp(int(record.modified), UTC),
        "ETag": record.etag,
        "Size": record.size,
        "StorageClass": record.storage_class,
    }
    if record.checksum is not None:
        row["ChecksumAlgorithm"] = [record.checksum.algorithm]
        row["ChecksumType"] = record.checksum.kind
    return row


def _contains(keys: Sequence[bytes], key: bytes) -> bool:
    place = bisect_left(keys, key)
    return place < len(keys) and keys[place] == key
