"""Where a person has been, and the paths of the control API that lead there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

Place = tuple[str, str]
"""Bucket and prefix; ("", "") is the list of buckets."""
HOME: Place = ("", "")
MOST = 100
"""Places that are remembered, either way."""


@dataclass
class History:
    """The places in the order in which they were seen."""

    _past: list[Place] = field(default_factory=list)
    _future: list[Place] = field(default_factory=list)

    def left(self, place: Place) -> None:
        """Somewhere else is gone to, and not by back or forward."""
        if not self._past or self._past[-1] != place:
            self._past = [*self._past, place][-MOST:]
        self._future.clear()

    def back(self, here: Place) -> Place | None:
        """The place before; None: there is none."""
        if not self._past:
            return None
        self._future.append(here)
        return self._past.pop()

    def forward(self, here: Place) -> Place | None:
        if not self._future:
            return None
        self._past.append(here)
        return self._future.pop()


def parent(place: Place) -> Place:
    """One level up; of a bucket, the list of all."""
    bucket, prefix = place
    if not prefix:
        return HOME
    above = prefix.rstrip("/").rpartition("/")[0]
    return (bucket, f"{above}/" if above else "")


def parse(text: str) -> Place:
    """s3://BUCKET/PREFIX, with or without the beginning."""
    bucket, _, prefix = text.strip().removeprefix("s3://").partition("/")
    return (bucket, prefix)


def bucket_path(bucket: str) -> str:
    return f"/v1/buckets/{quote(bucket, safe='')}"


def object_path(bucket: str, key: str, verb: str = "", **words: str) -> str:
    """verb: :presign and such."""
    query = urlencode({"key": key, **{name: word for name, word in words.items() if word}})
    return f"{bucket_path(bucket)}/object{verb}?{query}"


def page_path(
    bucket: str, prefix: str, *, cursor: str = "", deep: bool = False, standing: bool = False
) -> str:
    """One page of a level; deep: of all keys below it."""
    words = {"prefix": prefix, "cursor": cursor, "limit": "1000"}
    if not deep:
        words["delimiter"] = "/"
    if standing:
        words["standing"] = "1"
    return f"{bucket_path(bucket)}/objects?{urlencode(words)}"
