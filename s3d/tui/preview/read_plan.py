"""Which bytes of an object are read for its preview, and when. Pure."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from s3d.shared.control import AgentStatus, ObjectInfo
from s3d.tui.preview.drawing import Drawing, Range
from s3d.tui.preview.recognise import PARQUET_NAMES, ZIP_NAMES, suffix_of


class Mode(StrEnum):
    """When an object is read for its preview: `preview` in tui.toml."""

    REST = "rest"
    """When the cursor rests on it."""
    KEY = "key"
    """When a key asks for it."""
    OFF = "off"


class Budget(NamedTuple):
    """Bytes that are read at most, those of a picture, and seconds of CPU time for its decoder."""

    size: int
    picture_size: int
    seconds: float


BUDGETS = (
    Budget(64 << 10, 2 << 20, 0.2),
    Budget(1 << 20, 16 << 20, 1.0),
    Budget(16 << 20, 64 << 20, 2.0),
)
"""At rest; after the key for more; after the second time."""
_ARCHIVED = frozenset(("GLACIER", "DEEP_ARCHIVE"))
_CUSTOMER_KEY = "x-amz-server-side-encryption-customer-algorithm"
_LOCAL_ENDINGS = (".local", ".lan", ".internal", ".home.arpa", ".localhost")


def mode_of(setting: str, status: AgentStatus | None) -> Mode:
    """setting: of the user, or empty. Without one, a remote that bills reads is not read unasked
    when no cache would hold what was read."""
    if setting in list(Mode):
        return Mode(setting)
    if status is None or status.remote is None or status.cache is not None:
        return Mode.REST
    return Mode.KEY if is_billed(status.remote.url) else Mode.REST


def is_billed(url: str) -> bool:
    """Whether reads of a remote probably cost money: it is neither on this machine nor in a private
    network. url: as configured, or aws."""
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return url == "aws" or ("." in host and not host.endswith(_LOCAL_ENDINGS))
    return not (address.is_private or address.is_loopback or address.is_link_local)


def refusal(info: ObjectInfo) -> str:
    """Why an object is never read for its preview; empty when it may be."""
    headers = {name.lower(): value for name, value in info.headers.items()}
    if 'ongoing-request="false"' in headers.get("x-amz-restore", ""):
        return ""  # a restored copy is there to be read
    if info.storage_class in _ARCHIVED or headers.get("x-amz-archive-status"):
        return f"archived ({info.storage_class}): restore it to see a preview"
    if _CUSTOMER_KEY in headers:
        return "encrypted with a customer's key (SSE-C): only the client can read it"
    return ""


def first_range(key: str, size: int, budget: Budget) -> Range:
    """The beginning; for an object whose list of contents is at its end, the end."""
    if size <= budget.size:
        return Range(0, size)
    if suffix_of(key) in ZIP_NAMES | PARQUET_NAMES:
        return Range(size - budget.size, budget.size)
    return Range(0, budget.size)


def next_ranges(drawing: Drawing, size: int, read: int, budget: Budget) -> list[Range]:
    """What the decoder would read, as far as the budget allows; empty when nothing is left to do.

    size: of the object. read: bytes that were read so far. A part of a list or of a row group is of
    no use, so such a range is read whole or not at all.
    """
    if drawing.pixels is not None:
        return drawing.missing if size <= budget.picture_size else []
    room = budget.size - read
    ranges = []
    for missing in drawing.missing:
        is_end = missing.start + missing.size >= size
        if missing.size <= room:
            ranges.append(missing)
            room -= missing.size
        elif is_end and missing.start == read and room > 0:  # the text goes on
            ranges.append(Range(missing.start, room))
            room = 0
    return ranges
