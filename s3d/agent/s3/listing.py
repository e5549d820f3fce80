"""Pages of a listing: roll-up of names by a delimiter, continuation tokens, encoding-type=url.

Pure: the ordered names come from a function that is handed in. Names are the UTF-8 bytes of keys,
in bytes order, which is the order that S3 lists in.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote_plus

from s3d.agent.s3.errors import S3Error

T = TypeVar("T")

Fetch = Callable[[bytes, int], list[tuple[bytes, T]]]
"""(after, limit) -> at most limit (name, entry), ordered, each name under the prefix and greater
than after; fewer than limit only when there are no more."""


@dataclass(slots=True)
class Page(Generic[T]):
    """Some items of a listing: entries and common prefixes, each list in order."""

    entries: list[T] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    next: bytes = b""
    """Name of the last item given, entry or common prefix: `after` of the next page."""
    truncated: bool = False
    """Whether an item follows."""

    def __len__(self) -> int:
        return len(self.entries) + len(self.prefixes)


def roll_up(
    fetch: Fetch[T], *, prefix: bytes, delimiter: bytes, after: bytes, limit: int
) -> Page[T]:
    """The first limit items whose names are greater than after.

    Names that share the part up to the first delimiter behind the prefix are one item, a common
    prefix, whose name is that part. So with `after` at or inside a common prefix that item is over.
    What lies below a common prefix is not read but jumped over: the number of entries read is
    bounded by the number of items given, however many names they stand for. A limit of 0 gives an
    empty page that says it is complete, as AWS does.
    """
    page: Page[T] = Page(next=after)
    group = _common_prefix(after, prefix, delimiter)
    at = after if group is None else _behind(group)
    ahead = _LOOK_AHEAD if delimiter else limit + 1
    while limit > 0:
        size = min(ahead, limit - len(page) + 1)
        batch = fetch(at, size)
        given = len(page)
        for name, entry in batch:
            if group is not None and name.startswith(group):
                continue
            if len(page) == limit:
                page.truncated = True
                return page
            group = _common_prefix(name, prefix, delimiter)
            if group is None:
                page.entries.append(entry)
            else:
                page.prefixes.append(group)
            page.next = group or name
        if len(batch) < size:
            return page
        at = _behind(group) if group is not None else batch[-1][0]
        ahead = max(_LOOK_AHEAD, 2 * (len(page) - given)) if delimiter else limit + 1
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
    """A name as encoding-type=url gives it: form encoding in which `/` and `*` stay.

    botocore decodes by unquote_plus, so a space may be `+` and a plus sign must be %2B.
    """
    return quote_plus(name, safe="/*")


# Entries asked for at once while it is unknown how many of them fall into one common prefix.
_LOOK_AHEAD = 16

# Form of the token, so that a later form can be told from it.
_TOKEN = "1"


def _common_prefix(name: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """The common prefix that name falls under, or None. The prefix itself is not searched."""
    if not delimiter or not name.startswith(prefix):
        return None
    found = name.find(delimiter, len(prefix))
    return None if found < 0 else name[: found + len(delimiter)]


def _behind(group: bytes) -> bytes:
    """A name greater than every name under group and less than all others that follow.

    UTF-8 has no byte 0xFF.
    """
    return group + b"\xff"
