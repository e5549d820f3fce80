"""One listing made of the remote's pages and of what is pending, in key order."""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import (
    Position,
    Query,
    roll_up,
)
from s3d.agent.s3.listing_merge import MergedListing, Run, merge_runs
from s3d.agent.s3.messages import NO_CONTEXT, Members, RequestContext
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRow
from s3d.agent.stores.write_queue.journal.journal import Journal

_PAGE = 1_000
_MAX_HIDDEN = 2_000
_MAX_HIDDEN_OF_WHOLE = 20_000
"""Pending deletions that are merged in one run; more where each run reads the whole listing."""
_LAST = "\U0010ffff"
"""Sorts after every key with a common prefix."""

Item = tuple[bytes, Members | None]
"""A key and its row, or a common prefix and None."""
Listing = MergedListing[bytes, Members]


@dataclass(frozen=True, slots=True)
class ListingQuery:
    """The parameters of a listing."""

    bucket: str
    prefix: bytes
    delimiter: bytes
    owner: bool
    further: Members
    """Members for the remote only."""
    context: RequestContext = NO_CONTEXT
    """Of the listing's request."""


class UnorderedListing(Exception):
    """The remote does not list in key order, so keys would be missing from a merged page."""


class ListingOverlay:
    """One listing made of the remote's pages and of what is pending; serves one request."""

    def __init__(
        self, journal: Journal, inner: ObjectStore, query: ListingQuery, *, whole: bool = False
    ) -> None:
        """whole: read the remote's listing to its end and sort it, because its pages are not in key
        order."""
        self._journal = journal
        self._inner = inner
        self._query = query
        self._whole = whole
        self.headers: dict[str, str] = {}
        """Response headers of the remote's pages, for example that one was stale."""

    async def page(self, after: bytes | None, token: str | None, size: int) -> Listing:
        """At most size items after a key, in order. None: after the position of the remote's token;
        pending keys just before the next item of the remote are not listed then.

        Raises UnorderedListing, unless the remote's listing is read as a whole. A token of the
        remote has no position in that listing, so it starts over: keys may be listed twice, and
        none is missing.
        """
        if self._whole:
            after = after or b""
        listing: Listing = MergedListing(size, after or b"")
        if after is None:
            first = await self._remote({"ContinuationToken": token, "MaxKeys": 1})
            place = first.items[0][0] if first.items else None
            listing.add(Run(await self._visible(first.items[:1]), place))
        while listing.is_open and listing.place is not None:
            step = await self._step(listing.place, listing.missing)
            listing.add(Run(await self._nonempty(step.items), step.end))
        return listing

    async def _step(self, after: bytes, limit: int) -> Run[bytes, Members]:
        """A run of the listing that begins after a key. Its common prefixes may be empty."""
        hidden = self._hidden(after)
        pending = await self._journal.read(lambda reader: self._pending(reader, after, limit))
        if self._whole:
            return merge_runs(Run(await self._whole_after(after)), pending, hidden)
        size = min(_PAGE, limit + len(hidden.items))
        remote = await self._remote({"StartAfter": self._start(after), "MaxKeys": size})
        if any(key <= after and row is not None for key, row in remote.items):
            raise UnorderedListing
        known = [item for item in remote.items if item[0] > after]
        end = remote.end if known or not remote.items else None
        return merge_runs(Run(known, end), pending, hidden)

    async def _whole_after(self, after: bytes) -> list[Item]:
        """All items of the remote's listing after a key, in order."""
        items = [item async for page in self._pages(self._members()) for item in page]
        found = dict(item for item in items if item[0] > after)
        return await asyncio.to_thread(sorted, found.items(), key=_key)

    def _hidden(self, after: bytes) -> Run[bytes, None]:
        """Pending deletions, from memory, which has every deletion that was acknowledged."""
        query = self._query
        limit = _MAX_HIDDEN_OF_WHOLE if self._whole else _MAX_HIDDEN
        found = self._journal.pending.deleted(query.bucket, query.prefix, after, limit)
        keys = [key.encode() for key in found]
        return Run([(key, None) for key in keys], keys[-1] if len(keys) == limit else None)

    def _pending(self, reader: Reader, after: bytes, limit: int) -> Run[bytes, Members]:
        query = self._query

        def fetch(place: Position[None], size: int) -> Sequence[ObjectRow]:
            return reader.page(query.bucket, query.prefix, place[0], size)

        page = roll_up(
            fetch,
            lambda row: (row.key.encode(), None),
            Query(query.prefix, query.delimiter, (after, None), limit),
        )
        items: list[Item] = [(row.key.encode(), _row(row)) for row in page.entries]
        items += [(group, None) for group in page.prefixes]
        items.sort(key=_key)
        return Run(items, page.next[0] if page.truncated else None)

    async def _remote(self, place: Members) -> Run[bytes, Members]:
        """A page of the remote's own listing."""
        return await self._list(self._members() | _given(place))

    def _members(self) -> Members:
        query = self._query
        members: Members = {"Bucket": query.bucket, **query.further}
        for name, value in (("Prefix", query.prefix), ("Delimiter", query.delimiter)):
            if value:
                members[name] = value.decode()
        if query.owner:
            members["FetchOwner"] = True
        return members

    async def _visible(self, items: Sequence[Item]) -> list[Item]:
        """The items of the remote that are not pending deletions, as they will be."""
        found: list[Item] = []
        for key, row in await self._nonempty(items):
            newest = self._journal.kind_on_disk(self._query.bucket, key.decode()) if row else None
            if newest is None:
                found.append((key, row))
                continue
            get = partial(Reader.object, bucket=self._query.bucket, key=key)
            staged = await self._journal.read(get)
            if staged is not None:
                found.append((key, _row(staged)))
        return found

    async def _nonempty(self, items: Sequence[Item]) -> list[Item]:
        """Remove common prefixes under which no key will be left."""
        return [item for item in items if item[1] is not None or await self._has_keys(item[0])]

    async def _has_keys(self, group: bytes) -> bool:
        bucket = self._query.bucket
        if next(self._journal.pending.under(bucket, group), None) is None:
            return True
        deleted = self._journal.pending.deleted(bucket, group, b"", sys.maxsize)
        staged = await self._journal.read(lambda reader: reader.page(bucket, group, b"", 1))
        if staged or not deleted:
            return True
        size = min(_PAGE, len(deleted) + 1)
        members: Members = {"Bucket": bucket, "Prefix": group.decode(), "MaxKeys": size}
        async for page in self._pages(members):
            if any(not _contains(deleted, key.decode()) for key, _ in page):
                return True
        return False

    async def _list(self, members: Members) -> Run[bytes, Members]:
        """A page that can be merged with what is pending. Raises UnorderedListing."""
        items, output = await self._page(members)
        more = bool(output.get("IsTruncated"))
        keys = [key for key, row in items if row is not None]
        if more and (not items or any(key > later for key, later in pairwise(keys))):
            raise UnorderedListing
        items.sort(key=_key)
        return Run(items, items[-1][0] if more else None)

    async def _pages(self, members: Members) -> AsyncIterator[list[Item]]:
        """All pages of the remote's listing, in its order, to the proven end. Raises S3Error."""
        token = None
        while True:
            items, output = await self._page(members | _given({"ContinuationToken": token}))
            yield items
            if not output.get("IsTruncated"):
                return
            before, token = token, output.get("NextContinuationToken")
            if not token or token == before:
                raise S3Error(
                    "ServiceUnavailable",
                    "A page of the remote's listing is truncated but has no continuation token.",
                )

    async def _page(self, members: Members) -> tuple[list[Item], Members]:
        client = S3Client(self._inner, self._query.context)
        response = await client.call("ListObjectsV2", members)
        self.headers |= response.headers
        output = response.output
        items: list[Item] = [
            (row["Key"].encode(), dict(row)) for row in output.get("Contents") or ()
        ]
        items += [(one["Prefix"].encode(), None) for one in output.get("CommonPrefixes") or ()]
        return items, output

    def _start(self, after: bytes) -> str:
        """StartAfter for the remote: after all keys of a common prefix that was listed."""
        query = self._query
        if query.delimiter and after.startswith(query.prefix):
            found = after.find(query.delimiter, len(query.prefix))
            if found >= 0:
                return after[: found + len(query.delimiter)].decode() + _LAST
        return after.decode()


def _given(members: Members) -> Members:
    return {name: value for name, value in members.items() if value not in (None, "")}


def _key(item: Item) -> bytes:
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


def _contains(keys: Sequence[str], key: str) -> bool:
    place = bisect_left(keys, key)
    return place < len(keys) and keys[place] == key
