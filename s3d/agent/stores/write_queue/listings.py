"""ListObjects and ListObjectsV2 as they will be once everything pending has reached the remote.

With nothing pending below the prefix a request goes to the remote as it came. Otherwise pages of
the remote are merged with what is pending. Of each run the pending part is looked up first: a write
that reaches the remote in between is then seen twice, and never not at all.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from s3d.agent.core.store import Answer, operation
from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import OTHER, UNKNOWN, decode_token, encode_token, url_encode
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.overlay import Disordered, Listing, Overlay, Wanted
from s3d.agent.stores.write_queue.settle import Settler

logger = logging.getLogger(__name__)

MAX_KEYS = 1_000
_TOKEN = "s3d"
"""What our continuation tokens begin with."""
_PASSED_ON = ("ExpectedBucketOwner", "OptionalObjectAttributes", "RequestPayer")


class ListOps:
    """Handlers of listings."""

    def __init__(self, journal: Journal, settler: Settler) -> None:
        self.listing_order: Callable[[str], str] = lambda bucket: UNKNOWN
        """In which order the remote lists a bucket, as far as it is known: s3/listing.py."""
        self._journal = journal
        self._inner = settler.inner
        self._disordered: set[str] = set()
        """Buckets of which a listing was not in the order of the keys."""

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
        after = (input.get("StartAfter") or "").encode() if token is None else _place(token)
        is_ours = bool(token) and after is not None
        if _is_plain(request) and (is_ours or self._is_pending(request, after or b"")):
            return self._version_2(request, after)
        return self._inner.call(request)

    def _is_pending(self, request: S3Request[Members], after: bytes) -> bool:
        prefix = (request.input.get("Prefix") or "").encode()
        return next(self._journal.under(request.bucket, prefix, after), None) is not None

    async def _version_1(self, request: S3Request[Members], marker: bytes) -> S3Response[Members]:
        input = request.input
        found, output, headers = await self._page(request, marker, owner=True)
        output["Marker"] = input.get("Marker") or ""
        if output["IsTruncated"] and input.get("Delimiter"):
            output["NextMarker"] = found[-1][0].decode()
        return S3Response(_encoded(output, "Marker", "NextMarker"), headers=headers)

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
        return S3Response(_encoded(output, "StartAfter"), headers=headers)

    async def _page(
        self, request: S3Request[Members], after: bytes | None, *, owner: bool
    ) -> tuple[list[tuple[bytes, Members | None]], Members, dict[str, str]]:
        """The items of the page, the members that both listings have, and further headers."""
        input = request.input
        limit = min(MAX_KEYS, input["MaxKeys"] if input.get("MaxKeys") is not None else MAX_KEYS)
        prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""
        further = {name: input[name] for name in _PASSED_ON if input.get(name)}
        wanted = Wanted(request.bucket, prefix.encode(), delimiter.encode(), owner, further)
        token = input.get("ContinuationToken")
        listing, headers = await self._merged(wanted, after, token, limit)
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
        self, wanted: Wanted, after: bytes | None, token: str | None, size: int
    ) -> tuple[Listing, dict[str, str]]:
        """The listing, and further headers of the remote's pages.

        Page by page while the remote's pages prove to be in order, else as a whole: to read all
        of a large bucket for each page is slow, so it is done only where there is no other way.
        """
        bucket = wanted.bucket
        whole = bucket in self._disordered or self.listing_order(bucket) == OTHER
        if not whole:
            try:
                overlay = Overlay(self._journal, self._inner, wanted)
                return await overlay.page(after, token, size), overlay.headers
            except Disordered:
                logger.info("the remote lists in an order of its own bucket=%s", bucket)
                self._disordered.add(bucket)
        overlay = Overlay(self._journal, self._inner, wanted, whole=True)
        return await overlay.page(after, token, size), overlay.headers


def _is_plain(request: S3Request[Members]) -> bool:
    """Whether a page is asked for at all. What is not right is for the remote to refuse."""
    limit = request.input.get("MaxKeys")
    if request.input.get("ContinuationToken") == "":
        return False
    return (limit is None or limit > 0) and request.input.get("EncodingType") in (None, "", "url")


def _place(token: str) -> bytes | None:
    """Behind what our token continues; None for a token of the remote's."""
    try:
        return decode_token(token.removeprefix(_TOKEN)) if token.startswith(_TOKEN) else None
    except S3Error:
        return None


def _encoded(output: Members, *names: str) -> Members:
    """With the names in it as encoding-type=url wants them, if it was asked for."""
    if output.get("EncodingType") != "url":
        return output
    coded: Members = {
        **output,
        **{n: url_encode(output[n]) for n in ("Prefix", "Delimiter", *names) if output.get(n)},
    }
    for member, name in (("Contents", "Key"), ("CommonPrefixes", "Prefix")):
        if member in output:
            coded[member] = [_coded(row, name) for row in output[member]]
    return coded


def _coded(row: Mapping[str, Any], name: str) -> Members:
    return {**row, name: url_encode(row[name])}
