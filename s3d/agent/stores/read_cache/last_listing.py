"""The last complete listing of a prefix, joined from pages and the writes since then, and the
responses to requests for any part of it. Pure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import Position, Query, decode_token, encode_token, roll_up, url_encode
from s3d.agent.s3.messages import Members

TOKEN = "s3c"
"""What continuation tokens of a listing that was kept begin with."""
MAX_KEYS = 1_000


class Chain(NamedTuple):
    """Identifies the listing that a page belongs to."""

    bucket: str
    prefix: str
    delimiter: str

    def serves(self, prefix: str, delimiter: str) -> bool:
        """Whether the listing contains everything that such a request asks for."""
        if self.delimiter:
            return (self.prefix, self.delimiter) == (prefix, delimiter)
        return prefix.startswith(self.prefix)


class Change(NamedTuple):
    """The effect of a write through the cache on a key. row: None when it was deleted."""

    key: str
    row: Members | None
    is_known: bool = True
    """False: the write succeeded, but its row in a listing is unknown."""


@dataclass(frozen=True, slots=True)
class LastListing:
    """A complete listing."""

    keys: list[bytes]
    """Sorted; common prefixes count as keys."""
    rows: Mapping[bytes, Members]
    """The keys that are objects."""
    tokens: Mapping[str, bytes] = field(default_factory=dict)
    """The remote's tokens, and the keys that they continue after."""


def chain_of(input: Mapping[str, Any]) -> Chain | None:
    """The chain that a ListObjects or ListObjectsV2 belongs to; None for a request whose pages are
    not put together."""
    if input.get("EncodingType") not in (None, "", "url"):
        return None
    prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""
    return Chain(str(input.get("Bucket", "")), prefix, delimiter)


def start_of(input: Mapping[str, Any]) -> str:
    """Where a page begins: "" for the first, a token, or the key that it follows."""
    if input.get("ContinuationToken"):
        return f"token {input['ContinuationToken']}"
    after = input.get("StartAfter") or input.get("Marker") or ""
    return f"after {after}" if after else ""


def own_token(input: Mapping[str, Any]) -> str | None:
    """The key that one of our tokens continues after; None for another token, or none."""
    token = input.get("ContinuationToken") or ""
    if not token.startswith(TOKEN):
        return None
    try:
        return decode_token(token.removeprefix(TOKEN)).decode()
    except S3Error:
        return None


def join(
    pages: Mapping[str, Members], chain: Chain, changes: Iterable[Change]
) -> LastListing | None:
    """pages: outputs of the remote by their starts. None when one is missing, or when what was
    written since makes the answer unknown."""
    rows: dict[bytes, Members] = {}
    groups: set[bytes] = set()
    tokens: dict[str, bytes] = {}
    start, last, left = "", b"", dict(pages)
    while True:
        page = left.pop(start, None)
        if page is None:
            return None
        decode = unquote_plus if page.get("EncodingType") == "url" else str
        found = {decode(row["Key"]).encode(): row for row in page.get("Contents") or ()}
        rows |= {key: {**row, "Key": key.decode()} for key, row in found.items()}
        prefixes = [decode(one["Prefix"]).encode() for one in page.get("CommonPrefixes") or ()]
        groups.update(prefixes)
        if not page.get("IsTruncated"):
            break
        last = max([last, *found, *prefixes])
        token = page.get("NextContinuationToken")
        if token:
            tokens[token] = last
            start = f"token {token}"
        else:
            start = f"after {last.decode()}"
    if not _apply(changes, chain, rows, groups):
        return None
    return LastListing(sorted({*rows, *groups}), rows, tokens)


def _apply(
    changes: Iterable[Change], chain: Chain, rows: dict[bytes, Members], groups: set[bytes]
) -> bool:
    for change in changes:
        if not change.key.startswith(chain.prefix):
            continue
        if not change.is_known:
            return False
        key = change.key.encode()
        rest = change.key[len(chain.prefix) :]
        if change.row is None:
            rows.pop(key, None)
        elif chain.delimiter and chain.delimiter in rest:
            end = len(chain.prefix) + rest.index(chain.delimiter) + len(chain.delimiter)
            groups.add(change.key[:end].encode())
        else:
            rows[key] = change.row
    return True


