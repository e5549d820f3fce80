"""Pages of a listing: roll-up of keys by a delimiter, continuation tokens, encoding-type=url.

Pure: a function supplies the ordered entries. Keys are their UTF-8 bytes, in
bytes order, which is the order that S3 lists in.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar
from urllib.parse import quote

from s3d.agent.s3.errors import S3Error

T = TypeVar("T")
P = TypeVar("P")

Position = tuple[bytes, P]
"""The position of an entry: its key, and the order among entries of one key; None in a listing with
one entry for each key."""

Fetch = Callable[[Position[P], int], Sequence[T]]
"""(after, limit) -> at most limit entries, ordered, each key under the prefix and each place behind
after; fewer than limit only when there are no more."""


@dataclass(frozen=True, slots=True)
class Query(Generic[P]):
    """The parameters of one page of a listing."""

    prefix: bytes
    delimiter: bytes
    after: Position[P]
    limit: int


@dataclass(slots=True)
class Page(Generic[T, P]):
    """One page of a listing: entries and common prefixes, each list in order."""

    next: Position[P]
    """Of the last item given; of a common prefix, the prefix as key: `after` of the next page."""
    entries: list[T] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    truncated: bool = False
    """Whether an item follows."""

    def __len__(self) -> int:
        return len(self.entries) + len(self.prefixes)


def roll_up(
    fetch: Fetch[P, T], place_of: Callable[[T], Position[P]], query: Query[P]
) -> Page[T, P]:
    """The first query.limit items behind query.after.

    Keys that share the part up to the first delimiter behind the prefix are one item, a common
    prefix, whose name is that part. So with `after` at or inside a common prefix that item is over.
    Entries below a common prefix are skipped without reading them: the number of entries read is
    bounded by the number of items given, however many keys they stand for. A limit of 0 gives an
    empty page that is not truncated, as with AWS.
    """
    if not query.delimiter:
        return _in_a_row(fetch, place_of, query)
    page: Page[T, P] = Page(query.after)
    group = _common_prefix(query.after[0], query)
    at = query.after if group is None else _behind(group, query.after)
    ahead = _LOOK_AHEAD
    while query.limit > 0:
        size = min(ahead, query.limit - len(page) + 1)
        batch = fetch(at, size)
        given = len(page)
        for entry in batch:
            place = place_of(entry)
            if group is not None and place[0].startswith(group):
                continue
            if len(page) == query.limit:
                page.truncated = True
                return page
            group = _common_prefix(place[0], query)
            if group is None:
                page.entries.append(entry)
                page.next = place
            else:
                page.prefixes.append(group)
                page.next = (group, place[1])
        if len(batch) < size:
            return page
        last = place_of(batch[-1])
        at = last if group is None else _behind(group, last)
        ahead = max(_LOOK_AHEAD, 2 * (len(page) - given))
    return page


def _in_a_row(
    fetch: Fetch[P, T], place_of: Callable[[T], Position[P]], query: Query[P]
) -> Page[T, P]:
    """As roll_up, without a delimiter: the entries of one fetch, of which none needs a look."""
    page: Page[T, P] = Page(query.after)
    batch = fetch(query.after, query.limit + 1) if query.limit > 0 else []
    if batch:
        page.entries = list(batch[: query.limit])
        page.next = place_of(page.entries[-1])
        page.truncated = len(batch) > query.limit
    return page


def encode_token(name: bytes) -> str:
    """A continuation token that stands for the last name given."""
    return _TOKEN + base64.urlsafe_b64encode(name).decode()


def decode_token(token: str) -> bytes:
    """The name in a token of encode_token, UTF-8. Raises InvalidArgument for anything else."""
    try:
        form, name = token[:1], base64.b64decode(token[1:], altchars=b"-_", validate=True)
        name.decode()
    except ValueError:
        form, name = "", b""
    if form != _TOKEN or encode_token(name) != token:
        message = "The continuation token provided is incorrect"
        raise S3Error("InvalidArgument", message, ArgumentName="continuation-token")
    return name


def url_encode(name: str | bytes) -> str:
    """A name as encoding-type=url gives it: percent-encoded UTF-8 in which `/` and `*` stay.

    A space is %20, which clients that decode forms and clients that decode URLs read alike.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_ResponseElements
    """
    return quote(name, safe="/*")


# Entries fetched at once, since many of them may fall into one common prefix.
_LOOK_AHEAD = 16

# Version of the token's format.
_TOKEN = "1"


def _common_prefix(key: bytes, query: Query[P]) -> bytes | None:
    """The common prefix that key falls under, or None. The prefix itself is not searched."""
    if not query.delimiter or not key.startswith(query.prefix):
        return None
    found = key.find(query.delimiter, len(query.prefix))
    return None if found < 0 else key[: found + len(query.delimiter)]


def _behind(group: bytes, place: Position[P]) -> Position[P]:
    """A place behind every key under group and before all others that follow.

    UTF-8 has no byte 0xFF, so no key is this one, and the second member does not matter.
    """
    return group + b"\xff", place[1]


# ---------------------------------------------------------------- orders of listings

BYTES = "bytes"
"""By the bytes of the UTF-8 keys, as S3 sorts."""
OTHER = "other"
UNKNOWN = ""

SAMPLE = ("a!", "a/b", "a/c/d", "a0", "a-b", "b", "B", "é", "z")
"""Names that a server in any other order lists differently."""


def may_stream(order: str) -> bool:
    """Whether pages may be merged with other ordered data one after the other.

    Otherwise the listing must be read to its end and sorted before a key is known to be missing. An
    unknown order counts as OTHER.
    """
    return order == BYTES


def order_of(keys: Sequence[str]) -> str:
    """OTHER when these keys of a listing prove it, else UNKNOWN: most keys fit several orders."""
    return UNKNOWN if is_in_order(keys) else OTHER


def order_of_sample(listed: Sequence[str]) -> str:
    """The order of a server that listed the whole SAMPLE like this."""
    if sorted(listed) != sorted(SAMPLE):
        return UNKNOWN
    return BYTES if is_in_order(listed) else OTHER


def is_in_order(keys: Iterable[str]) -> bool:
    """Whether the keys are sorted; code points sort as UTF-8 bytes do."""
    return all(one < other for one, other in pairwise(keys))
