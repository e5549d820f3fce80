"""The order in which a server lists its keys, and what may be done with its pages. Pure.

S3 lists general purpose buckets in the order of the keys' UTF-8 bytes; its directory buckets and
SeaweedFS list folder by folder (`a/b` before `a-`), other servers in other orders.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

BYTES = "bytes"
"""The order of the keys' bytes, as S3 has it."""
OTHER = "other"
UNKNOWN = ""

SAMPLE = ("a!", "a/b", "a/c/d", "a0", "a-b", "b", "B", "é", "z")
"""Names that come in another order wherever it is not that of their bytes."""


def may_stream(order: str) -> bool:
    """Whether pages may be merged with other ordered data one after the other.

    Otherwise the listing has to be read to its end and sorted: only then is a key that is missing
    known to be missing. An unknown order counts as another one.
    """
    return order == BYTES


def order_of(keys: Sequence[str]) -> str:
    """OTHER when these keys of a listing prove it, else UNKNOWN: most keys fit several orders."""
    return UNKNOWN if is_in_order(keys) else OTHER


def order_of_sample(listed: Sequence[str]) -> str:
    """The order of a server that has listed the whole SAMPLE so."""
    if sorted(listed) != sorted(SAMPLE):
        return UNKNOWN
    return BYTES if is_in_order(listed) else OTHER


def is_in_order(keys: Iterable[str]) -> bool:
    """Whether every key comes behind the one before it; code points sort as UTF-8 bytes do."""
    return all(one < other for one, other in pairwise(keys))