def answer(name: str, input: Mapping[str, Any], listing: LastListing) -> Members | None:
    """The output of ListObjects or ListObjectsV2; None for an unknown token."""
    token, own = input.get("ContinuationToken"), own_token(input)
    if own is not None:
        after = own.encode()
    elif token:
        if token not in listing.tokens:
            return None
        after = listing.tokens[token]
    else:
        after = str(input.get("StartAfter") or input.get("Marker") or "").encode()
    given = input.get("MaxKeys")
    limit = max(0, min(MAX_KEYS, MAX_KEYS if given is None else int(given)))
    prefix, delimiter = input.get("Prefix") or "", input.get("Delimiter") or ""

    wanted = prefix.encode()
    first = bisect_left(listing.keys, wanted)

    def fetch(place: Position[None], size: int) -> list[bytes]:
        at = max(first, bisect_right(listing.keys, place[0]))
        behind = islice(listing.keys, at, at + size)
        return list(takewhile(lambda key: key.startswith(wanted), behind))

    query = Query(wanted, delimiter.encode(), (after, None), limit)
    page = roll_up(fetch, lambda key: (key, None), query)
    rows = [dict(listing.rows[key]) for key in page.entries]
    if name == "ListObjects" or input.get("FetchOwner"):
        rows = [{"Owner": OWNER, **row} for row in rows]
    output: Members = {
        "Name": str(input.get("Bucket", "")),
        "Prefix": prefix,
        "MaxKeys": limit,
        "IsTruncated": page.truncated,
        **{each: input[each] for each in ("Delimiter", "EncodingType") if input.get(each)},
    }
    if rows:
        output["Contents"] = rows
    if page.prefixes:
        output["CommonPrefixes"] = [{"Prefix": group.decode()} for group in page.prefixes]
    return _encoded(_paged(name, input, output, page.next[0]))


def _paged(name: str, input: Mapping[str, Any], output: Members, last: bytes) -> Members:
    """Add the members from which the next page starts."""
    if name == "ListObjects":
        output["Marker"] = input.get("Marker") or ""
        if output["IsTruncated"] and input.get("Delimiter"):
            output["NextMarker"] = last.decode()
        return output
    output["KeyCount"] = len(output.get("Contents", ())) + len(output.get("CommonPrefixes", ()))
    for member in ("ContinuationToken", "StartAfter"):
        if input.get(member):
            output[member] = input[member]
    if output["IsTruncated"]:
        output["NextContinuationToken"] = TOKEN + encode_token(last)
    return output


def _encoded(output: Members) -> Members:
    """Encode names as encoding-type=url demands, if the request has it. Only ListObjects has
    markers, and there the prefix stays."""
    if output.get("EncodingType") != "url":
        return output
    encoded = ("Delimiter", "Marker", "NextMarker", "StartAfter")
    for member in encoded if "Marker" in output else ("Prefix", *encoded):
        if output.get(member):
            output[member] = url_encode(output[member])
    for row in output.get("Contents", ()):
        row["Key"] = url_encode(row["Key"])
    for one in output.get("CommonPrefixes", ()):
        one["Prefix"] = url_encode(one["Prefix"])
    return output


def date(now: float) -> datetime:
    """A time in the format of a listing. now: Unix seconds."""
    return datetime.fromtimestamp(int(now), UTC)


def buckets(output: Members, input: Mapping[str, Any], changes: Iterable[Change]) -> Members | None:
    """The answer to a ListBuckets, made of the last answer and later changes.

    None when the last answer is not complete, a change is not known, or one page is not enough.
    """
    found = {row["Name"]: row for row in output.get("Buckets") or ()}
    for change in changes:
        if not change.is_known:
            return None
        if change.row is None:
            found.pop(change.key, None)
        else:
            found[change.key] = change.row
    prefix, limit = input.get("Prefix") or "", input.get("MaxBuckets")
    rows = [found[name] for name in sorted(found) if name.startswith(prefix)]
    if output.get("ContinuationToken") or input.get("ContinuationToken"):
        return None
    if limit is not None and len(rows) > limit:
        return None
    kept = {name: value for name, value in output.items() if name not in ("Buckets", "Prefix")}
    return {**kept, "Buckets": rows, **({"Prefix": prefix} if prefix else {})}
