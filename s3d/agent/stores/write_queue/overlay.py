"""One listing made of the remote's pages and of what is pending."""

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
from s3d.agent.s3.listing import Place, Query, roll_up
from s3d.agent.s3.listing_merge import MergedListing, Run, merge_runs
from s3d.agent.s3.messages import NO_CONTEXT, Members, RequestContext
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRow
from s3d.agent.stores.write_queue.journal import Journal

Item = tuple[bytes, Members | None]
"""A key and its row, or a common prefix and None."""
Listing = MergedListing[bytes, Members]

_PAGE = 1_000
_HIDDEN = 2_000
_HIDDEN_OF_WHOLE = 20_000
"""Pending deletions that are looked up at once; where each time costs the remote's whole listing,
more of them."""
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
    context: RequestContext = NO_CONTEXT
    """Of the listing's request."""


class Disordered(Exception):
    """The remote does not list in the order of the keys: where its pages are cut, keys would be
    missing in a merged listing."""


class Overlay:
    """Serves one request."""

    def __init__(
        self, journal: Journal, inner: ObjectStore, wanted: Wanted, *, whole: bool = False
    ) -> None:
        """whole: the remote's listing is read to its end and sorted before it is merged, since its
        pages do not follow one another in the order of the keys."""
        self._journal = journal
        self._inner = inner
        self._wanted = wanted
        self._whole = whole
        self.headers: dict[str, str] = {}
        """Of the pages of the remote that are in it: that one was stale, say."""

    async def page(self, after: bytes | None, token: str | None, size: int) -> Listing:
        """At most size items behind after, in order. None: behind where a token of the remote's
        stands; of what is pending just before its next item nothing is known then.

        Raises Disordered, unless the remote's listing is read as a whole. Then a token of the
        remote's says nothing of the place in that listing, so it is begun again: what has been
        listed before is listed twice, and nothing is missing.
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
            listing.add(Run(await self._alive(step.items), step.end))
        return listing

    async def _step(self, after: bytes, limit: int) -> Run[bytes, Members]:
        """A run of the listing that begins behind after; common prefixes may yet be empty."""
        hidden = self._hidden(after)
        pending = await self._journal.read(lambda reader: self._pending(reader, after, limit))
        if self._whole:
            return merge_runs(Run(await self._behind(after)), pending, hidden)
        size = min(_PAGE, limit + len(hidden.items))
        remote = await self._remote({"StartAfter": self._start(after), "MaxKeys": size})
        if any(key <= after and row is not None for key, row in remote.items):
            raise Disordered
        known = [item for item in remote.items if item[0] > after]
        end = remote.end if known or not remote.items else None
        return merge_runs(Run(known, end), pending, hidden)

    async def _behind(self, after: bytes) -> list[Item]:
        """All items of the remote's listing behind this place, in order."""
        items = [item async for page in self._pages(self._members()) for item in page]
        found = dict(item for item in items if item[0] > after)
        return await asyncio.to_thread(sorted, found.items(), key=_name)

    def _hidden(self, after: bytes) -> Run[bytes, None]:
        """Keys that are about to go. Taken from memory, which knows of each that was answered."""
        wanted = self._wanted
        limit = _HIDDEN_OF_WHOLE if self._whole else _HIDDEN
        found = self._journal.deleted(wanted.bucket, wanted.prefix, after, limit)
        keys = [key.encode() for key in found]
        return Run([(key, None) for key in keys], keys[-1] if len(keys) == limit else None)

    def _pending(self, reader: Reader, after: bytes, limit: int) -> Run[bytes, Members]:
        wanted = self._wanted

        def fetch(place: Place[None], size: int) -> list[tuple[Place[None], ObjectRow]]:
            found = reader.page(wanted.bucket, wanted.prefix, place[0], size)
            return [((row.key.encode(), None), row) for row in found]

        query = Query(wanted.prefix, wanted.delimiter, (after, None), limit)
        page = roll_up(fetch, query)
        items: list[Item] = [(row.key.encode(), _row(row)) for row in page.entries]
        items += [(group, None) for group in page.prefixes]
        items.sort(key=_name)
        return Run(items, page.next[0] if page.truncated else None)

    async def _remote(self, place: Members) -> Run[bytes, Members]:
        """A page of the remote's own listing."""
        return await self._list(self._members() | _given(place))

    def _members(self) -> Members:
        wanted = self._wanted
        members: Members = {"Bucket": wanted.bucket, **wanted.further}
        for name, value in (("Prefix", wanted.prefix), ("Delimiter", wanted.delimiter)):
            if value:
                members[name] = value.decode()
        if wanted.owner:
            members["FetchOwner"] = True
        return members

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
        bucket = self._wanted.bucket
        if next(self._journal.under(bucket, group), None) is None:
            return True
        doomed = self._journal.deleted(bucket, group, b"", sys.maxsize)
        staged = await self._journal.read(lambda reader: reader.page(bucket, group, b"", 1))
        if staged or not doomed:
            return True
        size = min(_PAGE, len(doomed) + 1)
        members: Members = {"Bucket": bucket, "Prefix": group.decode(), "MaxKeys": size}
        async for page in self._pages(members):
            if any(not _contains(doomed, key.decode()) for key, _ in page):
                return True
        return False

    async def _list(self, members: Members) -> Run[bytes, Members]:
        """A page that may be merged with what is pending. Raises Disordered."""
        items, output = await self._page(members)
        more = bool(output.get("IsTruncated"))
        keys = [key for key, row in items if row is not None]
        if more and (not items or any(key > later for key, later in pairwise(keys))):
            raise Disordered
        items.sort(key=_name)
        return Run(items, items[-1][0] if more else None)

    async def _pages(self, members: Members) -> AsyncIterator[list[Item]]:
        """The whole listing, in whatever order; it ends at its proven end. Raises S3Error."""
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
                    "A page of the remote's listing is not the last and does not say how it goes "
                    "on.",
                )

    async def _page(self, members: Members) -> tuple[list[Item], Members]:
        client = S3Client(self._inner, self._wanted.context)
        response = await client.call("ListObjectsV2", members)
        self.headers |= response.headers
        output = response.output
        items: list[Item] = [
            (row["Key"].encode(), dict(row)) for row in output.get("Contents") or ()
        ]
        items += [(one["Prefix"].encode(), None) for one in output.get("CommonPrefixes") or ()]
        return items, output

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


def _given(members: Members) -> Members:
    return {name: value for name, value in members.items() if value not in (None, "")}


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


def _contains(keys: Sequence[str], key: str) -> bool:
    place = bisect_left(keys, key)
    return place < len(keys) and keys[place] == key
