"""Places in the object store as the app shows them: bucket and prefix, history, and the texts that
identify an object elsewhere. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

PrefixName = tuple[str, str]
"""Bucket and prefix; ("", "") is the list of buckets."""
HOME: PrefixName = ("", "")
MAX_HISTORY = 100
"""Maximum number of locations in the history, in each direction."""


@dataclass
class History:
    """The places visited, for back and forward as in a browser."""

    _past: list[PrefixName] = field(default_factory=list)
    _future: list[PrefixName] = field(default_factory=list)

    def visit(self, leaving: PrefixName) -> None:
        """Leave a place for a new one: what was ahead is forgotten."""
        if not self._past or self._past[-1] != leaving:
            self._past = [*self._past, leaving][-MAX_HISTORY:]
        self._future.clear()

    def recent(self) -> list[PrefixName]:
        """The places visited, the last first, each once; without the list of buckets."""
        return [place for place in dict.fromkeys(reversed(self._past)) if place != HOME]

    def back(self, here: PrefixName) -> PrefixName | None:
        """The place before; None when there is none."""
        if not self._past:
            return None
        self._future.append(here)
        return self._past.pop()

    def forward(self, here: PrefixName) -> PrefixName | None:
        """The place after, when back() has been used; None when there is none."""
        if not self._future:
            return None
        self._past.append(here)
        return self._future.pop()


def parent(place: PrefixName) -> PrefixName:
    """One level up; for a whole bucket, the list of buckets."""
    bucket, prefix = place
    if not prefix:
        return HOME
    above = prefix.rstrip("/").rpartition("/")[0]
    return (bucket, f"{above}/" if above else "")


def parse_place(text: str) -> PrefixName:
    """Bucket, and a prefix or key, of any text that names them.

    BUCKET/KEY, /BUCKET/KEY, s3://BUCKET/KEY, an ARN, or a URL, also a presigned one:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-bucket-intro.html
    """
    text = text.strip()
    if text.lower().startswith(("http://", "https://")):
        return _place_of_url(text)
    if text.startswith("arn:"):
        text = text.split(":", 5)[-1]
    bucket, _, key = text.removeprefix("s3://").lstrip("/").partition("/")
    return (bucket, key)


def _place_of_url(url: str) -> PrefixName:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return HOME
    path = unquote(parts.path.removeprefix("/"))
    if host.endswith("console.aws.amazon.com"):
        return (path.rstrip("/").rpartition("/")[2], parse_qs(parts.query).get("prefix", [""])[0])
    if virtual := _VIRTUAL_HOST.match(host):
        return (virtual[1], path)
    bucket, _, key = path.partition("/")
    return (bucket, key)


_VIRTUAL_HOST = re.compile(r"(.+)\.s3[.-]")
"""BUCKET.s3.REGION.amazonaws.com, BUCKET.s3.localhost."""


def level_of(place: PrefixName) -> tuple[PrefixName, str]:
    """The level that lists a place, and the key or the start of one that it ends with, or ""."""
    bucket, key = place
    prefix = key[: key.rfind("/") + 1]
    return (bucket, prefix), "" if prefix == key else key


class ClipboardChoice(NamedTuple):
    """One way to write an object. letter: the key that picks it. text: what is copied."""

    letter: str
    label: str
    text: str


def clipboard_choices(bucket: str, key: str, etag: str, endpoint: str) -> list[ClipboardChoice]:
    """key is empty for a bucket, etag for a prefix. The texts hold the exact key."""
    uri = f"s3://{bucket}/{key}"
    choices = [
        ClipboardChoice("k", "key", key),
        ClipboardChoice("u", uri, uri),
        ClipboardChoice("a", "ARN", f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")),
        ClipboardChoice("e", f"ETag {etag}", etag.strip('"')),
        ClipboardChoice("l", "local URL", f"{endpoint}/{bucket}/{quote(key, safe='/-_.~')}"),
        ClipboardChoice("c", "aws command", _aws_command(uri, endpoint, is_object=bool(etag))),
    ]
    missing = {"k": not key, "e": not etag}
    return [choice for choice in choices if not missing.get(choice.letter, False)]


def _aws_command(uri: str, endpoint: str, *, is_object: bool) -> str:
    words = ["aws", "s3", "cp", uri, "."] if is_object else ["aws", "s3", "ls", uri]
    return shlex.join([*words, "--endpoint-url", endpoint])
