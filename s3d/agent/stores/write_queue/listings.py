"""ListObjects and ListObjectsV2 as they will be once everything pending has reached the remote.

Without pending writes below the prefix a request is forwarded unchanged. Otherwise pages of the
remote are merged with what is pending (ListingOverlay). For each run of the listing the pending
part is read first: a write that reaches the remote in between is then seen twice, never missed.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from s3d.agent.core.store import Answer, operation
from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import (
    OTHER,
    UNKNOWN,
    decode_token,
    encode_token,
    url_encode,
)
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.listing_overlay import (
    Listing,
    ListingOverlay,
    ListingQuery,
    UnorderedListing,
)
from s3d.agent.stores.write_queue.settle import Settler
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

MAX_KEYS = 1_000
_TOKEN = "s3d"
"""Prefix of our continuation tokens."""
_PASSED_ON = ("ExpectedBucketOwner", "OptionalObjectAttributes", "RequestPayer")


class ListOps:
    """ListObjects and ListObjectsV2."""

    def __init__(self, journal: Journal, settler: Settler) -> None:
        self.listing_order: Callable[[str], str] = lambda bucket: UNKNOWN
        """The order in which the remote lists a bucket, if known: s3/listing.py."""
        self._journal = journal
        self._inner = settler.inner
        self._unordered: set[str] = set()
        """Buckets of which a listing was not in key order."""

    @operation("ListObjects")
    def list_objects(self, request: S3Request[Members]) -> Answer:
        marker = (request.input.get("Marker") or "").encode()
        if _is_plain(request) and self._is_pending(request, marker):
            return self._version_1(request, marker)
        return self._inner.call(request)

    @operation("ListObjectsV2")
    def list_objects_v2(self, request: S3Request[Members]) -> Answer:
        input = request.input
        token = input.get("ContinuationToken")
        after = (input.get("StartAfter") or "").encode() if token is None else _key_of(token)
        is_ours = bool(token) and after is not None
        if _is_plain(request) and (is_ours or self._is_pending(request, after or b"")):
            return self._version_2(request, after)
        return self._inner.call(request)

    def _is_pending(self, request: S3Request[Members], after: bytes) -> bool:
        prefix = (request.input.get("Prefix") or "").encode()
        return next(self._journal.pending.under(request.bucket, prefix, after), None) is not None

    async def _version_1(self, request: S3Request[Members], marker: bytes) -> S3Response[Members]:
        input = request.input
        found, output, headers = await self._page(request, marker, owner=True)
        output["Marker"] = input.get("Marker") or ""
        if output["IsTruncated"] and input.get("Delimiter"):
            output["NextMarker"] = found[-1][0].decode()
        return S3Response(_encoded(output, "Delimiter", "Marker", "NextMarker"), headers=headers)

    async def _version_2(
        self, request: S3Request[Members], after: bytes | None
    ) -> S3Response[Members]:
        input = request.input
        owner = bool(input.get("FetchOwner"))
        found, output, headers = await self._page(request, after, owner=owner)
        output["KeyCount"] = len(found)
        for name in ("ContinuationToken", "StartAfter"):
            if input.get(name):
                output[name] = input[name]
        if output["IsTruncated"]:
            output["NextContinuationToken"] = _TOKEN + encode_token(found[-1][0])
        return S3Response(_encoded(output, "Prefix", "Delimiter", "StartAfter"), headers=headers)

    async def _page(
        self, request: S3Request[Members], after: bytes | None, *, owner: bool
    ) -> tuple[list[tuple[bytes, Members | None]], Members, dict[str, str]]:
        """The items of the page, the members that both operations have, and response headers."""
        input = request.input
        limit = min(MAX_KEYS, input["MaxKeys"] if input.get("MaxKeys") is not None else MAX_KEYS)
        prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""
        further = {name: input[name] for name in _PASSED_ON if input.get(name)}
        query = ListingQuery(
            request.bucket, prefix.encode(), delimiter.encode(), owner, further, request.context
        )
        token = input.get("ContinuationToken")
        listing, headers = await self._merged(query, after, token, limit)
        found = listing.items
        output: Members = {
            "Name": request.bucket,
            "Prefix": prefix,
            "MaxKeys": limit,
            "IsTruncated": listing.is_truncated,
            **{name: input[name] for name in ("Delimiter", "EncodingType") if input.get(name)},
        }
        rows = [row for _, row in found if row is not None]
        if owner:
            rows = [{"Owner": OWNER, **row} for row in rows]
        if rows:
            output["Contents"] = rows
        if len(rows) < len(found):
            groups = [name.decode() for name, row in found if row is None]
            output["CommonPrefixes"] = [{"Prefix": group} for group in groups]
        return found, output, headers

    async def _merged(
        self, query: ListingQuery, after: bytes | None, token: str | None, size: int
    ) -> tuple[Listing, dict[str, str]]:
        """The listing, and the headers of the remote's pages.

        Where these are not in key order, the whole listing is read for each page, which is slow.
        """
        bucket = query.bucket
        whole = bucket in self._unordered or self.listing_order(bucket) == OTHER
        if not whole:
            try:
                overlay = ListingOverlay(self._journal, self._inner, query)
                return await overlay.page(after, token, size), overlay.headers
            except UnorderedListing:
                fields = log_fields(bucket=bucket)
                logger.info(
                    "the remote does not list in key order, so its listings are read whole",
                    extra=fields,
                )
                self._unordered.add(bucket)
        overlay = ListingOverlay(self._journal, self._inner, query, whole=True)
        return await overlay.page(after, token, size), overlay.headers


def _is_plain(request: S3Request[Members]) -> bool:
    """Whether the parameters are valid and a page is requested; the remote refuses the others."""
    limit = request.input.get("MaxKeys")
    if request.input.get("ContinuationToken") == "":
        return False
    return (limit is None or limit > 0) and request.input.get("EncodingType") in (None, "", "url")


def _key_of(token: str) -> bytes | None:
    """The key after which our token continues; None for a token of the remote."""
    try:
        return decode_token(token.removeprefix(_TOKEN)) if token.startswith(_TOKEN) else None
    except S3Error:
        return None


def _encoded(output: Members, *names: str) -> Members:
    """Encode the names if encoding-type=url was requested. In ListObjects the prefix stays."""
    if output.get("EncodingType") != "url":
        return output
    coded: Members = {
        **output,
        **{name: url_encode(output[name]) for name in names if output.get(name)},
    }
    for member, name in (("Contents", "Key"), ("CommonPrefixes", "Prefix")):
        if member in output:
            coded[member] = [_coded(row, name) for row in output[member]]
    return coded


def _coded(row: Mapping[str, Any], name: str) -> Members:
    return {**row, name: url_encode(row[name])}
